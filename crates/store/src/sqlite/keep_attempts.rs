//! Retention of attempts: what is old is deleted, a batch at a time.

use super::SqliteLedger;
use super::shared::{figures::seconds, sessions};
use crate::Result;
use crate::engine::Kept;
use crate::error::Doing;
use crate::ids::Day;
use crate::manage::FigureSpan;
use paybell_delivery::Timestamp;
use std::time::Duration;

const ACT: &str = "delete old attempts";
/// The most rows of one transaction, so that the writer is not held for long.
const BATCH: u32 = 1_000;

/// A delivery whose id is not of its own time may be pending all the same: its attempts stay.
const DELETE: &str = "
DELETE FROM attempts WHERE rowid IN (
    SELECT a.rowid FROM attempts a
    WHERE a.delivery_id < $1
        AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.id = a.delivery_id AND d.state = 'pending')
    ORDER BY a.delivery_id LIMIT $2
)";

const DELETE_CHECKS: &str = "DELETE FROM checks WHERE id IN (SELECT id FROM checks WHERE id < $1 ORDER BY id LIMIT $2)";

const DELETE_FIGURES: &str = "
DELETE FROM figures WHERE (span_s, at, measure) IN (
    SELECT span_s, at, measure FROM figures WHERE span_s = $1 AND at < $2 ORDER BY at LIMIT $3)";

impl SqliteLedger {
    pub(super) async fn keep_attempts(&self, now: Timestamp, kept_for: Duration) -> Result<Kept> {
        let oldest = Day::oldest_kept(now, kept_for).first_id();
        let mut tx = self.begin(ACT).await?;
        let delete = sqlx::query(DELETE).bind(oldest).bind(BATCH);
        let deleted = delete.execute(&mut *tx).await.doing(ACT)?.rows_affected();
        let delete = sqlx::query(DELETE_CHECKS).bind(oldest).bind(BATCH);
        let checks_deleted = delete.execute(&mut *tx).await.doing(ACT)?.rows_affected();
        let visits_deleted = sessions::let_go(&mut tx, now, BATCH).await?;
        let (mut figures_deleted, mut more) = (0, deleted.max(checks_deleted).max(visits_deleted) >= u64::from(BATCH));
        for span in FigureSpan::ALL {
            let delete =
                sqlx::query(DELETE_FIGURES).bind(seconds(span)).bind(now.before(span.kept_for()).0).bind(BATCH);
            let rows = delete.execute(&mut *tx).await.doing(ACT)?.rows_affected();
            figures_deleted += rows;
            more |= rows == u64::from(BATCH);
        }
        tx.commit().await.doing(ACT)?;
        Ok(Kept { deleted, checks_deleted, visits_deleted, figures_deleted, more, ..Kept::default() })
    }
}
