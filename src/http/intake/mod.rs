//! What all reports go through on their way in, whatever their format: rates, limits, keys against resending, receipts.

mod large;
mod names;
mod routes;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::USER_AGENT;
use axum::http::{Extensions, HeaderMap, HeaderValue};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use tokio::task::spawn_blocking;

pub(super) use self::large::LargeBodies;
use self::large::ThreadTime;
pub(super) use self::routes::routes;
use crate::auth::{Identity, NotYours, SourceOwners, Standing};
use crate::events::{Events, Severity};
use crate::http::clock::now;
use crate::http::error::ApiError;
use crate::http::guard::rate::{NewSources, Rates, Sent};
use crate::http::request::body::{Bodies, BodyError, Received};
use crate::http::request::sender::Sender;
use crate::http::response::json::Json;
use crate::ingest::decode::{DecodeError, Ignored, Notes};
use crate::ingest::format::{
    Context, Format, Limits, SenderNames, Upload, UploadEntry, UploadReceipt,
};
use crate::ingest::health::{Arrival, Refusal, SourceHealth};
use crate::ingest::outcomes::Outcomes;
use crate::ingest::{Ingest, IngestError, Receipt};
use crate::log::What;
use crate::report::{Batch, ReceivedAt, Rejected, SourceId};
use crate::tracker::Tracker;

/// Entries of one upload that wait for the writer at one time, so that a large upload leaves room in its queue.
const ENTRIES_AT_ONCE_MAX: usize = 32;

/// What reports pass on their way in.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) ingest: Ingest,
    pub(super) tracker: Arc<Tracker>,
    pub(super) rates: Rates,
    pub(super) new_sources: NewSources,
    pub(super) bodies: Bodies,
    pub(super) body_bytes_max: usize,
    pub(super) events: Events,
    pub(super) limits: Limits,
    pub(super) health: SourceHealth,
    pub(super) outcomes: Outcomes,
    pub(super) large_bodies: LargeBodies,
    /// Who may report for which source. Absent where everybody may.
    pub(super) owners: Option<Arc<SourceOwners>>,
}

/// What the sender is told.
#[derive(Serialize)]
struct UploadAnswer<'r> {
    accepted: usize,
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicates: Option<usize>,
    ignored: &'r [Ignored],
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_s: Option<i64>,
    rejected: &'r [Rejected],
    status: &'static str,
    success: bool,
}

/// Takes an upload of some format. The reply means logged and visible: the sender may now forget what it sent.
pub(super) async fn upload<F: Format>(
    State(intake): State<Arc<Intake>>,
    request: Request,
) -> Result<Json, ApiError> {
    let user_agent = request.headers().get(USER_AGENT).cloned();
    let mut claimed = None;
    let taken = take::<F>(&intake, request, user_agent.as_ref(), &mut claimed).await;
    if let Err(refused) = &taken {
        refuse(&intake, refused, claimed, user_agent.as_ref());
    }
    taken
}

/// Counts a request that was refused as a whole, for the source that it names.
fn refuse(
    intake: &Intake,
    refused: &ApiError,
    claimed: Option<SourceId>,
    user_agent: Option<&HeaderValue>,
) {
    intake.outcomes.refuse(refused.code());
    let rejected = match refused {
        ApiError::Decode(DecodeError::NothingValid(rejected)) => rejected.as_slice(),
        _ => &[],
    };
    intake.outcomes.reject(rejected);
    let user_agent = user_agent.map(HeaderValue::as_bytes);
    let refusal = Refusal::new(now(), refused.code(), &refused.to_string());
    match claimed.filter(|source| intake.tracker.has_source(*source)) {
        Some(source) => intake.health.refuse(source, refusal, rejected, user_agent),
        // Other refusals are not about what was sent.
        None if matches!(refused, ApiError::Decode(_) | ApiError::Body(_)) => {
            intake.health.refuse_unattributed(refusal, user_agent);
        }
        None => {}
    }
}

/// The source that a body names which cannot be decoded.
fn claimed_source(body: &[u8]) -> Option<SourceId> {
    const NAME: &[u8] = b"source_uuid";
    /// Quotes, a colon, blanks, or escapes of a form.
    const BETWEEN_MAX: usize = 16;
    const UUID_BYTES: usize = 36;
    let at = body.windows(NAME.len()).position(|part| part == NAME)?;
    let behind = body.get(at + NAME.len()..)?;
    let behind = behind.get(..behind.len().min(BETWEEN_MAX + UUID_BYTES))?;
    let mut texts = behind.windows(UUID_BYTES);
    texts.find_map(|text| std::str::from_utf8(text).ok()?.parse().ok())
}

async fn take<F: Format>(
    intake: &Intake,
    request: Request,
    user_agent: Option<&HeaderValue>,
    claimed: &mut Option<SourceId>,
) -> Result<Json, ApiError> {
    let sender = Sender::of(request.extensions());
    admit(intake, &sender)?;
    let key = idempotency_key(request.headers())?;
    let credential = key.as_ref().and_then(|_| sender.credential());
    let owners = intake.owners.as_ref();
    let bound = owners.map(|owners| (Arc::clone(owners), identity(request.extensions())));
    let names = match F::SOURCE_FORM {
        Some(_) => names::of(&sender, &request),
        None => SenderNames::NONE,
    };
    let received = if F::IS_JSON {
        intake.bodies.receive(request).await
    } else {
        intake.bodies.receive_any(request).await
    };
    let received_at = now();
    let decoded = match received {
        Ok(received) => decode::<F>(intake, received, received_at, names, &sender).await,
        Err(refused) => Err(refused.into()),
    };
    let (bytes, decoded, is_large) = match decoded {
        Ok(Decoded {
            bytes,
            upload,
            source,
            is_large,
        }) => {
            *claimed = source;
            (bytes, upload, is_large)
        }
        Err(refused) => (refused_bytes(intake, &refused), Err(refused), true),
    };
    say_refused::<F>(intake, received_at, &decoded);
    let reports = decoded.as_ref().map_or(0, Upload::rows);
    intake.rates.count(&sender, Sent { reports, bytes });
    let mut upload = decoded?;
    if let Some(key) = key {
        upload.identify(credential.as_deref(), &key);
    }
    if let Some((owners, identity)) = bound {
        claim_sources(&owners, &intake.tracker, identity, &upload).await?;
    }
    let notes: Vec<_> = upload.take_notes().collect();
    let arrivals = upload.entries();
    let arrivals: Vec<_> = arrivals
        .map(|entry| Arrival::of(&entry.batch, received_at))
        .collect();
    let receipt = submit(intake, &sender, received_at, upload).await?;
    intake.outcomes.accept(&receipt);
    if !is_large {
        intake.large_bodies.small_taken();
    }
    if !receipt.is_duplicate {
        for (source, notes) in &notes {
            intake.health.note(*source, notes);
        }
        for arrival in &arrivals {
            let user_agent = user_agent.map(HeaderValue::as_bytes);
            intake.health.arrive(arrival, user_agent);
        }
    }
    let told = told(notes, intake.limits.ignored_max);
    Ok(Json::kismet(&UploadAnswer {
        accepted: receipt.accepted,
        duplicate: receipt.is_duplicate,
        duplicates: (!F::HAS_ONE_ENTRY).then_some(receipt.duplicates),
        ignored: &told.ignored,
        clock_offset_s: told.clock_offset_s,
        rejected: &receipt.rejected,
        status: F::ACCEPTED,
        success: true,
    }))
}

fn identity(extensions: &Extensions) -> Option<Identity> {
    let standing = extensions.get::<Standing>();
    standing.map(|standing| standing.identity.clone())
}

/// Refuses an upload for a source of somebody else. A source that nobody owns belongs to the sender from now on.
async fn claim_sources(
    owners: &Arc<SourceOwners>,
    tracker: &Arc<Tracker>,
    who: Option<Identity>,
    upload: &Upload,
) -> Result<(), ApiError> {
    for UploadEntry { batch, .. } in upload.entries() {
        let source = batch.source;
        let claimed = match (owners.known(source.uuid(), who.as_ref()), &who) {
            (Some(known), _) => known,
            (None, None) => Ok(()),
            (None, Some(who)) => {
                let (owners, tracker, who) = (Arc::clone(owners), Arc::clone(tracker), who.clone());
                let is_tracked = move |source| tracker.has_source(SourceId::new(source));
                spawn_blocking(move || owners.claim(source.uuid(), &who, is_tracked))
                    .await
                    .map_err(|_| ApiError::Panicked)?
            }
        };
        claimed.map_err(|refused| match refused {
            NotYours::Owned => ApiError::NotYourSource(source),
            NotYours::TooMany => ApiError::TooManyOwnedSources,
            NotYours::NotWritten(error) => ApiError::OwnerNotWritten(error),
        })?;
    }
    Ok(())
}

/// Joins the notes for the answer. It names at most `ignored_max` values, in the order of their reports.
fn told(notes: Vec<(SourceId, Notes)>, ignored_max: usize) -> Notes {
    let mut told = Notes::default();
    for (_, notes) in notes {
        told.ignored.extend(notes.ignored);
        told.clock_offset_s = notes.clock_offset_s.or(told.clock_offset_s);
    }
    told.ignored.sort_by_key(|ignored| ignored.index);
    told.ignored.truncate(ignored_max);
    told
}

/// What is refused shows on the message bus too, as with Kismet, whose clients look for it there.
fn say_refused<F: Format>(
    intake: &Intake,
    received_at: ReceivedAt,
    decoded: &Result<Upload, ApiError>,
) {
    let name = F::NAME;
    let upload = match decoded {
        Ok(upload) => upload,
        Err(error) => {
            let message = || format!("{name} refused: {error}");
            return intake.events.say(Severity::Error, received_at, message);
        }
    };
    for UploadEntry { batch, .. } in upload.entries() {
        if let Some(first) = batch.rejected.first() {
            intake.events.say(Severity::Error, received_at, || {
                let (refused, source) = (batch.rejected.len(), batch.source);
                format!(
                    "{name} of {source}: {refused} reports refused, the first for {}",
                    first.reason
                )
            });
        }
    }
    if let [first, ..] = upload.rejected() {
        intake.events.say(Severity::Error, received_at, || {
            let refused = upload.rejected().len();
            format!(
                "{name}: {refused} rows refused, the first for {}",
                first.reason
            )
        });
    }
}

/// The name that a client gives its upload, so that it may send it again.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<Vec<u8>>, ApiError> {
    const BYTES_MAX: usize = 255;
    let mut keys = headers.get_all("idempotency-key").iter();
    let key = keys.next().map(HeaderValue::as_bytes);
    if keys.next().is_some() {
        return Err(ApiError::TwoIdempotencyKeys);
    }
    match key {
        None | Some([]) => Ok(None),
        Some(key) if BYTES_MAX < key.len() => Err(ApiError::BadIdempotencyKey {
            bytes_max: BYTES_MAX,
        }),
        Some(key) => Ok(Some(key.to_vec())),
    }
}

/// Whether a sender may send now, whatever it is.
fn admit(intake: &Intake, sender: &Sender) -> Result<(), ApiError> {
    intake.rates.admit(sender)?;
    if intake.tracker.is_full() {
        let bytes_max = intake.tracker.bounds().memory_bytes_max;
        return Err(IngestError::MemoryFull { bytes_max }.into());
    }
    Ok(())
}

/// How many bytes a body counts that could not be decompressed: what may have been decompressed of it.
fn refused_bytes(intake: &Intake, refused: &ApiError) -> usize {
    match refused {
        ApiError::Body(
            BodyError::TooLarge { .. } | BodyError::InflatesTooLarge { .. } | BodyError::BadGzip,
        ) => intake.body_bytes_max,
        _ => 0,
    }
}

/// A body after decompression.
struct Decoded {
    /// Its length.
    bytes: usize,
    upload: Result<Upload, ApiError>,
    /// The source that it names, also if it cannot be decoded.
    source: Option<SourceId>,
    is_large: bool,
}

/// Decompresses a body and decodes it.
async fn decode<F: Format>(
    intake: &Intake,
    received: Received,
    received_at: ReceivedAt,
    sender: SenderNames,
    who: &Sender,
) -> Result<Decoded, ApiError> {
    let context = Context {
        received_at,
        limits: intake.limits,
        sender,
    };
    let heavy = received.is_heavy();
    let read = move |body: &[u8]| {
        let upload = F::decode(body, &context).map_err(ApiError::from);
        let source = match &upload {
            Ok(upload) => upload.entries().next().map(|entry| entry.batch.source),
            Err(_) => match F::SOURCE_FORM {
                None => claimed_source(body),
                Some(form) => Some(context.sender.source(form, 0).0),
            },
        };
        Ok(Decoded {
            bytes: body.len(),
            upload,
            source,
            is_large: false,
        })
    };
    let decode = move || {
        if F::IS_JSON {
            received.document(read)
        } else {
            received.octets(read)
        }
    };
    if !heavy {
        return decode();
    }
    let body = intake.large_bodies.turn(who).await;
    spawn_blocking(move || {
        let started = ThreadTime::now();
        let decoded = decode();
        let is_large = body.decoded(&started);
        decoded.map(|decoded| Decoded {
            is_large,
            ..decoded
        })
    })
    .await
    .map_err(|_| ApiError::Panicked)?
}

/// Hands each entry to the log as a record of its own, and waits for all.
///
/// When the log fails on the way, some entries may be kept and the upload is refused. Sent again, it finds those
/// entries recognised.
async fn submit(
    intake: &Intake,
    sender: &Sender,
    received_at: ReceivedAt,
    upload: Upload,
) -> Result<UploadReceipt, ApiError> {
    let (first, others, rejected) = upload.into_parts();
    if others.is_empty() {
        let receipt = submit_batch(intake, sender, received_at, first.batch).await?;
        return Ok(UploadReceipt::gather([Ok(receipt)], rejected));
    }
    let entries = std::iter::once(first).chain(others);
    let submits = entries.map(|entry| submit_one_of_several(intake, sender, received_at, entry));
    // In memory of their own, so that uploads of one entry do not carry room for them.
    let answers: Vec<EntryAnswer> = Box::pin(
        stream::iter(submits)
            .buffered(ENTRIES_AT_ONCE_MAX)
            .try_collect(),
    )
    .await?;
    let is_kept = answers.iter().any(Result::is_ok);
    let mut gathered = Vec::with_capacity(answers.len());
    for answer in answers {
        match answer {
            // Nothing of the upload is kept.
            Err((error, _)) if !is_kept => return Err(error.into()),
            answer => gathered.push(answer.map_err(|(_, rejected)| rejected)),
        }
    }
    Ok(UploadReceipt::gather(gathered, rejected))
}

/// Hands a batch to the log. A new source counts for its sender, unless the batch is refused.
async fn submit_batch(
    intake: &Intake,
    sender: &Sender,
    received_at: ReceivedAt,
    batch: Batch,
) -> Result<Receipt, IngestError> {
    let is_new = !intake.tracker.has_source(batch.source);
    if is_new {
        intake.new_sources.take(sender)?;
    }
    let submitted = intake
        .ingest
        .submit(received_at, What::Reports(batch))
        .await;
    if is_new && submitted.is_err() {
        intake.new_sources.give_back(sender);
    }
    submitted
}

/// An entry that is refused for good costs its rows, and not those of others.
type EntryAnswer = Result<Receipt, (IngestError, Vec<Rejected>)>;

async fn submit_one_of_several(
    intake: &Intake,
    sender: &Sender,
    received_at: ReceivedAt,
    entry: UploadEntry,
) -> Result<EntryAnswer, ApiError> {
    let UploadEntry { batch, rows, .. } = entry;
    let rejected = batch.rejected.clone();
    match submit_batch(intake, sender, received_at, batch).await {
        Ok(receipt) => Ok(Ok(receipt)),
        Err(error @ (IngestError::TooManySources(_) | IngestError::TooManyNewSources { .. })) => {
            let rejected = UploadEntry::refused(&rows, rejected, &error.to_string());
            Ok(Err((error, rejected)))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
