//! `GET /bulk?what=…`: what it would be done to, with the money, before anything is done.

use super::{BulkForm, What};
use crate::deliveries::{Filter, ListedDelivery};
use crate::endpoints::Listed;
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show};
use crate::texts::Lang;
use crate::visit::{Acting, Visit};
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State;
use paybell_delivery::Endpoint;
use paybell_store::manage::{DeliveryFilter, PageRequest};

/// How many of what it would be done to are shown.
const SHOWN: u32 = 5;
/// How many endpoints are paused or resumed at once.
pub(crate) const ENDPOINTS_MAX: u32 = 1_000;

#[derive(Template)]
#[template(path = "bulk_preview.html")]
struct PreviewPage {
    page: Frame,
    what: &'static str,
    title: &'static str,
    needs_note: bool,
    of_endpoints: bool,
    filter: String,
    fields: Vec<(&'static str, String)>,
    count: String,
    money: String,
    rows: Vec<ListedDelivery>,
    endpoints: Vec<Listed>,
    can_be_done: bool,
    who: String,
}

/// `GET /bulk`.
pub(crate) async fn preview(State(pages): State<Pages>, Acting(visit): Acting) -> Answer {
    let form = visit.query();
    let what = What::named(&form).ok_or(Failure::Malformed)?;
    let bulk = BulkForm::again(&form);
    let refused = form.get("refused").map(str::to_owned);
    let filter = Filter::read(form);
    if filter.wrong.is_some() || !what.can_be_done_to(filter.means.state) {
        return Err(Failure::Malformed);
    }
    let page = PreviewPage {
        page: Frame::of(&visit, visit.l.bulk_preview()),
        what: what.as_str(),
        title: title(visit.l, what),
        needs_note: what == What::Settle,
        of_endpoints: matches!(what, What::Pause | What::Resume),
        filter: bulk.in_words(),
        fields: bulk.fields,
        count: String::new(),
        money: String::new(),
        rows: Vec::new(),
        endpoints: Vec::new(),
        can_be_done: false,
        who: visit.session.name.clone(),
    };
    let mut page = match what {
        What::Resend | What::Settle => pages.of_deliveries(page, &filter.means, &visit).await?,
        What::Pause | What::Resume => pages.of_endpoints(page, &filter.means, &visit).await?,
    };
    page.page = page.page.refused(refused);
    show(&page)
}

impl Served {
    async fn of_deliveries(
        &self,
        page: PreviewPage,
        means: &DeliveryFilter,
        visit: &Visit,
    ) -> Result<PreviewPage, Failure> {
        let (l, now) = (visit.l, visit.now);
        let request = PageRequest { limit: SHOWN, after: None };
        let (sum, first) = tokio::try_join!(self.ledger().sum_up(means), self.ledger().deliveries(means, &request))?;
        Ok(PreviewPage {
            count: l.count(&sum),
            money: l.moneys(&sum),
            rows: first.items.iter().map(|row| ListedDelivery::of(l, row, now)).collect(),
            can_be_done: sum.count > 0,
            ..page
        })
    }

    async fn of_endpoints(
        &self,
        page: PreviewPage,
        means: &DeliveryFilter,
        visit: &Visit,
    ) -> Result<PreviewPage, Failure> {
        let Some(endpoints) = self.endpoints_of(means).await? else {
            let words = visit.l.bulk_needs_filter().to_owned();
            return Ok(PreviewPage { page: page.page.refused(Some(words)), ..page });
        };
        Ok(PreviewPage {
            count: visit.l.number(endpoints.len() as u64),
            can_be_done: !endpoints.is_empty(),
            endpoints: endpoints.iter().map(|endpoint| Listed::of(visit.l, endpoint, visit.now)).collect(),
            ..page
        })
    }

    /// The endpoints of a filter's merchant, or the one it names; nothing when it names neither.
    pub(crate) async fn endpoints_of(&self, means: &DeliveryFilter) -> Result<Option<Vec<Endpoint>>, Failure> {
        if let Some(id) = means.endpoint_id {
            return Ok(Some(self.ledger().endpoint(id).await?.into_iter().collect()));
        }
        let Some(merchant) = &means.merchant_id else { return Ok(None) };
        let request = PageRequest { limit: ENDPOINTS_MAX, after: None };
        Ok(Some(self.ledger().endpoints(Some(merchant), &request).await?.items))
    }
}

pub(crate) fn title(l: Lang, what: What) -> &'static str {
    match what {
        What::Resend => l.bulk_resend(),
        What::Settle => l.bulk_settle(),
        What::Pause => l.bulk_pause(),
        What::Resume => l.bulk_resume(),
    }
}
