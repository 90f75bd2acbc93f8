//! Money as integers.

use iso_currency::Currency as Iso;
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A currency of ISO 4217, by its three-letter code.
///
/// ```
/// use paybell_delivery::Currency;
/// let yen: Currency = "JPY".parse().unwrap();
/// assert_eq!(yen.exponent(), 0);
/// assert!("RUR".parse::<Currency>().is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Currency(Iso);

/// A code that ISO 4217 does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a currency code of ISO 4217, such as EUR")]
pub struct UnknownCurrency(pub String);

impl Currency {
    /// The code in capital letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimal digits the minor unit has: 2 for EUR, 0 for JPY; 0 where ISO 4217 gives none (such as gold).
    pub fn exponent(self) -> u32 {
        self.0.exponent().unwrap_or(0).into()
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, Self::Err> {
        Iso::from_code(code).map(Currency).ok_or_else(|| UnknownCurrency(code.to_owned()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// An amount of money in minor units (kopecks, cents) of its currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct Money {
    /// Minor units.
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
}
