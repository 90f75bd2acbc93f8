//! A merchant changes where and how it is told: the URL and the options of one of its endpoints.

use super::endpoint::{EditForm, show_endpoint};
use super::visit::{PortalVisit, must};
use crate::Pages;
use crate::failure::Answer;
use crate::form::Form;
use crate::page::done;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// `POST /portal/endpoints/{id}`: what was refused is shown with what was typed.
pub(crate) async fn change(
    State(pages): State<Pages>,
    visit: PortalVisit,
    Path(id): Path<String>,
    form: Form,
) -> Answer {
    must(visit.rights.edit)?;
    let endpoint = pages.own_endpoint(&visit, &id).await?;
    let dialect = pages.dialect_named(&endpoint.dialect).await?;
    let (is, typed) = (EditForm::of(&endpoint, dialect.as_ref()), EditForm::typed(&form, dialect.as_ref()));
    let change = change_of(&is, &typed);
    let page = format!("/portal/endpoints/{}", endpoint.id);
    if change.is_empty() {
        return Ok(done(&page));
    }
    let path = format!("/v1/endpoints/{}", endpoint.id);
    match pages.act(&visit.name(), Method::PATCH, &path, Some(&Value::Object(change))).await? {
        Ok(_) => Ok(done(&page)),
        Err(refusal) => {
            let mut response = show_endpoint(&pages, &visit, &endpoint, typed, Some(refusal.in_words())).await?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
    }
}

/// What differs, as the API takes it.
fn change_of(is: &EditForm, typed: &EditForm) -> Map<String, Value> {
    let mut change = Map::new();
    if is.url != typed.url {
        change.insert("url".to_owned(), json!(typed.url));
    }
    if is.check_url != typed.check_url {
        let check_url = typed.check_url.as_ref().filter(|url| !url.is_empty());
        change.insert("check_url".to_owned(), json!(check_url));
    }
    let options = |form: &EditForm| {
        let reply_signature = Some(&form.reply_signature).filter(|word| !word.is_empty());
        json!({
            "ignore_whitespace": form.ignore_whitespace,
            "ignore_case": form.ignore_case,
            "reply_signature": reply_signature,
        })
    };
    if options(is) != options(typed) {
        change.insert("options".to_owned(), options(typed));
    }
    change
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(url: &str, check_url: &str, reply_signature: &str) -> EditForm {
        let (ignore_whitespace, ignore_case) = (false, true);
        let check_url = Some(check_url.to_owned());
        EditForm {
            url: url.to_owned(),
            check_url,
            ignore_whitespace,
            ignore_case,
            reply_signature: reply_signature.to_owned(),
        }
    }

    #[test]
    fn only_what_differs_is_changed() {
        let is = form("https://a.example", "https://a.example/check", "");
        let change = |typed| Value::Object(change_of(&is, &typed));
        assert_eq!(change(form("https://a.example", "https://a.example/check", "")), json!({}));
        assert_eq!(
            change(form("https://b.example", "https://a.example/check", "")),
            json!({"url": "https://b.example"})
        );
        let expected = json!({"check_url": null, "options": {
            "ignore_whitespace": false, "ignore_case": true, "reply_signature": "warn"}});
        assert_eq!(change(form("https://a.example", "", "warn")), expected);
    }
}
