//! Whether endpoints suit their dialect. Where a dialect of the gateway's own is changed, those that use it are looked at
//! before, in the same transaction: what they lack would else be found by the next delivery.

use super::{Connection, Row, This, rows};
use crate::error::Doing;
use crate::manage::{NewEndpoint, Secret};
use crate::{Result, StoreError};
use paybell_delivery::Endpoint;
use paybell_dialects::{Dialect, Parameters};
use secrecy::ExposeSecret;
use std::fmt::Write;
use uuid::Uuid;

/// Endpoints that are named in an error.
const NAMED_MAX: usize = 5;

/// Endpoints that are read at once.
const READ_AT_ONCE: i64 = 500;

/// What of an endpoint its dialect has a word in.
pub(super) struct Wording<'a> {
    url: &'a str,
    check_url: Option<&'a str>,
    parameters: &'a Parameters,
}

impl<'a> Wording<'a> {
    pub(super) fn of(endpoint: &'a Endpoint) -> Self {
        let Endpoint { url, check_url, parameters, .. } = endpoint;
        Wording { url, check_url: check_url.as_deref(), parameters }
    }

    pub(super) fn of_new(new: &'a NewEndpoint) -> Self {
        let NewEndpoint { url, check_url, parameters, .. } = new;
        Wording { url, check_url: check_url.as_deref(), parameters }
    }
}

/// What keeps an endpoint from being sent to in the dialect. A parameter that the dialect does not know (any more) keeps
/// nobody.
pub(super) fn lacking(dialect: &Dialect, wording: &Wording<'_>) -> Vec<String> {
    let is_known = |name: &String| dialect.parameters().contains_key(name);
    let parameters = wording.parameters.iter().filter(|(name, _)| is_known(name));
    let parameters: Parameters = parameters.map(|(name, text)| (name.clone(), text.clone())).collect();
    let problems = |url: &str| dialect.check_endpoint(url, &parameters).err().unwrap_or_default();
    let mut lacks = problems(wording.url);
    if let Some(url) = wording.check_url {
        if !dialect.has_check() {
            lacks.push("it has a check URL, and the dialect asks nothing before a payment".to_owned());
        }
        lacks.extend(problems(url).into_iter().filter(|problem| !lacks.contains(problem)).collect::<Vec<_>>());
    }
    lacks
}

/// Refuses a change of a dialect that endpoints suited before, and would suit no more. Reads those endpoints, unless it
/// can be told from the definitions that there are none.
pub(super) async fn hold_endpoints(
    ledger: &This,
    connection: &mut Connection,
    old: Option<&Dialect>,
    new: &Dialect,
) -> Result<()> {
    if old.is_some_and(|old| new.asks_no_more_than(old)) {
        return Ok(());
    }
    let (mut unsuited, mut after) = (Vec::new(), Uuid::nil());
    while unsuited.len() <= NAMED_MAX {
        let rows = read(connection, new.name(), after).await?;
        let Some(last) = rows.last() else { break };
        after = rows::get(last, "id")?;
        for row in &rows {
            let endpoint = rows::endpoint(row)?;
            let lacks = newly_lacking(ledger, row, &endpoint, old, new)?;
            if !lacks.is_empty() {
                unsuited.push(format!("endpoint {} of {}: {}", endpoint.id, endpoint.merchant_id, lacks.join(", ")));
            }
        }
    }
    if unsuited.is_empty() { Ok(()) } else { Err(refusal(new.name(), &unsuited)) }
}

async fn read(connection: &mut Connection, dialect: &str, after: Uuid) -> Result<Vec<Row>> {
    const OF_DIALECT: &str = concat!(
        "SELECT ",
        endpoint_columns!(),
        " FROM endpoints e WHERE e.dialect = $1 AND e.id > $2 AND e.deleted_at IS NULL ORDER BY e.id LIMIT $3"
    );
    let read = sqlx::query(OF_DIALECT).bind(dialect).bind(after).bind(READ_AT_ONCE);
    read.fetch_all(connection).await.doing("read the endpoints of a dialect")
}

/// What the endpoint lacks now and did not before; so one that was at fault already keeps nobody from mending a dialect.
fn newly_lacking(
    ledger: &This,
    row: &Row,
    endpoint: &Endpoint,
    old: Option<&Dialect>,
    new: &Dialect,
) -> Result<Vec<String>> {
    let sealed: &[u8] = rows::get(row, "secrets")?;
    // Secrets that cannot be read cannot be used by any dialect.
    let secrets = ledger.sealer.open(endpoint.id, sealed).unwrap_or_default();
    let all = |dialect: &Dialect| {
        let mut lacks = lacking(dialect, &Wording::of(endpoint));
        lacks.extend(unusable(dialect, &secrets));
        lacks
    };
    let before = old.map(all).unwrap_or_default();
    Ok(all(new).into_iter().filter(|lack| !before.contains(lack)).collect())
}

fn unusable(dialect: &Dialect, secrets: &[Secret]) -> Option<String> {
    let current = secrets.iter().find(|secret| secret.ends_at.is_none())?;
    dialect.check_secret(current.value.expose_secret()).err().map(|error| format!("its secret cannot be used: {error}"))
}

fn refusal(dialect: &str, unsuited: &[String]) -> StoreError {
    let mut words =
        format!("dialect {dialect} cannot become that, as endpoints that use it would not suit it any more");
    for named in unsuited.iter().take(NAMED_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(words, "; {named}");
    }
    if unsuited.len() > NAMED_MAX {
        words.push_str("; and others");
    }
    words.push_str(". Change them first; a new parameter can be optional until each of them has it");
    StoreError::Refused(words)
}
