//! Claim: deliveries for an attempt each, with all that must be sent, in one transaction.

use super::shared::rows;
use super::{SqliteLedger, json};
use crate::Result;
use crate::engine::Claim;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{DeliveryId, Job, Timestamp};
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "claim deliveries";

/// The deliveries of the batch `$1` that may be claimed at `$2`.
macro_rules! claimable {
    () => {
        " FROM jsonb_each($1) job
        CROSS JOIN deliveries d ON d.id = unhex(job.value ->> 0)
        CROSS JOIN endpoints e ON e.id = d.endpoint_id
        WHERE d.state = 'pending' AND d.attempts = job.value ->> 1
            AND (d.claimed_until IS NULL OR d.claimed_until <= $2)
            AND d.deadline_at > $2 AND e.paused_at IS NULL AND e.deleted_at IS NULL
            AND (e.failing_since IS NULL OR e.probing = d.id)"
    };
}

/// A claim that ran out without a record is written down first.
const WRITE_LAPSED: &str = concat!(
    "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail) SELECT d.id, d.attempts, d.claimed_at, ",
    unknown_attempt!(),
    claimable!(),
    " AND d.claimed_at IS NOT NULL ON CONFLICT (delivery_id, number) DO NOTHING"
);

const TAKE: &str = concat!(
    "UPDATE deliveries
    SET attempts = attempts + 1, claimed_at = $2, claimed_until = $2 + $3, due_at = min(due_at, $2 + $3),
        in_doubt = in_doubt OR claimed_at IS NOT NULL
    WHERE id IN (SELECT d.id",
    claimable!(),
    ") RETURNING id"
);

const READ: &str = concat!(
    "SELECT d.id AS delivery_id, d.endpoint_id, e.version, d.attempts, d.in_doubt, d.created_at, d.deadline_at,
        d.claimed_at, iif(e.failing_since IS NULL, NULL, e.probes) AS failed_probes, ",
    payment_columns!(),
    " FROM jsonb_each($1) item
    CROSS JOIN deliveries d ON d.id = unhex(item.value)
    CROSS JOIN payments p ON p.id = d.payment_id
    CROSS JOIN endpoints e ON e.id = d.endpoint_id"
);

const GIVE_BACK: &str = "
UPDATE deliveries SET attempts = attempts - 1, claimed_at = NULL, claimed_until = NULL
WHERE id IN (SELECT unhex(value) FROM jsonb_each($1)) AND state = 'pending' AND claimed_at = $2";

impl SqliteLedger {
    pub(super) async fn give_back(&self, deliveries: &[DeliveryId], claimed_at: Timestamp) -> Result<()> {
        const ACT: &str = "give claims back";
        let ids: Vec<_> = deliveries.iter().map(|id| id.0.simple().to_string()).collect();
        let mut tx = self.begin(ACT).await?;
        sqlx::query(GIVE_BACK).bind(json(&ids)?).bind(claimed_at.0).execute(&mut *tx).await.doing(ACT)?;
        tx.commit().await.doing(ACT)
    }

    pub(super) async fn claim(&self, jobs: &[Job], now: Timestamp, visibility: Duration) -> Result<Vec<Claim>> {
        let batch = ids_and_attempts(jobs)?;
        let mut tx = self.begin(ACT).await?;
        sqlx::query(WRITE_LAPSED).bind(batch.as_str()).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        let take = sqlx::query(TAKE).bind(batch).bind(now.0).bind(micros(visibility));
        let taken = take.fetch_all(&mut *tx).await.doing(ACT)?;
        let mut ids = Vec::with_capacity(taken.len());
        for row in &taken {
            ids.push(row.try_get::<Uuid, _>("id").doing(ACT)?.simple().to_string());
        }
        let won = sqlx::query(READ).bind(json(&ids)?).fetch_all(&mut *tx).await.doing(ACT)?;
        tx.commit().await.doing(ACT)?;
        Ok(rows::claims(jobs, &won))
    }
}

pub(super) fn ids_and_attempts(jobs: &[Job]) -> Result<String> {
    let batch: Vec<_> = jobs.iter().map(|job| (job.delivery_id.0.simple().to_string(), job.attempts)).collect();
    json(&batch)
}
