//! What stands in paths and queries, by its name. The same name means the same everywhere.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

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

/// A parameter of a path, in braces there.
pub(super) fn in_path(name: &str) -> Parameter {
    parameter(name, ParameterIn::Path, Required::True)
}

pub(super) fn in_query(name: &str) -> Parameter {
    parameter(name, ParameterIn::Query, Required::False)
}

fn parameter(name: &str, place: ParameterIn, required: Required) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description(meaning(name))
        .schema(Some(schema(name)))
        .build()
}

fn meaning(name: &str) -> Option<&'static str> {
    Some(match name {
        "format" => {
            "`json` and `cmd`: one value; `tjson`: with `_` for the dots in names; `prettyjson`: spread over lines; \
             `itjson`: the items of a list, one a line; `ekjson`: the same with `_`"
        }
        "mac" => "an address: `AA:BB:CC:DD:EE:FF`, with `-`, as `aabb.ccdd.eeff`, or bare",
        "field" => "the name of a field; slashes lead to fields within it",
        "key" => "a device's key, as `kismet.device.base.key` has it",
        "name" => "the name of a webhook, as the configuration has it",
        "uuid" => "the UUID of a source",
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
        "limit" => {
            "largest number of items on a page. Default: 100, but all sources and all webhooks"
        }
        "cursor" => "`next_cursor` of the page before",
        "page" => "which page, from 0; without one, everything",
        "length" => "how many records a page has",
        "sort" => {
            "the path of a field to sort by; of native devices `last_seen`, `signal`, `name` or `reports`"
        }
        "order" => "`asc` or `desc`",
        "phy" => "`wifi` or `bluetooth`",
        "ssid" => "a network's name",
        "ssid_contains" => "a part of a network's name, in any case",
        "address_prefix" => "the first hex digits of the address",
        "manufacturer" => "a part of the name of who made its radio, in any case",
        "source" => "the UUID or the name of a scanner that saw it",
        "security" => "the class of its security, such as `open` or `wpa2-personal`",
        "channel" => "its channel",
        "band" => "its band in GHz: `2.4`, `5`, `6` or `60`",
        "signal_min_dbm" => "its last signal was at least this, in dBm",
        "texts" => {
            "of CSV: `guarded`, which it is without this, puts a `'` before a text that begins with one or that a \
             spreadsheet would run as a formula; `raw` gives texts as they are"
        }
        "bbox" => "`lat_min,lon_min,lat_max,lon_max` around its mean position",
        "sort_dir" => {
            "`desc` begins with the smallest and `asc` with the largest: Kismet exchanges the words"
        }
        "search" => "a text that one of the `fields` has to hold",
        _ => return None,
    })
}

fn schema(name: &str) -> Schema {
    let object = ObjectBuilder::new();
    let object = match name {
        "format" => object.schema_type(Type::String).enum_values(Some(FORMATS)),
        "timestamp" => object.schema_type(Type::Number),
        "limit" => object.schema_type(Type::Integer).minimum(Some(1)),
        "page" | "length" => object.schema_type(Type::Integer).minimum(Some(0)),
        "texts" => object
            .schema_type(Type::String)
            .enum_values(Some(["guarded", "raw"])),
        _ => object.schema_type(Type::String),
    };
    object.into()
}
