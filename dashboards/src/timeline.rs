//! The life of a delivery, from acceptance to its end, as a list of moments. Operators and merchants see the same.

use crate::form::Form;
use crate::say::moment;
use crate::texts::Lang;
use askama::Template;
use paybell_delivery::{Attempt, Delivery, Outcome, State, Timestamp};
use paybell_store::manage::DeliveryView;

/// How much of an answer's body stands open, in characters; the rest is shown on demand.
const OPEN_MAX: usize = 400;
/// The newest attempts' answers are all on the page, of those before them only the one that was asked for.
const WHOLE_NEWEST: usize = 5;

/// The list.
#[derive(Template)]
#[template(path = "timeline.html")]
pub(crate) struct Timeline {
    l: Lang,
    moments: Vec<Moment>,
}

struct Moment {
    /// How it is drawn: `good`, `bad`, `wait` or nothing.
    mark: &'static str,
    title: String,
    at: String,
    /// What happened, in words.
    words: String,
    /// The rule that decided.
    detail: String,
    answer: Option<Answer>,
}

struct Answer {
    /// Of which attempt.
    number: u32,
    status: String,
    /// The header lines, or the beginning of them.
    head: String,
    /// The body's beginning.
    open: String,
    rest: Rest,
    bytes: usize,
    /// Whether it was asked for.
    asked: bool,
}

/// What there is beyond the beginning.
enum Rest {
    Nothing,
    /// All of the body stands on the page.
    Whole(String),
    /// It stands on the page when it is asked for.
    Elsewhere,
}

impl Timeline {
    /// Of a delivery as it stands at `now`. `whole` in the address's query asks for all that an attempt was answered.
    pub(crate) fn of(l: Lang, view: &DeliveryView, query: &Form, now: Timestamp) -> Self {
        let delivery = &view.delivery;
        let mut moments = vec![plain("", l.life_accepted(), moment(delivery.created_at), String::new())];
        if view.attempts.first().is_some_and(|first| first.number > 1) {
            moments.push(plain("", l.attempts_let_go(), String::new(), String::new()));
        }
        let asked = query.get("whole").and_then(|number| number.parse().ok());
        let older = view.attempts.len().saturating_sub(WHOLE_NEWEST);
        let attempts = view.attempts.iter().enumerate();
        moments.extend(attempts.map(|(place, attempt)| attempted(l, attempt, asked, place >= older)));
        if let Some((number, since)) = view.in_flight {
            let title = format!("{} {number}: {}", l.life_attempt(), l.life_in_flight());
            moments.push(Moment { title, ..plain("wait", "", moment(since), l.until(since, now)) });
        }
        moments.extend(what_comes(l, delivery, view.in_flight.is_some(), now));
        Self { l, moments }
    }
}

fn plain(mark: &'static str, title: &str, at: String, words: String) -> Moment {
    Moment { mark, title: title.to_owned(), at, words, detail: String::new(), answer: None }
}

fn attempted(l: Lang, attempt: &Attempt, asked: Option<u32>, is_new: bool) -> Moment {
    let mark = if attempt.outcome == Outcome::Acknowledged { "good" } else { "bad" };
    let took = attempt.duration.map(|time| format!("{} {}", l.took(), l.duration(time)));
    let words = [Some(l.outcome_words(attempt.outcome).to_owned()), took];
    Moment {
        mark,
        title: format!("{} {}", l.life_attempt(), attempt.number),
        at: moment(attempt.started_at),
        words: words.into_iter().flatten().collect::<Vec<_>>().join(", "),
        detail: attempt.detail.clone(),
        answer: attempt.status.map(|status| answered(status, attempt, asked == Some(attempt.number), is_new)),
    }
}

fn answered(status: u16, attempt: &Attempt, asked: bool, is_new: bool) -> Answer {
    let bytes = attempt.response_body.as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(bytes);
    let head = attempt.response_head.as_deref().unwrap_or_default();
    let begins = |text: &str| text.chars().take(OPEN_MAX).collect::<String>();
    let (open, short_head) = (begins(&body), begins(head));
    let whole = asked || is_new;
    let rest = match whole {
        true if open.len() < body.len() => Rest::Whole(body.into_owned()),
        false if open.len() < body.len() || short_head.len() < head.len() => Rest::Elsewhere,
        _ => Rest::Nothing,
    };
    let head = if whole { head.to_owned() } else { short_head };
    Answer { number: attempt.number, status: status.to_string(), head, open, rest, bytes: bytes.len(), asked }
}

/// What is still to come, or how it ended.
fn what_comes(l: Lang, delivery: &Delivery, in_flight: bool, now: Timestamp) -> Vec<Moment> {
    let ended = || delivery.finished_at.map(moment).unwrap_or_default();
    let reason = delivery.reason.map(|reason| l.reason_words(reason).to_owned()).unwrap_or_default();
    match delivery.state {
        State::Pending => {
            let is_parked = delivery.due_at >= delivery.deadline_at;
            let title = if is_parked { l.life_parked() } else { l.life_next() };
            let next = l.next_attempt_of(delivery, now);
            let at = if is_parked { String::new() } else { moment(delivery.due_at) };
            let left = format!("{} {}", l.time_left(), l.duration(delivery.deadline_at.since(now)));
            let next = (!in_flight).then(|| plain("wait", title, at, if is_parked { String::new() } else { next }));
            let deadline = plain("", l.life_deadline(), moment(delivery.deadline_at), left);
            next.into_iter().chain([deadline]).collect()
        }
        State::Delivered => vec![plain("good", l.life_delivered(), ended(), String::new())],
        State::Undelivered => vec![plain("bad", l.life_undelivered(), ended(), reason)],
        State::Settled => {
            let title = format!("{} {}", l.life_settled(), delivery.settled_by.as_deref().unwrap_or_default());
            let note = delivery.settled_note.clone().unwrap_or_default();
            vec![Moment { title, detail: note, ..plain("good", "", ended(), reason) }]
        }
    }
}
