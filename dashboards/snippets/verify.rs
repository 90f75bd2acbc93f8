// Crates: base64 0.22, hmac 0.12, sha2 0.10.
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};

/// `body`: the raw bytes of the request, before anything parses them.
fn verify(secret: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let is_fresh = timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= 300);
    let key = secret.strip_prefix("whsec_").and_then(|key| STANDARD.decode(key).ok());
    let Some(mac) = key.and_then(|key| Hmac::<Sha256>::new_from_slice(&key).ok()) else { return false };
    let signed = mac.chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body);
    is_fresh
        && signatures
            .split(' ')
            .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
            .any(|signature| signed.clone().verify_slice(&signature).is_ok())
}
