//! A type that is sent or answered, as the document describes it.

use std::borrow::Cow;

use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Stands for a type where only its description matters.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Described {
    name: fn() -> Cow<'static, str>,
    schemas: fn() -> Vec<(String, RefOr<Schema>)>,
}

impl Described {
    pub(in crate::http) const fn of<T: ToSchema>() -> Self {
        Self {
            name: T::name,
            schemas: schemas_of::<T>,
        }
    }

    /// By which the document refers to it.
    pub(in crate::http) fn name(self) -> Cow<'static, str> {
        (self.name)()
    }

    /// Its schema, and those of all that is in it.
    pub(in crate::http) fn schemas(self) -> Vec<(String, RefOr<Schema>)> {
        (self.schemas)()
    }
}

fn schemas_of<T: ToSchema>() -> Vec<(String, RefOr<Schema>)> {
    let mut schemas = vec![(T::name().into_owned(), <T as PartialSchema>::schema())];
    T::schemas(&mut schemas);
    schemas
}
