use crate::harness::{Harness, payment, payment_with, text_at};
use http::StatusCode;
use serde_json::{Value, json};

/// All items of a list, page by page, and how many pages there were.
async fn all_pages(harness: &Harness, path: &str, limit: u32) -> anyhow::Result<(Vec<Value>, usize)> {
    let (mut items, mut pages, mut cursor) = (Vec::new(), 0, None::<String>);
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let after = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let reply =
            harness.send_as(&harness.operator, "GET", &format!("{path}{joint}limit={limit}{after}"), None).await?;
        anyhow::ensure!(reply.status == StatusCode::OK, "{}", reply.text);
        let page = reply.json();
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        pages += 1;
        anyhow::ensure!(pages < 100, "the pages of {path} do not end");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok((items, pages)),
        }
    }
}

fn texts(items: &[Value], field: &str) -> Vec<String> {
    items.iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn every_list_shows_each_item_once_over_all_pages() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    for n in 0..7 {
        let merchant = format!("shop-{n}");
        harness.merchant_with_endpoint(&merchant).await?;
        harness.accepted(payment(&merchant, "p-1")).await?;
    }
    for path in ["/v1/payments", "/v1/deliveries", "/v1/merchants", "/v1/endpoints"] {
        let key = if path == "/v1/payments" { "payment_id" } else { "id" };
        let (at_once, pages) = all_pages(&harness, path, 1000).await?;
        assert_eq!((at_once.len(), pages), (7, 1), "{path}");
        for limit in [1, 3, 7] {
            let (in_pages, _) = all_pages(&harness, path, limit).await?;
            assert_eq!(texts(&in_pages, key), texts(&at_once, key), "{path} by {limit}");
        }
    }
    let (audit, pages) = all_pages(&harness, "/v1/audit", 5).await?;
    assert!(audit.len() >= 14 && pages >= 3);
    let merchants = texts(&all_pages(&harness, "/v1/payments", 100).await?.0, "merchant");
    assert_eq!(merchants, (0..7).rev().map(|n| format!("shop-{n}")).collect::<Vec<_>>(), "the newest first");
    Ok(())
}

#[tokio::test]
async fn filters_restrict_and_combine() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let endpoint_a = harness.merchant_with_endpoint("shop-a").await?;
    harness.merchant_with_endpoint("shop-b").await?;
    let middle = {
        harness.accepted(payment_with("shop-a", "p-1", json!({"pay_for": "order 1"}))).await?;
        harness.accepted(payment_with("shop-b", "p-1", json!({"pay_for": "order 1"}))).await?;
        let (id, _) = harness.accepted(payment("shop-a", "p-2")).await?;
        text_at(&harness.get(&format!("/v1/payments/{id}")).await?.json(), "/accepted_at")?
    };
    let rows = [
        ("/v1/payments".to_owned(), 3),
        ("/v1/payments?merchant=shop-a".to_owned(), 2),
        ("/v1/payments?merchant=shop-a&id=p-1".to_owned(), 1),
        ("/v1/payments?id=p-1".to_owned(), 2),
        ("/v1/payments?pay_for=order%201".to_owned(), 2),
        ("/v1/payments?pay_for=order%201&merchant=shop-b".to_owned(), 1),
        ("/v1/payments?pay_for=order".to_owned(), 0),
        (format!("/v1/payments?accepted_since={middle}"), 1),
        (format!("/v1/payments?accepted_before={middle}"), 2),
        ("/v1/deliveries?merchant=shop-a".to_owned(), 2),
        (format!("/v1/deliveries?endpoint={endpoint_a}"), 2),
        ("/v1/deliveries?state=pending".to_owned(), 3),
        ("/v1/deliveries?state=delivered".to_owned(), 0),
        ("/v1/deliveries?pay_for=order+1&merchant=shop-a&state=pending".to_owned(), 1),
        ("/v1/deliveries?gateway_payment_id=p-1".to_owned(), 2),
        ("/v1/deliveries?gateway_payment_id=p-1&merchant=shop-a".to_owned(), 1),
        ("/v1/deliveries?gateway_payment_id=p-9".to_owned(), 0),
        ("/v1/deliveries?reason=refused".to_owned(), 0),
        ("/v1/deliveries?reason=expired&merchant=shop-a".to_owned(), 0),
        (format!("/v1/deliveries?created_since={middle}"), 1),
        (format!("/v1/deliveries?created_before={middle}"), 2),
        ("/v1/endpoints?merchant=shop-b".to_owned(), 1),
        ("/v1/endpoints?merchant=nobody".to_owned(), 0),
    ];
    for (path, expected) in rows {
        assert_eq!(all_pages(&harness, &path, 1).await?.0.len(), expected, "{path}");
    }
    let item = all_pages(&harness, "/v1/deliveries?merchant=shop-b", 10).await?.0[0].clone();
    assert_eq!(
        (&item["merchant"], &item["gateway_payment_id"], &item["pay_for"], &item["attempts_made"]),
        (&json!("shop-b"), &json!("p-1"), &json!("order 1"), &json!(0))
    );
    Ok(())
}

#[tokio::test]
async fn a_query_that_cannot_be_meant_is_refused() -> anyhow::Result<()> {
    let harness = Harness::new().await?;
    let rows = [
        ("/v1/payments?limit=0", "limit"),
        ("/v1/payments?limit=1001", "limit"),
        ("/v1/payments?limit=x", "limit"),
        ("/v1/payments?cursor=x", "cursor"),
        ("/v1/deliveries?cursor=x", "cursor"),
        ("/v1/payments?mechant=shop", "mechant"),
        ("/v1/payments?merchant=a&merchant=b", "merchant"),
        ("/v1/payments?merchant=a%20shop", "merchant"),
        ("/v1/payments?accepted_since=yesterday", "accepted_since"),
        ("/v1/deliveries?state=lost", "state"),
        ("/v1/deliveries?endpoint=7", "endpoint"),
        ("/v1/deliveries?reason=tired", "reason"),
        ("/v1/merchants?name=x", "name"),
    ];
    for (path, at_fault) in rows {
        let reply = harness.get(path).await?;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}: {}", reply.text);
        assert_eq!(reply.fields_at_fault(), [at_fault], "{path}");
    }
    Ok(())
}
