//! Accept: payments and their deliveries, in one statement.

use super::shared::rows;
use super::{ACCEPT_TIMEOUT, PostgresLedger};
use crate::Result;
use crate::accepting::{Made, Tally};
use crate::engine::{AcceptTerms, Accepted, ClaimAhead};
use crate::error::Doing;
use crate::numbers::micros;
use paybell_delivery::{MerchantId, Money, Payment, PaymentId, Timestamp};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

const ACT: &str = "accept payments";

/// `LATERAL` and `OFFSET 0` make the planner look each payment's merchant and endpoints up, whatever it believes of how
/// many there are. What is claimed ahead holds for `$20`, of merchants that are not among `$21`. What is for an endpoint that
/// parks is parked, unless a release is about to take that from it. A delivery's id is the first eight bytes of its payment's
/// and eight random ones.
pub(super) const ACCEPT: &str = "
WITH new_payment AS (
    INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, balance_minor,
        balance_currency, method, description, payer_email, payer_phone, data, confirmed_at, accepted_at, test)
    SELECT item.id, item.merchant_id, item.gateway_payment_id, item.kind, item.pay_for, item.amount_minor,
        item.currency, item.balance_minor, item.balance_currency, item.method, item.description, item.payer_email,
        item.payer_phone, item.data, item.confirmed_at, $17, item.test
    FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::int8[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::int8[], $16::bool[])
        AS item (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency, balance_minor,
        balance_currency, method, description, payer_email, payer_phone, data, confirmed_at, test)
    CROSS JOIN LATERAL (SELECT FROM merchants WHERE id = item.merchant_id AND deleted_at IS NULL OFFSET 0) m
    ON CONFLICT (gateway_payment_id, merchant_id) DO NOTHING
    RETURNING id, merchant_id, amount_minor, currency
), draft AS MATERIALIZED (
    SELECT (left(p.id::text, 19) || right(gen_random_uuid()::text, 17))::uuid AS id, p.id AS payment_id,
        p.amount_minor, p.currency, e.id AS endpoint_id, e.concurrency_max, e.version, NOT e.takes AS closed,
        $17 + LEAST(e.lifetime_us, $18) AS deadline_at,
        CASE WHEN e.takes AND p.merchant_id <> ALL ($21) THEN $17 + $20 END AS claimed_until
    FROM new_payment p
    CROSS JOIN LATERAL (
        SELECT id, concurrency_max, version, lifetime_us, paused_at IS NULL AND failing_since IS NULL AS takes
        FROM endpoints WHERE merchant_id = p.merchant_id AND deleted_at IS NULL OFFSET 0
    ) e
), parks AS MATERIALIZED (
    SELECT endpoint_id FROM endpoints_that_park
    WHERE endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM draft WHERE closed))
    FOR KEY SHARE SKIP LOCKED
), new_delivery AS (
    INSERT INTO deliveries (id, payment_id, endpoint_id, amount_minor, currency, due_at, deadline_at, created_at, claimed_at,
        claimed_until, attempts, in_doubt, state)
    SELECT id, payment_id, endpoint_id, amount_minor, currency,
        CASE WHEN closed AND endpoint_id = ANY (ARRAY(SELECT endpoint_id FROM parks)) THEN deadline_at
            ELSE $17 + LEAST($19, (deadline_at - $17) / 2) END, deadline_at,
        $17, CASE WHEN claimed_until IS NOT NULL THEN $17 END, claimed_until, (claimed_until IS NOT NULL)::int4, false,
        'pending'
    FROM draft
)
SELECT id AS payment_id, NULL AS delivery_id, NULL AS endpoint_id, NULL AS concurrency_max, NULL AS version,
    NULL AS closed, NULL AS deadline_at, NULL AS attempts
FROM new_payment
UNION ALL
SELECT payment_id, id, endpoint_id, concurrency_max, version, closed, deadline_at, (claimed_until IS NOT NULL)::int4 FROM draft";

/// What was accepted before, with its deliveries of that time. `|| ''` keeps the planner from going through all payments
/// of the merchant: the gateway's id is nearly unique by itself.
pub(super) const FIND: &str = concat!(
    "SELECT ",
    payment_columns!(),
    ", d.id AS delivery_id, d.endpoint_id
    FROM UNNEST($1::text[], $2::text[]) AS item (merchant_id, gateway_payment_id)
    CROSS JOIN LATERAL (
        SELECT * FROM payments
        WHERE gateway_payment_id = item.gateway_payment_id AND merchant_id || '' = item.merchant_id OFFSET 0
    ) p
    LEFT JOIN LATERAL (
        SELECT id, endpoint_id FROM deliveries WHERE payment_id = p.id AND resend_of IS NULL OFFSET 0
    ) d ON true
    ORDER BY d.id"
);

impl PostgresLedger {
    pub(super) async fn accept(
        &self,
        payments: &[Payment],
        terms: &AcceptTerms,
        ahead: Option<&ClaimAhead>,
    ) -> Result<Vec<Accepted>> {
        let mut tally = Tally::new(payments)?;
        self.insert(&mut tally, payments, terms, ahead).await?;
        let missing = tally.not_inserted();
        if !missing.is_empty() {
            self.find(&mut tally, &missing).await?;
        }
        Ok(tally.answers(terms.now))
    }

    async fn insert(
        &self,
        tally: &mut Tally<'_>,
        payments: &[Payment],
        terms: &AcceptTerms,
        ahead: Option<&ClaimAhead>,
    ) -> Result<()> {
        // Two processes that accept the same payments take their locks in the same order.
        let mut sorted: Vec<&Payment> = payments.iter().collect();
        sorted.sort_by_key(|p| (&p.gateway_payment_id, &p.merchant_id));
        let minor = |m: Option<Money>| m.map(|m| m.amount_minor);
        let code = |m: Option<Money>| m.map(|m| m.currency.code());
        let except: Vec<&str> = ahead.iter().flat_map(|ahead| &ahead.except).map(MerchantId::as_str).collect();
        macro_rules! column {
            ($p:ident => $value:expr) => {
                sorted.iter().map(|$p| $value).collect::<Vec<_>>()
            };
        }
        let query = sqlx::query(ACCEPT)
            .bind(column!(p => p.id.0))
            .bind(column!(p => p.merchant_id.as_str()))
            .bind(column!(p => p.gateway_payment_id.as_str()))
            .bind(column!(p => p.kind.as_str()))
            .bind(column!(p => p.pay_for.as_deref()))
            .bind(column!(p => p.amount.amount_minor))
            .bind(column!(p => p.amount.currency.code()))
            .bind(column!(p => minor(p.balance)))
            .bind(column!(p => code(p.balance)))
            .bind(column!(p => p.method.as_deref()))
            .bind(column!(p => p.description.as_deref()))
            .bind(column!(p => p.payer_email.as_deref()))
            .bind(column!(p => p.payer_phone.as_deref()))
            .bind(column!(p => p.data.as_deref()))
            .bind(column!(p => p.confirmed_at.0))
            .bind(column!(p => p.test))
            .bind(terms.now.0)
            .bind(micros(terms.lifetime))
            .bind(micros(terms.grace))
            .bind(ahead.map(|ahead| micros(ahead.visibility)))
            .bind(except);
        for row in self.run_within(ACCEPT_TIMEOUT, ACT, query).await? {
            let delivery: Option<Uuid> = row.try_get("delivery_id").doing(ACT)?;
            let made = if delivery.is_some() { Some(made(&row)?) } else { None };
            tally.inserted(PaymentId(row.try_get("payment_id").doing(ACT)?), made);
        }
        Ok(())
    }

    async fn find(&self, tally: &mut Tally<'_>, missing: &[&Payment]) -> Result<()> {
        let merchants: Vec<&str> = missing.iter().map(|p| p.merchant_id.as_str()).collect();
        let gateway_ids: Vec<&str> = missing.iter().map(|p| p.gateway_payment_id.as_str()).collect();
        for row in self.run_within(ACCEPT_TIMEOUT, ACT, sqlx::query(FIND).bind(merchants).bind(gateway_ids)).await? {
            tally.found(rows::found(&row)?);
        }
        Ok(())
    }
}

/// A delivery that was made.
fn made(row: &PgRow) -> Result<Made> {
    let (endpoint_version, closed) = (row.try_get("version").doing(ACT)?, row.try_get("closed").doing(ACT)?);
    let deadline_at = Timestamp(row.try_get("deadline_at").doing(ACT)?);
    Ok(Made { job: rows::job(row)?, endpoint_version, closed, deadline_at })
}
