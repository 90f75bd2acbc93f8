//! An endpoint as it is shown.

use crate::Served;
use crate::change_endpoint::OptionsBody;
use crate::problem::Answer;
use paybell_delivery::{Endpoint, EndpointId, Timestamp};
use paybell_store::manage::EndpointForAttempt;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// An endpoint: where and how a merchant is told.
#[derive(Serialize, ToSchema)]
#[schema(as = Endpoint)]
pub(crate) struct EndpointBody {
    #[schema(value_type = Uuid)]
    id: EndpointId,
    merchant: String,
    url: String,
    /// Where the question before a payment goes; `null` where it is not asked.
    check_url: Option<String>,
    dialect: String,
    /// What the dialect wants to know, by name.
    parameters: BTreeMap<String, String>,
    options: OptionsBody,
    /// The key that verifies its signatures, where its secret is the private key of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    /// How many attempts may be in flight at once.
    concurrency_max: u32,
    /// The time limit of one attempt in seconds; `null` for the engine's.
    time_limit_s: Option<u64>,
    /// How long a delivery may be attempted, in seconds; `null` for the engine's.
    lifetime_s: Option<u64>,
    /// Set while a person has paused it: its deliveries wait, and their deadlines go on.
    pause: Option<PauseBody>,
    /// Set while it does not answer: its deliveries wait, their deadlines go on, and one at a time goes out as a probe.
    failing: Option<FailingBody>,
    /// Grows with each change.
    version: i64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// Since when, and by whom, an endpoint is paused.
#[derive(Serialize, ToSchema)]
pub(crate) struct PauseBody {
    #[schema(format = DateTime)]
    at: String,
    by: String,
}

/// Since when an endpoint does not answer, and how it is probed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailingBody {
    #[schema(format = DateTime)]
    since: String,
    /// How many probes failed since then.
    probes_failed: u32,
    /// When the next probe goes out; `null` while no delivery waits to probe with.
    #[schema(format = DateTime)]
    next_probe_at: Option<String>,
}

/// An endpoint with a secret, which is never shown again.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointWithSecret {
    #[serde(flatten)]
    pub(crate) endpoint: EndpointBody,
    /// The secret that signs from now on. It is shown here only.
    pub(crate) secret: String,
}

impl From<Endpoint> for EndpointBody {
    fn from(endpoint: Endpoint) -> Self {
        Self {
            id: endpoint.id,
            merchant: endpoint.merchant_id.to_string(),
            url: endpoint.url,
            check_url: endpoint.check_url,
            dialect: endpoint.dialect,
            parameters: endpoint.parameters,
            options: endpoint.options.into(),
            public_key: None,
            concurrency_max: endpoint.concurrency_max,
            time_limit_s: endpoint.time_limit.map(|limit| limit.as_secs()),
            lifetime_s: endpoint.lifetime.map(|life| life.as_secs()),
            pause: endpoint.pause.map(|pause| PauseBody { at: pause.at.to_rfc3339(), by: pause.by }),
            failing: endpoint.failing.map(|failing| FailingBody {
                since: failing.since.to_rfc3339(),
                probes_failed: failing.probes,
                next_probe_at: failing.probe_at.map(Timestamp::to_rfc3339),
            }),
            version: endpoint.version,
            created_at: endpoint.created_at.to_rfc3339(),
            updated_at: endpoint.updated_at.to_rfc3339(),
        }
    }
}

impl EndpointBody {
    /// An endpoint with the key that verifies its signatures.
    pub(crate) fn with_public_key(endpoint: Endpoint, public_key: Option<String>) -> Self {
        Self { public_key, ..Self::from(endpoint) }
    }
}

impl Served {
    /// Endpoints as they are shown, with their public keys.
    pub(crate) async fn shown(&self, endpoints: Vec<Endpoint>) -> Answer<Vec<EndpointBody>> {
        let ids: Vec<EndpointId> = endpoints.iter().map(|endpoint| endpoint.id).collect();
        let found = self.ledger().endpoints_for_attempts(&ids).await?;
        let with_found = endpoints.into_iter().zip(&found);
        Ok(with_found.map(|(it, found)| EndpointBody::with_public_key(it, self.public_key_of(found))).collect())
    }

    /// One endpoint, likewise.
    pub(crate) async fn shown_one(&self, endpoint: Endpoint) -> Answer<EndpointBody> {
        let found = self.ledger().endpoint_for_attempt(endpoint.id).await?;
        Ok(EndpointBody::with_public_key(endpoint, self.public_key_of(&found)))
    }

    /// The public key of an endpoint's current secret, where that is a private key. What is stored as its dialect and
    /// cannot be read has none.
    pub(crate) fn public_key_of(&self, found: &EndpointForAttempt) -> Option<String> {
        let current = found.secrets.iter().find(|secret| secret.ends_at.is_none())?;
        self.dialects.of_endpoint(found).ok()?.public_key(current.value.expose_secret())
    }
}
