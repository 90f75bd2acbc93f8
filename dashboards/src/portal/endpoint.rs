//! `/portal/endpoints/{id}`: how an address does and what it answered last; what the merchant may change and try there.

use super::endpoints::health;
use super::visit::PortalVisit;
use crate::failure::{Answer, Failure};
use crate::form::Form;
use crate::page::{Frame, show};
use crate::percentile::as_float;
use crate::say::moment;
use crate::texts::Lang;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::{Path, State as Extract};
use axum::http::Method;
use paybell_delivery::{Endpoint, Outcome, State};
use paybell_dialects::Dialect;
use paybell_store::manage::{Activity, PageRequest, PaymentFilter, PortalRights};
use std::collections::BTreeSet;

/// How many of its last deliveries are looked at.
const LOOKED_AT: u32 = 100;
/// How many of its last answers are shown.
const SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "portal_endpoint.html")]
struct EndpointPage {
    page: Frame,
    id: String,
    mark: &'static str,
    health: String,
    success: String,
    success_of: String,
    facts: Vec<(&'static str, String)>,
    answers: Vec<LastAnswer>,
    rights: PortalRights,
    edit: EditForm,
    verifications: [(&'static str, &'static str); 4],
    kinds: Vec<String>,
    public_key: Option<String>,
}

struct LastAnswer {
    id: String,
    order: String,
    at: String,
    mark: &'static str,
    words: &'static str,
    detail: String,
}

/// What the merchant may change, as it stands or as it was typed.
pub(crate) struct EditForm {
    pub(crate) url: String,
    /// Nothing where the dialect asks nothing before a payment.
    pub(crate) check_url: Option<String>,
    pub(crate) ignore_whitespace: bool,
    pub(crate) ignore_case: bool,
    /// `off`, `warn`, `strict`, or empty for the dialect's own rule.
    pub(crate) reply_signature: String,
}

impl EditForm {
    /// As it stands.
    pub(crate) fn of(endpoint: &Endpoint, dialect: Option<&Dialect>) -> Self {
        let options = endpoint.options;
        let word = options.reply_signature.and_then(|rule| serde_json::to_value(rule).ok());
        let asks = dialect.is_some_and(Dialect::has_check);
        Self {
            url: endpoint.url.clone(),
            check_url: asks.then(|| endpoint.check_url.clone().unwrap_or_default()),
            ignore_whitespace: options.ignore_whitespace,
            ignore_case: options.ignore_case,
            reply_signature: word.and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default(),
        }
    }

    /// As it was typed.
    pub(crate) fn typed(form: &Form, dialect: Option<&Dialect>) -> Self {
        let text = |name| form.get(name).unwrap_or_default().to_owned();
        Self {
            url: text("url"),
            check_url: dialect.is_some_and(Dialect::has_check).then(|| text("check_url")),
            ignore_whitespace: form.is_ticked("ignore_whitespace"),
            ignore_case: form.is_ticked("ignore_case"),
            reply_signature: text("reply_signature"),
        }
    }
}

/// `GET /portal/endpoints/{id}`.
pub(crate) async fn endpoint(Extract(pages): Extract<Pages>, visit: PortalVisit, Path(id): Path<String>) -> Answer {
    let endpoint = pages.own_endpoint(&visit, &id).await?;
    let dialect = pages.dialect_named(&endpoint.dialect).await?;
    let edit = EditForm::of(&endpoint, dialect.as_ref());
    show_endpoint(&pages, &visit, &endpoint, edit, None).await
}

/// The page of an endpoint, with what was typed and why it was refused.
pub(crate) async fn show_endpoint(
    pages: &Served,
    visit: &PortalVisit,
    endpoint: &Endpoint,
    edit: EditForm,
    refused: Option<String>,
) -> Answer {
    let (l, id) = (visit.l, endpoint.id);
    let activity = pages.ledger().endpoint_activity(id, LOOKED_AT).await?;
    let (success, success_of) = success(l, &activity);
    let (mark, health) = health(l, endpoint, visit.now);
    show(&EndpointPage {
        id: id.to_string(),
        mark,
        health,
        success,
        success_of,
        facts: facts(l, endpoint),
        answers: activity.iter().filter_map(|each| answer(l, each)).take(SHOWN).collect(),
        rights: visit.rights,
        edit,
        verifications: [
            ("", l.portal_reply_dialect()),
            ("off", l.portal_reply_off()),
            ("warn", l.portal_reply_warn()),
            ("strict", l.portal_reply_strict()),
        ],
        kinds: pages.kinds_of(visit).await?,
        public_key: pages.public_key_of(visit, endpoint).await?,
        page: visit.frame(pages, &endpoint.url).refused(refused.or(visit.query().get("refused").map(str::to_owned))),
    })
}

/// How many of the last deliveries that came to an end were acknowledged.
fn success(l: Lang, activity: &[Activity]) -> (String, String) {
    let ended = |state: State| activity.iter().filter(|each| each.row.delivery.state == state).count();
    let delivered = ended(State::Delivered);
    let all = delivered + ended(State::Undelivered) + ended(State::Settled);
    if all == 0 {
        return ("–".to_owned(), l.portal_success_of().to_owned());
    }
    let share = 100.0 * as_float(delivered as u64) / as_float(all as u64);
    (format!("{}\u{a0}%", l.decimals(share, 0)), format!("{} ({delivered} / {all})", l.portal_success_of()))
}

fn facts(l: Lang, endpoint: &Endpoint) -> Vec<(&'static str, String)> {
    let mut facts = vec![(l.dialect(), endpoint.dialect.clone())];
    facts.extend(endpoint.check_url.clone().map(|url| (l.check_url(), url)));
    facts.push((l.made_at(), format!("{} UTC", moment(endpoint.created_at))));
    facts
}

fn answer(l: Lang, activity: &Activity) -> Option<LastAnswer> {
    let (row, last) = (&activity.row, activity.last.as_ref()?);
    Some(LastAnswer {
        id: row.delivery.id.to_string(),
        order: row.pay_for.clone().unwrap_or_else(|| row.gateway_payment_id.clone()),
        at: moment(last.started_at),
        mark: if last.outcome == Outcome::Acknowledged { "good" } else { "bad" },
        words: l.outcome_words(last.outcome),
        detail: last.detail.clone(),
    })
}

impl Served {
    /// The dialect of that name, if there is one that can be read.
    pub(crate) async fn dialect_named(&self, name: &str) -> Result<Option<Dialect>, Failure> {
        if let Some(dialect) = Dialect::named(name) {
            return Ok(Some(dialect.clone()));
        }
        let stored = self.ledger().dialect(name).await?;
        Ok(stored.and_then(|stored| Dialect::from_json(&stored.definition).ok()))
    }

    /// The kinds of notification that a test may be of: the plain test, a confirmed payment, and whatever else the
    /// gateway told this merchant of late.
    async fn kinds_of(&self, visit: &PortalVisit) -> Result<Vec<String>, Failure> {
        let filter = PaymentFilter { merchant_id: Some(visit.merchant_id.clone()), ..PaymentFilter::default() };
        let last = self.ledger().payments(&filter, &PageRequest { limit: 100, after: None }).await?.items;
        let usual = ["endpoint.test", "payment.confirmed"];
        let others: BTreeSet<String> = last.into_iter().map(|payment| payment.kind).collect();
        let others = others.into_iter().filter(|kind| !usual.contains(&kind.as_str()));
        Ok(usual.into_iter().map(str::to_owned).chain(others).collect())
    }

    /// The public key of an endpoint whose secret is a private one.
    pub(crate) async fn public_key_of(
        &self,
        visit: &PortalVisit,
        endpoint: &Endpoint,
    ) -> Result<Option<String>, Failure> {
        let path = format!("/v1/endpoints/{}", endpoint.id);
        let shown = self.act(&visit.name(), Method::GET, &path, None).await?;
        Ok(shown.ok().and_then(|shown| shown["public_key"].as_str().map(str::to_owned)))
    }
}
