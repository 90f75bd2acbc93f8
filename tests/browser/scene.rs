//! An engine with real traffic: merchants who acknowledge, fail, hang, cannot be reached, answer with what would harm a
//! careless page, and are paused; hundreds of payments with order references; some given up, some settled by hand.

use crate::browser::PATIENCE;
use anyhow::{Context, Result, ensure};
use paybell_testkit::{Api, Engine, EngineBuilder, Postgres, Receiver, Redis, Reply, eventually, free_port};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// What a hostile merchant answers and is told of: all of it must be shown as text.
pub(crate) const HOSTILE: &str = "<script>window.paybellWasHarmed='script'</script>\
    \"><img src=x onerror=\"window.paybellWasHarmed='img'\"><a href=\"javascript:window.paybellWasHarmed='link'\">ok</a>\
    </pre></td></table><base href=\"https://elsewhere.example/\"><style>*{display:none!important}</style>\u{202e}ko\u{202c}";
/// An order reference as hostile as what that merchant answers.
pub(crate) const HOSTILE_ORDER: &str = "\"><img src=x onerror=\"window.paybellWasHarmed='order'\">";
/// The answer of the merchant who writes much: 64 KiB, of several bytes a character.
const LONG_CHARACTER: char = 'щ';

/// In which mode the engine runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Embedded,
    Production,
}

/// The engine with all that it is connected to.
pub(crate) struct Scene {
    pub(crate) engine: Engine,
    pub(crate) receiver: Receiver,
    /// An operator's key.
    pub(crate) key: String,
    /// The endpoints' ids by their merchants'.
    pub(crate) endpoints: BTreeMap<String, String>,
    _redis: Option<Redis>,
    _data: TempDir,
}

/// A merchant, its dialect, what its server does, and how many payments it has. Its path is `/` and its id.
struct Shop {
    id: &'static str,
    name: &'static str,
    dialect: &'static str,
    reply: Option<Reply>,
    fields: Value,
    payments: usize,
    currency: &'static str,
}

/// The field of an endpoint whose deliveries live so long.
fn hours(hours: u32) -> Value {
    json!({ "lifetime_s": hours * 3600 })
}

fn shops() -> Vec<Shop> {
    let shop = |id, name, reply, payments| Shop {
        id,
        name,
        dialect: "standard",
        reply: Some(reply),
        fields: json!({}),
        payments,
        currency: "EUR",
    };
    let long: String = std::iter::repeat_n(LONG_CHARACTER, 32 * 1024).collect();
    vec![
        shop("tea-and-co", "Tea & Co.", Reply::new(204, ""), 160),
        Shop { dialect: "ok-body", currency: "RUB", ..shop("chitalnya", "Читальня", Reply::ok(), 90) },
        shop("bike-works", "Bike Works", Reply::new(503, "down for maintenance"), 24),
        Shop { currency: "USD", fields: hours(1), ..shop("slow-garden", "Slow Garden", Reply::Hang, 4) },
        Shop { reply: None, currency: "JPY", fields: hours(5), ..shop("moved-away", "Moved Away", Reply::ok(), 5) },
        Shop {
            fields: json!({ "lifetime_s": 2 }),
            ..shop("gone-quiet", "Gone Quiet", Reply::new(404, "no such page"), 6)
        },
        shop("on-holiday", "On Holiday", Reply::ok(), 8),
        Shop { dialect: "ok-body", ..shop("hostile", "\"><b>Hostile</b>", Reply::new(200, HOSTILE), 1) },
        Shop { dialect: "ok-body", ..shop("wordy", "Wordy", Reply::new(200, long), 1) },
    ]
}

impl Scene {
    /// An engine whose merchants are there and have no payments yet.
    pub(crate) async fn empty(mode: Mode, settings: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Result<Scene> {
        let data = TempDir::with_prefix("paybell-scene-")?;
        let (builder, redis) = match mode {
            Mode::Embedded => (Engine::embedded(data.path()), None),
            Mode::Production => {
                let redis = Redis::start()?;
                let database = Postgres::shared().await?.create_database().await?;
                (Engine::production(&database, &redis.url()), Some(redis))
            }
        };
        let quick = builder
            .setting("PAYBELL_RETRY_INITIAL", "300ms")
            .setting("PAYBELL_RETRY_CAP", "2s")
            .setting("PAYBELL_GRACE", "1s")
            .setting("PAYBELL_TIME_LIMIT", "2s")
            .setting("PAYBELL_VISIBILITY", "8s")
            .setting("PAYBELL_FAILING_AFTER", "1s");
        let engine = settings(quick).start().await?;
        let key = engine.create_key("operator")?;
        let receiver = Receiver::start(vec![Reply::ok()])?;
        let mut scene = Scene { engine, receiver, key, endpoints: BTreeMap::new(), _redis: redis, _data: data };
        for shop in shops() {
            scene.open_shop(&shop).await?;
        }
        Ok(scene)
    }

    /// With all its traffic, which has come to where it stays.
    pub(crate) async fn busy(mode: Mode) -> Result<Scene> {
        let scene = Scene::empty(mode, |settings| settings).await?;
        scene.api().post(&format!("/v1/endpoints/{}/pause", scene.endpoints["on-holiday"]), &json!({})).await?;
        for shop in shops() {
            let orders: Vec<Value> = (0..shop.payments).map(|n| payment(&shop, n)).collect::<Result<_>>()?;
            scene.hand_in(&orders).await?;
        }
        scene.settles_down().await?;
        Ok(scene)
    }

    pub(crate) fn api(&self) -> &Api {
        self.engine.api()
    }

    async fn open_shop(&mut self, shop: &Shop) -> Result<()> {
        self.api().post("/v1/merchants", &json!({ "id": shop.id, "name": shop.name })).await?.expect_success()?;
        let path = format!("/{}", shop.id);
        let url = match &shop.reply {
            Some(reply) => {
                self.receiver.script(&path, vec![reply.clone()]);
                self.receiver.url(&path)
            }
            None => format!("http://127.0.0.1:{}{path}", free_port()?),
        };
        let (id, _) = self.api().create_endpoint(shop.id, &url, shop.dialect, shop.fields.clone()).await?;
        self.endpoints.insert(shop.id.to_owned(), id);
        Ok(())
    }

    /// Hands in many payments at once; all must be accepted.
    pub(crate) async fn hand_in(&self, payments: &[Value]) -> Result<()> {
        for batch in payments.chunks(500) {
            let lines: String = batch.iter().map(|payment| format!("{payment}\n")).collect();
            let answer =
                self.api().send(http::Method::POST, "/v1/payments/batch", "application/x-ndjson", lines).await?;
            let text = answer.expect_status(200)?;
            let accepted = match &text {
                Value::String(text) => text.matches("\"status\":202").count(),
                one => usize::from(one["status"] == 202),
            };
            ensure!(accepted == batch.len(), "{accepted} of {} payments were accepted: {text}", batch.len());
        }
        Ok(())
    }

    /// The merchant whose deliveries were given up answers so from now on, and what is sent again has time.
    pub(crate) async fn mend_gone_quiet(&self, reply: Reply) -> Result<()> {
        self.receiver.script("/gone-quiet", vec![reply]);
        let path = format!("/v1/endpoints/{}", self.endpoints["gone-quiet"]);
        self.api().patch(&path, &json!({ "lifetime_s": null })).await?.expect_success().map(drop)
    }

    /// The deliveries of a merchant in a state, as the API lists them.
    pub(crate) async fn deliveries(&self, merchant: &str, state: &str) -> Result<Vec<Value>> {
        let list = self.api().get(&format!("/v1/deliveries?merchant={merchant}&state={state}&limit=100")).await?;
        Ok(list.expect_status(200)?["items"].as_array().cloned().unwrap_or_default())
    }

    /// Waits until a merchant has so many deliveries in a state; answers them, at most a hundred.
    pub(crate) async fn wait_for(&self, merchant: &str, state: &str, count: usize) -> Result<Vec<Value>> {
        let what = format!("{count} of {merchant} are {state}");
        eventually(&what, PATIENCE, async || {
            let found = self.deliveries(merchant, state).await?;
            Ok((found.len() >= count.min(100)).then_some(found))
        })
        .await
    }

    /// Waits until each merchant is where its trouble leads, and settles one delivery that was given up.
    async fn settles_down(&self) -> Result<()> {
        for (merchant, state, count) in [("tea-and-co", "delivered", 100), ("chitalnya", "delivered", 90)] {
            self.wait_for(merchant, state, count).await?;
        }
        let given_up = self.wait_for("gone-quiet", "undelivered", 6).await?;
        let id = given_up[0]["id"].as_str().context("a delivery has an id")?;
        let why = json!({ "who": "Ada", "note": "The shop has seen it in its own list." });
        self.api().post(&format!("/v1/deliveries/{id}/settle"), &why).await?.expect_success()?;
        let failing = format!("/v1/endpoints/{}", self.endpoints["bike-works"]);
        eventually("an endpoint is failing", PATIENCE, async || {
            Ok((!self.api().get(&failing).await?.body["failing"].is_null()).then_some(()))
        })
        .await
    }
}

/// A merchant's payment by its number.
fn payment(shop: &Shop, number: usize) -> Result<Value> {
    let order = match shop.id {
        "hostile" => HOSTILE_ORDER.to_owned(),
        id => order(id, number),
    };
    let amount = 990 + 730 * (number as u64 % 37);
    let more = json!({
        "pay_for": order, "amount": amount, "currency": shop.currency,
        "description": format!("Order of {}", shop.name), "method": "card",
    });
    Api::payment(shop.id, &format!("{}-{number}", shop.id), more)
}

/// The order reference of a merchant's payment by its number.
pub(crate) fn order(merchant: &str, number: usize) -> String {
    format!("order-{merchant}-{number}")
}
