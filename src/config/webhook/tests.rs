use toml::Table;

use super::*;
use crate::config::{Config, ConfigError, Overrides};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn load(text: &str) -> Result<Vec<Webhook>, ConfigError> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scanpost.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), [], Overrides::default()).map(|config| config.webhooks)
}

/// An entry with these keys, and with the required keys that they lack.
fn entry(keys: &[(&str, &str)]) -> String {
    let secret = format!("{SECRET:?}");
    let needed = [
        ("name", "\"a\""),
        ("url", "\"http://h/\""),
        ("secret", &secret),
    ];
    let is_given = |name| keys.iter().any(|(key, _)| *key == name);
    let needed = needed.into_iter().filter(|(name, _)| !is_given(*name));
    let lines = needed.chain(keys.iter().copied());
    let lines = lines.map(|(name, value)| format!("{name} = {value}\n"));
    format!("[[webhooks]]\n{}", lines.collect::<String>())
}

#[track_caller]
fn refused(text: &str, parts: &[&str]) {
    let message = load(text).unwrap_err().to_string();
    for part in parts {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[track_caller]
fn check(key: &str, good: &[&str], bad: &[&str]) {
    for value in good {
        let loaded = load(&entry(&[(key, value)]));
        assert!(loaded.is_ok(), "{key} = {value}: {loaded:?}");
    }
    for value in bad {
        let named = format!("`webhooks[0].{key}`");
        refused(&entry(&[(key, value)]), &[&named, "must "]);
    }
}

#[test]
fn the_example_shows_every_key_with_its_default() {
    let example = include_str!("../../../config.example.toml");
    let (_, shown) = example.split_once("# [[webhooks]]\n").unwrap();
    let lines = shown.lines().map(|line| line.strip_prefix("# ").unwrap());
    let shown = lines.collect::<Vec<_>>().join("\n");
    let keys: Table = shown.parse().unwrap();
    let loaded = load(&format!("[[webhooks]]\n{shown}")).unwrap().remove(0);
    let defaults = Webhook {
        name: "home".to_owned(),
        url: "https://home.example/hook".to_owned().into(),
        secret_file: "/etc/scanpost/home.secret".into(),
        ..Webhook::default()
    };
    assert_eq!(loaded, defaults);
    let known = Table::try_from(defaults).unwrap();
    assert!(known.keys().eq(keys.keys()), "{keys}");
}

#[test]
fn bounds_hold_at_and_one_past() {
    let text = |length: usize| format!("{:?}", "x".repeat(length));
    check(
        "name",
        &["\"a-B_0\"", &text(64)],
        &["\"\"", &text(65), "\"a b\"", "\"a/b\"", "\"a.b\""],
    );
    for key in ["connect_timeout", "timeout"] {
        check(
            key,
            &["\"1ms\"", "\"10m\""],
            &["\"999us\"", "\"10m 1ms\"", "\"5\""],
        );
    }
    check(
        "retry_min",
        &["\"1ms\"", "\"1h\""],
        &["\"999us\"", "\"1day 1ms\""],
    );
    check(
        "retry_max",
        &["\"5s\"", "\"7days\""],
        &["\"4999ms\"", "\"7days 1ms\""],
    );
    check(
        "give_up_after",
        &["\"0s\"", "\"365days\""],
        &["\"365days 1ms\""],
    );
    check("queue_max", &["1", "1000000"], &["0", "1000001"]);
    let rules = |count: usize, length: usize| format!("{:?}", vec!["x".repeat(length); count]);
    check(
        "rules",
        &["[]", &rules(64, 64)],
        &[&rules(65, 1), &rules(1, 65), "[\"\"]"],
    );
    let all = |count: usize| {
        let entries = (0..count).map(|number| entry(&[("name", &format!("\"a{number}\""))]));
        entries.collect::<String>()
    };
    assert_eq!(load(&all(64)).unwrap().len(), 64);
    refused(&all(65), &["`webhooks`", "at most 64"]);
}

#[test]
fn targets_are_http_and_hosts() {
    let long = |length: usize| format!("\"http://h/{}\"", "x".repeat(length - 9));
    let good = [
        "\"http://10.0.0.2:8123/api?x=1\"",
        "\"https://[::1]/\"",
        "\"http://localhost\"",
        "\"http://h:1/\"",
        "\"http://[::1]:65535/a:b\"",
        &long(2048),
    ];
    let bad = [
        "\"\"",
        "\"home.example\"",
        "\"/hook\"",
        "\"ftp://h/\"",
        "\"http://\"",
        "\"http://u:p@h/\"",
        "\"http://h/ x\"",
        &long(2049),
    ];
    check("url", &good, &bad);
    refused("[[webhooks]]\nname = \"a\"", &["url", "it is empty"]);
    for (url, reason) in [
        ("", "it is empty"),
        ("home.example", "does not begin with http://"),
        ("home.example:80/hook", "does not begin with http://"),
        ("ftp://h/", "does not begin with http://"),
        ("http://", "must be a URL"),
        ("http://h/ x", "contains whitespace"),
        (" http://h/", "contains whitespace"),
        ("http://h/é", "non-ASCII characters"),
        ("http://u:p@h/", "a user name or password"),
        ("http://u@h:80/", "a user name or password"),
        ("http://127.0.0.2:99999/", "port is not 1 to 65535"),
        ("http://h:65536/", "port is not 1 to 65535"),
        ("http://h:abc/", "port is not 1 to 65535"),
        ("http://h:/", "port is not 1 to 65535"),
        ("http://h:0/", "port is not 1 to 65535"),
        ("http://h:+80/", "must be a URL"),
        ("http://[::1]:0/", "port is not 1 to 65535"),
        ("http://:80/", "must be a URL"),
    ] {
        let named = "`webhooks[0].url` = (not shown)";
        refused(&entry(&[("url", &format!("{url:?}"))]), &[named, reason]);
    }
}

#[test]
fn a_secret_is_given_once_and_never_shown() {
    let bytes = |count: usize| format!("\"whsec_{}\"", Base64::encode_string(&vec![7; count]));
    let bad = [
        "\"hunter2\"",
        "\"whsec_hunter2\"",
        "\"\"",
        &bytes(23),
        &bytes(65),
    ];
    check("secret", &[&bytes(24), &bytes(64)], &bad);
    for secret in &bad {
        let message = load(&entry(&[("secret", secret)])).unwrap_err().to_string();
        assert!(
            !message.contains("hunter2") && !message.contains("Bwc"),
            "{message}"
        );
    }
    let none = ("secret", "\"\"");
    let (file, variable) = (("secret_file", "\"/run/s\""), ("secret_env", "\"HOOK\""));
    for good in [[none, file], [none, variable]] {
        load(&entry(&good)).unwrap();
    }
    for bad in [&[file][..], &[variable], &[none, file, variable]] {
        refused(&entry(bad), &["`webhooks[0].secret`", "exactly once"]);
    }
    let ours = [none, ("secret_env", "\"SCANPOST_HOOK\"")];
    refused(
        &entry(&ours),
        &["`webhooks[0].secret_env`", "must not begin with SCANPOST_"],
    );
    let path = entry(&[("url", "\"ftp://h/hunter2\"")]);
    assert!(!load(&path).unwrap_err().to_string().contains("hunter2"));
    let debug = format!(
        "{:?}",
        load(&entry(&[("url", "\"http://h/hunter2\"")])).unwrap()
    );
    assert!(
        !debug.contains("hunter2") && !debug.contains("MfKQ"),
        "{debug}"
    );
}

#[test]
fn what_is_wrong_is_named_by_its_place() {
    let two = |second: &str| format!("{}{second}", entry(&[]));
    refused(
        &two(&entry(&[])),
        &["scanpost.toml", "`webhooks[1].name` = \"a\"", "must differ"],
    );
    let typo = entry(&[("name", "\"b\""), ("retry_mix", "\"1s\"")]);
    refused(
        &two(&typo),
        &[
            "unknown key `webhooks[1].retry_mix`",
            "`webhooks[1].retry_m",
        ],
    );
    refused(
        &entry(&[("queue_max", "\"many\"")]),
        &["`webhooks[0].queue_max` = \"many\"", "usize"],
    );
    refused(
        &entry(&[("severity_min", "\"grave\"")]),
        &["`webhooks[0].severity_min`", "`critical`"],
    );
    refused("[webhooks]\nname = \"a\"", &["`webhooks`", "[[webhooks]]"]);
    refused("webhooks = [1]", &["`webhooks[0]`", "[[webhooks]]"]);
    refused("[[webhook]]\nname = \"a\"", &["unknown key `webhook`"]);
    assert!(load("webhooks = []").unwrap().is_empty());
}
