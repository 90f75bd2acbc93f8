//! The scripted merchant does what its script says.

use anyhow::{Result, ensure};
use paybell_testkit::{Api, CountBy, Receiver, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(10);

fn caller(receiver: &Receiver) -> Api {
    Api::new(receiver.url(""), "")
}

#[tokio::test]
async fn each_message_gets_the_next_reply_and_the_last_repeats() -> Result<()> {
    let receiver = Receiver::start(vec![Reply::new(503, ""), Reply::new(200, "ok").header("x-shop", "7")])?;
    let api = caller(&receiver);
    let mut statuses = Vec::new();
    for message in [1, 2, 1, 1, 2] {
        let answer = api.post("/hook?a=b", &json!({ "message": message })).await?;
        ensure!((answer.status == 200) == (answer.headers.contains_key("x-shop")), "header of the wrong reply");
        statuses.push(answer.status);
    }
    ensure!(statuses == [503, 503, 200, 200, 200], "{statuses:?}");
    let requests = receiver.wait_for(5, SOON).await?;
    ensure!(requests.len() == 5 && requests[1].text() == r#"{"message":2}"#);
    ensure!(requests[0].path == "/hook?a=b" && requests[0].header("content-type") == Some("application/json"));
    ensure!(receiver.wait_for(6, Duration::from_millis(20)).await.is_err(), "a sixth request was seen");
    Ok(())
}

#[tokio::test]
async fn a_path_has_its_own_script_and_its_own_count() -> Result<()> {
    let receiver = Receiver::start(vec![])?.count_by(CountBy::Path);
    receiver.script("/b", vec![Reply::new(500, ""), Reply::new(410, "gone")]);
    let api = caller(&receiver);
    let mut answers = Vec::new();
    for (path, body) in [("/b", 1), ("/a", 2), ("/b", 3)] {
        let answer = api.post(path, &json!(body)).await?;
        answers.push((answer.status, answer.body));
    }
    ensure!(answers == [(500, Value::Null), (200, json!("ok")), (410, json!("gone"))], "{answers:?}");
    Ok(())
}

#[tokio::test]
async fn it_hangs_resets_and_delays_after_it_recorded() -> Result<()> {
    let late = Reply::ok().after(Duration::from_millis(50));
    let receiver = Receiver::start(vec![Reply::Reset, Reply::Hang, late])?.count_by(CountBy::Path);
    let api = caller(&receiver);
    let error = api.get("/").await.expect_err("the connection must be reset");
    ensure!(format!("{error:#}").contains("reset"), "{error:#}");
    let hanging = api.get("/");
    ensure!(tokio::time::timeout(Duration::from_millis(100), hanging).await.is_err(), "it answered");
    let began = Instant::now();
    ensure!(api.get("/").await?.status == 200 && began.elapsed() >= Duration::from_millis(50));
    ensure!(receiver.requests().len() == 3);
    Ok(())
}

#[tokio::test]
async fn a_stopped_receiver_refuses_and_one_on_its_port_answers() -> Result<()> {
    let mut first = Receiver::start(vec![])?;
    let api = caller(&first);
    ensure!(api.get("/").await?.status == 200);
    first.stop();
    ensure!(api.get("/").await.is_err(), "it still answers");
    let _second = Receiver::start_on(first.port(), vec![Reply::new(204, "")])?;
    ensure!(api.get("/").await?.status == 204);
    Ok(())
}
