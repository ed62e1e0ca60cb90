//! Password hashes that are slow to guess.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

/// Shortest password. Passwords that were set before there was this bound stay valid.
pub(super) const CHARACTERS_MIN: usize = 8;
/// Longest password.
pub(super) const BYTES_MAX: usize = 1024;

/// Hashes a password with a random salt, by argon2id with the parameters that OWASP recommends.
pub(super) fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    let hash: PasswordHash = Argon2::default().hash_password(password.as_bytes())?;
    Ok(hash.to_string())
}

/// Verifies a password. Takes tens of milliseconds, also for an unknown user, so that the time does not reveal names.
pub(super) fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let dummy = dummy_hash().and_then(|hash| PasswordHash::new(hash).ok());
    let is_somebody = parsed.is_some();
    let Some(hash) = parsed.or(dummy) else {
        return false;
    };
    let verified = Argon2::default().verify_password(password.as_bytes(), &hash);
    is_somebody && verified.is_ok()
}

/// Hash to verify against if the user does not exist.
fn dummy_hash() -> Option<&'static str> {
    static HASH: OnceLock<Option<String>> = OnceLock::new();
    HASH.get_or_init(|| hash("nobody").ok()).as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_is_the_password() {
        let hashed = hash("correct horse").unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(hashed, hash("correct horse").unwrap());
        assert!(verify("correct horse", Some(&hashed)));
        assert!(!verify("correct horsE", Some(&hashed)));
        assert!(!verify("", Some(&hashed)));
        assert!(!verify("nobody", None));
        assert!(!verify("x", Some("x")));
    }
}
