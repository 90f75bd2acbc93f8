//! The SQL that reads the same on both databases, and the reading of rows. This folder is compiled twice, once inside
//! each ledger, which says by `Db` and `This` what for; sqlx checks the types of both.
//!
//! Cast:
//! - [`rows`]: database rows → domain values. [`ledger`]: the interface, act by act.
//! - The acts of people: [`merchants`], [`endpoints`], [`payments`], [`deliveries`], [`resend`], [`settle`], [`follow_up`],
//!   [`bulk_acts`] (along a [`walk`]), [`checks`], [`dialects`], [`keys`], [`operators`], [`sessions`], [`portal_links`],
//!   [`audit`]. [`health`]: endpoints that do not answer. [`hold_to_dialect`]: those that do not suit their dialect.
//!   [`gauges`]: the figures of the moment.
//! - What pages show: [`figures`], [`waiting`], [`waiting_by_endpoint`], [`sums`], [`activity`], [`reconcile`].
//!   [`find_deliveries`], [`part`]: by which index a filter's deliveries are found.

pub(super) mod activity;
mod audit;
mod bulk_acts;
mod bulk_filter;
mod checks;
pub(super) mod deliveries;
mod dialects;
mod endpoints;
pub(super) mod figures;
pub(super) mod find_deliveries;
mod follow_up;
pub(super) mod gauges;
mod health;
mod hold_to_dialect;
mod keys;
mod ledger;
mod merchants;
mod operators;
pub(super) mod part;
pub(super) mod payments;
mod portal_links;
pub(super) mod reconcile;
mod resend;
pub(super) mod rows;
mod secrets;
pub(super) mod sessions;
mod settle;
mod still_claimed;
pub(super) mod sums;
pub(super) mod waiting;
pub(super) mod waiting_by_endpoint;
pub(super) mod waiting_until;
mod walk;

use super::{COUNTED_AT_ONCE, Db, ENDPOINTS_BY_ID, This, id_list, id_literal};

type Row = <Db as sqlx::Database>::Row;
type Connection = <Db as sqlx::Database>::Connection;
type Builder = sqlx::QueryBuilder<Db>;

/// Ids as bound values, `$1, $2, …)`, as an `IN (` goes on.
fn push_ids(query: &mut Builder, ids: impl IntoIterator<Item = uuid::Uuid>) -> &mut Builder {
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id);
    }
    query.push(")")
}
