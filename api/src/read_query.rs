//! Reads a query string parameter by parameter: unknown and repeated ones are errors, as they would silently widen a
//! search.

use crate::problem::{Answer, FieldError, Problem};
use axum::Json;
use axum::extract::Query;
use http::Uri;
use paybell_delivery::Timestamp;
use paybell_store::StoreError;
use paybell_store::manage::{Page, PageRequest};
use serde::Serialize;
use std::borrow::Cow;
use utoipa::{IntoParams, ToSchema};

/// Which part of a list is asked for.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters that Parameters::page reads")]
pub(crate) struct PageParameters {
    /// At most so many items: 1 to 1,000; 100 where nothing is said.
    limit: Option<u32>,
    /// Where the page before ended: its `next_cursor`.
    cursor: Option<String>,
}

/// A part of a list.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    /// The items, the newest first.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; `null` at the end.
    pub(crate) next_cursor: Option<String>,
}

impl<T: ToSchema> List<T> {
    /// What the ledger found, shown. All that it refuses of a list is a cursor that no page ended with.
    pub(crate) fn of<U>(found: paybell_store::Result<Page<U>>, show: impl FnMut(U) -> T) -> Answer<Json<Self>> {
        match found {
            Ok(page) => Ok(Json(Self { items: page.items.into_iter().map(show).collect(), next_cursor: page.next })),
            Err(StoreError::Refused(_)) => Err(Problem::field("cursor", "must be the next_cursor of the page before")),
            Err(error) => Err(error.into()),
        }
    }
}

/// The parameters of one query string.
pub(crate) struct Parameters {
    values: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Reads the query string.
    pub(crate) fn read(uri: &Uri, known: &[&'static str]) -> Answer<Self> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Problem::malformed("the query string cannot be read"))?;
        let mut parameters = Parameters { values: Vec::new(), errors: Vec::new() };
        for (name, value) in pairs {
            let Some(name) = known.iter().chain(&["limit", "cursor"]).find(|known| **known == name) else {
                let rule = format!("the query has an unknown parameter; known here are {}", known.join(", "));
                parameters.errors.push(FieldError { field: name.chars().take(64).collect(), rule: rule.into() });
                continue;
            };
            if parameters.values.iter().any(|(other, _)| other == name) {
                parameters.wrong(name, "is given twice");
            } else if value.contains('\0') {
                parameters.wrong(name, "must not hold the character U+0000");
            } else {
                parameters.values.push(((*name).to_owned(), value));
            }
        }
        Ok(parameters)
    }

    fn wrong(&mut self, name: &'static str, rule: impl Into<Cow<'static, str>>) {
        self.errors.push(FieldError::new(name, rule));
    }

    /// Takes a parameter.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        let place = self.values.iter().position(|(other, _)| other == name)?;
        Some(self.values.swap_remove(place).1)
    }

    /// Takes a parameter and reads it.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> Option<T> {
        let text = self.text(name)?;
        let parsed = read(&text);
        if parsed.is_none() {
            self.wrong(name, rule);
        }
        parsed
    }

    /// Takes a moment.
    pub(crate) fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        let rule =
            "must be a time of RFC 3339 with an offset, such as 2026-11-21T09:30:00Z (a plus sign is sent as %2B)";
        self.parsed(name, Timestamp::from_rfc3339, rule)
    }

    /// Takes what says which part of the list is asked for.
    pub(crate) fn page(&mut self) -> PageRequest {
        let in_bounds = |text: &str| text.parse().ok().filter(|limit| (1..=1000).contains(limit));
        let limit = self.parsed("limit", in_bounds, "must be an integer from 1 to 1000").unwrap_or(100);
        PageRequest { limit, after: self.text("cursor") }
    }

    /// The end: 422 with all the faults, where there are any.
    pub(crate) fn finish(self) -> Answer<()> {
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::invalid(self.errors)) }
    }
}
