//! What merchants do, and what people do meanwhile.

use crate::behaviour::Behaviour::{self, Alternate, Answer, Drip, Hang, InTurn, Reset, ResetAfterHead, ResetInBody};
use crate::checker::Terms;
use crate::layout::Layout;
use crate::proxy::Fault;
use crate::report::{Report, latency_p99_us};
use crate::room::Room;
use crate::sender::Load;
use crate::stage::Stage;
use anyhow::{Result, ensure};
use serde_json::json;
use std::time::Duration;
use tokio::time::sleep;

const YEAR: &str = "31536000";

pub(super) async fn all_is_down_across_the_deadline(room: Room) -> Result<Report> {
    const COUNT: u64 = 200;
    let mut stage = Stage::bare(room, Layout::production(), Terms::default()).await?;
    stage.merchant("shop", "standard", Behaviour::Ok, json!({ "lifetime_s": 4 })).await?;
    stage.terms.unwilling.push("/shop".to_owned());
    for name in ["worker-1", "worker-2", "dispatcher-1"] {
        stage.cluster.kill(name)?;
    }
    stage.load(Load::of("p", COUNT, 2_000))?;
    stage.loads_end().await?;
    stage.cluster.kill("api-1")?;
    let servers = stage.cluster.servers()?;
    tokio::task::block_in_place(|| {
        servers.postgres.kill9();
        servers.redis.kill9();
    });
    sleep(Duration::from_millis(4_300)).await;
    tokio::task::block_in_place(|| {
        servers.postgres.start_again()?;
        servers.redis.start_again()
    })?;
    for name in ["api-1", "worker-1", "worker-2", "dispatcher-1"] {
        stage.cluster.node(name)?.start_again().await?;
    }
    stage.fired("processes and servers that were down across the deadline", 6);
    stage.faults_over();
    let report = stage.finish().await?;
    ensure!(report.counts.posts == 0, "{} POSTs went out after the deadline", report.counts.posts);
    let expired = report.counts.deliveries.get("undelivered").copied();
    ensure!(expired == Some(usize::try_from(COUNT)?), "all of them expire: {:?}", report.counts.deliveries);
    Ok(report)
}

pub(super) async fn acknowledgement_comes_too_late(room: Room) -> Result<Report> {
    let mut stage = Stage::bare(room, Layout::production(), Terms::default()).await?;
    // The first attempt takes its 2 s; the second begins in time, and would be answered after the deadline.
    let late = InTurn(vec![Hang, Behaviour::Slow(Duration::from_millis(1_500))]);
    stage.merchant("late", "standard", late, json!({ "lifetime_s": 3, "concurrency_max": 100 })).await?;
    stage.terms.unwilling.push("/late".to_owned());
    stage.load(Load::of("p", 60, 500).to(&["late"]))?;
    stage.loads_end().await?;
    stage.until_seen(61).await?;
    // Those that the deadline left no time for have none.
    sleep(Duration::from_secs(1)).await;
    let begun = stage.receiver.requests().saturating_sub(60);
    stage.fired("attempts whose answer would have come too late", begun);
    stage.faults_over();
    let report = stage.finish().await?;
    let expired = report.counts.deliveries.get("undelivered").copied();
    ensure!(expired == Some(60), "each is undelivered: {:?}", report.counts.deliveries);
    Ok(report)
}

pub(super) async fn receivers_break_the_protocol(room: Room) -> Result<Report> {
    break_the_protocol(room, Layout::production()).await
}

pub(super) async fn receivers_break_the_protocol_embedded(room: Room) -> Result<Report> {
    break_the_protocol(room, Layout::embedded()).await
}

async fn break_the_protocol(room: Room, layout: Layout) -> Result<Report> {
    let mut stage = Stage::set(room, layout).await?;
    let ways: [(&str, &'static str, Behaviour); 6] = [
        ("hangs", "standard", Hang),
        ("drips", "ok-body", Drip(Duration::from_millis(250))),
        ("resets", "standard", Reset),
        ("head", "standard", ResetAfterHead),
        ("body", "standard", ResetInBody),
        ("body-ok", "ok-body", ResetInBody),
    ];
    for (name, dialect, behaviour) in ways.clone() {
        let twice = InTurn(vec![behaviour.clone(), behaviour, Behaviour::Ok]);
        stage.merchant(name, dialect, twice, json!({ "concurrency_max": 10 })).await?;
    }
    let names = ways.each_ref().map(|way| way.0);
    stage.load(Load::of("p", 120, 400).to(&names))?;
    stage.loads_end().await?;
    stage.until_seen(240).await?;
    stage.fired("requests answered wrongly", 240);
    stage.faults_over();
    let report = stage.finish().await?;
    for outcome in ["timed_out", "interrupted"] {
        let count = report.counts.attempts.get(outcome).copied().unwrap_or(0);
        ensure!(count >= 40, "{outcome} is what these merchants cause: {:?}", report.counts.attempts);
    }
    ensure!(report.counts.attempts.get("acknowledged") == Some(&120), "{:?}", report.counts.attempts);
    Ok(report)
}

pub(super) async fn receivers_alternate(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    let wrong = vec![
        Answer(200, "<html>ok</html>", None),
        Answer(500, "", None),
        Answer(410, "gone", None),
        Answer(429, "slow down", Some(YEAR)),
    ];
    stage.merchant("never", "ok-body", Alternate(wrong), json!({ "lifetime_s": 5 })).await?;
    stage.terms.unwilling.push("/never".to_owned());
    let in_a_year = InTurn(vec![Answer(429, "slow down", Some(YEAR)), Behaviour::Ok]);
    stage.merchant("year", "standard", in_a_year, json!({ "lifetime_s": 6 })).await?;
    let in_a_second = InTurn(vec![Answer(503, "", Some("1")), Answer(500, "", None), Behaviour::Ok]);
    stage.merchant("second", "ok-body", in_a_second, json!({})).await?;
    stage.load(Load::of("p", 90, 300).to(&["never", "year", "second"]))?;
    stage.loads_end().await?;
    stage.until_seen(150).await?;
    stage.fired("wrong answers", 90);
    stage.faults_over();
    let report = stage.finish().await?;
    ensure!(report.counts.deliveries.get("undelivered") == Some(&30), "{:?}", report.counts.deliveries);
    Ok(report)
}

pub(super) async fn names_do_not_resolve(room: Room) -> Result<Report> {
    // Else it would only be probed after two seconds, as so many attempts fail; here they are to go on.
    let layout = Layout::production().setting("PAYBELL_FAILING_AFTER", "1m");
    let mut stage = Stage::set(room, layout).await?;
    let api = stage.api()?;
    api.create_merchant("lost").await?;
    let extra = json!({ "lifetime_s": 5, "concurrency_max": 50 });
    api.create_endpoint("lost", "http://no-such-shop.invalid/lost", "standard", extra).await?;
    stage.terms.unwilling.push("/lost".to_owned());
    stage.load(Load::of("p", 300, 200).to(&["lost", "shop"]))?;
    stage.loads_end().await?;
    let until = crate::evidence::now_us();
    sleep(Duration::from_millis(500)).await;
    let beside = latency_p99_us(&stage.room.folder, "shop", 0, until)?;
    stage.fired("payments of a merchant whose name does not resolve", 150);
    stage.faults_over();
    let report = stage.finish().await?;
    let tried = report.counts.attempts.get("unreachable").copied().unwrap_or(0)
        + report.counts.attempts.get("timed_out").copied().unwrap_or(0);
    ensure!(tried >= 200, "they are tried again: {:?}", report.counts.attempts);
    ensure!(beside < 1_500_000, "others are unaffected: their p99 is {beside} µs");
    Ok(report)
}

pub(super) async fn people_act_under_faults(room: Room) -> Result<Report> {
    let mut stage = Stage::set(room, Layout::production()).await?;
    let endpoint = stage.merchant("sick", "standard", Answer(500, "", None), json!({})).await?;
    stage.load(Load::of("p", 60, 500).to(&["sick", "shop"]))?;
    stage.loads_end().await?;
    let api = stage.api()?;
    let pending = api.get("/v1/deliveries?state=pending&merchant=sick&limit=100").await?.expect_status(200)?;
    let done = api.get("/v1/deliveries?state=delivered&merchant=shop&limit=20").await?.expect_status(200)?;
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().into_iter().flatten();
        items.filter_map(|item| item["id"].as_str().map(str::to_owned)).collect()
    };
    let to_postgres = &stage.cluster.servers()?.to_postgres;
    to_postgres.set(Fault::ResetAfterReply(2_500));
    for (id, number) in ids(&pending).iter().zip(0..15) {
        let who = json!({ "who": "Ada", "note": format!("seen {number}") });
        stage.act(&format!("/v1/deliveries/{id}/settle"), &who, "delivery.settle", id).await?;
    }
    for id in ids(&done) {
        stage.act(&format!("/v1/deliveries/{id}/resend"), &json!({}), "delivery.resend", &id).await?;
    }
    for _ in 0..4 {
        for act in ["pause", "resume"] {
            let path = format!("/v1/endpoints/{endpoint}/{act}");
            stage.act(&path, &json!({}), &format!("endpoint.{act}"), &endpoint).await?;
        }
    }
    to_postgres.set(Fault::None);
    let affected = to_postgres.affected();
    stage.act(&format!("/v1/endpoints/{endpoint}/resume"), &json!({}), "endpoint.resume", &endpoint).await?;
    stage.receiver.behave("/sick", Behaviour::Ok);
    stage.fired("connections reset within an answer", affected);
    stage.faults_over();
    stage.finish().await
}
