//! Release: what was parked is handed out once its endpoint takes deliveries again, and the probes of failing ones.

use super::shared::rows;
use super::{SqliteLedger, ids};
use crate::Result;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{EndpointId, Job, RELEASE_EVERY, Timestamp};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection, SqliteExecutor};
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "release parked deliveries";

/// Some of them, by chance, so that each has its turn. Those in a ramp have theirs each `$3`; another process' clock may be
/// some seconds ahead.
const OPEN: &str = "
SELECT id, reopened_at FROM endpoints INDEXED BY endpoints_parked
WHERE parked AND paused_at IS NULL AND deleted_at IS NULL AND failing_since IS NULL
    AND id NOT IN (SELECT unhex(value) FROM jsonb_each($1))
    AND (released_at IS NULL OR released_at NOT BETWEEN $2 - $3 + 1 AND $2 + 5000000)
ORDER BY random() LIMIT 20";

/// What is parked for the endpoint `$1` with a deadline after `$2`.
macro_rules! parked {
    ($order:literal) => {
        concat!(
            "SELECT d.id AS delivery_id, d.endpoint_id, d.attempts, e.concurrency_max
            FROM deliveries d INDEXED BY deliveries_parked CROSS JOIN endpoints e ON e.id = d.endpoint_id
            WHERE d.endpoint_id = $1 AND d.state = 'pending' AND d.claimed_until IS NULL AND d.due_at = d.deadline_at
                AND d.deadline_at > $2 ORDER BY ",
            $order,
            " LIMIT $3"
        )
    };
}

const NEAREST: &str = parked!("d.deadline_at, d.id");
const FARTHEST: &str = parked!("d.deadline_at DESC, d.id DESC");

const HAND_OUT: &str = "UPDATE deliveries SET due_at = $2 + min($3, (deadline_at - $2) / 2) WHERE id = $1";

const CLEAR: &str = "
UPDATE endpoints SET parked = 0
WHERE id = $1 AND NOT EXISTS (
    SELECT 1 FROM deliveries INDEXED BY deliveries_parked
    WHERE endpoint_id = $1 AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at AND deadline_at > $2
)";

/// What is accepted for an endpoint is no longer parked at once: it takes deliveries, or there is nothing to probe it with.
const PARK_NO_MORE: &str = "DELETE FROM endpoints_that_park WHERE endpoint_id = $1";

const NOTE_RAMP: &str = "UPDATE endpoints SET released_at = $2 WHERE id = $1";

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
        if open(self.reader(), &crowded, now).await?.is_empty() {
            return Ok(Vec::new());
        }
        let mut released = Vec::new();
        let mut tx = self.begin(ACT).await?;
        for row in open(&mut *tx, &crowded, now).await? {
            let (endpoint, ramp) = rows::open(&row, now)?;
            let limit = ramp.unwrap_or(limit).min(limit);
            let jobs = find(&mut tx, NEAREST, endpoint, now, limit).await?;
            released.extend(hand_out(&mut tx, jobs, now, visibility).await?);
            if ramp.is_some() {
                sqlx::query(NOTE_RAMP).bind(endpoint).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
            }
            sqlx::query(PARK_NO_MORE).bind(endpoint).execute(&mut *tx).await.doing(ACT)?;
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
            // The nearest deadline that leaves time for an attempt; where none does, the farthest.
            let mut jobs = find(&mut tx, NEAREST, endpoint, now + visibility, 1).await?;
            if jobs.is_empty() {
                jobs = find(&mut tx, FARTHEST, endpoint, now, 1).await?;
            }
            let job = hand_out(&mut tx, jobs, now, visibility).await?.pop();
            if job.is_none() {
                sqlx::query(PARK_NO_MORE).bind(endpoint).execute(&mut *tx).await.doing(ACT)?;
            }
            let ask = sqlx::query(ASK).bind(endpoint).bind(job.map(|job| job.delivery_id.0));
            ask.bind((now + visibility).0).execute(&mut *tx).await.doing(ACT)?;
            probes.extend(job);
        }
        tx.commit().await.doing(ACT)?;
        Ok(probes)
    }
}

async fn find(
    tx: &mut SqliteConnection,
    parked: &'static str,
    endpoint: Uuid,
    after: Timestamp,
    limit: u32,
) -> Result<Vec<Job>> {
    let parked = sqlx::query(parked).bind(endpoint).bind(after.0).bind(i64::from(limit));
    parked.fetch_all(tx).await.doing(ACT)?.iter().map(rows::job).collect()
}

async fn hand_out(tx: &mut SqliteConnection, jobs: Vec<Job>, now: Timestamp, visibility: Duration) -> Result<Vec<Job>> {
    for job in &jobs {
        let hand_out = sqlx::query(HAND_OUT).bind(job.delivery_id.0).bind(now.0).bind(micros(visibility));
        hand_out.execute(&mut *tx).await.doing(ACT)?;
    }
    Ok(jobs)
}

async fn open(from: impl SqliteExecutor<'_>, crowded: &str, now: Timestamp) -> Result<Vec<SqliteRow>> {
    let open = sqlx::query(OPEN).bind(crowded.to_owned()).bind(now.0).bind(micros(RELEASE_EVERY));
    open.fetch_all(from).await.doing(ACT)
}

async fn to_probe(from: impl SqliteExecutor<'_>, now: Timestamp, limit: u32) -> Result<Vec<Uuid>> {
    let rows = sqlx::query(TO_PROBE).bind(now.0).bind(i64::from(limit)).fetch_all(from).await.doing(ACT)?;
    rows.iter().map(|row| row.try_get(0).doing(ACT)).collect()
}
