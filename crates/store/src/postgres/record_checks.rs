//! Checks with their answers, written in one statement.

use super::PostgresLedger;
use crate::Result;
use crate::checking::Item;
use paybell_delivery::Check;

pub(super) const RECORD_CHECKS: &str = concat!(
    "INSERT INTO checks (",
    check_columns!(),
    ") SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::int8[], $7::text[],
        $8::text[], $9::text[], $10::text[], $11::text[], $12::bool[], $13::text[], $14::text[], $15::text[],
        $16::text[], $17::int4[], $18::text[], $19::bytea[], $20::int8[], $21::int8[])
    ON CONFLICT (id) DO NOTHING"
);

impl PostgresLedger {
    pub(super) async fn record_checks(&self, checks: &[Check]) -> Result<()> {
        let items: Vec<Item<'_>> = checks.iter().map(Item::new).collect();
        macro_rules! column {
            ($item:ident => $value:expr) => {
                items.iter().map(|$item| $value).collect::<Vec<_>>()
            };
        }
        let query = sqlx::query(RECORD_CHECKS)
            .bind(column!(i => i.id))
            .bind(column!(i => i.merchant_id))
            .bind(column!(i => i.endpoint_id))
            .bind(column!(i => i.key))
            .bind(column!(i => i.pay_for))
            .bind(column!(i => i.amount_minor))
            .bind(column!(i => i.currency))
            .bind(column!(i => i.method))
            .bind(column!(i => i.payer_email))
            .bind(column!(i => i.payer_phone))
            .bind(column!(i => i.data))
            .bind(column!(i => i.test))
            .bind(column!(i => i.answer))
            .bind(column!(i => i.reason.as_ref()))
            .bind(column!(i => i.code.as_deref()))
            .bind(column!(i => i.comment.as_deref()))
            .bind(column!(i => i.status))
            .bind(column!(i => i.response_head.as_deref()))
            .bind(column!(i => i.response_body))
            .bind(column!(i => i.asked_at))
            .bind(column!(i => i.duration_us));
        self.run("record checks", query).await?;
        Ok(())
    }
}
