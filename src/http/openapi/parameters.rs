//! What stands in paths and queries, by its name. The same name means the same everywhere.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::openapi::{RefOr, Required};

use super::patterns;
use crate::export::{FORMS, Per, PlaceOf};
use crate::report::capabilities::SecurityClass;
use crate::tracker::TileId;

/// The forms of Kismet's answers, chosen by the extension of the path.
const FORMATS: [&str; 7] = [
    "json",
    "tjson",
    "prettyjson",
    "itjson",
    "ekjson",
    "cmd",
    "jcmd",
];

/// How the paths of base maps begin. They may have deeper zooms than other tiles.
const BASE_MAPS: &str = "/api/v1/basemaps/";

/// Where files are imported.
const IMPORTS: &str = "/api/v1/imports";

/// Where files are exported.
const EXPORT: &str = "/api/v1/export/{form}";

/// What the description of a parameter depends on besides its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'r> {
    /// The path of the route, as the document has it.
    pub(super) path: &'r str,
    /// `limits.page_items_max`.
    pub(super) page_items_max: usize,
    /// `limits.track_points_max`.
    pub(super) track_points_max: usize,
}

/// A parameter of a path, in braces there.
pub(super) fn in_path(name: &str, around: Surroundings<'_>) -> Parameter {
    parameter(name, ParameterIn::Path, Required::True, around)
}

pub(super) fn in_query(name: &str, around: Surroundings<'_>) -> Parameter {
    let required = match name {
        // Where a target begins anew.
        "to" => Required::True,
        _ => Required::False,
    };
    parameter(name, ParameterIn::Query, required, around)
}

fn parameter(
    name: &str,
    place: ParameterIn,
    required: Required,
    around: Surroundings<'_>,
) -> Parameter {
    let schema = schema(name, around);
    let is_list = matches!(schema, Schema::Array(_));
    // Names may have commas, so each of them is a parameter of its own.
    let is_repeated = name == "name_not";
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(meaning(name, around))
        .schema(Some(schema))
        // Other values stand in one parameter, separated by commas.
        .style(is_list.then_some(ParameterStyle::Form))
        .explode(is_list.then_some(is_repeated))
        .build()
}

fn meaning(name: &str, around: Surroundings<'_>) -> Option<&'static str> {
    let is_import = around.path == IMPORTS;
    if around.path == EXPORT
        && let Some(meaning) = meaning_in_export(name)
    {
        return Some(meaning);
    }
    Some(match name {
        "source" if is_import => "the name of the source; files with one name are of one source",
        "tz" => "the zone of times without one, such as `Europe/Berlin` or `+02:00`",
        "time" => {
            "the time of a capture without a clock: seconds since 1970, or like `2026-01-31T12:00:00Z`"
        }
        "track" => "seconds to add to the times of rows before a track in the upload is searched",
        "dry_run" => "`true`: changes nothing, and answers what would become of each row",
        "file" => "the number of a file of an import, from 0",
        "id" if around.path.starts_with(IMPORTS) => "the `id` of an import",
        "format" => {
            "`json` and `cmd`: one value; `tjson`: with `_` for the dots in names; `prettyjson`: spread over lines; \
             `itjson`: the items of a list, one a line; `ekjson`: the same with `_`"
        }
        "mac" => "an address: `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare",
        "field" => "the name of a field; slashes lead to fields within it",
        "key" => "a device's key, as `kismet.device.base.key` has it",
        "name" => {
            "the name of a webhook or a forward, as the configuration has it, or of a base map"
        }
        "to" => {
            "`start` of the log, its `end`, or the position of the last record that is not sent again"
        }
        "path" => "the path of a file, or of a view of the page",
        "version" => "the version of the page's files",
        "new_since" => {
            "counts devices that were first seen then or later: seconds since 1970, or like `2026-01-31T12:00:00Z`"
        }
        "uuid" => "the UUID of a source",
        "id" => "the `id` of an alert, as the list of alerts has it",
        "acknowledged" => {
            "`true`: only alerts that somebody acknowledged; `false`: only the others"
        }
        "hash" => "the hash by which the list of these names one",
        "view" => "`all`, `phydot11_accesspoints`, `phy-IEEE802.11`, `phy-Bluetooth`",
        "phyname" => "`IEEE802.11` or `Bluetooth`, as `phy/all_phys` names them",
        "class" => "a class of logs, of which there is none",
        "kind" => "which of them",
        "timestamp" => "seconds since 1970; negative: seconds before now",
        "rule" => "the kind of alert, such as `APSPOOF`",
        "severity_min" => "at least `info`, `low`, `medium`, `high` or `critical`",
        "address" => "an address that the alert names",
        "since" => "not before: seconds since 1970, or like `2026-01-31T12:00:00Z`",
        "until" => "not after: seconds since 1970, or like `2026-01-31T12:00:00Z`",
        "changed_since" => {
            "changed at this time or later, by the server's clock: seconds since 1970, or like `2026-01-31T12:00:00Z`"
        }
        "points_max" => "largest number of places. Default: 1 000",
        "limit" => {
            "largest number of items on a page. Default: 100, but all sources, webhooks, forwards and TAK targets"
        }
        "cursor" => "`next_cursor` of the page before",
        "page" => "which page, from 0; without one, everything",
        "length" => "how many records a page has",
        "sort" => {
            "the path of a field to sort by; of native devices `last_seen`, `signal`, `name`, `reports`, \
             `address` or `changed`"
        }
        "order" => "`asc` or `desc`",
        "phy" => "`wifi`, `bluetooth`",
        "ssid" => "a network's name, as it is shown or as its octets",
        "ssid_contains" => "a part of a network's name, in any case",
        "name_not" => {
            "a name that it does not have: of a network, given, or of a Bluetooth device. May be given several times"
        }
        "address_prefix" => "the first hex digits of the address",
        "manufacturer" => {
            "parts of names of manufacturers, in any case. A text with commas that is part of a name counts as one part"
        }
        "source" => {
            "UUIDs or names of scanners, one of which saw it. A text with commas that is a name counts as one name"
        }
        "security" => "classes of security, such as `open` or `wpa2-personal`",
        "channel" => "channels",
        "bucket" => {
            "the length of each span in whole seconds, such as `60s`, `5m`, `1h` or `1day`. Default: `1day`"
        }
        "band" => "bands in GHz: `2.4`, `5`, `6`, `60`",
        "signal_min_dbm" => "its last signal was at least this, in dBm",
        "texts" => {
            "of CSV: `guarded`, which it is without this, puts a `'` before a text that begins with one or that a \
             spreadsheet would run as a formula; `raw` gives texts as they are"
        }
        "bbox" => "`lat_min,lon_min,lat_max,lon_max` around its mean position",
        "near" => {
            "`lat,lon,radius_m`: its mean position is at most so many metres from there, on a great circle"
        }
        "with_position" => "`true`: only with a known position; `false`: only without one",
        "sort_dir" => {
            "`desc` begins with the smallest and `asc` with the largest: Kismet exchanges the words"
        }
        "search" => "a text that one of the `fields` has to hold",
        _ => return meaning_on_the_map(name),
    })
}

fn meaning_on_the_map(name: &str) -> Option<&'static str> {
    Some(match name {
        "theme" => "`light` or `dark`. Default: light",
        "z" => "the zoom of a tile",
        "x" => "the column of a tile, from the west: less than 2 to the power of `z`",
        "y" => "the row of a tile, from the north: less than 2 to the power of `z`",
        _ => return None,
    })
}

/// The meaning of parameters that only exports have.
fn meaning_in_export(name: &str) -> Option<&'static str> {
    Some(match name {
        "form" => "the form of the file",
        "per" => {
            "what a row is: `device` or `observation`. Default: `observation` for `wiglecsv` and `kismetdb`, else `device`; some \
             forms have devices only"
        }
        "place" => {
            "the place of a device: `strongest`, where its signal was strongest; `mean`; or `last`. Default: `strongest`"
        }
        "include" => {
            "`nomap`: devices whose owners opted out are in the file too; administrators only"
        }
        "redact" => {
            "`all`, or a list of `addresses`, `names` and `places:METRES`: what the file has aliases for, or places in the \
             middle of cells with so many metres. `all` has cells of 250 m. Such a file has no free texts"
        }
        "version" => {
            "of `wiglecsv`: `1.6` (default) or `1.4`; of `kismetdb`: `9` (default) or `10`"
        }
        "bom" => "of `csv`: `true` begins the file with a byte order mark, for Excel",
        "tracks" => "of `gpx`: `false` leaves out the tracks of the scanners",
        "devices" => {
            "of `kismetdb`: `minimal` gives devices only the fields that tools for Kismet ask for; `whole` (default) all"
        }
        "exclude" => {
            "circles whose places are left out, with the observations and devices there: `lat,lon,radius_m`, several with \
             semicolons between them"
        }
        "rows_max" => {
            "cuts the file into parts of at most so many rows, in a zip archive; `csv`, `wiglecsv`, `geojson` and \
             `geojsonseq` have parts"
        }
        "bytes_max" => "the same for parts of at most so many bytes, before they are packed",
        "rs" => {
            "of `geojsonseq`: `true` puts the character 0x1E before each feature, as RFC 8142 has it"
        }
        _ => return None,
    })
}

fn schema(name: &str, around: Surroundings<'_>) -> Schema {
    match name {
        "source" if around.path == IMPORTS => ObjectBuilder::new()
            .schema_type(Type::String)
            .max_length(Some(256))
            .into(),
        "track" => integer(-MAX_U32, MAX_U32),
        "file" => integer(0.0, 65_535.0),
        "id" if around.path.starts_with(IMPORTS) => text("^[0-9]{1,20}$"),
        "format" => one_of(FORMATS),
        "mac" | "address" => text(patterns::ADDRESS),
        "key" => text(patterns::KEY),
        "to" => text("^(start|end|0|[1-9][0-9]{0,17})$"),
        "uuid" => text(patterns::UUID),
        "name" => text("^[A-Za-z0-9_-]{1,64}$"),
        "id" => text("^[A-Za-z0-9-]{1,128}$"),
        "acknowledged" | "dry_run" | "bom" | "rs" | "tracks" | "with_position" => {
            one_of(["true", "false"])
        }
        "rows_max" => integer(1000.0, MAX_U32),
        "bytes_max" => integer(65_536.0, MAX_U32),
        "form" => one_of(FORMS.map(|form| form.word)),
        "per" => one_of(Per::ALL.map(Per::word)),
        "place" => one_of(PlaceOf::ALL.map(PlaceOf::word)),
        "devices" => one_of(["whole", "minimal"]),
        "include" => one_of(["nomap"]),
        "redact" => text(patterns::REDACT),
        "version" if around.path == EXPORT => one_of(["1.6", "1.4", "9", "10"]),
        "view" => one_of([
            "all",
            "phydot11_accesspoints",
            "phy-IEEE802.11",
            "phy-Bluetooth",
        ]),
        "phyname" => one_of(["IEEE802.11", "Bluetooth"]),
        "kind" if around.path.starts_with("/packetchain/") => one_of([
            "packet_rate",
            "packet_peak",
            "packet_error",
            "packet_dupe",
            "packet_drop",
            "packet_processed",
        ]),
        "kind" => one_of(["found", "lost", "both"]),
        "timestamp" => ObjectBuilder::new().schema_type(Type::Number).into(),
        "since" | "until" | "changed_since" | "new_since" | "time" => time(),
        "z" if around.path.starts_with(BASE_MAPS) => integer(0.0, 30.0),
        "x" | "y" if around.path.starts_with(BASE_MAPS) => {
            integer(0.0, f64::from((1_u32 << 30) - 1))
        }
        "theme" => one_of(["light", "dark"]),
        "limit" => integer(1.0, bound(around.page_items_max)),
        "points_max" => integer(2.0, bound(around.track_points_max)),
        "hash" | "page" | "length" => integer(0.0, MAX_U32),
        "z" => integer(0.0, TileId::ZOOM_MAX.into()),
        "x" | "y" => integer(0.0, f64::from((1_u32 << TileId::ZOOM_MAX) - 1)),
        "severity_min" => one_of(["info", "low", "medium", "high", "critical"]),
        "sort" if around.path == "/api/v1/devices" => one_of([
            "last_seen",
            "signal",
            "name",
            "reports",
            "address",
            "changed",
        ]),
        "order" | "sort_dir" => one_of(["asc", "desc"]),
        "phy" => list(one_of(["wifi", "bluetooth"])),
        "address_prefix" => text("^[0-9A-Fa-f]([:.-]?[0-9A-Fa-f]){0,11}$"),
        "name_not" => list(ObjectBuilder::new().schema_type(Type::String).into()),
        "manufacturer" | "source" => list(text(patterns::LISTED)),
        "security" => list(one_of(SecurityClass::ALL.map(SecurityClass::as_str))),
        "channel" => list(text(patterns::CHANNEL)),
        "bucket" => text("^([1-9][0-9]{0,5} ?(s|m|h)|[1-9][0-9]{0,3} ?(d|days?))$"),
        "band" => list(one_of(["2.4", "5", "6", "60"])),
        "signal_min_dbm" => integer(i16::MIN.into(), i16::MAX.into()),
        "texts" => one_of(["guarded", "raw"]),
        "bbox" => text(patterns::BBOX),
        "near" | "exclude" => text(patterns::NEAR),
        "field" => ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .into(),
        _ => ObjectBuilder::new().schema_type(Type::String).into(),
    }
}

/// Most values of a filter of the native interface.
const FILTER_VALUES_MAX: usize = 32;
const MAX_U32: f64 = u32::MAX as f64;

fn bound(number: usize) -> f64 {
    u32::try_from(number).map_or(MAX_U32, f64::from)
}

fn text(pattern: &str) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .into()
}

fn one_of<const N: usize>(words: [&'static str; N]) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(words))
        .into()
}

/// Values that are separated by commas.
fn list(item: Schema) -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(item))
        .min_items(Some(1))
        .max_items(Some(FILTER_VALUES_MAX))
        .into()
}

fn integer(least: f64, most: f64) -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .into()
}

/// Seconds since 1970, or a time in UTC.
fn time() -> Schema {
    OneOfBuilder::new()
        .item(integer(0.0, MAX_U32))
        .item(text(patterns::TIME))
        .into()
}
