//! Signatures, compiled.

use super::algorithms;
use super::scope::{Names, Scope, template};
use super::value_table::ValueTable;
use crate::definition::{Definition, SignatureDefinition, Sorted};
use crate::definition_error::Problems;
use crate::sign::{SignaturePlan, SortedPlan};
use crate::template::Piece;

/// Compiles a signature of a request.
pub(crate) fn compile(
    definition: &Definition,
    name: &str,
    signature: &SignatureDefinition,
    parts: &Names,
    values: &mut ValueTable<'_>,
    path: &str,
    problems: &mut Problems,
) -> SignaturePlan {
    let has_sorted = signature.sorted.is_some();
    let scope = Scope { parts: Some(parts), secret: true, body: true, sorted: has_sorted, ..Scope::default() };
    let over = template(&signature.over, scope, values, &format!("{path}.over"), problems);
    let names_sorted = over.names(&|piece| matches!(piece, Piece::Sorted));
    problems.require(names_sorted || !has_sorted, &format!("{path}.sorted"), "is never used: over has no {sorted}");
    let sorted = signature.sorted.as_ref().map(|sorted| sort(sorted, values, path, problems));
    let secret_among = sorted.as_ref().is_some_and(|sorted| sorted.secret_as.is_some());
    let has_secret = secret_among || over.names(&|piece| matches!(piece, Piece::Secret));
    let at = format!("{path}.algorithm");
    let algorithm = algorithms::compile(definition, &signature.algorithm, has_secret, values, &at, problems);
    SignaturePlan { name: name.into(), algorithm, output: signature.output, over, sorted }
}

fn sort(sorted: &Sorted, values: &mut ValueTable<'_>, path: &str, problems: &mut Problems) -> SortedPlan {
    let scope = Scope { item: true, ..Scope::default() };
    SortedPlan {
        each: template(&sorted.each, scope, values, &format!("{path}.sorted.each"), problems),
        join: sorted.join.as_str().into(),
        prefix: sorted.prefix.as_str().into(),
        leave_out: sorted.leave_out.clone(),
        secret_as: sorted.secret_as.as_deref().map(Into::into),
        ignore_case: sorted.ignore_case,
    }
}
