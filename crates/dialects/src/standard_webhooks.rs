//! The secrets and signatures of [Standard Webhooks](https://www.standardwebhooks.com) 1.0: HMAC-SHA256 (`v1`) and
//! ed25519 (`v1a`).

use crate::DialectError;
use crate::secrets::Key;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::borrow::Cow;

const SYMMETRIC: &str = "whsec_";
const PRIVATE: &str = "whsk_";
const PUBLIC: &str = "whpk_";

pub(crate) const RULE: &str = "`whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and the base64 of an ed25519 key (32 bytes, or 64 with its public key)";

/// The signatures of all keys, separated by spaces.
pub(crate) fn sign_all(keys: &[Key<'_>], message: &[u8]) -> Result<String, DialectError> {
    let mut header = String::with_capacity(keys.len() * 48);
    for key in keys {
        if !header.is_empty() {
            header.push(' ');
        }
        match key {
            Key::Bytes(key) => {
                header.push_str("v1,");
                BASE64.encode_string(mac_of(key)?.chain_update(message).finalize().into_bytes(), &mut header);
            }
            Key::Ed25519(key) => {
                header.push_str("v1a,");
                BASE64.encode_string(key.sign(message).to_bytes(), &mut header);
            }
        }
    }
    Ok(header)
}

/// Whether one of the `v1` signatures in a `webhook-signature` header was made with one of the secrets. It takes the same
/// time wherever a signature differs. Whether the timestamp is fresh is for the caller to judge.
///
/// ```
/// use paybell_dialects::verify_standard;
/// let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
/// assert!(!verify_standard(&[secret], "id", "1700000000", "v1,", b"{}"));
/// ```
pub fn verify_standard(secrets: &[&str], id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let mut verified = false;
    for key in secrets.iter().filter_map(|secret| key_of(secret)) {
        let Key::Bytes(key) = key else { continue };
        let Ok(mut mac) = mac_of(&key) else { continue };
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            mac.update(part);
        }
        let v1 = signatures.split(' ').filter_map(|signature| signature.strip_prefix("v1,"));
        for signature in v1.filter_map(|encoded| BASE64.decode(encoded).ok()) {
            verified |= mac.clone().verify_slice(&signature).is_ok();
        }
    }
    verified
}

pub(crate) fn new_secret(random: &[u8; 32]) -> String {
    format!("{SYMMETRIC}{}", BASE64.encode(random))
}

/// A new private key, of the seed and its public key.
pub(crate) fn new_private_key(random: &[u8; 32]) -> String {
    format!("{PRIVATE}{}", BASE64.encode(SigningKey::from_bytes(random).to_keypair_bytes()))
}

/// The public key of a private one.
pub(crate) fn public_key(secret: &str) -> Option<String> {
    match key_of(secret)? {
        Key::Ed25519(key) => Some(format!("{PUBLIC}{}", BASE64.encode(key.verifying_key().as_bytes()))),
        Key::Bytes(_) => None,
    }
}

pub(crate) fn key_of(secret: &str) -> Option<Key<'static>> {
    if let Some(encoded) = secret.strip_prefix(SYMMETRIC) {
        let key = BASE64.decode(encoded).ok()?;
        return (24..=64).contains(&key.len()).then_some(Key::Bytes(Cow::Owned(key)));
    }
    let key = BASE64.decode(secret.strip_prefix(PRIVATE)?).ok()?;
    signing_key(&key).map(|key| Key::Ed25519(Box::new(key)))
}

/// The key of its seed alone, or of its seed and its public key, which must belong together.
pub(crate) fn signing_key(bytes: &[u8]) -> Option<SigningKey> {
    match bytes.len() {
        32 => Some(SigningKey::from_bytes(bytes.try_into().ok()?)),
        64 => SigningKey::from_keypair_bytes(bytes.try_into().ok()?).ok(),
        _ => None,
    }
}

fn mac_of(key: &[u8]) -> Result<Hmac<Sha256>, DialectError> {
    Hmac::new_from_slice(key).map_err(|_| DialectError::NoSecret)
}
