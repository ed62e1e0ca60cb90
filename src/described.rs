//! A type that is sent or answered, as the `OpenAPI` document describes it.

use std::borrow::Cow;

use utoipa::openapi::schema::{KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Stands for a type where only its description matters.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    name: fn() -> Cow<'static, str>,
    schemas: fn() -> Vec<(String, RefOr<Schema>)>,
}

impl Described {
    /// Text or octets that are explained by their media type alone.
    pub const OCTETS: Self = Self::of::<Octets>();

    /// Describes `T`.
    pub const fn of<T: ToSchema>() -> Self {
        Self {
            name: T::name,
            schemas: schemas_of::<T>,
        }
    }

    /// Name by which the document refers to the type.
    pub(crate) fn name(self) -> Cow<'static, str> {
        (self.name)()
    }

    /// The type's schema, and those of all types in it.
    pub(crate) fn schemas(self) -> Vec<(String, RefOr<Schema>)> {
        (self.schemas)()
    }
}

fn schemas_of<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
    T::schemas(&mut schemas);
    schemas
}

struct Octets;

impl ToSchema for Octets {
    fn name() -> Cow<'static, str> {
        "Octets".into()
    }
}

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}
