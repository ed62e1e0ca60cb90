//! The way of a part: it is made, sent, and ends with the answer of the service.

use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::StatusCode;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::gather::gather;
use super::progress::{Part, Place};
use super::runner::{Runner, Step, blocking};
use super::service::{Answer, Made, Verdict};
use crate::data_dir::DataDir;
use crate::export::UploadBounds;
use crate::outbox::{ReceiverResponse, SendError};

/// How many bytes of an answer are read. Lists of uploads are long.
const ANSWER_BYTES_MAX: usize = 1 << 20;

impl Runner {
    /// Reads what is next, and keeps it as a part.
    pub(super) async fn make_part(&mut self, stop: &CancellationToken) -> io::Result<Step> {
        let end = match self.progress.run_to {
            Some(end) => end,
            None => self.end().await?,
        };
        let (from, id) = (self.progress.place, Uuid::new_v4());
        let bounds = UploadBounds {
            rows_max: self.rows_max,
            bytes_max: self.target.config.bytes_max,
        };
        let (desk, wanted) = (Arc::clone(&self.desk), Arc::clone(&self.wanted));
        let stop = stop.clone();
        let gathered = blocking(move || {
            let is_over = || stop.is_cancelled();
            gather(&desk.log, &wanted, bounds, (from, end), id, is_over).map_err(io::Error::other)
        })
        .await?;
        let Some(gathered) = gathered else {
            return Ok(Step::Interrupted);
        };
        self.is_unkept = true;
        if gathered.rows == 0 {
            self.progress.place = gathered.to;
            self.progress.run_to = None;
            return Ok(Step::Done);
        }
        let made = SystemTime::now().duration_since(UNIX_EPOCH);
        let mut part = Part {
            id,
            made: made.map_or(0, |since| since.as_secs()),
            to: gathered.to,
            rows: gathered.rows,
            bytes: 0,
            made_for: self.made_for.clone(),
            is_tried: false,
            job: None,
        };
        let (desk, service) = (Arc::clone(&self.desk), Arc::clone(&self.service));
        let (target, packed) = (Arc::clone(&self.target), part.clone());
        let body = blocking(move || {
            let file = service.file(gathered.body)?;
            if target.is_dry_run() {
                let folder = DataDir::at(&target.config.dry_run);
                let name = dry_name(&target.config.name, from, service.extension());
                folder.make_folder_of("")?;
                return folder.replace(&name, &file).map(|_| file);
            }
            let body = service.envelope(&packed, file);
            desk.store.keep(&target.config.name, packed.id, &body)?;
            Ok(body)
        })
        .await?;
        part.bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        self.progress.run_to = Some(end);
        if self.target.is_dry_run() {
            self.taken(&part);
        } else {
            self.body = Some((id, body.into()));
            self.progress.part = Some(part);
        }
        Ok(Step::More)
    }

    /// Sends the part, unless the service says that it is there already.
    pub(super) async fn try_part(&mut self, part: Part) -> io::Result<Step> {
        let may_be_there = part.is_tried || part.job.is_some();
        let asked = may_be_there.then(|| self.service.ask(&part)).flatten();
        let verdict = match asked {
            Some(question) => match self.send(question).await {
                Ok(answer) => self.service.learn(&part, &answer),
                Err(error) => return Ok(Step::Failed(error.to_string(), None)),
            },
            None => Verdict::Missing,
        };
        if verdict != Verdict::Missing {
            return self.judged(&part, verdict).await;
        }
        let Some(body) = self.body_of(&part).await? else {
            warn!(
                forward.name = self.name(),
                part.is_tried, "a part is not in the data directory any more, and is made again"
            );
            self.drop_part();
            return Ok(Step::More);
        };
        // From here on the service may have it, also if this program ends.
        self.change_part(|part| {
            part.is_tried = true;
            part.job = None;
        });
        self.keep().await?;
        let sent = self.send(self.service.send(&part, body)).await;
        if has_not_arrived(&sent) {
            // This attempt tells nothing of whether earlier ones arrived.
            self.change_part(|now| now.is_tried = part.is_tried);
        }
        let verdict = match sent {
            Ok(answer) => self.service.judge(&part, &answer),
            Err(error) => return Ok(Step::Failed(error.to_string(), None)),
        };
        self.judged(&part, verdict).await
    }

    async fn judged(&mut self, part: &Part, verdict: Verdict) -> io::Result<Step> {
        Ok(match verdict {
            Verdict::Taken => {
                self.taken(part);
                Step::More
            }
            // It would be kept.
            Verdict::Job(job) if self.without_key(&job) != job => {
                Step::Failed("the name of the work has the key in it".to_owned(), None)
            }
            Verdict::Job(job) => {
                self.change_part(|part| part.job = Some(job));
                Step::Working
            }
            Verdict::Working => Step::Working,
            Verdict::Missing => Step::More,
            Verdict::TooLarge if 1 < part.rows => {
                self.rows_max = part.rows.div_ceil(2);
                info!(
                    forward.name = self.name(),
                    rows = self.rows_max,
                    "the service takes smaller parts only"
                );
                self.drop_part();
                Step::More
            }
            Verdict::TooLarge => {
                self.refused(part, "a single observation is too large")
                    .await?
            }
            Verdict::Refused(reason) => self.refused(part, &reason).await?,
            Verdict::Partly { refused, reason } => {
                self.partly_taken(part, refused, &reason).await?
            }
            Verdict::Stop(reason) => Step::Stopped(reason),
            Verdict::Wait(reason, asked) => Step::Failed(reason, asked),
        })
    }

    /// The part needs no more work.
    fn end_part(&mut self, part: &Part) {
        self.progress.place = part.to;
        self.drop_part();
    }

    fn taken(&mut self, part: &Part) {
        self.end_part(part);
        self.progress.rows = self.progress.rows.saturating_add(part.rows);
        self.progress.parts += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.progress.last_taken = now.ok().map(|since| since.as_secs());
        let mut failures = 0;
        self.target
            .change(|state| failures = std::mem::take(&mut state.failures));
        if 0 < failures {
            info!(
                forward.name = self.name(),
                failures, "the service takes parts again"
            );
        }
    }

    /// The service has refused some of the observations. The part is set aside, so that nothing is lost.
    async fn partly_taken(&mut self, part: &Part, refused: u64, reason: &str) -> io::Result<Step> {
        let reason = self.without_key(reason);
        // No service can refuse more than it got.
        let refused = refused.min(part.rows);
        warn!(
            forward.name = self.name(),
            rows = part.rows,
            refused,
            reason,
            "the service refused some observations: the part is kept in the data directory, and the next one is sent"
        );
        let (desk, target, id) = (Arc::clone(&self.desk), Arc::clone(&self.target), part.id);
        blocking(move || desk.store.refuse(&target.config.name, id)).await?;
        self.taken(part);
        self.progress.rows = self.progress.rows.saturating_sub(refused);
        self.progress.refused_rows = self.progress.refused_rows.saturating_add(refused);
        self.target.change(|state| state.last_error = Some(reason));
        Ok(Step::More)
    }

    /// Sets the part aside, and goes on with the next one.
    async fn refused(&mut self, part: &Part, reason: &str) -> io::Result<Step> {
        let reason = self.without_key(reason);
        warn!(
            forward.name = self.name(),
            rows = part.rows,
            reason,
            "the service refused a part: it is kept in the data directory, and the next one is sent"
        );
        let (desk, target, id) = (Arc::clone(&self.desk), Arc::clone(&self.target), part.id);
        blocking(move || desk.store.refuse(&target.config.name, id)).await?;
        self.end_part(part);
        self.progress.refused_rows = self.progress.refused_rows.saturating_add(part.rows);
        self.progress.refused_parts += 1;
        self.target.change(|state| state.last_error = Some(reason));
        Ok(Step::More)
    }

    fn change_part(&mut self, change: impl FnOnce(&mut Part)) {
        if let Some(part) = &mut self.progress.part {
            change(part);
            self.is_unkept = true;
        }
    }

    fn drop_part(&mut self) {
        self.progress.part = None;
        self.body = None;
        self.is_unkept = true;
    }

    async fn body_of(&mut self, part: &Part) -> io::Result<Option<Bytes>> {
        if let Some((id, body)) = &self.body
            && *id == part.id
        {
            return Ok(Some(body.clone()));
        }
        let (desk, target, id) = (Arc::clone(&self.desk), Arc::clone(&self.target), part.id);
        let read = blocking(move || desk.store.read(&target.config.name, id)).await?;
        let body = read.map(Bytes::from);
        self.body = body.clone().map(|body| (part.id, body));
        Ok(body)
    }

    /// Sends a request.
    async fn send(&self, request: Made) -> Result<Answer, SendError> {
        // A text of an error of these could have the key in it.
        let not_usable = |_| SendError::NotConnected("the key or the URL is not usable".to_owned());
        let request = request.map_err(not_usable)?;
        let ReceiverResponse {
            status,
            retry_after,
            excerpt,
        } = self.client.send_for(request, ANSWER_BYTES_MAX).await?;
        Ok(Answer {
            status,
            retry_after,
            excerpt,
            secrets: self.secrets.clone(),
        })
    }
}

/// Whether it is certain that the service has not taken what was sent.
fn has_not_arrived(sent: &Result<Answer, SendError>) -> bool {
    match sent {
        Ok(answer) => matches!(
            answer.status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
        ),
        Err(error) => matches!(error, SendError::NotConnected(_)),
    }
}

/// The name of a file of a dry run. The same part has the same name.
fn dry_name(target: &str, from: Place, extension: &str) -> String {
    format!("{target}-{}-{}.{extension}", from.position, from.index)
}
