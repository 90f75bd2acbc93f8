//! Drawing the plan of a world from its seed.

mod draw_fault;

use crate::dice::Dice;
use crate::plan::{BulkPlan, EndpointPlan, MerchantPlan, PausePlan, PaymentPlan, Plan, Span, Wrong};
use draw_fault::draw_fault;
use paybell_delivery::{LIFETIME_MAX, Timestamp};
use std::time::Duration;

/// When worlds begin.
pub(crate) const BEGIN: Timestamp = Timestamp(1_795_253_400_000_000);
/// Over how long the payments of a world come in.
const PAYMENTS_FOR: Duration = HOUR.saturating_mul(6);
/// How far a clock may be off: two of them, and a little more, fit into the time that a claim keeps for its record.
pub(crate) const SKEW_MAX: Duration = Duration::from_secs(2);
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Draws a plan for about so many lives.
pub fn draw_plan(seed: u64, lives: u32) -> Plan {
    let mut dice = Dice(seed).of(&[0]);
    let merchants: Vec<MerchantPlan> = (0..1 + dice.below(4)).map(|_| draw_merchant(&mut dice)).collect();
    // Payments that come all at once meet the endpoints' caps.
    let burst = dice.chance(40).then(|| draw_span(&mut dice).from);
    let mut payments = Vec::new();
    let mut left = lives;
    while left > 0 {
        let payment = draw_payment(&mut dice, payments.len() as u32, merchants.len() as u64, burst);
        left = left.saturating_sub(merchants[payment.merchant as usize].endpoints.len() as u32);
        payments.push(payment);
    }
    let faults = (0..dice.below(14)).map(|_| draw_fault(&mut dice, &payments, &merchants)).collect();
    let pauses = (0..dice.below(3)).map(|_| draw_pause(&mut dice, &merchants)).collect();
    let bulks = (0..dice.below(3)).map(|_| draw_bulk(&mut dice, merchants.len() as u64)).collect();
    let workers = (0..1 + dice.below(4)).map(|_| draw_skew(&mut dice)).collect();
    let dispatchers = (0..1 + dice.below(2)).map(|_| draw_skew(&mut dice)).collect();
    let lane_max = if dice.chance(70) { 1_000 } else { 1 + dice.below(4) as usize };
    Plan { seed, merchants, payments, faults, pauses, bulks, workers, dispatchers, lane_max }
}

fn draw_skew(dice: &mut Dice) -> i64 {
    // A reading of the database's clock may be wrong by some hundredths of a second, too.
    if dice.chance(50) {
        0
    } else {
        dice.between(Duration::ZERO, Duration::from_millis(3_800)).as_micros() as i64 - 1_900_000
    }
}

/// A moment of a payment's life, often while much happens: at its beginning or around its end.
fn draw_moment(dice: &mut Dice) -> Timestamp {
    match dice.below(10) {
        0..=5 => BEGIN + dice.between(Duration::ZERO, PAYMENTS_FOR),
        6..=7 => BEGIN + dice.between(Duration::ZERO, LIFETIME_MAX + PAYMENTS_FOR),
        _ => BEGIN + LIFETIME_MAX + dice.between(Duration::ZERO, PAYMENTS_FOR),
    }
}

/// From seconds to hours, all magnitudes alike.
fn draw_length(dice: &mut Dice) -> Duration {
    match dice.below(4) {
        0 => dice.between(SECOND, MINUTE),
        1 => dice.between(MINUTE, HOUR / 6),
        2 => dice.between(HOUR / 6, HOUR * 3),
        _ => dice.between(HOUR * 3, HOUR * 20),
    }
}

fn draw_span(dice: &mut Dice) -> Span {
    let from = draw_moment(dice);
    Span { from, until: from + draw_length(dice) }
}

fn draw_merchant(dice: &mut Dice) -> MerchantPlan {
    MerchantPlan { endpoints: (0..1 + dice.below(4) / 3).map(|_| draw_endpoint(dice)).collect() }
}

fn draw_endpoint(dice: &mut Dice) -> EndpointPlan {
    let lifetime = dice.chance(30).then(|| draw_length(dice).max(MINUTE));
    let time_limit = if dice.chance(70) { SECOND * 15 } else { dice.between(SECOND, SECOND * 50) };
    let all = Span { from: BEGIN, until: BEGIN + LIFETIME_MAX * 2 };
    let outages = match dice.below(20) {
        0 => vec![all],
        1..=7 => (0..1 + dice.below(3)).map(|_| draw_span(dice)).collect(),
        _ => Vec::new(),
    };
    let concurrency_max = if dice.chance(80) { 1 + dice.below(3) as usize } else { 8 };
    EndpointPlan { lifetime, time_limit, concurrency_max, outages, wrong: draw_wrong(dice) }
}

fn draw_wrong(dice: &mut Dice) -> Wrong {
    let mut often = |sometimes: u64, most: u64| if dice.chance(sometimes) { dice.below(most) } else { 0 };
    Wrong {
        slow: often(30, 30),
        body: often(20, 40),
        status: often(40, 60),
        retry_after: often(20, 30),
        lost: often(30, 40),
        refused: often(15, 5),
    }
}

fn draw_payment(dice: &mut Dice, id: u32, merchants: u64, burst: Option<Timestamp>) -> PaymentPlan {
    let at = match burst.filter(|_| dice.chance(60)) {
        Some(burst) => burst + dice.between(Duration::ZERO, SECOND * 5),
        None => BEGIN + dice.between(Duration::ZERO, PAYMENTS_FOR),
    };
    let again = dice.chance(8).then(|| (at + draw_length(dice), dice.chance(70)));
    let settled_at = dice.chance(3).then(|| at + draw_length(dice));
    let resent_at = dice.chance(8).then(|| at + draw_length(dice) * (1 + dice.below(4) as u32));
    PaymentPlan { id, merchant: dice.below(merchants) as u32, at, again, settled_at, resent_at }
}

fn draw_bulk(dice: &mut Dice, merchants: u64) -> BulkPlan {
    let later = dice.between(Duration::ZERO, LIFETIME_MAX + HOUR * 24);
    BulkPlan { merchant: dice.below(merchants) as u32, at: draw_moment(dice) + later }
}

fn draw_pause(dice: &mut Dice, merchants: &[MerchantPlan]) -> PausePlan {
    let merchant = dice.below(merchants.len() as u64) as u32;
    let endpoint = dice.below(merchants[merchant as usize].endpoints.len() as u64) as u32;
    PausePlan { merchant, endpoint, span: draw_span(dice) }
}
