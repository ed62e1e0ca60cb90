//! Kismet's records in the document, made from the table of their fields.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat,
    Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::http::route::Described;
use crate::views::kismet::Field;

/// For the list of what is described.
pub(super) const RECORD: Described = Described::of::<KismetRecord>();

/// A record: some of the fields that any record has. The members of a record are described where they stand, so one
/// schema does for all.
struct KismetRecord;

impl ToSchema for KismetRecord {
    fn name() -> Cow<'static, str> {
        "KismetRecord".into()
    }
}

impl PartialSchema for KismetRecord {
    fn schema() -> RefOr<Schema> {
        let record = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "A record of Kismet's. Which of the fields it has depends on the path; `fields` chooses among them, \
                 and may give them other names.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)));
        let record = Field::all().fold(record, |record, field| {
            record.property(field.name, schema_of(field))
        });
        RefOr::T(record.into())
    }
}

/// What a read answers: a record, or a list of them.
pub(super) fn answer() -> RefOr<Schema> {
    let record = || Ref::from_schema_name(KismetRecord::name());
    let list = ArrayBuilder::new().items(record());
    let either = OneOfBuilder::new().item(record()).item(list);
    RefOr::T(either.into())
}

/// Types are those of `trackedelement.cc`.
fn schema_of(field: Field) -> Schema {
    let object = |kind| ObjectBuilder::new().schema_type(kind);
    let number = |format| object(Type::Integer).format(Some(SchemaFormat::KnownFormat(format)));
    let list = |of: ObjectBuilder| {
        let list = ArrayBuilder::new().items(of.build());
        Schema::from(list.description(Some(field.meaning)).build())
    };
    let described = match field.kind {
        "double" => object(Type::Number),
        "uint8_t" | "uint32_t" | "uint64_t" => object(Type::Integer).minimum(Some(0)),
        "int16_t" | "int32_t" => number(KnownFormat::Int32),
        "map[field, x]" | "map[string, x]" | "map[double,double]" => object(Type::Object),
        "vector[string]" => return list(object(Type::String)),
        "vector[double]" | "pair[double, double]" => return list(object(Type::Number)),
        "vector[x]" => return list(object(Type::Object)),
        // Addresses, UUIDs, keys and bytes in hex are texts.
        _ => object(Type::String),
    };
    described.description(Some(field.meaning)).into()
}
