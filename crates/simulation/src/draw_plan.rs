//! Drawing the plan of a world from its seed.

use crate::dice::Dice;
use crate::plan::{EndpointPlan, Fault, MerchantPlan, PausePlan, PaymentPlan, Plan, Span, Step, Target, Wrong};
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
    let mut payments = Vec::new();
    let mut left = lives;
    while left > 0 {
        let payment = draw_payment(&mut dice, payments.len() as u32, merchants.len() as u64);
        left = left.saturating_sub(merchants[payment.merchant as usize].endpoints.len() as u32);
        payments.push(payment);
    }
    let faults = (0..dice.below(12)).map(|_| draw_fault(&mut dice, &payments, &merchants)).collect();
    let pauses = (0..dice.below(3)).map(|_| draw_pause(&mut dice, &merchants)).collect();
    let workers = (0..1 + dice.below(4)).map(|_| draw_skew(&mut dice)).collect();
    let dispatchers = (0..1 + dice.below(2)).map(|_| draw_skew(&mut dice)).collect();
    Plan { seed, merchants, payments, faults, pauses, workers, dispatchers }
}

fn draw_skew(dice: &mut Dice) -> i64 {
    if dice.chance(50) { 0 } else { dice.between(Duration::ZERO, SKEW_MAX * 2).as_micros() as i64 - 2_000_000 }
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
    EndpointPlan { lifetime, time_limit, outages, wrong: draw_wrong(dice) }
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

fn draw_payment(dice: &mut Dice, id: u32, merchants: u64) -> PaymentPlan {
    let at = BEGIN + dice.between(Duration::ZERO, PAYMENTS_FOR);
    let again = dice.chance(8).then(|| (at + draw_length(dice), dice.chance(70)));
    let settled_at = dice.chance(3).then(|| at + draw_length(dice));
    PaymentPlan { id, merchant: dice.below(merchants) as u32, at, again, settled_at }
}

fn draw_pause(dice: &mut Dice, merchants: &[MerchantPlan]) -> PausePlan {
    let merchant = dice.below(merchants.len() as u64) as u32;
    let endpoint = dice.below(merchants[merchant as usize].endpoints.len() as u64) as u32;
    PausePlan { merchant, endpoint, span: draw_span(dice) }
}

fn draw_fault(dice: &mut Dice, payments: &[PaymentPlan], merchants: &[MerchantPlan]) -> Fault {
    let payment = payments[dice.below(payments.len() as u64) as usize];
    match dice.below(16) {
        0 => Fault::QueueLoses(draw_span(dice), 20 + dice.below(81)),
        1 => Fault::QueueRepeats(draw_span(dice), 20 + dice.below(81), draw_length(dice)),
        2 => Fault::QueueDelays(draw_span(dice), dice.between(SECOND, MINUTE * 5)),
        3 => Fault::QueueFlushed(draw_moment(dice)),
        4 => Fault::DatabaseDown(draw_span(dice)),
        5 => Fault::DispatchersDown(draw_span(dice)),
        6 => Fault::WorkersDown(draw_span(dice)),
        7 => Fault::DispatcherDies(draw_moment(dice)),
        8 => Fault::IntakeDies(payment.id, draw_step(dice)),
        9 | 10 => Fault::WorkerDies(draw_target(dice, payment.id), dice.between(SECOND, MINUTE * 2)),
        11 | 12 => Fault::WorkerStops(draw_target(dice, payment.id), dice.between(SECOND, MINUTE * 4)),
        13 => Fault::ReplyLost(draw_target(dice, payment.id)),
        _ => draw_fault_at_deadline(dice, payment, &merchants[payment.merchant as usize]),
    }
}

/// Something that goes wrong just while a delivery comes to its end.
fn draw_fault_at_deadline(dice: &mut Dice, payment: PaymentPlan, merchant: &MerchantPlan) -> Fault {
    let endpoint = &merchant.endpoints[dice.below(merchant.endpoints.len() as u64) as usize];
    let deadline = payment.at + endpoint.lifetime.unwrap_or(LIFETIME_MAX);
    let span = Span { from: deadline.before(MINUTE), until: deadline + dice.between(Duration::ZERO, MINUTE) };
    let target = Target { payment: payment.id, attempt: None, step: draw_step(dice) };
    match dice.below(5) {
        0 => Fault::QueueDelays(span, dice.between(SECOND, MINUTE)),
        1 => Fault::DispatchersDown(Span { from: deadline.before(dice.between(Duration::ZERO, SECOND * 10)), ..span }),
        2 => Fault::WorkerStops(target, dice.between(SECOND, MINUTE * 2)),
        3 => Fault::WorkerDies(target, dice.between(SECOND, MINUTE)),
        _ => Fault::QueueRepeats(span, 100, MINUTE),
    }
}

fn draw_target(dice: &mut Dice, payment: u32) -> Target {
    let attempt = if dice.chance(15) { None } else { Some(1 + dice.below(3) as u32 * dice.below(3) as u32) };
    Target { payment, attempt, step: draw_step(dice) }
}

fn draw_step(dice: &mut Dice) -> Step {
    [Step::Before, Step::Amid, Step::After][dice.below(3) as usize]
}
