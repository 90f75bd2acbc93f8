//! All that dashboards and alerts name is there in a real scrape: an engine in production mode with all roles has lived
//! through a bad day, with merchants who fail, expire, refuse and come back, with checks, and with a queue that went away.

use crate::named::{Selector, queries, rules, selectors};
use anyhow::{Context, Result};
use paybell_telemetry::METRICS;
use paybell_testkit::{Api, Engine, Postgres, Receiver, Redis, Reply, eventually};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Long enough on a slow and busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Labels that Prometheus adds to what it scrapes.
const ADDED: &[&str] = &["instance", "job"];

/// What postgres_exporter (0.15) and redis_exporter (1.50) show, of what is named here. Those of the collector
/// `database_wraparound` need `--collector.database_wraparound`.
const OF_EXPORTERS: &[&str] = &[
    "pg_database_size_bytes",
    "pg_database_wraparound_age_datfrozenxid_seconds",
    "pg_replication_lag_seconds",
    "pg_replication_slot_slot_is_active",
    "pg_settings_max_connections",
    "pg_stat_activity_count",
    "pg_stat_activity_max_tx_duration",
    "pg_stat_database_blks_hit",
    "pg_stat_database_blks_read",
    "pg_stat_database_xact_commit",
    "pg_stat_database_xact_rollback",
    "pg_stat_replication_pg_wal_lsn_diff",
    "pg_stat_user_tables_last_autovacuum",
    "pg_stat_user_tables_n_dead_tup",
    "pg_up",
    "redis_commands_duration_seconds_total",
    "redis_commands_processed_total",
    "redis_commands_total",
    "redis_connected_clients",
    "redis_evicted_keys_total",
    "redis_memory_max_bytes",
    "redis_memory_used_bytes",
    "redis_rejected_connections_total",
    "redis_up",
];

fn all_expressions() -> Result<String> {
    let panels: Vec<String> = queries()?.into_iter().map(|query| query.expression).collect();
    Ok(panels.join("\n") + &rules()?)
}

#[test]
fn metrics_of_the_exporters_are_known_ones() -> Result<()> {
    let named = selectors(&all_expressions()?, &["pg_", "redis_"]);
    let named: BTreeSet<&str> = named.iter().map(|selector| selector.metric.as_str()).collect();
    assert_eq!(named, OF_EXPORTERS.iter().copied().collect());
    Ok(())
}

#[test]
fn every_recorded_rule_that_is_named_is_recorded() -> Result<()> {
    let recorded = rules()?;
    let named = selectors(&all_expressions()?, &["paybell:"]);
    assert!(named.len() > 15, "{named:?}");
    for rule in named {
        assert!(recorded.contains(&format!("- record: {}\n", rule.metric)), "nothing records {}", rule.metric);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_ours_that_is_named_exists_in_a_real_scrape() -> Result<()> {
    let redis = Redis::start()?;
    let database = Postgres::shared().await?.create_database().await?;
    let engine = Engine::production(&database, &redis.url())
        .setting("PAYBELL_RETRY_INITIAL", "200ms")
        .setting("PAYBELL_RETRY_CAP", "500ms")
        .setting("PAYBELL_GRACE", "1s")
        .setting("PAYBELL_TIME_LIMIT", "1s")
        .setting("PAYBELL_VISIBILITY", "6s")
        .setting("PAYBELL_FAILING_AFTER", "500ms")
        .start()
        .await?;
    live_through_a_bad_day(engine.api(), &redis).await?;
    let named: Vec<Selector> = selectors(&all_expressions()?, &["paybell_"]).into_iter().collect();
    assert!(named.len() > 40, "what is named is found: {named:?}");
    let missing = eventually("all that is named is shown", PATIENCE, async || {
        let shown = Scrape::read(engine.api()).await?;
        Ok(named.iter().all(|selector| shown.has(selector).is_ok()).then_some(()))
    });
    if let Err(error) = missing.await {
        let shown = Scrape::read(engine.api()).await?;
        let missing: Vec<String> = named.iter().filter_map(|selector| shown.has(selector).err()).collect();
        anyhow::bail!("{error:#}: {missing:#?}");
    }
    Scrape::read(engine.api()).await?.has_the_labels_of_the_list();
    Ok(())
}

/// Makes every kind of thing happen that the engine counts.
async fn live_through_a_bad_day(api: &Api, redis: &Redis) -> Result<()> {
    let receiver = Receiver::start(vec![Reply::ok()])?;
    let answer = |path: &str, reply: Reply| receiver.script(path, vec![reply]);
    answer("/down", Reply::new(503, "busy"));
    answer("/late", Reply::Hang);
    answer("/cut", Reply::Reset);
    answer("/check", Reply::new(500, "oops"));
    for (merchant, path, fields) in [
        ("well", "/hook", json!({})),
        ("down", "/down", json!({})),
        ("late", "/late", json!({ "lifetime_s": 3 })),
        ("cut", "/cut", json!({ "lifetime_s": 2 })),
    ] {
        api.create_merchant(merchant).await?;
        api.create_endpoint(merchant, &receiver.url(path), "standard", fields).await?;
    }
    api.create_merchant("asked").await?;
    let asked = json!({ "check_url": receiver.url("/check"), "secret": "test-secret-0" });
    api.create_endpoint("asked", &receiver.url("/hook"), "onpay-1", asked).await?;
    let question = json!({ "merchant": "asked", "pay_for": "1", "amount": 100, "currency": "RUB" });
    api.post("/v1/checks", &question).await?.expect_status(200)?;
    api.post("/v1/payments", &json!({})).await?;

    let mut expired = Vec::new();
    for number in 0..10 {
        for merchant in ["well", "down"] {
            api.pay(merchant, &format!("{merchant}-{number}"), Value::Null).await?;
        }
    }
    for merchant in ["late", "cut"] {
        expired.extend(api.pay(merchant, merchant, Value::Null).await?.deliveries);
    }
    for delivery in expired {
        api.wait_delivery_state(&delivery, "undelivered", PATIENCE).await?;
    }
    fails_and_comes_back(api, &receiver).await?;
    redis.kill9();
    api.pay("well", "without-redis", Value::Null).await?;
    eventually("the queue's failures are counted", PATIENCE, async || {
        Ok(Scrape::read(api).await?.series.contains_key("paybell_queue_errors_total").then_some(()))
    })
    .await?;
    redis.start_again()
}

/// The merchant `down` is found failing, is probed in vain, and answers again.
async fn fails_and_comes_back(api: &Api, receiver: &Receiver) -> Result<()> {
    let counts = async |text: &str| {
        let metrics = api.get("/metrics").await?.body;
        anyhow::Ok(metrics.as_str().context("a scrape is text")?.contains(text).then_some(()))
    };
    eventually("a probe failed", PATIENCE, async || counts("paybell_probes_total{result=\"failed\"}").await).await?;
    receiver.script("/down", vec![Reply::ok()]);
    let back = "paybell_endpoint_health_changes_total{to=\"answering\"}";
    eventually("the endpoint answers again", PATIENCE, async || counts(back).await).await
}

/// What a process shows: the series of each metric, each with its labels.
struct Scrape {
    series: BTreeMap<String, Vec<BTreeMap<String, String>>>,
}

impl Scrape {
    async fn read(api: &Api) -> Result<Scrape> {
        let text = api.get("/metrics").await?.expect_status(200)?;
        let mut series: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for line in text.as_str().context("a scrape is text")?.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, _)) = line.split_once(['{', ' ']) else { continue };
            let labels = selectors(line, &[name]).pop_first().context("a line has a name")?.matchers;
            let labels = labels.into_iter().map(|(label, _, value)| (label, value)).collect();
            series.entry(name.to_owned()).or_default().push(labels);
        }
        Ok(Scrape { series })
    }

    /// Whether a series has the name, its labels, and the values that are asked for by `=` where the day brings them
    /// about for certain.
    fn has(&self, selector: &Selector) -> Result<(), String> {
        let series = self.series.get(&selector.metric).ok_or_else(|| format!("{} is not shown", selector.metric))?;
        for (label, operator, value) in &selector.matchers {
            let label_is_there = series.iter().any(|labels| labels.contains_key(label));
            if !label_is_there && !ADDED.contains(&label.as_str()) {
                return Err(format!("{} has no label {label}", selector.metric));
            }
            let certain = !["outcome", "status"].contains(&label.as_str());
            if operator == "=" && certain && !series.iter().any(|labels| labels.get(label) == Some(value)) {
                return Err(format!("{} has no {label}={value:?}", selector.metric));
            }
        }
        Ok(())
    }

    /// What is shown has exactly the labels that the list of metrics names, so that no merchant is among them.
    fn has_the_labels_of_the_list(&self) {
        for metric in METRICS {
            for labels in self.series.get(metric.name).into_iter().flatten() {
                let labels: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
                assert_eq!(labels, metric.labels.iter().copied().collect(), "{}", metric.name);
            }
        }
    }
}
