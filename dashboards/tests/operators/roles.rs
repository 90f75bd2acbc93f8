//! Who may do what.

use crate::pages::{PAGES, PAGES_OF_ACTS, Rooms, as_form};
use crate::read_html::Html;
use anyhow::Result;
use axum::http::StatusCode;

#[tokio::test]
async fn a_viewer_sees_everything_and_can_do_nothing() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let viewer = rooms.house.viewer().await?;
    for path in PAGES.iter().map(|path| rooms.fill(path)).filter(|path| !path.contains(".csv")) {
        let page = rooms.house.get(&viewer, &path).await?.page()?;
        let html = Html::read(&page).map_err(anyhow::Error::msg)?;
        let forms = html.all("form").filter(|form| form.get("method") == Some("post"));
        let actions: Vec<_> = forms.filter_map(|form| form.get("action")).filter(|to| *to != "/sign-out").collect();
        assert!(actions.is_empty(), "{path} lets a viewer {actions:?}");
    }
    for path in PAGES_OF_ACTS.iter().map(|path| rooms.fill(path)) {
        assert_eq!(rooms.house.get(&viewer, &path).await?.status, StatusCode::FORBIDDEN, "{path}");
    }
    for (path, fields) in rooms.acts() {
        let seen = rooms.house.post(&viewer, &path, &as_form(&fields)).await?;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        assert!(seen.text.contains("Your role does not allow this."), "{path}");
    }
    assert_eq!(rooms.house.state_of(&rooms.fill("{undelivered}")).await?, "undelivered");
    Ok(())
}

#[tokio::test]
async fn an_operator_can_do_everything() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    for (path, fields) in rooms.acts() {
        let seen = rooms.house.post(&rooms.operator, &path, &as_form(&fields)).await?;
        let is_done = seen.status == StatusCode::OK || seen.status == StatusCode::SEE_OTHER;
        assert!(is_done && !seen.location().starts_with("/sign-in"), "{path}: {} {}", seen.status, seen.text);
    }
    Ok(())
}
