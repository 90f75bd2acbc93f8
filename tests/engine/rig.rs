//! One engine with fast retries, in either mode, and a merchant.

use anyhow::Result;
use paybell_testkit::{Api, Engine, EngineBuilder, Postgres, Receiver, Redis, Reply};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// Long enough for any state to be reached on a slow and busy machine; nothing waits for all of it when all is well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

/// In which mode the engine runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    Embedded,
    Production,
}

/// An engine, its merchant `shop`, and the merchant's server.
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) receiver: Receiver,
    pub(crate) endpoint: String,
    /// The queue of a production engine: its own server, as tests flush and kill it.
    pub(crate) redis: Option<Redis>,
    _data: TempDir,
}

impl Rig {
    /// With a merchant that answers each payment by the script, whose last reply repeats.
    pub(crate) async fn start(mode: Mode, dialect: &str, script: Vec<Reply>) -> Result<Rig> {
        Self::start_with(mode, dialect, script, json!({}), |settings| settings).await
    }

    /// With more fields of the endpoint and other settings.
    pub(crate) async fn start_with(
        mode: Mode,
        dialect: &str,
        script: Vec<Reply>,
        endpoint: Value,
        settings: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Result<Rig> {
        let data = TempDir::with_prefix("paybell-tests-")?;
        let (builder, redis) = match mode {
            Mode::Embedded => (Engine::embedded(data.path()), None),
            Mode::Production => {
                let redis = Redis::start()?;
                let database = Postgres::shared().await?.create_database().await?;
                (Engine::production(&database, &redis.url()), Some(redis))
            }
        };
        let quick = builder
            .setting("PAYBELL_RETRY_INITIAL", "200ms")
            .setting("PAYBELL_RETRY_CAP", "1s")
            .setting("PAYBELL_GRACE", "1s")
            .setting("PAYBELL_TIME_LIMIT", "2s")
            .setting("PAYBELL_VISIBILITY", "8s");
        let engine = settings(quick).start().await?;
        let receiver = Receiver::start(script)?;
        engine.api().create_merchant("shop").await?;
        let (endpoint, _) = engine.api().create_endpoint("shop", &receiver.url("/hook"), dialect, endpoint).await?;
        Ok(Rig { engine, receiver, endpoint, redis, _data: data })
    }

    pub(crate) fn api(&self) -> &Api {
        self.engine.api()
    }

    /// Sends a payment; answers the id of its one delivery.
    pub(crate) async fn pay(&self, id: &str) -> Result<String> {
        let accepted = self.api().pay("shop", id, Value::Null).await?;
        anyhow::ensure!(accepted.deliveries.len() == 1, "one delivery: {accepted:?}");
        Ok(accepted.deliveries.into_iter().next().unwrap_or_default())
    }

    /// Waits until the delivery has the state; answers it with its attempts.
    pub(crate) async fn wait(&self, delivery: &str, state: &str) -> Result<Value> {
        self.api().wait_delivery_state(delivery, state, PATIENCE).await
    }
}

/// The outcomes of a delivery's attempts, in order; fails when they are not numbered 1, 2, 3 ….
pub(crate) fn outcomes(delivery: &Value) -> Vec<&str> {
    let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt["number"], number, "attempts are numbered without gaps: {delivery:#}");
    }
    attempts.iter().filter_map(|attempt| attempt["outcome"].as_str()).collect()
}

/// Makes a test for each mode of `async fn NAME(mode: Mode) -> Result<()>`.
macro_rules! in_both_modes {
    ($($name:ident),+ $(,)?) => {
        mod embedded { $(#[tokio::test(flavor = "multi_thread")] async fn $name() -> anyhow::Result<()> {
            super::$name($crate::rig::Mode::Embedded).await
        })+ }
        mod production { $(#[tokio::test(flavor = "multi_thread")] async fn $name() -> anyhow::Result<()> {
            super::$name($crate::rig::Mode::Production).await
        })+ }
    };
}
pub(crate) use in_both_modes;
