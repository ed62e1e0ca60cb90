//! Logins that last: in memory, for a time, and no longer than the password they were made with.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::secret::{Secret, TokenHash};

/// The logins of this run of the server.
#[derive(Debug)]
pub(super) struct Sessions {
    by_hash: HashMap<[u8; 32], Session>,
    timeout: Duration,
    count_max: usize,
}

#[derive(Debug)]
struct Session {
    user: Arc<str>,
    /// The hash of the password that it was made with: another password ends it.
    password: Arc<str>,
    ends: Instant,
    used: Instant,
}

impl Sessions {
    pub(super) fn new(timeout: Duration, count_max: usize) -> Self {
        Self {
            by_hash: HashMap::new(),
            timeout,
            count_max,
        }
    }

    /// Begins a session, and gives the token that stands for it.
    pub(super) fn begin(
        &mut self,
        user: Arc<str>,
        password: Arc<str>,
        now: Instant,
    ) -> Result<Secret, getrandom::Error> {
        let token = Secret::token()?;
        if self.count_max <= self.by_hash.len() {
            self.make_room(now);
        }
        let session = Session {
            user,
            password,
            ends: now + self.timeout,
            used: now,
        };
        let hash = TokenHash::of(token.reveal()).bytes();
        self.by_hash.insert(hash, session);
        Ok(token)
    }

    /// The user of the session, and the hash of the password that began it.
    pub(super) fn find(&mut self, hash: TokenHash, now: Instant) -> Option<(Arc<str>, Arc<str>)> {
        let session = self.by_hash.get_mut(&hash.bytes())?;
        if session.ends <= now {
            self.by_hash.remove(&hash.bytes());
            return None;
        }
        session.used = now;
        Some((Arc::clone(&session.user), Arc::clone(&session.password)))
    }

    pub(super) fn end(&mut self, hash: TokenHash) {
        self.by_hash.remove(&hash.bytes());
    }

    /// Clients that log in with each request, and never use what they get, must not end the sessions of others.
    fn make_room(&mut self, now: Instant) {
        self.by_hash.retain(|_, session| now < session.ends);
        if self.count_max <= self.by_hash.len() {
            let oldest = self.by_hash.iter().min_by_key(|(_, session)| session.used);
            if let Some((&oldest, _)) = oldest {
                self.by_hash.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(sessions: &mut Sessions, now: Instant) -> TokenHash {
        let token = sessions.begin("admin".into(), "$hash".into(), now).unwrap();
        TokenHash::of(token.reveal())
    }

    #[test]
    fn a_session_ends_after_its_time_however_much_it_is_used() {
        let (day, now) = (Duration::from_secs(86_400), Instant::now());
        let mut sessions = Sessions::new(day, 10);
        let hash = begin(&mut sessions, now);
        let just_before = now + Duration::from_nanos(86_399_999_999_999);
        assert_eq!(&*sessions.find(hash, just_before).unwrap().0, "admin");
        assert!(sessions.find(hash, now + day).is_none());
        assert!(sessions.find(hash, now).is_none(), "it is gone");
        assert!(sessions.find(TokenHash::of(""), now).is_none());
    }

    #[test]
    fn past_the_bound_the_least_recently_used_goes() {
        let (second, mut now) = (Duration::from_secs(1), Instant::now());
        let mut sessions = Sessions::new(Duration::from_secs(1000), 2);
        let used = begin(&mut sessions, now);
        for _ in 0..5 {
            now += second;
            let other = begin(&mut sessions, now);
            now += second;
            assert!(sessions.find(used, now).is_some());
            assert!(sessions.find(other, now).is_some());
            now += second;
            assert!(sessions.find(used, now).is_some());
        }
        assert_eq!(sessions.by_hash.len(), 2);
        sessions.end(used);
        assert!(sessions.find(used, now).is_none());
    }
}
