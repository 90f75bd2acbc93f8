//! Acts of people.

use super::{DeliveryNo, Endpoint, EndpointNo, MerchantNo, Model};
use crate::Bug;
use paybell_delivery::{State, Timestamp};
use std::time::Duration;

impl Model {
    /// Creates a merchant.
    pub fn create_merchant(&mut self) -> MerchantNo {
        self.merchants += 1;
        MerchantNo::next_after(self.merchants - 1)
    }

    /// Creates an endpoint; `lifetime` where it asks for less than the engine's.
    pub fn create_endpoint(
        &mut self,
        merchant: MerchantNo,
        lifetime: Option<Duration>,
        concurrency_max: u32,
    ) -> EndpointNo {
        self.endpoints.push(Endpoint::new(merchant, lifetime, concurrency_max));
        EndpointNo::next_after(self.endpoints.len() - 1)
    }

    /// Pauses or resumes an endpoint. One that fails is probed at once when it is resumed.
    pub fn pause_endpoint(&mut self, endpoint: EndpointNo, paused: bool, now: Timestamp) {
        if self.endpoint(endpoint).paused != paused {
            self.change_endpoint(endpoint, |endpoint| {
                endpoint.paused = paused;
                if paused {
                    endpoint.park_at_once();
                }
                endpoint.probe_at = (endpoint.failing_since.is_some() && !paused).then_some(now);
            });
        }
    }

    /// Deletes an endpoint. Its deliveries wait for their deadline.
    pub fn delete_endpoint(&mut self, endpoint: EndpointNo) {
        self.change_endpoint(endpoint, |endpoint| {
            endpoint.deleted = true;
            endpoint.forget_failing();
        });
    }

    /// Settles what is pending or undelivered; otherwise it is refused, by `false`.
    pub fn settle(&mut self, delivery: DeliveryNo, now: Timestamp) -> bool {
        let write = !self.has(Bug::SettledAttemptLost);
        self.change(delivery, |row| match row.state {
            State::Delivered | State::Settled => false,
            State::Pending | State::Undelivered => {
                row.close_claim(write);
                row.state = State::Settled;
                row.finished_at = row.finished_at.or(Some(now));
                true
            }
        })
    }
}
