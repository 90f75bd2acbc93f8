//! Backlogs: what waited while a merchant was away reaches it once it is back.

use paybell_delivery::Timestamp;
use paybell_simulation::plan::{EndpointPlan, MerchantPlan, PaymentPlan, Plan, Span, Wrong};
use paybell_simulation::{Bug, Outcome, simulate};
use std::time::Duration;

/// When worlds begin.
const BEGIN: Timestamp = Timestamp(1_795_253_400_000_000);

/// One merchant, who is away for a while in which payments come in, and answers within 200 ms on average.
struct Backlog {
    a_second: u64,
    seconds: u64,
    lifetime: Option<u64>,
    away: (u64, u64),
    concurrency_max: usize,
}

impl Backlog {
    fn plan(&self) -> Plan {
        let at = |seconds| BEGIN + Duration::from_secs(seconds);
        let payment = |n: u64| PaymentPlan {
            id: n as u32,
            merchant: 0,
            at: BEGIN + Duration::from_secs(1) * n as u32 / self.a_second as u32,
            again: None,
            settled_at: None,
            resent_at: None,
        };
        let endpoint = EndpointPlan {
            lifetime: self.lifetime.map(Duration::from_secs),
            time_limit: Duration::from_secs(15),
            concurrency_max: self.concurrency_max,
            outages: vec![Span { from: at(self.away.0), until: at(self.away.1) }],
            wrong: Wrong::default(),
        };
        Plan {
            seed: 7,
            merchants: vec![MerchantPlan { endpoints: vec![endpoint] }],
            payments: (0..self.a_second * self.seconds).map(payment).collect(),
            faults: Vec::new(),
            pauses: Vec::new(),
            bulks: Vec::new(),
            workers: vec![0, 0],
            dispatchers: vec![0],
            lane_max: 1_000,
        }
    }

    fn live(&self) -> Outcome {
        self.live_with(None)
    }

    fn live_with(&self, bug: Option<Bug>) -> Outcome {
        let outcome = simulate(&self.plan(), bug, true);
        assert!(outcome.tally.marked > 0, "the endpoint must have failed: {:?}", outcome.tally);
        outcome
    }
}

/// When something was told, in milliseconds since the world's beginning.
fn told(outcome: &Outcome, what: &str) -> Vec<u64> {
    let lines = outcome.story.iter().filter(|line| line.contains(what));
    let moment = |line: &String| line["t=+".len()..].split('s').next()?.replace('.', "").parse().ok();
    lines.filter_map(moment).collect()
}

/// How often something was told between two seconds.
fn count(outcome: &Outcome, what: &str, from: u64, until: u64) -> usize {
    told(outcome, what).iter().filter(|at| (from * 1_000..until * 1_000).contains(at)).count()
}

#[test]
fn backlog_of_an_outage_is_delivered_once_the_merchant_is_back() {
    let outcome = Backlog { a_second: 5, seconds: 60, lifetime: None, away: (5, 70), concurrency_max: 8 }.live();
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    assert_eq!(count(&outcome, "answers again", 70, 70 + 30), 1, "it is let back in within seconds");
    assert_eq!(count(&outcome, "it is delivered", 0, 10_000), 300);
    assert_eq!(count(&outcome, "as expired", 0, 1_000_000), 0);
}

#[test]
fn merchant_that_was_away_for_longer_than_a_life_is_let_back_in() {
    let away = |bug| {
        Backlog { a_second: 20, seconds: 300, lifetime: Some(60), away: (20, 150), concurrency_max: 50 }.live_with(bug)
    };
    let outcome = away(None);
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    assert!(count(&outcome, "answers again", 150, 150 + 30) > 0);
    assert!(count(&outcome, "it is delivered", 180, 300) > 20 * 100);
    let shut_out = away(Some(Bug::ProbedTooLate));
    assert_eq!(shut_out.violation.expect("it is noticed").invariant, "I16");
}

#[test]
fn long_backlog_is_released_at_a_rate_that_doubles_each_second_and_is_delivered_within_a_minute() {
    let outcome = Backlog { a_second: 50, seconds: 60, lifetime: None, away: (5, 70), concurrency_max: 64 }.live();
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    let [back] = told(&outcome, "answers again")[..] else { panic!("it is let back in once") };
    assert!((70_000..80_000).contains(&back), "{back}");
    let released = told(&outcome, " releases delivery");
    let between = |from, until| released.iter().filter(|at| (from..until).contains(*at)).count();
    for at in released.iter().filter(|at| **at < back + 10_000) {
        // The moments are cut to milliseconds.
        let (portion, limit) = (between(at - 98, at + 1), 1 << ((at - back) / 1_000));
        assert!(portion <= limit, "{portion} within 100 ms, {} ms after it was back", at - back);
    }
    // A dispatcher may rest for the first second.
    for second in 1..6 {
        let from = back + second * 1_000;
        assert!(between(from, from + 1_000) >= 5 << second, "{} in second {second}", between(from, from + 1_000));
    }
    assert_eq!(count(&outcome, "it is delivered", 0, back / 1_000 + 60), 3_000);
}
