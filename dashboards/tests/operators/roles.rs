//! Who may do what.

use crate::house::PASSWORD;
use crate::pages::{PAGES, PAGES_OF_ACTS, Rooms, as_form};
use crate::read_html::Html;
use anyhow::{Context, Result};
use axum::http::StatusCode;
use paybell_store::manage::OperatorRole;

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

#[tokio::test]
async fn a_page_that_is_made_once_for_many_names_each_visitor_and_lets_each_do_what_they_may() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let house = &rooms.house;
    let sign_in = async |name: &'static str, role| {
        house.add(name, role).await?;
        let browser = house.sign_in(&[("name", name), ("password", PASSWORD)]).await?;
        anyhow::Ok((name, browser.context("signed in")?))
    };
    let visitors = [
        sign_in("Adaline", OperatorRole::Operator).await?,
        sign_in("Gracia", OperatorRole::Operator).await?,
        sign_in("Edsgar", OperatorRole::Viewer).await?,
    ];
    // The sign by which the place of the name is found may stand in an address too.
    for path in ["/", "/retries", "/undelivered", "/retries?order=%EE%80%80", "/undelivered?order=%EE%80%80"] {
        for (name, browser) in &visitors {
            let page = house.get(browser, path).await?.page()?;
            let who = ["Adaline", "Gracia", "Edsgar"].into_iter().filter(|name| page.contains(name));
            assert_eq!(who.collect::<Vec<_>>(), [*name], "{path}");
            assert!(page.contains(&format!("<span class=\"who\">{name}</span>")), "{path}");
            assert_eq!(page.contains('\u{e000}'), path.contains("%EE"), "{path}");
            let may_act = path != "/" && *name != "Edsgar";
            assert_eq!(page.contains("action=\"/bulk\""), may_act, "{path} for {name}");
        }
    }
    Ok(())
}
