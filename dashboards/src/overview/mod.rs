//! The first page: how fast, how well and how late it goes, what expires soon with the money at stake, which endpoints
//! are in trouble; and how that went over the last hour, day and three days.

mod charts;

use crate::chart::Chart;
use crate::failure::{Answer, Failure};
use crate::page::{Frame, show_many};
use crate::percentile::{as_float, percentile, total};
use crate::say::moment;
use crate::texts::Lang;
use crate::visit::Visit;
use crate::{Pages, Served};
use askama::Template;
use axum::extract::State;
use charts::{Window, charts};
use paybell_delivery::{Endpoint, Timestamp};
use paybell_store::engine::Gauges;
use paybell_store::manage::{Expiring, FigureSpan, Figures, Sum};
use std::time::Duration;

/// For how long everybody is shown what was read for the first.
const FRESH_FOR: Duration = Duration::from_secs(2);
/// The horizons of what expires soon.
const HORIZONS: [Duration; 3] =
    [Duration::from_secs(3_600), Duration::from_secs(6 * 3_600), Duration::from_secs(24 * 3_600)];
/// How many endpoints in trouble are shown.
const TROUBLED_MAX: u32 = 20;
/// Processes write their figures every few seconds: what is younger is not complete.
const COMPLETE_AFTER: Duration = Duration::from_secs(8);

/// What was read for the page.
pub(crate) struct Seen {
    gauges: Gauges,
    last_hour: Vec<(Timestamp, Figures)>,
    expiring: Vec<Expiring>,
    troubled: Vec<Endpoint>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    page: Frame,
    mode: String,
    read_at: String,
    figures: Vec<Figure>,
    expiring: Vec<Row>,
    troubled: Vec<Trouble>,
    windows: Vec<Choice>,
    charts: Vec<Chart>,
}

struct Figure {
    value: String,
    name: &'static str,
    note: &'static str,
    href: &'static str,
}

struct Row {
    within: String,
    count: String,
    money: String,
    href: String,
}

struct Trouble {
    id: String,
    url: String,
    merchant: String,
    words: String,
    since: String,
}

struct Choice {
    name: &'static str,
    href: String,
    chosen: bool,
}

/// `GET /`.
pub(crate) async fn overview(State(pages): State<Pages>, visit: Visit) -> Answer {
    show_many(&pages, &visit, make(&pages, &visit)).await
}

async fn make(pages: &Served, visit: &Visit) -> Result<OverviewPage, Failure> {
    let (l, now) = (visit.l, visit.now);
    let window = Window::named(visit.query().get("charts")).ok_or(Failure::Malformed)?;
    let seen = pages.overview.get(pages.acts(), FRESH_FOR, pages.read_overview(now)).await?;
    let spans = match window.span() {
        FigureSpan::Minute => seen.last_hour.clone(),
        span @ FigureSpan::QuarterHour => pages.ledger().figures(span, window.begin(now)).await?,
    };
    let expiring = seen.expiring.iter().map(|expiring| Row {
        within: l.duration(expiring.within),
        count: l.count(&expiring.sum),
        money: l.moneys(&expiring.sum),
        href: format!("/retries?within_h={}", expiring.within.as_secs() / 3600),
    });
    let windows = Window::ALL.iter().map(|each| Choice {
        name: each.title(l),
        href: format!("/?charts={}", each.name()),
        chosen: *each == window,
    });
    Ok(OverviewPage {
        page: Frame::of_many(visit, l.nav_overview()),
        mode: pages.dashboard.mode.clone(),
        read_at: moment(now),
        figures: figures(l, &seen, now),
        expiring: expiring.collect(),
        troubled: seen.troubled.iter().map(|endpoint| trouble(l, endpoint, now)).collect(),
        windows: windows.collect(),
        charts: charts(l, window, &spans, now),
    })
}

impl Served {
    async fn read_overview(&self, now: Timestamp) -> Result<Seen, Failure> {
        let (ledger, begin) = (self.ledger(), Window::Hour.begin(now));
        // Side by side, as the database has more than one processor.
        let (gauges, last_hour, expiring, troubled) = tokio::try_join!(
            ledger.gauges(now, Sum::COUNT_MAX),
            ledger.figures(FigureSpan::Minute, begin),
            ledger.expiring(now, &HORIZONS),
            ledger.troubled_endpoints(TROUBLED_MAX),
        )?;
        Ok(Seen { gauges, last_hour, expiring, troubled })
    }
}

fn figures(l: Lang, seen: &Seen, now: Timestamp) -> Vec<Figure> {
    let minute = last_full_minute(&seen.last_hour, now);
    let hour = total(seen.last_hour.iter().map(|(_, figures)| figures));
    let per_second = |n: u64| l.decimals(as_float(n) / 60.0, 1);
    let first =
        (hour.first_attempts > 0).then(|| 100.0 * as_float(hour.first_acknowledged) / as_float(hour.first_attempts));
    let time = |p| percentile(&hour, p).map_or_else(|| "–".to_owned(), |time| l.duration(time));
    let figure = |value, name, note, href| Figure { value, name, note, href };
    let gauges = &seen.gauges;
    let counted = |n| l.counted(n, Sum::COUNT_MAX);
    let oldest = if gauges.oldest_due.is_zero() { l.none().to_owned() } else { l.duration(gauges.oldest_due) };
    vec![
        figure(per_second(minute.accepted), l.accepted_per_s(), l.in_last_minute(), ""),
        figure(per_second(minute.delivered), l.delivered_per_s(), l.in_last_minute(), ""),
        figure(
            first.map_or_else(|| "–".to_owned(), |share| format!("{}\u{a0}%", l.decimals(share, 1))),
            l.first_attempt_success(),
            l.in_last_hour(),
            "",
        ),
        figure(time(0.5), "p50", l.time_to_acknowledge(), ""),
        figure(time(0.95), "p95", l.time_to_acknowledge(), ""),
        figure(time(0.99), "p99", l.time_to_acknowledge(), ""),
        figure(counted(gauges.pending), l.waiting(), "", "/retries"),
        figure(oldest, l.oldest_due(), "", "/retries"),
        figure(counted(gauges.undelivered), l.undelivered(), "", "/undelivered"),
        figure(counted(gauges.failing_endpoints), l.failing_endpoints(), "", "/endpoints"),
    ]
}

/// The figures of the last minute that all processes have written.
fn last_full_minute(minutes: &[(Timestamp, Figures)], now: Timestamp) -> Figures {
    let length = i64::try_from(FigureSpan::Minute.length().as_micros()).unwrap_or(i64::MAX);
    let until = now.0 - i64::try_from(COMPLETE_AFTER.as_micros()).unwrap_or(0);
    let begin = until.div_euclid(length) * length - length;
    minutes.iter().find(|(at, _)| at.0 == begin).map(|(_, figures)| figures.clone()).unwrap_or_default()
}

fn trouble(l: Lang, endpoint: &Endpoint, now: Timestamp) -> Trouble {
    let (words, since) = match (&endpoint.failing, &endpoint.pause) {
        (_, Some(pause)) => (format!("{} {}", l.is_paused(), pause.by), pause.at),
        (Some(failing), None) => (l.is_failing().to_owned(), failing.since),
        (None, None) => (String::new(), now),
    };
    Trouble {
        id: endpoint.id.to_string(),
        url: endpoint.url.clone(),
        merchant: endpoint.merchant_id.to_string(),
        words,
        since: l.until(since, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minute_shown_is_the_last_one_that_is_complete() {
        let minute = |n: i64, accepted| (Timestamp(n * 60_000_000), Figures { accepted, ..Figures::default() });
        let minutes = [minute(1, 10), minute(2, 20), minute(3, 30)];
        let shown = |s: i64| last_full_minute(&minutes, Timestamp(s * 1_000_000)).accepted;
        assert_eq!((shown(182), shown(189), shown(200)), (10, 20, 20));
        assert_eq!(shown(1000), 0);
    }
}
