//! Query parameters. Each is taken by name; those that are left over are refused by name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::bad_parameter::BadParameter;
use super::body::form_text;
use super::proofs::PROOFS;
use super::time::read_time;
use crate::http::error::ApiError;
use crate::report::UnixTime;

/// The parameters of a query that have not been taken yet. Values are octets: names of networks need not be UTF-8.
#[derive(Debug)]
pub(in crate::http) struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    /// The value of a parameter. Empty is absent, so that a form with an empty field works.
    pub(in crate::http) fn take(&mut self, name: &str) -> Result<Option<String>, BadParameter> {
        Ok(self.take_octets(name)?.map(text))
    }

    /// The same for a parameter that need not be UTF-8.
    pub(in crate::http) fn take_octets(
        &mut self,
        name: &str,
    ) -> Result<Option<Vec<u8>>, BadParameter> {
        let mut values = self.0.extract_if(.., |(known, _)| known == name);
        let value = values.next();
        if values.next().is_some() {
            return Err(BadParameter::new(name, "given more than once"));
        }
        Ok(value
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty()))
    }

    /// Refuses a parameter without a value. For parameters that protect something: whoever gives one must not get an answer
    /// as if it were absent.
    pub(in crate::http) fn expect_value(&self, name: &str) -> Result<(), BadParameter> {
        let is_empty = |(known, value): &(String, Vec<u8>)| known == name && value.is_empty();
        if self.0.iter().any(is_empty) {
            return Err(BadParameter::new(name, "has no value"));
        }
        Ok(())
    }

    /// The values of a parameter that may be given several times. Empty ones are absent.
    pub(in crate::http) fn take_all_octets(&mut self, name: &str) -> Vec<Vec<u8>> {
        let values = self.0.extract_if(.., |(known, _)| known == name);
        let values = values.map(|(_, value)| value);
        values.filter(|value| !value.is_empty()).collect()
    }

    /// The value of a parameter, read by `read`, whose error is the reason.
    pub(in crate::http) fn take_with<T, E: ToString>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BadParameter> {
        let read = |text: String| read(&text).map_err(|reason| BadParameter::new(name, &reason));
        self.take(name)?.map(read).transpose()
    }

    /// The `limit` of a page.
    pub(in crate::http) fn take_limit(&mut self, max: usize) -> Result<usize, BadParameter> {
        const DEFAULT: usize = 100;
        let limit = self.take_limit_if_given(max)?;
        Ok(limit.unwrap_or(DEFAULT.min(max)))
    }

    /// The `limit` of a page, for lists that have no pages without one.
    pub(in crate::http) fn take_limit_if_given(
        &mut self,
        max: usize,
    ) -> Result<Option<usize>, BadParameter> {
        self.take_with("limit", |text| match text.parse() {
            Ok(limit) if 1 <= limit && limit <= max => Ok(limit),
            _ => Err(format!("expected a number from 1 to {max}")),
        })
    }

    /// A time: seconds since 1970, or ISO 8601 in UTC.
    pub(in crate::http) fn take_time(
        &mut self,
        name: &str,
    ) -> Result<Option<UnixTime>, BadParameter> {
        self.take_with(name, |text| {
            read_time(text)
                .ok_or("expected seconds since 1970, or a time in UTC such as 2026-01-31T12:00:00Z")
        })
    }

    /// Whether all parameters have been taken.
    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses parameters that nobody took: a filter that is not known must not seem to work.
    pub(in crate::http) fn finish(self) -> Result<(), BadParameter> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(BadParameter::new(&name, "there is no such parameter here")),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = query.as_bytes().split(|&byte| byte == b'&');
        let pairs = pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let mut halves = pair.splitn(2, |&byte| byte == b'=');
            let mut half = || form_text(halves.next().unwrap_or_default());
            (text(half()), half())
        });
        let asked = pairs.filter(|(name, _)| !PROOFS.contains(&name.as_str()));
        Ok(Self(asked.collect()))
    }
}

fn text(octets: Vec<u8>) -> String {
    String::from_utf8(octets)
        .unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned())
}
