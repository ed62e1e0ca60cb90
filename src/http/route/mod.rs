//! A route: all that is known of it, said once.

mod documentation;

use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post};

pub(super) use self::documentation::{Answer, Body, Documentation, Tag};
use crate::auth::RequiredRole;
pub(super) use crate::described::Described;
use crate::http::error::ApiError;
use crate::http::guard::origin::OtherPages;
use crate::http::state::App;

/// Router, guards, the splitter of extensions and the document are made from these.
#[derive(Clone, Debug)]
pub(in crate::http) struct Route {
    /// As the router has it: without the extension, if that chooses the form of the answer.
    pub(in crate::http) path: &'static str,
    pub(in crate::http) methods: Methods,
    pub(in crate::http) extension: Extension,
    /// Absent where nobody is asked for credentials.
    pub(in crate::http) role: Option<RequiredRole>,
    /// Whether the handler asks for the role itself.
    pub(in crate::http) asks_itself: bool,
    /// Whether credentials that a request shows have to be right even where none are required.
    pub(in crate::http) judges_credentials: bool,
    /// The variable of the query that carries an API key, besides those that all routes have.
    pub(in crate::http) key_parameter: Option<&'static str>,
    /// Whether it answers while the log is still read.
    pub(in crate::http) before_ready: bool,
    pub(in crate::http) other_pages: OtherPages,
    pub(in crate::http) handler: MethodRouter<App>,
    pub(in crate::http) documentation: Documentation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Methods {
    Get,
    Post,
    GetOrPost,
    Delete,
}

/// What the extension of a path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Extension {
    /// It chooses the form of the answer, and has to be there.
    ChoosesForm,
    /// It may be there, and says nothing.
    Ignored,
    /// It is a part of the path like any other.
    InPath,
}

impl Route {
    pub(in crate::http) fn get<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, App>,
        summary: &'static str,
    ) -> Self {
        Self::new(path, Methods::Get, get(handler), summary)
    }

    pub(in crate::http) fn post<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, App>,
        summary: &'static str,
    ) -> Self {
        Self::new(path, Methods::Post, post(handler), summary)
    }

    pub(in crate::http) fn delete<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, App>,
        summary: &'static str,
    ) -> Self {
        Self::new(path, Methods::Delete, delete(handler), summary)
    }

    pub(in crate::http) fn get_or_post<T: 'static>(
        path: &'static str,
        handler: impl Handler<T, App>,
        summary: &'static str,
    ) -> Self {
        let either = get(handler.clone()).post(handler);
        Self::new(path, Methods::GetOrPost, either, summary)
    }

    fn new(
        path: &'static str,
        methods: Methods,
        handler: MethodRouter<App>,
        summary: &'static str,
    ) -> Self {
        Self {
            path,
            methods,
            extension: Extension::Ignored,
            role: None,
            asks_itself: false,
            judges_credentials: false,
            key_parameter: None,
            before_ready: false,
            other_pages: OtherPages::Links,
            handler,
            documentation: Documentation {
                path: None,
                tag: Tag::Kismet,
                summary,
                description: None,
                query: Vec::new(),
                body: None,
                answer: Answer::Any,
                errors: &[],
            },
        }
    }

    pub(in crate::http) fn extension(mut self, extension: Extension) -> Self {
        self.extension = extension;
        self
    }

    pub(in crate::http) fn needs(mut self, role: RequiredRole) -> Self {
        self.role = Some(role);
        self
    }

    /// Asks nobody for credentials.
    pub(in crate::http) fn open(mut self) -> Self {
        self.role = None;
        self
    }

    pub(in crate::http) fn asks_itself(mut self) -> Self {
        self.asks_itself = true;
        self
    }

    pub(in crate::http) fn judges_credentials(mut self) -> Self {
        self.judges_credentials = true;
        self
    }

    pub(in crate::http) fn before_ready(mut self) -> Self {
        self.before_ready = true;
        self
    }

    pub(in crate::http) fn other_pages(mut self, other_pages: OtherPages) -> Self {
        self.other_pages = other_pages;
        self
    }

    /// Asking for the head of its answer would do what it does.
    pub(in crate::http) fn not_by_head(mut self) -> Self {
        let refuse = || async { ApiError::MethodNotAllowed };
        self.handler = self.handler.head(refuse);
        self
    }

    /// Where the document has another path than the router.
    pub(in crate::http) fn shown_as(mut self, path: &'static str) -> Self {
        self.documentation.path = Some(path);
        self
    }

    pub(in crate::http) fn tag(mut self, tag: Tag) -> Self {
        self.documentation.tag = tag;
        self
    }

    pub(in crate::http) fn explained(mut self, description: &'static str) -> Self {
        self.documentation.description = Some(description);
        self
    }

    /// Adds parameters of the query.
    pub(in crate::http) fn asks(mut self, query: &[&'static str]) -> Self {
        self.documentation.query.extend(query);
        self
    }

    pub(in crate::http) fn takes(mut self, body: Body) -> Self {
        self.documentation.body = Some(body);
        self
    }

    pub(in crate::http) fn answers(mut self, answer: Answer) -> Self {
        self.documentation.answer = answer;
        self
    }

    pub(in crate::http) fn fails(mut self, errors: &'static [u16]) -> Self {
        self.documentation.errors = errors;
        self
    }

    /// The path as the document has it.
    pub(in crate::http) fn shown_path(&self) -> String {
        let path = self.documentation.path.unwrap_or(self.path);
        match self.extension {
            Extension::ChoosesForm => format!("{path}.{{format}}"),
            Extension::Ignored | Extension::InPath => path.to_owned(),
        }
    }
}
