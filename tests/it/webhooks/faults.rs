//! Receivers that are slow, gone or redirected, and alerts that were evicted from the list.

use std::iter;
use std::time::{Duration, SystemTime};

use scanpost::config::Webhook;
use serde_json::json;

use super::receiver::{Alerts, PATIENCE, Receiver, Reply, Running, id, ids, webhook};
use crate::server::TestServer;

const HOUR: Duration = Duration::from_secs(60 * 60);

#[tokio::test]
async fn a_receiver_that_never_answers_keeps_nobody_else_waiting() {
    let slow = Receiver::start(|_| Reply::Hang).await;
    let quick = Receiver::start(|_| Reply::Status(200)).await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let webhooks = [webhook("quick", quick.addr), webhook("slow", slow.addr)];
    let running = Running::start(&webhooks, alerts.feed(), dir.path());
    alerts.raise(50);
    running.until(|status| status.delivered == 50).await;
    slow.until(|got| got.len() == 1).await;
    assert_eq!(running.webhooks.statuses()[1].waiting, 50);
    // An attempt in flight ends with the grace period.
    running.stop.cancel();
    running.deliveries.finish(Duration::ZERO).await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_does_not_hold_the_server() {
    let slow = Receiver::start(|_| Reply::Hang).await;
    let server =
        TestServer::start_with(|config| config.webhooks = vec![webhook("slow", slow.addr)]).await;
    let test = server.post("/api/v1/webhooks/slow/test", None, "");
    let others = async {
        slow.until(|got| got.len() == 1).await;
        server
            .report(json!([{ "bssid": "02:00:5E:10:00:01" }]))
            .await;
    };
    tokio::select! {
        answer = test => panic!("{answer:?}"),
        () = others => {}
    }
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_failure() {
    let mut count = 0;
    let receiver = Receiver::start(move |_| {
        count += 1;
        if count == 1 {
            Reply::Hang
        } else {
            Reply::Status(200)
        }
    })
    .await;
    let impatient = Webhook {
        timeout: Duration::from_millis(50),
        ..webhook("a", receiver.addr)
    };
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[impatient], alerts.feed(), dir.path());
    alerts.raise(1);
    let status = running.until(|status| status.delivered == 1).await;
    assert_eq!(status.last_error.unwrap(), "no answer within 50ms");
    // On a busy machine further attempts may time out too.
    let came = receiver.ids();
    assert!(
        1 < came.len() && came.iter().all(|one| *one == id(1)),
        "{came:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::start(|_| Reply::Status(200)).await;
    let target: &'static str = format!("http://{}/", elsewhere.addr).leak();
    let mut redirects = [301, 302, 303, 307, 308].into_iter();
    let receiver = Receiver::start(move |_| match redirects.next() {
        Some(status) => Reply::With(status, "location", target),
        None => Reply::Status(200),
    })
    .await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    alerts.raise(1);
    let status = running.until(|status| status.delivered == 1).await;
    assert_eq!(
        status.last_error.unwrap(),
        "answered 308 Permanent Redirect; redirects are not followed"
    );
    assert_eq!((receiver.ids(), elsewhere.ids()), (ids([1; 6]), ids([])));
}

#[tokio::test]
async fn a_receiver_that_answers_gone_is_left_alone_until_the_next_start() {
    let receiver = Receiver::start(|got| match got.id() {
        "alert-2" => Reply::Status(410),
        _ => Reply::Status(200),
    })
    .await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    alerts.raise(3);
    let status = running.until(|status| status.is_stopped).await;
    assert_eq!((status.delivered, status.waiting), (1, 2));
    assert_eq!(status.last_error.unwrap(), "answered 410 Gone");
    assert_eq!(status.next_try, None);
    // The deliveries have ended without a request to stop.
    tokio::time::timeout(PATIENCE, running.deliveries.finish(PATIENCE * 2))
        .await
        .unwrap();
    assert_eq!(receiver.ids(), ids([1, 2]));

    let back = Receiver::start(|_| Reply::Status(200)).await;
    let again = Running::start(&[webhook("a", back.addr)], alerts.feed(), dir.path());
    again.until(|status| status.delivered == 3).await;
    assert_eq!(back.ids(), ids([2, 3]));
}

#[tokio::test]
async fn retry_after_is_respected_within_the_limit() {
    let (asked, bound, none) = (HOUR, HOUR / 2, Duration::from_millis(1));
    for (retry_max, reply, expected) in [
        (HOUR * 2, Reply::With(429, "retry-after", "3600"), asked),
        (bound, Reply::With(503, "retry-after", "3600"), bound),
        (
            bound,
            Reply::With(503, "retry-after", "Fri, 31 Dec 9999 23:59:59 GMT"),
            bound,
        ),
        (HOUR, Reply::With(500, "retry-after", "soon"), none),
    ] {
        let receiver = Receiver::start(move |_| reply).await;
        let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
        let patient = Webhook {
            retry_max,
            ..webhook("a", receiver.addr)
        };
        let running = Running::start(&[patient], alerts.feed(), dir.path());
        let before = SystemTime::now();
        alerts.raise(1);
        let status = running.until(|status| status.next_try.is_some()).await;
        let next = status.next_try.unwrap();
        let (least, most) = (before + expected / 2, SystemTime::now() + expected);
        assert!(least <= next && next <= most, "{reply:?}: {next:?}");
        if expected != none {
            assert!(before + expected <= next, "{reply:?}: {next:?}");
            assert_eq!((status.failures, receiver.ids()), (1, ids([1])));
        }
        // A wait for the next attempt does not delay a stop.
        running.stop().await;
    }
}

/// Starts and stops the webhook, so that it gets all later alerts, and starts it again after `change`.
async fn started_behind(
    change: impl FnOnce(&Alerts),
    hook: Webhook,
) -> (Running, tempfile::TempDir) {
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let hooks = [hook];
    Running::start(&hooks, alerts.feed(), dir.path())
        .stop()
        .await;
    change(&alerts);
    (Running::start(&hooks, alerts.feed(), dir.path()), dir)
}

#[tokio::test]
async fn evicted_alerts_are_counted_as_lost() {
    for (raised, forgotten) in [(100, 60), (5, 5), (3, 0)] {
        let receiver = Receiver::start(|_| Reply::Status(200)).await;
        let change = |alerts: &Alerts| {
            alerts.raise(raised);
            alerts.forget(forgotten);
        };
        let (running, _dir) = started_behind(change, webhook("a", receiver.addr)).await;
        let status = running.until(|status| status.waiting == 0).await;
        assert_eq!(
            (status.lost, status.delivered),
            (forgotten, raised - forgotten)
        );
        assert_eq!(receiver.ids(), ids(forgotten + 1..=raised));
    }
}

#[tokio::test]
async fn a_full_queue_drops_the_oldest_alerts() {
    for (raised, lost) in [(3, 0), (4, 1), (10, 7)] {
        let receiver = Receiver::start(|_| Reply::Status(200)).await;
        let narrow = Webhook {
            queue_max: 3,
            ..webhook("a", receiver.addr)
        };
        let (running, _dir) = started_behind(|alerts| alerts.raise(raised), narrow).await;
        let status = running.until(|status| status.waiting == 0).await;
        assert_eq!((status.lost, status.delivered), (lost, raised - lost));
        assert_eq!(receiver.ids(), ids(lost + 1..=raised));
    }
}

#[tokio::test]
async fn unwanted_alerts_take_no_place_in_the_queue() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let narrow = Webhook {
        rules: vec!["odd".to_owned()],
        queue_max: 3,
        ..webhook("a", receiver.addr)
    };
    // The webhook does not want even numbers. Of 1, 3, 5, 7 and 9, the queue drops two.
    let (running, _dir) = started_behind(|alerts| alerts.raise(10), narrow).await;
    let status = running.until(|status| status.waiting == 0).await;
    assert_eq!((status.lost, status.delivered), (2, 3));
    assert_eq!(receiver.ids(), ids([5, 7, 9]));
}

#[tokio::test]
async fn pending_alerts_survive_their_eviction_from_the_list() {
    let slow = Receiver::start(|_| Reply::Hang).await;
    let narrow = Webhook {
        rules: vec!["odd".to_owned()],
        queue_max: 3,
        ..webhook("a", slow.addr)
    };
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[narrow], alerts.feed(), dir.path());
    alerts.raise(5);
    // All three are pending, one of them in flight, when the list evicts them.
    slow.until(|got| got.len() == 1).await;
    running.until(|status| status.waiting == 3).await;
    alerts.forget(5);
    alerts.raise(1000);
    // At most three are pending behind the one in flight.
    let status = running.until(|status| status.waiting == 4).await;
    assert_eq!((status.delivered, status.lost), (0, 499));
}

#[tokio::test]
async fn an_alert_that_waits_for_a_retry_survives_its_eviction() {
    let mut is_refused = false;
    let receiver = Receiver::start(move |_| {
        let is_first = !std::mem::replace(&mut is_refused, true);
        if is_first {
            Reply::With(503, "retry-after", "1")
        } else {
            Reply::Status(200)
        }
    })
    .await;
    let patient = Webhook {
        rules: vec!["odd".to_owned()],
        retry_max: HOUR,
        ..webhook("a", receiver.addr)
    };
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[patient], alerts.feed(), dir.path());
    alerts.raise(1);
    running.until(|status| status.next_try.is_some()).await;
    alerts.raise(6);
    running.until(|status| status.waiting <= 4).await;
    alerts.forget(7);
    let status = running.until(|status| status.delivered == 4).await;
    assert_eq!(status.lost, 0);
    assert_eq!(receiver.ids(), ids([1, 1, 3, 5, 7]));
}

#[tokio::test]
async fn only_alerts_that_are_too_old_are_given_up() {
    let (old, new) = (SystemTime::now() - HOUR * 2, SystemTime::now());
    for (give_up_after, first, raised, expected) in [
        // Age alone is not a reason to give up.
        (HOUR, 200, [old, old, new], vec![1, 2, 3]),
        // The second alert has become too old too while the first one failed.
        (HOUR, 500, [old, old, new], vec![1, 3]),
        // By then the receiver works again.
        (HOUR, 500, [new, old, new], vec![1, 1, 2, 3]),
        (HOUR * 3, 500, [old, old, new], vec![1, 1, 2, 3]),
        (Duration::ZERO, 500, [old, old, new], vec![1, 1, 2, 3]),
    ] {
        let mut replies = iter::once(first).chain(iter::repeat(200));
        let receiver = Receiver::start(move |_| Reply::Status(replies.next().unwrap())).await;
        let change = |alerts: &Alerts| raised.into_iter().for_each(|at| alerts.raise_at(at));
        let hook = Webhook {
            give_up_after,
            ..webhook("a", receiver.addr)
        };
        let (running, _dir) = started_behind(change, hook).await;
        let status = running.until(|status| status.waiting == 0).await;
        assert_eq!(receiver.ids(), ids(expected.clone()));
        let delivered = if expected == [1, 3] { 1 } else { 3 };
        assert_eq!((status.delivered, status.lost), (delivered, 3 - delivered));
    }
}

#[tokio::test]
async fn an_unreachable_receiver_is_retried() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    // A port with no listener.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", nobody)], alerts.feed(), dir.path());
    alerts.raise(1);
    let status = running.until(|status| 2 < status.failures).await;
    let error = status.last_error.unwrap();
    assert!(
        error.to_lowercase().contains("connect") && !error.contains("hunter2"),
        "{error}"
    );
    running.stop().await;
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    running.until(|status| status.delivered == 1).await;
}

#[tokio::test]
async fn alerts_that_cannot_be_read_for_a_while_are_not_lost() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let feed = alerts.feed_after_failures(3);
    let running = Running::start(&[webhook("a", receiver.addr)], feed, dir.path());
    alerts.raise(5);
    let status = running.until(|status| status.waiting == 0).await;
    assert_eq!((status.delivered, status.lost), (5, 0));
    let error = status.last_error.unwrap();
    assert_eq!(error, "alerts cannot be read: the disk is on fire");
    assert_eq!(receiver.ids(), ids(1..=5));
}

#[tokio::test]
async fn alerts_are_delivered_even_if_progress_cannot_be_stored() {
    let receiver = Receiver::start(|_| Reply::Status(200)).await;
    let (dir, alerts) = (tempfile::tempdir().unwrap(), Alerts::new());
    let running = Running::start(&[webhook("a", receiver.addr)], alerts.feed(), dir.path());
    dir.close().unwrap();
    alerts.raise(5);
    running.until(|status| status.delivered == 5).await;
    assert_eq!(receiver.ids(), ids(1..=5));
}
