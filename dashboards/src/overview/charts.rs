//! The charts of the overview.

use crate::chart::{Chart, Line};
use crate::percentile::{as_float, percentile, total};
use crate::texts::Lang;
use paybell_delivery::Timestamp;
use paybell_store::manage::{FigureSpan, Figures};
use std::time::Duration;

/// How far back the charts go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Window {
    Hour,
    Day,
    ThreeDays,
}

impl Window {
    pub(crate) const ALL: [Window; 3] = [Window::Hour, Window::Day, Window::ThreeDays];

    /// By its name in the address; the hour where none is given.
    pub(crate) fn named(name: Option<&str>) -> Option<Self> {
        name.map_or(Some(Window::Hour), |name| Window::ALL.into_iter().find(|window| window.name() == name))
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Window::Hour => "hour",
            Window::Day => "day",
            Window::ThreeDays => "3days",
        }
    }

    pub(crate) const fn title(self, l: Lang) -> &'static str {
        match self {
            Window::Hour => l.last_hour(),
            Window::Day => l.last_day(),
            Window::ThreeDays => l.last_three_days(),
        }
    }

    /// What is read for it.
    pub(crate) const fn span(self) -> FigureSpan {
        match self {
            Window::Hour => FigureSpan::Minute,
            Window::Day | Window::ThreeDays => FigureSpan::QuarterHour,
        }
    }

    /// The time between two of its moments.
    const fn step(self) -> Duration {
        match self {
            Window::Hour => Duration::from_secs(60),
            Window::Day => Duration::from_secs(900),
            Window::ThreeDays => Duration::from_secs(3_600),
        }
    }

    /// How many moments it has.
    const fn steps(self) -> i64 {
        match self {
            Window::Hour => 60,
            Window::Day => 96,
            Window::ThreeDays => 72,
        }
    }

    fn step_us(self) -> i64 {
        i64::try_from(self.step().as_micros()).unwrap_or(i64::MAX)
    }

    /// Its first moment: the last one is the one that goes on.
    pub(crate) fn begin(self, now: Timestamp) -> Timestamp {
        let step = self.step_us();
        Timestamp((now.0.div_euclid(step) - self.steps() + 1) * step)
    }
}

/// All charts of a window, from spans that lie within it.
pub(crate) fn charts(l: Lang, window: Window, spans: &[(Timestamp, Figures)], now: Timestamp) -> Vec<Chart> {
    let (begin, step) = (window.begin(now), window.step_us());
    let moment = |n: i64| Timestamp(begin.0 + n * step);
    let at_moment = |n: i64| {
        let within = spans.iter().filter(move |(at, _)| (at.0 - begin.0).div_euclid(step) == n);
        total(within.map(|(_, figures)| figures))
    };
    let moments: Vec<String> = (0..window.steps()).map(|n| label(window, moment(n))).collect();
    let figures: Vec<Figures> = (0..window.steps()).map(at_moment).collect();
    let line =
        |name, value: &dyn Fn(&Figures) -> Option<f64>| Line { name, values: figures.iter().map(value).collect() };
    let seconds = window.step().as_secs_f64();
    let rate = move |n: u64| Some(as_float(n) / seconds);
    let share = |f: &Figures| {
        (f.first_attempts > 0).then(|| 100.0 * as_float(f.first_acknowledged) / as_float(f.first_attempts))
    };
    let within = |p: f64| move |f: &Figures| percentile(f, p).map(|time| time.as_secs_f64());
    let chart = |id, title, decimals, lines| Chart { l, id, title, moments: moments.clone(), lines, decimals };
    vec![
        chart(
            "traffic",
            l.traffic(),
            1,
            vec![line(l.accepted(), &|f| rate(f.accepted)), line(l.delivered(), &|f| rate(f.delivered))],
        ),
        chart("first", l.first_attempts_chart(), 1, vec![line(l.first_attempt_success(), &share)]),
        chart(
            "time",
            l.ack_time_chart(),
            3,
            vec![line("p50", &within(0.5)), line("p95", &within(0.95)), line("p99", &within(0.99))],
        ),
        chart(
            "undelivered",
            l.undelivered_chart(),
            0,
            vec![
                line(l.undelivered(), &|f| Some(as_float(f.undelivered))),
                line(l.expired(), &|f| Some(as_float(f.expired))),
            ],
        ),
    ]
}

/// A moment below the chart: the time of day, with the day of the month where the chart has several.
fn label(window: Window, at: Timestamp) -> String {
    let text = at.to_rfc3339();
    let (day, time) = (text.get(8..10).unwrap_or_default(), text.get(11..16).unwrap_or_default());
    if window == Window::ThreeDays { format!("{day}. {time}") } else { time.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_span_is_in_the_chart_once() {
        let now = Timestamp(1_000_000 * 86_400 * 20_000 + 12_345_678);
        for window in Window::ALL {
            let length = i64::try_from(window.span().length().as_micros()).expect("short");
            let begin = window.begin(now).0;
            let one = Figures { accepted: 60, ..Figures::default() };
            let spans = (0..).map(|n| begin + n * length).take_while(|at| *at <= now.0);
            let spans: Vec<_> = spans.map(|at| (Timestamp(at), one.clone())).collect();
            let charts = charts(Lang::En, window, &spans, now);
            let shown: f64 = charts[0].lines[0].values.iter().flatten().sum::<f64>() * window.step().as_secs_f64();
            assert!((shown - 60.0 * spans.len() as f64).abs() < 1e-6, "{window:?}: {shown} of {}", spans.len());
        }
    }
}
