//! Whether an endpoint's settings suit its dialect, and each other.

use crate::Served;
use crate::problem::{ASKED_ALREADY, Answer};
use crate::read_fields::Fields;
use paybell_delivery::{EndpointId, MerchantId};
use paybell_dialects::{Dialect, Parameters};

/// What of an endpoint its dialect has a word in.
pub(crate) struct Suited<'a> {
    pub(crate) url: &'a str,
    pub(crate) check_url: Option<&'a str>,
    pub(crate) parameters: &'a Parameters,
}

/// Notes what does not suit the dialect.
pub(crate) fn check_suits(fields: &mut Fields<'_>, dialect: &Dialect, suited: &Suited<'_>) {
    let problems = |url: &str| dialect.check_endpoint(url, suited.parameters).err().unwrap_or_default();
    let of_parameters = problems("");
    let of_url = |url: &str| problems(url).into_iter().filter(|rule| !of_parameters.contains(rule)).collect::<Vec<_>>();
    for rule in of_url(suited.url) {
        fields.wrong("url", rule);
    }
    if let Some(url) = suited.check_url {
        if !dialect.has_check() {
            fields.wrong("check_url", format!("the dialect {} asks nothing before a payment", dialect.name()));
        }
        for rule in of_url(url) {
            fields.wrong("check_url", rule);
        }
    }
    for rule in of_parameters {
        fields.wrong("parameters", rule);
    }
}

/// Notes when another endpoint of the merchant is asked already: a gateway that names none must know who answers. The
/// database holds that too, for two requests at once.
pub(crate) async fn check_is_only_one(
    fields: &mut Fields<'_>,
    api: &Served,
    merchant: &MerchantId,
    own: Option<EndpointId>,
) -> Answer<()> {
    let asked = match api.ledger().endpoint_to_check(merchant, None).await {
        Ok(found) => found.map(|found| found.endpoint.id),
        // What becomes of that is told where the endpoint is made.
        Err(paybell_store::StoreError::NotFound { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    if asked.is_some() && asked != own {
        fields.wrong("check_url", ASKED_ALREADY);
    }
    Ok(())
}
