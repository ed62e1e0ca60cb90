use std::fs;

use super::*;

const NOW: u64 = 1_700_000_000;

fn empty() -> (tempfile::TempDir, Credentials) {
    let dir = tempfile::tempdir().unwrap();
    let credentials = Credentials::open(dir.path()).unwrap();
    (dir, credentials)
}

fn holder(credentials: &Credentials, key: &Secret, now: u64) -> Option<Identity> {
    credentials.holder(TokenHash::of(key.reveal()), now)
}

#[test]
fn a_key_opens_by_its_role_until_it_expires_or_is_revoked() {
    let (dir, credentials) = empty();
    let create = |name: &str, lifetime| {
        let role = Role::Readonly;
        credentials.create_key(name, role, lifetime, NOW)
    };
    let (forever, short) = (create("a", None).unwrap(), create("b", Some(5)).unwrap());
    let identity = holder(&credentials, &forever, u64::MAX).unwrap();
    assert_eq!(identity.principal, Principal::Key("a".into()));
    assert_eq!(identity.role, Role::Readonly);
    assert!(holder(&credentials, &short, NOW + 4).is_some());
    assert!(holder(&credentials, &short, NOW + 5).is_none());
    assert!(matches!(
        create("b", None),
        Err(CredentialsError::NameTaken)
    ));
    assert!(matches!(
        create("c", Some(0)),
        Err(CredentialsError::BadLifetime)
    ));
    assert!(matches!(create("", None), Err(CredentialsError::BadName)));
    // The name is free again once the key has expired.
    let again = credentials
        .create_key("b", Role::Admin, None, NOW + 5)
        .unwrap();
    assert!(holder(&credentials, &short, NOW).is_none());
    assert_eq!(holder(&credentials, &again, NOW).unwrap().role, Role::Admin);

    credentials.revoke_key("a").unwrap();
    assert!(holder(&credentials, &forever, NOW).is_none());
    assert!(matches!(
        credentials.revoke_key("a"),
        Err(CredentialsError::NoSuchKey)
    ));
    assert_eq!(credentials.keys().len(), 1);
    assert!(credentials.holder(TokenHash::of(""), NOW).is_none());

    let text = fs::read_to_string(dir.path().join(CREDENTIALS)).unwrap();
    assert!(!text.contains(again.reveal()), "{text}");
}

#[test]
fn what_one_process_changes_the_other_sees_and_loses_nothing() {
    let (dir, server) = empty();
    let command_line = Credentials::open(dir.path()).unwrap();
    let mut keys = Vec::new();
    for turn in 0..10 {
        let one = [&server, &command_line][turn % 2];
        let key = one.create_key(&turn.to_string(), Role::Admin, None, NOW);
        keys.push(key.unwrap());
        for key in &keys {
            assert!(holder(&server, key, NOW).is_some());
            assert!(holder(&command_line, key, NOW).is_some());
        }
    }
    command_line.revoke_key("3").unwrap();
    assert!(holder(&server, &keys[3], NOW).is_none());
    // No program removes the file.
    fs::remove_file(dir.path().join(CREDENTIALS)).unwrap();
    server.refresh();
    let soon = Instant::now() + Duration::from_secs(5);
    assert!(holder(&server, &keys[0], NOW).is_some());
    assert!(server.is_closed(soon) && !server.is_closed(Instant::now()));
    let refused = server.create_key("new", Role::Admin, None, NOW);
    assert!(matches!(refused, Err(CredentialsError::Read { .. })));
}

#[test]
fn a_file_that_cannot_be_read_any_more_leaves_what_was_there() {
    let (dir, credentials) = empty();
    let key = credentials.create_key("a", Role::Admin, None, NOW).unwrap();
    fs::write(dir.path().join(CREDENTIALS), "{").unwrap();
    assert!(holder(&credentials, &key, NOW).is_some());
    assert!(holder(&credentials, &key, NOW).is_some());
    let refused = credentials.revoke_key("a");
    assert!(matches!(refused, Err(CredentialsError::Read { .. })));
    assert!(matches!(
        Credentials::open(dir.path()),
        Err(CredentialsError::Read { .. })
    ));
}

#[test]
fn a_password_replaces_that_of_the_user_and_is_never_empty() {
    let (_dir, credentials) = empty();
    assert!(!credentials.has_users());
    let first = |user| credentials.replace_password(user, "password one", &Replaced::Nobody);
    first("admin").unwrap();
    assert!(matches!(first("other"), Err(CredentialsError::AlreadySet)));
    let before = credentials.password_of("admin").unwrap();
    credentials.set_password("admin", "password two").unwrap();
    let hash = credentials.password_of("admin").unwrap();
    assert!(hash != before && password::verify("password two", Some(&hash)));

    let replaced = Replaced::User(Some("admin".into()));
    credentials
        .replace_password("bob", "password three", &replaced)
        .unwrap();
    assert!(credentials.password_of("admin").is_none());
    assert!(credentials.password_of("bob").is_some());

    for user in ["", "a:b", " ", "a\n"] {
        let refused = credentials.set_password(user, "a password");
        assert!(
            matches!(refused, Err(CredentialsError::BadName)),
            "{user:?}"
        );
    }
    for password in [
        "",
        "1234567",
        "\u{e4}234567",
        "a\nbcdefgh",
        &"x".repeat(1025),
    ] {
        let refused = credentials.set_password("a", password);
        assert!(matches!(refused, Err(CredentialsError::BadPassword)));
    }
    for password in ["12345678", "\u{e4}2345678", &"x".repeat(1024)] {
        credentials.set_password("a", password).unwrap();
    }
}

#[test]
fn the_last_user_is_removed_only_if_that_is_meant() {
    let (dir, credentials) = empty();
    for name in ["a", "b"] {
        credentials.set_password(name, "a password").unwrap();
    }
    let names = |credentials: &Credentials| {
        let users = credentials.users().into_iter();
        users.map(|user| user.name.into()).collect::<Vec<String>>()
    };
    assert_eq!(names(&credentials), ["a", "b"]);
    let missing = credentials.remove_user("c", true);
    assert!(matches!(missing, Err(CredentialsError::NoSuchUser)));
    credentials.remove_user("a", false).unwrap();
    let last = credentials.remove_user("b", false);
    assert!(matches!(last, Err(CredentialsError::LastUser)));
    assert_eq!(names(&Credentials::open(dir.path()).unwrap()), ["b"]);
    credentials.remove_user("b", true).unwrap();
    assert!(!credentials.has_users());
}

#[test]
fn last_uses_are_kept_for_what_still_exists() {
    let (dir, credentials) = empty();
    let create = |name| {
        credentials
            .create_key(name, Role::Admin, None, NOW)
            .unwrap()
    };
    let (one, two) = (create("one"), create("two"));
    create("unused");
    credentials.set_password("admin", "a password").unwrap();
    for (key, now) in [(&one, NOW + 5), (&one, NOW + 7), (&two, NOW + 9)] {
        holder(&credentials, key, now).unwrap();
    }
    credentials.note_user("admin", NOW + 1);
    credentials.revoke_key("two").unwrap();
    credentials.save_uses();
    let path = dir.path().join("auth-uses.json");
    let written = fs::read_to_string(&path).unwrap();
    assert!(!written.contains(one.reveal()), "{written}");
    // Without a use nothing is written.
    fs::remove_file(&path).unwrap();
    credentials.save_uses();
    assert!(!path.exists());

    fs::write(&path, written).unwrap();
    let again = Credentials::open(dir.path()).unwrap();
    let uses: Vec<_> = again.keys().iter().map(|key| key.last_used).collect();
    assert_eq!(uses, [Some(NOW + 7), None]);
    assert_eq!(again.users()[0].last_used, Some(NOW + 1));
    fs::write(&path, "{").unwrap();
    let anew = Credentials::open(dir.path()).unwrap();
    assert!(anew.keys().iter().all(|key| key.last_used.is_none()));
}

#[test]
fn the_first_credentials_are_made_once_and_kept_hashed() {
    let (dir, credentials) = empty();
    let first = credentials.make_first(NOW).unwrap().unwrap();
    let key = holder(&credentials, &first.key, NOW).unwrap();
    assert_eq!(key.role, Role::Scanreport);
    let hash = credentials.password_of(first.user).unwrap();
    assert!(password::verify(first.password.reveal(), Some(&hash)));
    let text = fs::read_to_string(dir.path().join(CREDENTIALS)).unwrap();
    for secret in [first.key.reveal(), first.password.reveal()] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(credentials.make_first(NOW).unwrap().is_none());
}

#[test]
fn there_is_a_bound() {
    let (_dir, credentials) = empty();
    credentials
        .update(|document| {
            let key = Key {
                name: "x".into(),
                role: Role::Admin,
                hash: TokenHash::of("x"),
                created: NOW,
                expires: None,
            };
            document.keys = vec![key; ENTRIES_MAX];
            Ok(())
        })
        .unwrap();
    let one_more = credentials.create_key("y", Role::Admin, None, NOW);
    assert!(matches!(one_more, Err(CredentialsError::TooMany)));
}
