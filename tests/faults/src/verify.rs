//! Verifies what the merchants get, on our own: the engine's code has no part in it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Whether a request is signed by Standard Webhooks with this secret.
pub(crate) fn check_standard(secret: &str, id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = secret.strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok()).unwrap_or_default();
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac(&key, &signed)));
    signatures.split(' ').any(|signature| signature == expected)
}

/// The form of `ok-body`: the id of its payment, and whether it is signed.
pub(crate) fn check_form(body: &[u8], secret: &str) -> (String, bool) {
    const MARK: &[u8] = b"&signature=";
    let at = body.windows(MARK.len()).position(|window| window == MARK).unwrap_or(body.len());
    let expected = hex::encode(mac(secret.as_bytes(), &body[..at]));
    let signature = body.get(at + MARK.len()..).unwrap_or_default();
    let id = form_urlencoded::parse(body).find(|(name, _)| name == "payment_id").map(|(_, value)| value.into_owned());
    (id.unwrap_or_default(), signature.starts_with(expected.as_bytes()))
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac.chain_update(bytes).finalize().into_bytes().to_vec(),
        Err(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bytes_that_were_signed_pass() {
        // The example of the Standard Webhooks specification.
        let (secret, id, at) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let body = br#"{"test": 2432232314}"#;
        assert!(check_standard(secret, id, at, signature, body));
        assert!(check_standard(secret, id, at, &format!("v1,other {signature}"), body));
        assert!(!check_standard(secret, id, at, signature, br#"{"test": 2432232315}"#));
        assert!(!check_standard(secret, id, "1614265331", signature, body));
        assert!(!check_standard("whsec_AAAA", id, at, signature, body));
        assert!(!check_standard(secret, id, at, "", body));
    }

    #[test]
    fn only_the_form_that_was_signed_passes() {
        let secret = "a-secret-of-32-characters-length";
        let fields = "type=payment.confirmed&payment_id=p-1&amount=150.00";
        let signature = hex::encode(mac(secret.as_bytes(), fields.as_bytes()));
        let form = format!("{fields}&signature={signature}");
        assert_eq!(check_form(form.as_bytes(), secret), ("p-1".to_owned(), true));
        assert!(!check_form(form.replace("150.00", "150.01").as_bytes(), secret).1);
        assert!(!check_form(form.as_bytes(), "another").1);
        assert!(!check_form(fields.as_bytes(), secret).1);
    }
}
