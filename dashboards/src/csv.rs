//! Tables for spreadsheets: RFC 4180, streamed page by page, with what spreadsheets would take for a formula defused.

use crate::failure::Failure;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream::try_unfold;
use paybell_store::manage::PageRequest;
use std::io;

/// So many rows are read first, so that the file begins at once, and so many at a time after that.
const FIRST: u32 = 100;
const ON_A_PAGE: u32 = 1_000;

/// A row, ended as RFC 4180 asks.
pub(crate) fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let mut line = cells.iter().map(|text| cell(text.as_ref())).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A cell. What begins like a formula gets an apostrophe first (OWASP, "CSV Injection").
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// A file that is written while it is read: `next` answers a page's rows and where the next one begins.
pub(crate) fn stream<F, Fut>(name: &str, head: String, next: F) -> Response
where
    F: Fn(PageRequest) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(String, Option<String>), Failure>> + Send,
{
    enum At {
        Head(String),
        Page(PageRequest),
        End,
    }
    let rows = try_unfold((At::Head(head), next), |(at, next)| async move {
        match at {
            At::Head(head) => {
                let first = PageRequest { limit: FIRST, after: None };
                Ok(Some((Bytes::from(head), (At::Page(first), next))))
            }
            At::Page(page) => {
                // A broken transfer tells the reader that the file is not whole.
                let (rows, after) = next(page).await.map_err(|failure| io::Error::other(format!("{failure:?}")))?;
                let page = |after| PageRequest { limit: ON_A_PAGE, after: Some(after) };
                let at = after.map_or(At::End, |after| At::Page(page(after)));
                Ok(Some((Bytes::from(rows), (at, next))))
            }
            At::End => Ok::<_, io::Error>(None),
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::from_stream(rows)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_formulas_are_defused() {
        assert_eq!(row(&["a", "b,c", "say \"x\"", ""]), "a,\"b,c\",\"say \"\"x\"\"\",\r\n");
        assert_eq!(row(&["=1+1", "-5", "-5.20", "@x", "+a"]), "'=1+1,-5,-5.20,'@x,'+a\r\n");
        assert_eq!(row(&["=A1,\n2"]), "\"'=A1,\n2\"\r\n");
    }
}
