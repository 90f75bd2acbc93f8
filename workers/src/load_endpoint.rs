//! Endpoints with their secrets, kept in memory as long as the version that a claim reads is the same.

use paybell_delivery::{Endpoint, EndpointId, Timestamp};
use paybell_dialects::Dialect;
use paybell_store::engine::ClaimedDelivery;
use paybell_store::manage::{EndpointForAttempt, Secret};
use paybell_store::{Coalesced, StoreError};
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use std::sync::Arc;

/// The most endpoints kept: some hundred megabytes.
const KEPT_MAX: usize = 100_000;

/// An endpoint as an attempt needs it.
pub(crate) struct LoadedEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) dialect: Dialect,
    secrets: Vec<Secret>,
}

impl LoadedEndpoint {
    /// The secrets to sign with at `now`: the current one first, then those still in their overlap.
    pub(crate) fn secrets_at(&self, now: Timestamp) -> Vec<&str> {
        let mut secrets: Vec<&Secret> =
            self.secrets.iter().filter(|secret| secret.ends_at.is_none_or(|end| now < end)).collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse((secret.ends_at.is_none(), secret.created_at)));
        secrets.into_iter().map(|secret| secret.value.expose_secret()).collect()
    }
}

/// The endpoints that were used last.
pub struct EndpointCache(Cache<EndpointId, Arc<LoadedEndpoint>>);

impl Default for EndpointCache {
    fn default() -> Self {
        Self(Cache::new(KEPT_MAX))
    }
}

impl EndpointCache {
    /// The endpoint of a claimed delivery, no older than the claim.
    pub(crate) async fn load(
        &self,
        coalesced: &Coalesced,
        claimed: &ClaimedDelivery,
    ) -> Result<Arc<LoadedEndpoint>, Arc<StoreError>> {
        let current = |kept: &Arc<LoadedEndpoint>| kept.endpoint.version >= claimed.endpoint_version;
        if let Some(kept) = self.0.get(&claimed.endpoint_id).filter(current) {
            return Ok(kept);
        }
        let found = coalesced.endpoint(claimed.endpoint_id).await?;
        let dialect = dialect_of(&found)?;
        let loaded = Arc::new(LoadedEndpoint { endpoint: found.endpoint, dialect, secrets: found.secrets });
        self.0.insert(claimed.endpoint_id, loaded.clone());
        Ok(loaded)
    }
}

fn dialect_of(found: &EndpointForAttempt) -> Result<Dialect, StoreError> {
    let Endpoint { id, dialect, .. } = &found.endpoint;
    match &found.dialect {
        Some(stored) => Dialect::from_json(&stored.definition)
            .map_err(|error| StoreError::Unreadable(format!("the dialect {dialect} of endpoint {id}: {error}"))),
        None => Dialect::named(dialect)
            .cloned()
            .ok_or_else(|| StoreError::Unreadable(format!("endpoint {id} has the unknown dialect {dialect:?}"))),
    }
}
