//! `/portal/reconciliation`: the payments of a day (in UTC) and where they stand, as figures that add up and as a file with
//! every payment. Tests are no money, so they are not among them.

use super::adding_up::add_up;
use super::figures_of_day::{Counted, FiguresOfDay};
use super::visit::PortalVisit;
use crate::csv::{row, stream};
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::texts::Lang;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State;
use paybell_delivery::{MerchantId, Money, Timestamp};
use paybell_store::manage::{Page, PageRequest, ReconciledPayment, Standing};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);

const HEAD: &[&str] = &[
    "payment",
    "order",
    "type",
    "amount",
    "currency",
    "status",
    "confirmed_at",
    "accepted_at",
    "finished_at",
    "paybell_payment_id",
];

#[derive(Template)]
#[template(path = "portal_reconciliation.html")]
struct ReconciliationPage {
    page: Frame,
    day: String,
    before: String,
    after: Option<String>,
    rows: Vec<(&'static str, String, Vec<String>)>,
    total: (String, Vec<String>),
    is_whole: bool,
}

/// A day in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Day {
    begins_at: Timestamp,
}

impl Day {
    fn read(text: &str) -> Option<Self> {
        let begins_at = Timestamp::from_rfc3339(&format!("{text}T00:00:00Z"))?;
        (text.len() == 10).then_some(Self { begins_at })
    }

    pub(super) fn of(at: Timestamp) -> Self {
        let day_us = i64::try_from(DAY.as_micros()).unwrap_or(i64::MAX);
        Self { begins_at: Timestamp(at.0.div_euclid(day_us) * day_us) }
    }

    /// The day that the address names, or else the one that goes on.
    fn asked(visit: &PortalVisit) -> Result<Self, Failure> {
        match visit.query().get("day") {
            Some(text) => Day::read(text).ok_or(Failure::Malformed),
            None => Ok(Day::of(visit.now)),
        }
    }

    fn ends_at(self) -> Timestamp {
        self.begins_at + DAY
    }

    /// As in the address.
    fn text(self) -> String {
        self.begins_at.to_rfc3339().chars().take(10).collect()
    }
}

/// `GET /portal/reconciliation?day=2026-11-21`.
pub(crate) async fn page(State(pages): State<Pages>, visit: PortalVisit) -> Answer {
    let (l, day) = (visit.l, Day::asked(&visit)?);
    let progress = add_up(&pages, &visit.merchant_id, day).await?;
    let figures = &progress.figures;
    let shown =
        |counted: &Counted| (l.number(counted.count), counted.money().into_iter().map(|sum| l.money(sum)).collect());
    let rows = FiguresOfDay::STANDINGS.iter().map(|standing| {
        let (count, money) = shown(&figures.at(*standing));
        (standing_words(l, *standing), count, money)
    });
    show(&ReconciliationPage {
        day: day.text(),
        before: Day::of(day.begins_at.before(DAY)).text(),
        after: (day.ends_at() <= visit.now).then(|| Day::of(day.ends_at()).text()),
        rows: rows.collect(),
        total: shown(&figures.total()),
        is_whole: progress.is_whole(),
        page: visit.frame(&pages, l.nav_reconciliation()),
    })
}

/// `GET /portal/reconciliation.csv?day=2026-11-21`: page by page, never all of the day at once.
pub(crate) async fn csv(State(pages): State<Pages>, visit: PortalVisit) -> Answer {
    let (day, merchant) = (Day::asked(&visit)?, visit.merchant_id.clone());
    let name = format!("payments-{}.csv", day.text());
    Ok(stream(&name, row(HEAD), move |page| {
        let (pages, merchant) = (pages.clone(), merchant.clone());
        async move {
            let found = pages.reconciled(&merchant, day, &page).await?;
            Ok((found.items.iter().map(|payment| row(&cells(payment))).collect(), found.next))
        }
    }))
}

impl Served {
    /// Some payments of the day, from where the ones before ended.
    pub(super) async fn reconciled(
        &self,
        merchant: &MerchantId,
        day: Day,
        page: &PageRequest,
    ) -> Result<Page<ReconciledPayment>, Failure> {
        let mut found = self.ledger().reconcile(merchant, day.begins_at, day.ends_at(), page).await?;
        found.items.retain(|payment| !payment.test);
        Ok(found)
    }
}

const fn standing_words(l: Lang, standing: Standing) -> &'static str {
    match standing {
        Standing::Delivered => l.delivered(),
        Standing::Settled => l.settled(),
        Standing::Undelivered => l.undelivered(),
        Standing::Waiting => l.waiting(),
        Standing::Untold => l.portal_untold(),
    }
}

/// A standing as programs read it.
const fn standing_word(standing: Standing) -> &'static str {
    match standing {
        Standing::Delivered => "delivered",
        Standing::Settled => "settled",
        Standing::Undelivered => "undelivered",
        Standing::Waiting => "waiting",
        Standing::Untold => "no_endpoint",
    }
}

fn cells(payment: &ReconciledPayment) -> Vec<String> {
    vec![
        payment.gateway_payment_id.clone(),
        payment.pay_for.clone().unwrap_or_default(),
        payment.kind.clone(),
        decimal(payment.amount),
        payment.amount.currency.code().to_owned(),
        standing_word(payment.standing).to_owned(),
        payment.confirmed_at.to_rfc3339(),
        payment.accepted_at.to_rfc3339(),
        payment.finished_at.map(Timestamp::to_rfc3339).unwrap_or_default(),
        payment.id.to_string(),
    ]
}

/// An amount in major units: `10.50`.
fn decimal(money: Money) -> String {
    let width = money.currency.exponent() as usize;
    let unit = 10_u64.pow(money.currency.exponent().min(18));
    let (sign, minor) = (if money.amount_minor < 0 { "-" } else { "" }, money.amount_minor.unsigned_abs());
    if width == 0 { format!("{sign}{minor}") } else { format!("{sign}{}.{:0width$}", minor / unit, minor % unit) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_from_its_date_alone() {
        let day = Day::read("2024-02-29").expect("a day");
        assert_eq!((day.text(), Day::of(day.ends_at()).text()), ("2024-02-29".to_owned(), "2024-03-01".to_owned()));
        assert_eq!(Day::of(Timestamp(day.ends_at().0 - 1)), day);
        for other in ["2023-02-29", "2024-2-29", "today", "", "2024-02-29T00:00:00Z", "2024-02-29T00:00:00+01:00#"] {
            assert_eq!(Day::read(other), None, "{other}");
        }
    }

    #[test]
    fn amounts_are_written_for_programs() {
        let money = |amount_minor, code: &str| Money { amount_minor, currency: code.parse().expect("a currency") };
        assert_eq!(decimal(money(1_234_507, "EUR")), "12345.07");
        assert_eq!((decimal(money(5, "JPY")), decimal(money(5, "KWD"))), ("5".to_owned(), "0.005".to_owned()));
    }
}
