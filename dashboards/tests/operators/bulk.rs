//! What is done to all that a filter picks: the preview says what it would be done to, and that is what it is done to.

use crate::house::{Browser, House};
use crate::read_html::Html;
use anyhow::{Context, Result};
use axum::http::StatusCode;

/// Two merchants; of the first three undelivered, one settled, one delivered and two that wait.
async fn house() -> Result<(House, Browser, Vec<String>)> {
    let house = House::new().await?;
    let browser = house.operator().await?;
    house.merchant("shop", "A shop").await?;
    house.merchant("other", "Another").await?;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(house.refused("shop", &format!("u-{n}")).await?);
    }
    for n in 0..2 {
        ids.push(house.retried("shop", &format!("w-{n}")).await?);
    }
    ids.push(house.delivered("shop", "d").await?);
    ids.push(house.refused("other", "o").await?);
    Ok((house, browser, ids))
}

/// The number and the money of a preview, and the form that confirms it.
async fn preview(house: &House, browser: &Browser, path: &str) -> Result<(String, String, Vec<(String, String)>)> {
    let html = Html::read(&house.get(browser, path).await?.page()?).map_err(anyhow::Error::msg)?;
    let text = |id: &str| html.elements.iter().find(|is| is.get("id") == Some(id)).map(|is| is.text.clone());
    let hidden = html.all("input").filter(|input| input.get("type") == Some("hidden"));
    let field = |name| move |input: &crate::read_html::Element| input.get(name).unwrap_or_default().to_owned();
    let fields = hidden.map(|input| (field("name")(input), field("value")(input))).collect();
    Ok((text("count").context("no count")?, text("money").unwrap_or_default(), fields))
}

/// Confirms a preview. Answers where that leads to.
async fn confirm(
    house: &House,
    browser: &Browser,
    fields: &[(String, String)],
    more: &[(&str, &str)],
) -> Result<String> {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let begun = house.post(browser, "/bulk", &[&fields, more].concat()).await?;
    Ok(begun.leads_to()?.to_owned())
}

async fn states(house: &House, ids: &[String]) -> Result<Vec<String>> {
    let mut states = Vec::new();
    for id in ids {
        states.push(house.state_of(id).await?);
    }
    Ok(states)
}

#[tokio::test]
async fn a_bulk_settlement_settles_what_its_preview_counted() -> Result<()> {
    let (house, browser, ids) = house().await?;
    let path = "/bulk?what=settle&state=undelivered&merchant=shop";
    let (count, money, fields) = preview(&house, &browser, path).await?;
    assert_eq!((count.as_str(), money.as_str()), ("3", "31.50\u{a0}EUR"));
    let without_note = confirm(&house, &browser, &fields, &[("who", "Ada")]).await?;
    assert!(without_note.starts_with("/bulk?") && without_note.contains("refused="), "{without_note}");
    let (again, _, fields) = preview(&house, &browser, &without_note).await?;
    assert_eq!(again, "3", "the page that says why can be confirmed again");
    let more = [("who", "Ada"), ("note", "told by telephone")];
    let progress = confirm(&house, &browser, &fields, &more).await?;
    assert!(progress.starts_with("/bulk/settle/"), "{progress}");
    assert!(house.get(&browser, &progress).await?.page()?.contains("under way"));
    house.finish_bulk_acts().await?;
    let done = house.get(&browser, &progress).await?.page()?;
    assert!(done.contains("finished") && done.contains("<strong>3</strong> of 3 done, 0 passed over"), "{done}");
    let expected = ["settled", "settled", "settled", "pending", "pending", "delivered", "undelivered"];
    assert_eq!(states(&house, &ids).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_bulk_resend_resends_what_its_preview_counted() -> Result<()> {
    let (house, browser, _) = house().await?;
    for (path, expected) in [
        ("/bulk?what=resend&state=undelivered", "4"),
        ("/bulk?what=resend&state=undelivered&merchant=shop&reason=expired", "0"),
        ("/bulk?what=resend&state=undelivered&order=order+u-1", "1"),
        ("/bulk?what=resend&state=undelivered&since=2026-01-01&before=2026-01-02", "0"),
    ] {
        assert_eq!(preview(&house, &browser, path).await?.0, expected, "{path}");
    }
    let (_, _, fields) = preview(&house, &browser, "/bulk?what=resend&state=undelivered&merchant=shop").await?;
    let progress = confirm(&house, &browser, &fields, &[]).await?;
    house.finish_bulk_acts().await?;
    assert!(house.get(&browser, &progress).await?.page()?.contains("<strong>3</strong> of 3 done"));
    let all = house.get(&browser, "/deliveries?merchant=shop").await?.page()?;
    assert_eq!(all.matches("<th scope=\"row\"").count(), 9, "six and three that are new");
    let wrong = progress.replace("resend", "settle");
    assert_eq!(house.get(&browser, &wrong).await?.status, StatusCode::NOT_FOUND, "it is no settlement");
    Ok(())
}

#[tokio::test]
async fn what_an_act_cannot_be_done_to_is_not_previewed() -> Result<()> {
    let (house, browser, _) = house().await?;
    for query in [
        "what=resend",
        "what=resend&state=pending",
        "what=resend&state=delivered",
        "what=settle",
        "what=settle&state=delivered",
        "what=settle&state=nonsense",
        "what=nonsense&state=undelivered",
        "state=undelivered",
    ] {
        assert_eq!(house.get(&browser, &format!("/bulk?{query}")).await?.status, StatusCode::BAD_REQUEST, "{query}");
        let fields: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        assert_eq!(house.post(&browser, "/bulk", &fields).await?.status, StatusCode::BAD_REQUEST, "{query}");
    }
    Ok(())
}

/// A filter by the deadline is none that an act could take: so the list that it picks offers no act on "all that match".
#[tokio::test]
async fn what_expires_soon_cannot_be_settled_with_all_that_does_not() -> Result<()> {
    let (house, browser, _) = house().await?;
    let offers = async |path: &str| -> Result<bool> {
        Ok(house.get(&browser, path).await?.page()?.contains("value=\"settle\""))
    };
    assert!(offers("/retries?merchant=shop").await?);
    assert!(!offers("/retries?merchant=shop&within_h=1").await?);
    assert!(house.get(&browser, "/retries?within_h=nonsense").await?.page()?.contains("role=\"alert\""));
    Ok(())
}

#[tokio::test]
async fn the_endpoints_of_a_filter_are_paused_and_resumed() -> Result<()> {
    let (house, browser, _) = house().await?;
    let paused = async || -> Result<usize> { Ok(house.ledger.troubled_endpoints(100).await?.len()) };
    let everything = preview(&house, &browser, "/bulk?what=pause").await?;
    assert_eq!(everything.0, "", "not everything at once");
    assert_eq!(house.post(&browser, "/bulk", &[("what", "pause")]).await?.status, StatusCode::BAD_REQUEST);
    let (count, _, fields) = preview(&house, &browser, "/bulk?what=pause&state=pending&merchant=shop").await?;
    assert_eq!(count, "1");
    assert_eq!(confirm(&house, &browser, &fields, &[]).await?, "/merchants/shop?done=1");
    assert_eq!(paused().await?, 1);
    let (_, _, fields) = preview(&house, &browser, "/bulk?what=resume&state=pending&merchant=shop").await?;
    confirm(&house, &browser, &fields, &[]).await?;
    assert_eq!(paused().await?, 0);
    Ok(())
}
