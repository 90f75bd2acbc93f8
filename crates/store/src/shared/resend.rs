//! Making single deliveries by hand: a resend, and a test notification.

use super::{Connection, This, audit, endpoints, rows};
use crate::engine::AcceptTerms;
use crate::error::Doing;
use crate::manage::{Actor, NewDelivery};
use crate::numbers::{duration, natural};
use crate::{Result, StoreError};
use paybell_delivery::{DeliveryId, Endpoint, EndpointId, Job, Money, Payment, State, Timestamp};
use std::time::Duration;
use uuid::Uuid;

/// A delivery to be written.
pub(super) struct Draft {
    pub(super) id: DeliveryId,
    pub(super) payment_id: Uuid,
    pub(super) endpoint_id: EndpointId,
    pub(super) resend_of: Option<DeliveryId>,
    pub(super) amount: Money,
    pub(super) created_at: Timestamp,
    pub(super) due_at: Timestamp,
    pub(super) deadline_at: Timestamp,
}

impl Draft {
    /// Due after the grace time, at the latest when half of its life is over.
    fn due_after(mut self, grace: Duration) -> Self {
        self.due_at = self.created_at + grace.min(self.deadline_at.since(self.created_at) / 2);
        self
    }

    pub(super) async fn insert(&self, connection: &mut Connection) -> Result<()> {
        sqlx::query(
            "INSERT INTO deliveries (id, payment_id, endpoint_id, resend_of, amount_minor, currency, created_at, due_at,
                deadline_at, attempts, in_doubt, state)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, false, 'pending')",
        )
        .bind(self.id.0)
        .bind(self.payment_id)
        .bind(self.endpoint_id.0)
        .bind(self.resend_of.map(|id| id.0))
        .bind(self.amount.amount_minor)
        .bind(self.amount.currency.code())
        .bind(self.created_at.0)
        .bind(self.due_at.0)
        .bind(self.deadline_at.0)
        .execute(connection)
        .await
        .doing("write a delivery")?;
        Ok(())
    }
}

/// When a delivery ends that begins now: after the engine's lifetime or the endpoint's, whichever is less.
pub(super) fn deadline(now: Timestamp, engine: Duration, endpoint: Option<Duration>) -> Timestamp {
    now + endpoint.map_or(engine, |endpoint| endpoint.min(engine))
}

const REPEATED: &str = "
SELECT d.payment_id, d.endpoint_id, d.amount_minor, d.currency, d.state, e.deleted_at, e.lifetime_us, e.concurrency_max
FROM deliveries d JOIN endpoints e ON e.id = d.endpoint_id WHERE d.id = $1";

pub(super) async fn resend(ledger: &This, id: DeliveryId, new: &NewDelivery, actor: &Actor) -> Result<Job> {
    const ACT: &str = "resend a delivery";
    let mut tx = ledger.begin(ACT).await?;
    let row = sqlx::query(REPEATED).bind(id.0).fetch_optional(&mut *tx).await.doing(ACT)?;
    let row = row.ok_or_else(|| StoreError::NotFound { what: "delivery", id: id.to_string() })?;
    if rows::get::<&str>(&row, "state")? == State::Pending.as_str() {
        return Err(StoreError::Refused(format!("delivery {id} is still pending, so it cannot be resent yet")));
    }
    if rows::time_if_any(&row, "deleted_at")?.is_some() {
        return Err(StoreError::Refused(format!("the endpoint of delivery {id} is deleted, so it cannot be resent")));
    }
    let endpoint_id = EndpointId(rows::get(&row, "endpoint_id")?);
    let lifetime = rows::get::<Option<i64>>(&row, "lifetime_us")?.map(duration);
    let draft = Draft {
        id: new.id,
        payment_id: rows::get(&row, "payment_id")?,
        endpoint_id,
        resend_of: Some(id),
        amount: rows::amount(&row)?,
        created_at: actor.now,
        due_at: actor.now,
        deadline_at: deadline(actor.now, new.lifetime, lifetime),
    };
    draft.due_after(new.grace).insert(&mut tx).await?;
    audit::write(&mut tx, actor, "delivery.resend", id, &format!("as delivery {}", new.id)).await?;
    tx.commit().await.doing(ACT)?;
    let concurrency_max = natural(rows::get(&row, "concurrency_max")?);
    Ok(Job { delivery_id: new.id, endpoint_id, attempts: 0, concurrency_max })
}

pub(super) async fn accept_test(
    ledger: &This,
    id: EndpointId,
    payment: &Payment,
    terms: &AcceptTerms,
    actor: &Actor,
) -> Result<Job> {
    const ACT: &str = "accept a test payment";
    let mut tx = ledger.begin(ACT).await?;
    let endpoint = endpoints::lock(&mut tx, id).await?;
    insert_payment(&mut tx, &endpoint, payment, terms.now).await?;
    let draft = Draft {
        id: DeliveryId(id_of_delivery(payment.id.0)),
        payment_id: payment.id.0,
        endpoint_id: id,
        resend_of: None,
        amount: payment.amount,
        created_at: terms.now,
        due_at: terms.now,
        deadline_at: deadline(terms.now, terms.lifetime, endpoint.lifetime),
    };
    let delivery_id = draft.id;
    draft.due_after(terms.grace).insert(&mut tx).await?;
    audit::write(&mut tx, actor, "endpoint.test", id, &format!("payment {}", payment.id)).await?;
    tx.commit().await.doing(ACT)?;
    Ok(Job { delivery_id, endpoint_id: id, attempts: 0, concurrency_max: endpoint.concurrency_max })
}

async fn insert_payment(tx: &mut Connection, endpoint: &Endpoint, payment: &Payment, now: Timestamp) -> Result<()> {
    if payment.merchant_id != endpoint.merchant_id {
        let (id, merchant) = (endpoint.id, &payment.merchant_id);
        return Err(StoreError::Refused(format!("endpoint {id} is not one of merchant {merchant}")));
    }
    let inserted = sqlx::query(
        "INSERT INTO payments (id, merchant_id, gateway_payment_id, kind, pay_for, amount_minor, currency,
            balance_minor, balance_currency, method, description, payer_email, payer_phone, data, confirmed_at,
            accepted_at, test)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        ON CONFLICT (gateway_payment_id, merchant_id) DO NOTHING",
    )
    .bind(payment.id.0)
    .bind(payment.merchant_id.as_str())
    .bind(&payment.gateway_payment_id)
    .bind(&payment.kind)
    .bind(&payment.pay_for)
    .bind(payment.amount.amount_minor)
    .bind(payment.amount.currency.code())
    .bind(payment.balance.map(|money| money.amount_minor))
    .bind(payment.balance.map(|money| money.currency.code()))
    .bind(&payment.method)
    .bind(&payment.description)
    .bind(&payment.payer_email)
    .bind(&payment.payer_phone)
    .bind(&payment.data)
    .bind(payment.confirmed_at.0)
    .bind(now.0)
    .bind(payment.test)
    .execute(tx)
    .await
    .doing("write a payment")?;
    match inserted.rows_affected() {
        0 => Err(StoreError::Exists { what: "payment", id: payment.gateway_payment_id.clone() }),
        _ => Ok(()),
    }
}

/// The first eight bytes of its payment's id, and eight random ones in the variant of RFC 9562.
fn id_of_delivery(payment: Uuid) -> Uuid {
    let mut bytes: [u8; 16] = rand::random();
    bytes[..8].copy_from_slice(&payment.as_bytes()[..8]);
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Uuid::from_bytes(bytes)
}
