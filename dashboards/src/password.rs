//! Operators' passwords: hashed with argon2id, with 19 MiB, two passes and one lane, which is the crate's default and
//! OWASP's minimum (Password Storage Cheat Sheet). Both functions take some tens of milliseconds of processor time, so an
//! async caller puts them where it may block.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

/// The fewest characters of a password.
pub const CHARACTERS_MIN: usize = 12;
/// The most bytes of a password: more would only keep the processor busy.
pub const BYTES_MAX: usize = 1024;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than [`CHARACTERS_MIN`] characters, or more than [`BYTES_MAX`] bytes.
    #[error("the password must have at least {CHARACTERS_MIN} characters, and at most {BYTES_MAX} bytes")]
    Length,
    /// The hash could not be made.
    #[error("the password cannot be hashed: {0}")]
    Hash(argon2::password_hash::Error),
}

/// What is verified where there is no such operator, so that it takes as long.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGF0IGFsbCE$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The hash of a password, in the PHC string format, with a salt of its own.
///
/// # Errors
/// When the password is too short or too long.
///
/// ```
/// use paybell_dashboards::password::{hash, verify};
/// let stored = hash("correct horse battery")?;
/// assert!(verify("correct horse battery", Some(&stored)));
/// assert!(!verify("incorrect horse", Some(&stored)) && !verify("correct horse battery", None));
/// # Ok::<_, paybell_dashboards::password::PasswordError>(())
/// ```
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < CHARACTERS_MIN || password.len() > BYTES_MAX {
        return Err(PasswordError::Length);
    }
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).map_err(PasswordError::Hash)?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether it is the password of that hash. It takes as long where there is no hash, so that nobody learns from the time
/// which names there are.
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    let parsed = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let known = parsed.is_some();
    let Some(hash) = parsed.or_else(|| PasswordHash::new(NOBODYS).ok()) else { return false };
    let fits = password.len() <= BYTES_MAX && Argon2::default().verify_password(password.as_bytes(), &hash).is_ok();
    known && fits
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "корова на льду 7";

    #[test]
    fn a_hash_is_of_argon2id_at_owasps_minimum_and_salted() -> Result<(), PasswordError> {
        let (first, second) = (hash(PASSWORD)?, hash(PASSWORD)?);
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second, "each has a salt of its own");
        assert!(verify(PASSWORD, Some(&first)) && verify(PASSWORD, Some(&second)));
        assert!(!verify("корова на льду 8", Some(&first)) && !verify("", Some(&first)));
        Ok(())
    }

    #[test]
    fn too_short_and_too_long_passwords_are_refused() {
        for password in ["", "11 letters!", &"x".repeat(BYTES_MAX + 1)] {
            assert!(matches!(hash(password), Err(PasswordError::Length)), "{password}");
        }
        assert!(hash("12 letters!!").is_ok());
    }

    #[test]
    fn where_there_is_no_hash_the_same_work_is_done_in_vain() {
        let nobody = PasswordHash::new(NOBODYS).expect("it can be read");
        let somebody = hash(PASSWORD).expect("it is long enough");
        let somebody = PasswordHash::new(&somebody).expect("it can be read");
        assert_eq!((nobody.algorithm, &nobody.params), (somebody.algorithm, &somebody.params));
        let lengths = |of: &PasswordHash<'_>| (of.salt.map(|salt| salt.len()), of.hash.map(|hash| hash.len()));
        assert_eq!(lengths(&nobody).1, lengths(&somebody).1);
        for none in [None, Some(""), Some("$argon2id$broken")] {
            assert!(!verify(PASSWORD, none));
        }
    }
}
