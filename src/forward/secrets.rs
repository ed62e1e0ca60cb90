//! Takes the key of an account out of texts that services send back.

use base64ct::{Base64, Encoding};

use super::service::Account;

const INSTEAD: &str = "(key)";

/// All forms in which a key may come back, the longest first.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(account: &Account) -> Self {
        let Account { user, key, .. } = account;
        if key.is_empty() {
            return Self::default();
        }
        let in_json = serde_json::to_string(key).unwrap_or_default();
        let in_json = in_json.trim_matches('"').to_owned();
        let mut forms = vec![
            key.clone(),
            form_urlencoded::byte_serialize(key.as_bytes()).collect(),
            key.replace('/', "\\/"),
            in_json.replace('/', "\\/"),
            in_json,
            Base64::encode_string(format!("{user}:{key}").as_bytes()),
            Base64::encode_string(key.as_bytes()),
        ];
        forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
        forms.dedup();
        Self(forms)
    }

    /// The text without the key.
    pub(super) fn hide_in(&self, text: &str) -> String {
        let mut hidden = text.to_owned();
        for form in &self.0 {
            if hidden.contains(form) {
                hidden = hidden.replace(form, INSTEAD);
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_in_no_form() {
        let account = Account {
            base: String::new(),
            user: "AID1".to_owned(),
            key: r#"k"e/y+\1="#.to_owned(),
            donates: false,
        };
        let secrets = Secrets::of(&account);
        for (text, hidden) in [
            (r#"bad k"e/y+\1= here"#, "bad (key) here"),
            ("path ?key=k%22e%2Fy%2B%5C1%3D", "path ?key=(key)"),
            (r#"{"m":"k\"e/y+\\1="}"#, r#"{"m":"(key)"}"#),
            (r#"{"m":"k\"e\/y+\\1="}"#, r#"{"m":"(key)"}"#),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets.hide_in(text), hidden);
        }
        let both = Base64::encode_string(format!("AID1:{}", account.key).as_bytes());
        assert_eq!(secrets.hide_in(&format!("Basic {both}")), "Basic (key)");
        assert_eq!(Secrets::default().hide_in("x"), "x");
    }
}
