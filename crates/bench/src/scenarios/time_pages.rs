//! How long each page takes, from the side of somebody who reads it over loopback.

use crate::database::Database;
use crate::page_times::{PAGE_MS_MAX, PageTimes};
use crate::report::{Report, Target};
use crate::visit_pages::Visitor;
use anyhow::{Context, Result};
use paybell_testkit::Api;
use std::time::Duration;

/// Some figures are read once in two seconds for everybody. After this time a page reads them anew.
const STALE_AFTER: Duration = Duration::from_millis(2_100);
/// What a table for spreadsheets begins with: its head, and 100 rows.
const CSV_LINES: usize = 101;

/// Pages that share what is kept for two seconds; so each is read alone. In braces stand ids.
const RETRIES: [&str; 6] = [
    "/retries",
    "/retries?within_h=24",
    "/retries?within_h=24&merchant=quiet-0",
    "/retries?merchant=stock-well-0",
    "/retries?endpoint={failing}",
    "/retries?order=nothing",
];

/// The same of the overview.
const OVERVIEW: [&str; 3] = ["/", "/?charts=day", "/?charts=3days"];

/// All others.
const OTHERS: &[&str] = &[
    "/sign-in",
    "/undelivered",
    "/undelivered?reason=expired",
    "/undelivered?reason=panicked",
    "/undelivered?merchant=stock-well-0",
    "/undelivered?merchant=quiet-0",
    "/undelivered?order=nothing",
    "/undelivered.csv",
    "/deliveries",
    "/deliveries?state=settled",
    "/deliveries?merchant=stock-well-0&state=delivered",
    "/deliveries?merchant=stock-failing-0&state=undelivered&reason=panicked",
    "/deliveries?merchant=quiet-0",
    "/deliveries?payment=nothing",
    "/deliveries/{waiting}",
    "/deliveries/{undelivered}",
    "/search?q=stock-order-7",
    "/search?q=nothing",
    "/endpoints",
    "/endpoints/{well}",
    "/endpoints/{failing}",
    "/endpoints/{paused}",
    "/endpoints/{well}/change",
    "/endpoints/new?merchant=stock-well-0",
    "/merchants",
    "/merchants/stock-well-0",
    "/dialects",
    "/dialects/standard",
    "/keys",
    "/people",
    "/audit",
    "/audit?subject={well}",
    "/bulk?what=resend&state=undelivered",
    "/bulk?what=resend&state=undelivered&reason=panicked&merchant=quiet-0",
    "/bulk?what=settle&state=pending",
    "/bulk?what=settle&state=pending&merchant=stock-failing-0",
    "/bulk?what=pause&merchant=stock-well-0",
    "/bulk/settle/{bulk}",
];

/// The portal's, of the merchant with the most deliveries.
const PORTAL: &[&str] = &[
    "/portal",
    "/portal?state=pending",
    "/portal?state=undelivered",
    "/portal?state=delivered",
    "/portal?q=stock-order-7",
    "/portal?q=nothing",
    "/portal/deliveries/{own}",
    "/portal/deliveries/{own}/settle",
    "/portal/endpoints",
    "/portal/endpoints/{well}",
    "/portal/signatures",
    "/portal/reconciliation",
    "/portal/reconciliation?day={yesterday}",
    "/portal/reconciliation.csv?day={yesterday}",
];

/// Who that is.
const MERCHANT: &str = "stock-well-0";

/// Where the ids in braces are found.
const IDS: [(&str, &str); 8] = [
    ("{waiting}", "SELECT id::text FROM deliveries WHERE state = 'pending' AND due_at > created_at + 60000000 LIMIT 1"),
    ("{undelivered}", "SELECT id::text FROM deliveries WHERE state = 'undelivered' ORDER BY id DESC LIMIT 1"),
    ("{failing}", "SELECT id::text FROM endpoints WHERE failing_since IS NOT NULL LIMIT 1"),
    ("{paused}", "SELECT id::text FROM endpoints WHERE paused_at IS NOT NULL LIMIT 1"),
    ("{well}", "SELECT id::text FROM endpoints WHERE merchant_id = 'stock-well-0'"),
    (
        "{own}",
        "SELECT id::text FROM deliveries WHERE state = 'undelivered'
            AND endpoint_id = (SELECT id FROM endpoints WHERE merchant_id = 'stock-well-0') LIMIT 1",
    ),
    ("{yesterday}", "SELECT ((now() AT TIME ZONE 'UTC')::date - 1)::text"),
    ("{bulk}", "SELECT id::text FROM bulk_acts LIMIT 1"),
];

/// Reads every page so many times, one after the other, and reports how long each took.
pub(crate) async fn time_pages(
    report: &mut Report,
    api: &Api,
    key: &str,
    database: &Database,
    times: u32,
) -> Result<()> {
    let operator = Visitor::sign_in(api.base(), key).await?;
    let links = format!("/v1/merchants/{MERCHANT}/portal-links");
    let link = api.post(&links, &serde_json::json!({})).await?.expect_status(201)?;
    let merchant = Visitor::enter_portal(api.base(), link["url"].as_str().unwrap_or_default()).await?;
    let mut rows = rows();
    for (name, sql) in IDS {
        let id = database.text(sql).await?;
        rows.iter_mut().flatten().for_each(|page| page.path = page.path.replace(name, &id));
    }
    for round in 1..=times {
        eprintln!("every page is read, {round} of {times} times");
        for row in &mut rows {
            tokio::time::sleep(STALE_AFTER).await;
            for page in row {
                let lines = if page.path.contains(".csv") { CSV_LINES } else { usize::MAX };
                let visitor = if page.path.starts_with("/portal") { &merchant } else { &operator };
                let read = visitor.read_lines(&page.path, lines).await;
                page.note(read.with_context(|| page.path.clone())?);
            }
        }
    }
    let mut pages: Vec<PageTimes> = rows.into_iter().flatten().collect();
    pages.sort_by(|one, other| one.path.cmp(&other.path));
    let over = |time: fn(&PageTimes) -> f64| pages.iter().filter(|page| time(page) > PAGE_MS_MAX).count() as f64;
    report.note("pages_whose_p50_is_over_50_ms", over(PageTimes::p50_ms), "");
    report.judge("pages_whose_worst_is_over_50_ms", over(PageTimes::worst_ms), "", Target::AtMost(0.0));
    report.pages = pages;
    Ok(())
}

/// The pages in rows that may be read without a pause: no two of a row share what is kept.
fn rows() -> Vec<Vec<PageTimes>> {
    let page = |path: &&str| PageTimes::of((*path).to_owned());
    let mut rows: Vec<Vec<PageTimes>> = RETRIES.iter().map(|path| vec![page(path)]).collect();
    for (row, path) in rows.iter_mut().zip(&OVERVIEW) {
        row.push(page(path));
    }
    rows.push(OTHERS.iter().chain(PORTAL).map(page).collect());
    rows
}
