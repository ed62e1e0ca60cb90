//! The words by which programs tell errors apart. They are part of the interface: a word that was once sent keeps its
//! meaning.

use super::ApiError;
use crate::alerts::AlertOrderError;
use crate::auth::CredentialsError;
use crate::erase::EraseError;
use crate::export::ExportError;
use crate::http::request::body::BodyError;
use crate::import::ImportError;
use crate::ingest::IngestError;
use crate::ingest::decode::DecodeError;

impl ApiError {
    /// The word for this error.
    pub(in crate::http) fn code(&self) -> &'static str {
        match self {
            Self::Body(error) => of_body(error),
            Self::Decode(error) => of_decode(error),
            Self::Ingest(error) => of_ingest(error),
            Self::Credentials(error) => of_credentials(error),
            Self::NoSuchPath => "no_such_path",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BadIdempotencyKey { .. } => "idempotency_key_too_long",
            Self::TwoIdempotencyKeys => "idempotency_key_repeated",
            Self::BadPath => "path_not_utf8",
            Self::BadAddress(_) => "bad_address",
            Self::BadKey(_) => "bad_device_key",
            Self::BadSourceId(_) => "bad_uuid",
            Self::BadTimestamp => "bad_timestamp",
            Self::NoSuchDevice(_) | Self::NoSuchAddress(_) => "no_such_device",
            Self::NoSuchField(_) => "no_such_field",
            Self::BadParameter(_) => "bad_parameter",
            Self::History(_) => "log_unreadable",
            Self::NoSuchSource(_) => "no_such_source",
            Self::AlreadyPaused => "source_paused_already",
            Self::NotPaused => "source_not_paused",
            Self::Impossible(_) => "not_supported",
            Self::NoReceiver => "no_gps_receiver",
            Self::NoSuchAlert(_) | Self::NoSuchAlertId(_) => "no_such_alert",
            Self::TooManyComments { .. } => "too_many_comments",
            Self::NoSuchWebhook(_) => "no_such_webhook",
            Self::NoSuchForward(_) => "no_such_forward",
            Self::TooManyForwardOrders => "too_many_orders",
            Self::Import(ImportError::TooMany { .. } | ImportError::TooManyOfSender { .. }) => {
                "too_many_imports"
            }
            Self::Import(ImportError::Io(_)) => "import_not_written",
            Self::Erase(EraseError::Nothing) => "nothing_to_erase",
            Self::Erase(EraseError::TooMany) => "too_many_erasures",
            Self::Erase(EraseError::ImportsWait) => "imports_wait",
            Self::Erase(_) => "not_erased",
            Self::UnknownForm(_) => "unknown_form",
            Self::NoSuchImport(_) => "no_such_import",
            Self::NoSuchForm(_) => "no_such_form",
            Self::FileTaken => "export_busy",
            Self::Export(ExportError::TooMany { .. }) => "too_many_devices",
            Self::Export(ExportError::NoRoom { .. }) => "export_too_large",
            Self::Export(_) => "export_not_made",
            Self::BadMultipart => "bad_multipart",
            Self::NoFile => "no_file",
            Self::TooManyFiles { .. } => "too_many_files",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::FieldNameTooLong { .. } => "field_name_too_long",
            Self::NoSuchSsid(_) => "no_such_ssid",
            Self::NoSuchBaseMap(_) => "no_such_basemap",
            Self::NoSuchTile => "no_such_tile",
            Self::NoSuchStyle => "no_such_style",
            Self::BaseMap(_) => "basemap_unreadable",
            Self::NoKismetPage => "no_kismet_page",
            Self::NoSuchFile => "no_such_file",
            Self::File(_) => "file_unreadable",
            Self::NoSuchView => "no_such_view",
            Self::Unauthorised(_) => "unauthorised",
            Self::Forbidden(_) => "forbidden",
            Self::NoCredentials => "credentials_unavailable",
            Self::TooManyLogins => "too_many_logins",
            Self::NotYourSource(_) => "source_of_another",
            Self::TooManyOwnedSources => "too_many_sources",
            Self::OwnerNotWritten(_) => "source_owner_not_written",
            Self::UnprovenCommand => "unproven_command",
            Self::WrongPassword => "wrong_password",
            Self::TooManyFailures { .. } => "too_many_failed_logins",
            Self::TooManyReports { .. } => "report_rate_exceeded",
            Self::TooManyBytes { .. } => "byte_rate_exceeded",
            Self::NotTheAdministrator => "not_the_administrator",
            Self::NoFirstLogin => "first_login_elsewhere",
            Self::ForeignHost => "foreign_host",
            Self::ForeignOrigin => "foreign_origin",
            Self::BadCommand(_) => "bad_command",
            Self::BadDuration => "bad_duration",
            Self::BadRole(_) => "bad_role",
            Self::NotAWebSocket => "websocket_required",
            Self::TooManyConnections => "too_many_connections",
            Self::HeadTooLong { .. } => "head_too_long",
            Self::TooManySubscribers | Self::TooManySubscribersOfClient => "too_many_websockets",
            Self::NoLiveStream(_) => "too_many_streams",
            Self::TooManyReads | Self::TooManyReadsOfClient => "too_many_reads",
            Self::NoTilesYet => "no_tiles_yet",
            Self::ClientGone => "client_gone",
            Self::Panicked => "internal_error",
            Self::NotReady(_) => "not_ready",
        }
    }

    /// The parameter, header or field that is to blame.
    pub(super) fn parameter(&self) -> Option<&str> {
        Some(match self {
            Self::BadParameter(error) => error.name(),
            Self::BadAddress(_) => "mac",
            Self::BadKey(_) => "key",
            Self::BadSourceId(_) => "uuid",
            Self::BadTimestamp => "timestamp",
            Self::BadDuration => "duration",
            Self::NoFile => "file",
            Self::BadRole(_) => "role",
            Self::BadIdempotencyKey { .. } | Self::TwoIdempotencyKeys => "Idempotency-Key",
            Self::ForeignHost => "Host",
            Self::ForeignOrigin => "Origin",
            Self::NotYourSource(_)
            | Self::TooManyOwnedSources
            | Self::Ingest(
                IngestError::TooManySources(_) | IngestError::TooManyNewSources { .. },
            ) => "source_uuid",
            Self::Body(error) => match error {
                BodyError::UnknownType => "Content-Type",
                BodyError::UnknownEncoding => "Content-Encoding",
                BodyError::NoVariable(name) => name,
                BodyError::NoJsonVariable => "json",
                _ => return None,
            },
            Self::Decode(error) => match error {
                DecodeError::Source(reason) => reason.field(),
                DecodeError::NoReports(_) | DecodeError::TooManyReports { .. } => "reports",
                DecodeError::NotAReport(_) | DecodeError::NothingValid(_) => return None,
            },
            Self::Ingest(IngestError::AlertOrder(
                AlertOrderError::NoSuchKind(_) | AlertOrderError::Taken(_),
            )) => "name",
            _ => return None,
        })
    }
}

fn of_body(error: &BodyError) -> &'static str {
    match error {
        BodyError::TooLarge { .. } => "body_too_large",
        BodyError::InflatesTooLarge { .. } => "body_inflates_too_large",
        BodyError::UnknownType => "unsupported_content_type",
        BodyError::UnknownEncoding => "unsupported_content_encoding",
        BodyError::TooSlow | BodyError::BelowRate { .. } => "body_too_slow",
        BodyError::NoMemory | BodyError::NoMemoryForSender => "too_many_bodies",
        BodyError::BrokenOff => "body_incomplete",
        BodyError::BadGzip => "bad_gzip",
        BodyError::NotUtf8 => "body_not_utf8",
        BodyError::NotACommand(_) => "bad_command",
        BodyError::NoJsonVariable | BodyError::NoVariable(_) => "missing_form_variable",
    }
}

fn of_decode(error: &DecodeError) -> &'static str {
    match error {
        DecodeError::NotAReport(_) => "not_a_report",
        DecodeError::Source(_) => "bad_source",
        DecodeError::NoReports(_) => "no_reports",
        DecodeError::TooManyReports { .. } => "too_many_reports",
        DecodeError::NothingValid(_) => "no_valid_report",
    }
}

fn of_ingest(error: &IngestError) -> &'static str {
    match error {
        IngestError::Overloaded => "overloaded",
        IngestError::Starting => "starting",
        IngestError::Stopped => "stopping",
        IngestError::Unknown => "log_failed",
        IngestError::DiskFull => "disk_full",
        IngestError::Locked => "log_locked",
        IngestError::MemoryFull { .. } => "memory_full",
        IngestError::TooManySources(_) => "too_many_sources",
        IngestError::TooManyNewSources { .. } => "too_many_new_sources",
        IngestError::AlertOrder(error) => match error {
            AlertOrderError::NoSuchKind(_) => "no_such_alert_kind",
            AlertOrderError::NoSuchAlert(_) => "no_such_alert",
            AlertOrderError::Limited => "alert_rate_exceeded",
            AlertOrderError::Taken(_) => "alert_kind_taken",
            AlertOrderError::TooMany { .. } => "too_many_entries",
        },
    }
}

fn of_credentials(error: &CredentialsError) -> &'static str {
    match error {
        CredentialsError::Read { .. } | CredentialsError::Write { .. } => "credentials_unavailable",
        CredentialsError::BadName => "bad_name",
        CredentialsError::BadPassword => "bad_password",
        CredentialsError::BadLifetime => "bad_duration",
        CredentialsError::NameTaken => "key_name_taken",
        CredentialsError::NoSuchKey => "no_such_key",
        CredentialsError::AlreadySet => "login_exists",
        CredentialsError::NoSuchUser => "no_such_user",
        CredentialsError::LastUser => "last_user",
        CredentialsError::TooMany => "too_many_credentials",
        CredentialsError::NotKept => "credentials_not_kept",
        CredentialsError::Making(_) => "internal_error",
    }
}
