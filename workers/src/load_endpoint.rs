//! Endpoints with their secrets, kept in memory as long as the version that a claim reads is the same.

use paybell_delivery::{EndpointId, Schedule};
use paybell_dialects::Dialect;
use paybell_store::engine::ClaimedDelivery;
use paybell_store::manage::EndpointForAttempt;
use paybell_store::{Coalesced, KnownDialects, StoreError};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// The most endpoints kept: some hundred megabytes.
const KEPT_MAX: usize = 100_000;

/// An endpoint as an attempt needs it.
pub(crate) struct LoadedEndpoint {
    pub(crate) read: EndpointForAttempt,
    pub(crate) dialect: Dialect,
}

impl LoadedEndpoint {
    /// The delays after the `attempt`-th attempt: the dialect's, or else the engine's.
    pub(crate) fn schedule(&self, attempt: u32, engines: Schedule) -> Schedule {
        let Some(own) = self.dialect.schedule() else { return engines };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let nth = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        if let Some(wait) = own.waits_s.get(nth).or(own.waits_s.last()) {
            return Schedule { initial: seconds(*wait), factor: 1.0, cap: seconds(*wait), ..engines };
        }
        Schedule {
            initial: own.initial_s.map_or(engines.initial, seconds),
            factor: own.factor.unwrap_or(engines.factor),
            cap: own.cap_s.map_or(engines.cap, seconds),
            ..engines
        }
    }
}

/// The endpoints that were used last, and the gateway's own dialects.
pub struct EndpointCache {
    endpoints: Cache<EndpointId, Arc<LoadedEndpoint>>,
    dialects: KnownDialects,
}

impl Default for EndpointCache {
    fn default() -> Self {
        Self { endpoints: Cache::new(KEPT_MAX), dialects: KnownDialects::default() }
    }
}

impl EndpointCache {
    /// The endpoint of a claimed delivery, no older than the claim.
    pub(crate) async fn load(
        &self,
        coalesced: &Coalesced,
        claimed: &ClaimedDelivery,
    ) -> Result<Arc<LoadedEndpoint>, Arc<StoreError>> {
        let current = |kept: &Arc<LoadedEndpoint>| kept.read.endpoint.version >= claimed.endpoint_version;
        if let Some(kept) = self.endpoints.get(&claimed.endpoint_id).filter(current) {
            return Ok(kept);
        }
        let read = coalesced.endpoint(claimed.endpoint_id).await?;
        let dialect = self.dialects.of_endpoint(&read)?;
        let loaded = Arc::new(LoadedEndpoint { read, dialect });
        self.endpoints.insert(claimed.endpoint_id, loaded.clone());
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paybell_delivery::{Endpoint, EndpointOptions};

    fn waits(schedule: &str, attempts: u32) -> Vec<u64> {
        let definition = Dialect::named("plain-200").expect("built in").definition_json();
        let mut definition: serde_json::Value = serde_json::from_str(&definition).expect("JSON");
        definition["name"] = "own".into();
        definition["schedule"] = serde_json::from_str(schedule).expect("JSON");
        let dialect = Dialect::from_json(&definition.to_string()).expect("a dialect");
        let endpoint = Endpoint {
            id: EndpointId(uuid::Uuid::nil()),
            merchant_id: paybell_delivery::MerchantId::new("shop").expect("an id"),
            url: String::new(),
            dialect: "own".to_owned(),
            options: EndpointOptions::default(),
            check_url: None,
            parameters: std::collections::BTreeMap::new(),
            concurrency_max: 1,
            time_limit: None,
            lifetime: None,
            pause: None,
            failing: None,
            version: 1,
            created_at: paybell_delivery::Timestamp(0),
            updated_at: paybell_delivery::Timestamp(0),
            deleted_at: None,
        };
        let loaded =
            LoadedEndpoint { read: EndpointForAttempt { endpoint, secrets: Vec::new(), dialect: None }, dialect };
        let engines = Schedule { jitter: 0.0, ..Schedule::default() };
        let (begin, end) =
            (paybell_delivery::Timestamp(0), paybell_delivery::Timestamp(0) + Duration::from_secs(200_000));
        let wait = |attempt| {
            let schedule = loaded.schedule(attempt, engines);
            let next = schedule.next_at(attempt, begin, (begin, end), Duration::from_secs(1), 0.0, None);
            next.expect("there is time").since(begin).as_secs()
        };
        (1..=attempts).map(wait).collect()
    }

    #[test]
    fn a_dialects_own_schedule_takes_the_place_of_the_engines() {
        assert_eq!(waits(r#"{ "waits_s": [60, 120, 300] }"#, 5), [60, 120, 300, 300, 300]);
        assert_eq!(waits(r#"{ "initial_s": 30, "factor": 3.0, "cap_s": 200 }"#, 4), [30, 90, 200, 200]);
        assert_eq!(waits("null", 4), [10, 20, 40, 80]);
    }
}
