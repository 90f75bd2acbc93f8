//! Every page there is, with something to show.

use crate::scene::Scene;
use anyhow::{Context, Result};

/// A page: what its pictures are called, and its path.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) path: String,
}

/// The operators' pages, for who has signed in.
pub(crate) async fn operators_pages(scene: &Scene) -> Result<Vec<Page>> {
    let undelivered = scene.wait_for("gone-quiet", "undelivered", 1).await?;
    let delivery = undelivered[0]["id"].as_str().context("a delivery has an id")?;
    let endpoint = &scene.endpoints["bike-works"];
    let pages = [
        ("overview", "/".to_owned()),
        ("retries", "/retries".to_owned()),
        ("overview-charts", "/#charts".to_owned()),
        ("undelivered", "/undelivered".to_owned()),
        ("deliveries", "/deliveries".to_owned()),
        ("delivery", format!("/deliveries/{delivery}")),
        ("search", "/search?q=hostile".to_owned()),
        ("endpoints", "/endpoints".to_owned()),
        ("endpoint", format!("/endpoints/{endpoint}")),
        ("endpoint-change", format!("/endpoints/{endpoint}/change")),
        ("endpoint-new", "/endpoints/new?merchant=bike-works".to_owned()),
        ("merchants", "/merchants".to_owned()),
        ("merchant", "/merchants/bike-works".to_owned()),
        ("dialects", "/dialects".to_owned()),
        ("dialect", "/dialects/ok-body".to_owned()),
        ("keys", "/keys".to_owned()),
        ("people", "/people".to_owned()),
        ("audit", "/audit".to_owned()),
        ("bulk", "/bulk?what=resend&state=undelivered&merchant=gone-quiet".to_owned()),
    ];
    Ok(pages.into_iter().map(|(name, path)| Page { name, path }).collect())
}

/// The portal's pages, for a merchant who has entered.
pub(crate) async fn portal_pages(scene: &Scene, merchant: &str) -> Result<Vec<Page>> {
    let listed = scene.api().get(&format!("/v1/deliveries?merchant={merchant}&limit=1")).await?.expect_status(200)?;
    let delivery = listed["items"][0]["id"].as_str().context("a merchant has a delivery")?;
    let endpoint = &scene.endpoints[merchant];
    let pages = [
        ("portal", "/portal".to_owned()),
        ("portal-delivery", format!("/portal/deliveries/{delivery}")),
        ("portal-settle", format!("/portal/deliveries/{delivery}/settle")),
        ("portal-endpoints", "/portal/endpoints".to_owned()),
        ("portal-endpoint", format!("/portal/endpoints/{endpoint}")),
        ("portal-rotate", format!("/portal/endpoints/{endpoint}/rotate-secret")),
        ("portal-signatures", "/portal/signatures".to_owned()),
        ("portal-reconciliation", "/portal/reconciliation".to_owned()),
    ];
    Ok(pages.into_iter().map(|(name, path)| Page { name, path }).collect())
}
