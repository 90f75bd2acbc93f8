//! The columns that rows are read from, as literals: sqlx takes statements that are known when the program is built.

/// A payment's columns, of `payments p`.
macro_rules! payment_columns {
    () => {
        "p.id AS payment_id, p.merchant_id, p.gateway_payment_id, p.kind, p.pay_for, p.amount_minor, p.currency, \
         p.balance_minor, p.balance_currency, p.method, p.description, p.payer_email, p.payer_phone, p.data, \
         p.confirmed_at, p.accepted_at, p.test"
    };
}

/// A delivery's columns, of `deliveries d`.
macro_rules! delivery_columns {
    () => {
        "d.id AS delivery_id, d.payment_id, d.endpoint_id, d.state, d.reason, d.attempts, d.due_at, d.deadline_at, \
         d.claimed_at, d.claimed_until, d.resend_of, d.created_at, d.finished_at, d.settled_by, d.settled_note"
    };
}

/// The columns of what a person wrote beside a delivery, of `follow_ups f`.
macro_rules! follow_up_columns {
    () => {
        "f.owner AS follow_up_owner, f.note AS follow_up_note, f.updated_by AS follow_up_by, f.updated_at AS follow_up_at"
    };
}

/// An endpoint's columns, of `endpoints e`.
macro_rules! endpoint_columns {
    () => {
        "e.id, e.merchant_id, e.url, e.check_url, e.dialect, e.parameters, e.options, e.concurrency_max, \
         e.time_limit_us, e.lifetime_us, e.paused_at, e.paused_by, e.failing_since, e.probe_at, e.probes, e.secrets, \
         e.version, e.created_at, e.updated_at, e.deleted_at"
    };
}

/// The columns of the stored dialect `x` of an endpoint; nothing for a built-in one.
macro_rules! dialect_columns {
    () => {
        "x.name AS dialect_name, x.definition AS dialect_definition, x.version AS dialect_version, \
         x.created_at AS dialect_created_at, x.updated_at AS dialect_updated_at"
    };
}

/// A check's columns.
macro_rules! check_columns {
    () => {
        "id, merchant_id, endpoint_id, key, pay_for, amount_minor, currency, method, payer_email, payer_phone, data, \
         test, answer, reason, code, comment, status, response_head, response_body, asked_at, duration_us"
    };
}

/// An attempt's columns.
macro_rules! attempt_columns {
    () => {
        "delivery_id, number, started_at, duration_us, outcome, detail, status, response_head, response_body"
    };
}

/// What is written down of a claim that ended without a record.
macro_rules! unknown_attempt {
    () => {
        "'unknown', 'the claim ended before an outcome was recorded'"
    };
}

/// What makes an endpoint one that does not fail.
macro_rules! not_failing {
    () => {
        "failing_since = NULL, probe_at = NULL, probing = NULL, probes = 0"
    };
}
