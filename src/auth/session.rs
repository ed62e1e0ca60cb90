//! Login sessions. They live in memory, expire, and end when the password changes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::secret::{Proof, Secret, TokenHash};
use crate::bounded::BoundedMap;

/// The sessions since the start of the server.
#[derive(Debug)]
pub(super) struct Sessions {
    /// When full, the least recently used session is evicted.
    by_hash: BoundedMap<[u8; 32], Session>,
    /// Tokens by verified password. Wrong passwords are never added, so there are about as many entries as users.
    by_proof: HashMap<Proof, Secret>,
    timeout: Duration,
}

#[derive(Debug)]
struct Session {
    user: Arc<str>,
    /// Hash of the password that began the session. The session ends when the user has another hash.
    password: Arc<str>,
    ends: Instant,
}

impl Sessions {
    pub(super) fn new(timeout: Duration, count_max: usize) -> Self {
        Self {
            by_hash: BoundedMap::new(count_max),
            by_proof: HashMap::new(),
            timeout,
        }
    }

    /// Begins a session and returns its token.
    pub(super) fn begin(
        &mut self,
        user: Arc<str>,
        password: Arc<str>,
        proof: Proof,
        now: Instant,
    ) -> Result<Secret, getrandom::Error> {
        let token = Secret::token()?;
        let session = Session {
            user,
            password,
            ends: now + self.timeout,
        };
        let hash = TokenHash::of(token.reveal()).bytes();
        self.by_hash.insert(hash, session);
        let by_hash = &self.by_hash;
        self.by_proof
            .retain(|_, token| by_hash.contains(&TokenHash::of(token.reveal()).bytes()));
        self.by_proof.insert(proof, token.clone());
        Ok(token)
    }

    /// Extends the session of a password that was verified before, and returns its token.
    pub(super) fn renew(&mut self, proof: Proof, now: Instant) -> Option<Secret> {
        let token = self.by_proof.get(&proof)?.clone();
        let hash = TokenHash::of(token.reveal());
        self.find(hash, now)?;
        let session = self.by_hash.get(&hash.bytes())?;
        session.ends = now + self.timeout;
        Some(token)
    }

    /// The user of a session, and the hash of the password that began it.
    pub(super) fn find(&mut self, hash: TokenHash, now: Instant) -> Option<(Arc<str>, Arc<str>)> {
        let session = self.by_hash.get(&hash.bytes())?;
        if session.ends <= now {
            self.by_hash.remove(&hash.bytes());
            return None;
        }
        Some((Arc::clone(&session.user), Arc::clone(&session.password)))
    }

    /// How long a session lasts yet.
    pub(super) fn left(&self, hash: TokenHash, now: Instant) -> Option<Duration> {
        let session = self.by_hash.peek(&hash.bytes())?;
        Some(session.ends.saturating_duration_since(now))
    }

    pub(super) fn end(&mut self, hash: TokenHash) {
        self.by_hash.remove(&hash.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(sessions: &mut Sessions, now: Instant) -> TokenHash {
        let proof = Proof::of("right", "$hash");
        let begun = sessions.begin("admin".into(), "$hash".into(), proof, now);
        TokenHash::of(begun.unwrap().reveal())
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
    fn the_same_password_renews_its_session() {
        let (day, now) = (Duration::from_secs(86_400), Instant::now());
        let mut sessions = Sessions::new(day, 10);
        let right = Proof::of("right", "$hash");
        assert_eq!(sessions.renew(right, now), None);
        let hash = begin(&mut sessions, now);
        for other in [Proof::of("wrong", "$hash"), Proof::of("right", "$other")] {
            assert_eq!(sessions.renew(other, now), None);
        }
        let token = sessions.renew(right, now + day / 2).unwrap();
        assert_eq!(TokenHash::of(token.reveal()).bytes(), hash.bytes());
        assert!(sessions.find(hash, now + day).is_some());
        assert_eq!(sessions.renew(right, now + day * 3 / 2), None, "too late");
        assert!(sessions.find(hash, now).is_none());
        let next = begin(&mut sessions, now);
        assert_ne!(next.bytes(), hash.bytes());
        sessions.end(next);
        assert_eq!(sessions.renew(right, now), None);
        begin(&mut sessions, now);
        assert_eq!((sessions.by_hash.len(), sessions.by_proof.len()), (1, 1));
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
