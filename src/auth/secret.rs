//! Random secrets and their hashes.

use std::fmt::{self, Write};

use base64ct::{Base64, Encoding};
use ring::hmac;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A newly generated secret. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 128 random bits as 32 hexadecimal digits, the form of Kismet's keys.
    pub(super) fn token() -> Result<Self, getrandom::Error> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        let mut text = String::with_capacity(32);
        for byte in bits {
            write!(text, "{byte:02X}").ok(); // Writing to a string cannot fail.
        }
        Ok(Self(text))
    }

    /// 100 random bits in a form for typing: five groups of four, without letters that look alike.
    pub(super) fn password() -> Result<Self, getrandom::Error> {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut bits = [0; 20];
        getrandom::fill(&mut bits)?;
        let mut text = String::with_capacity(24);
        for (place, byte) in bits.into_iter().enumerate() {
            if 0 < place && place % 4 == 0 {
                text.push('-');
            }
            // 256 is a multiple of 32, so all letters are equally likely.
            let letter = LETTERS.get(usize::from(byte) % LETTERS.len());
            text.extend(letter.map(|&letter| char::from(letter)));
        }
        Ok(Self(text))
    }

    /// The secret as text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// SHA-256 of a token, which is what the server stores. A fast hash suffices, because nobody can guess 128 random bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The hash as a key for maps. The time of a lookup reveals something about the hash, but nothing about the token.
    pub(super) fn bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Fast hash of a verified password, kept in memory only. It recognises the password without the slow check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proof([u8; 32]);

impl Proof {
    /// `hash` is the stored argon2id hash of the password. Its random salt salts this hash too.
    pub(super) fn of(password: &str, hash: &str) -> Self {
        // The zero byte marks where the hash ends; it cannot occur in it.
        let parts = Sha256::new().chain_update(hash).chain_update([0]);
        Self(parts.chain_update(password).finalize().into())
    }
}

/// Random key of [`Guess`]es, new at each start and in memory only.
pub(super) struct GuessKey(hmac::Key);

/// Keyed digest of a wrong login. Without the key, nobody can test passwords against it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Guess([u8; 16]);

impl GuessKey {
    pub(super) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// `hash` is the slow hash of the user's current password. After a change of the password, all digests differ, so a
    /// login that was wrong before is checked again.
    pub(super) fn guess(&self, user: &str, password: &str, hash: Option<&str>) -> Guess {
        let mut context = hmac::Context::with_key(&self.0);
        for part in [user, password, hash.unwrap_or_default()] {
            // The lengths keep `ab` with `c` apart from `a` with `bc`.
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            context.update(&length.to_le_bytes());
            context.update(part.as_bytes());
        }
        let mut guess = [0; 16];
        for (byte, tag) in guess.iter_mut().zip(context.sign().as_ref()) {
            *byte = *tag;
        }
        Guess(guess)
    }
}

impl fmt::Debug for GuessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuessKey")
    }
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Base64::encode_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; 32];
        match Base64::decode(&text, &mut bytes).map(<[u8]>::len) {
            Ok(32) => Ok(Self(bytes)),
            _ => Err(D::Error::custom("expected 32 bytes in base64")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_have_their_form_and_are_never_the_same() {
        let token = Secret::token().unwrap();
        assert_eq!(token.reveal().len(), 32);
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
        assert!(token.reveal().bytes().all(is_digit));
        assert_ne!(token, Secret::token().unwrap());

        let password = Secret::password().unwrap();
        assert_eq!(password.reveal().split('-').count(), 5);
        assert_eq!(password.reveal().len(), 24);
        assert_ne!(password, Secret::password().unwrap());
        assert_eq!(format!("{password:?}"), "Secret");
    }

    #[test]
    fn a_guess_is_that_of_one_login_one_password_and_one_key() {
        let key = GuessKey::random().unwrap();
        let guess = key.guess("ab", "c", Some("$hash"));
        assert!(guess == key.guess("ab", "c", Some("$hash")));
        for other in [
            key.guess("a", "bc", Some("$hash")),
            key.guess("ab", "C", Some("$hash")),
            key.guess("ab", "c", Some("$other")),
            key.guess("ab", "c", None),
            key.guess("", "abc", Some("$hash")),
            GuessKey::random().unwrap().guess("ab", "c", Some("$hash")),
        ] {
            assert!(guess != other);
        }
        assert_eq!(format!("{key:?} {guess:?}"), "GuessKey Guess");
    }

    #[test]
    fn a_hash_is_that_of_one_token() {
        let hash = TokenHash::of("A");
        assert_eq!(hash.bytes(), TokenHash::of("A").bytes());
        assert_ne!(hash.bytes(), TokenHash::of("a").bytes());
        let text = serde_json::to_string(&hash).unwrap();
        let again: TokenHash = serde_json::from_str(&text).unwrap();
        assert_eq!(hash.bytes(), again.bytes());
        assert!(serde_json::from_str::<TokenHash>("\"AAAA\"").is_err());
    }
}
