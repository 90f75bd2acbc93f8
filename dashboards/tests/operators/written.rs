//! How every page is written: in both languages, well-formed, with words for those who do not see it.

use crate::house::Browser;
use crate::pages::Rooms;
use crate::read_html::Html;
use anyhow::{Context, Result};
use axum::http::StatusCode;

/// Words of the English pages that no Russian page may hold.
const ENGLISH: &[&str] = &[
    "Overview",
    "Retries",
    "Undelivered",
    "Sign out",
    "Sign in",
    "Skip to",
    "Older",
    "Newest",
    "There is none",
    "Deadline",
    "Next attempt",
    "Accepted",
    "Attempt ",
    "Settle",
    "Resend",
    "Answer ",
    "Cancel",
    "Confirm",
    "Show",
    "Search",
    "in the last",
    " ago",
    "failing since",
    "paused since",
    "due now",
    "within",
    "or more",
    "Merchants",
    "Actions",
    "Money at",
    "Done.",
    "Name",
];

#[tokio::test]
async fn every_page_is_well_formed_in_both_languages() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let pages = rooms.pages().into_iter().filter(|path| !path.contains(".csv"));
    let more = ["/sign-in", "/deliveries/0", "/undelivered?done=1", "/endpoints/nonsense/change", "/merchants/gone"];
    let pages: Vec<String> = pages.chain(more.map(str::to_owned)).collect();
    let (mut faults, mut english) = (Vec::new(), Vec::new());
    for language in ["en", "ru"] {
        let browser = Browser { language, ..rooms.operator.clone() };
        for path in &pages {
            let seen = rooms.house.get(&browser, path).await?;
            assert!(seen.status == StatusCode::OK || seen.status == StatusCode::NOT_FOUND, "{path}: {}", seen.status);
            let html = Html::read(&seen.text).map_err(anyhow::Error::msg).with_context(|| path.clone())?;
            faults.extend(html.faults().into_iter().map(|fault| format!("{path} ({language}): {fault}")));
            assert_eq!(html.all("html").next().and_then(|html| html.get("lang")), Some(language), "{path}");
            let words = html.words();
            let found = ENGLISH.iter().filter(|word| words.contains(**word)).map(|word| format!("{path}: {word}"));
            if language == "ru" {
                english.extend(found);
            } else if seen.status == StatusCode::OK {
                assert!(found.count() > 3 || path == "/sign-in", "{path} is in English");
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(english.is_empty(), "{english:#?}");
    Ok(())
}

#[tokio::test]
async fn the_language_that_was_chosen_is_kept() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let chosen = rooms.house.get(&rooms.operator, "/language?to=ru&back=%2Fkeys").await?;
    assert_eq!(chosen.leads_to()?, "/keys");
    let kept = chosen.headers.get("set-cookie").context("no cookie")?.to_str()?;
    let kept = kept.split(';').next().unwrap_or_default();
    let browser = Browser { cookie: format!("{}; {kept}", rooms.operator.cookie), language: "en" };
    assert!(rooms.house.get(&browser, "/keys").await?.page()?.contains("lang=\"ru\""));
    assert_eq!(rooms.house.get(&browser, "/language?to=xx").await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}
