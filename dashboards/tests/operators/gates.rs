//! Who is let in, and how.

use crate::house::{Browser, House, PASSWORD, Seen};
use crate::pages::{Rooms, as_form};
use anyhow::{Context, Result};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use paybell_store::manage::{KeyRole, OperatorRole};

#[tokio::test]
async fn nobody_is_let_in_without_a_session() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let nobody = Browser::default();
    let forger = Browser { cookie: "paybell_session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(), ..nobody };
    for browser in [Browser::default(), forger] {
        for path in rooms.pages() {
            let seen = rooms.house.get(&browser, &path).await?;
            assert!(seen.leads_to()?.starts_with("/sign-in?to="), "{path}: {}", seen.location());
            assert_eq!(seen.text, "", "{path}");
        }
        for (path, fields) in rooms.acts() {
            let seen = rooms.house.post(&browser, &path, &as_form(&fields)).await?;
            // What was posted is lost, so there is no page of it to come back to.
            assert_eq!(seen.leads_to()?, "/sign-in?to=%2F", "{path}");
        }
        for (path, expected) in [
            ("%2F", StatusCode::UNAUTHORIZED),
            ("%2Fportal", StatusCode::UNAUTHORIZED),
            ("%2Fportal%2Fbrand.css", StatusCode::UNAUTHORIZED),
            ("%2Fsign-in", StatusCode::BAD_REQUEST),
        ] {
            let live = Request::get(format!("/live?path={path}")).header("cookie", &browser.cookie);
            assert_eq!(rooms.house.head_of(live.body(Body::empty())?).await?.0, expected, "{path}");
        }
    }
    let live = Request::get("/live?path=%2F").header("cookie", &rooms.operator.cookie).body(Body::empty())?;
    assert_eq!(rooms.house.head_of(live).await?.0, StatusCode::OK);
    let undelivered = rooms.house.state_of(&rooms.fill("{undelivered}")).await?;
    assert_eq!(undelivered, "undelivered", "nothing was done");
    Ok(())
}

#[tokio::test]
async fn people_sign_in_by_name_and_password_or_by_key() -> Result<()> {
    let house = House::new().await?;
    house.add("Ada", OperatorRole::Operator).await?;
    let (key, _) = house.key(KeyRole::Operator, "desk").await?;
    let (gateways, _) = house.key(KeyRole::Gateway, "till").await?;
    for fields in [[("name", "Ada"), ("password", PASSWORD)].as_slice(), &[("key", &key)]] {
        let browser = house.sign_in(fields).await?.context("it opens nothing")?;
        let page = house.get(&browser, "/").await?.page()?;
        assert!(page.contains(if fields.len() == 2 { "Ada" } else { "desk" }));
        let out = house.post(&browser, "/sign-out", &[]).await?;
        assert_eq!(out.leads_to()?, "/sign-in");
        assert!(house.get(&browser, "/").await?.leads_to()?.starts_with("/sign-in"), "the session is over");
    }
    let wrong = format!("{}0", &key[..key.len() - 1]);
    for fields in [
        [("name", "Ada"), ("password", "correct horse batterx")].as_slice(),
        &[("name", "Eve"), ("password", PASSWORD)],
        &[("name", "Ada")],
        &[("key", &gateways)],
        &[("key", if wrong == key { "pb" } else { &wrong })],
        &[("key", "nonsense")],
        &[],
    ] {
        let seen = house.post(&Browser::default(), "/sign-in", fields).await?;
        assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{fields:?}");
        assert!(seen.headers.get("set-cookie").is_none() && !seen.text.contains(PASSWORD), "{fields:?}");
        assert!(seen.text.contains("does not open anything"), "{}", seen.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_revoked_key_and_a_removed_operator_are_out_at_once() -> Result<()> {
    let house = House::new().await?;
    house.add("Ada", OperatorRole::Operator).await?;
    let (key, id) = house.key(KeyRole::Operator, "desk").await?;
    let by_key = house.sign_in(&[("key", &key)]).await?.context("the key opens nothing")?;
    let ada = [("name", "Ada"), ("password", PASSWORD)];
    let by_password = house.sign_in(&ada).await?.context("the password opens nothing")?;
    house.get(&by_key, "/keys").await?.page()?;
    house.post(&by_password, &format!("/keys/{id}/revoke"), &[]).await?.leads_to()?;
    assert_eq!(house.get(&by_key, "/keys").await?.status, StatusCode::SEE_OTHER);
    assert!(house.sign_in(&[("key", &key)]).await?.is_none());
    let left = house.post(&by_password, "/people/remove", &[("name", "Ada")]).await?;
    assert_eq!(left.leads_to()?, "/people?done=1");
    assert_eq!(house.get(&by_password, "/people").await?.status, StatusCode::SEE_OTHER);
    assert!(house.sign_in(&ada).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_is_not_looked_at_either() -> Result<()> {
    let house = House::new().await?;
    house.add("Ada", OperatorRole::Operator).await?;
    house.add("Bob", OperatorRole::Viewer).await?;
    let try_it = async |name: &str, password: &str| -> Result<StatusCode> {
        let fields = [("name", name), ("password", password)];
        Ok(house.post(&Browser::default(), "/sign-in", &fields).await?.status)
    };
    for _ in 0..10 {
        assert_eq!(try_it("Ada", "wrong, wrong, wrong").await?, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(try_it("Ada", PASSWORD).await?, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(try_it("Bob", PASSWORD).await?, StatusCode::SEE_OTHER);
    Ok(())
}

#[tokio::test]
async fn guesses_that_come_at_once_are_counted_too() -> Result<()> {
    let house = House::new().await?;
    house.add("Ada", OperatorRole::Operator).await?;
    let guess = || async {
        let fields = [("name", "Ada"), ("password", "wrong, wrong, wrong")];
        anyhow::Ok(house.post(&Browser::default(), "/sign-in", &fields).await?.status)
    };
    let all = futures_util::future::try_join_all((0..40).map(|_| guess())).await?;
    let looked_at = all.iter().filter(|status| **status == StatusCode::UNAUTHORIZED).count();
    assert_eq!(looked_at, 10);
    Ok(())
}

#[tokio::test]
async fn forms_from_elsewhere_are_refused() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let from = |site: &[(&str, &str)], path: &str| -> Result<Request<Body>> {
        let request = Request::post(path).header("host", "paybell.test").header("cookie", &rooms.operator.cookie);
        let request = site.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        Ok(request.body(Body::empty())?)
    };
    let open = ["/sign-in".to_owned(), "/sign-out".to_owned(), "/live".to_owned()];
    for path in rooms.acts().into_iter().map(|(path, _)| path).chain(open) {
        for site in [
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")].as_slice(),
            &[("sec-fetch-site", "same-site"), ("origin", "https://paybell.test")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://paybell.test.evil.example")],
            &[("origin", "null")],
            &[],
        ] {
            let seen = rooms.house.send(from(site, &path)?).await?;
            assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path} {site:?}");
        }
    }
    rooms.house.get(&rooms.operator, "/").await?.page()?;
    assert_eq!(rooms.house.state_of(&rooms.fill("{undelivered}")).await?, "undelivered");
    let own = from(&[("sec-fetch-site", "same-origin")], &rooms.fill("/deliveries/{undelivered}/resend"))?;
    rooms.house.send(own).await?.leads_to()?;
    Ok(())
}

#[tokio::test]
async fn no_link_leads_to_another_site() -> Result<()> {
    let house = House::new().await?;
    let (key, _) = house.key(KeyRole::Operator, "desk").await?;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for foreign in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/\u{1}x",
        "x",
    ] {
        let seen = house.post(&Browser::default(), "/sign-in", &[("key", &key), ("to", foreign)]).await?;
        assert_eq!(seen.leads_to()?, "/", "to={foreign:?}");
        let chosen = house.get(&Browser::default(), &format!("/language?to=ru&back={}", encode(foreign))).await?;
        assert_eq!(chosen.leads_to()?, "/", "back={foreign:?}");
        let browser = house.sign_in(&[("key", &key)]).await?.context("the key opens nothing")?;
        let acted = house.post(&browser, "/undelivered/act", &[("what", "resend"), ("back", foreign)]).await?;
        assert!(acted.leads_to()?.starts_with("/?refused="), "back={foreign:?}");
    }
    let kept = house.post(&Browser::default(), "/sign-in", &[("key", &key), ("to", "/retries?within_h=6")]).await?;
    assert_eq!(kept.leads_to()?, "/retries?within_h=6");
    Ok(())
}

#[tokio::test]
async fn every_answer_keeps_browsers_strict() -> Result<()> {
    let rooms = Rooms::furnished().await?;
    let get = async |path: &str| rooms.house.get(&rooms.operator, path).await;
    let mut all: Vec<(String, Seen)> = Vec::new();
    let others = ["/sign-in", "/assets/paybell.css", "/assets/live.js", "/deliveries/nonsense", "/language?to=ru"];
    for path in rooms.pages().iter().map(String::as_str).chain(others) {
        all.push((path.to_owned(), get(path).await?));
    }
    all.push(("POST /keys".to_owned(), rooms.house.post(&rooms.operator, "/keys", &[("name", "x")]).await?));
    all.push(("signed out".to_owned(), rooms.house.get(&Browser::default(), "/").await?));
    for (path, seen) in all {
        let header = |name: &str| seen.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let policy = header("content-security-policy");
        for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        let strict = (header("x-frame-options"), header("x-content-type-options"), header("referrer-policy"));
        assert_eq!(strict, ("DENY", "nosniff", "same-origin"), "{path}");
        let kept = if path.starts_with("/assets") { "public, max-age=60" } else { "no-store" };
        assert_eq!(header("cache-control"), kept, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn a_path_that_nothing_has_is_a_page_for_people_and_a_problem_for_programs() -> Result<()> {
    let house = House::new().await?;
    for (path, accept, kind) in [
        ("/nothing", "text/html,application/xhtml+xml", "text/html"),
        ("/portal/nothing", "text/html", "text/html"),
        ("/nothing", "*/*", "application/problem+json"),
        ("/v1/nothing", "text/html", "application/problem+json"),
    ] {
        let request = Request::get(path).header("accept", accept).body(Body::empty())?;
        let (status, headers) = house.head_of(request).await?;
        let found = headers.get("content-type").map_or(&b""[..], |value| value.as_bytes());
        assert!(status == StatusCode::NOT_FOUND && found.starts_with(kind.as_bytes()), "{path} {accept}: {headers:?}");
        let is_page = kind == "text/html";
        assert_eq!(headers.contains_key("content-security-policy"), is_page, "{path} {accept}: {headers:?}");
    }
    Ok(())
}
