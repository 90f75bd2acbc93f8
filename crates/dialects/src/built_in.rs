//! The built-in dialects: data files that are compiled when the first of them is asked for.

use crate::Dialect;
use std::sync::LazyLock;

/// The definitions.
const DEFINITIONS: &[&str] = &[
    include_str!("../dialects/adyen-classic.toml"),
    include_str!("../dialects/cloudpayments.toml"),
    include_str!("../dialects/freekassa.toml"),
    include_str!("../dialects/intellectmoney.toml"),
    include_str!("../dialects/interkassa.toml"),
    include_str!("../dialects/liqpay.toml"),
    include_str!("../dialects/ok-body.toml"),
    include_str!("../dialects/onpay-1.toml"),
    include_str!("../dialects/onpay-2.toml"),
    include_str!("../dialects/payanyway.toml"),
    include_str!("../dialects/plain-200.toml"),
    include_str!("../dialects/qiwi.toml"),
    include_str!("../dialects/robokassa.toml"),
    include_str!("../dialects/standard.toml"),
    include_str!("../dialects/t-bank.toml"),
    include_str!("../dialects/tpay.toml"),
    include_str!("../dialects/unitpay.toml"),
    include_str!("../dialects/walletone.toml"),
    include_str!("../dialects/webmoney.toml"),
    include_str!("../dialects/yookassa.toml"),
];

static ALL: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    // A test reads each of them, so none can be wrong in a build that was tested.
    let mut all: Vec<Dialect> = DEFINITIONS.iter().filter_map(|text| Dialect::from_toml(text).ok()).collect();
    all.sort_by(|one, other| one.name().cmp(other.name()));
    all
});

pub(crate) fn all() -> &'static [Dialect] {
    &ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_definition_is_right_and_has_a_name_of_its_own() {
        let wrong = DEFINITIONS.iter().filter_map(|text| {
            let error = Dialect::from_toml(text).err()?;
            Some(format!("{}: {error}", text.lines().next().unwrap_or_default()))
        });
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
        assert_eq!(all().len(), DEFINITIONS.len());
        assert!(all().windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }
}
