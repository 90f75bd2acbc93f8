//! The tables of all pages and all acts of the operators, with rooms that are furnished for them.

use crate::house::{Browser, House, text};
use serde_json::json;
use std::path::Path;

/// What everybody who is signed in may read. Ids stand in braces.
pub(crate) const PAGES: &[&str] = &[
    "/",
    "/?charts=day",
    "/?charts=3days",
    "/retries",
    "/retries?within_h=24",
    "/retries?merchant=shop&order=7",
    "/deliveries",
    "/deliveries?state=undelivered&since=2026-01-01",
    "/deliveries?state=nonsense",
    "/deliveries/{waiting}",
    "/deliveries/{undelivered}",
    "/deliveries/{settled}",
    "/deliveries/{delivered}",
    "/deliveries/{resent}",
    "/search?q=nothing",
    "/search?q=order%20twice",
    "/undelivered",
    "/undelivered?reason=refused",
    "/undelivered.csv",
    "/endpoints",
    "/endpoints/{endpoint}",
    "/endpoints/{paused}",
    "/endpoints/{failing}",
    "/merchants",
    "/merchants/shop",
    "/dialects",
    "/dialects/standard",
    "/dialects/own",
    "/keys",
    "/people",
    "/audit",
    "/audit?subject={endpoint}",
    "/bulk/resend/{bulk}",
];

/// What only those may read who may act.
pub(crate) const PAGES_OF_ACTS: &[&str] = &[
    "/bulk?what=resend&state=undelivered",
    "/bulk?what=settle&state=pending",
    "/bulk?what=pause&merchant=shop",
    "/bulk?what=resume",
    "/endpoints/new?merchant=shop",
    "/endpoints/{endpoint}/change",
];

/// What only operators may do, in an order in which all can be done.
pub(crate) const ACTS: &[(&str, &[(&str, &str)])] = &[
    ("/deliveries/{undelivered}/resend", &[]),
    ("/deliveries/{undelivered}/settle", &[("who", "Ada"), ("note", "by telephone")]),
    ("/deliveries/{waiting}/follow-up", &[("owner", "Ada"), ("note", "asks")]),
    ("/undelivered/act", &[("what", "resend"), ("id", "{undelivered}"), ("back", "/undelivered")]),
    ("/bulk", &[("what", "resend"), ("state", "undelivered")]),
    ("/endpoints/{endpoint}/pause", &[]),
    ("/endpoints/{endpoint}/resume", &[]),
    ("/endpoints/{endpoint}/test", &[]),
    ("/endpoints/{endpoint}/probe", &[]),
    ("/endpoints/new", &[("merchant", "shop"), ("url", "https://shop.example/2"), ("dialect", "standard")]),
    ("/endpoints/{endpoint}/change", &[("url", "https://shop.example/3"), ("dialect", "standard")]),
    ("/endpoints/{endpoint}/rotate-secret", &[("overlap_s", "3600")]),
    ("/merchants", &[("id", "new-shop"), ("name", "New shop")]),
    ("/merchants/new-shop/rename", &[("name", "Newer shop")]),
    ("/merchants/new-shop/pause", &[]),
    ("/merchants/new-shop/resume", &[]),
    ("/merchants/new-shop/portal-link", &[]),
    ("/merchants/new-shop/delete", &[]),
    ("/dialects", &[("name", "own"), ("definition", "{}")]),
    ("/dialects/own/delete", &[]),
    ("/keys", &[("name", "desk"), ("role", "gateway")]),
    ("/keys/{key}/revoke", &[]),
    ("/people", &[("name", "Bob"), ("role", "viewer"), ("password", "correct horse battery")]),
    ("/people/remove", &[("name", "Bob")]),
    ("/sessions/{session}/revoke", &[]),
    ("/endpoints/{paused}/delete", &[]),
];

/// What is for everybody.
const OPEN: &[&str] = &["/sign-in", "/sign-out", "/language"];

/// A house with something to see on every page.
pub(crate) struct Rooms {
    pub(crate) house: House,
    pub(crate) operator: Browser,
    ids: Vec<(&'static str, String)>,
}

impl Rooms {
    pub(crate) async fn furnished() -> anyhow::Result<Self> {
        let house = House::new().await?;
        let operator = house.operator().await?;
        let endpoint = house.merchant("shop", "A shop").await?;
        let paused = house.merchant("on-holiday", "Another").await?;
        let failing = house.merchant("away", "A third").await?;
        let check = json!({ "merchant": "shop", "pay_for": "order p-1", "amount": 1050, "currency": "EUR" });
        house.api("POST", "/v1/checks", &check).await?;
        let (waiting, undelivered) = (house.retried("shop", "p-1").await?, house.refused("shop", "p-2").await?);
        let (settled, delivered) = (house.refused("shop", "p-3").await?, house.delivered("shop", "p-4").await?);
        let resend = format!("/v1/deliveries/{delivered}/resend");
        let resent = text(&house.api("POST", &resend, &json!({})).await?, "/id")?;
        for id in ["t-1", "t-2"] {
            house.pay("shop", id, json!({ "pay_for": "order twice" })).await?;
        }
        let settle = json!({ "who": "Ada", "note": "by telephone" });
        house.api("POST", &format!("/v1/deliveries/{settled}/settle"), &settle).await?;
        house.api("POST", &format!("/v1/endpoints/{paused}/pause"), &json!({})).await?;
        house.retried("away", "p-5").await?;
        let now = house.clock.now();
        house.ledger.mark_failing(failing.parse()?, now, "no answer", &house.actor()).await?;
        let mut definition = house.api("GET", "/v1/dialects/standard", &json!(null)).await?["definition"].clone();
        definition["name"] = "own".into();
        house.api("PUT", "/v1/dialects/own", &definition).await?;
        let bulk = house.api("POST", "/v1/bulk-resends", &json!({ "filter": { "merchant": "nobody" } })).await?;
        let (_, key) = house.key(paybell_store::manage::KeyRole::Gateway, "till").await?;
        house.viewer().await?;
        let sessions = house.ledger.sessions(now).await?;
        let session = sessions.iter().find(|session| session.name == "Vera").map(|session| session.id.to_string());
        let ids = vec![
            ("{endpoint}", endpoint),
            ("{paused}", paused),
            ("{failing}", failing),
            ("{waiting}", waiting),
            ("{undelivered}", undelivered),
            ("{settled}", settled),
            ("{delivered}", delivered),
            ("{resent}", resent),
            ("{bulk}", text(&bulk, "/id")?),
            ("{key}", key.to_string()),
            ("{session}", session.unwrap_or_default()),
        ];
        Ok(Self { house, operator, ids })
    }

    /// A path or a field with the ids it names.
    pub(crate) fn fill(&self, text: &str) -> String {
        self.ids.iter().fold(text.to_owned(), |text, (name, id)| text.replace(name, id))
    }

    /// All pages.
    pub(crate) fn pages(&self) -> Vec<String> {
        PAGES.iter().chain(PAGES_OF_ACTS).map(|path| self.fill(path)).collect()
    }

    /// All acts.
    pub(crate) fn acts(&self) -> Vec<(String, Vec<(&'static str, String)>)> {
        let fields = |fields: &[(&'static str, &str)]| fields.iter().map(|(name, is)| (*name, self.fill(is))).collect();
        ACTS.iter().map(|(path, of)| (self.fill(path), fields(of))).collect()
    }
}

/// Borrowed fields, as a form is sent.
pub(crate) fn as_form<'a>(fields: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn routes_in(folder: &Path, found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            routes_in(&path, found)?;
        } else {
            let source = std::fs::read_to_string(&path)?;
            found.extend(source.split(".route(\"").skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    Ok(())
}

#[test]
fn the_tables_hold_every_route() -> anyhow::Result<()> {
    let mut routes = Vec::new();
    routes_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut routes)?;
    let routes: Vec<_> = routes.iter().filter(|route| !route.starts_with("/portal") && *route != "/live").collect();
    assert!(routes.len() > 40, "{routes:?}");
    let listed: Vec<&str> =
        PAGES.iter().chain(PAGES_OF_ACTS).chain(OPEN).copied().chain(ACTS.iter().map(|act| act.0)).collect();
    let fits = |route: &str, path: &str| {
        let path = path.split('?').next().unwrap_or_default();
        let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
        route.len() == path.len() && route.iter().zip(&path).all(|(part, is)| part.starts_with('{') || part == is)
    };
    let missing: Vec<_> = routes.iter().filter(|route| !listed.iter().any(|path| fits(route, path))).collect();
    assert!(missing.is_empty(), "no test reads {missing:?}");
    Ok(())
}
