//! Every way a request can fail, and the one place where a status is chosen.

mod code;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::alerts::AlertOrderError;
use crate::auth::{BadRole, CredentialsError, RequiredRole};
use crate::erase::EraseError;
use crate::export::ExportError;
use crate::http::request::bad_parameter::BadParameter;
use crate::http::request::body::BodyError;
use crate::http::response::json::Json;
use crate::import::ImportError;
use crate::ingest::IngestError;
use crate::ingest::decode::DecodeError;
use crate::log::LogError;
use crate::maps::MapError;
use crate::report::{
    DeviceKey, MacAddr, ParseDeviceKeyError, ParseMacError, ParseSourceIdError, SourceId,
};

/// The ways to prove who one is that a refusal names.
const BASIC: &str = "Basic realm=\"scanpost\"";
pub(super) const BEARER: &str = "Bearer realm=\"scanpost\"";

/// Why a request failed. The client reads the text, except where the server is at fault.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Ingest(#[from] IngestError),
    #[error("nothing at this path; /api/openapi.json lists all paths")]
    NoSuchPath,
    #[error("this path does not allow this method; see the Allow header")]
    MethodNotAllowed,
    #[error("Idempotency-Key: longer than {bytes_max} bytes")]
    BadIdempotencyKey { bytes_max: usize },
    #[error("Idempotency-Key: sent more than once")]
    TwoIdempotencyKeys,
    #[error("path: not UTF-8 after percent-decoding")]
    BadPath,
    #[error("mac: {0}")]
    BadAddress(#[from] ParseMacError),
    #[error("key: {0}")]
    BadKey(#[from] ParseDeviceKeyError),
    #[error("uuid: {0}")]
    BadSourceId(#[from] ParseSourceIdError),
    #[error("timestamp: expected seconds since 1970, or a negative number of seconds before now")]
    BadTimestamp,
    #[error("no device has the key {0}")]
    NoSuchDevice(DeviceKey),
    #[error("the device has no field `{0}`")]
    NoSuchField(String),
    #[error(transparent)]
    BadParameter(#[from] BadParameter),
    #[error("no device has the address {0}")]
    NoSuchAddress(MacAddr),
    #[error("cannot read the log: {0}")]
    History(LogError),
    #[error("no source has the UUID {0}")]
    NoSuchSource(SourceId),
    #[error("the source is paused already")]
    AlreadyPaused,
    #[error("the source is not paused")]
    NotPaused,
    /// A command that needs a radio or a receiver, which this server does not have.
    #[error("{0}")]
    Impossible(&'static str),
    #[error("this server has no GPS receiver: each report carries the position of its scanner")]
    NoReceiver,
    #[error("no alert has the hash {0}")]
    NoSuchAlert(String),
    #[error("no alert has the id {0}")]
    NoSuchAlertId(String),
    #[error("the alert has {max} comments already, which is limits.alert_comments_max")]
    TooManyComments { max: usize },
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Erase(EraseError),
    #[error("{0}")]
    UnknownForm(String),
    #[error("no import has the id {0}")]
    NoSuchImport(String),
    #[error("the form is not multipart/form-data, breaks off, or has a field that is too long")]
    BadMultipart,
    #[error("file: the form has no file; send each one as a field `file`")]
    NoFile,
    #[error("more than {max} files in one upload, see import.files_max")]
    TooManyFiles { max: usize },
    #[error("the form has more than {max} fields besides its files, see import.fields_max")]
    TooManyFields { max: usize },
    #[error("the form has a field whose name is longer than {bytes_max} bytes")]
    FieldNameTooLong { bytes_max: usize },
    #[error("there is no form of this name to export; there are {0}")]
    NoSuchForm(String),
    #[error("another file of this form is being made: come back when it is sent")]
    FileTaken,
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("no webhook has the name `{0}`")]
    NoSuchWebhook(String),
    #[error("no forward has the name `{0}`")]
    NoSuchForward(String),
    #[error(
        "too many orders wait for this forward: come back when the request that is under way has ended"
    )]
    TooManyForwardOrders,
    #[error("no base map has the name `{0}`; /api/v1/basemaps lists them")]
    NoSuchBaseMap(String),
    #[error("the base map has no such tile")]
    NoSuchTile,
    #[error("the outline is TopoJSON, for which there is no style")]
    NoSuchStyle,
    #[error("cannot read the base map: {0}")]
    BaseMap(#[from] MapError),
    #[error(
        "Kismet's page is not served here: set ui.kismet_dir to the folder with its files, such as /usr/share/kismet/httpd"
    )]
    NoKismetPage,
    #[error("Kismet's page has no such file")]
    NoSuchFile,
    #[error("cannot read a file of Kismet's page: {0}")]
    File(io::Error),
    #[error("no network has the hash {0}")]
    NoSuchSsid(u32),
    #[error("there is no view of that name; /devices/views/all_views.json lists the views")]
    NoSuchView,
    #[error("this needs a login or a key with {0}")]
    Unauthorised(RequiredRole),
    #[error("this login or key has no right to this: it needs {0}")]
    Forbidden(RequiredRole),
    #[error(
        "the credentials cannot be read at the moment, try again later; see the log of the server"
    )]
    NoCredentials,
    #[error("too many logins wait to be checked, try again later; keys and sessions do not wait")]
    TooManyLogins,
    #[error("the source {0} belongs to another key or user, see auth.bind_sources")]
    NotYourSource(SourceId),
    #[error(
        "source_uuid: a new source, and limits.sources_max sources have owners: forget one, or raise the limit"
    )]
    TooManyOwnedSources,
    #[error("cannot write the owner of a source: {0}")]
    OwnerNotWritten(io::Error),
    #[error(
        "this GET changes something and may come from a page of others: send a bearer or X-Requested-With, or use POST"
    )]
    UnprovenCommand,
    #[error("the user name or the password is wrong")]
    WrongPassword,
    #[error("too many logins failed, try again later")]
    TooManyFailures { retry_after: Duration },
    #[error(
        "more than {per_second_max} reports a second, see limits.reports_per_second_max; try again later"
    )]
    TooManyReports {
        per_second_max: u32,
        retry_after: Duration,
    },
    #[error(
        "more than {per_second_max} bytes a second after decompression, see limits.bytes_per_second_max; try again later"
    )]
    TooManyBytes {
        per_second_max: u32,
        retry_after: Duration,
    },
    #[error("a login exists already; only the administrator may change it")]
    NotTheAdministrator,
    #[error(
        "the first login cannot be set over this connection; run `scanpost user set-password` on the machine of the server"
    )]
    NoFirstLogin,
    #[error(
        "Host: not a name of this server; call it by an address or as localhost, or list the name in server.hosts"
    )]
    ForeignHost,
    #[error(
        "Origin: pages from this address may not use this server; server.cors_origins can allow it"
    )]
    ForeignOrigin,
    #[error("the JSON is not what this path expects: {0}")]
    BadCommand(serde_json::Error),
    #[error("duration: expected a number of seconds, or 0 for a key that never expires")]
    BadDuration,
    #[error("role: {0}")]
    BadRole(#[from] BadRole),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(
        "this path speaks WebSocket: GET with Upgrade: websocket and Sec-WebSocket-Version: 13"
    )]
    NotAWebSocket,
    #[error("too many connections are open, try again in a while")]
    TooManyConnections,
    #[error(
        "the head of the request is too long, at most {bytes_max} bytes are allowed (limits.head_bytes_max)"
    )]
    HeadTooLong { bytes_max: usize },
    #[error(
        "this client has limits.subscribers_per_client_max WebSockets and live streams open already; close one first"
    )]
    TooManySubscribersOfClient,
    #[error("limits.subscribers_max WebSockets and live streams are open already; try again later")]
    TooManySubscribers,
    /// The same for one that asked for a live stream.
    #[error(transparent)]
    NoLiveStream(Box<ApiError>),
    #[error("limits.reads_waiting_max reads of this kind wait already; try again later")]
    TooManyReads,
    #[error(
        "limits.reads_per_client_max reads of this kind work or wait for this client already; try again later"
    )]
    TooManyReadsOfClient,
    #[error(
        "the index for tiles is being built since the start of the server; try again in a few seconds"
    )]
    NoTilesYet,
    #[error(
        "the client closed the connection for sending, so the read was given up; keep it open until the answer has come"
    )]
    ClientGone,
    #[error("a handler panicked")]
    Panicked,
    /// The log cannot take reports now.
    #[error("the server takes no reports: {0}")]
    NotReady(Box<str>),
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoLiveStream(error) => error.status(),
            Self::Body(error) => status_of_body(error),
            Self::Decode(error) => status_of_decode(error),
            Self::Ingest(error) => status_of_ingest(error),
            Self::Unauthorised(_) | Self::WrongPassword => StatusCode::UNAUTHORIZED,
            Self::TooManyFailures { .. }
            | Self::TooManyReports { .. }
            | Self::TooManyBytes { .. }
            | Self::Import(ImportError::TooManyOfSender { .. })
            | Self::TooManySubscribersOfClient => StatusCode::TOO_MANY_REQUESTS,
            Self::Forbidden(_)
            | Self::NotYourSource(_)
            | Self::UnprovenCommand
            | Self::NotTheAdministrator
            | Self::NoFirstLogin
            | Self::ForeignHost
            | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Credentials(error) => status_of_credentials(error),
            Self::NoSuchPath
            | Self::NoSuchAddress(_)
            | Self::NoSuchAlert(_)
            | Self::NoSuchAlertId(_)
            | Self::NoSuchSsid(_)
            | Self::NoSuchDevice(_)
            | Self::NoSuchField(_)
            | Self::NoSuchSource(_)
            | Self::NoSuchWebhook(_)
            | Self::NoSuchForward(_)
            | Self::NoSuchImport(_)
            | Self::NoSuchForm(_)
            | Self::NoSuchBaseMap(_)
            | Self::NoSuchTile
            | Self::NoSuchStyle
            | Self::NoKismetPage
            | Self::NoSuchFile
            | Self::NoReceiver
            | Self::NoSuchView => StatusCode::NOT_FOUND,
            Self::AlreadyPaused
            | Self::NotPaused
            | Self::Erase(EraseError::ImportsWait | EraseError::TooMany)
            | Self::TooManyComments { .. }
            | Self::TooManyOwnedSources => StatusCode::CONFLICT,
            Self::Impossible(_) => StatusCode::NOT_IMPLEMENTED,
            Self::UnknownForm(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyFiles { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Import(ImportError::Io(error)) | Self::OwnerNotWritten(error)
                if matches!(
                    error.kind(),
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded
                ) =>
            {
                StatusCode::INSUFFICIENT_STORAGE
            }
            Self::Export(ExportError::NoRoom { .. }) => StatusCode::INSUFFICIENT_STORAGE,
            Self::NotAWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::Import(ImportError::TooMany { .. })
            | Self::TooManyForwardOrders
            | Self::TooManyReads
            | Self::TooManyReadsOfClient
            | Self::NoTilesYet
            | Self::FileTaken
            | Self::TooManySubscribers
            | Self::TooManyConnections
            | Self::NotReady(_)
            | Self::NoCredentials
            | Self::TooManyLogins => StatusCode::SERVICE_UNAVAILABLE,
            Self::HeadTooLong { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ClientGone
            | Self::Export(ExportError::TooMany { .. })
            | Self::BadMultipart
            | Self::TooManyFields { .. }
            | Self::FieldNameTooLong { .. }
            | Self::NoFile
            | Self::BadPath
            | Self::BadParameter(_)
            | Self::BadIdempotencyKey { .. }
            | Self::TwoIdempotencyKeys
            | Self::BadAddress(_)
            | Self::BadKey(_)
            | Self::BadSourceId(_)
            | Self::BadCommand(_)
            | Self::BadDuration
            | Self::BadRole(_)
            | Self::Erase(EraseError::Nothing)
            | Self::BadTimestamp => StatusCode::BAD_REQUEST,
            Self::Import(ImportError::Io(_))
            | Self::OwnerNotWritten(_)
            | Self::History(_)
            | Self::Export(_)
            | Self::Erase(_)
            | Self::BaseMap(_)
            | Self::File(_)
            | Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether the server is not ready. Each request gets this error, and the reason is in the log already.
    pub(super) fn is_not_ready(&self) -> bool {
        matches!(
            self,
            Self::Ingest(IngestError::Starting) | Self::NotReady(_)
        )
    }

    /// The text for the client.
    fn message(&self, status: StatusCode) -> String {
        // Errors of acceptance say what the client has to do, and those of base maps what is wrong with a file that the
        // user put there. Others may tell of files or of memory.
        let is_for_client = matches!(self, Self::Ingest(_) | Self::BaseMap(_));
        if status == StatusCode::INTERNAL_SERVER_ERROR && !is_for_client {
            return "internal server error; see the log of the server".to_owned();
        }
        self.to_string()
    }

    /// Seconds after which the client may try again.
    fn retry_after(&self, status: StatusCode) -> Option<u64> {
        match (self, status) {
            (
                Self::TooManyFailures { retry_after }
                | Self::TooManyReports { retry_after, .. }
                | Self::TooManyBytes { retry_after, .. },
                _,
            ) => Some(
                retry_after
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(u64::MAX),
            ),
            (Self::NoLiveStream(error), _) => error.retry_after(status),
            (
                Self::Body(BodyError::NoMemoryForSender)
                | Self::Import(ImportError::TooManyOfSender { .. })
                | Self::TooManySubscribersOfClient,
                _,
            )
            | (_, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE) => Some(1),
            _ => None,
        }
    }
}

fn status_of_credentials(error: &CredentialsError) -> StatusCode {
    match error {
        CredentialsError::BadName
        | CredentialsError::BadPassword
        | CredentialsError::BadLifetime => StatusCode::BAD_REQUEST,
        CredentialsError::AlreadySet | CredentialsError::NotKept => StatusCode::FORBIDDEN,
        CredentialsError::NoSuchKey | CredentialsError::NoSuchUser => StatusCode::NOT_FOUND,
        CredentialsError::NameTaken | CredentialsError::TooMany | CredentialsError::LastUser => {
            StatusCode::CONFLICT
        }
        CredentialsError::Read { .. }
        | CredentialsError::Write { .. }
        | CredentialsError::Making(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_ingest(error: &IngestError) -> StatusCode {
    match error {
        IngestError::Overloaded
        | IngestError::Starting
        | IngestError::Stopped
        | IngestError::Locked => StatusCode::SERVICE_UNAVAILABLE,
        // Nobody has to send it again: it would be refused again.
        IngestError::TooManySources(_) | IngestError::TooManyNewSources { .. } => {
            StatusCode::CONFLICT
        }
        IngestError::DiskFull | IngestError::MemoryFull { .. } => StatusCode::INSUFFICIENT_STORAGE,
        IngestError::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        IngestError::AlertOrder(refused) => match refused {
            AlertOrderError::NoSuchKind(_) => StatusCode::BAD_REQUEST,
            AlertOrderError::NoSuchAlert(_) => StatusCode::NOT_FOUND,
            AlertOrderError::Limited => StatusCode::TOO_MANY_REQUESTS,
            AlertOrderError::Taken(_) | AlertOrderError::TooMany { .. } => StatusCode::CONFLICT,
        },
    }
}

fn status_of_decode(error: &DecodeError) -> StatusCode {
    match error {
        DecodeError::NotAReport(_) | DecodeError::Source(_) | DecodeError::NoReports(_) => {
            StatusCode::BAD_REQUEST
        }
        DecodeError::TooManyReports { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        DecodeError::NothingValid(_) => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn status_of_body(error: &BodyError) -> StatusCode {
    match error {
        BodyError::TooLarge { .. } | BodyError::InflatesTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        BodyError::UnknownType | BodyError::UnknownEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        BodyError::TooSlow | BodyError::BelowRate { .. } => StatusCode::REQUEST_TIMEOUT,
        BodyError::NoMemoryForSender => StatusCode::TOO_MANY_REQUESTS,
        BodyError::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
        BodyError::BrokenOff
        | BodyError::BadGzip
        | BodyError::NotACommand(_)
        | BodyError::NotUtf8
        | BodyError::NoVariable(_)
        | BodyError::NoJsonVariable => StatusCode::BAD_REQUEST,
    }
}

/// An error for clients of location services. It has the keys of Ichnaea's errors besides those of all others.
#[derive(Debug)]
pub(super) struct IchnaeaError(pub(super) ApiError);

impl IntoResponse for IchnaeaError {
    fn into_response(self) -> Response {
        let status = match self.0.status() {
            // Ichnaea has no other status for what it cannot use.
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        };
        let message = self.0.message(status);
        let reason = match status {
            StatusCode::BAD_REQUEST => "parseError",
            _ => self.0.code(),
        };
        let one = json!({ "domain": "global", "reason": reason, "message": message });
        let error = json!({ "code": status.as_u16(), "message": message, "errors": [one] });
        self.0.answer(status, [("error".to_owned(), error)])
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        self.answer(status, [])
    }
}

impl ApiError {
    fn answer(
        self,
        status: StatusCode,
        further: impl IntoIterator<Item = (String, Value)>,
    ) -> Response {
        let mut body = Map::from_iter([
            ("code".to_owned(), Value::from(self.code())),
            ("status".to_owned(), Value::from(self.message(status))),
            ("success".to_owned(), Value::from(false)),
        ]);
        body.extend(further);
        if let Some(parameter) = self.parameter() {
            body.insert("parameter".to_owned(), Value::from(parameter));
        }
        if let Self::Decode(DecodeError::NothingValid(rejected)) = &self {
            body.insert("rejected".to_owned(), json!(rejected));
        }
        let mut response = (status, Json::kismet(&body)).into_response();
        if let Some(retry_after) = self.retry_after(status) {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, retry_after.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let headers = response.headers_mut();
            // A page with a form asked, and a browser would open its own window.
            let challenges: &[_] = match self {
                Self::WrongPassword => &[BEARER],
                _ => &[BASIC, BEARER],
            };
            for challenge in challenges {
                headers.append(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(challenge),
                );
            }
        }
        if status == StatusCode::UPGRADE_REQUIRED {
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }
        // Some errors are answered before there is a route.
        let nosniff = HeaderValue::from_static("nosniff");
        response
            .headers_mut()
            .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        // The trace layer logs it, once.
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}
