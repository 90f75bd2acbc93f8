//! How jobs travel to Redis and back.

use crate::Taken;
use paybell_delivery::{DeliveryId, EndpointId, Job};
use std::time::Instant;
use uuid::Uuid;

/// A job's bytes within its endpoint's lane: delivery id (16), attempts (4), cap (4), big-endian. The scripts read the
/// cap where it stands here.
pub(crate) const PAYLOAD_LEN: usize = 24;
/// An endpoint's bytes: its id in hexadecimal. The scripts read it out of a place.
pub(crate) const ENDPOINT_LEN: usize = 32;
/// The bytes of a place in flight: endpoint, ticket (8).
pub(crate) const PLACE_LEN: usize = ENDPOINT_LEN + 8;

/// The payload of a job.
pub(crate) fn to_payload(job: &Job) -> [u8; PAYLOAD_LEN] {
    let mut payload = [0; PAYLOAD_LEN];
    payload[..16].copy_from_slice(job.delivery_id.0.as_bytes());
    payload[16..20].copy_from_slice(&job.attempts.to_be_bytes());
    payload[20..].copy_from_slice(&job.concurrency_max.max(1).to_be_bytes());
    payload
}

/// An endpoint's id in hexadecimal, as the scripts and the keys have it.
pub(crate) fn to_endpoint(endpoint: EndpointId) -> [u8; ENDPOINT_LEN] {
    let mut text = [0; ENDPOINT_LEN];
    endpoint.0.simple().encode_lower(&mut text);
    text
}

/// The place in flight of a job: its endpoint in hexadecimal and its ticket, big-endian.
pub(crate) fn to_place(taken: &Taken) -> [u8; PLACE_LEN] {
    let mut place = [0; PLACE_LEN];
    place[..ENDPOINT_LEN].copy_from_slice(&to_endpoint(taken.job.endpoint_id));
    place[ENDPOINT_LEN..].copy_from_slice(&taken.ticket.to_be_bytes());
    place
}

/// The job of a place in flight and a payload; nothing when they are none, such as those of another version.
pub(crate) fn to_taken(place: &[u8], payload: &[u8], taken_at: Instant) -> Option<Taken> {
    let place: &[u8; PLACE_LEN] = place.try_into().ok()?;
    let (endpoint, ticket) = place.split_first_chunk::<ENDPOINT_LEN>()?;
    let job = to_job(EndpointId(Uuid::try_parse_ascii(endpoint).ok()?), payload)?;
    Some(Taken { job, ticket: u64::from_be_bytes(ticket.try_into().ok()?), taken_at })
}

/// The job of a payload in an endpoint's lane; nothing when it is none.
pub(crate) fn to_job(endpoint_id: EndpointId, payload: &[u8]) -> Option<Job> {
    let payload: &[u8; PAYLOAD_LEN] = payload.try_into().ok()?;
    let (delivery, rest) = payload.split_first_chunk::<16>()?;
    let (attempts, cap) = rest.split_first_chunk::<4>()?;
    Some(Job {
        delivery_id: DeliveryId(Uuid::from_bytes(*delivery)),
        endpoint_id,
        attempts: u32::from_be_bytes(*attempts),
        concurrency_max: u32::from_be_bytes(cap.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_goes_there_and_back() {
        let endpoint_id = EndpointId(Uuid::from_u128(7));
        let job = Job { delivery_id: DeliveryId(Uuid::now_v7()), endpoint_id, attempts: 258, concurrency_max: 1_000 };
        let taken = Taken { job, ticket: 1_732_240_000_000_001, taken_at: Instant::now() };
        let (place, payload) = (to_place(&taken), to_payload(&job));
        assert_eq!(to_taken(&place, &payload, taken.taken_at), Some(taken));
        assert_eq!(to_taken(&place, b"short", taken.taken_at), None);
        assert_eq!(to_taken(b"no place", &payload, taken.taken_at), None);
        assert_eq!(to_taken(&[b'x'; PLACE_LEN], &payload, taken.taken_at), None);
    }
}
