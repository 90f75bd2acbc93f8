//! Slow but working: one endpoint gets 20 times what it can take. What waits for it must cost nobody anything.

use crate::account::Reading;
use crate::bench::Bench;
use crate::create_merchants::Merchants;
use crate::database::Database;
use crate::figures::ratio;
use crate::ledger::Group;
use crate::report::Target;
use crate::send_payments::{Pace, Stream};
use crate::sink::Manner;
use crate::stack::Stack;
use crate::to_alone::ToAlone;
use anyhow::Result;

/// How long the slow endpoint takes to answer.
const ANSWER_MS: u64 = 2000;

/// How many times its capacity it gets.
const OVERLOAD: f64 = 20.0;

/// How the slow endpoint is overloaded.
pub(crate) struct Load {
    /// Attempts that the slow endpoint takes at once.
    pub(crate) cap: u64,
    pub(crate) seconds: u64,
}

/// Runs the healthy stream beside the overloaded endpoint and compares it with the same stream alone, before and after.
pub(crate) async fn run(bench: &mut Bench, stack: &Stack, healthy: &Stream, load: &Load) -> Result<()> {
    let alone = bench.run("healthy alone, before", stack, healthy).await?;
    let slow = bench.merchants("slow", Manner::After(ANSWER_MS));
    let slow = Merchants { count: 1, cap: load.cap, ..slow }.create(stack).await?;
    let capacity = load.cap as f64 * 1e3 / ANSWER_MS as f64;
    let slow = bench.stream(Group::Troubled, &slow, Pace::Fixed { rate: capacity * OVERLOAD });
    let database = Database::connect(stack.postgres_url()?).await?;

    let intake = stack.intake()?;
    let traffic = [bench.send(&intake, healthy), bench.send(&intake, &slow)];
    bench.warm_up("beside a slow endpoint").await;
    // In the first half the queue of the slow endpoint grows; its second half is what is measured.
    let half = (load.seconds / 2).max(1);
    bench.measure("a queue grows", stack, half, &[&traffic[0], &traffic[1]]).await;
    let (before, first) = (database.counters().await?, Reading::take(stack, &bench.ledger).await);
    let waiting_before = waiting(bench);
    let beside = bench.measure("a queue is long", stack, half, &[&traffic[0], &traffic[1]]).await;
    let (after, last) = (database.counters().await?, Reading::take(stack, &bench.ledger).await);
    let waiting = (waiting_before + waiting(bench)) / 2.0;
    for traffic in traffic {
        traffic.stop().await?;
    }
    bench.run("healthy alone, after", stack, healthy).await?;

    let spent = first.until(&last, Group::Healthy);
    // Each delivery that was recorded cost two updates: its claim and its record.
    let excess = (after.updates - before.updates) as f64 - 2.0 * spent.deliveries_per_s * spent.seconds;
    let writes = ratio(excess.max(0.0) / spent.seconds, waiting);
    let p99 = ToAlone::of(&bench.report, "a queue is long", "healthy alone");
    let report = &mut bench.report;
    report.note("slow_endpoint_gets", capacity * OVERLOAD, "/s");
    report.note("deliveries_waiting", waiting, "");
    let throughput = ratio(beside.spent.received_per_s, alone.spent.received_per_s);
    report.judge("others_throughput_to_alone", throughput, "", Target::AtLeast(0.95));
    report.judge("others_p99_to_alone", p99.undisturbed, "", Target::AtMost(1.2));
    report.note("others_p99_to_alone_with_all_time", p99.with_all_time, "");
    report.judge("writes_per_waiting_delivery", writes, "/s", Target::AtMost(0.005));
    Ok(())
}

/// How many payments for the slow endpoint were accepted and have not been sent to it.
fn waiting(bench: &Bench) -> f64 {
    bench.ledger.of(Group::Troubled).missing() as f64
}
