//! Devices: lists by filter and order, and one with all that is known of it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::filter::Filter;
use super::text_of_hex;
use crate::hex::Hex;
use crate::http::error::ApiError;
use crate::http::request::path::Argument;
use crate::http::request::query::Query;
use crate::http::response::heavy::{Abandoned, Paced, Walks};
use crate::http::response::json::Json;
use crate::http::response::pace::Pace;
use crate::http::response::page;
use crate::http::response::stream::Listed;
use crate::http::state::RequestLimits;
use crate::privacy::Sight;
use crate::report::{DeviceId, DeviceKey, MacAddr, UnixTime};
use crate::tracker::{ChangeNumber, Device, Seen, Tracker, Walk};
use crate::views::export::Form;
use crate::views::native::{DeviceRow, SourceNames, WholeDevice, name_of};

/// By what devices are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    LastSeen,
    Signal,
    Name,
    Reports,
    Address,
    Changed,
}

/// A place in an order; the device makes it one without ties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: Key,
    id: DeviceId,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(i64),
    Text(String),
    /// When a device changed last, by the clock and by number. Both only grow, and no two devices have the same number.
    Change {
        at_us: u64,
        number: u64,
    },
}

/// Which page is wanted.
#[derive(Clone, Debug)]
struct Wanted {
    filter: Filter,
    sort: Sort,
    is_descending: bool,
    changed_since: Option<UnixTime>,
    after: Option<Place>,
    count: usize,
}

/// A page of devices.
#[derive(Serialize, ToSchema)]
#[schema(as = Devices)]
pub(super) struct Devices<'d> {
    /// In the order that was asked for.
    devices: Vec<DeviceRow<'d>>,
    /// Asks for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

/// `GET /api/v1/devices`: a page of devices.
pub(in crate::http) async fn list(
    State(tracker): State<Arc<Tracker>>,
    walks: Walks,
    State(limits): State<RequestLimits>,
    State(pace): State<Pace>,
    sight: Sight,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let sort = query
        .take_with("sort", Sort::read)?
        .unwrap_or(Sort::LastSeen);
    let order = query.take_with("order", |text| match text {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err("expected asc or desc"),
    })?;
    let is_descending = order.unwrap_or(sort.descends_by_default());
    let limit = query.take_limit(limits.page_items_max)?;
    let after = query.take_with("cursor", |text| read_cursor(text, sort, is_descending))?;
    let changed_since = query.take_time("changed_since")?;
    let filter = Filter::take(&mut query, &tracker, sight)?;
    let form = page::take_form(&mut query, &headers)?;
    query.finish()?;
    let wanted = Wanted {
        filter,
        sort,
        is_descending,
        changed_since,
        after,
        // One more tells whether there is a next page.
        count: limit + 1,
    };
    let walked = Arc::clone(&tracker);
    let found = walks.walk(move |paced| wanted.find(&walked, paced));
    let mut places = found.await?;
    let has_more = limit < places.len();
    places.truncate(limit);
    let last = places.last().filter(|_| has_more);
    let next_cursor = last.map(|last| cursor(last, sort, is_descending));
    let frame = Devices {
        devices: Vec::new(),
        next_cursor,
    };
    let writer = form.writer(&frame).map_err(|_| ApiError::Panicked)?;
    // What is found has a place; what it is now is read when it is written.
    let ids = places.into_iter().map(|place| place.id);
    let supply = Listed { tracker, ids };
    let next_cursor = frame.next_cursor.filter(|_| form != Form::Json);
    Ok(page::answer(supply, writer, form.content_type(), next_cursor, &pace).await)
}

/// `GET /api/v1/devices/{address}`: one device with all that is known of it, in each radio technology that has it.
pub(in crate::http) async fn one(
    State(tracker): State<Arc<Tracker>>,
    sight: Sight,
    Argument(address): Argument,
    query: Query,
) -> Result<Json, ApiError> {
    query.finish()?;
    let addr: MacAddr = address.parse()?;
    let devices = tracker.devices_by_addr(addr).into_iter();
    let parts: Vec<_> = devices
        .filter_map(|device| sight.shown(device))
        .map(|device| {
            let sources = SourceNames::of(&device, &tracker);
            let mut related = tracker.related_to(&device);
            related.retain(|device| sight.shows(device));
            (device, sources, related)
        })
        .collect();
    let mut rows = parts
        .iter()
        .map(|(device, sources, related)| WholeDevice::of(device, sources, related));
    // An address is seldom that of two: the first, and the others beside it.
    let first = rows.next().ok_or(ApiError::NoSuchAddress(addr))?;
    Json::compact(&first.beside(rows.collect()))
}

impl Sort {
    const ALL: [Self; 6] = [
        Self::LastSeen,
        Self::Signal,
        Self::Name,
        Self::Reports,
        Self::Address,
        Self::Changed,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::LastSeen => "last_seen",
            Self::Signal => "signal",
            Self::Name => "name",
            Self::Reports => "reports",
            Self::Address => "address",
            Self::Changed => "changed",
        }
    }

    /// Rankings begin with the greatest. Names and addresses begin with the least, and changes with the oldest, so that
    /// a client can read on where it stopped.
    const fn descends_by_default(self) -> bool {
        match self {
            Self::LastSeen | Self::Signal | Self::Reports => true,
            Self::Name | Self::Address | Self::Changed => false,
        }
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let mut all = Self::ALL.into_iter();
        all.find(|sort| sort.name() == text)
            .ok_or("expected last_seen, signal, name, reports, address or changed")
    }

    fn place(self, device: &Device, change: ChangeNumber) -> Place {
        let number = |number: u64| Key::Number(i64::try_from(number).unwrap_or(i64::MAX));
        let key = match self {
            Self::LastSeen => number(device.last_time.seconds().into()),
            Self::Reports => number(device.reports),
            // What has no signal comes after what has one.
            Self::Signal => Key::Number(device.signal.map_or(i64::from(i16::MIN), |signal| {
                i64::from(signal.last.value.get())
            })),
            Self::Name => Key::Text(name_of(device).unwrap_or_default().to_lowercase()),
            Self::Address => number(device.id.addr.to_u64()),
            Self::Changed => Key::Change {
                at_us: device.modified_at.micros(),
                number: change.get(),
            },
        };
        Place { key, id: device.id }
    }
}

impl From<Seen> for Place {
    fn from(seen: Seen) -> Self {
        Self {
            key: Key::Number(seen.time.seconds().into()),
            id: seen.id,
        }
    }
}

impl Wanted {
    /// The places of the page, in its order.
    fn find(&self, tracker: &Tracker, paced: &mut Paced) -> Result<Vec<Place>, Abandoned> {
        if self.sort == Sort::LastSeen && self.is_descending && self.changed_since.is_none() {
            let before = self.after.as_ref().and_then(|after| match after.key {
                Key::Number(seconds) => Some(Seen {
                    time: UnixTime::new(u32::try_from(seconds).ok()?),
                    id: after.id,
                }),
                Key::Text(_) | Key::Change { .. } => None,
            });
            let wanted = |device: &Device| self.filter.wants(device);
            let seen = tracker.seen_last(self.count, before, wanted, || paced.pause())?;
            return Ok(seen.into_iter().map(Place::from).collect());
        }
        let mut best: BTreeSet<Place> = BTreeSet::new();
        let mut walk = self
            .changed_since
            .map_or_else(Walk::over_all, Walk::over_changed);
        // The walk may miss a device that changes meanwhile. All later changes are left out too, so that a client that
        // goes on from the latest change that it got misses none.
        let latest = tracker.latest_change();
        // The places are taken here, and nothing is copied out.
        let mut look = |device: &Device, change: ChangeNumber| {
            let is_too_late = self.sort == Sort::Changed && latest < change;
            if is_too_late || !self.filter.wants(device) {
                return;
            }
            let place = self.sort.place(device, change);
            if let Some(after) = &self.after
                && self.compare(&place, after) != Ordering::Greater
            {
                return;
            }
            best.insert(place);
            if self.count < best.len() {
                if self.is_descending {
                    best.pop_first();
                } else {
                    best.pop_last();
                }
            }
        };
        while tracker.look_at_next_changes(&mut walk, &mut look) {
            paced.pause()?;
        }
        let mut places: Vec<_> = best.into_iter().collect();
        places.sort_by(|one, other| self.compare(one, other));
        Ok(places)
    }

    fn compare(&self, one: &Place, other: &Place) -> Ordering {
        if self.is_descending {
            other.cmp(one)
        } else {
            one.cmp(other)
        }
    }
}

/// A place as clients hand it back; what is in it is not theirs to know.
fn cursor(place: &Place, sort: Sort, is_descending: bool) -> String {
    let key = match &place.key {
        Key::Number(number) => format!("n{number}"),
        Key::Text(text) => {
            format!("t{}", Hex(text.as_bytes()))
        }
        Key::Change { at_us, number } => format!("c{at_us}-{number}"),
    };
    let direction = if is_descending { "desc" } else { "asc" };
    format!("{}.{direction}.{key}.{}", sort.name(), place.id.key())
}

fn read_cursor(text: &str, sort: Sort, is_descending: bool) -> Result<Place, &'static str> {
    const UNKNOWN: &str = "not one that an earlier page returned";
    let mut parts = text.split('.');
    let (Some(name), Some(direction), Some(key), Some(id), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err(UNKNOWN);
    };
    if name != sort.name() || (direction == "desc") != is_descending {
        return Err("of a page in another order");
    }
    let key = match (key.split_at_checked(1), sort) {
        (Some(("n", number)), Sort::LastSeen | Sort::Signal | Sort::Reports | Sort::Address) => {
            Key::Number(number.parse().map_err(|_| UNKNOWN)?)
        }
        (Some(("t", hex)), Sort::Name) => Key::Text(text_of_hex(hex).ok_or(UNKNOWN)?),
        (Some(("c", change)), Sort::Changed) => {
            let (at_us, number) = change.split_once('-').ok_or(UNKNOWN)?;
            Key::Change {
                at_us: at_us.parse().map_err(|_| UNKNOWN)?,
                number: number.parse().map_err(|_| UNKNOWN)?,
            }
        }
        _ => return Err(UNKNOWN),
    };
    let id: DeviceKey = id.parse().map_err(|_| UNKNOWN)?;
    Ok(Place {
        key,
        id: id.device(),
    })
}
