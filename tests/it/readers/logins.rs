//! Programs with passwords: old ones, wrong ones, and right ones where none is needed.

use futures_util::future::join_all;
use reqwest::Method;

use crate::auth::{LOGIN, STATUS, basic, cookie, get_with, guarded, log_in};
use crate::server::Answer;

/// A program that still has the old password asks again and again, and shuts nobody out.
#[tokio::test]
async fn a_password_that_is_sent_again_locks_nobody_out() {
    let (server, credentials) = guarded().await;
    credentials.set_password("admin", "old password").unwrap();
    log_in(&server, "old password").await.expect_status(200);
    credentials.set_password("admin", "right horse").unwrap();
    for _ in 0..50 {
        log_in(&server, "old password").await.expect_status(401);
        server
            .get(&format!("{STATUS}?user=admin&password=old+password"))
            .await
            .expect_status(401);
    }
    log_in(&server, "right horse").await.expect_status(200);
    // Several of them beside each other.
    for round in 0..20 {
        for stale in ["old password", "older", "oldest"] {
            log_in(&server, stale).await.expect_status(401);
        }
        let answer = log_in(&server, "right horse").await;
        assert_eq!(answer.status, 200, "{round}");
    }
}

/// Guesses are slowed as before, and while they are, what was wrong is still told to be.
#[tokio::test]
async fn only_new_guesses_count_and_they_are_slowed() {
    let (server, _) = guarded().await;
    let guess = async |user: &str, password: &str| {
        Answer::of(basic(server.request(Method::GET, LOGIN), user, password)).await
    };
    log_in(&server, "stale").await.expect_status(401);
    for number in 0..4 {
        log_in(&server, &format!("guess {number}"))
            .await
            .expect_status(401);
    }
    let refused = log_in(&server, "guess 4").await.expect_status(429);
    assert!(refused.headers.contains_key("retry-after"));
    // The same password of another user is another guess, and so is the right one.
    guess("root", "stale").await.expect_status(429);
    log_in(&server, "right horse").await.expect_status(429);
    for number in 0..4 {
        log_in(&server, "stale").await.expect_status(401);
        log_in(&server, &format!("guess {number}"))
            .await
            .expect_status(401);
    }
    // What was refused unseen is not known to be wrong.
    log_in(&server, "guess 4").await.expect_status(429);
    // Guesses where no login is needed are guesses too.
    let open = format!(
        "/session/check_setup_ok?user=admin&password={}",
        "right+horse"
    );
    let answer = server.get(&open).await.expect_status(200);
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn guesses_where_no_login_is_needed_count() {
    let (server, _) = guarded().await;
    for number in 0..5 {
        let path = format!("/session/check_setup_ok?user=admin&password=guess{number}");
        server.get(&path).await.expect_status(200);
    }
    log_in(&server, "right horse").await.expect_status(429);
}

/// What was wrong is right as soon as it is the password.
#[tokio::test]
async fn a_wrong_password_that_becomes_the_password_opens() {
    let (server, credentials) = guarded().await;
    for _ in 0..3 {
        log_in(&server, "next horse").await.expect_status(401);
    }
    credentials.set_password("admin", "next horse").unwrap();
    log_in(&server, "next horse").await.expect_status(200);
    log_in(&server, "right horse").await.expect_status(401);
    credentials.set_password("admin", "right horse").unwrap();
    log_in(&server, "right horse").await.expect_status(200);
    log_in(&server, "next horse").await.expect_status(401);
}

/// As `kismet-java-client` logs in: with credentials where none are needed, and from then on with the cookie.
#[tokio::test]
async fn a_cookie_of_an_open_route_opens_the_others() {
    let (server, _) = guarded().await;
    for path in [
        "/session/check_setup_ok?user=admin&password=right+horse",
        "/system/user_status.json?user=admin&password=right+horse",
        "/?user=admin&password=right+horse",
    ] {
        let cookie = cookie(&server.get(path).await.expect_status(200));
        get_with(&server, STATUS, "cookie", &cookie)
            .await
            .expect_status(200);
        get_with(&server, LOGIN, "cookie", &cookie)
            .await
            .expect_status(200);
        // Who shows it gets no other.
        let again = server.request(Method::GET, path).header("cookie", &cookie);
        let again = Answer::of(again).await.expect_status(200);
        assert!(!again.headers.contains_key("set-cookie"), "{path}");
    }
}

/// A page sends several requests at once, and so its old password, before any of them is known to be wrong.
#[tokio::test]
async fn a_password_that_is_sent_several_times_at_once_is_one_guess() {
    let (server, _) = guarded().await;
    for stale in ["old password", "older"] {
        let answers = join_all((0..12).map(|_| log_in(&server, stale))).await;
        for answer in answers {
            answer.expect_status(401);
        }
    }
    log_in(&server, "third").await.expect_status(401);
    log_in(&server, "fourth").await.expect_status(401);
    log_in(&server, "right horse").await.expect_status(200);
}
