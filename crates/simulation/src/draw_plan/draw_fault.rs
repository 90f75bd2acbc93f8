//! Drawing what goes wrong.

use super::{HOUR, MINUTE, SECOND, draw_length, draw_moment, draw_span};
use crate::dice::Dice;
use crate::plan::{Fault, MerchantPlan, PaymentPlan, Span, Step, Target};
use paybell_delivery::LIFETIME_MAX;
use std::time::Duration;

pub(super) fn draw_fault(dice: &mut Dice, payments: &[PaymentPlan], merchants: &[MerchantPlan]) -> Fault {
    let payment = payments[dice.below(payments.len() as u64) as usize];
    match dice.below(22) {
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
        14 => Fault::ClockSteps(draw_moment(dice), draw_step_of_clock(dice)),
        15 => Fault::WorkerPanics(payment.id, 1 + dice.below(3) as u32, 1 + dice.below(4) as u32),
        16 => Fault::WorkerStopsWithJob(payment.id, dice.between(SECOND, MINUTE * 3)),
        17 => Fault::SettledAmid(draw_target(dice, payment.id)),
        18 => Fault::PausedAmid(draw_target(dice, payment.id), draw_length(dice)),
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

/// By seconds, by minutes or by an hour, forward or backward, in microseconds.
fn draw_step_of_clock(dice: &mut Dice) -> i64 {
    let most = [SECOND * 4, MINUTE * 5, HOUR][dice.below(3) as usize];
    let by = dice.between(Duration::from_millis(100), most).as_micros() as i64;
    if dice.chance(50) { by } else { -by }
}

fn draw_target(dice: &mut Dice, payment: u32) -> Target {
    let attempt = if dice.chance(15) { None } else { Some(1 + dice.below(3) as u32 * dice.below(3) as u32) };
    Target { payment, attempt, step: draw_step(dice) }
}

fn draw_step(dice: &mut Dice) -> Step {
    [Step::Before, Step::Amid, Step::After][dice.below(3) as usize]
}
