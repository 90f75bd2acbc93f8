//! The independent path of the signatures' tests: the plain hash crates over a message that was written out by hand.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Digest;

pub(crate) fn md5(message: &[u8]) -> Vec<u8> {
    md5::Md5::digest(message).to_vec()
}

pub(crate) fn sha1(message: &[u8]) -> Vec<u8> {
    sha1::Sha1::digest(message).to_vec()
}

pub(crate) fn sha256(message: &[u8]) -> Vec<u8> {
    sha2::Sha256::digest(message).to_vec()
}

pub(crate) fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<sha1::Sha1>::new_from_slice(key).expect("any length").chain_update(message).finalize().into_bytes().to_vec()
}

pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    Hmac::<sha2::Sha256>::new_from_slice(key)
        .expect("any length")
        .chain_update(message)
        .finalize()
        .into_bytes()
        .to_vec()
}

pub(crate) fn base64(bytes: Vec<u8>) -> String {
    STANDARD.encode(bytes)
}

/// Percent-encoded as a form's value.
pub(crate) fn in_form(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
