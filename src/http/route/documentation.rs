//! What the document of the interface says of a route.

use crate::described::Described;

/// Under which heading the document has a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Tag {
    Credentials,
    Kismet,
    Native,
    Operation,
    Page,
    Reports,
}

/// What the document says of a route.
#[derive(Clone, Debug)]
pub(in crate::http) struct Documentation {
    /// Where it is not the path of the router.
    pub(in crate::http) path: Option<&'static str>,
    pub(in crate::http) tag: Tag,
    pub(in crate::http) summary: &'static str,
    /// What the summary has no room for, in Markdown.
    pub(in crate::http) description: Option<&'static str>,
    /// Names of parameters of the query.
    pub(in crate::http) query: Vec<&'static str>,
    pub(in crate::http) body: Option<Body>,
    pub(in crate::http) answer: Answer,
    /// Statuses of errors, besides those of the guards.
    pub(in crate::http) errors: &'static [u16],
}

/// What a POST carries.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) enum Body {
    /// A command that may be left out.
    Command(Described),
    /// A document, as such or in the form variable `json`.
    Json(Described),
    /// A form.
    Form(Described),
    /// An upload, whose format reads these media types.
    Upload {
        /// Whether it is a document as [`Self::Json`] is.
        is_json: bool,
        media_types: &'static [(&'static str, Described)],
    },
}

impl Body {
    /// Media types and their schemas.
    pub(in crate::http) fn media_types(self) -> Vec<(&'static str, Described)> {
        match self {
            Self::Command(described) | Self::Json(described) => {
                vec![("application/json", described)]
            }
            Self::Form(described) => vec![("application/x-www-form-urlencoded", described)],
            Self::Upload { media_types, .. } => media_types.to_vec(),
        }
    }
}

/// What a 200 carries.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) enum Answer {
    /// Any JSON.
    Any,
    /// JSON of this schema.
    Json(Described),
    /// GeoJSON of this schema.
    GeoJson(Described),
    /// JSON of this schema, or CSV.
    Table(Described),
    /// Records of Kismet's, in the form that the extension chooses.
    Kismet,
    /// A line of plain text.
    Text,
    /// Nothing but the status.
    Empty,
    /// The same, with 204.
    NoContent,
    /// No answer: from then on both sides speak WebSocket.
    Socket,
    /// Server-sent events.
    Events,
    /// A page for people.
    Page,
    /// A script for a page.
    Script,
    /// A tile of a base map.
    MapTile,
    /// A file of a page, of any type.
    File,
    /// No answer but another address.
    Redirect,
    /// A Mapbox vector tile.
    VectorTile,
}

impl Documentation {
    /// The types that are described by name.
    pub(in crate::http) fn described(&self) -> impl Iterator<Item = Described> + use<> {
        let bodies = self.body.map(Body::media_types);
        let bodies = bodies.into_iter().flatten().map(|(_, described)| described);
        let answer = match self.answer {
            Answer::Json(described) | Answer::Table(described) | Answer::GeoJson(described) => {
                Some(described)
            }
            Answer::Kismet
            | Answer::Any
            | Answer::Text
            | Answer::Empty
            | Answer::NoContent
            | Answer::Socket
            | Answer::Events
            | Answer::Page
            | Answer::Script
            | Answer::MapTile
            | Answer::File
            | Answer::Redirect
            | Answer::VectorTile => None,
        };
        bodies.chain(answer)
    }
}

impl Tag {
    pub(in crate::http) const ALL: [Self; 6] = [
        Self::Reports,
        Self::Native,
        Self::Kismet,
        Self::Credentials,
        Self::Operation,
        Self::Page,
    ];

    /// A sentence for the document.
    pub(in crate::http) fn meaning(self) -> &'static str {
        match self {
            Self::Reports => "Where scanners send what they saw",
            Self::Native => "The native interface: small, typed, paged",
            Self::Kismet => "The paths of the Kismet wireless server",
            Self::Credentials => "Logins, sessions and API keys",
            Self::Operation => "Health and metrics",
            Self::Page => "The web page for people",
        }
    }

    pub(in crate::http) fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Kismet => "kismet",
            Self::Native => "native",
            Self::Operation => "operation",
            Self::Page => "page",
            Self::Reports => "reports",
        }
    }
}
