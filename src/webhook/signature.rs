//! Symmetric signatures of Standard Webhooks 1.0.0: HMAC-SHA256 of `id.timestamp.body`.

use std::fmt;

use base64ct::{Base64, Encoding};
use ring::hmac;

use super::WebhookError;
use crate::config::{Webhook, webhook};

/// A secret takes one short line. Reading more of a wrong file is useless.
const SECRET_FILE_BYTES_MAX: u64 = 4096;

/// The key that signs the requests of one webhook.
pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads the secret from the configuration, a file or the environment.
    pub(super) fn read(webhook: &Webhook) -> Result<Self, WebhookError> {
        let refused = |reason: String| WebhookError::Secret {
            name: webhook.name.clone(),
            reason,
        };
        let text = text(webhook).map_err(refused)?;
        let bytes = webhook::signing_secret(text.trim()).map_err(refused)?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`. `timestamp` is that of the attempt, in seconds since 1970.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", Base64::encode_string(context.sign().as_ref()))
    }
}

impl PartialEq for SigningKey {
    /// Compares signatures, because keys cannot be read back.
    fn eq(&self, other: &Self) -> bool {
        self.sign("", 0, b"") == other.sign("", 0, b"")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

fn text(webhook: &Webhook) -> Result<String, String> {
    use std::io::Read;
    let (variable, file) = (&webhook.secret_env, &webhook.secret_file);
    if !variable.is_empty() {
        return std::env::var(variable)
            // Somebody may have put the secret itself there.
            .map_err(|_| {
                "the environment variable that `secret_env` names is not set, or is no Unicode text"
                    .to_owned()
            });
    }
    if file.as_os_str().is_empty() {
        return Ok(webhook.secret.reveal().to_owned());
    }
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str) -> SigningKey {
        let webhook = Webhook {
            secret: secret.to_owned().into(),
            ..Webhook::default()
        };
        SigningKey::read(&webhook).unwrap()
    }

    /// The test vector of the reference libraries.
    #[test]
    fn the_vector_of_standard_webhooks() {
        let signature = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_comes_from_a_file_and_never_shows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let mut webhook = Webhook {
            secret_file: path.clone(),
            ..Webhook::default()
        };
        let error = SigningKey::read(&webhook).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        std::fs::write(&path, format!("{secret}\n")).unwrap();
        let from_file = SigningKey::read(&webhook).unwrap();
        assert_eq!(from_file.sign("a", 1, b"b"), key(secret).sign("a", 1, b"b"));
        assert_eq!(format!("{from_file:?}"), "SigningKey");

        std::fs::write(&path, "hunter2").unwrap();
        let error = SigningKey::read(&webhook).unwrap_err().to_string();
        assert!(error.contains("must be whsec_"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");

        webhook.secret = secret.to_owned().into();
        assert!(!format!("{webhook:?}").contains("MfKQ"));
    }
}
