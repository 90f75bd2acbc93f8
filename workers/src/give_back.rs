//! Giving claims back of which no attempt was begun.

use crate::Engine;
use metrics::counter;
use paybell_delivery::{DeliveryId, Job, Timestamp};
use paybell_store::engine::ClaimedDelivery;
use std::collections::BTreeMap;

/// A claim, with the job that it was made for.
pub(crate) type Claimed = (Job, Box<ClaimedDelivery>);

/// Gives the claims back, so that others can have them, and then puts the jobs into their lanes. Where that fails they
/// come due again. Answers how many found no room in their lanes.
pub(crate) async fn leave_to_queue(engine: &Engine, claimed: Vec<Claimed>) -> usize {
    let mut by_claim: BTreeMap<Timestamp, Vec<DeliveryId>> = BTreeMap::new();
    for (job, claimed) in &claimed {
        by_claim.entry(claimed.claimed_at).or_default().push(job.delivery_id);
    }
    for (claimed_at, ids) in by_claim {
        counter!("paybell_claims_total", "result" => "given_back").increment(ids.len() as u64);
        if let Err(error) = engine.ledger.give_back(&ids, claimed_at).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(deliveries = ids.len(), error, "claims could not be given back; they run out");
            return 0;
        }
    }
    let as_before = |(job, claimed): &Claimed| Job { attempts: claimed.attempt.saturating_sub(1), ..*job };
    let jobs: Vec<Job> = claimed.iter().map(as_before).collect();
    engine.queue.push(&jobs).await.map_or(jobs.len(), |pushed| pushed.refused.len())
}
