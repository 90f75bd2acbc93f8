//! How jobs travel to Redis and back.

use paybell_delivery::{DeliveryId, EndpointId, Job};
use uuid::Uuid;

/// A job's bytes within its endpoint's lane: delivery id (16), attempts (4), cap (4), big-endian. The scripts read the
/// cap where it stands here.
pub(crate) const PAYLOAD_LEN: usize = 24;

/// The payload of a job.
pub(crate) fn to_payload(job: &Job) -> [u8; PAYLOAD_LEN] {
    let mut payload = [0; PAYLOAD_LEN];
    payload[..16].copy_from_slice(job.delivery_id.0.as_bytes());
    payload[16..20].copy_from_slice(&job.attempts.to_be_bytes());
    payload[20..].copy_from_slice(&job.concurrency_max.max(1).to_be_bytes());
    payload
}

/// The job of an endpoint (in hex) and a payload; nothing when they are none, such as those of another version.
pub(crate) fn to_job(endpoint: &[u8], payload: &[u8]) -> Option<Job> {
    let payload: &[u8; PAYLOAD_LEN] = payload.try_into().ok()?;
    let (delivery, rest) = payload.split_first_chunk::<16>()?;
    let (attempts, cap) = rest.split_first_chunk::<4>()?;
    Some(Job {
        delivery_id: DeliveryId(Uuid::from_bytes(*delivery)),
        endpoint_id: EndpointId(Uuid::try_parse_ascii(endpoint).ok()?),
        attempts: u32::from_be_bytes(*attempts),
        concurrency_max: u32::from_be_bytes(cap.try_into().ok()?),
    })
}

/// The ticket of a taking, as `turn.lua` writes it.
pub(crate) fn to_ticket(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_goes_there_and_back() {
        let endpoint_id = EndpointId(Uuid::from_u128(7));
        let job = Job { delivery_id: DeliveryId(Uuid::now_v7()), endpoint_id, attempts: 258, concurrency_max: 1_000 };
        let endpoint = endpoint_id.0.simple().to_string();
        assert_eq!(to_job(endpoint.as_bytes(), &to_payload(&job)), Some(job));
        assert_eq!(to_job(endpoint.as_bytes(), b"short"), None);
        assert_eq!(to_job(b"no id", &to_payload(&job)), None);
    }
}
