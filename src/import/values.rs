//! Values of rows as texts have them, and the sighting that they make.

use std::borrow::Cow;

use super::rows::{Context, Marks, Row, Sighting};
use crate::ingest::quantity::quantity;
use crate::ingest::ssid_text;
use crate::report::{
    self, Accuracy, BluetoothAddr, BluetoothSighting, Bssid, Capabilities, Channel, ChannelWidth,
    Dbm, Frequency, MacAddr, Phy, Position, UnixTime, WifiSighting,
};

/// Signals outside this range are fillers of programs.
const SIGNALS_DBM: std::ops::RangeInclusive<f64> = -120.0..=-1.0;
/// The longest device type text, in bytes.
const DEVICE_TYPE_BYTES_MAX: usize = 64;
/// A frequency from here on is in kHz, a lower one in MHz.
const KHZ_MIN: f64 = 100_000.0;

/// One sighting with the values that stand in the file. [`Draft::into_row`] checks them, and leaves out impossible ones.
#[derive(Clone, Debug)]
pub(crate) struct Draft<'t> {
    pub(crate) phy: Phy,
    pub(crate) address: MacAddr,
    pub(crate) time: Option<UnixTime>,
    /// Octets of the SSID, or the name of the Bluetooth device.
    pub(crate) name: Cow<'t, [u8]>,
    pub(crate) capabilities: Cow<'t, str>,
    /// Kind of Bluetooth device.
    pub(crate) device_type: Cow<'t, str>,
    pub(crate) channel: Cow<'t, str>,
    /// In MHz or kHz.
    pub(crate) frequency: Option<f64>,
    pub(crate) width: Option<ChannelWidth>,
    pub(crate) signal_dbm: Option<f64>,
    pub(crate) place: Place,
    pub(crate) marks: Marks,
}

/// Where something was seen, in numbers that are not checked yet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Place {
    pub(crate) lat: Option<f64>,
    pub(crate) lon: Option<f64>,
    pub(crate) altitude_m: Option<f64>,
    pub(crate) accuracy_m: Option<f64>,
    pub(crate) speed_km_h: Option<f64>,
}

impl Place {
    /// `None` for 0/0, and for what lies nowhere on earth. An impossible altitude or speed costs only itself.
    pub(crate) fn position(self) -> Option<Position> {
        let (mut altitude_m, mut speed_km_h) = (self.altitude_m, self.speed_km_h);
        loop {
            match Position::from_wire(self.lat, self.lon, altitude_m, speed_km_h) {
                Ok(position) => return position,
                Err(report::BadPosition::Altitude) if altitude_m.is_some() => altitude_m = None,
                Err(report::BadPosition::Speed) if speed_km_h.is_some() => speed_km_h = None,
                Err(_) => return None,
            }
        }
    }

    fn accuracy(self) -> Option<Accuracy> {
        // Programs write 0 for "not known".
        let metres = self.accuracy_m.filter(|metres| 0.0 < *metres)?;
        Accuracy::from_wire(metres)
    }
}

impl Draft<'_> {
    /// A sighting of which nothing but the device is known.
    pub(crate) fn new(phy: Phy, address: MacAddr) -> Self {
        Self {
            phy,
            address,
            time: None,
            name: Cow::default(),
            capabilities: Cow::default(),
            device_type: Cow::default(),
            channel: Cow::default(),
            frequency: None,
            width: None,
            signal_dbm: None,
            place: Place::default(),
            marks: Marks::default(),
        }
    }

    pub(crate) fn wifi(address: MacAddr) -> Self {
        Self::new(Phy::Wifi, address)
    }

    /// The row of this sighting. It is refused only if no station can have its address.
    pub(crate) fn into_row(self, context: &Context<'_>) -> Row {
        match self.into_sighting(context) {
            Ok(sighting) => Row::Sighting(Box::new(sighting)),
            Err(not_a_station) => Row::Refused(format!("address: {not_a_station}")),
        }
    }

    fn into_sighting(mut self, context: &Context<'_>) -> Result<Sighting, report::NotAStation> {
        let (channel, frequency) = self.tuning();
        let position = self.place.position();
        Ok(Sighting {
            time: self.time.filter(|time| *time <= context.latest),
            signal: self.signal(),
            frequency,
            channel,
            position,
            accuracy: position.and(self.place.accuracy()),
            marks: std::mem::take(&mut self.marks),
            seen: self.seen(context)?,
        })
    }

    fn signal(&self) -> Option<Dbm> {
        self.signal_dbm
            .filter(|dbm| SIGNALS_DBM.contains(dbm))
            .and_then(Dbm::from_wire)
    }

    /// The frequency is measured, so a channel that contradicts it is left out.
    fn tuning(&self) -> (Option<Channel>, Option<Frequency>) {
        if self.phy == Phy::Bluetooth {
            // Bluetooth hops: Kismet's constant stands for all of its channels.
            return (Some(Channel::fhss()), Some(Frequency::BLUETOOTH));
        }
        let frequency = self.frequency.and_then(wifi_frequency);
        let channel = match &*self.channel {
            "" => None,
            text => Channel::from_wire(text).ok().flatten(),
        };
        let channel =
            channel.filter(|channel| frequency.is_none_or(|frequency| channel.is_on(frequency)));
        (channel, frequency)
    }

    fn seen(self, context: &Context<'_>) -> Result<report::Sighting, report::NotAStation> {
        Ok(match self.phy {
            Phy::Wifi => report::Sighting::Wifi(WifiSighting {
                bssid: Bssid::try_from(self.address)?,
                ssid: ssid_text::ssid(&self.name).0,
                capabilities: Some(self.capabilities.trim_ascii())
                    .filter(|raw| !raw.is_empty())
                    .filter(|raw| raw.len() <= context.bounds.capabilities_bytes_max)
                    .map(Capabilities::from),
                width: self.width,
                center0_mhz: None,
                center1_mhz: None,
                ie_tags: None,
            }),
            Phy::Bluetooth => report::Sighting::Bluetooth(Box::new(BluetoothSighting {
                addr: BluetoothAddr::try_from(self.address)?,
                name: bluetooth_name(&self.name),
                device_type: Some(self.device_type.trim_ascii())
                    .filter(|text| !text.is_empty() && text.len() <= DEVICE_TYPE_BYTES_MAX)
                    .map(Into::into),
                tx_power_dbm: None,
                path_loss_db: None,
                scan_data: Box::default(),
                service_data: Vec::new(),
            })),
        })
    }
}

/// A frequency in one of the bands of Wi-Fi, from kHz or MHz.
fn wifi_frequency(number: f64) -> Option<Frequency> {
    let khz = if number < KHZ_MIN {
        number * 1000.0
    } else {
        number
    };
    let frequency = Frequency::from_wire(khz).ok().flatten()?;
    frequency.band().map(|_| frequency)
}

fn bluetooth_name(octets: &[u8]) -> Option<Box<str>> {
    use super::rows::Bounds;
    let text = String::from_utf8_lossy(octets);
    let text = text.trim_matches('\0');
    let is_name = !text.trim().is_empty() && text.len() <= Bounds::BLUETOOTH_NAME_BYTES_MAX;
    is_name.then(|| text.into())
}

/// A number, also with a decimal comma or a plus sign. `None` for anything else.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    if let Some(number) = plain_number(text) {
        return Some(number);
    }
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(number) = text.parse::<f64>() {
        return number.is_finite().then_some(number);
    }
    let read = quantity(text).ok().flatten()?;
    read.unit.is_empty().then_some(read.value)
}

/// A number of few digits with at most one point, as nearly all are. `None` for every other text.
fn plain_number(text: &[u8]) -> Option<f64> {
    /// So many digits are an integer that `f64` has exactly. So is this power of ten, and a quotient of two such numbers is
    /// rounded as the decimal number would be.
    const DIGITS_MAX: usize = 15;
    const POWERS: [f64; DIGITS_MAX + 1] = [
        1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    ];
    let (is_negative, digits) = match text.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (mut integer, mut count, mut point) = (0_u64, 0, None);
    for octet in digits {
        match octet {
            b'0'..=b'9' if count < DIGITS_MAX => {
                integer = integer * 10 + u64::from(octet - b'0');
                count += 1;
            }
            b'.' if point.is_none() => point = Some(count),
            _ => return None,
        }
    }
    if count == 0 {
        return None;
    }
    let power = POWERS.get(count - point.unwrap_or(count))?;
    #[expect(clippy::cast_precision_loss, reason = "15 digits are exact")]
    let number = integer as f64 / power;
    Some(if is_negative { -number } else { number })
}

/// A text that may have octets which are no UTF-8.
pub(crate) fn text(octets: &[u8]) -> Cow<'_, str> {
    // Nearly all texts are UTF-8, which is found out faster this way.
    match std::str::from_utf8(octets) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(octets),
    }
}

/// Reads a field that holds an address and nothing else.
pub(crate) fn address(text: &[u8]) -> Option<MacAddr> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Finds the first `aa:bb:cc:dd:ee:ff` in a text. Gives its place too.
pub(crate) fn find_address(text: &[u8]) -> Option<(usize, MacAddr)> {
    const BYTES: usize = 17;
    let windows = text.windows(BYTES).enumerate();
    let mut found = windows.filter_map(|(at, window)| {
        let is_mark = |place: usize| matches!(window.get(place), Some(b':' | b'-'));
        // Most places fail this test, which is faster than the parser.
        (is_mark(2) && is_mark(5)).then_some(())?;
        Some((at, address(window)?))
    });
    found.next()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frequencies_are_in_the_unit_that_makes_sense() {
        let khz = |number: f64| wifi_frequency(number).map(Frequency::khz);
        assert_eq!(khz(2437.0), Some(2_437_000));
        assert_eq!(khz(5_955_000.0), Some(5_955_000));
        assert_eq!(khz(58_320.0), Some(58_320_000));
        for number in [0.0, 7936.0, 1.0, -5.0, 850_000.0] {
            assert_eq!(khz(number), None, "{number}");
        }
    }

    proptest! {
        #[test]
        fn plain_numbers_are_those_of_the_standard_library(text in "-?[0-9]{0,9}[.]?[0-9]{0,8}") {
            let expected = text.parse::<f64>().ok();
            if let Some(number) = plain_number(text.as_bytes()) {
                prop_assert_eq!(Some(number.to_bits()), expected.map(f64::to_bits));
            }
            prop_assert_eq!(number(text.as_bytes()), expected);
        }
    }

    #[test]
    fn numbers_are_plain_up_to_fifteen_digits() {
        assert_eq!(plain_number(b"-0.00000012345678"), Some(-1.234_567_8e-7));
        assert_eq!(plain_number(b"123456789.012345"), Some(123_456_789.012_345));
        for text in [
            "1234567890.123456",
            "",
            "-",
            ".",
            "-.",
            "1e3",
            "+1",
            " 1",
            "1.2.3",
        ] {
            assert_eq!(plain_number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_and_words_are_none() {
        assert_eq!(number(b"-61"), Some(-61.0));
        assert_eq!(number(b" -61.5 "), Some(-61.5));
        assert_eq!(number(b"40,7128"), Some(40.7128));
        for text in ["", "NaN", "?", "-inf", "61 dBm", "x"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_first_address_of_a_text_is_found() {
        let found = find_address(b"Device: abcAA:BB:CC:DD:EE:0F,,[BLE] 02:00:00:00:00:01").unwrap();
        assert_eq!(
            (found.0, found.1.to_string()),
            (11, "AA:BB:CC:DD:EE:0F".to_owned())
        );
        assert_eq!(find_address(b"12:30:45 no address"), None);
    }
}
