//! Regular expressions of texts, in the words of JSON Schema. The server may take more than they say, and nothing less.

/// An address in each of its spellings.
pub(super) const ADDRESS: &str = "^([0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}\
    |[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\\.[0-9A-Fa-f]{4}){2})$";
/// A device's key: the radio technology and the address.
pub(super) const KEY: &str = "^(4202770D00000000|B603E01100000000)_[0-9A-F]{1,12}$";
pub(super) const UUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";
/// Of 2.4, 5 and 6 GHz, in Kismet's notation.
pub(super) const CHANNEL: &str =
    "^([1-9]|1[0-4]|36|40|44|48|52|56|60|64|1[0-4][048]|149|153|157|161|165)$";
/// A time in UTC, of the years that 32 bits of seconds have.
pub(super) const TIME: &str = "^(19[789][0-9]|20[0-9]{2})\
    -((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))\
    T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?Z$";
/// South, west, north and east, in degrees.
pub(super) const BBOX: &str = "^-?([0-8]?[0-9](\\.[0-9]{1,9})?|90),-?((1[0-7][0-9]|[0-9]{1,2})(\\.[0-9]{1,9})?|180)\
    ,-?([0-8]?[0-9](\\.[0-9]{1,9})?|90),-?((1[0-7][0-9]|[0-9]{1,2})(\\.[0-9]{1,9})?|180)$";
/// A centre in degrees, and a radius in metres.
pub(super) const NEAR: &str = "^-?([0-8]?[0-9](\\.[0-9]{1,9})?|90),-?((1[0-7][0-9]|[0-9]{1,2})(\\.[0-9]{1,9})?|180)\
    ,(1?[0-9]{1,7}(\\.[0-9]{1,3})?)$";
/// What has an alias in a file, and how far places move.
pub(super) const REDACT: &str = "^(all|addresses|names|places:[1-9][0-9]{0,4})(,(all|addresses|names|places:[1-9][0-9]{0,4}))*$";
/// A value in a list.
pub(super) const LISTED: &str = "^[^,\\s]([^,]*[^,\\s])?$";
