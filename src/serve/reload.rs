//! Settings and files that change while the server runs.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use super::Reload;
use crate::alerts::AlertStore;
use crate::config::Config;
use crate::forward::Forwards;
use crate::http::App;
use crate::http::server::tls::Tls;
use crate::tak::TakTargets;
use crate::webhook::{self, Webhooks};

/// What changes settings while the server runs.
pub(super) struct Reloads {
    requests: Option<Receiver<Reload>>,
    /// The configuration of the start, with the settings that were changed since.
    pub(super) changed: Option<Config>,
}

impl Reloads {
    pub(super) fn new(requests: Option<Receiver<Reload>>) -> Self {
        Self {
            requests,
            changed: None,
        }
    }
}

/// Uses changed settings while the server runs.
pub(super) struct Reloader {
    /// The configuration of the start. The settings that cannot change while the server runs are still those.
    started: Config,
    tls: Option<Arc<Tls>>,
    webhooks: Webhooks,
    forwards: Forwards,
    tak: TakTargets,
    alerts: AlertStore,
}

impl Reloader {
    pub(super) fn new(
        config: &Config,
        tls: Option<&Arc<Tls>>,
        (webhooks, forwards, tak): (&Webhooks, &Forwards, &TakTargets),
        alerts: &AlertStore,
    ) -> Self {
        Self {
            started: config.clone(),
            tls: tls.cloned(),
            webhooks: webhooks.clone(),
            forwards: forwards.clone(),
            tak: tak.clone(),
            alerts: alerts.clone(),
        }
    }

    pub(super) async fn run(self, reloads: Arc<Mutex<Reloads>>, app: App) {
        let mut reloads = reloads.lock().await;
        let Reloads {
            requests: Some(requests),
            changed,
        } = &mut *reloads
        else {
            return;
        };
        let mut current = self.started.clone();
        while let Some(reload) = requests.recv().await {
            let is_new = matches!(reload, Reload::Config(_));
            if let Reload::Config(config) = reload {
                current = *config;
            }
            if let Some(tls) = &self.tls {
                tls.reload(&current.server).await;
            }
            app.allow_origins(&current.server.cors_origins);
            // The file of a secret may have changed.
            let are_all_used = self.replace_lists(&current).await;
            *changed = Some(self.with_changes(&current));
            if is_new {
                self.warn_of_other_changes(&current);
            }
            if is_new && are_all_used {
                info!("the changed settings are in use");
            } else if are_all_used {
                info!("only the files that the settings name were read again");
            } else {
                warn!("not all settings could be used: the rest is in use");
            }
        }
    }

    /// Uses the webhooks, forwards and TAK targets of the configuration. Whether all of them are in use then.
    async fn replace_lists(&self, config: &Config) -> bool {
        let (webhooks, configured) = (self.webhooks.clone(), config.webhooks.clone());
        let has_webhooks = replace("webhooks", move || webhooks.replace(&configured)).await;
        if has_webhooks {
            webhook::warn_of_missing_rules(&config.webhooks, &self.alerts);
        }
        let (forwards, configured) = (self.forwards.clone(), config.forward.clone());
        let has_forwards = replace("forwards", move || forwards.replace(&configured)).await;
        let (tak, configured) = (self.tak.clone(), config.tak.clone());
        let has_tak = replace("TAK targets", move || tak.replace(&configured)).await;
        has_webhooks && has_forwards && has_tak
    }

    /// The configuration of the start, with the settings that can change while the server runs.
    fn with_changes(&self, current: &Config) -> Config {
        let mut config = self.started.clone();
        config.webhooks.clone_from(&current.webhooks);
        config.forward.clone_from(&current.forward);
        config.tak.clone_from(&current.tak);
        config.logging.level.clone_from(&current.logging.level);
        let (server, current) = (&mut config.server, &current.server);
        server.cors_origins.clone_from(&current.cors_origins);
        if self.tls.is_some() {
            server.tls_certificate.clone_from(&current.tls_certificate);
            server.tls_key.clone_from(&current.tls_key);
        }
        config
    }

    /// Names the changed keys that take effect at the next start only.
    fn warn_of_other_changes(&self, config: &Config) {
        let mut usable = config.clone();
        usable.logging.level.clone_from(&self.started.logging.level);
        let (server, started) = (&mut usable.server, &self.started.server);
        server.cors_origins.clone_from(&started.cors_origins);
        let has_tls = !server.tls_certificate.as_os_str().is_empty();
        if has_tls == self.tls.is_some() {
            server.tls_certificate.clone_from(&started.tls_certificate);
            server.tls_key.clone_from(&started.tls_key);
        }
        let keys = self.started.differing_keys(&usable);
        if !keys.is_empty() {
            warn!(
                keys = keys.join(", "),
                "these settings have changed, and take effect at the next start only"
            );
        }
    }
}

/// Uses another list. Whether it is in use then.
async fn replace<E>(
    what: &'static str,
    replace: impl FnOnce() -> Result<(), E> + Send + 'static,
) -> bool
where
    E: std::error::Error + Send + 'static,
{
    match spawn_blocking(replace).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => error!(
            error = &error as &(dyn std::error::Error + 'static),
            "the {what} stay as they were, the new ones cannot be used"
        ),
        Err(error) => error!(%error, "the {what} stay as they were"),
    }
    false
}
