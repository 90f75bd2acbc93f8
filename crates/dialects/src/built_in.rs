//! The built-in dialects: data files that are compiled when the first of them is asked for.

use crate::Dialect;
use std::sync::LazyLock;

/// The definitions.
const DEFINITIONS: &[&str] = &[
    include_str!("../dialects/standard.toml"),
    include_str!("../dialects/ok-body.toml"),
    include_str!("../dialects/onpay-1.toml"),
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
        for text in DEFINITIONS {
            if let Err(error) = Dialect::from_toml(text) {
                panic!("{}\n{error}", text.lines().next().unwrap_or_default());
            }
        }
        assert_eq!(all().len(), DEFINITIONS.len());
        assert!(all().windows(2).all(|pair| pair[0].name() < pair[1].name()));
    }
}
