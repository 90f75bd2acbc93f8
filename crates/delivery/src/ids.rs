//! Identifiers: a type for each, so that one is never taken for another.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A stored or sent word that is none of those the type knows, such as a state of a later version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a known {what}")]
pub struct UnknownWord {
    /// What was being read, such as `delivery state`.
    pub what: &'static str,
    /// The word that was found.
    pub word: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }
    };
}

uuid_id!(
    /// Paybell's id of a payment: a UUID version 7 (RFC 9562), so that ids sort by time of acceptance.
    PaymentId
);
uuid_id!(
    /// The id of a delivery: a UUID whose first eight bytes are those of its payment's, so that ids sort by time.
    DeliveryId
);
uuid_id!(
    /// The id of an endpoint: a UUID version 7.
    EndpointId
);

uuid_id!(
    /// The id of a check: a UUID version 7, so that ids sort by time.
    CheckId
);

/// The gateway's own name of a merchant: 1 to 64 of `A–Z a–z 0–9 . _ -`.
///
/// ```
/// use paybell_delivery::MerchantId;
/// assert!(MerchantId::new("shop-7").is_some());
/// assert!(MerchantId::new("a shop").is_none());
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct MerchantId(String);

impl MerchantId {
    /// The id, or nothing when `text` is empty, longer than 64 characters or has a character that is not allowed.
    pub fn new(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
        ((1..=64).contains(&text.len()) && text.bytes().all(allowed)).then_some(Self(text))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MerchantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MerchantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
