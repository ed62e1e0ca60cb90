//! The native interface: small, typed, paged.

pub(super) mod alerts;
pub(super) mod devices;
mod filter;
pub(super) mod networks;
pub(super) mod observations;
pub(super) mod sources;
pub(super) mod status;
pub(super) mod webhooks;

/// The text that a cursor has in hex.
fn text_of_hex(hex: &str) -> Option<String> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    String::from_utf8(pairs.collect::<Option<Vec<u8>>>()?).ok()
}
