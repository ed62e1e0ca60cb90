//! Tests of the configuration: its keys, layers and bounds.

use std::error::Error;

use super::*;

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Loads a file with this text and these environment variables. The real environment is not read.
fn load(file: &str, environment: &[(&str, &str)], flags: Overrides) -> Result<Config, ConfigError> {
    let mut layers = Layers::default();
    layers.add_text(Path::new("scanpost.toml"), file)?;
    layers.add_environment(
        environment
            .iter()
            .map(|(name, text)| (name.into(), text.into())),
    )?;
    layers.into_config().overridden(flags)
}

fn from_file(file: &str) -> Result<Config, ConfigError> {
    load(file, &[], Overrides::default())
}

fn from_environment(name: &str, text: &str) -> Result<Config, ConfigError> {
    load("", &[(name, text)], Overrides::default())
}

#[track_caller]
fn refused(result: Result<Config, ConfigError>, parts: &[&str]) {
    let error = result.unwrap_err();
    let source = error.source().map(ToString::to_string);
    let message = format!("{error}: {}", source.unwrap_or_default());
    for part in parts {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn nothing_given_means_the_defaults() {
    assert_eq!(from_file("").unwrap(), Config::default());
    assert_eq!(from_file("[auth]\n[limits]").unwrap(), Config::default());
}

#[test]
fn the_defaults_pass_their_own_checks() {
    Config::default().check_each().unwrap();
    Config::default().check_together().unwrap();
}

#[test]
fn the_example_lists_every_key_with_its_default() {
    assert_eq!(from_file(EXAMPLE).unwrap(), Config::default());

    let listed: toml::Table = EXAMPLE.parse().unwrap();
    for layers::Key { section, name } in Layers::default().keys() {
        assert!(
            listed
                .get(&section)
                .and_then(|keys| keys.get(&name))
                .is_some(),
            "{section}.{name} is missing"
        );
    }
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    #[track_caller]
    fn check(file: &str, key: &str, nearest: &str) {
        let expected = format!("scanpost.toml: unknown key `{key}`; did you mean `{nearest}`?");
        assert_eq!(from_file(file).unwrap_err().to_string(), expected);
    }
    check("[server]\nlissten = 1", "server.lissten", "server.listen");
    check("[sever]\nlisten = 1", "sever.listen", "server.listen");
    check("[server]\nlevel = 1", "server.level", "logging.level");
    check("listen = \"127.0.0.1:1\"", "listen", "server.listen");
    check("\"auth.mode\" = \"off\"", "auth.mode", "auth.mode");
    check(
        "[limits]\nbody_max_bytes = 1",
        "limits.body_max_bytes",
        "limits.body_bytes_max",
    );
    check(
        "[limits]\nssid_bytes_max = 32",
        "limits.ssid_bytes_max",
        "limits.tag_bytes_max",
    );
    assert!(matches!(
        from_file("[nonsense]"),
        Err(ConfigError::UnknownKey { .. })
    ));
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest() {
    #[track_caller]
    fn check(name: &str, nearest: &str) {
        let expected = format!("environment: unknown key `{name}`; did you mean `{nearest}`?");
        assert_eq!(
            from_environment(name, "off").unwrap_err().to_string(),
            expected
        );
    }
    check("SCANPOST_AUTH_MODE", "SCANPOST_AUTH__MODE");
    check("SCANPOST_AUTH__MOD", "SCANPOST_AUTH__MODE");
    check("SCANPOST_LISTEN", "SCANPOST_SERVER__LISTEN");
}

#[test]
fn variables_of_others_are_left_alone() {
    for name in [
        "PATH",
        "SCANPOSTAL",
        "scanpost_auth__mode",
        "SCANPOST_PORT",
        "SCANPOST_PORT_2501_TCP",
        "SCANPOST_SERVICE_HOST",
    ] {
        assert_eq!(
            from_environment(name, "tcp://10.0.0.1:2501").unwrap(),
            Config::default(),
            "{name}"
        );
    }
}

#[test]
fn a_variable_is_read_as_the_kind_of_its_key() {
    let set = |name, text| from_environment(name, text).unwrap();
    assert_eq!(
        set("SCANPOST_SERVER__LISTEN", "[::1]:2501").server.listen,
        "[::1]:2501".parse().unwrap()
    );
    assert_eq!(
        set("SCANPOST_SERVER__DATA_DIR", "/srv/x").server.data_dir,
        Path::new("/srv/x")
    );
    assert_eq!(set("SCANPOST_SERVER__NAME", "42").server.name, "42");
    assert_eq!(set("SCANPOST_AUTH__MODE", "off").auth.mode, AuthMode::Off);
    assert_eq!(
        set("SCANPOST_AUTH__MODE", "required").auth.mode,
        AuthMode::Required
    );
    assert_eq!(
        set("SCANPOST_LOGGING__FORMAT", "json").logging.format,
        LogFormat::Json
    );
    assert_eq!(
        set("SCANPOST_LIMITS__DEVICES_MAX", "5").limits.devices_max,
        5
    );
    assert_eq!(
        set("SCANPOST_LIMITS__IDLE_TIMEOUT", "1m 30s")
            .limits
            .idle_timeout,
        Duration::from_secs(90)
    );
}

#[test]
fn the_server_listens_on_one_address_or_several() {
    let several = "127.0.0.1:1, unix:/run/s.sock".parse().unwrap();
    let file =
        "[server]\nlisten = [\"127.0.0.1:1\", \"unix:/run/s.sock\"]\nunix_socket_mode = \"0600\"";
    let server = from_file(file).unwrap().server;
    assert_eq!(server.listen, several);
    assert_eq!(server.socket_mode(), 0o600);
    let set = |text| from_environment("SCANPOST_SERVER__LISTEN", text);
    let server = set("127.0.0.1:1,unix:/run/s.sock").unwrap().server;
    assert_eq!(server.listen, several);
    for (listen, reason) in [
        ("[]", "1 to 16 addresses"),
        ("[\"localhost\"]", "socket address"),
        ("\"unix:run\"", "absolute path"),
        ("[1]", "type string"),
        ("2501", "type string"),
    ] {
        let file = format!("[server]\nlisten = {listen}");
        refused(from_file(&file), &["`server.listen`", reason]);
    }
    for mode in ["660", "0777", "600"] {
        from_file(&format!("[server]\nunix_socket_mode = \"{mode}\"")).unwrap();
    }
    for mode in [
        "",
        "0",
        "0400",
        "1777",
        "0888",
        "rw-rw----",
        "+660",
        "00660",
    ] {
        let file = format!("[server]\nunix_socket_mode = \"{mode}\"");
        refused(from_file(&file), &["`server.unix_socket_mode`", "in octal"]);
    }
    // Several addresses are no reason to take lists elsewhere.
    let list = "[server]\nname = [\"x\"]";
    refused(from_file(list), &["`server.name`", "type string"]);
    from_file("[server]\nproxies = [\"unix:\", \"10.0.0.0/8\"]").unwrap();
    let path = "[server]\nproxies = [\"unix:/run/x\"]";
    refused(
        from_file(path),
        &["`server.proxies`", "addresses or networks"],
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"/file\"\nname = \"file\"";
    let environment = [
        ("SCANPOST_SERVER__LISTEN", "127.0.0.1:2"),
        ("SCANPOST_SERVER__DATA_DIR", "/environment"),
    ];
    let flags = Overrides {
        listen: Some("127.0.0.1:3".parse().unwrap()),
        data_dir: None,
    };
    let server = load(file, &environment, flags).unwrap().server;
    assert_eq!(server.listen, "127.0.0.1:3".parse().unwrap());
    assert_eq!(server.data_dir, Path::new("/environment"));
    assert_eq!(server.name, "file");
}

#[test]
fn a_bad_value_names_its_key_its_value_and_the_reason() {
    refused(
        from_file("[limits]\ndevices_max = \"many\""),
        &[
            "scanpost.toml",
            "`limits.devices_max`",
            "\"many\"",
            "type integer",
            "type string",
        ],
    );
    refused(
        from_file("[limits]\nidle_timeout = 60"),
        &["`limits.idle_timeout`", "60", "type string", "\"1m\""],
    );
    refused(
        from_file("[limits]\nidle_timeout = \"soon\""),
        &["`limits.idle_timeout`", "\"soon\"", "must be a time span"],
    );
    refused(
        from_file("[limits]\ndevices_max = -1"),
        &["`limits.devices_max`", "-1", "must not be negative"],
    );
    refused(
        from_file("[server]\nlisten = \"localhost\""),
        &["`server.listen`", "\"localhost\"", "socket address"],
    );
    refused(
        from_file("[auth]\nmode = \"of\""),
        &["`auth.mode`", "\"of\"", "`auto`", "`required`", "`off`"],
    );
    refused(
        from_file("[logging]\nlevel = \"inof\""),
        &["`logging.level`", "`inof` is not a level"],
    );
    refused(
        from_environment("SCANPOST_LIMITS__DEVICES_MAX", "many"),
        &[
            "SCANPOST_LIMITS__DEVICES_MAX",
            "`limits.devices_max`",
            "many",
            "type integer",
        ],
    );
    refused(
        from_file("[limits"),
        &["scanpost.toml is not valid TOML", "line 1, column 8: "],
    );
}

#[test]
fn a_date_is_no_text() {
    for (text, key) in [
        ("[server]\nname = 1979-05-27", "`server.name`"),
        (
            "[server]\ncors_origins = [\"a\", 1979-05-27]",
            "`server.cors_origins[1]`",
        ),
        (
            "[[forward]]\nname = \"a\"\nkey = 1979-05-27T07:32:00Z",
            "`forward[0].key`",
        ),
    ] {
        refused(from_file(text), &[key, "must not be a date"]);
        let error = from_file(text).unwrap_err().to_string();
        assert!(!error.contains("1979"), "{error}");
    }
}

#[test]
fn no_error_of_the_file_shows_a_secret() {
    let secret = "77777777777777777777";
    let file = |line: &str| {
        format!(
            "[server]\nname = \"ü\"\n[[forward]]\nname = \"a\"\n{}\n",
            line.replace("SECRET", secret)
        )
    };
    for (line, place) in [
        ("key = \"SECRET", "line 5, column "),
        ("key = SECRET\"", "line 5, column "),
        ("key = \"\\SECRET\"", "line 5, column "),
        ("key = \"x\" SECRET", "line 5, column 11: "),
        ("key = \"ü\"\nkey = \"SECRET\"", "line 6, column 1: "),
        ("SECRET", "line 5, column "),
        ("key = pass_SECRET", "line 5, column "),
        ("key = SECRET", ": a value is out of range"),
        ("key = [\"SECRET\"", "line "),
        ("key = { SECRET", "line "),
        ("key = 7777777777777777", "`forward[0].key`"),
        ("key_env = 7777777777777777", "`forward[0].key_env`"),
        ("key_file = [\"SECRET\"]", "`forward[0].key_file`"),
        ("url = [\"SECRET\"]", "`forward[0].url`"),
    ] {
        let error = from_file(&file(line)).unwrap_err();
        let mut shown = format!("{error} {error:?}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            shown = format!("{shown} {error} {error:?}");
            cause = error.source();
        }
        assert!(shown.contains(place), "{line}: {shown}");
        assert!(!shown.contains("7777"), "{line}: {shown}");
    }
}

#[test]
fn filters_of_every_form_are_levels() {
    for level in [
        "off",
        "WARN",
        "info,scanpost=debug",
        "scanpost[request{id}]=trace",
    ] {
        let file = format!("[logging]\nlevel = \"{level}\"");
        assert_eq!(from_file(&file).unwrap().logging.level, level);
    }
    refused(from_file("[logging]\nlevel = \"\""), &["is not a level"]);
}

#[track_caller]
fn check(key: &str, good: &[&str], bad: &[&str]) {
    let (section, name) = key.split_once('.').unwrap();
    let load = |value: &str| from_file(&format!("[{section}]\n{name} = {value}"));
    for value in good {
        assert!(load(value).is_ok(), "{key} = {value}: {:?}", load(value));
    }
    for value in bad {
        refused(load(value), &[key, value, "must "]);
    }
}

#[test]
fn bounds_of_subscribers_hold_at_and_one_past() {
    for key in [
        "subscribers_max",
        "subscribers_per_client_max",
        "events_queue_max",
    ] {
        let key = format!("limits.{key}");
        check(&key, &["1", "1000000"], &["0", "1000001"]);
    }
    check(
        "limits.subscriber_bytes_per_second_max",
        &["0", "1000000000"],
        &["1000000001"],
    );
    check("limits.subscriptions_max", &["1", "10000"], &["0", "10001"]);
    check(
        "limits.subscriber_message_bytes_max",
        &["64", "16777216"],
        &["63", "16777217"],
    );
    for key in ["subscriber_timeout", "ping_interval"] {
        check(
            &format!("limits.{key}"),
            &["\"1ms\"", "\"1day\""],
            &["\"0s\"", "\"1day 1ms\""],
        );
    }
}

#[test]
fn bounds_of_connections_hold_at_and_one_past() {
    check(
        "limits.connections_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    check(
        "limits.connections_per_network_max",
        &["0", "1000000"],
        &["1000001"],
    );
    check(
        "limits.head_bytes_max",
        &["8192", "1048576"],
        &["8191", "1048577"],
    );
    for key in ["limits.refused_body_timeout", "limits.body_rate_after"] {
        let (inside, outside) = (["\"1ms\"", "\"1day\""], ["\"0s\"", "\"1day 1ms\""]);
        check(key, &inside, &outside);
    }
    check(
        "limits.body_bytes_per_second_min",
        &["0", "1000000000"],
        &["1000000001"],
    );
    check("limits.bodies_bytes_per_sender_max", &["0", "1"], &["-1"]);
    check(
        "limits.command_bytes_max",
        &["1024", "1073741824"],
        &["1023", "1073741825"],
    );
}

#[test]
fn bounds_of_new_sources_hold_at_and_one_past() {
    check(
        "limits.new_sources_per_hour_max",
        &["0", "1000000"],
        &["1000001"],
    );
}

#[test]
fn bounds_of_databases_hold_at_and_one_past() {
    check(
        "import.database_memory_bytes_max",
        &["67108864", "68719476736"],
        &["67108863", "68719476737"],
    );
    check(
        "import.database_time_max",
        &["\"1s\"", "\"1day\""],
        &["\"999ms\"", "\"1day 1s\""],
    );
}

#[test]
fn bounds_of_imports_hold_at_and_one_past() {
    for (key, least, most) in [
        ("body_bytes_max", 1024, 1 << 36),
        ("unpacked_bytes_max", 1024, 1 << 40),
        ("unpacked_ratio_max", 1, 100_000),
        ("files_max", 1, 65_534),
        ("jobs_max", 1, 10_000),
        ("jobs_kept_max", 1, 1_000_000),
    ] {
        let [below, least, most, above] =
            [least - 1, least, most, most + 1].map(|number: u64| number.to_string());
        check(
            &format!("import.{key}"),
            &[&least, &most],
            &[&below, &above],
        );
    }
    check("import.fields_max", &["0", "10000"], &["10001"]);
    check(
        "import.jobs_kept_for",
        &["\"0s\"", "\"36500days\""],
        &["\"36500days 1s\""],
    );
    check(
        "import.retry_delay",
        &["\"1ms\"", "\"1h\""],
        &["\"999us\"", "\"1h 1ms\""],
    );
    check(
        "import.answer_within",
        &["\"0s\"", "\"1h\""],
        &["\"1h 1ms\""],
    );
}

/// A list of retention rules with one rule.
fn rule(rest: &str) -> String {
    format!("[{{ {rest} }}]")
}

#[test]
fn bounds_of_retention_hold_at_and_one_past() {
    check("retention.days", &["0", "36500"], &["36501"]);
    check("retention.size", &["\"0B\"", "\"1MiB\""], &["\"1048575B\""]);
    check(
        "retention.device_timeout",
        &["\"0s\"", "\"36500days\""],
        &["\"36500days 1s\""],
    );
    let rules = |count| {
        format!(
            "[{}]",
            ["{ keep = \"1s\", source = \"a\" }"; 65][..count].join(", ")
        )
    };
    check(
        "retention.rules",
        &["[]", &rules(1), &rules(64)],
        &[&rules(65)],
    );
    for keep in ["0s", "1s", "36500days"] {
        let rule = rule(&format!("keep = \"{keep}\", source = \"a\""));
        check("retention.rules", &[&rule], &[]);
    }
    for keep in ["1ms", "999ms", "36500days 1s", "soon"] {
        let rule = rule(&format!("keep = \"{keep}\", source = \"a\""));
        check("retention.rules", &[], &[&rule]);
    }
    let source = |bytes| rule(&format!("keep = \"1s\", source = {:?}", "a".repeat(bytes)));
    check("retention.rules", &[&source(1024)], &[&source(1025)]);
    let sources = |count, bytes| {
        let list = list(&"a".repeat(bytes), count);
        rule(&format!("keep = \"1s\", sources = {list}"))
    };
    check(
        "retention.rules",
        &[&sources(64, 1), &sources(1, 1024)],
        &[&sources(65, 1), &sources(1, 0), &sources(1, 1025)],
    );
}

#[test]
fn a_rule_of_retention_that_is_refused_is_named_with_the_reason() {
    let load = |text: &str| {
        from_file(&format!(
            "[[retention.rules]]\nsource = \"a\"\nkeep = \"1s\"\n{text}"
        ))
    };
    let rules = load("[[retention.rules]]\nsources = [\"b\", \"c\"]\nkeep = \"2days\"").unwrap();
    let rules = rules.retention.rules;
    assert_eq!(
        rules
            .iter()
            .flat_map(RetentionRule::names)
            .collect::<Vec<_>>(),
        ["a", "b", "c"]
    );
    assert_eq!(rules[1].age_max(), Some(DAY * 2));
    for (rule, reason) in [
        ("keep = \"1s\"", "`retention.rules[1].source` is missing"),
        (
            "source = \"b\"\nsources = [\"c\"]\nkeep = \"1s\"",
            "`retention.rules[1].sources` must be left out",
        ),
        (
            "source = \"b\"\nkeep = \"1ms\"",
            "`retention.rules[1].keep` must be 0s or",
        ),
        ("source = \"b\"", "missing field `keep`"),
        (
            "source = \"b\"\nkeep = \"1s\"\ndays = 1",
            "unknown field `days`",
        ),
        ("source = \"b\"\nkeep = 7", "keep"),
    ] {
        let loaded = load(&format!("[[retention.rules]]\n{rule}"));
        refused(loaded, &["`retention.rules`", reason]);
    }
    refused(
        from_environment("SCANPOST_RETENTION__RULES", "a"),
        &["SCANPOST_RETENTION__RULES", "`retention.rules`"],
    );
}

/// A list with so many times the same text.
fn list(text: &str, count: usize) -> String {
    format!("[{}]", vec![format!("{text:?}"); count].join(", "))
}

#[test]
fn bounds_of_privacy_hold_at_and_one_past() {
    for (key, entry, most) in [
        ("zones", "52.52 13.4 200", 64),
        ("ssids", "a", 10_000),
        ("ssid_patterns", "a*", 1000),
        ("addresses", "AA:BB:CC", 10_000),
    ] {
        check(
            &format!("privacy.{key}"),
            &["[]", &list(entry, 1), &list(entry, most)],
            &[&list(entry, most + 1), &list("", 1)],
        );
    }
    check(
        "privacy.zones",
        &["[\"90 -180 10\"]", "[\"-90,180,100000\"]"],
        &[
            "[\"90.1 0 10\"]",
            "[\"0 180.1 10\"]",
            "[\"0 0 9\"]",
            "[\"0 0 100001\"]",
        ],
    );
    let names = [128, 129].map(|length| list(&"a".repeat(length), 1));
    check("privacy.ssids", &[&names[0]], &[&names[1]]);
    let patterns = [64, 65].map(|length| list(&"a".repeat(length), 1));
    check("privacy.ssid_patterns", &[&patterns[0]], &[&patterns[1]]);
}

#[test]
fn an_entry_of_privacy_that_is_refused_is_named_with_the_reason() {
    refused(
        from_file("[privacy]\nzones = [\"52.52 east 200\"]"),
        &[
            "privacy.zones",
            "52.52 east 200",
            "latitude, longitude and metres",
        ],
    );
    refused(
        from_file("[privacy]\naddresses = [\"AA:BB:CX\"]"),
        &["privacy.addresses", "first hex digits"],
    );
    let zones = from_environment("SCANPOST_PRIVACY__ZONES", "52.52 13.4 200, 48.2 16.4 100");
    assert_eq!(zones.unwrap().privacy.zones.len(), 2);
}

#[test]
fn bounds_of_exports_hold_at_and_one_past() {
    check(
        "export.file_bytes_max",
        &["1048576", "1099511627776"],
        &["1048575", "1099511627777"],
    );
    check(
        "export.package_devices_max",
        &["1", "50000"],
        &["0", "50001"],
    );
}

#[test]
fn bounds_of_histories_hold_at_and_one_past() {
    check(
        "limits.history_buckets_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    check(
        "limits.history_entries_max",
        &["1", "10000000"],
        &["0", "10000001"],
    );
    check(
        "limits.history_memory_rows",
        &["0", "16", "65536"],
        &["1", "15", "65537"],
    );
}

#[test]
fn bounds_hold_at_and_one_past() {
    check("limits.json_depth_max", &["4", "100"], &["3", "101"]);
    check(
        "limits.body_bytes_max",
        &["1", "134217728"],
        &["0", "1073741825"],
    );
    check("limits.bodies_bytes_max", &["16777216"], &["16777215", "0"]);
    check(
        "limits.queue_batches_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    check(
        "limits.reports_per_batch_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    check(
        "limits.devices_max",
        &["1", "1000000000"],
        &["0", "1000000001"],
    );
    for key in ["reports", "bytes"] {
        let key = format!("limits.{key}_per_second_max");
        check(&key, &["0", "1000000000"], &["1000000001"]);
    }
    check(
        "limits.memory_bytes_max",
        &["0", "1048576", "9223372036854775807"],
        &["1", "1048575"],
    );
    check("limits.sources_max", &["1", "1000000"], &["0", "1000001"]);
    check(
        "limits.page_items_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    check(
        "limits.command_items_max",
        &["1", "1000000"],
        &["0", "1000001"],
    );
    for key in ["limits.device_walks_max", "limits.log_reads_max"] {
        check(key, &["1", "1000"], &["0", "1001"]);
    }
    check("limits.reads_waiting_max", &["0", "100000"], &["100001"]);
    check("limits.refusal_delay", &["\"2s\""], &["\"2001ms\""]);
    check("retention.days", &["0", "36500"], &["36501", "-1"]);
    check(
        "retention.size",
        &["\"0B\"", "\"1MiB\"", "\"20 GB\""],
        &["\"1048575B\"", "\"much\"", "\"-1MB\"", "5"],
    );
    check(
        "retention.device_timeout",
        &["\"0s\"", "\"36500days\""],
        &["\"36500days 1s\"", "\"5\""],
    );
    check(
        "auth.session_timeout",
        &["\"1s\"", "\"365days\""],
        &["\"999ms\"", "\"365days 1s\""],
    );
    check("auth.sessions_max", &["1", "1000000"], &["0", "1000001"]);
    check(
        "snapshots.interval",
        &["\"1ms\"", "\"1day\""],
        &["\"999us\"", "\"1day 1s\""],
    );
    for entries in ["ssids", "sources", "frequencies", "tags"] {
        let key = format!("limits.{entries}_per_device_max");
        check(&key, &["1", "10000"], &["0", "10001"]);
    }
    for bytes in ["source_name", "capabilities", "tag"] {
        let key = format!("limits.{bytes}_bytes_max");
        check(&key, &["1", "65535"], &["0", "65536"]);
    }
    for bytes in ["tags", "advertising"] {
        let key = format!("limits.{bytes}_bytes_per_device_max");
        check(&key, &["1", "65535"], &["0", "65536"]);
    }
    for timeout in ["header", "body", "idle"] {
        let key = format!("limits.{timeout}_timeout");
        check(
            &key,
            &["\"1ms\"", "\"1day\""],
            &["\"0s\"", "\"999us\"", "\"1day 1ms\""],
        );
    }
    check(
        "server.shutdown_grace",
        &["\"0s\"", "\"1h\""],
        &["\"1h 1ms\"", "\"-1s\""],
    );
    check(
        "ingest.clock_skew_max",
        &["\"0s\"", "\"365days\""],
        &["\"365days 1s\""],
    );
}

#[test]
fn bounds_of_alerts_hold_at_and_one_past() {
    let load = |key: &str, value: &str| from_file(&format!("[alerts]\n{key} = {value}"));
    for (key, least, most) in [
        ("kept_max", 1, 1_000_000),
        ("backlog", 1, 1_000_000),
        ("definitions_max", 0, 10_000),
        ("text_bytes_max", 1, 65_535),
        ("watched_max", 1, 1_000_000),
        ("eviltwin_ssids_max", 1, 10_000_000),
        ("sourcesilent_factor", 1, 1000),
        ("apmoved_distance_m", 1, 20_000_000),
    ] {
        for value in [least, most] {
            load(key, &value.to_string()).unwrap();
        }
        for value in [least - 1, most + 1] {
            let refused_key = format!("`alerts.{key}`");
            refused(load(key, &value.to_string()), &[&refused_key, "must"]);
        }
    }
    for key in [
        "devicefound_timeout",
        "devicelost_timeout",
        "sourcesilent_least",
    ] {
        for span in ["\"1s\"", "\"365days\""] {
            load(key, span).unwrap();
        }
        for span in ["\"999ms\"", "\"365days 1s\""] {
            refused(load(key, span), &[key, "must be 1s to 365days"]);
        }
    }
}

#[test]
fn all_bodies_together_hold_at_least_two() {
    let file = "[limits]\nbody_bytes_max = 10\nbodies_bytes_max = ";
    assert!(from_file(&format!("{file}20")).is_ok());
    refused(
        from_file(&format!("{file}19")),
        &[
            "`limits.bodies_bytes_max` = 19",
            "twice `limits.body_bytes_max`",
            "which is 10",
        ],
    );
}

#[test]
fn origins_are_origins() {
    #[track_caller]
    fn cors(list: &str) -> Result<Vec<String>, ConfigError> {
        from_file(&format!("[server]\ncors_origins = {list}"))
            .map(|config| config.server.cors_origins)
    }
    let two = ["https://map.example", "http://[::1]:3000"];
    assert_eq!(cors(&format!("{two:?}")).unwrap(), two);
    let listed = from_environment("SCANPOST_SERVER__CORS_ORIGINS", &two.join(", "));
    assert_eq!(listed.unwrap().server.cors_origins, two);
    let none = from_environment("SCANPOST_SERVER__CORS_ORIGINS", "").unwrap();
    assert_eq!(none, Config::default());
    for bad in [
        "*",
        "map.example",
        "https://map.example/",
        "https://",
        "null",
    ] {
        refused(
            cors(&format!("[{bad:?}]")).map(|_| Config::default()),
            &["`server.cors_origins`", "must be origins"],
        );
    }
    assert!(cors("\"https://map.example\"").is_err());
}

#[test]
fn a_prefix_is_whole_parts_of_a_path() {
    let load = |prefix: &str| from_file(&format!("[server]\nuri_prefix = {prefix:?}"));
    for good in ["", "/kismet", "/a/b-c.d_e~f/0"] {
        assert_eq!(load(good).unwrap().server.uri_prefix, good);
    }
    for bad in [
        "kismet", "/", "/kismet/", "//kismet", "/a//b", "/a/../b", "/a b", "/a?b", "/%61",
    ] {
        refused(load(bad), &["`server.uri_prefix`", bad, "must be"]);
    }
}

#[test]
fn proxies_are_addresses_and_networks() {
    let load = |list: &[&str]| from_file(&format!("[server]\nproxies = {list:?}"));
    let all = ["127.0.0.1", "10.0.0.0/8", "::1", "fd00::/8"];
    assert_eq!(load(&all).unwrap().server.proxies, all);
    let listed = from_environment("SCANPOST_SERVER__PROXIES", &all.join(","));
    assert_eq!(listed.unwrap().server.proxies, all);
    for bad in ["", "localhost", "10.0.0.0/33", "10.0.0", "127.0.0.1:80"] {
        refused(load(&[bad]), &["`server.proxies`", "must be addresses"]);
    }
    for everybody in ["0.0.0.0/0", "10.0.0.0/0", "::/0"] {
        let parts = ["`server.proxies`", "must not be everybody", everybody];
        refused(load(&["127.0.0.1", everybody]), &parts);
    }
    load(&["128.0.0.0/1", "8000::/1"]).unwrap();
}

#[test]
fn hosts_are_names_and_addresses_without_ports() {
    let load = |list: &[&str]| from_file(&format!("[server]\nhosts = {list:?}"));
    let all = ["scan.example", "Scan_1", "192.168.1.1", "2001:db8::1"];
    assert_eq!(load(&all).unwrap().server.hosts, all);
    let listed = from_environment("SCANPOST_SERVER__HOSTS", &all.join(","));
    assert_eq!(listed.unwrap().server.hosts, all);
    for bad in [
        "",
        "scan.example:80",
        "https://scan.example",
        "*.example",
        "[::1]",
    ] {
        refused(load(&[bad]), &["`server.hosts`", "must be names"]);
    }
}

#[test]
fn limits_of_logins_have_bounds() {
    for (key, least, most) in [
        ("logins_waiting_max", 1, 10_000),
        ("guesses_per_minute_max", 1, 1_000_000),
    ] {
        let load = |value: i64| from_file(&format!("[auth]\n{key} = {value}"));
        for fine in [least, most] {
            load(fine).unwrap();
        }
        for bad in [least - 1, most + 1] {
            refused(load(bad), &[&format!("`auth.{key}`"), "must be 1 to"]);
        }
    }
    for (key, most, more) in [
        ("auth.stale_max", "1h", "3601s"),
        ("server.hsts_max_age", "730days", "731days"),
    ] {
        let (section, name) = key.split_once('.').unwrap();
        let load = |value: &str| from_file(&format!("[{section}]\n{name} = {value:?}"));
        for fine in ["0s", most] {
            load(fine).unwrap();
        }
        refused(load(more), &[&format!("`{key}`"), "must be 0s to"]);
    }
    let delay = |value: &str| from_file(&format!("[auth]\nguess_delay = {value:?}"));
    for fine in ["100ms", "1h"] {
        delay(fine).unwrap();
    }
    for bad in ["99ms", "3601s"] {
        refused(delay(bad), &["`auth.guess_delay`", "must be 100ms to 1h"]);
    }
    let bound = from_environment("SCANPOST_AUTH__BIND_SOURCES", "true");
    assert!(bound.unwrap().auth.bind_sources);
}

#[test]
fn a_certificate_needs_a_key_and_a_key_a_certificate() {
    let both = "tls_certificate = \"a.pem\"\ntls_key = \"b.pem\"";
    assert!(from_file(&format!("[server]\n{both}")).is_ok());
    for (given, missing) in [
        ("tls_certificate", "tls_key"),
        ("tls_key", "tls_certificate"),
    ] {
        let half = from_file(&format!("[server]\n{given} = \"a.pem\""));
        let missing = format!("`server.{missing}` = \"\"");
        refused(half, &[&missing, &format!("`server.{given}`")]);
    }
}

#[test]
fn data_goes_where_it_was_told_else_below_home() {
    let mut server = Server::default();
    let home = || Some(PathBuf::from("/home/x/.local/share"));
    assert_eq!(
        server.data_dir_within(home()).unwrap(),
        Path::new("/home/x/.local/share/scanpost")
    );
    refused(
        server.data_dir_within(None).map(|_| Config::default()),
        &["no home directory", "--data-dir"],
    );
    server.data_dir = "/srv/scanpost".into();
    assert_eq!(
        server.data_dir_within(home()).unwrap(),
        Path::new("/srv/scanpost")
    );
    assert_eq!(
        server.data_dir_within(None).unwrap(),
        Path::new("/srv/scanpost")
    );
}

#[test]
fn a_named_file_must_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scanpost.toml");
    let load = || Config::load(Some(&path), [], Overrides::default());
    refused(load(), &["cannot read", "scanpost.toml"]);

    std::fs::write(&path, "[server]\nname = \"attic\"").unwrap();
    assert_eq!(load().unwrap().server.name, "attic");
}

#[test]
fn spans_are_told_in_the_units_of_the_documentation_and_can_be_read_again() {
    for text in [
        "0s",
        "1ms",
        "1s",
        "1h 30m",
        "1day",
        "1day 1ms",
        "7days",
        "30days",
        "365days",
        "36500days",
        "3days 4h 5s",
    ] {
        let span = humantime::parse_duration(text).unwrap();
        assert_eq!(span_text(span), text);
    }
    let longest = Duration::new(u64::MAX, 999_999_999);
    assert!(
        span_text(longest).ends_with("days 7h 15s 999ms 999us 999ns"),
        "{}",
        span_text(longest)
    );
}
