//! Values: what a notification says, in the dialect's formats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A value, formatted once and then used by its name in fields and signatures. It has either `from` or `template`. The
/// steps are taken in the order in which they stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValueDefinition {
    /// What it is taken from: `payment_id`, `gateway_payment_id`, `merchant`, `kind`, `pay_for`, `amount`, `currency`,
    /// `balance_amount`, `balance_currency`, `rate` (balance by amount), `method`, `description`, `payer_email`,
    /// `payer_phone`, `data`, `data.MEMBER`, `confirmed_at`, `test`, `attempt_at`, `param.NAME`; and in a check
    /// `check_id` and `asked_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
    /// What it is put together from, in place of `from`: other values in braces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<String>,
    /// The format of an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) money: Option<Money>,
    /// The format of a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) time: Option<Time>,
    /// Texts that stand for others: `RUB = "RUR"`. What becomes the empty text is absent: `false = ""`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) map: BTreeMap<String, String>,
    /// What a text becomes that `map` does not have, where `""` is absent too; without it such a text stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) otherwise: Option<String>,
    /// Its letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) case: Option<Case>,
    /// The most characters that are kept of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cut: Option<usize>,
    /// A template for it when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
}

/// How an amount is written. What does not fit `digits_max` is cut off, never rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Money {
    /// What is counted.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub(crate) unit: Unit,
    /// The fewest digits after the point; by default `digits_max`, or the currency's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digits_min: Option<u8>,
    /// The most digits after the point; by default the currency's (for `rate`: 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digits_max: Option<u8>,
}

/// What an amount counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unit {
    /// Roubles, euros.
    #[default]
    Major,
    /// Kopecks, cents: a whole number.
    Minor,
}

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Time {
    /// `unix` (seconds), `unix-ms`, or a pattern of strftime: `%Y-%m-%dT%H:%M:%S%:z`.
    pub(crate) pattern: String,
    /// The offset from UTC, `+03:00`, or a parameter that says it, `{param.offset}`. By default UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<String>,
}

/// A letter case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Case {
    /// Capital letters.
    Upper,
    /// Small letters.
    Lower,
}
