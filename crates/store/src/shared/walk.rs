//! The way of a bulk act through the deliveries that match its filter: state by state and, where a merchant or an
//! endpoint is named, endpoint by endpoint; each stretch along one index, and a bounded part of it in each step.
//!
//! A settlement goes along each state until it finds nothing more: what somebody had locked at that moment, or what
//! moved from ahead of it to behind it (a retry comes due sooner than it was claimed for), is found the next time.

use super::{Builder, Connection, Row, deliveries, push_ids, rows};
use crate::error::Doing;
use crate::manage::{BulkAct, BulkKind, DeliveryFilter};
use crate::numbers::count;
use crate::page::id_floor;
use crate::{Result, StoreError};
use paybell_delivery::{LIFETIME_MAX, State, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use uuid::Uuid;

const ACT: &str = "find what a bulk act is for";
/// How many rows a step looks at, and for how many of them a statement that finds nothing counts.
const LOOK: u32 = 5_000;
const LOOK_OF_A_STATEMENT: u32 = 10;

/// How many endpoints one statement counts for.
const ENDPOINTS: usize = 1_000;

/// How far an act is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// How many of the states are done.
    states: usize,
    /// The endpoint, where they are gone through one by one.
    endpoint: Option<Uuid>,
    /// The last delivery that was looked at: its id, and its `due_at` where that is the order.
    id: Option<Uuid>,
    due_at: Option<i64>,
    /// Whether something was found since the state was begun.
    found: bool,
}

impl Place {
    pub(super) fn read(text: Option<&str>) -> Result<Self> {
        let unreadable = |e: serde_json::Error| StoreError::Unreadable(format!("a bulk act's place: {e}"));
        text.map_or(Ok(Self::default()), |text| serde_json::from_str(text).map_err(unreadable))
    }

    pub(super) fn write(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| StoreError::Refused(format!("the place cannot be stored: {e}")))
    }
}

/// What an act goes through.
pub(super) struct Walk<'a> {
    act: &'a BulkKind,
    filter: &'a DeliveryFilter,
    /// The newest delivery when it began.
    newest: Uuid,
    begun_at: Timestamp,
    states: Vec<State>,
}

impl<'a> Walk<'a> {
    pub(super) fn of(act: &'a BulkAct, newest: Uuid) -> Self {
        let states = match act.kind {
            BulkKind::Resend => [State::Undelivered, State::Settled],
            BulkKind::Settle { .. } => [State::Pending, State::Undelivered],
        };
        let states = states.into_iter().filter(|state| act.filter.state.is_none_or(|only| only == *state)).collect();
        Self { act: &act.kind, filter: &act.filter, newest, begun_at: act.created_at, states }
    }

    pub(super) fn is_done(&self, place: &Place) -> bool {
        place.states >= self.states.len()
    }

    /// How many match now.
    pub(super) async fn count(&self, tx: &mut Connection) -> Result<u64> {
        let endpoints = self.endpoints(tx).await?;
        let mut total = 0;
        for state in &self.states {
            match &endpoints {
                None => total += self.count_of(tx, *state, None).await?,
                Some(all) => {
                    for some in all.chunks(ENDPOINTS) {
                        total += self.count_of(tx, *state, Some(some)).await?;
                    }
                }
            }
        }
        Ok(total)
    }

    async fn count_of(&self, tx: &mut Connection, state: State, of: Option<&[Uuid]>) -> Result<u64> {
        let mut query = Builder::new("SELECT count(*) AS total FROM (SELECT d.* FROM deliveries d WHERE ");
        match of {
            Some(endpoints) => {
                query.push("d.endpoint_id IN (");
                push_ids(&mut query, endpoints.iter().copied());
                self.push_after(&mut query, &Place::default(), state, "d.id");
            }
            None => {
                query.push(format_args!("d.state = '{}'", state.as_str()));
            }
        }
        // A limit keeps the planner from entering by the ids, which are those of all states.
        query.push(" LIMIT ").push_bind(i64::MAX).push(") d WHERE d.id <= ").push_bind(self.newest);
        self.restrict(&mut query, state);
        let row = query.build().persistent(false).fetch_one(tx).await.doing(ACT)?;
        Ok(count(rows::get(&row, "total")?))
    }

    /// Goes on from the place. Answers at most `limit` deliveries that match, none of them twice.
    pub(super) async fn go_on(&self, tx: &mut Connection, place: &mut Place, limit: u32) -> Result<Vec<Uuid>> {
        let endpoints = self.endpoints(tx).await?;
        let (mut found, mut looks) = (Vec::new(), LOOK);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        while looks > 0 && found.len() < wanted && !self.is_done(place) {
            let rows = match &endpoints {
                Some(all) => match place.endpoint.or_else(|| all.first().copied()) {
                    Some(endpoint) => self.look(tx, place, Some(endpoint), looks).await?,
                    None => Vec::new(),
                },
                None => self.look(tx, place, None, looks).await?,
            };
            let seen = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            for row in &rows {
                if found.len() == wanted {
                    break;
                }
                (place.id, place.due_at) = (Some(rows::get(row, "id")?), Some(rows::get(row, "due_at")?));
                found.extend(rows::get::<bool>(row, "matches")?.then_some(place.id).flatten());
            }
            place.found |= !found.is_empty();
            if seen < looks && found.len() < wanted && self.turn(place, endpoints.as_deref()) {
                break;
            }
            looks = looks.saturating_sub(seen.max(LOOK_OF_A_STATEMENT));
        }
        Ok(found)
    }

    /// Goes to the next endpoint or state. Answers whether the same state is begun again, which makes sense only once
    /// what was found is settled.
    fn turn(&self, place: &mut Place, endpoints: Option<&[Uuid]>) -> bool {
        let all = endpoints.unwrap_or_default();
        let current = place.endpoint.or_else(|| all.first().copied());
        let next = all.iter().copied().find(|endpoint| current.is_some_and(|current| *endpoint > current));
        (place.id, place.due_at, place.endpoint) = (None, None, next);
        if next.is_some() {
            return false;
        }
        let again = place.found && matches!(self.act, BulkKind::Settle { .. });
        place.states += usize::from(!again);
        place.found = false;
        again
    }

    /// The next rows of a stretch, in order, each with whether it matches.
    async fn look(&self, tx: &mut Connection, at: &Place, endpoint: Option<Uuid>, looks: u32) -> Result<Vec<Row>> {
        let Some(state) = self.states.get(at.states).copied() else { return Ok(Vec::new()) };
        let mut query = Builder::new("SELECT d.id, d.due_at, COALESCE(d.id <= ");
        query.push_bind(self.newest);
        self.restrict(&mut query, state);
        query.push(", false) AS matches FROM (SELECT d.* FROM deliveries d WHERE ");
        let order = match (endpoint, state) {
            (Some(endpoint), State::Pending) => {
                // No index holds the pending ones of an endpoint: those of all states are looked at, as far back as
                // a pending one can be.
                query.push("d.endpoint_id = ").push_bind(endpoint);
                "d.id"
            }
            (None, State::Pending) => {
                query.push("d.state = 'pending'");
                "d.due_at, d.id"
            }
            (endpoint, state) => {
                query.push(format_args!("d.state = '{}'", state.as_str()));
                if let Some(endpoint) = endpoint {
                    query.push(" AND d.endpoint_id = ").push_bind(endpoint);
                }
                "d.id"
            }
        };
        self.push_after(&mut query, at, state, order);
        query.push(" ORDER BY ").push(order).push(" LIMIT ").push_bind(i64::from(looks));
        query.push(") d ORDER BY ").push(order);
        query.build().fetch_all(tx).await.doing(ACT)
    }

    /// What lies behind the place, in its order.
    fn push_after(&self, query: &mut Builder, at: &Place, state: State, order: &str) {
        if order == "d.id" {
            query.push(" AND d.id <= ").push_bind(self.newest);
            if let Some(first) = self.first_id(state) {
                query.push(" AND d.id >= ").push_bind(first);
            }
            if let Some(id) = at.id {
                query.push(" AND d.id > ").push_bind(id);
            }
        } else if let (Some(due_at), Some(id)) = (at.due_at, at.id) {
            query.push(" AND d.due_at >= ").push_bind(due_at).push(" AND (d.due_at > ").push_bind(due_at);
            query.push(" OR d.id > ").push_bind(id).push(")");
        }
    }

    fn restrict(&self, query: &mut Builder, state: State) {
        deliveries::restrict(query, &DeliveryFilter { state: Some(state), ..self.filter.clone() });
    }

    /// The first id that there may be: no delivery is pending for longer than the longest life.
    fn first_id(&self, state: State) -> Option<Uuid> {
        let alive = (state == State::Pending && self.names_endpoints()).then(|| self.begun_at.before(LIFETIME_MAX));
        alive.max(self.filter.created_since).map(id_floor)
    }

    fn names_endpoints(&self) -> bool {
        self.filter.merchant_id.is_some() || self.filter.endpoint_id.is_some()
    }

    /// The endpoints that are named, in order; nothing where none is.
    async fn endpoints(&self, tx: &mut Connection) -> Result<Option<Vec<Uuid>>> {
        let only = self.filter.endpoint_id.map(|id| id.0);
        let Some(merchant) = &self.filter.merchant_id else { return Ok(only.map(|id| vec![id])) };
        let of_merchant = sqlx::query("SELECT id FROM endpoints WHERE merchant_id = $1 ORDER BY id");
        let rows = of_merchant.bind(merchant.as_str()).fetch_all(tx).await.doing(ACT)?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.try_get(0).doing(ACT)).collect::<Result<_>>()?;
        Ok(Some(ids.into_iter().filter(|id| only.is_none_or(|only| only == *id)).collect()))
    }
}
