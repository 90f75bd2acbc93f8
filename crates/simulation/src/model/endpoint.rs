use super::{DeliveryNo, MerchantNo};
use paybell_delivery::{RELEASE_EVERY, Timestamp, release_limit};
use std::time::Duration;

/// How far another process' clock may be ahead.
const AHEAD_MAX: Duration = Duration::from_secs(5);

/// An endpoint as the ledger keeps it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub(super) merchant: MerchantNo,
    pub(super) lifetime: Option<Duration>,
    pub(super) concurrency_max: u32,
    pub(super) paused: bool,
    pub(super) deleted: bool,
    /// Some of its deliveries may be parked.
    pub(super) parked: bool,
    /// While it does not take deliveries, what is accepted for it is parked at once.
    pub(super) parks: bool,
    /// Since when it fails.
    pub failing_since: Option<Timestamp>,
    /// How many probes failed since then.
    pub probes: u32,
    /// When the next probe goes out.
    pub probe_at: Option<Timestamp>,
    /// The delivery that it may be probed with.
    pub probing: Option<DeliveryNo>,
    /// When it last answered after it had failed.
    pub reopened_at: Option<Timestamp>,
    /// When a release last looked at it in the ramp after that.
    pub released_at: Option<Timestamp>,
}

impl Endpoint {
    pub(super) fn new(merchant: MerchantNo, lifetime: Option<Duration>, concurrency_max: u32) -> Self {
        Self {
            merchant,
            lifetime,
            concurrency_max,
            paused: false,
            deleted: false,
            parked: false,
            parks: false,
            failing_since: None,
            probes: 0,
            probe_at: None,
            probing: None,
            reopened_at: None,
            released_at: None,
        }
    }

    /// Neither paused nor deleted nor failing.
    pub(super) fn takes_deliveries(&self) -> bool {
        self.is_wanted() && self.failing_since.is_none()
    }

    /// Paused or failing.
    pub(super) fn is_closed(&self) -> bool {
        !self.deleted && !self.takes_deliveries()
    }

    /// Neither paused nor deleted.
    pub(super) fn is_wanted(&self) -> bool {
        !self.paused && !self.deleted
    }

    /// Whether this delivery may be attempted.
    pub(super) fn takes(&self, delivery: DeliveryNo) -> bool {
        self.is_wanted() && (self.failing_since.is_none() || self.probing == Some(delivery))
    }

    /// When a probe may be taken.
    pub(super) fn probed_from(&self) -> Option<Timestamp> {
        self.probe_at.filter(|_| self.is_wanted())
    }

    /// How many parked deliveries may be released at once, while that is ramped.
    pub fn release_limit(&self, now: Timestamp) -> Option<u32> {
        release_limit(self.reopened_at, now)
    }

    /// Until when a release passes over it, as something was just released in its ramp.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let rest = |at: &Timestamp| *at <= now + AHEAD_MAX && now.since(*at) < RELEASE_EVERY;
        self.released_at.filter(rest).map(|at| at + RELEASE_EVERY)
    }

    /// Something is parked for it: with `marked`, so that it is found again.
    pub(super) fn park(&mut self, now: Timestamp, marked: bool) {
        self.parked |= marked;
        let failing = self.failing_since.is_some() && !self.paused;
        self.probe_at = failing.then(|| self.probe_at.unwrap_or(now));
        self.parks |= self.is_closed();
    }

    /// It was just paused or found to fail: what is accepted for it is parked.
    pub(super) fn park_at_once(&mut self) {
        (self.parks, self.parked) = (true, true);
    }

    pub(super) fn forget_failing(&mut self) {
        (self.failing_since, self.probe_at, self.probing, self.probes) = (None, None, None, 0);
    }
}
