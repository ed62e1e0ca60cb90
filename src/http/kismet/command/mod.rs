//! Kismet's reads: what they are asked for, and in which form they answer.

mod dictionary;
mod format;
mod list_query;
mod shape;

use axum::extract::{FromRef, FromRequest, Request};
use axum::http::Method;
use serde::Serialize;
use tokio::task::spawn_blocking;

use self::dictionary::Document;
pub(super) use self::dictionary::{Command, split_path};
pub(in crate::http) use self::format::ExtensionSplitter;
pub(super) use self::format::{Brackets, Format};
pub(super) use self::list_query::{Arrangement, Rows};
pub(super) use self::shape::Shape;
use crate::http::error::ApiError;
use crate::http::guard::sight::CommonSight;
use crate::http::request::body::Bodies;
use crate::http::response::json::Json;
use crate::http::state::RequestLimits;
use crate::privacy::Sight;
use crate::views::to_json_as;

/// What a read is asked for.
#[derive(Debug)]
pub(in crate::http) struct Read {
    pub(in crate::http) format: Format,
    pub(in crate::http) command: Command,
    /// What the client sees.
    pub(in crate::http) sight: Sight,
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
        Json::written(self.format.finish(out)).with_type(brackets.content_type())
    }
}

impl<S> FromRequest<S> for Read
where
    Bodies: FromRef<S>,
    CommonSight: FromRef<S>,
    RequestLimits: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let format = format::required(request.extensions().get())?;
        let sight = CommonSight::from_ref(state).of(request.extensions());
        let query = request.uri().query().unwrap_or_default();
        let mut variables: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let items_max = RequestLimits::from_ref(state).command_items_max;
        if request.method() != Method::POST {
            let command = Command::read(Document::default(), variables, items_max)?;
            return Ok(Self {
                format,
                command,
                sight,
            });
        }
        let received = Bodies::from_ref(state).receive_command(request).await?;
        let is_heavy = received.is_heavy_command();
        let read = move || -> Result<Command, ApiError> {
            let (document, more) = received.command()?;
            variables.extend(more);
            Ok(Command::read(document, variables, items_max)?)
        };
        let command = if is_heavy {
            spawn_blocking(read).await.map_err(|_| ApiError::Panicked)?
        } else {
            read()
        };
        Ok(Self {
            format,
            command: command?,
            sight,
        })
    }
}
