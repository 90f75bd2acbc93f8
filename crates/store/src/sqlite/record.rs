//! Record: attempts and their deliveries' next states, in one transaction.

use super::{SqliteLedger, json};
use crate::Result;
use crate::engine::{RecordAttempt, Recorded};
use crate::error::Doing;
use crate::recording::{mark_applied, rounds};
use sqlx::{Row, SqliteConnection};

const ACT: &str = "record attempts";

/// An acknowledgement that comes late takes away a later attempt's claim: that attempt is written down as unknown,
/// until its own record comes.
const WRITE_OVERTAKEN: &str = concat!(
    "INSERT INTO attempts (delivery_id, number, started_at, outcome, detail) SELECT d.id, d.attempts, d.claimed_at, ",
    unknown_attempt!(),
    " FROM jsonb_each($1) item CROSS JOIN deliveries d ON d.id = unhex(item.value ->> 'delivery_id')
    WHERE item.value ->> 'state' = 'delivered' AND d.state = 'pending' AND d.attempts > item.value ->> 'number'
        AND d.claimed_at IS NOT NULL
    ON CONFLICT (delivery_id, number) DO NOTHING"
);

/// The delivery moves while the claim is this attempt's; an acknowledgement is a fact, so it ends whatever is pending.
macro_rules! move_deliveries {
    () => {
        "UPDATE deliveries AS d
        SET state = item.value ->> 'state', reason = item.value ->> 'reason',
            in_doubt = d.in_doubt OR item.value ->> 'in_doubt',
            due_at = min(ifnull(item.value ->> 'retry_at', d.due_at), d.deadline_at), claimed_at = NULL, claimed_until = NULL,
            finished_at = CASE WHEN item.value ->> 'state' <> 'pending' THEN item.value ->> 'now' END
        FROM jsonb_each($1) AS item
        WHERE d.id = unhex(item.value ->> 'delivery_id') AND d.state = 'pending'
            AND ((d.attempts = item.value ->> 'number' AND d.claimed_until IS NOT NULL)
                OR item.value ->> 'state' = 'delivered')"
    };
}

const MOVE: &str = move_deliveries!();
const MOVE_AND_TELL: &str = concat!(move_deliveries!(), " RETURNING id");

/// The attempt is always kept; one that was written down as unknown is corrected.
const KEEP: &str = concat!(
    "INSERT INTO attempts (",
    attempt_columns!(),
    ") SELECT unhex(item.value ->> 'delivery_id'), item.value ->> 'number', item.value ->> 'started_at',
        item.value ->> 'duration_us', item.value ->> 'outcome', item.value ->> 'detail', item.value ->> 'status',
        item.value ->> 'response_head', unhex(item.value ->> 'response_body')
    FROM jsonb_each($1) item WHERE true
    ON CONFLICT (delivery_id, number) DO UPDATE
    SET started_at = excluded.started_at, duration_us = excluded.duration_us, outcome = excluded.outcome,
        detail = excluded.detail, status = excluded.status, response_head = excluded.response_head,
        response_body = excluded.response_body
    WHERE attempts.outcome = 'unknown'"
);

impl SqliteLedger {
    /// Nearly always all deliveries move. Only where they do not is it told which of them did, for which the transaction is done
    /// once more: the thread of a connection wakes its reader for each row, by two system calls.
    pub(super) async fn record(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>> {
        let mut tx = self.begin(ACT).await?;
        let mut all = true;
        for round in rounds(records) {
            let batch = json(&round)?;
            write_overtaken(&mut tx, &batch).await?;
            let moved = sqlx::query(MOVE).bind(batch.as_str()).execute(&mut *tx).await.doing(ACT)?;
            all &= usize::try_from(moved.rows_affected()).is_ok_and(|moved| moved == round.len());
            keep(&mut tx, batch).await?;
        }
        if all {
            tx.commit().await.doing(ACT)?;
            return Ok(vec![Recorded::Applied; records.len()]);
        }
        tx.rollback().await.doing(ACT)?;
        self.record_and_tell(records).await
    }

    async fn record_and_tell(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>> {
        let mut answers = vec![Recorded::Fenced; records.len()];
        let mut tx = self.begin(ACT).await?;
        for round in rounds(records) {
            let batch = json(&round)?;
            write_overtaken(&mut tx, &batch).await?;
            for row in sqlx::query(MOVE_AND_TELL).bind(batch.as_str()).fetch_all(&mut *tx).await.doing(ACT)? {
                mark_applied(&round, row.try_get("id").doing(ACT)?, &mut answers);
            }
            keep(&mut tx, batch).await?;
        }
        tx.commit().await.doing(ACT)?;
        Ok(answers)
    }
}

async fn write_overtaken(tx: &mut SqliteConnection, batch: &str) -> Result<()> {
    sqlx::query(WRITE_OVERTAKEN).bind(batch).execute(tx).await.doing(ACT).map(drop)
}

async fn keep(tx: &mut SqliteConnection, batch: String) -> Result<()> {
    sqlx::query(KEEP).bind(batch).execute(tx).await.doing(ACT).map(drop)
}
