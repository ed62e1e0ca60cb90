//! The three paths of geosubmit. Each takes all versions.

use super::{FORM, decode, documents};
use crate::ingest::decode::DecodeError;
use crate::ingest::format::{Context, Described, Format, Reply, Upload};

const ACCEPTED: &str = "Geosubmit accepted";
const NAME: &str = "Geosubmit";
const DESCRIPTION: &str = "For apps that report to location services such as Ichnaea and beaconDB. \
    The query may have `key`, an API key, and `source`, a name for the source where no credentials are sent. \
    Records that are not valid are left out, and the answer does not name them; `/api/v1/sources` counts them.";

/// Reports of `NeoStumbler`, Tower Collector and others.
#[derive(Clone, Copy, Debug)]
pub struct GeosubmitV2;

/// Reports of older apps.
#[derive(Clone, Copy, Debug)]
pub struct GeosubmitV1;

/// Reports of Geoclue, and of the oldest apps.
#[derive(Clone, Copy, Debug)]
pub struct Submit;

/// A path of geosubmit differs from the others in little.
macro_rules! path {
    ($format:ident, $path:literal, $summary:literal, $document:ident, $reply:ident) => {
        impl Format for $format {
            const PATH: &'static str = $path;
            const SUMMARY: &'static str = $summary;
            const DESCRIPTION: Option<&'static str> = Some(DESCRIPTION);
            const MEDIA_TYPES: &'static [(&'static str, Described)] =
                &[("application/json", Described::of::<documents::$document>())];
            // Clients send it under all kinds of types, and never as a form.
            const IS_JSON: bool = false;
            const NAME: &'static str = NAME;
            const ACCEPTED: &'static str = ACCEPTED;
            const HAS_ONE_ENTRY: bool = false;
            const REPLY: Reply = Reply::$reply;
            const SOURCE_FORM: Option<&'static str> = Some(FORM);
            const KEY_PARAMETER: Option<&'static str> = Some("key");

            fn decode(body: &[u8], context: &Context) -> Result<Upload, DecodeError> {
                decode(body, context)
            }
        }
    };
}

path!(
    GeosubmitV2,
    "/v2/geosubmit",
    "Reports what a phone saw",
    GeosubmitV2,
    EmptyObject
);
path!(
    GeosubmitV1,
    "/v1/geosubmit",
    "Reports what a phone saw, in the first version",
    GeosubmitV1,
    EmptyObject
);
path!(
    Submit,
    "/v1/submit",
    "Reports what a computer saw, in the oldest form",
    GeosubmitV0,
    NoContent
);
