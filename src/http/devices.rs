//! Kismet's device reads: views, one device, and what changed.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::App;
use super::error::ApiError;
use super::extract::Argument;
use super::json::KismetJson;
use crate::report::{DeviceKey, MacAddr, UnixTime};
use crate::tracker::{Tracker, Walk};
use crate::views::kismet::{Context, DeviceRecord, DeviceView, Sources};
use crate::views::to_json;

/// How many devices are copied out at a time.
const DEVICES_PER_PIECE: usize = 16;
/// How large a piece of an answer is at least, the last aside.
const PIECE_BYTES_MIN: usize = 32 * 1024;

/// `/devices/views/{view}/devices.json`: the devices of a view.
pub(super) async fn in_view(
    State(app): State<App>,
    Argument(view): Argument,
) -> Result<Response, ApiError> {
    let view = DeviceView::by_id(&view).ok_or(ApiError::NoSuchView)?;
    Ok(DeviceList::new(&app, Walk::over_all(), view).into_response())
}

/// `/devices/last-time/{timestamp}/devices.json`: the devices that changed since then.
///
/// Unlike Kismet's this looks at when a device changed, not at when it was seen, so that reports that
/// come late reach pollers too; and the second itself is included, so that no change in it is missed.
pub(super) async fn changed_since(
    State(app): State<App>,
    Argument(since): Argument,
) -> Result<Response, ApiError> {
    let since = moment(&since, App::now().time())?;
    Ok(DeviceList::new(&app, Walk::over_changed(since), DeviceView::All).into_response())
}

/// `/devices/by-mac/{mac}/devices.json`: the devices with an address, of any radio technology.
pub(super) async fn by_mac(
    State(app): State<App>,
    Argument(mac): Argument,
) -> Result<impl IntoResponse, ApiError> {
    let addr: MacAddr = mac.parse()?;
    let devices = app.tracker.devices_by_addr(addr);
    let context = app.context();
    let mut sources = Sources::default();
    sources.add(&devices, &app.tracker, context);
    let records: Vec<_> = devices
        .iter()
        .map(|device| DeviceRecord {
            device,
            sources: &sources,
            context,
        })
        .collect();
    Ok(KismetJson::of(&records))
}

/// `/devices/by-key/{key}/device.json`: one device.
pub(super) async fn by_key(
    State(app): State<App>,
    Argument(key): Argument,
) -> Result<impl IntoResponse, ApiError> {
    let key: DeviceKey = key.parse()?;
    let device = app
        .tracker
        .device(key.device())
        .ok_or(ApiError::NoSuchDevice(key))?;
    let context = app.context();
    let mut sources = Sources::default();
    sources.add(std::slice::from_ref(&device), &app.tracker, context);
    Ok(KismetJson::of(&DeviceRecord {
        device: &device,
        sources: &sources,
        context,
    }))
}

/// Seconds since 1970, or as many before `now` when negative; fractions are cut.
fn moment(text: &str, now: UnixTime) -> Result<UnixTime, ApiError> {
    let seconds = text
        .parse::<f64>()
        .ok()
        .filter(|seconds| seconds.is_finite())
        .ok_or(ApiError::BadTimestamp)?;
    let absolute = if seconds < 0.0 {
        f64::from(now.seconds()) + seconds
    } else {
        seconds
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float casts saturating"
    )]
    Ok(UnixTime::new(absolute.floor() as u32))
}

/// An array of devices, written piece by piece: never more than a piece is in memory.
struct DeviceList {
    tracker: Arc<Tracker>,
    view: DeviceView,
    context: Context,
    sources: Sources,
    progress: Progress,
}

enum Progress {
    Start(Walk),
    Middle { walk: Walk, first: bool },
    Done,
}

impl DeviceList {
    fn new(app: &App, walk: Walk, view: DeviceView) -> Self {
        Self {
            tracker: Arc::clone(&app.tracker),
            view,
            context: app.context(),
            sources: Sources::default(),
            progress: Progress::Start(walk),
        }
    }

    fn next_piece(&mut self) -> Option<Vec<u8>> {
        let (mut walk, mut first, mut piece) =
            match std::mem::replace(&mut self.progress, Progress::Done) {
                Progress::Start(walk) => (walk, true, vec![b'[']),
                Progress::Middle { walk, first } => {
                    (walk, first, Vec::with_capacity(2 * PIECE_BYTES_MIN))
                }
                Progress::Done => return None,
            };
        while piece.len() < PIECE_BYTES_MIN {
            let view = self.view;
            let devices = self
                .tracker
                .next_devices(&mut walk, DEVICES_PER_PIECE, |device| view.lists(device));
            let Some(devices) = devices else {
                piece.push(b']');
                return Some(piece);
            };
            self.sources.add(&devices, &self.tracker, self.context);
            for device in &devices {
                if !first {
                    piece.push(b',');
                }
                first = false;
                to_json(
                    &mut piece,
                    &DeviceRecord {
                        device,
                        sources: &self.sources,
                        context: self.context,
                    },
                );
            }
        }
        self.progress = Progress::Middle { walk, first };
        Some(piece)
    }
}

impl HttpBody for DeviceList {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(self.next_piece().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

impl IntoResponse for DeviceList {
    fn into_response(self) -> Response {
        (
            [(header::CONTENT_TYPE, "application/json")],
            Body::new(self),
        )
            .into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_absolute_or_before_now() {
        let now = UnixTime::new(1_700_000_000);
        let read = |text| moment(text, now).ok().map(UnixTime::seconds);
        assert_eq!(read("1600000000"), Some(1_600_000_000));
        assert_eq!(read("1600000000.9"), Some(1_600_000_000));
        assert_eq!(read("-5"), Some(1_699_999_995));
        assert_eq!(read("0"), Some(0));
        assert_eq!(read("-1e300"), Some(0));
        for text in ["", "x", "nan", "inf", "5s"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
