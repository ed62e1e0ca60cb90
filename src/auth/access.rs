//! Authentication: looks up tokens, and checks passwords with limited concurrency.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{debug, error, warn};

use super::checker::{NotQueued, PasswordChecker};
use super::secret::{Guess, GuessKey, Proof, Secret, TokenHash};
use super::session::Sessions;
use super::store::{Credentials, Identity, Principal};
use super::throttle::{ClientNetwork, LoginThrottle};
use super::{Policy, Role, password};
use crate::config::Auth;

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
    checker: PasswordChecker,
    failures: LoginFailures,
}

/// How many logins failed since the start.
#[derive(Debug, Default)]
pub(crate) struct LoginFailures {
    pub(crate) wrong: AtomicU64,
    pub(crate) throttled: AtomicU64,
}

impl LoginFailures {
    fn count<T>(&self, granted: &Result<T, PasswordRefused>) {
        let count = match granted {
            Ok(_) | Err(PasswordRefused::Busy | PasswordRefused::Failed) => return,
            Err(PasswordRefused::Wrong) => &self.wrong,
            Err(PasswordRefused::TooManyFailures { .. }) => &self.throttled,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// A user name and a password. It has no `Debug`, so it cannot be logged.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// Whom a token belonged to when it was looked up. It can be asked again whether that still holds.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) identity: Identity,
    hash: TokenHash,
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

    pub(crate) fn standing(&self) -> Standing {
        Standing {
            identity: self.identity.clone(),
            hash: TokenHash::of(self.token.reveal()),
        }
    }
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordRefused {
    Wrong,
    TooManyFailures {
        retry_after: Duration,
    },
    /// Too many logins wait to be checked.
    Busy,
    Failed,
}

impl Access {
    pub(crate) fn new(policy: Policy, credentials: Credentials, config: &Auth) -> Self {
        let sessions = Sessions::new(config.session_timeout, config.sessions_max);
        let known = credentials.known_clients();
        let throttle = LoginThrottle::new(config.guesses_per_minute_max, config.guess_delay, known);
        Self(Arc::new(Inner {
            policy,
            credentials,
            sessions: Mutex::new(sessions),
            throttle: Mutex::new(throttle),
            guess_key: GuessKey::random().ok(),
            checker: PasswordChecker::start(config.logins_waiting_max),
            failures: LoginFailures::default(),
        }))
    }

    pub(crate) fn policy(&self) -> Policy {
        self.0.policy
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    pub(crate) fn failures(&self) -> &LoginFailures {
        &self.0.failures
    }

    /// Whether nobody is let in, because the credentials cannot be read.
    pub(crate) fn is_closed(&self, now: Instant) -> bool {
        self.0.credentials.is_closed(now)
    }

    /// Finds the login or key of a token. `now` is in seconds since 1970.
    pub(crate) fn bearer(&self, token: &str, now: u64, instant: Instant) -> Option<Standing> {
        if token.is_empty() {
            return None;
        }
        let hash = TokenHash::of(token);
        let identity = self.0.holder(hash, now, instant)?;
        Some(Standing { identity, hash })
    }

    /// Whether a token still belongs to the same holder with the same role.
    pub(crate) fn still_holds(&self, standing: &Standing, now: u64, instant: Instant) -> bool {
        let holder = self.0.holder(standing.hash, now, instant);
        holder.is_some_and(|holder| holder == standing.identity)
    }

    /// When a token ends, in seconds since 1970. `now` is in the same seconds, and at `instant`. `None` if it does not
    /// end.
    pub(crate) fn expires(&self, standing: &Standing, now: u64, instant: Instant) -> Option<u64> {
        match &standing.identity.principal {
            Principal::User(_) => {
                let left = self.0.sessions().left(standing.hash, instant)?;
                Some(now.saturating_add(left.as_secs()))
            }
            Principal::Key(name) => {
                let keys = self.0.credentials.keys().into_iter();
                let mut keys = keys.filter(|key| *key.name == **name);
                keys.next()?.expires
            }
        }
    }

    /// Ends the session of a token. Keys are no sessions.
    pub(crate) fn log_out(&self, token: &str) {
        self.0.sessions().end(TokenHash::of(token));
    }

    /// Writes to the disk when keys and logins were used last.
    pub(crate) fn save_uses(&self) {
        self.0.credentials.save_uses();
    }

    /// Reads the credentials again if they changed, so that an error is logged also while nobody asks.
    pub(crate) fn refresh(&self) {
        self.0.credentials.refresh();
    }

    /// Checks a user name and a password. A started check runs to its end and counts, even if the caller is gone.
    pub(crate) async fn login(
        &self,
        client: IpAddr,
        login: Login,
    ) -> Result<Granted, PasswordRefused> {
        let user = login.user.clone();
        let granted = self.check(client, login).await;
        self.0.failures.count(&granted);
        let granted = granted?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_secs();
        self.0.credentials.note_user(&user, now);
        let network = ClientNetwork::of(client);
        self.0.credentials.note_client(network, now);
        Ok(granted)
    }

    async fn check(&self, client: IpAddr, login: Login) -> Result<Granted, PasswordRefused> {
        // A form that nobody filled in sends empty credentials.
        if login.user.is_empty() || login.password.is_empty() {
            return Err(PasswordRefused::Wrong);
        }
        self.0.may_try(client, &login)?;
        if let Some(granted) = self.0.grant_again(client, &login) {
            return Ok(granted);
        }
        let inner = Arc::clone(&self.0);
        let network = ClientNetwork::of(client);
        let queued = self
            .0
            .checker
            .queue(network, move || inner.check(client, login));
        let checked = queued.map_err(|refused| match refused {
            NotQueued::Full => PasswordRefused::Busy,
            NotQueued::NoThread => PasswordRefused::Failed,
        })?;
        checked.await.unwrap_or(Err(PasswordRefused::Failed))
    }
}

impl Inner {
    /// The holder of a session or a key.
    fn holder(&self, hash: TokenHash, now: u64, instant: Instant) -> Option<Identity> {
        if self.credentials.is_closed(instant) {
            // The file may be readable again.
            self.credentials.refresh();
            if self.credentials.is_closed(instant) {
                return None;
            }
        }
        let found = self.sessions().find(hash, instant);
        let Some((user, password)) = found else {
            return self.credentials.holder(hash, now);
        };
        if self.credentials.password_of(&user) != Some(password) {
            self.sessions().end(hash);
            return None;
        }
        self.credentials.note_user(&user, now);
        Some(Identity {
            principal: Principal::User(user),
            role: Role::Admin,
        })
    }

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
        // A command may have just changed the password.
        self.credentials.refresh();
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
        credentials.set_password("admin", "the right one").unwrap();
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
        let token = login(&access, "admin", "the right one")
            .await
            .unwrap()
            .token;
        let now = Instant::now();
        let bearer = |instant| access.bearer(token.reveal(), 0, instant);
        assert_eq!(bearer(now).unwrap().identity.role, Role::Admin);
        access
            .credentials()
            .set_password("admin", "another one")
            .unwrap();
        assert!(bearer(now).is_none());

        let token = login(&access, "admin", "another one").await.unwrap().token;
        let late = access.bearer(token.reveal(), 0, Instant::now() + day);
        assert!(late.is_none() && access.bearer("", 0, now).is_none());
    }

    #[tokio::test]
    async fn an_address_that_somebody_logged_in_from_waits_for_no_stranger_after_a_restart() {
        let (dir, access) = access(Duration::from_secs(60));
        let from = |last: u8| IpAddr::from([192, 0, 2, last]);
        let login = |access: &Access, client, password: &str| {
            let password = password.to_owned();
            let access = access.clone();
            let user = "admin".to_owned();
            async move { access.login(client, Login { user, password }).await }
        };
        login(&access, from(1), "the right one").await.unwrap();
        // The unknown clients behind proxies are many.
        let unknown = std::net::Ipv4Addr::UNSPECIFIED.into();
        login(&access, unknown, "the right one").await.unwrap();
        access.save_uses();

        let config = Auth {
            guesses_per_minute_max: 1,
            ..Auth::default()
        };
        let credentials = Credentials::open(dir.path()).unwrap();
        let access = Access::new(Policy::Required, credentials, &config);
        let wrong = login(&access, from(2), "wrong").await.unwrap_err();
        assert_eq!(wrong, PasswordRefused::Wrong);
        for stranger in [from(3), unknown] {
            let refused = login(&access, stranger, "the right one").await;
            let refused = refused.unwrap_err();
            assert!(matches!(refused, PasswordRefused::TooManyFailures { .. }));
        }
        login(&access, from(1), "the right one").await.unwrap();
        login(&access, CLIENT, "the right one").await.unwrap();
    }

    #[tokio::test]
    async fn a_standing_ends_with_its_token_and_with_its_role() {
        let (dir, access) = access(Duration::from_secs(60));
        let now = Instant::now();
        let create = |role: &str| {
            let key = access
                .credentials()
                .create_key("x", role.parse().unwrap(), Some(9), 0);
            access.bearer(key.unwrap().reveal(), 0, now).unwrap()
        };
        let of_key = create("readonly");
        assert!(access.still_holds(&of_key, 8, now));
        assert!(!access.still_holds(&of_key, 9, now), "expired");
        access.credentials().revoke_key("x").unwrap();
        assert!(!access.still_holds(&of_key, 0, now), "revoked");
        // Another key of the same name is not the same key.
        let other = create("readonly");
        assert!(!access.still_holds(&of_key, 0, now));
        let path = dir.path().join(crate::data_dir::CREDENTIALS);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("readonly", "scanreport")).unwrap();
        access.refresh();
        assert!(!access.still_holds(&other, 0, now), "another role");

        let granted = login(&access, "admin", "the right one").await.unwrap();
        let of_login = granted.standing();
        assert!(access.still_holds(&of_login, 0, Instant::now()));
        access.log_out(granted.token.reveal());
        assert!(!access.still_holds(&of_login, 0, Instant::now()));
    }

    #[tokio::test]
    async fn a_password_that_was_right_is_known_again_and_guessing_stays_slow() {
        let (_dir, access) = access(Duration::from_secs(60));
        let token = login(&access, "admin", "the right one")
            .await
            .unwrap()
            .token;
        let again = login(&access, "admin", "the right one").await.unwrap();
        assert_eq!(again.token, token);
        assert_eq!(again.identity.role, Role::Admin);
        for wrong in ["a", "b", "c", "d", "e", "a"] {
            let refused = login(&access, "admin", wrong).await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        // A normal answer to the right password would reveal to the guesser that it is right.
        let refused = login(&access, "admin", "the right one").await.unwrap_err();
        assert!(matches!(refused, PasswordRefused::TooManyFailures { .. }));

        access
            .credentials()
            .set_password("admin", "another one")
            .unwrap();
        let elsewhere = "192.0.2.7".parse().unwrap();
        for (password, is_right) in [("the right one", false), ("another one", true)] {
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
        for (user, password) in [("", ""), ("admin", ""), ("", "the right one")] {
            let refused = login(&access, user, password).await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        for user in ["admin", "nobody", "root", "x", "y", "admin"] {
            let refused = login(&access, user, "wrong").await.unwrap_err();
            assert_eq!(refused, PasswordRefused::Wrong);
        }
        let refused = login(&access, "admin", "the right one").await.unwrap_err();
        assert!(matches!(refused, PasswordRefused::TooManyFailures { .. }));
        let other = Login {
            user: "admin".to_owned(),
            password: "the right one".to_owned(),
        };
        let elsewhere = "192.0.2.7".parse().unwrap();
        assert!(access.login(elsewhere, other).await.is_ok());
    }
}
