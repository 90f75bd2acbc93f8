//! Whether a reply's own signature is right.

use crate::charset::Charset;
use crate::plan::ReplySignaturePlan;
use crate::quote::quote_text;
use crate::secrets::{Key, SecretPlan};
use crate::template::Filling;
use crate::{DialectError, Signing};
use subtle::ConstantTimeEq;

/// Why the reply's signature is not right; `None` when one of the endpoint's secrets gives it. The right one is never
/// said: who reads this need not know it.
pub(crate) fn wrong_signature(
    plan: &ReplySignaturePlan,
    filling: &Filling<'_>,
    secret: &SecretPlan,
    signing: &Signing<'_>,
    charset: Charset,
) -> Option<String> {
    let at = &plan.at;
    let Some(said) = filling.reply.and_then(|reply| reply.get(at)) else {
        return Some(format!("the reply has no signature ({at})"));
    };
    match is_right(plan, &said, filling, secret, signing, charset) {
        Ok(true) => None,
        Ok(false) => {
            Some(format!("the reply's signature is wrong: {at} is {}, which none of the keys gives", quote_text(&said)))
        }
        Err(error) => Some(format!("the reply's signature could not be verified: {error}")),
    }
}

fn is_right(
    plan: &ReplySignaturePlan,
    said: &str,
    filling: &Filling<'_>,
    secret: &SecretPlan,
    signing: &Signing<'_>,
    charset: Charset,
) -> Result<bool, DialectError> {
    let folded = |text: &str| {
        if plan.signature.output.ignores_case() { text.trim().to_ascii_lowercase() } else { text.trim().to_owned() }
    };
    let said = folded(said);
    let keys: Vec<Key<'_>> = secret.keys(signing.secrets)?;
    let mut right = false;
    for (nth, text) in signing.secrets.iter().enumerate() {
        let filling = Filling { secret: text, ..*filling };
        let keys = keys.get(nth..).unwrap_or_default();
        let expected = folded(&plan.signature.sign(&filling, keys, charset)?);
        right |= bool::from(expected.as_bytes().ct_eq(said.as_bytes()));
    }
    Ok(right)
}
