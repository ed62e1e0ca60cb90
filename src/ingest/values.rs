//! Single values of a report, as far as they need no other.

use std::borrow::Cow;

use super::decode::Reason;
use super::json::Value;
use super::quantity::before_nul;
use crate::report::MacAddr;

/// The most advertising data one device can send, in bytes (Bluetooth Core Specification, Vol 4, Part E, 7.8.57).
const ADVERTISING_BYTES_MAX: usize = 1650;
/// Whole numbers below this are exact in the floats that JSON's numbers are read as. Names have to be.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A text of at most so many bytes, or why there is none. Null and empty are none.
#[inline]
pub(super) fn text(value: Value<'_>, bytes_max: usize) -> Result<Option<Cow<'_, str>>, String> {
    let text = match value {
        Value::Absent => return Ok(None),
        Value::Text(text) => without_end(text),
        Value::Number(number) => Cow::Owned(exact(number)?),
        other => return Err(expected("a string", other.kind())),
    };
    match text.len() {
        0 => Ok(None),
        length if bytes_max < length => Err(too_long(length, bytes_max)),
        _ => Ok(Some(text)),
    }
}

/// The text without the NULs at its end, which programs in C send too.
#[inline]
pub(super) fn without_end(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.ends_with('\0') {
        Cow::Owned(text.trim_end_matches('\0').to_owned())
    } else {
        text
    }
}

pub(super) fn exact(number: f64) -> Result<String, String> {
    if EXACT_MAX <= number.abs() {
        return Err(
            "a number of so many digits that some are lost: send it as a string".to_owned(),
        );
    }
    Ok(number.to_string())
}

pub(super) fn expected(what: &str, found: &str) -> String {
    format!("expected {what}, found {found}")
}

pub(super) fn too_long(length_bytes: usize, bytes_max: usize) -> String {
    format!("{length_bytes} bytes long, at most {bytes_max} are allowed")
}

pub(super) fn metres(unit: &str) -> Option<f64> {
    match unit {
        "m" | "meter" | "meters" | "metre" | "metres" => Some(1.0),
        "ft" | "feet" => Some(0.3048),
        "km" => Some(1000.0),
        _ => None,
    }
}

/// How many km/h the unit of a speed is.
pub(super) fn km_h(unit: &str) -> Option<f64> {
    match unit {
        "km/h" | "kmh" | "kph" => Some(1.0),
        "m/s" | "mps" => Some(3.6),
        "mph" => Some(1.609_344),
        "kn" | "kt" | "kts" | "knots" => Some(1.852),
        _ => None,
    }
}

/// Degrees, on the side of the earth that the letter names. `None` if the unit is none of an angle, or if the letter and
/// the sign name different sides.
pub(super) fn degrees(value: f64, unit: &str, positive: &str, negative: &str) -> Option<f64> {
    match unit.trim_start_matches('°').trim_start() {
        "" => Some(value),
        side if side == positive => (0.0 <= value).then_some(value),
        // Some write the sign as well.
        side if side == negative => Some(-value.abs()),
        _ => None,
    }
}

#[inline]
pub(super) fn address(field: &'static str, value: &Value<'_>) -> Result<MacAddr, Reason> {
    match value {
        Value::Absent => Err(Reason::missing(field)),
        Value::Text(text) => text
            .parse()
            .or_else(|_| before_nul(text).trim().parse())
            .map_err(|wrong| Reason::new(field, wrong)),
        other => Err(Reason::wrong_type(field, "a string", other.kind())),
    }
}

pub(super) fn hex_bytes(text: &str) -> Result<Box<[u8]>, String> {
    let is_between = |byte: &u8| byte.is_ascii_whitespace() || b":-,".contains(byte);
    // Twice as long with separators; what is longer is not looked at.
    if 3 * ADVERTISING_BYTES_MAX < text.len() {
        return Err(too_long(text.len() / 2, ADVERTISING_BYTES_MAX));
    }
    let bytes = crate::hex::bytes::<Box<[u8]>>(text).or_else(|| {
        let digits: Vec<u8> = before_nul(text)
            .replace("0x", "")
            .bytes()
            .filter(|byte| !is_between(byte))
            .collect();
        crate::hex::bytes(std::str::from_utf8(&digits).ok()?)
    });
    match bytes {
        None => Err(expected("a hex string", "other text")),
        Some(bytes) if ADVERTISING_BYTES_MAX < bytes.len() => {
            Err(too_long(bytes.len(), ADVERTISING_BYTES_MAX))
        }
        Some(bytes) => Ok(bytes),
    }
}
