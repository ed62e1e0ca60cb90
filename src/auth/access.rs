//! Authentication: looks up tokens, and checks passwords with limited concurrency.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::{debug, error, warn};

use super::secret::{Guess, GuessKey, Proof, Secret, TokenHash};
use super::session::Sessions;
use super::store::{Credentials, Identity, Principal};
use super::throttle::LoginThrottle;
use super::{Policy, Role, password};
use crate::config::Auth;

/// Passwords that are checked at one time. Each check takes 19 MiB and one processor.
const CHECKS: usize = 2;

/// Policy, credentials and logins of the server. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Access(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: Policy,
    credentials: Credentials,
    sessions: Mutex<Sessions>,
    throttle: Mutex<LoginThrottle>,
    /// `None` if the system has no random numbers. Then every wrong password counts, also when it is sent again.
    guess_key: Option<GuessKey>,
    checks: Arc<Semaphore>,
}

/// A user name and a password. It has no `Debug`, so it cannot be logged.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// A successful login, and the token of its session.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) identity: Identity,
    pub(crate) token: Secret,
}

impl Granted {
    fn to(user: Arc<str>, token: Secret) -> Self {
        let identity = Identity {
            principal: Principal::User(user),
            role: Role::Admin,
        };
        Self { identity, token }
    }
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordRefused {
    Wrong,
    TooManyFailures { retry_after: Duration },
    Failed,
}

impl Access {
    pub(crate) fn new(policy: Policy, credentials: Credentials, config: &Auth) -> Self {
        let sessions = Sessions::new(config.session_timeout, config.sessions_max);
        Self(Arc::new(Inner {
            policy,
            credentials,
            sessions: Mutex::new(sessions),
            throttle: Mutex::default(),
            guess_key: GuessKey::random().ok(),
            checks: Arc::new(Semaphore::new(CHECKS)),
        }))
    }

    pub(crate) fn policy(&self) -> Policy {
        self.0.policy
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    /// Finds the login or key of a token. `now` is in seconds since 1970.
    pub(crate) fn bearer(&self, token: &str, now: u64, instant: Instant) -> Option<Identity> {
        if token.is_empty() {
            return None;
        }
        let hash = TokenHash::of(token);
        let found = self.0.sessions().find(hash, instant);
        let Some((user, password)) = found else {
            return self.0.credentials.holder(hash, now);
        };
        if self.0.credentials.password_of(&user) != Some(password) {
            self.0.sessions().end(hash);
            return None;
        }
        Some(Identity {
            principal: Principal::User(user),
            role: Role::Admin,
        })
    }

    /// Checks a user name and a password. A started check runs to its end and counts, even if the caller is gone.
    pub(crate) async fn login(
        &self,
        client: IpAddr,
        login: Login,
    ) -> Result<Granted, PasswordRefused> {
        // A form that nobody filled in sends empty credentials.
        if login.user.is_empty() || login.password.is_empty() {
            return Err(PasswordRefused::Wrong);
        }
        self.0.may_try(client, &login)?;
        if let Some(granted) = self.0.grant_again(client, &login) {
            return Ok(granted);
        }
        let turn = Arc::clone(&self.0.checks).acquire_owned().await;
        let inner = Arc::clone(&self.0);
        let checked = spawn_blocking(move || {
            let granted = inner.check(client, login);
            drop(turn);
            granted
        });
        checked.await.unwrap_or(Err(PasswordRefused::Failed))
    }
}

impl Inner {
    /// Refuses logins that need no check: those that were wrong before, and all others while the client has to wait.
    fn may_try(&self, client: IpAddr, login: &Login) -> Result<(), PasswordRefused> {
        let hash = self.credentials.password_of(&login.user);
        let guess = self.guess(login, hash.as_deref());
        if guess.is_some_and(|guess| self.throttle().was_wrong(client, guess)) {
            return Err(PasswordRefused::Wrong);
        }
        match self.throttle().wait(client, Instant::now()) {
            None => Ok(()),
            Some(retry_after) => Err(PasswordRefused::TooManyFailures { retry_after }),
        }
    }

    fn check(&self, client: IpAddr, login: Login) -> Result<Granted, PasswordRefused> {
        // Other requests of this client may have failed while this one waited, perhaps with the same guess.
        self.may_try(client, &login)?;
        if let Some(granted) = self.grant_again(client, &login) {
            return Ok(granted);
        }
        let hash = self.credentials.password_of(&login.user);
        let guess = self.guess(&login, hash.as_deref());
        let Login { user, password } = login;
        if password.len() > password::BYTES_MAX || !password::verify(&password, hash.as_deref()) {
            self.throttle().failed(client, guess, Instant::now());
            // The user name is not logged: it may be a password that was typed into the wrong field.
            warn!(client.addr = %client, "login failed: wrong user name or password");
            return Err(PasswordRefused::Wrong);
        }
        let Some(hash) = hash else {
            return Err(PasswordRefused::Wrong);
        };
        self.throttle().succeeded(client);
        let user: Arc<str> = user.into();
        let proof = Proof::of(&password, &hash);
        let begun = self
            .sessions()
            .begin(Arc::clone(&user), hash, proof, Instant::now());
        let token = begun.map_err(|error| {
            error!(%error, "cannot create a session: no random numbers");
            PasswordRefused::Failed
        })?;
        debug!(client.addr = %client, "logged in");
        Ok(Granted::to(user, token))
    }

    fn guess(&self, login: &Login, hash: Option<&str>) -> Option<Guess> {
        let key = self.guess_key.as_ref()?;
        Some(key.guess(&login.user, &login.password, hash))
    }

    /// Accepts a password that was checked before, without the slow hash: many clients log in with each request.
    fn grant_again(&self, client: IpAddr, login: &Login) -> Option<Granted> {
        if password::BYTES_MAX < login.password.len() {
            return None;
        }
        let hash = self.credentials.password_of(&login.user)?;
        let proof = Proof::of(&login.password, &hash);
        let token = self.sessions().renew(proof, Instant::now())?;
        self.throttle().succeeded(client);
        Some(Granted::to(login.user.as_str().into(), token))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn throttle(&self) -> MutexGuard<'_, LoginThrottle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn access(timeout: Duration) -> (tempfile::TempDir, Access) {
        let dir = tempfile::tempdir().unwrap();
        let credentials = Credentials::open(dir.path()).unwrap();
        credentials.set_password("admin", "right").unwrap();
        let config = Auth {
            session_timeout: timeout,
            ..Auth::default()
        };
        (dir, Access::new(Policy::Required, credentials, &config))
    }

    async fn login(
        access: &Access,
        user: &str,
        password: &str,
    ) -> Result<Granted, PasswordRefused> {
        let (user, password) = (user.to_owned(), password.to_owned());
        access.login(CLIENT, Login { user, password }).await
    }

    #[tokio::test]
    async fn a_login_lasts_until_its_time_is_over_or_the_password_is_another() {
        let day = Duration::from_secs(86_400);
        let (_dir, access) = access(day);
        let token = login(&access, "admin", "right").await.unwrap().token;
        let now = Instant::now();
        let bearer = |instant| access.bearer(token.reveal(), 0, instant);
        assert_eq!(bearer(now).unwrap().role, Role::Admin);
        access.credentials().set_password("admin", "other").unwrap();
        assert_eq!(bearer(now), None);

        let token = login(&access, "admin", "other").await.unwrap().token;
        assert_eq!(access.bearer(token.reveal(), 0, Instant::now() + day), None);
        assert_eq!(access.bearer("", 0, now), None);
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_known_again_and_guessing_stays_slow() {
        let (_dir, access) = access(Duration::from_secs(60));
        let token = login(&access, "admin", "right").await.unwrap().token;
        let again = login(&access, "admin", "right").await.unwrap();
        assert_eq!(again.token, token);
        assert_eq!(again.identity.role, Role::Admin);
        for wrong in ["a", "b", "c", "d", "e", "a"] {
            let refused = login(&access, "admin", wrong).await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        // A normal answer to the right password would reveal to the guesser that it is right.
        let refused = login(&access, "admin", "right").await.unwrap_err();
        assert!(matches!(refused, PasswordRefused::TooManyFailures { .. }));

        access.credentials().set_password("admin", "other").unwrap();
        let elsewhere = "192.0.2.7".parse().unwrap();
        for (password, is_right) in [("right", false), ("other", true)] {
            let login = Login {
                user: "admin".to_owned(),
                password: password.to_owned(),
            };
            let granted = access.login(elsewhere, login).await;
            assert_eq!(granted.is_ok(), is_right, "{password}");
            assert!(granted.ok().is_none_or(|granted| granted.token != token));
        }
    }

    #[tokio::test]
    async fn empty_credentials_are_nobody_and_guessing_is_slowed() {
        let (_dir, access) = access(Duration::from_secs(60));
        for (user, password) in [("", ""), ("admin", ""), ("", "right")] {
            let refused = login(&access, user, password).await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        for user in ["admin", "nobody", "root", "x", "y", "admin"] {
            let refused = login(&access, user, "wrong").await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        let refused = login(&access, "admin", "right").await.unwrap_err();
        assert!(matches!(refused, PasswordRefused::TooManyFailures { .. }));
        let other = Login {
            user: "admin".to_owned(),
            password: "right".to_owned(),
        };
        let elsewhere = "192.0.2.7".parse().unwrap();
        assert!(access.login(elsewhere, other).await.is_ok());
    }
}
