//! Where the payments of a day stand, counted and summed by currency, so that the parts make the whole.

use paybell_delivery::{Currency, Money};
use paybell_store::manage::{ReconciledPayment, Standing};
use std::collections::BTreeMap;

/// How many payments, and their money by currency.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) count: u64,
    sums: BTreeMap<&'static str, (Currency, i128)>,
}

impl Counted {
    fn add(&mut self, money: Money) {
        self.count += 1;
        let sum = self.sums.entry(money.currency.code()).or_insert((money.currency, 0));
        sum.1 += i128::from(money.amount_minor);
    }

    fn add_all(&mut self, other: &Self) {
        self.count += other.count;
        for (code, (currency, sum)) in &other.sums {
            self.sums.entry(code).or_insert((*currency, 0)).1 += sum;
        }
    }

    /// The sum of each currency, by code.
    pub(crate) fn money(&self) -> Vec<Money> {
        let money = |(currency, sum): &(Currency, i128)| Money {
            amount_minor: i64::try_from(*sum).unwrap_or(i64::MAX),
            currency: *currency,
        };
        self.sums.values().map(money).collect()
    }
}

/// The figures of a day.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct FiguresOfDay(BTreeMap<Standing, Counted>);

impl FiguresOfDay {
    /// Where a payment may stand, in the order in which it is shown.
    pub(crate) const STANDINGS: [Standing; 5] =
        [Standing::Delivered, Standing::Waiting, Standing::Undelivered, Standing::Settled, Standing::Untold];

    pub(crate) fn add(&mut self, payment: &ReconciledPayment) {
        self.0.entry(payment.standing).or_default().add(payment.amount);
    }

    /// Those that stand there.
    pub(crate) fn at(&self, standing: Standing) -> Counted {
        self.0.get(&standing).cloned().unwrap_or_default()
    }

    /// All of them.
    pub(crate) fn total(&self) -> Counted {
        let mut total = Counted::default();
        Self::STANDINGS.iter().for_each(|standing| total.add_all(&self.at(*standing)));
        total
    }
}
