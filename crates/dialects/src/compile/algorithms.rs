//! Which algorithm a signature has, and whether it goes with the dialect's secrets.

use super::value_table::ValueTable;
use crate::definition::{Algorithm, Definition, Secret, SecretForm};
use crate::definition_error::Problems;
use crate::sign::AlgorithmPlan;

/// Compiles an algorithm's name, or the parameter that names it. `has_secret`: whether the secret is in what is signed.
pub(crate) fn compile(
    definition: &Definition,
    text: &str,
    has_secret: bool,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> AlgorithmPlan {
    let parameter = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    if let Some(parameter) = parameter.and_then(|name| name.strip_prefix("param.")) {
        let choices = definition.parameters.get(parameter).map(|parameter| parameter.choices.as_slice());
        let choices = choices.unwrap_or_default();
        problems.require(!choices.is_empty(), path, "must name a parameter that has choices");
        for choice in choices {
            check(&definition.secret, choice, has_secret, path, problems);
        }
        let index = values.resolve(&format!("param.{parameter}"), path, problems);
        return AlgorithmPlan::Value(index.unwrap_or_default());
    }
    AlgorithmPlan::Fixed(check(&definition.secret, text, has_secret, path, problems).unwrap_or(Algorithm::Sha256))
}

fn check(secret: &Secret, name: &str, has_secret: bool, path: &str, problems: &mut Problems) -> Option<Algorithm> {
    let Some(algorithm) = Algorithm::named(name) else {
        let known: Vec<&str> = Algorithm::NAMES.iter().map(|(name, _)| *name).collect();
        problems.add(path, format!("there is no algorithm {name:?}; there are {}", known.join(", ")));
        return None;
    };
    let standard = (algorithm == Algorithm::StandardWebhooks) == (secret.form == SecretForm::StandardWebhooks);
    let rule = "the algorithm standard-webhooks and secrets of the form standard-webhooks go only with each other";
    problems.require(standard, path, rule);
    problems.require(secret.form != SecretForm::None, path, "the dialect has no secrets to sign with");
    let seed = secret.form == SecretForm::Hex && secret.min == Some(32) && secret.max == Some(32);
    let rule = "ed25519 needs secrets of the form hex with min = 32 and max = 32";
    problems.require(algorithm != Algorithm::Ed25519 || seed, path, rule);
    let rule = "a hash without {secret} in it could be made by anybody";
    problems.require(has_secret || !algorithm.is_plain_hash(), path, rule);
    Some(algorithm)
}
