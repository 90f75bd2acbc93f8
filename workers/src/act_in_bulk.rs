//! Bulk resends: a step at a time, beside the dispatcher, which finds what was made.

use crate::dispatch_due::{REST_MAX, REST_MIN};
use crate::{DispatchSettings, Engine};
use paybell_store::engine::AcceptTerms;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How many deliveries are resent or settled in one transaction.
const STEP: u32 = 500;
/// How long a step may take.
const STEP_WITHIN: Duration = Duration::from_secs(30);

/// Goes through the bulk acts until `stop`. One that fails is tried again after a rest.
pub(crate) async fn act_in_bulk(engine: &Engine, settings: &DispatchSettings, stop: &CancellationToken) {
    let mut failing = false;
    while !stop.is_cancelled() {
        let terms = AcceptTerms { now: engine.clock.now(), grace: settings.grace, lifetime: settings.lifetime };
        let rest = match tokio::time::timeout(STEP_WITHIN, engine.ledger.step_bulk_act(&terms, STEP)).await {
            Ok(Ok(step)) => {
                failing = false;
                if step.is_some() { REST_MIN } else { REST_MAX }
            }
            failed => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(?failed, "a bulk act failed; trying again");
                }
                REST_MAX
            }
        };
        let _ = stop.run_until_cancelled(tokio::time::sleep(rest)).await;
    }
}
