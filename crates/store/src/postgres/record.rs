//! Record: attempts and their deliveries' next states, in one statement.

use super::PostgresLedger;
use crate::Result;
use crate::engine::{RecordAttempt, Recorded};
use crate::error::Doing;
use crate::recording::{Item, mark_applied, rounds};
use sqlx::Row;

const ACT: &str = "record attempts";

/// The attempt is always kept; one that was written down as unknown is corrected. The delivery moves while the claim
/// is this attempt's; an acknowledgement is a fact, so it ends whatever is pending. When it thereby takes away a later
/// attempt's claim, that attempt is written down as unknown, until its own record comes. `finished_at IS NULL` says
/// `pending`, but does not tempt the planner to go through all that is pending.
pub(super) const RECORD: &str = concat!(
    "WITH item AS MATERIALIZED (
    SELECT * FROM UNNEST($1::uuid[], $2::int4[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::int4[],
        $8::text[], $9::bytea[], $10::bool[], $11::text[], $12::text[], $13::int8[], $14::int8[])
    AS item (delivery_id, number, started_at, duration_us, outcome, detail, status,
        response_head, response_body, in_doubt, state, reason, retry_at, now)
), moved AS (
    UPDATE deliveries d
    SET state = item.state, reason = item.reason, in_doubt = d.in_doubt OR item.in_doubt,
        due_at = LEAST(COALESCE(item.retry_at, d.due_at), d.deadline_at), claimed_at = NULL, claimed_until = NULL,
        finished_at = CASE WHEN item.state <> 'pending' THEN item.now END
    FROM item
    WHERE d.id = item.delivery_id AND d.finished_at IS NULL
        AND ((d.attempts = item.number AND d.claimed_until IS NOT NULL) OR item.state = 'delivered')
    RETURNING d.id, d.attempts, item.number, item.now
), kept AS (
    INSERT INTO attempts AS a (",
    attempt_columns!(),
    ") SELECT ",
    attempt_columns!(),
    " FROM item
    ON CONFLICT (delivery_id, number) DO UPDATE
    SET started_at = excluded.started_at, duration_us = excluded.duration_us, outcome = excluded.outcome,
        detail = excluded.detail, status = excluded.status, response_head = excluded.response_head,
        response_body = excluded.response_body
    WHERE a.outcome = 'unknown'
), overtaken AS (
    INSERT INTO attempts (delivery_id, number, started_at, outcome, detail)
    SELECT moved.id, moved.attempts, COALESCE(before.claimed_at, moved.now), ",
    unknown_attempt!(),
    " FROM moved LEFT JOIN deliveries before ON before.id = moved.id AND before.attempts = moved.attempts
    WHERE moved.attempts > moved.number
    ON CONFLICT (delivery_id, number) DO NOTHING
)
SELECT id FROM moved"
);

impl PostgresLedger {
    pub(super) async fn record(&self, records: &[RecordAttempt]) -> Result<Vec<Recorded>> {
        let mut answers = vec![Recorded::Fenced; records.len()];
        for round in rounds(records) {
            self.record_round(&round, &mut answers).await?;
        }
        Ok(answers)
    }

    async fn record_round(&self, items: &[Item<'_>], answers: &mut [Recorded]) -> Result<()> {
        macro_rules! column {
            ($item:ident => $value:expr) => {
                items.iter().map(|$item| $value).collect::<Vec<_>>()
            };
        }
        let query = sqlx::query(RECORD)
            .bind(column!(i => i.delivery_id))
            .bind(column!(i => i.number))
            .bind(column!(i => i.started_at))
            .bind(column!(i => i.duration_us))
            .bind(column!(i => i.outcome))
            .bind(column!(i => i.detail.as_ref()))
            .bind(column!(i => i.status))
            .bind(column!(i => i.response_head.as_deref()))
            .bind(column!(i => i.response_body))
            .bind(column!(i => i.in_doubt))
            .bind(column!(i => i.state))
            .bind(column!(i => i.reason))
            .bind(column!(i => i.retry_at))
            .bind(column!(i => i.now));
        for row in self.run(ACT, query).await? {
            mark_applied(items, row.try_get("id").doing(ACT)?, answers);
        }
        Ok(())
    }
}
