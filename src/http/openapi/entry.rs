//! One path of the document: what the table says of it, and what the document makes of that.

use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Header, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};

use super::{errors, parameters};
use crate::auth::RequiredRole;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Methods {
    Get,
    Post,
    GetOrPost,
}

/// What a POST carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// A command that may be left out.
    Command(&'static str),
    /// A document, as such or in the form variable `json`.
    Json(&'static str),
    /// A form.
    Form(&'static str),
}

/// What a 200 carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// Any JSON.
    Any,
    /// JSON of this schema.
    Json(&'static str),
    /// JSON of this schema, or CSV.
    Table(&'static str),
    /// Records of Kismet's, in the form that the extension chooses.
    Kismet,
    /// A line of plain text.
    Text,
    /// No answer: from then on both sides speak WebSocket.
    Socket,
    /// A page for people.
    Page,
}

/// A path, as the table has it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    methods: Methods,
    path: &'static str,
    summary: &'static str,
    description: Option<&'static str>,
    demand: Option<RequiredRole>,
    query: Vec<&'static str>,
    body: Option<Body>,
    answer: Answer,
    errors: &'static [u16],
}

impl Entry {
    pub(super) fn new(methods: Methods, path: &'static str, summary: &'static str) -> Self {
        Self {
            methods,
            path,
            summary,
            description: None,
            demand: None,
            query: Vec::new(),
            body: None,
            answer: Answer::Any,
            errors: &[],
        }
    }

    /// What the summary has no room for, in Markdown.
    pub(super) fn explained(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    pub(super) fn methods(mut self, methods: Methods) -> Self {
        self.methods = methods;
        self
    }

    pub(super) fn demands(mut self, demand: RequiredRole) -> Self {
        self.demand = Some(demand);
        self
    }

    pub(super) fn demands_nothing(mut self) -> Self {
        self.demand = None;
        self
    }

    /// Adds parameters of the query.
    pub(super) fn asks(mut self, query: &[&'static str]) -> Self {
        self.query.extend(query);
        self
    }

    pub(super) fn takes(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn answers(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    pub(super) fn errors(mut self, errors: &'static [u16]) -> Self {
        self.errors = errors;
        self
    }

    /// The path as the document has it.
    pub(super) fn path(&self) -> String {
        match self.answer {
            Answer::Kismet => format!("{}.{{format}}", self.path),
            _ => self.path.to_owned(),
        }
    }

    pub(super) fn item(&self) -> PathItem {
        let mut item = PathItem::default();
        if self.methods != Methods::Post {
            item.get = Some(self.operation(&HttpMethod::Get));
        }
        if self.methods != Methods::Get {
            item.post = Some(self.operation(&HttpMethod::Post));
        }
        item
    }

    fn operation(&self, method: &HttpMethod) -> Operation {
        let path = self.path();
        let in_path = path.split('{').skip(1);
        let in_path = in_path.filter_map(|text| text.split_once('}'));
        let in_path = in_path.map(|(name, _)| parameters::in_path(name));
        let in_query = self.query.iter().map(|name| parameters::in_query(name));
        let is_post = matches!(method, HttpMethod::Post);
        let mut operation = OperationBuilder::new()
            .tag(self.tag())
            .summary(Some(self.summary))
            .description(self.description)
            .operation_id(Some(identifier(is_post, self.path)))
            .parameters(Some(in_path.chain(in_query)))
            .request_body(self.body.filter(|_| is_post).map(Body::describe))
            .securities(Some(self.securities()))
            .response(self.answer.status(), self.answer.describe());
        let refused: &[u16] = if self.demand.is_some() {
            &[401, 429]
        } else {
            &[]
        };
        for &status in self.errors.iter().chain(refused) {
            operation = operation.response(status.to_string(), errors::reference(status));
        }
        operation
            .response("default", errors::reference(errors::ANY))
            .build()
    }

    fn tag(&self) -> &'static str {
        let first = self.path.split('/').nth(1).unwrap_or_default();
        match (first, self.demand) {
            ("api", _) => "native",
            ("healthz" | "readyz", _) => "operation",
            ("session" | "auth", _) => "credentials",
            (_, Some(RequiredRole::Scanreport)) => "reports",
            _ => "kismet",
        }
    }

    /// Any one of these is enough. Each names the role that it has to have.
    fn securities(&self) -> Vec<SecurityRequirement> {
        let Some(demand) = self.demand else {
            return Vec::new();
        };
        let role: &[&str] = match demand {
            RequiredRole::Login => &[],
            RequiredRole::Readonly => &["readonly"],
            RequiredRole::Scanreport => &["scanreport"],
            RequiredRole::Admin | RequiredRole::Credentials => &["admin"],
        };
        let one = |name: &str| SecurityRequirement::new(name, role.iter().copied());
        let user = one("user").add("password", role.iter().copied());
        vec![
            one("basic"),
            one("bearer"),
            one("cookie"),
            one("query"),
            user,
        ]
    }
}

impl Body {
    fn describe(self) -> RequestBody {
        let (name, media, required) = match self {
            Self::Command(name) => (name, "application/json", Required::False),
            Self::Json(name) => (name, "application/json", Required::True),
            Self::Form(name) => (name, "application/x-www-form-urlencoded", Required::True),
        };
        let description = match self {
            Self::Form(_) => "A form",
            Self::Command(_) | Self::Json(_) => {
                "As such, or as text in the variable `json` of a form; may come with `Content-Encoding: gzip`"
            }
        };
        RequestBodyBuilder::new()
            .description(Some(description))
            .required(Some(required))
            .content(media, Content::new(Some(Ref::from_schema_name(name))))
            .build()
    }
}

impl Answer {
    fn status(self) -> &'static str {
        match self {
            Self::Socket => "101",
            _ => "200",
        }
    }

    fn describe(self) -> Response {
        let (description, media, schema): (_, _, RefOr<Schema>) = match self {
            Self::Socket => {
                let response = ResponseBuilder::new();
                return response.description("The WebSocket is open").build();
            }
            Self::Any => ("A JSON document", "application/json", any()),
            Self::Json(name) | Self::Table(name) => {
                ("What was asked for", "application/json", reference(name))
            }
            Self::Kismet => ("Kismet's records", "application/json", any()),
            Self::Text => ("A line for people", "text/plain", text()),
            Self::Page => ("A page for people", "text/html", text()),
        };
        let mut response = ResponseBuilder::new()
            .description(description)
            .content(media, Content::new(Some(schema)));
        if matches!(self, Self::Table(_)) {
            let cursor = Header::new(Object::with_type(Type::String));
            response = response
                .content("text/csv", Content::new(Some(text())))
                .header("X-Next-Cursor", cursor);
        }
        response.build()
    }
}

fn text() -> RefOr<Schema> {
    Schema::Object(Object::with_type(Type::String)).into()
}

fn any() -> RefOr<Schema> {
    Schema::Object(Object::with_type(SchemaType::AnyValue)).into()
}

fn reference(name: &str) -> RefOr<Schema> {
    Ref::from_schema_name(name).into()
}

/// A name for generated clients.
fn identifier(is_post: bool, path: &str) -> String {
    let words = path.split(|character: char| !character.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let method = if is_post { "post" } else { "get" };
    [method]
        .into_iter()
        .chain(words)
        .collect::<Vec<_>>()
        .join("_")
}
