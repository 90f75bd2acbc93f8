//! `/deliveries`: all of them, the newest first, or those that a filter in the address picks.

use crate::Pages;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, show};
use crate::say::moment;
use crate::texts::Lang;
use crate::visit::Visit;
use askama::Template;
use axum::extract::State as Extract;
use paybell_delivery::{MerchantId, Reason, State, Timestamp};
use paybell_store::manage::{DeliveryFilter, DeliveryRow, PageRequest};

/// How many deliveries stand on a page.
pub(crate) const ON_A_PAGE: u32 = 100;

/// A filter as the address holds it, so that it can be kept as a link: what was typed, and what it means.
pub(crate) struct Filter {
    pub(crate) form: Form,
    pub(crate) means: DeliveryFilter,
    /// Why something that was typed means nothing.
    pub(crate) wrong: Option<String>,
}

impl Filter {
    /// Of an address's query.
    pub(crate) fn read(form: Form) -> Self {
        let mut wrong = None;
        let means = DeliveryFilter {
            merchant_id: read(&form, "merchant", |id| MerchantId::new(id), &mut wrong),
            endpoint_id: read(&form, "endpoint", |id| id.parse().ok(), &mut wrong),
            state: read(&form, "state", |word| word.parse::<State>().ok(), &mut wrong),
            reason: read(&form, "reason", |word| word.parse::<Reason>().ok(), &mut wrong),
            pay_for: form.get("order").map(str::to_owned),
            gateway_payment_id: form.get("payment").map(str::to_owned),
            created_since: read(&form, "since", day_or_moment, &mut wrong),
            created_before: read(&form, "before", day_or_moment, &mut wrong),
        };
        Self { form, means, wrong }
    }

    /// What was typed into a field.
    pub(crate) fn typed(&self, name: &str) -> String {
        self.form.get(name).unwrap_or_default().to_owned()
    }
}

fn read<T>(form: &Form, name: &str, parse: impl Fn(&str) -> Option<T>, wrong: &mut Option<String>) -> Option<T> {
    let typed = form.get(name)?;
    let parsed = parse(typed);
    if parsed.is_none() {
        *wrong = Some(format!("{name}: {typed}"));
    }
    parsed
}

/// `2026-11-21`, `2026-11-21T09:30` (as browsers write it) or RFC 3339; in UTC.
pub(crate) fn day_or_moment(text: &str) -> Option<Timestamp> {
    let tries = [text.to_owned(), format!("{text}T00:00:00Z"), format!("{text}:00Z"), format!("{text}Z")];
    tries.iter().find_map(|text| Timestamp::from_rfc3339(text))
}

/// A delivery in a list.
pub(crate) struct ListedDelivery {
    pub(crate) id: String,
    pub(crate) made: String,
    pub(crate) merchant: String,
    pub(crate) payment: String,
    pub(crate) order: String,
    pub(crate) amount: String,
    pub(crate) state: &'static str,
    pub(crate) state_word: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) attempts: u32,
    pub(crate) next: String,
    pub(crate) left: String,
    pub(crate) owner: String,
    pub(crate) note: String,
}

impl ListedDelivery {
    pub(crate) fn of(l: Lang, row: &DeliveryRow, now: Timestamp) -> Self {
        let delivery = &row.delivery;
        let is_pending = delivery.state == State::Pending;
        let follow_up = row.follow_up.as_ref();
        Self {
            id: delivery.id.to_string(),
            made: moment(delivery.created_at),
            merchant: row.merchant_id.to_string(),
            payment: row.gateway_payment_id.clone(),
            order: row.pay_for.clone().unwrap_or_default(),
            amount: l.money(row.amount),
            state: delivery.state.as_str(),
            state_word: l.state_word(delivery.state),
            reason: delivery.reason.map_or("", |reason| l.reason_words(reason)),
            attempts: delivery.attempts,
            next: l.next_attempt_of(delivery, now),
            left: if is_pending { l.until(delivery.deadline_at, now) } else { String::new() },
            owner: follow_up.and_then(|is| is.owner.clone()).unwrap_or_default(),
            note: follow_up.map(|is| is.note.clone()).unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "deliveries.html")]
struct ListPage {
    page: Frame,
    filter: Filter,
    states: Vec<(&'static str, &'static str)>,
    rows: Vec<ListedDelivery>,
    next: Option<String>,
    newest: Option<String>,
}

/// `GET /deliveries`.
pub(crate) async fn list(Extract(pages): Extract<Pages>, visit: Visit) -> Answer {
    let (l, now) = (visit.l, visit.now);
    let filter = Filter::read(visit.query());
    let page = Frame::of(&visit, l.deliveries_of()).refused(filter.wrong.clone());
    let after = filter.form.get("after").map(str::to_owned);
    let newest =
        after.is_some().then(|| format!("/deliveries?{}", filter.form.query_without(&["after", "done", "refused"])));
    let found = if filter.wrong.is_some() {
        None
    } else {
        let request = PageRequest { limit: ON_A_PAGE, after };
        Some(pages.ledger().deliveries(&filter.means, &request).await.map_err(Failure::from)?)
    };
    let (items, next) = found.map_or((Vec::new(), None), |found| (found.items, found.next));
    show(&ListPage {
        page,
        states: State::ALL.iter().map(|state| (state.as_str(), l.state_word(*state))).collect(),
        rows: items.iter().map(|row| ListedDelivery::of(l, row, now)).collect(),
        next: next.map(|next| next_page("/deliveries", &filter.form, &next)),
        newest,
        filter,
    })
}

/// The address of the page after this one, with the same filter.
pub(crate) fn next_page(path: &str, form: &Form, next: &str) -> String {
    let mut query = form.query_without(&["after", "done", "refused"]);
    if !query.is_empty() {
        query.push('&');
    }
    format!("{path}?{query}after={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_what_was_typed_or_says_what_is_wrong() {
        let filter = Filter::read(Form::parse(b"merchant=shop&state=undelivered&order=7%2F1&since=2026-11-21&x=1"));
        assert_eq!((filter.means.state, filter.wrong.clone()), (Some(State::Undelivered), None));
        assert_eq!(filter.means.pay_for.as_deref(), Some("7/1"));
        assert_eq!(filter.means.created_since, Timestamp::from_rfc3339("2026-11-21T00:00:00Z"));
        assert_eq!(filter.typed("order"), "7/1");
        let wrong = Filter::read(Form::parse(b"state=lost")).wrong;
        assert_eq!(wrong.as_deref(), Some("state: lost"));
        assert_eq!(day_or_moment("2026-11-21T09:30"), Timestamp::from_rfc3339("2026-11-21T09:30:00Z"));
    }
}
