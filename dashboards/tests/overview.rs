//! The first page against a real ledger.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, WWW_AUTHENTICATE};
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use paybell_dashboards::{Dashboard, router};
use paybell_delivery::{EndpointId, EndpointOptions, MerchantId, Money, Payment, PaymentId, Timestamp};
use paybell_store::engine::AcceptTerms;
use paybell_store::manage::{Actor, KeyRecord, KeyRole, NewEndpoint, Secret};
use paybell_store::{Clock, Ledger, Sealer, SqliteLedger, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

const HOSTILE: &str = "<script>alert(1)</script>";

/// Here a key is the name of its record, and the id follows from the name.
fn is_key_of(key: &str, record: &KeyRecord) -> bool {
    key == record.name
}

fn key_id(key: &str) -> Option<Uuid> {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(key.bytes()).for_each(|(byte, letter)| *byte = letter);
    (!key.is_empty()).then(|| Uuid::from_bytes(bytes))
}

struct Page {
    status: StatusCode,
    challenged: bool,
    strict: bool,
    body: String,
}

async fn get(dashboard: &Dashboard, uri: &str, key: Option<&str>) -> Page {
    let mut request = Request::get(uri);
    if let Some(key) = key {
        request = request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(format!("me:{key}"))));
    }
    let request = request.body(Body::empty()).expect("a request");
    let response = router(dashboard.clone()).oneshot(request).await.expect("infallible");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Page {
        status: head.status,
        challenged: head.headers.contains_key(WWW_AUTHENTICATE),
        strict: head.headers.get(CONTENT_SECURITY_POLICY).is_some_and(|policy| {
            policy.to_str().is_ok_and(|policy| policy.contains("default-src 'none'") && !policy.contains("unsafe"))
        }),
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}

async fn dashboard() -> Result<(TempDir, Dashboard), StoreError> {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = SqliteLedger::open(&folder.path().join("db"), Sealer::new(&[7; 32])).await?;
    let ledger: Arc<dyn Ledger> = Arc::new(ledger);
    ledger.migrate().await?;
    let now = Clock::default().now();
    let actor = Actor { name: "test".to_owned(), now };
    for (name, role) in [("operator", KeyRole::Operator), ("gateway", KeyRole::Gateway), ("gone", KeyRole::Operator)] {
        let id = key_id(name).expect("an id");
        let key = KeyRecord { id, role, name: name.to_owned(), hash: vec![0; 32], created_at: now, revoked_at: None };
        ledger.create_key(&key, &actor).await?;
        if name == "gone" {
            ledger.revoke_key(id, &actor).await?;
        }
    }
    accept_one(&*ledger, now, &actor).await?;
    let mode = "embedded".to_owned();
    Ok((folder, Dashboard { ledger, clock: Arc::new(Clock::default()), mode, key_id, is_key_of }))
}

async fn accept_one(ledger: &dyn Ledger, now: Timestamp, actor: &Actor) -> Result<(), StoreError> {
    let merchant_id = MerchantId::new("shop").expect("an id");
    ledger.create_merchant(&merchant_id, HOSTILE, actor).await?;
    let endpoint = NewEndpoint {
        id: EndpointId(Uuid::now_v7()),
        merchant_id: merchant_id.clone(),
        url: "https://shop.example/paid".to_owned(),
        check_url: None,
        dialect: "standard".to_owned(),
        parameters: [].into(),
        options: EndpointOptions::default(),
        concurrency_max: 1,
        time_limit: None,
        lifetime: None,
    };
    let secret = Secret { value: "whsec_dGVzdA==".into(), created_at: now, ends_at: None };
    ledger.create_endpoint(&endpoint, &secret, actor).await?;
    let payment = Payment {
        id: PaymentId(Uuid::now_v7()),
        merchant_id,
        gateway_payment_id: "pay-7".to_owned(),
        kind: "payment.confirmed".to_owned(),
        pay_for: Some(HOSTILE.to_owned()),
        amount: Money { amount_minor: 100, currency: "EUR".parse().expect("a currency") },
        balance: None,
        method: None,
        description: None,
        payer_email: None,
        payer_phone: None,
        data: None,
        confirmed_at: now,
        accepted_at: now,
        test: false,
    };
    let terms = AcceptTerms { now, grace: Duration::from_secs(30), lifetime: Duration::from_secs(3600) };
    ledger.accept(&[payment], &terms).await.map(drop)
}

#[tokio::test]
async fn only_an_operators_valid_key_opens_the_page() -> Result<(), StoreError> {
    let (_folder, dashboard) = dashboard().await?;
    for key in [None, Some(""), Some("gateway"), Some("gone"), Some("nobody")] {
        let page = get(&dashboard, "/", key).await;
        assert_eq!((page.status, page.challenged), (StatusCode::UNAUTHORIZED, true), "{key:?}");
        assert!(page.strict && !page.body.contains("pay-7"), "{key:?}");
    }
    assert_eq!(get(&dashboard, "/", Some("operator")).await.status, StatusCode::OK);
    Ok(())
}

#[tokio::test]
async fn the_page_shows_figures_and_deliveries_and_escapes_what_merchants_wrote() -> Result<(), StoreError> {
    let (_folder, dashboard) = dashboard().await?;
    let page = get(&dashboard, "/", Some("operator")).await;
    assert!(page.strict && page.body.contains("<strong>1</strong> pending"), "{}", page.body);
    assert!(page.body.contains("pay-7") && page.body.contains("shop"), "{}", page.body);
    assert!(!page.body.contains("<script") && page.body.contains("&#60;script"), "{}", page.body);
    Ok(())
}

#[tokio::test]
async fn deliveries_are_shown_by_state() -> Result<(), StoreError> {
    let (_folder, dashboard) = dashboard().await?;
    assert!(get(&dashboard, "/?state=pending", Some("operator")).await.body.contains("pay-7"));
    assert!(get(&dashboard, "/?state=delivered", Some("operator")).await.body.contains("There is none."));
    assert_eq!(get(&dashboard, "/?state=x", Some("operator")).await.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn the_style_sheet_is_served_to_everybody() -> Result<(), StoreError> {
    let (_folder, dashboard) = dashboard().await?;
    assert_eq!(get(&dashboard, "/dashboard.css", None).await.status, StatusCode::OK);
    Ok(())
}
