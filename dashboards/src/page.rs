//! The frame of a page: its title, where the visitor can go, what was just done; and the language of all pages.

use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::fresh::Kept;
use crate::texts::{LANGUAGE_COOKIE, Lang};
use crate::visit::Visit;
use crate::{PortalSettings, Served};
use askama::Template;
use askama::filters::{Html as EscapeHtml, escape};
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use std::time::Duration;

/// For how long a page that many look at is shown as it was made for the first.
const SHOWN_FOR: Duration = Duration::from_secs(1);
/// Where such a page names its visitor. Nothing that people typed stands before it as it was typed.
const VISITOR: &str = "\u{e000}";

/// Pages as they were made, by their address, their language, and whether the visitor may act.
pub(crate) type KeptPages = Kept<(String, Lang, bool), String>;

/// What `layout.html` shows around every page.
pub(crate) struct Frame {
    pub(crate) l: Lang,
    pub(crate) title: String,
    pub(crate) in_portal: bool,
    /// Whose pages these are: Paybell's, or in the portal the gateway's.
    pub(crate) brand: String,
    pub(crate) has_logo: bool,
    pub(crate) has_colour: bool,
    /// The visitor's name; nothing where nobody is signed in.
    pub(crate) who: Option<String>,
    /// Whether the visitor may do what operators do.
    pub(crate) may_act: bool,
    pub(crate) nav: Vec<NavItem>,
    /// The page's path and query, to come back to.
    pub(crate) here: String,
    /// What was just done.
    pub(crate) notice: Option<String>,
    /// Why something was not done.
    pub(crate) refusal: Option<String>,
}

/// A page that can be gone to.
pub(crate) struct NavItem {
    pub(crate) name: &'static str,
    pub(crate) href: &'static str,
    pub(crate) is_here: bool,
}

impl Frame {
    /// Of a page for nobody in particular.
    pub(crate) fn bare(l: Lang, title: &str, in_portal: bool) -> Self {
        Self {
            l,
            title: title.to_owned(),
            in_portal,
            brand: "Paybell".to_owned(),
            has_logo: false,
            has_colour: false,
            who: None,
            may_act: false,
            nav: Vec::new(),
            here: String::new(),
            notice: None,
            refusal: None,
        }
    }

    /// Of a portal's page for nobody in particular.
    pub(crate) fn branded(l: Lang, title: &str, portal: &PortalSettings) -> Self {
        let bare = Self::bare(l, title, true);
        Self {
            brand: portal.name.clone().unwrap_or(bare.brand),
            has_logo: portal.logo.is_some(),
            has_colour: portal.colour.is_some(),
            ..bare
        }
    }

    /// Of an operators' page.
    pub(crate) fn of(visit: &Visit, title: &str) -> Self {
        let l = visit.l;
        let path = visit.uri.path();
        let item = |name, href: &'static str| NavItem {
            name,
            href,
            is_here: if href == "/" { path == "/" } else { path.starts_with(href) },
        };
        Self {
            who: Some(visit.session.name.clone()),
            may_act: visit.may_act(),
            nav: vec![
                item(l.nav_overview(), "/"),
                item(l.nav_retries(), "/retries"),
                item(l.nav_undelivered(), "/undelivered"),
                item(l.nav_deliveries(), "/deliveries"),
                item(l.nav_endpoints(), "/endpoints"),
                item(l.nav_merchants(), "/merchants"),
                item(l.nav_dialects(), "/dialects"),
                item(l.nav_keys(), "/keys"),
                item(l.nav_people(), "/people"),
                item(l.nav_audit(), "/audit"),
            ],
            here: path_and_query(&visit.uri),
            notice: visit.query().is_ticked("done").then(|| l.done().to_owned()),
            ..Self::bare(l, title, false)
        }
    }

    /// Of an operators' page that is made once for many: it names nobody.
    pub(crate) fn of_many(visit: &Visit, title: &str) -> Self {
        Self { who: Some(VISITOR.to_owned()), ..Self::of(visit, title) }
    }

    /// The same page with the reason why something was not done, if there is one.
    pub(crate) fn refused(mut self, why: Option<String>) -> Self {
        if let Some(why) = why {
            (self.refusal, self.notice) = (Some(self.l.refusal(why)), None);
        }
        self
    }
}

/// The path and query of a page.
pub(crate) fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

/// A template as an answer.
pub(crate) fn show(page: &impl Template) -> Answer {
    Ok(Html(page.render().map_err(|error| Failure::internal(&error))?).into_response())
}

/// A page that many look at, the same for all but for the visitor's name, as an answer. Its frame is [`Frame::of_many`].
pub(crate) async fn show_many<T: Template>(
    pages: &Served,
    visit: &Visit,
    make: impl Future<Output = Result<T, Failure>>,
) -> Answer {
    let key = (path_and_query(&visit.uri), visit.l, visit.may_act());
    let html = async { make.await?.render().map_err(|error| Failure::internal(&error)) };
    let html = pages.shown.get(key, pages.acts(), SHOWN_FOR, html).await?;
    let Ok(name) = escape(&visit.session.name, EscapeHtml);
    Ok(Html(html.replacen(VISITOR, &name.to_string(), 1)).into_response())
}

/// On to another page after something was done, by GET.
pub(crate) fn go_to(path: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path.to_owned())]).into_response()
}

/// On to a page of our own, which says that something was done.
pub(crate) fn done(path: &str) -> Response {
    let joint = if path.contains('?') { '&' } else { '?' };
    go_to(&format!("{path}{joint}done=1"))
}

/// A path of our own, or else `/`: a link must not lead people elsewhere. Browsers read `\` as `/`, and pass over tabs and
/// ends of lines wherever they stand (WHATWG URL, "URL parsing").
pub(crate) fn own_path(path: Option<&str>) -> &str {
    let has_tricks = |path: &str| path.contains(|c: char| c == '\\' || c.is_control());
    path.filter(|path| path.starts_with('/') && !path.starts_with("//") && !has_tricks(path)).unwrap_or("/")
}

/// `/language?to=ru&back=/`: keeps the language that somebody chose.
pub(crate) async fn choose_language(uri: Uri) -> Answer {
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes());
    let language = query.get("to").and_then(Lang::by_code).ok_or(Failure::Malformed)?;
    let cookie = format!("{LANGUAGE_COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", language.code());
    let mut response = go_to(own_path(query.get("back")));
    response.headers_mut().insert(SET_COOKIE, cookie.try_into().map_err(|_| Failure::Malformed)?);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_nowhere_else() {
        for foreign in ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""] {
            assert_eq!(own_path(Some(foreign)), "/", "{foreign}");
        }
        assert_eq!(own_path(Some("/deliveries?state=pending")), "/deliveries?state=pending");
    }
}
