//! Signing what goes on the wire.

use crate::DialectError;
use crate::charset::Charset;
use crate::definition::{Algorithm, Output};
use crate::secrets::Key;
use crate::standard_webhooks::{sign_all, signing_key};
use crate::template::{Filling, Template};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::Signer;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A compiled signature.
#[derive(Debug)]
pub(crate) struct SignaturePlan {
    pub(crate) name: Box<str>,
    pub(crate) algorithm: AlgorithmPlan,
    pub(crate) output: Output,
    pub(crate) over: Template,
    pub(crate) sorted: Option<SortedPlan>,
}

/// An algorithm, or the value that names it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum AlgorithmPlan {
    Fixed(Algorithm),
    Value(usize),
}

/// How `{sorted}` is put together.
#[derive(Debug)]
pub(crate) struct SortedPlan {
    pub(crate) each: Template,
    pub(crate) join: Box<str>,
    pub(crate) prefix: Box<str>,
    pub(crate) leave_out: Vec<String>,
    pub(crate) secret_as: Option<Box<str>>,
    pub(crate) ignore_case: bool,
}

impl SignaturePlan {
    /// Signs with the first key; Standard Webhooks with all of them.
    pub(crate) fn sign(
        &self,
        filling: &Filling<'_>,
        keys: &[Key<'_>],
        charset: Charset,
    ) -> Result<String, DialectError> {
        let message = self.over.message(filling, charset)?;
        let algorithm = match self.algorithm {
            AlgorithmPlan::Fixed(algorithm) => Some(algorithm),
            AlgorithmPlan::Value(index) => filling.values.get(index).and_then(Algorithm::named),
        };
        let unknown = || DialectError::value(&self.name, "its algorithm must be one that is known");
        let algorithm = algorithm.ok_or_else(unknown)?;
        if algorithm == Algorithm::StandardWebhooks {
            return sign_all(keys, &message);
        }
        let key = keys.first().ok_or(DialectError::NoSecret)?;
        Ok(self.output.write(&digest(algorithm, key, &message)?))
    }
}

impl Output {
    fn write(self, bytes: &[u8]) -> String {
        match self {
            Output::Hex => hex::encode(bytes),
            Output::HexUpper => hex::encode_upper(bytes),
            Output::Base64 => STANDARD.encode(bytes),
            Output::Base64url => URL_SAFE_NO_PAD.encode(bytes),
        }
    }

    /// Whether a difference of letter case alone is none.
    pub(crate) const fn ignores_case(self) -> bool {
        matches!(self, Output::Hex | Output::HexUpper)
    }
}

fn digest(algorithm: Algorithm, key: &Key<'_>, message: &[u8]) -> Result<Vec<u8>, DialectError> {
    Ok(match algorithm {
        Algorithm::Md5 => Md5::digest(message).to_vec(),
        Algorithm::Sha1 => Sha1::digest(message).to_vec(),
        Algorithm::Sha256 => Sha256::digest(message).to_vec(),
        Algorithm::Sha384 => Sha384::digest(message).to_vec(),
        Algorithm::Sha512 => Sha512::digest(message).to_vec(),
        Algorithm::HmacMd5 => mac::<Hmac<Md5>>(key, message)?,
        Algorithm::HmacSha1 => mac::<Hmac<Sha1>>(key, message)?,
        Algorithm::HmacSha256 => mac::<Hmac<Sha256>>(key, message)?,
        Algorithm::HmacSha384 => mac::<Hmac<Sha384>>(key, message)?,
        Algorithm::HmacSha512 => mac::<Hmac<Sha512>>(key, message)?,
        Algorithm::Ed25519 => match key {
            Key::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Key::Bytes(seed) => signing_key(seed).ok_or(DialectError::NoSecret)?.sign(message).to_bytes().to_vec(),
        },
        Algorithm::StandardWebhooks => return Err(DialectError::NoSecret),
    })
}

fn mac<M: Mac + KeyInit>(key: &Key<'_>, message: &[u8]) -> Result<Vec<u8>, DialectError> {
    let Key::Bytes(key) = key else { return Err(DialectError::NoSecret) };
    let mac = M::new_from_slice(key).map_err(|_| DialectError::NoSecret)?;
    Ok(mac.chain_update(message).finalize().into_bytes().to_vec())
}
