//! Release: what was parked is handed out once its endpoint takes deliveries again, and the probes of failing ones.

use super::shared::rows;
use super::{SqliteLedger, ids};
use crate::Result;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{EndpointId, Job, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqliteExecutor};
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "release parked deliveries";

/// Some of them, by chance, so that each has its turn.
const OPEN: &str = "
SELECT id FROM endpoints INDEXED BY endpoints_parked
WHERE parked AND paused_at IS NULL AND deleted_at IS NULL AND failing_since IS NULL
    AND id NOT IN (SELECT unhex(value) FROM json_each($1))
ORDER BY random() LIMIT 20";

const PARKED: &str = "
SELECT d.id AS delivery_id, d.endpoint_id, d.attempts, e.concurrency_max, e.reopened_at
FROM deliveries d INDEXED BY deliveries_parked CROSS JOIN endpoints e ON e.id = d.endpoint_id
WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.claimed_until IS NULL AND d.due_at = d.deadline_at
    AND d.deadline_at > $2
ORDER BY d.deadline_at, d.id LIMIT $3";

const HAND_OUT: &str = "UPDATE deliveries SET due_at = $2 + min($3, (deadline_at - $2) / 2) WHERE id = $1";

const CLEAR: &str = "
UPDATE endpoints SET parked = 0
WHERE id = $1 AND NOT EXISTS (
    SELECT 1 FROM deliveries INDEXED BY deliveries_parked
    WHERE endpoint_id = $1 AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at AND deadline_at > $2
)";

const TO_PROBE: &str = "
SELECT id FROM endpoints INDEXED BY endpoints_to_probe
WHERE probe_at IS NOT NULL AND probe_at <= $1 AND paused_at IS NULL AND deleted_at IS NULL ORDER BY probe_at LIMIT $2";

/// An endpoint that has nothing to be probed with is not looked at again until something is parked for it.
const ASK: &str = "UPDATE endpoints SET probing = $2, probe_at = iif($2 IS NULL, NULL, $3) WHERE id = $1";

impl SqliteLedger {
    pub(super) async fn release_parked(
        &self,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Vec<Job>> {
        let crowded = ids(crowded)?;
        // A pass that finds nothing does not take the writer.
        if open(self.reader(), &crowded).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut released = Vec::new();
        let mut tx = self.begin(ACT).await?;
        for endpoint in open(&mut *tx, &crowded).await? {
            released.extend(hand_out(&mut tx, endpoint, now, visibility, limit).await?);
            sqlx::query(CLEAR).bind(endpoint).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(released)
    }

    pub(super) async fn take_probes(&self, now: Timestamp, visibility: Duration, limit: u32) -> Result<Vec<Job>> {
        if to_probe(self.reader(), now, limit).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut probes = Vec::new();
        let mut tx = self.begin(ACT).await?;
        for endpoint in to_probe(&mut *tx, now, limit).await? {
            let job = hand_out(&mut tx, endpoint, now, visibility, 1).await?.pop();
            let ask = sqlx::query(ASK).bind(endpoint).bind(job.map(|job| job.delivery_id.0));
            ask.bind((now + visibility).0).execute(&mut *tx).await.doing(ACT)?;
            probes.extend(job);
        }
        tx.commit().await.doing(ACT)?;
        Ok(probes)
    }
}

async fn hand_out(
    tx: &mut SqliteConnection,
    endpoint: Uuid,
    now: Timestamp,
    visibility: Duration,
    limit: u32,
) -> Result<Vec<Job>> {
    let parked = sqlx::query(PARKED).bind(endpoint).bind(now.0).bind(i64::from(limit));
    let parked = parked.fetch_all(&mut *tx).await.doing(ACT)?;
    let jobs: Vec<Job> = parked.iter().map(|row| rows::job(row, now)).collect::<Result<_>>()?;
    for job in &jobs {
        let hand_out = sqlx::query(HAND_OUT).bind(job.delivery_id.0).bind(now.0).bind(micros(visibility));
        hand_out.execute(&mut *tx).await.doing(ACT)?;
    }
    Ok(jobs)
}

async fn open(from: impl SqliteExecutor<'_>, crowded: &str) -> Result<Vec<Uuid>> {
    first_column(&sqlx::query(OPEN).bind(crowded).fetch_all(from).await.doing(ACT)?)
}

async fn to_probe(from: impl SqliteExecutor<'_>, now: Timestamp, limit: u32) -> Result<Vec<Uuid>> {
    first_column(&sqlx::query(TO_PROBE).bind(now.0).bind(i64::from(limit)).fetch_all(from).await.doing(ACT)?)
}

fn first_column(rows: &[SqliteRow]) -> Result<Vec<Uuid>> {
    rows.iter().map(|row| row.try_get(0).doing(ACT)).collect()
}
