//! What a value can be taken from.

use crate::{Amount, Notification, Question};

/// What is told or asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    Notification(&'a Notification<'a>),
    Question(&'a Question<'a>),
}

/// A source that is text as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextSource {
    PaymentId,
    GatewayPaymentId,
    CheckId,
    Merchant,
    Kind,
    PayFor,
    Currency,
    BalanceCurrency,
    Method,
    Description,
    PayerEmail,
    PayerPhone,
    Data,
    ConfirmedAt,
    AskedAt,
    Test,
}

/// A source that is an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MoneySource {
    Amount,
    BalanceAmount,
    Rate,
}

/// Which exchange a source can be had in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Notify,
    Check,
}

impl TextSource {
    const NAMES: &'static [(&'static str, TextSource)] = &[
        ("payment_id", TextSource::PaymentId),
        ("gateway_payment_id", TextSource::GatewayPaymentId),
        ("check_id", TextSource::CheckId),
        ("merchant", TextSource::Merchant),
        ("kind", TextSource::Kind),
        ("pay_for", TextSource::PayFor),
        ("currency", TextSource::Currency),
        ("balance_currency", TextSource::BalanceCurrency),
        ("method", TextSource::Method),
        ("description", TextSource::Description),
        ("payer_email", TextSource::PayerEmail),
        ("payer_phone", TextSource::PayerPhone),
        ("data", TextSource::Data),
        ("confirmed_at", TextSource::ConfirmedAt),
        ("asked_at", TextSource::AskedAt),
        ("test", TextSource::Test),
    ];

    pub(crate) fn named(name: &str) -> Option<TextSource> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
    }

    /// Whether such an exchange says it.
    pub(crate) fn is_in(self, kind: Kind) -> bool {
        use TextSource::{AskedAt, CheckId, ConfirmedAt, Description, GatewayPaymentId, PaymentId};
        match self {
            CheckId | AskedAt => kind == Kind::Check,
            PaymentId | GatewayPaymentId | TextSource::Kind | Description | ConfirmedAt => kind == Kind::Notify,
            _ => true,
        }
    }

    pub(crate) fn is_time(self) -> bool {
        matches!(self, TextSource::ConfirmedAt | TextSource::AskedAt)
    }
}

impl MoneySource {
    pub(crate) fn named(name: &str) -> Option<MoneySource> {
        match name {
            "amount" => Some(MoneySource::Amount),
            "balance_amount" => Some(MoneySource::BalanceAmount),
            "rate" => Some(MoneySource::Rate),
            _ => None,
        }
    }
}

impl<'a> Subject<'a> {
    pub(crate) fn text(self, source: TextSource) -> Option<&'a str> {
        match self {
            Subject::Notification(n) => text_of_notification(n, source),
            Subject::Question(q) => text_of_question(q, source),
        }
    }

    pub(crate) fn amount(self) -> Amount<'a> {
        match self {
            Subject::Notification(n) => n.amount,
            Subject::Question(q) => q.amount,
        }
    }

    pub(crate) fn balance(self) -> Option<Amount<'a>> {
        match self {
            Subject::Notification(n) => n.balance,
            Subject::Question(q) => q.balance,
        }
    }
}

fn text_of_notification<'a>(n: &Notification<'a>, source: TextSource) -> Option<&'a str> {
    match source {
        TextSource::PaymentId => Some(n.payment_id),
        TextSource::GatewayPaymentId => Some(n.gateway_payment_id),
        TextSource::Merchant => Some(n.merchant),
        TextSource::Kind => Some(n.kind),
        TextSource::PayFor => n.pay_for,
        TextSource::Currency => Some(n.amount.currency),
        TextSource::BalanceCurrency => n.balance.map(|balance| balance.currency),
        TextSource::Method => n.method,
        TextSource::Description => n.description,
        TextSource::PayerEmail => n.payer_email,
        TextSource::PayerPhone => n.payer_phone,
        TextSource::Data => n.data,
        TextSource::ConfirmedAt => Some(n.confirmed_at),
        TextSource::Test => Some(truth(n.test)),
        TextSource::CheckId | TextSource::AskedAt => None,
    }
}

fn text_of_question<'a>(q: &Question<'a>, source: TextSource) -> Option<&'a str> {
    match source {
        TextSource::CheckId => Some(q.check_id),
        TextSource::Merchant => Some(q.merchant),
        TextSource::PayFor => q.pay_for,
        TextSource::Currency => Some(q.amount.currency),
        TextSource::BalanceCurrency => q.balance.map(|balance| balance.currency),
        TextSource::Method => q.method,
        TextSource::PayerEmail => q.payer_email,
        TextSource::PayerPhone => q.payer_phone,
        TextSource::Data => q.data,
        TextSource::AskedAt => Some(q.asked_at),
        TextSource::Test => Some(truth(q.test)),
        TextSource::PaymentId
        | TextSource::GatewayPaymentId
        | TextSource::Kind
        | TextSource::Description
        | TextSource::ConfirmedAt => None,
    }
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
