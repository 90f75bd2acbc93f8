//! Asks the engine at the end of a run: its lists as different callers, and the metrics of every process.

use crate::asked::{Asked, Caller, Kind, Sample, Scrape, View, read_samples};
use crate::cluster::Cluster;
use crate::invariants::metrics::{ATTEMPTS, CLAIMS, DELIVERIES, EXPIRED, FINISHED, INTAKE, gauges_agree};
use paybell_testkit::Api;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// The metrics that the checker knows.
const KNOWN: [&str; 6] = [INTAKE, ATTEMPTS, FINISHED, EXPIRED, CLAIMS, DELIVERIES];
/// A merchant that there is not.
const STRANGER: &str = "nobody-s-shop";
/// How many merchants' lists are read, and how many pages of each.
const MERCHANTS_MAX: usize = 2;
const PAGES_MAX: usize = 3;
/// How long a list may take, and what a process answers by itself.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const SIGN_WITHIN: Duration = Duration::from_secs(2);
/// How long what was just recorded may take to be counted; how often is looked.
const COUNTED_WITHIN: Duration = Duration::from_secs(3);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long gauges may take to follow: the engine sets them every 5 s.
const GAUGES_WITHIN: Duration = Duration::from_secs(9);

/// Asks all of it. What does not answer is left out: whether it must answer is for scenarios to say.
pub(crate) async fn ask_engine(cluster: &Cluster, logs: &Path, awaits_gauges: bool) -> Asked {
    let views = match one_that_answers(cluster.apis()).await {
        Some(api) => views(&api).await,
        None => Vec::new(),
    };
    let nodes = cluster.names("");
    let scrapes = settled_scrapes(cluster, &nodes, awaits_gauges).await;
    let never_restarted = nodes.iter().all(|node| starts(&logs.join(format!("{node}.log"))) == 1);
    let to_database = cluster.servers().map_or(0, |servers| servers.to_postgres.affected());
    let undisturbed = scrapes.len() == nodes.len() && never_restarted && cluster.kills() == 0 && to_database == 0;
    let asked = Asked { views, scrapes, undisturbed, gauges_awaited: awaits_gauges };
    // For those who look at the logs of a run that offends; the run does not depend on it.
    let _ = serde_json::to_vec_pretty(&asked).map(|text| std::fs::write(logs.join("asked.json"), text));
    asked
}

async fn one_that_answers(apis: Vec<Api>) -> Option<Api> {
    for api in apis {
        if timeout(SIGN_WITHIN, api.get("/healthz")).await.is_ok_and(|answer| answer.is_ok()) {
            return Some(api);
        }
    }
    None
}

async fn views(api: &Api) -> Vec<View> {
    let mut views = Vec::new();
    for merchant in merchants(api).await.iter().map(String::as_str).chain([STRANGER]) {
        for kind in [Kind::Payments, Kind::Deliveries, Kind::Endpoints] {
            views.extend(view(api, Caller::Gateway, kind, merchant).await);
        }
    }
    let nobody = api.with_token("");
    for kind in [Kind::Payments, Kind::Deliveries, Kind::Endpoints, Kind::Audit] {
        views.extend(view(&nobody, Caller::Nobody, kind, STRANGER).await);
    }
    views.extend(view(api, Caller::Gateway, Kind::Audit, STRANGER).await);
    views
}

async fn merchants(api: &Api) -> Vec<String> {
    let list = timeout(ANSWER_WITHIN, api.get("/v1/merchants")).await;
    let body = list.ok().and_then(Result::ok).map(|answer| answer.body).unwrap_or_default();
    let ids = body["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str());
    ids.take(MERCHANTS_MAX).map(str::to_owned).collect()
}

/// A list, page by page; nothing when the API does not answer or cannot.
async fn view(api: &Api, caller: Caller, kind: Kind, merchant: &str) -> Option<View> {
    let (path, id) = match kind {
        Kind::Payments => (format!("/v1/payments?merchant={merchant}&limit=1000"), "payment_id"),
        Kind::Deliveries => (format!("/v1/deliveries?merchant={merchant}&limit=1000"), "id"),
        Kind::Endpoints => (format!("/v1/endpoints?merchant={merchant}&limit=1000"), "id"),
        Kind::Audit => ("/v1/audit?limit=1000".to_owned(), "id"),
    };
    let mut view = View { caller, kind, merchant: merchant.to_owned(), status: 0, items: Vec::new(), whole: false };
    let mut cursor = String::new();
    for _ in 0..PAGES_MAX {
        let answer = timeout(ANSWER_WITHIN, api.get(&format!("{path}{cursor}"))).await.ok()?.ok()?;
        if answer.status >= 500 {
            return None;
        }
        view.status = answer.status;
        let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let items = answer.body["items"].as_array().into_iter().flatten();
        view.items.extend(items.map(|item| (text(item, id), text(item, "merchant"))));
        match answer.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                view.whole = true;
                return Some(view);
            }
        }
    }
    Some(view)
}

/// The metrics once all processes answer and nothing changes: an attempt is counted a moment after it is recorded. Gauges
/// follow later. A process that does not answer is left out at last: without its counters, others' that count too much
/// may look right.
async fn settled_scrapes(cluster: &Cluster, nodes: &[String], awaits_gauges: bool) -> Vec<Scrape> {
    let truth = if awaits_gauges { cluster.source().dump().await.ok() } else { None };
    let patience = if awaits_gauges { GAUGES_WITHIN } else { COUNTED_WITHIN };
    let begun = Instant::now();
    let mut scrapes = scrape_all(cluster, nodes).await;
    loop {
        sleep(LOOK_EVERY).await;
        let next = scrape_all(cluster, nodes).await;
        let still = next == scrapes;
        scrapes = next;
        let followed = truth.as_ref().is_none_or(|dump| scrapes.iter().all(|scrape| gauges_agree(dump, scrape)));
        let complete = scrapes.len() == nodes.len();
        if begun.elapsed() >= patience || (still && followed && complete) {
            return scrapes;
        }
    }
}

async fn scrape_all(cluster: &Cluster, nodes: &[String]) -> Vec<Scrape> {
    let mut scrapes = Vec::new();
    for node in nodes {
        let Ok(engine) = cluster.node(node) else { continue };
        let answer = timeout(SIGN_WITHIN, engine.api().get("/metrics")).await.ok().and_then(Result::ok);
        if let Some(text) = answer.as_ref().and_then(|answer| answer.body.as_str()) {
            let known = |sample: &Sample| KNOWN.contains(&sample.metric.as_str());
            let samples = read_samples(text).into_iter().filter(known).collect();
            scrapes.push(Scrape { node: node.clone(), samples });
        }
    }
    scrapes
}

/// How often a process began to serve, by its log.
fn starts(log: &Path) -> usize {
    std::fs::read_to_string(log).map_or(0, |log| log.matches("paybell is ready").count())
}
