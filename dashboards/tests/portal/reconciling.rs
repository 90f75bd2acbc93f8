use crate::harness::{Harness, OK, payment};
use anyhow::{Context, Result};
use axum::http::StatusCode;
use paybell_delivery::{Decision, Money, Outcome, Reason, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// The words of the page for each status of the file.
const STANDINGS: [(&str, &str); 5] = [
    ("delivered", "delivered"),
    ("waiting", "waiting"),
    ("undelivered", "undelivered"),
    ("settled", "settled"),
    ("no_endpoint", "no address to tell"),
];

/// A day of every kind: answers how many payments it has.
async fn live_a_day(harness: &Harness, noon: Timestamp) -> Result<usize> {
    harness.gateway("POST", "/v1/merchants", json!({ "id": "shop" })).await?;
    let mut made = 0;
    let mut pay = async |status: &str, amount_minor: i64, currency: &str, order: &str| -> Result<()> {
        made += 1;
        let at = noon + Duration::from_secs(made as u64);
        let mut payment = payment("shop", &format!("{status}-{made}"), at)?;
        payment.amount = Money { amount_minor, currency: currency.parse()? };
        payment.pay_for = Some(order.to_owned());
        let job = harness.accept(payment).await?;
        let (outcome, decision) = match status {
            "delivered" => (Outcome::Acknowledged, Decision::Delivered),
            "undelivered" | "settled" => (Outcome::Refused, Decision::Undelivered(Reason::Refused)),
            _ => return Ok(()),
        };
        let job = job.context("a job")?;
        harness.attempt(job, outcome, decision, &OK).await?;
        if status == "settled" {
            let body = json!({ "who": "ann", "note": "by hand" });
            harness.gateway("POST", &format!("/v1/deliveries/{}/settle", job.delivery_id), body).await?;
        }
        Ok(())
    };
    pay("no_endpoint", 700, "EUR", "before there was an address").await?;
    let endpoint = harness.endpoint("shop", json!({})).await?;
    for n in 0..7 {
        pay("delivered", 1_050 + n, "EUR", "=1+1").await?;
        pay("delivered", 500, "JPY", "+ten").await?;
        pay("waiting", 1_234_567, "RUB", "@SUM(A1)").await?;
        pay("undelivered", 99, "KWD", "-a \"quoted\", order").await?;
    }
    pay("settled", 1, "EUR", "two\nlines").await?;
    pay("settled", 9_007_199_254_740_993, "USD", "large").await?;
    // What is no payment of this day, or no payment at all.
    for at in [noon.before(Duration::from_secs(43_200 + 1)), noon + Duration::from_secs(43_200)] {
        harness.accept(payment("shop", &format!("elsewhere-{}", at.0), at)?).await?;
    }
    harness.gateway("POST", &format!("/v1/endpoints/{endpoint}/test"), json!({})).await?;
    harness.shop("other").await?;
    harness.accept(payment("other", "elsewhere-other", noon)?).await?;
    Ok(made)
}

#[tokio::test]
async fn figures_of_a_mixed_day_add_up_on_the_page_and_in_the_file() -> Result<()> {
    let harness = Harness::new().await?;
    // Yesterday, so that the deliveries are still alive.
    let day: String = harness.clock.now().before(Duration::from_secs(86_400)).to_rfc3339().chars().take(10).collect();
    let noon = Timestamp::from_rfc3339(&format!("{day}T12:00:00Z")).context("noon")?;
    let made = live_a_day(&harness, noon).await?;
    let cookie = harness.enter("shop", json!({})).await?;

    let file = harness.get(&cookie, &format!("/portal/reconciliation.csv?day={day}")).await?;
    assert!(file.header("content-type").starts_with("text/csv"), "{}", file.text);
    assert!(file.header("content-disposition").contains(&format!("payments-{day}.csv")));
    let rows = rows_of(&file.text);
    assert_eq!(rows[0][..6], ["payment", "order", "type", "amount", "currency", "status"]);
    assert_eq!(rows.len() - 1, made);
    assert!(!file.text.contains("elsewhere") && !file.text.contains("endpoint.test"));
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])), "a formula: {}", file.text);
    assert!(rows[1..].iter().all(|row| row[0].starts_with(&row[5])), "each stands where it was brought to");

    let page = added_up(&harness, &cookie, &day).await?;
    let mut counted = 0;
    for (status, words) in STANDINGS {
        let of_it: Vec<_> = rows[1..].iter().filter(|row| row[5] == status).collect();
        counted += of_it.len();
        assert!(!of_it.is_empty(), "{status} is on trial too");
        assert_eq!(shown(&page, words)?, (of_it.len().to_string(), sums(&of_it)), "{status}");
    }
    assert_eq!(counted, made, "payments = delivered + waiting + undelivered + settled + no endpoint");
    let all: Vec<_> = rows[1..].iter().collect();
    assert_eq!(shown(&page, "<strong>All payments</strong>")?, (made.to_string(), sums(&all)));

    for wrong in ["2024-02-30", "yesterday", "2024-1-1"] {
        for path in ["/portal/reconciliation", "/portal/reconciliation.csv"] {
            assert_eq!(harness.get(&cookie, &format!("{path}?day={wrong}")).await?.status, StatusCode::BAD_REQUEST);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_long_day_comes_whole_though_it_is_read_in_parts() -> Result<()> {
    let harness = Harness::new().await?;
    harness.shop("shop").await?;
    let noon = Timestamp::from_rfc3339("2026-11-20T12:00:00Z").context("noon")?;
    let terms = paybell_store::engine::AcceptTerms {
        now: noon,
        grace: Duration::from_secs(10),
        lifetime: Duration::from_secs(60),
    };
    let payments = (0..2_345).map(|n| payment("shop", &format!("p-{n}"), noon)).collect::<Result<Vec<_>>>()?;
    harness.ledger.accept(&payments, &terms).await?;
    let cookie = harness.enter("shop", json!({})).await?;
    let file = harness.get(&cookie, "/portal/reconciliation.csv?day=2026-11-20").await?.text;
    let ids: std::collections::BTreeSet<_> = rows_of(&file)[1..].iter().map(|row| row[0].clone()).collect();
    assert_eq!(ids.len(), 2_345);
    let page = added_up(&harness, &cookie, "2026-11-20").await?;
    assert_eq!(
        shown(&page, "<strong>All payments</strong>")?,
        ("2,345".to_owned(), vec!["24,622.50\u{a0}EUR".to_owned()])
    );
    Ok(())
}

/// The page of a day once all of it is added up.
async fn added_up(harness: &Harness, cookie: &str, day: &str) -> Result<String> {
    paybell_testkit::eventually("the day is added up", Duration::from_secs(30), async || {
        let page = harness.get(cookie, &format!("/portal/reconciliation?day={day}")).await?;
        assert_eq!(page.status, StatusCode::OK);
        Ok((!page.text.contains(r#"role="status""#)).then_some(page.text))
    })
    .await
}

/// The rows of a file as RFC 4180 has them.
fn rows_of(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    rows
}

/// The sums of each currency, added up from the file in the smallest units, as the page writes them.
fn sums(rows: &[&Vec<String>]) -> Vec<String> {
    let mut sums: BTreeMap<&str, (usize, i128)> = BTreeMap::new();
    for row in rows {
        let decimals = row[3].split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let minor: i128 = row[3].replace('.', "").parse().expect("an amount");
        let sum = sums.entry(&row[4]).or_insert((decimals, 0));
        assert_eq!(sum.0, decimals, "each amount has its currency's decimals");
        sum.1 += minor;
    }
    let written = sums.into_iter().map(|(currency, (decimals, minor))| {
        let digits = format!("{minor:0width$}", width = decimals + 1);
        let (whole, rest) = digits.split_at(digits.len() - decimals);
        let grouped: Vec<_> = whole.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
        let point = if decimals == 0 { "" } else { "." };
        format!("{}{point}{rest}\u{a0}{currency}", grouped.join(","))
    });
    written.collect()
}

/// The count and the sums in the row of the page that begins with this.
fn shown(page: &str, row: &str) -> Result<(String, Vec<String>)> {
    let rest = page.split(&format!("<th scope=\"row\">{row}</th>")).nth(1).with_context(|| format!("the row {row}"))?;
    let row = rest.split("</tr>").next().unwrap_or_default().replace("<strong>", "").replace("</strong>", "");
    let cells: Vec<&str> =
        row.split("<td class=\"n\">").skip(1).filter_map(|cell| cell.split("</td>").next()).collect();
    let sums = cells[1].split("<br>").map(str::to_owned).collect();
    Ok((cells[0].to_owned(), sums))
}
