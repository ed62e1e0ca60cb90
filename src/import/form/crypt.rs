//! Words of Kismet before 2018 and of airodump-ng for the security of a network, as capabilities.

/// The security of a network, word by word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Crypt {
    words: Vec<String>,
    /// `WPA`, `WPA2` or `WPA+WPA2`, where the program tells it apart from the ciphers.
    pub(super) version: Option<String>,
    pub(super) has_wps: bool,
    pub(super) is_ad_hoc: bool,
}

/// Capabilities, and whether their protocol was guessed from the ciphers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) capabilities: String,
    pub(super) is_guessed: bool,
}

impl Crypt {
    /// Most words of a network that are kept.
    const WORDS_MAX: usize = 32;

    pub(super) fn of_network(is_ad_hoc: bool) -> Self {
        Self {
            is_ad_hoc,
            ..Self::default()
        }
    }

    /// Takes a text of words with `+`, commas or blanks between them.
    pub(super) fn add(&mut self, text: &str) {
        if text.trim().eq_ignore_ascii_case("WPA Migration Mode") {
            return self.add("WPA WEP");
        }
        let words = text.split(|mark: char| matches!(mark, '+' | ',') || mark.is_whitespace());
        for word in words.filter(|word| !word.is_empty()) {
            let word = word.to_ascii_uppercase();
            if self.words.len() < Self::WORDS_MAX && !self.words.contains(&word) {
                self.words.push(word);
            }
        }
    }

    fn has(&self, any: &[&str]) -> bool {
        any.iter()
            .any(|word| self.words.iter().any(|known| known == word))
    }

    /// Without any word nothing is known, which is not the same as open.
    pub(super) fn capabilities(&self) -> Guess {
        if self.words.is_empty() {
            return Guess::default();
        }
        let akms = self.found(&[
            ("PSK", "PSK"),
            ("CMAC", "PSK"),
            ("TLS", "EAP"),
            ("TTLS", "EAP"),
            ("PEAP", "EAP"),
            ("LEAP", "EAP"),
            ("EAP", "EAP"),
            ("MGT", "EAP"),
            ("SAE", "SAE"),
            ("OWE", "OWE"),
        ]);
        let ciphers = self.found(&[
            ("TKIP", "TKIP"),
            ("AES-CCM", "CCMP"),
            ("AES-CCMP", "CCMP"),
            ("CCMP", "CCMP"),
            ("GCMP", "GCMP"),
        ]);
        let (protocols, is_guessed) = self.protocols(&ciphers);
        let mut capabilities = String::new();
        for protocol in protocols {
            let mut block = vec![protocol.to_owned()];
            block.extend(
                [&akms, &ciphers]
                    .into_iter()
                    .filter(|part| !part.is_empty())
                    .cloned(),
            );
            capabilities.extend(["[", &block.join("-"), "]"]);
        }
        if self.has(&["WEP", "WEP40", "WEP104", "WEP64", "WEP128"]) {
            capabilities.push_str("[WEP]");
        }
        if self.has_wps {
            capabilities.push_str("[WPS]");
        }
        capabilities.push_str(if self.is_ad_hoc { "[IBSS]" } else { "[ESS]" });
        Guess {
            capabilities,
            is_guessed,
        }
    }

    /// The names that the words stand for, each once, with `+` between them.
    fn found(&self, names: &[(&str, &'static str)]) -> String {
        let mut found: Vec<&str> = Vec::new();
        for (word, name) in names {
            if self.has(&[word]) && !found.contains(name) {
                found.push(name);
            }
        }
        found.join("+")
    }

    /// The protocols. Old Kismet writes `WPA` for all of them: CCMP is then taken for the second one, TKIP for the first.
    fn protocols(&self, ciphers: &str) -> (Vec<&'static str>, bool) {
        let stated = self.version.as_deref().unwrap_or_default();
        if stated.starts_with("WPA") {
            let both = stated.contains('+');
            return match (both, stated.contains("WPA2")) {
                (true, _) => (vec!["WPA", "WPA2"], false),
                (false, true) => (vec!["WPA2"], false),
                (false, false) => (vec!["WPA"], false),
            };
        }
        let is_third = self.has(&["WPA3", "SAE", "OWE"]);
        if is_third || self.has(&["WPA2"]) {
            let latest = if is_third { "RSN" } else { "WPA2" };
            let is_first_too = self.has(&["WPA"]) && !is_third;
            let protocols = if is_first_too {
                vec!["WPA", latest]
            } else {
                vec![latest]
            };
            return (protocols, false);
        }
        if !self.has(&["WPA"]) {
            return (Vec::new(), false);
        }
        match (ciphers.contains("CCMP"), ciphers.contains("TKIP")) {
            (true, true) => (vec!["WPA", "WPA2"], true),
            (true, false) => (vec!["WPA2"], true),
            (false, _) => (vec!["WPA"], true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(texts: &[&str], version: Option<&str>, expected: &str, is_guessed: bool) {
        let mut crypt = Crypt {
            version: version.map(Into::into),
            ..Crypt::default()
        };
        for text in texts {
            crypt.add(text);
        }
        let read = crypt.capabilities();
        assert_eq!(read.capabilities, expected, "{texts:?}");
        assert_eq!(read.is_guessed, is_guessed, "{texts:?}");
    }

    #[test]
    fn words_become_capabilities() {
        check(&[], None, "", false);
        check(&["None"], None, "[ESS]", false);
        check(&["WEP"], None, "[WEP][ESS]", false);
        check(
            &["WPA+PSK", "WPA+AES-CCM"],
            None,
            "[WPA2-PSK-CCMP][ESS]",
            true,
        );
        check(&["WPA+PSK", "WPA+TKIP"], None, "[WPA-PSK-TKIP][ESS]", true);
        check(
            &["WPA+TKIP", "WPA+PSK", "WPA+AES-CCM"],
            None,
            "[WPA-PSK-TKIP+CCMP][WPA2-PSK-TKIP+CCMP][ESS]",
            true,
        );
        check(
            &["WPA+PSK", "WPA+AES-CCM"],
            Some("WPA2"),
            "[WPA2-PSK-CCMP][ESS]",
            false,
        );
        check(&["WPA2,AES-CCM,PSK"], None, "[WPA2-PSK-CCMP][ESS]", false);
        check(
            &["WPA2 WPA", "CCMP TKIP", "MGT"],
            None,
            "[WPA-EAP-TKIP+CCMP][WPA2-EAP-TKIP+CCMP][ESS]",
            false,
        );
        check(
            &["WPA3 WPA2", "CCMP", "SAE PSK"],
            None,
            "[RSN-PSK+SAE-CCMP][ESS]",
            false,
        );
        check(&["WPA Migration Mode"], None, "[WPA][WEP][ESS]", true);
        check(&["OPN"], None, "[ESS]", false);
        check(&["Layer3"], None, "[ESS]", false);
    }
}
