//! Release: what was parked is handed out once its endpoint takes deliveries again.

use super::shared::rows;
use super::{PostgresLedger, ids};
use crate::Result;
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{EndpointId, Job, RELEASE_EVERY, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

const ACT: &str = "release parked deliveries";

/// Some of them, by chance, so that each has its turn. Those in a ramp have theirs each `$3`; another process' clock may be
/// some seconds ahead.
pub(super) const OPEN: &str = "
SELECT id, reopened_at FROM endpoints
WHERE parked AND paused_at IS NULL AND deleted_at IS NULL AND failing_since IS NULL AND id <> ALL ($1)
    AND (released_at IS NULL OR released_at NOT BETWEEN $2::int8 - $3::int8 + 1 AND $2 + 5000000)
ORDER BY random() LIMIT 20 FOR UPDATE SKIP LOCKED";

pub(super) const RELEASE: &str = "
WITH chosen AS (
    SELECT d.id, d.attempts, e.id AS endpoint_id, e.concurrency_max
    FROM UNNEST($1::uuid[]) AS open (id)
    CROSS JOIN LATERAL (SELECT id, concurrency_max FROM endpoints WHERE id = open.id OFFSET 0) e
    CROSS JOIN LATERAL (
        SELECT id, attempts FROM deliveries
        WHERE endpoint_id = open.id AND state = 'pending' AND claimed_until IS NULL AND due_at = deadline_at
            AND deadline_at > $2
        ORDER BY deadline_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
    ) d
), moved AS (
    UPDATE deliveries d SET due_at = $2 + LEAST($4, (d.deadline_at - $2) / 2) FROM chosen WHERE d.id = chosen.id
)
SELECT id AS delivery_id, endpoint_id, attempts, concurrency_max FROM chosen";

pub(super) const NOTE_RAMP: &str = "UPDATE endpoints SET released_at = $2 WHERE id = ANY ($1)";

/// From now on nothing is parked for them as it is accepted, but for those that this answers: some of that goes on.
pub(super) const PARK_NO_MORE: &str = "
WITH idle AS MATERIALIZED (
    SELECT endpoint_id FROM endpoints_that_park WHERE endpoint_id = ANY ($1) FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM endpoints_that_park WHERE endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM idle))
)
SELECT endpoint_id FROM endpoints_that_park
WHERE endpoint_id = ANY ($1) AND endpoint_id <> ALL (ARRAY(SELECT endpoint_id FROM idle))";

/// A statement of its own: it must see what was committed while the endpoints' locks were waited for, and what was parked
/// before [`PARK_NO_MORE`].
pub(super) const CLEAR: &str =
    concat!("UPDATE endpoints e SET parked = false WHERE e.id = ANY ($1) AND ", nothing_parked!());

impl PostgresLedger {
    pub(super) async fn release_parked(
        &self,
        now: Timestamp,
        visibility: Duration,
        limit: u32,
        crowded: &[EndpointId],
    ) -> Result<Vec<Job>> {
        let mut tx = self.begin(ACT).await?;
        let find = sqlx::query(OPEN).bind(ids(crowded)).bind(now.0).bind(micros(RELEASE_EVERY));
        let found = find.fetch_all(&mut *tx).await.doing(ACT)?;
        let mut by_limit: BTreeMap<u32, Vec<Uuid>> = BTreeMap::new();
        let (mut open, mut ramped) = (Vec::new(), Vec::new());
        for row in &found {
            let (id, ramp) = rows::open(row, now)?;
            by_limit.entry(ramp.unwrap_or(limit).min(limit)).or_default().push(id);
            ramped.extend(ramp.map(|_| id));
            open.push(id);
        }
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let mut jobs = Vec::new();
        for (limit, endpoints) in by_limit {
            let release = sqlx::query(RELEASE).bind(endpoints).bind(now.0).bind(i64::from(limit));
            let released = release.bind(micros(visibility)).fetch_all(&mut *tx).await.doing(ACT)?;
            for row in &released {
                jobs.push(rows::job(row)?);
            }
        }
        if !ramped.is_empty() {
            sqlx::query(NOTE_RAMP).bind(ramped).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        }
        park_no_more(&mut tx, &mut open).await?;
        sqlx::query(CLEAR).bind(open).bind(now.0).execute(&mut *tx).await.doing(ACT)?;
        tx.commit().await.doing(ACT)?;
        Ok(jobs)
    }
}

/// Ends that what is accepted for these endpoints, which the transaction has locked, is parked at once; leaves those for
/// which it has ended.
pub(super) async fn park_no_more(tx: &mut PgConnection, endpoints: &mut Vec<Uuid>) -> Result<()> {
    const ACT: &str = "end that payments are parked as they are accepted";
    let query = sqlx::query(PARK_NO_MORE).bind(&*endpoints);
    let busy: Vec<Uuid> = query.try_map(|row: PgRow| row.try_get(0)).fetch_all(tx).await.doing(ACT)?;
    endpoints.retain(|endpoint| !busy.contains(endpoint));
    Ok(())
}
