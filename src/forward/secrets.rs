//! Takes the key of an account out of texts that services send back.
//!
//! A key comes back as the service, or what is in front of it, spells it: in JSON, in a URL, in HTML, or in several of
//! them. So the text is read as a graph: from each character there is a step over the character itself, and a step over
//! each escape that begins there. The key is searched along all ways through the graph.

use std::collections::HashMap;

use base64ct::{Base64, Base64Url, Encoding};

use super::service::Account;

const INSTEAD: &str = "(key)";
/// Fewer characters of a key in a row say little of it, and may be an ordinary word.
const RUN: usize = 8;
/// How many times a text may be escaped. JSON in a string of JSON is escaped twice.
const DEPTH: usize = 3;
/// With what escapes begin.
const INTRODUCERS: [char; 3] = ['%', '\\', '&'];
/// The most digits of a character in HTML.
const ENTITY_DIGITS_MAX: usize = 7;
/// Names of characters in HTML.
const ENTITIES: [(&str, char); 41] = [
    ("excl", '!'),
    ("quot", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("hat", '^'),
    ("lowbar", '_'),
    ("underbar", '_'),
    ("grave", '`'),
    ("diacriticalgrave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("verticalline", '|'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("hyphen", '-'),
    ("tilde", '~'),
];

/// All forms in which a key may come back, without escapes.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Form>);

#[derive(Clone)]
struct Form {
    marks: Vec<char>,
    /// So many of the marks in a row are hidden, and more; fewer tell nothing.
    least: usize,
}

/// A character, and the place after it.
type Step = (char, usize);

/// A text, with the escapes that begin at its places.
struct Reading<'t> {
    text: &'t [char],
    escapes: HashMap<usize, Vec<Step>>,
}

impl Secrets {
    pub(super) fn of(account: &Account) -> Self {
        let Account { user, key, .. } = account;
        if key.is_empty() {
            return Self::default();
        }
        let both = format!("{user}:{key}");
        let mut forms = vec![Form::new(key, key.len())];
        for plain in [key.as_bytes(), both.as_bytes()] {
            for token in [
                Base64::encode_string(plain),
                Base64Url::encode_string(plain),
            ] {
                // Often it is written without the padding.
                let least = token.trim_end_matches('=').len();
                forms.push(Form::new(&token, least));
            }
        }
        // A key may be both of them, encoded.
        let decoded = Base64::decode_vec(key).ok();
        let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        if let Some((_, token)) = decoded.as_deref().and_then(|both| both.split_once(':'))
            && RUN <= token.chars().count()
        {
            forms.push(Form::new(token, RUN));
        }
        Self(forms)
    }

    /// The text without the key.
    pub(super) fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let marks: Vec<char> = text.chars().collect();
        let reading = Reading::of(&marks);
        let mut shown = String::with_capacity(text.len());
        // Where what is hidden ends.
        let mut end = 0;
        for (at, mark) in marks.iter().enumerate() {
            let firsts: Vec<char> = reading.steps(at).map(|(mark, _)| mark).collect();
            let forms = self.0.iter();
            let found = forms.filter_map(|form| form.find(&reading, at, &firsts));
            if let Some(found) = found.max() {
                if end <= at {
                    shown.push_str(INSTEAD);
                }
                end = end.max(found);
            }
            if end <= at {
                shown.push(*mark);
            }
        }
        shown
    }
}

impl Form {
    fn new(text: &str, least: usize) -> Self {
        Self {
            marks: text.chars().collect(),
            least: least.clamp(1, RUN),
        }
    }

    /// The end of the longest part of the form that begins at a place of a text, with one of these marks.
    fn find(&self, reading: &Reading<'_>, at: usize, firsts: &[char]) -> Option<usize> {
        let runs = self.marks.windows(self.least).enumerate();
        let ends = runs.filter_map(|(start, run)| {
            // Nearly all places are ruled out by this.
            let may_begin = run.first().is_some_and(|first| firsts.contains(first));
            may_begin.then(|| self.end_of(start, reading, at)).flatten()
        });
        ends.max()
    }

    /// The end of the run of marks from one on.
    fn end_of(&self, start: usize, reading: &Reading<'_>, at: usize) -> Option<usize> {
        let (mut ends, mut length) = (vec![at], 0);
        for wanted in self.marks.get(start..)? {
            let steps = ends.iter().flat_map(|end| reading.steps(*end));
            let next = steps.filter(|(mark, _)| mark == wanted);
            let mut next: Vec<usize> = next.map(|(_, end)| end).collect();
            if next.is_empty() {
                break;
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
            length += 1;
        }
        ends.last().copied().filter(|_| self.least <= length)
    }
}

impl<'t> Reading<'t> {
    fn of(text: &'t [char]) -> Self {
        let mut reading = Self {
            text,
            escapes: HashMap::new(),
        };
        for _ in 0..DEPTH {
            let deeper = reading.deeper();
            if deeper == reading.escapes {
                break;
            }
            reading.escapes = deeper;
        }
        reading
    }

    /// The escapes, with those that are made of what is known by now.
    fn deeper(&self) -> HashMap<usize, Vec<Step>> {
        let marks = self.text.iter().enumerate();
        let places = marks.filter(|(_, mark)| INTRODUCERS.contains(mark));
        let escapes = places.map(|(at, _)| (at, self.escapes_at(at)));
        escapes.filter(|(_, steps)| !steps.is_empty()).collect()
    }

    /// The steps from a place.
    fn steps(&self, at: usize) -> impl Iterator<Item = Step> {
        let mark = self.text.get(at).copied();
        let introducer = mark.filter(|mark| INTRODUCERS.contains(mark));
        let escapes = introducer.and_then(|_| self.escapes.get(&at));
        let plain = mark.map(|mark| (mark, at + 1));
        plain
            .into_iter()
            .chain(escapes.into_iter().flatten().copied())
    }

    /// The places after a word, in large or small letters.
    fn after(&self, at: usize, word: &str) -> Vec<usize> {
        let mut ends = vec![at];
        for letter in word.chars() {
            let steps = ends.iter().flat_map(|end| self.steps(*end));
            let steps = steps.filter(|(mark, _)| mark.eq_ignore_ascii_case(&letter));
            ends = steps.map(|(_, end)| end).collect();
        }
        ends
    }

    /// The characters with a number of so many digits.
    fn numbers(&self, at: usize, digits: usize, radix: u32) -> Vec<Step> {
        let mut read = vec![(0_u32, at)];
        for _ in 0..digits {
            let mut longer = Vec::new();
            for (code, at) in read {
                for (mark, end) in self.steps(at) {
                    let digit = mark.to_digit(radix);
                    let shifted = code.checked_mul(radix);
                    let sum = shifted
                        .zip(digit)
                        .and_then(|(code, digit)| code.checked_add(digit));
                    longer.extend(sum.map(|code| (code, end)));
                }
            }
            read = longer;
        }
        let marks = read.into_iter();
        let marks = marks.filter_map(|(code, end)| Some((char::from_u32(code)?, end)));
        marks.collect()
    }

    fn escapes_at(&self, at: usize) -> Vec<Step> {
        let mut found = Vec::new();
        for (mark, next) in self.steps(at) {
            match mark {
                '%' => {
                    found.extend(self.numbers(next, 2, 16));
                    // As old scripts do.
                    for next in self.after(next, "u") {
                        found.extend(self.numbers(next, 4, 16));
                    }
                }
                '\\' => self.add_backslash(next, &mut found),
                '&' => self.add_entity(next, &mut found),
                _ => {}
            }
        }
        // A key has no others.
        found.retain(|(mark, _)| mark.is_ascii_graphic());
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Adds what a backslash before a place makes of it, in JSON and in many languages.
    fn add_backslash(&self, at: usize, found: &mut Vec<Step>) {
        for (mark, next) in self.steps(at) {
            match mark {
                'u' | 'U' => {
                    found.extend(self.numbers(next, 4, 16));
                    found.extend(self.numbers(next, 8, 16));
                    for start in self.after(next, "{") {
                        for (mark, end) in
                            (1..=6).flat_map(|digits| self.numbers(start, digits, 16))
                        {
                            let ends = self.after(end, "}");
                            found.extend(ends.into_iter().map(|end| (mark, end)));
                        }
                    }
                }
                'x' | 'X' => found.extend(self.numbers(next, 2, 16)),
                '0'..='7' => {
                    found.extend((1..=3).flat_map(|digits| self.numbers(at, digits, 8)));
                }
                _ if mark.is_ascii_punctuation() => found.push((mark, next)),
                _ => {}
            }
        }
    }

    /// Adds the characters of HTML whose ampersand is before a place.
    fn add_entity(&self, at: usize, found: &mut Vec<Step>) {
        for (start, radix) in [("#", 10), ("#x", 16)] {
            for start in self.after(at, start) {
                let lengths = 1..=ENTITY_DIGITS_MAX;
                for (mark, end) in lengths.flat_map(|digits| self.numbers(start, digits, radix)) {
                    self.add_closed(mark, end, found);
                }
            }
        }
        for (name, mark) in ENTITIES {
            for end in self.after(at, name) {
                self.add_closed(mark, end, found);
            }
        }
    }

    /// Adds a character of HTML with the semicolon after it, which may be left out.
    fn add_closed(&self, mark: char, end: usize, found: &mut Vec<Step>) {
        found.push((mark, end));
        let closed = self.after(end, ";");
        found.extend(closed.into_iter().map(|end| (mark, end)));
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64Unpadded, Base64UrlUnpadded};
    use proptest::prelude::*;

    use super::*;

    fn account(key: &str) -> Account {
        Account {
            base: String::new(),
            user: "AID1".to_owned(),
            key: key.to_owned(),
            donates: false,
        }
    }

    fn percent(text: &str) -> String {
        let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap();
        let escape = |byte: u8| ['%', digit(byte >> 4), digit(byte & 15)];
        text.bytes().flat_map(escape).collect()
    }

    /// As Go writes it.
    fn json(text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        let inner = quoted.strip_prefix('"').unwrap();
        let inner = inner.strip_suffix('"').unwrap().replace('&', r"\u0026");
        inner.replace('<', r"\u003c").replace('>', r"\u003E")
    }

    fn html(text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('"', "&#34;").replace('\'', "&#x27;")
    }

    #[test]
    fn a_key_comes_back_in_no_form() {
        let secrets = Secrets::of(&account(r#"k"e/y+\1&<="#));
        for (text, hidden) in [
            (r#"bad k"e/y+\1&<= here"#, "bad (key) here"),
            ("path ?key=k%22e%2Fy%2B%5C1%26%3C%3D", "path ?key=(key)"),
            ("path ?key=k%22e%2fy%2b%5c1%26%3c%3d.", "path ?key=(key)."),
            // As JavaScript and Python write it.
            ("k%22e/y+%5C1&%3C=", "(key)"),
            ("k%22e/y%2B%5C1%26%3C%3D", "(key)"),
            (r#"{"m":"k\"e/y+\\1&<="}"#, r#"{"m":"(key)"}"#),
            (r#"{"m":"k\"e\/y+\\1&<="}"#, r#"{"m":"(key)"}"#),
            (r#"{"m":"k\"e/y+\\1\u0026\u003c="}"#, r#"{"m":"(key)"}"#),
            (r"no k\x22e/y\x2b\x5c1\x26<=", "no (key)"),
            (
                r#"{\"m\":\"k\\\"e/y+\\\\1\\u0026<=\"}"#,
                r#"{\"m\":\"(key)\"}"#,
            ),
            ("<b>k&quot;e/y+\\1&amp;&lt;=</b>", "<b>(key)</b>"),
            ("<b>k&#34;e/y&#43;\\1&#38;&#x3C;=</b>", "<b>(key)</b>"),
            ("k%2522e%252Fy%252B%255C1%2526%253C%253D", "(key)"),
            ("k%26quot%3Be/y+%5C1%26amp%3B%26lt%3B%3D", "(key)"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets.hide_in(text), hidden, "{text}");
        }
        assert_eq!(Secrets::default().hide_in("x"), "x");
    }

    #[test]
    fn a_token_comes_back_in_no_form() {
        let key = "~~~???>>>key-0123456789a";
        let secrets = Secrets::of(&account(key));
        for plain in [key.to_owned(), format!("AID1:{key}")] {
            let bytes = plain.as_bytes();
            for token in [
                Base64::encode_string(bytes),
                Base64Unpadded::encode_string(bytes),
                Base64Url::encode_string(bytes),
                Base64UrlUnpadded::encode_string(bytes),
            ] {
                for spelled in [token.clone(), percent(&token), json(&token)] {
                    let text = format!("Basic {spelled} is bad");
                    assert_eq!(secrets.hide_in(&text), "Basic (key) is bad", "{text}");
                }
            }
        }
        // What wigle.net shows encoded.
        let encoded = Secrets::of(&account(&Base64::encode_string(b"AID1:0123456789abcdef")));
        assert_eq!(encoded.hide_in("0123456789abcdef?"), "(key)?");
    }

    #[test]
    fn a_part_of_a_key_is_hidden_from_eight_characters_on() {
        let secrets = Secrets::of(&account("0123456789abcdef"));
        for (text, hidden) in [
            ("is 456789a?", "is 456789a?"),
            ("is 456789ab?", "is (key)?"),
            ("0123456789abcde", "(key)"),
            ("x01234567 89abcdef", "x(key) (key)"),
        ] {
            assert_eq!(secrets.hide_in(text), hidden);
        }
        let short = Secrets::of(&account("hunter2"));
        assert_eq!(
            short.hide_in("hunter hunter2 hunter%32"),
            "hunter (key) (key)"
        );
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let secrets = Secrets::of(&account("0123&456\"789/abc+def"));
        for text in [
            "",
            "the import refused 2 rows: too many sources",
            r#"{"message":"a \"quoted\" word \\ and \u00e9, 100% & more &amp; %2F"}"#,
            "Überlänge \u{1f4e1} & % \\",
        ] {
            assert_eq!(secrets.hide_in(text), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_window_of_a_key_stays(
            key in "[!-'*-~]{8,32}",
            before in "[ -~]{0,20}",
            after in "[ -~]{0,20}",
            spellings in prop::collection::vec(0_usize..4, 0..=3),
        ) {
            let spelled = spellings.iter().fold(key.clone(), |text, spelling| match spelling {
                0 => percent(&text),
                1 => json(&text),
                2 => html(&text),
                _ => form_urlencoded::byte_serialize(text.as_bytes()).collect(),
            });
            let text = format!("{before}{spelled}{after}");
            let shown = Secrets::of(&account(&key)).hide_in(&text);
            prop_assert!(shown.contains(INSTEAD), "{shown}");
            prop_assert!(!shown.contains(&spelled), "{shown}");
            for window in key.as_bytes().windows(RUN) {
                let window = std::str::from_utf8(window).unwrap();
                prop_assert!(!shown.contains(window), "{window} is in {shown}");
            }
        }
    }
}
