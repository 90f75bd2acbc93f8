//! Cutting a plan down to what is needed for its violation.

use crate::plan::{EndpointPlan, Plan, Wrong};
use crate::{Bug, simulate};
use std::time::Duration;

/// The smallest plan found that violates the same invariant: fewer payments, faults and acts of people, merchants that behave,
/// fewer workers and dispatchers with clocks that agree. A plan that violates nothing is answered as it is.
pub fn shrink(plan: Plan, bug: Option<Bug>) -> Plan {
    let Some(violation) = simulate(&plan, bug, false).violation else { return plan };
    let fails = |plan: &Plan| simulate(plan, bug, false).violation.is_some_and(|v| v.invariant == violation.invariant);
    let mut plan = plan;
    loop {
        let before = size(&plan);
        cut(&mut plan, |plan| &mut plan.payments, &fails);
        cut(&mut plan, |plan| &mut plan.faults, &fails);
        cut(&mut plan, |plan| &mut plan.pauses, &fails);
        cut(&mut plan, |plan| &mut plan.bulks, &fails);
        cut_but_one(&mut plan, |plan| &mut plan.workers, &fails);
        cut_but_one(&mut plan, |plan| &mut plan.dispatchers, &fails);
        simplify(&mut plan, &fails);
        if size(&plan) == before {
            return plan;
        }
    }
}

fn size(plan: &Plan) -> usize {
    let outages: usize = plan.merchants.iter().flat_map(|m| &m.endpoints).map(|e| e.outages.len()).sum();
    let people = plan.pauses.len() + plan.bulks.len();
    plan.payments.len() + plan.faults.len() + people + plan.workers.len() + plan.dispatchers.len() + outages
}

/// Leaves out what can be left out: halves first, then quarters, down to single items.
fn cut<T: Clone>(plan: &mut Plan, part: impl Fn(&mut Plan) -> &mut Vec<T>, fails: &impl Fn(&Plan) -> bool) {
    let mut length = part(plan).len().div_ceil(2);
    while length > 0 {
        let mut from = 0;
        while from < part(plan).len() {
            let mut shorter = plan.clone();
            let items = part(&mut shorter);
            let until = (from + length).min(items.len());
            items.drain(from..until);
            if fails(&shorter) { *plan = shorter } else { from += length }
        }
        length /= 2;
    }
}

/// The same, but one must be left.
fn cut_but_one<T: Clone>(plan: &mut Plan, part: impl Fn(&mut Plan) -> &mut Vec<T>, fails: &impl Fn(&Plan) -> bool) {
    cut(plan, part, &|plan: &Plan| !plan.workers.is_empty() && !plan.dispatchers.is_empty() && fails(plan));
}

/// Tries each simplification that takes nothing away.
fn simplify(plan: &mut Plan, fails: &impl Fn(&Plan) -> bool) {
    let mut attempt = |change: &dyn Fn(&mut Plan)| {
        let mut simpler = plan.clone();
        change(&mut simpler);
        if fails(&simpler) {
            *plan = simpler;
        }
    };
    attempt(&|plan| plan.workers.fill(0));
    attempt(&|plan| plan.dispatchers.fill(0));
    attempt(&|plan| plan.payments.iter_mut().for_each(|payment| payment.again = None));
    attempt(&|plan| plan.payments.iter_mut().for_each(|payment| payment.settled_at = None));
    attempt(&|plan| plan.payments.iter_mut().for_each(|payment| payment.resent_at = None));
    attempt(&|plan| plan.lane_max = 1_000);
    for merchant in 0..plan.merchants.len() {
        let mut attempt = |change: &dyn Fn(&mut crate::plan::MerchantPlan)| {
            let mut simpler = plan.clone();
            change(&mut simpler.merchants[merchant]);
            if fails(&simpler) {
                *plan = simpler;
            }
        };
        attempt(&|merchant| merchant.endpoints.truncate(1));
        for minutes in [1, 10, 60] {
            let lifetime = Some(Duration::from_secs(minutes * 60));
            attempt(&|merchant| {
                let longer = |endpoint: &&mut EndpointPlan| endpoint.lifetime.is_none_or(|own| Some(own) > lifetime);
                merchant.endpoints.iter_mut().filter(longer).for_each(|endpoint| endpoint.lifetime = lifetime);
            });
        }
        attempt(&|merchant| merchant.endpoints.iter_mut().for_each(|endpoint| endpoint.outages.clear()));
        attempt(&|merchant| merchant.endpoints.iter_mut().for_each(|endpoint| endpoint.wrong = Wrong::default()));
    }
}
