//! Probe: one parked delivery of each failing endpoint whose probe is due is handed out.

use super::PostgresLedger;
use super::release::park_no_more;
use super::shared::rows;
use crate::Result;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{Job, Timestamp};
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "take probes";
/// When an endpoint is looked at again for which nothing was found.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The delivery whose deadline is nearest but leaves time for an attempt, so that it has its chance; where none does, the
/// one that has most time.
pub(super) const PROBE: &str = "
WITH failing AS (
    SELECT id, concurrency_max FROM endpoints
    WHERE probe_at <= $1 AND paused_at IS NULL AND deleted_at IS NULL
    ORDER BY probe_at LIMIT $3 FOR UPDATE SKIP LOCKED
), chosen AS (
    SELECT d.id, d.attempts, e.id AS endpoint_id
    FROM failing e CROSS JOIN LATERAL (
        SELECT id, attempts FROM deliveries
        WHERE id = COALESCE((
            SELECT id FROM deliveries
            WHERE endpoint_id = e.id AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at
                AND deadline_at > $1 + $2
            ORDER BY deadline_at, id LIMIT 1
        ), (
            SELECT id FROM deliveries
            WHERE endpoint_id = e.id AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at
                AND deadline_at > $1
            ORDER BY deadline_at DESC, id DESC LIMIT 1
        )) AND finished_at IS NULL AND claimed_until IS NULL AND due_at = deadline_at
        FOR UPDATE SKIP LOCKED
    ) d
), moved AS (
    UPDATE deliveries d SET due_at = $1 + LEAST($2, (d.deadline_at - $1) / 2) FROM chosen WHERE d.id = chosen.id
), asked AS (
    UPDATE endpoints e
    SET probing = chosen.id, probe_at = $1 + CASE WHEN chosen.id IS NOT NULL THEN $2 ELSE $4 END
    FROM failing LEFT JOIN chosen ON chosen.endpoint_id = failing.id
    WHERE e.id = failing.id
)
SELECT failing.id AS endpoint_id, chosen.id AS delivery_id, chosen.attempts, failing.concurrency_max
FROM failing LEFT JOIN chosen ON chosen.endpoint_id = failing.id";

/// Nothing may have been found because it was locked at that moment, or was parked meanwhile. So only now, in a
/// statement of its own while the endpoints are locked, are those left alone that have nothing to be probed with.
pub(super) const LEAVE_ALONE: &str =
    concat!("UPDATE endpoints e SET probe_at = NULL WHERE e.id = ANY ($1) AND ", nothing_parked!());

impl PostgresLedger {
    pub(super) async fn take_probes(&self, now: Timestamp, visibility: Duration, limit: u32) -> Result<Vec<Job>> {
        let mut tx = self.begin(ACT).await?;
        let probe = sqlx::query(PROBE).bind(now.0).bind(micros(visibility)).bind(i64::from(limit));
        let found = probe.bind(micros(LOOK_AGAIN_AFTER)).fetch_all(&mut *tx).await.doing(ACT)?;
        let (mut jobs, mut idle) = (Vec::new(), Vec::new());
        for row in &found {
            let probe: Option<Uuid> = row.try_get("delivery_id").doing(ACT)?;
            match probe {
                Some(_) => jobs.push(rows::job(row)?),
                None => idle.push(row.try_get::<Uuid, _>("endpoint_id").doing(ACT)?),
            }
        }
        if !idle.is_empty() {
            park_no_more(&mut tx, &mut idle).await?;
            sqlx::query(LEAVE_ALONE).bind(idle).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(jobs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sealer;
    use sqlx::{Connection, PgConnection};

    const PARKED: &str = "
    INSERT INTO merchants VALUES ('m', 'm', 1, 1);
    INSERT INTO endpoints (id, merchant_id, url, dialect, parameters, options, concurrency_max, secrets, version,
        created_at, updated_at, failing_since, probe_at, parked)
    VALUES (gen_random_uuid(), 'm', 'u', 'd', '{}', '{}', 1, '', 1, 1, 1, 1, 1, true);
    INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at,
        attempts, in_doubt, state)
    SELECT gen_random_uuid(), gen_random_uuid(), id, 1, 'EUR', 100000000, 100000000, 1, 0, false, 'pending' FROM endpoints;";

    #[tokio::test]
    async fn delivery_that_is_locked_for_a_moment_is_the_probe_a_second_later() -> anyhow::Result<()> {
        const VISIBILITY: Duration = Duration::from_secs(30);
        let url = paybell_testkit::Postgres::shared().await?.create_database().await?;
        let ledger = PostgresLedger::connect(&url.as_str().into(), 2, Sealer::new(&[0; 32])).await?;
        ledger.migrate().await?;
        let mut other = PgConnection::connect(&url).await?;
        sqlx::raw_sql(PARKED).execute(&mut other).await?;
        let mut held = other.begin().await?;
        sqlx::query("SELECT 1 FROM deliveries FOR KEY SHARE").fetch_one(&mut *held).await?;
        let now = Timestamp(1_000_000);
        assert!(ledger.take_probes(now, VISIBILITY, 10).await?.is_empty(), "it is locked");
        held.rollback().await?;
        assert!(ledger.take_probes(now, VISIBILITY, 10).await?.is_empty(), "not looked at yet");
        assert_eq!(ledger.take_probes(now + LOOK_AGAIN_AFTER, VISIBILITY, 10).await?.len(), 1);
        Ok(())
    }
}
