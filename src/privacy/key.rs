//! The key of everything that has to stay the same, and that nobody else may compute.

use std::fmt;

use ring::hmac;

/// Length of the key.
pub(crate) const KEY_BYTES: usize = 32;

/// A secret of this server. Whoever has it can tell which place or address stands behind an exported one.
#[derive(Clone)]
pub(crate) struct PrivacyKey(hmac::Key);

impl PrivacyKey {
    pub(crate) fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// A number that nobody can compute or turn back without the key: HMAC-SHA-256. `purpose` keeps the numbers of
    /// different uses apart.
    pub(super) fn digest(&self, purpose: &str, value: &[u8]) -> [u8; KEY_BYTES] {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(purpose.as_bytes());
        // No purpose contains this octet, so no two pairs of purpose and value are the same text.
        context.update(&[0]);
        context.update(value);
        let tag = context.sign();
        let mut digest = [0; KEY_BYTES];
        for (octet, signed) in digest.iter_mut().zip(tag.as_ref()) {
            *octet = *signed;
        }
        digest
    }
}

impl fmt::Debug for PrivacyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivacyKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_and_each_key_has_numbers_of_its_own() {
        let key = PrivacyKey::new(&[1; KEY_BYTES]);
        let digest = key.digest("zone", b"a");
        assert_eq!(key.digest("zone", b"a"), digest);
        assert_ne!(key.digest("zone", b"b"), digest);
        assert_ne!(key.digest("name", b"a"), digest);
        assert_ne!(
            PrivacyKey::new(&[2; KEY_BYTES]).digest("zone", b"a"),
            digest
        );
        assert_eq!(format!("{key:?}"), "PrivacyKey");
    }
}
