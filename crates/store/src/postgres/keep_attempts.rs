//! Retention of attempts: a partition for each day, made ahead and dropped when it is old. What falls on a day without
//! one is deleted in batches.
//!
//! Each step is a transaction of its own that waits for no lock for long: while it waits, others wait behind it.

use super::PostgresLedger;
use super::shared::{figures::seconds, sessions};
use crate::Result;
use crate::engine::Kept;
use crate::error::Doing;
use crate::ids::Day;
use crate::manage::FigureSpan;
use paybell_delivery::Timestamp;
use sqlx::postgres::{PgArguments, PgQueryResult};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row, Transaction};
use std::time::Duration;

const MAKE: &str = "make a partition of attempts";
const DROP: &str = "drop a partition of old attempts";
const DELETE: &str = "delete old attempts";
const DELETE_CHECKS: &str = "delete old checks";
const DELETE_VISITS: &str = "delete old sessions";
const DELETE_FIGURES: &str = "delete old figures";

/// For how many days ahead there are partitions: so long the making may fail before attempts fall beside them.
const DAYS_AHEAD: i64 = 7;
/// The most rows of one statement.
const BATCH: u32 = 5_000;
/// The advisory lock of a step: one process at a time.
const LOCK: i64 = 0x7061_7962_656c_6c02;
/// For how long a step may hold others up. What was not done in that time is left to the next pass.
const LIMITS: &str = "SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '10s'";

/// What may fall on a day while its partition is made would be refused; so for days that may have begun, writers wait.
const KEEP_WRITERS_OUT: &str = "LOCK TABLE attempts IN SHARE ROW EXCLUSIVE MODE";

/// Of these tables, those that are not there.
const MISSING: &str =
    "SELECT name FROM UNNEST($1::text[]) AS wanted (name) WHERE to_regclass(quote_ident(name)) IS NULL ORDER BY name";

/// A day of which attempts fell beside is left as it is.
pub(super) const MAY_BE_MADE: &str = "
SELECT to_regclass($1) IS NULL
    AND NOT EXISTS (SELECT FROM attempts_other WHERE delivery_id >= $2 AND delivery_id < $3)";

/// What another process drops meanwhile shows without bounds.
const PARTITIONS: &str = "
SELECT c.oid::int8 AS oid, c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'attempts'::regclass ORDER BY c.relname";

/// A delivery whose id is not of its own time may be pending all the same: its attempts stay. So worded, deliveries are
/// looked up one by one.
pub(super) const DELETE_OTHER: &str = "
DELETE FROM attempts_other WHERE ctid = ANY (ARRAY(
    SELECT a.ctid FROM attempts_other a
    WHERE a.delivery_id < $1
        AND (SELECT d.id FROM deliveries d WHERE d.id = a.delivery_id AND d.finished_at IS NULL) IS NULL
    ORDER BY a.delivery_id LIMIT $2
))";

/// The oldest first, by their ids.
pub(super) const DELETE_OLD_CHECKS: &str =
    "DELETE FROM checks WHERE id = ANY (ARRAY(SELECT c.id FROM checks c WHERE c.id < $1 ORDER BY c.id LIMIT $2))";

impl PostgresLedger {
    pub(super) async fn keep_attempts(&self, now: Timestamp, kept_for: Duration) -> Result<Kept> {
        let (oldest, mut kept) = (Day::oldest_kept(now, kept_for), Kept::default());
        // None of them keeps the others from being done.
        let deleted = self.delete_other(oldest, &mut kept).await;
        let checks = self.delete_checks(oldest, &mut kept).await;
        let visits = self.delete_visits(now, &mut kept).await;
        let figures = self.delete_figures(now, &mut kept).await;
        let dropped = self.drop_one(oldest, &mut kept).await;
        let made = self.make_ahead(Day::of(now), &mut kept).await;
        kept.failed = [made, dropped, deleted, checks, visits, figures].into_iter().find_map(Result::err);
        Ok(kept)
    }

    /// So that a new database has today's. What fails is done by the dispatchers.
    pub(super) async fn make_first_partitions(&self) {
        let made = async { self.make_ahead(Day::of(self.now().await?), &mut Kept::default()).await };
        if let Err(error) = made.await {
            tracing::warn!(error = &error as &dyn std::error::Error, "no partitions of attempts were made ahead");
        }
    }

    async fn make_ahead(&self, today: Day, kept: &mut Kept) -> Result<()> {
        let wanted: Vec<Day> = (0..=DAYS_AHEAD).map(|days| today.plus(days)).collect();
        let names: Vec<String> = wanted.iter().map(|day| partition(*day)).collect();
        let missing = sqlx::query(MISSING).bind(names).fetch_all(self.reader()).await.doing(MAKE)?;
        let missing: Vec<String> = missing.iter().map(|row| row.try_get(0).doing(MAKE)).collect::<Result<_>>()?;
        for day in wanted.into_iter().filter(|day| missing.contains(&partition(*day))) {
            kept.made += u64::from(self.make(day, day <= today.plus(1)).await?);
        }
        Ok(())
    }

    async fn make(&self, day: Day, may_have_begun: bool) -> Result<bool> {
        let Some(mut tx) = self.step(MAKE).await? else { return Ok(false) };
        let made = attach(&mut tx, day, may_have_begun).await;
        end(tx, MAKE, made).await
    }

    /// The oldest that can be dropped. One that cannot, as something depends on it, keeps no other.
    async fn drop_one(&self, oldest: Day, kept: &mut Kept) -> Result<()> {
        let (old, mut failed) = (self.partitions_before(oldest).await?, Ok(()));
        for (n, oid) in old.iter().enumerate() {
            match self.drop_partition(*oid).await {
                Ok(dropped) => {
                    kept.dropped += u64::from(dropped);
                    kept.more |= dropped && n + 1 < old.len();
                    break;
                }
                Err(error) => {
                    let locked = error.is_transient();
                    failed = Err(error);
                    if locked {
                        break;
                    }
                }
            }
        }
        failed
    }

    async fn drop_partition(&self, oid: i64) -> Result<bool> {
        let Some(mut tx) = self.step(DROP).await? else { return Ok(false) };
        let dropped = drop_if_there(&mut tx, oid).await;
        end(tx, DROP, dropped).await
    }

    /// The engine's own; what people attached is theirs to drop.
    async fn partitions_before(&self, oldest: Day) -> Result<Vec<i64>> {
        let mut old = Vec::new();
        for row in sqlx::query(PARTITIONS).fetch_all(self.reader()).await.doing(DROP)? {
            let name: String = row.try_get("name").doing(DROP)?;
            let day = name.strip_prefix("attempts_").and_then(Day::from_digits).filter(|day| *day < oldest);
            if let Some(day) = day
                && row.try_get::<Option<String>, _>("bounds").doing(DROP)? == Some(bounds(day))
            {
                old.push(row.try_get("oid").doing(DROP)?);
            }
        }
        Ok(old)
    }

    async fn delete_other(&self, oldest: Day, kept: &mut Kept) -> Result<()> {
        kept.deleted += self.delete(DELETE, sqlx::query(DELETE_OTHER).bind(oldest.first_id()), kept).await?;
        Ok(())
    }

    async fn delete_checks(&self, oldest: Day, kept: &mut Kept) -> Result<()> {
        let delete = sqlx::query(DELETE_OLD_CHECKS).bind(oldest.first_id());
        kept.checks_deleted += self.delete(DELETE_CHECKS, delete, kept).await?;
        Ok(())
    }

    async fn delete_visits(&self, now: Timestamp, kept: &mut Kept) -> Result<()> {
        let Some(mut tx) = self.step(DELETE_VISITS).await? else { return Ok(()) };
        let deleted = sessions::let_go(&mut tx, now, BATCH).await;
        let rows = *deleted.as_ref().unwrap_or(&0);
        end(tx, DELETE_VISITS, deleted.map(|_| true)).await?;
        kept.visits_deleted += rows;
        kept.more |= rows >= u64::from(BATCH);
        Ok(())
    }

    async fn delete_figures(&self, now: Timestamp, kept: &mut Kept) -> Result<()> {
        for span in FigureSpan::ALL {
            let delete = format!(
                "DELETE FROM figures WHERE ctid = ANY (ARRAY(
                    SELECT f.ctid FROM figures f WHERE f.span_s = {} AND f.at < $1 ORDER BY f.at LIMIT $2))",
                seconds(span)
            );
            let delete = sqlx::query(AssertSqlSafe(delete)).bind(now.before(span.kept_for()).0);
            kept.figures_deleted += self.delete(DELETE_FIGURES, delete, kept).await?;
        }
        Ok(())
    }

    /// Deletes one batch, in a step of its own; `$2` is its size. Answers how many rows went.
    async fn delete(
        &self,
        act: &'static str,
        delete: Query<'_, Postgres, PgArguments>,
        kept: &mut Kept,
    ) -> Result<u64> {
        let Some(mut tx) = self.step(act).await? else { return Ok(0) };
        let deleted = delete.bind(i64::from(BATCH)).execute(&mut *tx).await.doing(act);
        let rows = deleted.as_ref().map_or(0, PgQueryResult::rows_affected);
        end(tx, act, deleted.map(|_| true)).await?;
        kept.more |= rows == u64::from(BATCH);
        Ok(rows)
    }

    /// Begins a step; nothing while another process is at one.
    async fn step(&self, act: &'static str) -> Result<Option<Transaction<'static, Postgres>>> {
        let mut tx = self.begin(act).await?;
        sqlx::raw_sql(LIMITS).execute(&mut *tx).await.doing(act)?;
        let lock = sqlx::query("SELECT pg_try_advisory_xact_lock($1)").bind(LOCK);
        if lock.fetch_one(&mut *tx).await.doing(act)?.try_get(0).doing(act)? {
            return Ok(Some(tx));
        }
        tx.rollback().await.doing(act)?;
        Ok(None)
    }
}

/// Ends a step, so that the next one finds its lock free: what is only dropped is rolled back some time later.
async fn end(tx: Transaction<'_, Postgres>, act: &'static str, done: Result<bool>) -> Result<bool> {
    match done {
        Ok(true) => tx.commit().await.doing(act)?,
        Ok(false) => tx.rollback().await.doing(act)?,
        Err(_) => drop(tx.rollback().await),
    }
    done
}

/// A partition that is made by itself and then attached lets readers and writers of the others go on.
async fn attach(tx: &mut PgConnection, day: Day, may_have_begun: bool) -> Result<bool> {
    if may_have_begun {
        sqlx::raw_sql(KEEP_WRITERS_OUT).execute(&mut *tx).await.doing(MAKE)?;
    }
    let (name, bounds) = (partition(day), bounds(day));
    let may_be = sqlx::query(MAY_BE_MADE).bind(&name).bind(day.first_id()).bind(day.plus(1).first_id());
    let may_be: bool = may_be.fetch_one(&mut *tx).await.doing(MAKE)?.try_get(0).doing(MAKE)?;
    if may_be {
        let make = format!(
            "CREATE TABLE {name} (LIKE attempts INCLUDING ALL); SELECT tend_gently('{name}');
            ALTER TABLE attempts ATTACH PARTITION {name} {bounds}"
        );
        sqlx::raw_sql(AssertSqlSafe(make)).execute(tx).await.doing(MAKE)?;
    }
    Ok(may_be)
}

/// Another process may have dropped it meanwhile, which the session's caches of names need not know yet.
async fn drop_if_there(tx: &mut PgConnection, oid: i64) -> Result<bool> {
    let there = sqlx::query("SELECT oid::regclass::text FROM pg_class WHERE oid = $1::int8::oid").bind(oid);
    let there = there.fetch_optional(&mut *tx).await.doing(DROP)?;
    if let Some(there) = &there {
        let drop = format!("DROP TABLE {}", there.try_get::<&str, _>(0).doing(DROP)?);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(tx).await.doing(DROP)?;
    }
    Ok(there.is_some())
}

/// The table of a day's attempts.
fn partition(day: Day) -> String {
    format!("attempts_{}", day.digits())
}

/// A day's ids, as PostgreSQL words them.
fn bounds(day: Day) -> String {
    format!("FOR VALUES FROM ('{}') TO ('{}')", day.first_id(), day.plus(1).first_id())
}
