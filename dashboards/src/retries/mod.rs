//! `/retries`: what waits, by the moment of its next attempt (the retry wall), by endpoint, and one by one.

use crate::bulk::BulkForm;
use crate::deliveries::{Filter, ListedDelivery, next_page};
use crate::failure::{Answer, Failure};
use crate::fresh::{Fresh, Kept};
use crate::page::{Frame, show_many};
use crate::percentile::as_float;
use crate::texts::Lang;
use crate::visit::Visit;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State as Extract;
use paybell_delivery::{State, Timestamp};
use paybell_store::manage::{DeliveryFilter, DeliveryRow, EndpointWaiting, NextAttempts, Page, PageRequest, RetryWall};
use std::sync::Arc;
use std::time::Duration;

const ON_A_PAGE: u32 = 50;
/// The ends of the wall's bars.
const BARS: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(24 * 3_600),
    Duration::from_secs(72 * 3_600),
];
/// How many endpoints are shown.
const ENDPOINTS_MAX: u32 = 20;
/// For how long everybody is shown the same figures.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// The choices of what expires soon, in hours.
const WITHIN_H: [u64; 4] = [1, 6, 24, 72];

/// The figures above the list, read once for many visitors.
pub(crate) struct Figures {
    read_at: Timestamp,
    wall: RetryWall,
    endpoints: Vec<EndpointWaiting>,
}

/// The figures, kept for a moment.
pub(crate) type KeptFigures = Arc<Fresh<Figures>>;

/// Lists by their filter, within how many hours the deadline is, and the page.
pub(crate) type KeptLists = Kept<(DeliveryFilter, Option<u64>, PageRequest), Page<DeliveryRow>>;

#[derive(Template)]
#[template(path = "retries.html")]
struct RetriesPage {
    page: Frame,
    filter: Filter,
    /// Nothing while they are being counted.
    figures: Option<Counted>,
    hours: Vec<(u64, bool)>,
    rows: Vec<ListedDelivery>,
    next: Option<String>,
    newest: Option<String>,
    /// Nothing while the list is of what expires soon: acts would be done to the rest as well.
    bulk: Option<BulkForm>,
}

struct Counted {
    bars: Vec<Bar>,
    parked: Option<String>,
    endpoints: Vec<Waiting>,
}

struct Bar {
    name: String,
    count: String,
    /// Of 100.
    width: f64,
}

struct Waiting {
    id: String,
    url: String,
    merchant: String,
    mark: &'static str,
    health: String,
    waiting: String,
    deadline: String,
}

/// `GET /retries`.
pub(crate) async fn retries(Extract(pages): Extract<Pages>, visit: Visit) -> Answer {
    show_many(&pages, &visit, make(&pages, &visit)).await
}

async fn make(pages: &Pages, visit: &Visit) -> Result<RetriesPage, Failure> {
    let (l, now) = (visit.l, visit.now);
    let mut filter = Filter::read(visit.query());
    let hours = filter.hours();
    let after = filter.form.get("after").map(str::to_owned);
    let newest =
        after.is_some().then(|| format!("/retries?{}", filter.form.query_without(&["after", "done", "refused"])));
    let means = DeliveryFilter { state: Some(State::Pending), ..filter.means.clone() };
    let request = PageRequest { limit: ON_A_PAGE, after };
    let listed = async {
        match &filter.wrong {
            Some(_) => Ok(Arc::new(Page { items: Vec::new(), next: None })),
            None => {
                let key = (means.clone(), hours, request.clone());
                pages
                    .waiting
                    .get(key, pages.acts(), Duration::ZERO, pages.read_waiting(&means, hours, now, &request))
                    .await
            }
        }
    };
    let read_figures = Arc::clone(pages).read_figures(now);
    let (figures, found) =
        tokio::try_join!(pages.retry_figures.get_soon(pages.acts(), FRESH_FOR, read_figures), listed)?;
    Ok(RetriesPage {
        page: Frame::of_many(visit, l.nav_retries()).refused(filter.wrong.clone()),
        figures: figures.map(|figures| Counted::of(l, &figures, now)),
        hours: WITHIN_H.iter().map(|h| (*h, hours == Some(*h))).collect(),
        rows: found.items.iter().map(|row| ListedDelivery::of(l, row, now)).collect(),
        next: found.next.as_ref().map(|next| next_page("/retries", &filter.form, next)),
        newest,
        bulk: hours.is_none().then(|| BulkForm::of(&filter.form, "pending")),
        filter,
    })
}

impl Filter {
    /// Within how many hours the deadline must be, where that was asked for.
    fn hours(&mut self) -> Option<u64> {
        let typed = self.form.get("within_h")?;
        let hours = typed.parse().ok().filter(|hours| (1..=72).contains(hours));
        if hours.is_none() {
            self.wrong = Some(format!("within_h: {typed}"));
        }
        hours
    }
}

impl Counted {
    fn of(l: Lang, figures: &Figures, now: Timestamp) -> Self {
        let RetryWall { bars, parked } = &figures.wall;
        Self {
            bars: bars.iter().map(|bar| shown(l, bar, bars, figures.read_at)).collect(),
            parked: (*parked > 0).then(|| l.counted(*parked, NextAttempts::COUNT_MAX)),
            endpoints: figures.endpoints.iter().map(|waiting| by_endpoint(l, waiting, now)).collect(),
        }
    }
}

impl Served {
    async fn read_figures(self: Arc<Self>, now: Timestamp) -> Result<Figures, Failure> {
        let ledger = self.ledger();
        let (wall, endpoints) =
            tokio::try_join!(ledger.retry_wall(now, &BARS), ledger.waiting_by_endpoint(ENDPOINTS_MAX))?;
        Ok(Figures { read_at: now, wall, endpoints })
    }

    /// What waits: what expires within so many hours first by its deadline, or else by its next attempt.
    async fn read_waiting(
        &self,
        filter: &DeliveryFilter,
        hours: Option<u64>,
        now: Timestamp,
        page: &PageRequest,
    ) -> Result<Page<DeliveryRow>, Failure> {
        Ok(match hours {
            Some(hours) => {
                let before = now + Duration::from_secs(hours * 3_600);
                self.ledger().waiting_until(filter, before, page).await?
            }
            None => self.ledger().waiting(filter, page).await?,
        })
    }
}

fn shown(l: Lang, bar: &NextAttempts, all: &[NextAttempts], now: Timestamp) -> Bar {
    let name = match (bar.since, bar.before) {
        (None, _) => l.wall_due().to_owned(),
        (_, Some(before)) => format!("{} {}", l.wall_within(), l.duration(before.since(now))),
        (_, None) => l.wall_later().to_owned(),
    };
    let most = all.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    Bar {
        name,
        count: l.counted(bar.count, NextAttempts::COUNT_MAX),
        width: 100.0 * as_float(bar.count) / as_float(most),
    }
}

fn by_endpoint(l: Lang, waiting: &EndpointWaiting, now: Timestamp) -> Waiting {
    let endpoint = &waiting.endpoint;
    let (mark, health) = crate::endpoints::health(l, endpoint, now);
    Waiting {
        id: endpoint.id.to_string(),
        url: endpoint.url.clone(),
        merchant: endpoint.merchant_id.to_string(),
        mark,
        health,
        waiting: l.counted(waiting.waiting, EndpointWaiting::COUNT_MAX),
        deadline: l.until(waiting.deadline_at, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::Form;

    #[test]
    fn a_page_without_its_figures_says_that_they_are_being_counted() {
        let page = |figures| RetriesPage {
            page: Frame::bare(Lang::En, "Retries", false),
            filter: Filter::read(Form::parse(b"")),
            figures,
            hours: Vec::new(),
            rows: Vec::new(),
            next: None,
            newest: None,
            bulk: None,
        };
        let says_so = |figures| page(figures).render().expect("a page").matches("Being counted").count();
        let nothing_waits = Counted { bars: Vec::new(), parked: None, endpoints: Vec::new() };
        assert_eq!((says_so(None), says_so(Some(nothing_waits))), (2, 0), "the wall and the endpoints");
    }
}
