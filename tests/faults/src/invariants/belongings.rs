//! I7: what belongs to a merchant appears to that merchant, the gateway and the operator only. The engine has no keys of
//! merchants: a merchant sees what is sent to its endpoints, and others see lists of it.

use crate::asked::{Caller, Kind, View};
use crate::checker::{Case, Found};
use crate::evidence::{Dump, Moment};
use std::collections::{BTreeSet, HashMap};

/// What the API answers to nobody, and to the gateway for what is the operator's.
const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;

/// Checks what went out and what is shown.
pub(super) fn each_sees_its_own(case: &Case<'_>, found: &mut Found) {
    posts_reach_their_merchant(case, found);
    for view in &case.evidence.asked.views {
        match (view.caller, view.kind) {
            (Caller::Nobody, _) => is_refused(view, UNAUTHORIZED, found),
            (Caller::Gateway, Kind::Audit) => is_refused(view, FORBIDDEN, found),
            (Caller::Gateway, _) => shows_one_merchant(&case.evidence.dump, view, found),
        }
    }
}

fn posts_reach_their_merchant(case: &Case<'_>, found: &mut Found) {
    let dump = &case.evidence.dump;
    let endpoints: HashMap<&str, (&str, &str)> =
        dump.endpoints.iter().map(|e| (e.id.as_str(), (e.path.as_str(), e.merchant.as_str()))).collect();
    let merchants = merchants_of_payments(dump);
    let mut paths: HashMap<&str, &str> = HashMap::new();
    for delivery in &dump.deliveries {
        let Some((path, merchant)) = endpoints.get(delivery.endpoint.as_str()) else { continue };
        paths.insert(&delivery.id, path);
        let payee = merchants.get(delivery.payment.as_str());
        if payee.is_some_and(|payee| payee != merchant) {
            found.add("I7", &delivery.id, format!("it tells {merchant} of a payment to {payee:?}"));
        }
    }
    for post in case.evidence.seen.iter().filter(|seen| seen.moment == Moment::Requested) {
        if let Some(path) = paths.get(post.delivery.as_str())
            && *path != post.path
        {
            found.add("I7", &post.delivery, format!("POST {} came to {}, not to {path}", post.attempt, post.path));
        }
    }
}

fn is_refused(view: &View, status: u16, found: &mut Found) {
    if view.status != status || !view.items.is_empty() {
        let (caller, kind, count) = (view.caller, view.kind, view.items.len());
        let what = format!("{caller:?} was shown {count} {kind:?} with status {}, not {status}", view.status);
        found.add("I7", "the API", what);
    }
}

/// A merchant's list shows all that is the merchant's, as far as it was read, and nothing else.
fn shows_one_merchant(dump: &Dump, view: &View, found: &mut Found) {
    let own = own_ids(dump, view);
    for (id, merchant) in &view.items {
        if *merchant != view.merchant || !own.contains(id.as_str()) {
            let what = format!("a list of the {:?} of {} shows it, which is {merchant}'s", view.kind, view.merchant);
            found.add("I7", id, what);
        }
    }
    let shown: BTreeSet<&str> = view.items.iter().map(|(id, _)| id.as_str()).collect();
    for id in own.difference(&shown).filter(|_| view.whole) {
        found.add("I7", id, format!("the list of the {:?} of {} does not show it", view.kind, view.merchant));
    }
}

/// The ids that a merchant's list must show.
fn own_ids<'a>(dump: &'a Dump, view: &View) -> BTreeSet<&'a str> {
    let is_own = |merchant: &str| merchant == view.merchant;
    match view.kind {
        Kind::Payments => dump.payments.iter().filter(|p| is_own(&p.merchant)).map(|p| p.id.as_str()).collect(),
        Kind::Endpoints => dump.endpoints.iter().filter(|e| is_own(&e.merchant)).map(|e| e.id.as_str()).collect(),
        Kind::Deliveries => {
            let merchants = merchants_of_payments(dump);
            let of = |payment: &str| merchants.get(payment).is_some_and(|merchant| is_own(merchant));
            dump.deliveries.iter().filter(|d| of(&d.payment)).map(|d| d.id.as_str()).collect()
        }
        Kind::Audit => BTreeSet::new(),
    }
}

fn merchants_of_payments(dump: &Dump) -> HashMap<&str, &str> {
    dump.payments.iter().map(|payment| (payment.id.as_str(), payment.merchant.as_str())).collect()
}
