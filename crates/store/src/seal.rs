//! Endpoint secrets at rest: XChaCha20-Poly1305 under the master key, bound to their endpoint.

use crate::manage::Secret;
use crate::{Result, StoreError};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use paybell_delivery::{EndpointId, Timestamp};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use std::fmt;

const NONCE_LEN: usize = 24;

/// Seals the secrets of an endpoint, so that a copy of the database without the master key does not give them away and
/// those of one endpoint cannot be moved to another.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
}

/// A secret as it stands in the sealed list.
#[derive(Serialize, Deserialize)]
struct Sealed {
    value: String,
    created_at: Timestamp,
    ends_at: Option<Timestamp>,
}

impl Sealer {
    /// From the 32-byte master key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(key.into()) }
    }

    /// A fresh random nonce followed by the sealed list.
    pub(crate) fn seal(&self, endpoint: EndpointId, secrets: &[Secret]) -> Result<Vec<u8>> {
        let list: Vec<Sealed> = secrets.iter().map(Sealed::from).collect();
        let plain = serde_json::to_vec(&list).map_err(|_| cannot_seal())?;
        let nonce: [u8; NONCE_LEN] = rand::random();
        let payload = Payload { msg: &plain, aad: endpoint.0.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload).map_err(|_| cannot_seal())?;
        Ok([&nonce[..], &sealed[..]].concat())
    }

    /// The list that [`Sealer::seal`] sealed for this endpoint.
    pub(crate) fn open(&self, endpoint: EndpointId, sealed: &[u8]) -> Result<Vec<Secret>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(|| cannot_open(endpoint))?;
        let payload = Payload { msg: text, aad: endpoint.0.as_bytes() };
        let plain = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| cannot_open(endpoint))?;
        let list: Vec<Sealed> = serde_json::from_slice(&plain).map_err(|_| cannot_open(endpoint))?;
        Ok(list.into_iter().map(Secret::from).collect())
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl From<&Secret> for Sealed {
    fn from(secret: &Secret) -> Self {
        let Secret { value, created_at, ends_at } = secret;
        Sealed { value: value.expose_secret().to_owned(), created_at: *created_at, ends_at: *ends_at }
    }
}

impl From<Sealed> for Secret {
    fn from(Sealed { value, created_at, ends_at }: Sealed) -> Self {
        Secret { value: value.into(), created_at, ends_at }
    }
}

fn cannot_seal() -> StoreError {
    StoreError::Refused("the endpoint's secrets cannot be sealed".to_owned())
}

fn cannot_open(endpoint: EndpointId) -> StoreError {
    StoreError::Unreadable(format!(
        "the secrets of endpoint {endpoint} do not open with this master key; is it the one they were sealed with?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Vec<Secret> {
        let ends_at = Some(Timestamp(7));
        vec![
            Secret { value: "whsec_old".into(), created_at: Timestamp(1), ends_at },
            Secret { value: "whsec_new".into(), created_at: Timestamp(2), ends_at: None },
        ]
    }

    #[test]
    fn what_was_sealed_opens_only_with_its_key_and_for_its_endpoint() {
        let (one, other) = (EndpointId(uuid::Uuid::from_u128(1)), EndpointId(uuid::Uuid::from_u128(2)));
        let sealer = Sealer::new(&[7; 32]);
        let sealed = sealer.seal(one, &secrets()).expect("seals");
        let opened = sealer.open(one, &sealed).expect("opens");
        assert_eq!(opened[0].value.expose_secret(), "whsec_old");
        assert_eq!(opened[0].ends_at, Some(Timestamp(7)));
        assert_eq!(opened[1].value.expose_secret(), "whsec_new");

        assert!(matches!(sealer.open(other, &sealed), Err(StoreError::Unreadable(_))));
        let hint = Sealer::new(&[8; 32]).open(one, &sealed).expect_err("another key").to_string();
        assert!(hint.contains("master key"), "{hint}");
        let mut damaged = sealed.clone();
        *damaged.last_mut().expect("not empty") ^= 1;
        assert!(sealer.open(one, &damaged).is_err());
        assert!(sealer.open(one, &sealed[..NONCE_LEN - 1]).is_err());
    }

    #[test]
    fn the_same_secrets_never_seal_to_the_same_bytes_and_nothing_shows_in_debug() {
        let id = EndpointId(uuid::Uuid::from_u128(1));
        let sealer = Sealer::new(&[7; 32]);
        let (a, b) = (sealer.seal(id, &secrets()).expect("seals"), sealer.seal(id, &secrets()).expect("seals"));
        assert_ne!(a, b);
        assert!(!a.windows(5).any(|w| w == b"whsec"));
        assert_eq!(format!("{sealer:?}"), "Sealer");
        assert!(!format!("{:?}", secrets()).contains("whsec"));
    }
}
