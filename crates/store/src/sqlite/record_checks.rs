//! Checks with their answers, written in one transaction.

use super::{SqliteLedger, json};
use crate::Result;
use crate::checking::Item;
use crate::error::Doing;
use paybell_delivery::Check;

const ACT: &str = "record checks";

const RECORD_CHECKS: &str = concat!(
    "INSERT INTO checks (",
    check_columns!(),
    ") SELECT unhex(i.value ->> 'id'), i.value ->> 'merchant_id', unhex(i.value ->> 'endpoint_id'), i.value ->> 'key',
        i.value ->> 'pay_for', i.value ->> 'amount_minor', i.value ->> 'currency', i.value ->> 'method',
        i.value ->> 'payer_email', i.value ->> 'payer_phone', i.value ->> 'data', i.value ->> 'test',
        i.value ->> 'answer', i.value ->> 'reason', i.value ->> 'code', i.value ->> 'comment', i.value ->> 'status',
        i.value ->> 'response_head', unhex(i.value ->> 'response_body'), i.value ->> 'asked_at',
        i.value ->> 'duration_us'
    FROM jsonb_each($1) i WHERE true
    ON CONFLICT (id) DO NOTHING"
);

impl SqliteLedger {
    pub(super) async fn record_checks(&self, checks: &[Check]) -> Result<()> {
        let batch = json(&checks.iter().map(Item::new).collect::<Vec<_>>())?;
        let mut tx = self.begin(ACT).await?;
        sqlx::query(RECORD_CHECKS).bind(batch).execute(&mut *tx).await.doing(ACT)?;
        tx.commit().await.doing(ACT)
    }
}
