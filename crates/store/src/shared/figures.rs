//! The figures of charts: added to as they happen, read a chart at a time.

use super::{Builder, This, rows};
use crate::error::Doing;
use crate::manage::{FigureSpan, Figures};
use crate::{Result, StoreError};
use paybell_delivery::Timestamp;

/// All counts of a span stand in one text, as `measure:count` by commas: a day of minutes has tens of thousands.
pub(in super::super) const READ: &str = "
SELECT at, string_agg(measure || ':' || count, ',') AS counts FROM figures
WHERE span_s = $1 AND at >= $2 GROUP BY at ORDER BY at";

/// In the order of the key, so that processes that add at the same time take their locks in the same order.
pub(super) async fn add(ledger: &This, at: Timestamp, figures: &Figures) -> Result<()> {
    const ACT: &str = "add to the figures";
    let measures = figures.measures();
    if measures.is_empty() {
        return Ok(());
    }
    let rows = FigureSpan::ALL.into_iter().flat_map(|span| measures.iter().map(move |item| (span, *item)));
    let mut insert = Builder::new("INSERT INTO figures (span_s, at, measure, count) ");
    insert.push_values(rows, |mut row, (span, (measure, count))| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        row.push_bind(seconds(span)).push_bind(beginning(span, at)).push_bind(measure).push_bind(count);
    });
    insert.push(" ON CONFLICT (span_s, at, measure) DO UPDATE SET count = figures.count + excluded.count");
    let mut tx = ledger.begin(ACT).await?;
    insert.build().persistent(false).execute(&mut *tx).await.doing(ACT)?;
    tx.commit().await.doing(ACT)
}

pub(super) async fn read(ledger: &This, span: FigureSpan, since: Timestamp) -> Result<Vec<(Timestamp, Figures)>> {
    const ACT: &str = "read the figures of a chart";
    let query = sqlx::query(READ).bind(seconds(span)).bind(since.0);
    let spans = query.fetch_all(ledger.reader()).await.doing(ACT)?;
    spans.iter().map(|row| Ok((rows::time(row, "at")?, counts(rows::get(row, "counts")?)?))).collect()
}

fn counts(text: &str) -> Result<Figures> {
    let unreadable = || StoreError::Unreadable(format!("the figures {text:?}"));
    let mut figures = Figures::default();
    for item in text.split(',') {
        let (measure, count) = item.split_once(':').ok_or_else(unreadable)?;
        let (measure, count) = (measure.parse().map_err(|_| unreadable())?, count.parse().map_err(|_| unreadable())?);
        figures.add(measure, count);
    }
    Ok(figures)
}

/// The length by which a span is stored.
pub(in super::super) fn seconds(span: FigureSpan) -> i32 {
    i32::try_from(span.length().as_secs()).unwrap_or(i32::MAX)
}

fn beginning(span: FigureSpan, at: Timestamp) -> i64 {
    let length = i64::from(seconds(span)) * 1_000_000;
    at.0.div_euclid(length) * length
}
