//! Kismet's reads: what they are asked for, and in which form they answer.

mod dictionary;
mod format;
mod list_query;
mod shape;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::Method;
use serde::Serialize;
use serde_json::Map;

pub(super) use self::dictionary::{Command, split_path};
pub(in crate::http) use self::format::ExtensionSplitter;
pub(super) use self::format::{Brackets, Format};
pub(super) use self::list_query::{Arrangement, Rows};
pub(super) use self::shape::Shape;
use crate::http::error::ApiError;
use crate::http::request::body::Bodies;
use crate::http::response::json::Json;
use crate::http::state::RequestLimits;
use crate::views::to_json_as;

/// What a read is asked for.
#[derive(Debug)]
pub(in crate::http) struct Read {
    pub(in crate::http) format: Format,
    pub(in crate::http) command: Command,
}

impl Read {
    pub(super) fn shape(&self) -> Shape {
        Shape {
            format: self.format,
            fields: self.command.fields.clone(),
        }
    }

    /// One record.
    pub(in crate::http) fn one(&self, record: &impl Serialize) -> Json {
        let mut out = Vec::new();
        self.shape().write(&mut out, record);
        Json::written(self.format.finish(out))
    }

    /// A list of records.
    pub(in crate::http) fn list<T: Serialize>(&self, records: &[T]) -> Json {
        self.framed(records.iter(), &[], &[])
    }

    /// A list of records that may be searched, sorted and cut into pages.
    pub(in crate::http) fn table<T: Serialize>(&self, records: &[T]) -> Result<Json, ApiError> {
        let mut rows = Rows::new(Arrangement::read(&self.command)?);
        for record in records {
            rows.look_at(record, record);
        }
        let page = rows.page();
        Ok(self.framed(page.rows.into_iter(), &page.before, &page.after))
    }

    /// Records by name.
    pub(in crate::http) fn map<'t, T: Serialize + 't>(
        &self,
        records: impl Iterator<Item = (String, &'t T)>,
    ) -> Json {
        let mut out = vec![b'{'];
        for (at, (name, record)) in records.enumerate() {
            if 0 < at {
                out.push(b',');
            }
            to_json_as(&mut out, &name, self.format.style());
            out.extend_from_slice(b": ");
            self.shape().write(&mut out, record);
        }
        out.push(b'}');
        Json::written(self.format.finish(out))
    }

    fn framed<'t, T: Serialize + 't>(
        &self,
        records: impl Iterator<Item = &'t T>,
        before: &[u8],
        after: &[u8],
    ) -> Json {
        let (shape, brackets) = (self.shape(), self.format.brackets_within(before));
        let mut out = before.to_vec();
        out.extend_from_slice(brackets.open);
        for (at, record) in records.enumerate() {
            if 0 < at {
                out.extend_from_slice(brackets.between);
            }
            shape.write(&mut out, record);
            out.extend_from_slice(brackets.after_each);
        }
        out.extend_from_slice(brackets.close);
        out.extend_from_slice(after);
        Json::written(self.format.finish(out))
    }
}

impl<S> FromRequest<S> for Read
where
    Bodies: FromRef<S>,
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let format = format::required(request.extensions().get())?;
        let query = request.uri().query().unwrap_or_default();
        let mut variables: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let mut document = Map::new();
        if request.method() == Method::POST {
            let received = Bodies::from_ref(state).receive(request).await?;
            let command = received.command()?;
            document = command.0;
            variables.extend(command.1);
        }
        let command = Command::read(
            document,
            variables,
            RequestLimits::from_ref(state).command_items_max,
        )?;
        Ok(Self { format, command })
    }
}
