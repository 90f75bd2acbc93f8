//! Keys of the API: `pb_<role>_<id>_<secret>`. The id finds the record; the secret is 32 random bytes, so one SHA-256
//! of the whole key is enough to store (it cannot be guessed, and there is nothing to stretch).

use paybell_delivery::Timestamp;
use paybell_store::manage::{KeyRecord, KeyRole};
use secrecy::SecretString;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// The word for a role, in keys and on the command line.
pub const fn role_word(role: KeyRole) -> &'static str {
    match role {
        KeyRole::Gateway => "gateway",
        KeyRole::Operator => "operator",
    }
}

/// The role of that word.
pub fn role_named(word: &str) -> Option<KeyRole> {
    [KeyRole::Gateway, KeyRole::Operator].into_iter().find(|role| role_word(*role) == word)
}

/// Makes a key. It is shown once; the record is what is stored.
///
/// ```
/// use paybell_api::keys::{is_key_of, new_key};
/// use paybell_delivery::Timestamp;
/// use paybell_store::manage::KeyRole;
/// use secrecy::ExposeSecret;
/// let (key, record) = new_key(KeyRole::Gateway, "shop front", Timestamp(0));
/// assert!(key.expose_secret().starts_with("pb_gateway_"));
/// assert!(is_key_of(key.expose_secret(), &record));
/// ```
pub fn new_key(role: KeyRole, name: &str, now: Timestamp) -> (SecretString, KeyRecord) {
    let id = Uuid::now_v7();
    let secret: [u8; 32] = rand::random();
    let key = format!("pb_{}_{}_{}", role_word(role), id.simple(), hex::encode(secret));
    let hash = Sha256::digest(key.as_bytes()).to_vec();
    (key.into(), KeyRecord { id, role, name: name.to_owned(), hash, created_at: now, revoked_at: None })
}

/// Whether the record is this key's, compared in constant time. It says nothing of a revocation.
pub fn is_key_of(key: &str, record: &KeyRecord) -> bool {
    Sha256::digest(key.as_bytes()).as_slice().ct_eq(&record.hash).into()
}

/// The id within a key; nothing where it has not the form of a key.
pub fn id_within(key: &str) -> Option<Uuid> {
    let mut parts = key.strip_prefix("pb_")?.split('_');
    role_named(parts.next()?)?;
    let id = parts.next()?;
    let secret = parts.next()?;
    if id.len() != 32 || secret.len() != 64 || parts.next().is_some() {
        return None;
    }
    Uuid::try_parse(id).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_key_belongs_to_its_own_record_only() {
        let (key, record) = new_key(KeyRole::Operator, "desk", Timestamp(0));
        let (other, _) = new_key(KeyRole::Operator, "desk", Timestamp(0));
        assert_eq!(id_within(key.expose_secret()), Some(record.id));
        assert!(is_key_of(key.expose_secret(), &record));
        assert!(!is_key_of(other.expose_secret(), &record));
        assert!(!is_key_of(&key.expose_secret().replace("operator", "gateway"), &record));
    }

    #[test]
    fn what_is_no_key_has_no_id() {
        for text in
            ["", "pb_", "pb_root_00_00", "pb_gateway_", "Bearer", "pb_gateway_00000000000000000000000000000000_x"]
        {
            assert_eq!(id_within(text), None, "{text}");
        }
    }
}
