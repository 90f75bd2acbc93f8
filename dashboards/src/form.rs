//! The fields of a form or of a query, by name; a name may stand several times.

use crate::failure::Failure;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};

/// The longest form that is read, in bytes.
const FORM_MAX: usize = 256 * 1024;

/// The fields in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Of `a=1&b=2`, percent-encoded.
    pub(crate) fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of that name without the white space around it; nothing where that is empty.
    pub(crate) fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values of that name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// Whether a box of that name was ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// It with one field more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// It as a query, without the fields named in `but`.
    pub(crate) fn query_without(&self, but: &[&str]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.0.iter().filter(|(name, value)| !but.contains(&name.as_str()) && !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let body = to_bytes(request.into_body(), FORM_MAX).await.map_err(|_| Failure::Malformed)?;
        Ok(Self::parse(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_by_name_and_empty_ones_are_none() {
        let form = Form::parse(b"a=1&b=%20&c=x+y&a=2&d=%D1%84");
        assert_eq!(form.get("a"), Some("1"));
        assert_eq!(form.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((form.get("b"), form.get("c"), form.get("d")), (None, Some("x y"), Some("ф")));
        assert_eq!(Form::parse(b"a=1&b=&c=%26").query_without(&["a"]), "c=%26");
    }
}
