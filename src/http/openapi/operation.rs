//! What the document says of one route.

use utoipa::openapi::path::{Operation, OperationBuilder};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{Object, Schema, SchemaType, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Header, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};

use super::kismet_record;
use super::parameters::Surroundings;
use super::{errors, parameters};
use crate::auth::RequiredRole;
use crate::http::route::{Answer, Body, Described, Extension, Methods, Route};
use crate::http::state::RequestLimits;
use crate::views::mvt;

/// A route as an item of the document.
pub(super) fn item(route: &Route, limits: RequestLimits) -> PathItem {
    let mut item = PathItem::default();
    let (is_get, is_post) = match route.methods {
        Methods::Get => (true, false),
        Methods::Post => (false, true),
        Methods::GetOrPost => (true, true),
        Methods::Delete => (false, false),
    };
    item.get = is_get.then(|| operation(route, limits, "get"));
    item.post = is_post.then(|| operation(route, limits, "post"));
    item.delete = (route.methods == Methods::Delete).then(|| operation(route, limits, "delete"));
    item
}

fn operation(route: &Route, limits: RequestLimits, method: &str) -> Operation {
    let is_post = method == "post";
    let documentation = &route.documentation;
    let path = route.shown_path();
    let around = Surroundings {
        path: &path,
        page_items_max: limits.page_items_max,
        track_points_max: limits.track_points_max,
    };
    let in_path = path.split('{').skip(1);
    let in_path = in_path.filter_map(|text| text.split_once('}'));
    let in_path = in_path.map(|(name, _)| parameters::in_path(name, around));
    let in_query = documentation
        .query
        .iter()
        .map(|name| parameters::in_query(name, around));
    let mut operation = OperationBuilder::new()
        .tag(documentation.tag.name())
        .summary(Some(documentation.summary))
        .description(documentation.description)
        .operation_id(Some(identifier(route.methods, method, &path)))
        .parameters(Some(in_path.chain(in_query)))
        .request_body(documentation.body.filter(|_| is_post).map(Body::describe))
        .securities(Some(securities(route)))
        .response(
            documentation.answer.status(),
            documentation.answer.describe(route.extension),
        );
    let refused: &[u16] = match route.role {
        None => &[],
        Some(RequiredRole::Login) => &[401, 429, 503],
        Some(_) => &[401, 403, 429, 503],
    };
    for &status in documentation.errors.iter().chain(refused) {
        operation = operation.response(status.to_string(), errors::reference(status));
    }
    operation
        .response("default", errors::reference(errors::ANY))
        .build()
}

/// Any one of these is enough. Each names the role that it has to have.
fn securities(route: &Route) -> Vec<SecurityRequirement> {
    let Some(role) = route.role else {
        return Vec::new();
    };
    let role: &[&str] = match role {
        RequiredRole::Login => &[],
        RequiredRole::Readonly => &["readonly"],
        RequiredRole::Scanreport => &["scanreport"],
        RequiredRole::Metrics => &["metrics"],
        RequiredRole::Admin | RequiredRole::Credentials => &["admin"],
    };
    let one = |name: &str| SecurityRequirement::new(name, role.iter().copied());
    let user = one("user").add("password", role.iter().copied());
    let all = [
        one("basic"),
        one("bearer"),
        one("cookie"),
        one("query"),
        user,
    ];
    all.into_iter()
        .chain(route.key_parameter.map(one))
        .collect()
}

impl Body {
    fn describe(self) -> RequestBody {
        let required = match self {
            Self::Command(_) => Required::False,
            Self::Json(_) | Self::Form(_) | Self::Upload { .. } => Required::True,
        };
        let description = match self {
            Self::Form(_) => "A form",
            Self::Upload { is_json: false, .. } => "May come with `Content-Encoding: gzip`",
            Self::Command(_) | Self::Json(_) | Self::Upload { is_json: true, .. } => {
                "As such, or as text in the variable `json` of a form; may come with `Content-Encoding: gzip`"
            }
        };
        let body = RequestBodyBuilder::new()
            .description(Some(description))
            .required(Some(required));
        let media_types = self.media_types().into_iter();
        let body = media_types.fold(body, |body, (media_type, described)| {
            body.content(media_type, Content::new(Some(reference(described))))
        });
        body.build()
    }
}

impl Answer {
    fn status(self) -> &'static str {
        match self {
            Self::Socket => "101",
            Self::NoContent => "204",
            Self::Redirect => "307",
            _ => "200",
        }
    }

    fn describe(self, extension: Extension) -> Response {
        let (description, media, schema): (_, _, RefOr<Schema>) = match self {
            Self::Socket => {
                let response = ResponseBuilder::new();
                return response.description("The WebSocket is open").build();
            }
            Self::Redirect => {
                let response = ResponseBuilder::new();
                return response.description("`Location` has the address").build();
            }
            Self::Empty | Self::NoContent => {
                let response = ResponseBuilder::new();
                return response.description("Done; there is no body").build();
            }
            Self::MapTile => {
                let types = [
                    "image/png",
                    "image/jpeg",
                    "image/webp",
                    "image/avif",
                    "application/vnd.mapbox-vector-tile",
                ];
                let response = ResponseBuilder::new().description("The tile");
                let response = types.into_iter().fold(response, |response, media| {
                    response.content(media, Content::new(Some(bytes())))
                });
                return response.build();
            }
            Self::File => ("The file", "*/*", bytes()),
            Self::GeoJson(described) => ("GeoJSON", "application/geo+json", reference(described)),
            Self::Any => ("A JSON document", "application/json", any()),
            Self::Json(described) | Self::Table(described) => (
                "What was asked for",
                "application/json",
                reference(described),
            ),
            Self::Kismet => (
                "Kismet's records",
                "application/json",
                kismet_record::answer(),
            ),
            Self::Text => ("A line for people", "text/plain", text()),
            Self::Events => ("Events as they happen", "text/event-stream", text()),
            Self::Page => ("A page for people", "text/html", text()),
            Self::Script => ("A script for a page", "application/javascript", text()),
            // OpenAPI 3.1 describes octets by their media type alone.
            Self::VectorTile => ("A Mapbox vector tile", mvt::CONTENT_TYPE, any()),
        };
        let mut response = ResponseBuilder::new()
            .description(description)
            .content(media, Content::new(Some(schema)));
        let is_list = matches!(self, Self::Any | Self::Kismet);
        if is_list && extension == Extension::ChoosesForm {
            // A record a line has no schema of its own in JSON Schema.
            response = response.content("application/x-ndjson", Content::new(Some(text())));
        }
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

/// Octets as they are have no type in `OpenAPI` 3.1.
fn bytes() -> RefOr<Schema> {
    Schema::Object(Object::with_type(SchemaType::AnyValue)).into()
}

fn any() -> RefOr<Schema> {
    Schema::Object(Object::with_type(SchemaType::AnyValue)).into()
}

fn reference(described: Described) -> RefOr<Schema> {
    Ref::from_schema_name(described.name()).into()
}

/// A name for generated clients: a verb and the words of the path. What stands before a parameter of a native path is
/// one of several, as in `get_device`.
fn identifier(methods: Methods, method: &str, path: &str) -> String {
    let verb = match (methods, method) {
        (Methods::GetOrPost, "post") => "query",
        _ => method,
    };
    let native = path.strip_prefix("/api/v1");
    let segments: Vec<_> = native.unwrap_or(path).split('/').skip(1).collect();
    let mut words = vec![verb.to_owned()];
    for (at, segment) in segments.iter().enumerate() {
        let stem = [".{format}", ".cmd", ".ws", ".json", ".html", ".mvt"]
            .into_iter()
            .find_map(|extension| segment.strip_suffix(extension))
            .unwrap_or(segment);
        let next = segments.get(at + 1);
        let is_parameter = |segment: &str| segment.starts_with('{');
        if is_parameter(stem) {
            // One in the middle is told by what stands around it.
            if native.is_none() && next.is_none() {
                words.push(stem.trim_matches(['{', '}']).to_owned());
            }
            continue;
        }
        let is_one_of_several = native.is_some() && next.is_some_and(|next| is_parameter(next));
        let stem = match stem.strip_suffix('s') {
            Some(one) if is_one_of_several => one,
            _ => stem,
        };
        let plain = stem.replace(|character: char| !character.is_ascii_alphanumeric(), "_");
        if !plain.is_empty() {
            words.push(plain);
        }
    }
    match words.len() {
        1 => format!("{verb}_root"),
        _ => words.join("_"),
    }
}
