//! Secrets of the forms that dialects have, and the keys in them.

use crate::DialectError;
use crate::definition::{Secret, SecretForm};
use crate::standard_webhooks;
use ed25519_dalek::SigningKey;
use std::borrow::Cow;

/// The form of a dialect's secrets, compiled.
#[derive(Debug)]
pub(crate) struct SecretPlan {
    dialect: Box<str>,
    form: SecretForm,
    min: usize,
    max: usize,
}

/// A key to sign with.
pub(crate) enum Key<'s> {
    Bytes(Cow<'s, [u8]>),
    Ed25519(Box<SigningKey>),
}

impl SecretPlan {
    pub(crate) fn new(dialect: &str, secret: &Secret) -> Self {
        let (min, max) = match secret.form {
            SecretForm::Hex => (16, 64),
            SecretForm::Text | SecretForm::None | SecretForm::StandardWebhooks => (16, 128),
        };
        let (min, max) = (secret.min.unwrap_or(min), secret.max.unwrap_or(max));
        SecretPlan { dialect: dialect.into(), form: secret.form, min, max }
    }

    pub(crate) fn form(&self) -> SecretForm {
        self.form
    }

    /// The key in the secret.
    pub(crate) fn key<'s>(&self, secret: &'s str) -> Result<Key<'s>, DialectError> {
        let fits = |length: usize| (self.min..=self.max).contains(&length);
        let key = match self.form {
            SecretForm::None => Some(Key::Bytes(Cow::Borrowed(secret.as_bytes()))),
            SecretForm::StandardWebhooks => standard_webhooks::key_of(secret),
            SecretForm::Text => {
                let good = fits(secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic());
                good.then_some(Key::Bytes(Cow::Borrowed(secret.as_bytes())))
            }
            SecretForm::Hex => {
                hex::decode(secret).ok().filter(|key| fits(key.len())).map(|key| Key::Bytes(Cow::Owned(key)))
            }
        };
        key.ok_or_else(|| DialectError::Secret { dialect: self.dialect.to_string(), rule: self.rule() })
    }

    /// The keys in all of them, the current one's first.
    ///
    /// # Errors
    /// When one of them has the wrong form, or a dialect that signs has none.
    pub(crate) fn keys<'s>(&self, secrets: &[&'s str]) -> Result<Vec<Key<'s>>, DialectError> {
        match self.form {
            SecretForm::None => Ok(Vec::new()),
            _ if secrets.is_empty() => Err(DialectError::NoSecret),
            _ => secrets.iter().map(|secret| self.key(secret)).collect(),
        }
    }

    pub(crate) fn new_secret(&self, random: &[u8; 32]) -> String {
        match self.form {
            SecretForm::StandardWebhooks => standard_webhooks::new_secret(random),
            SecretForm::Text => {
                let mut secret = hex::encode(random);
                secret.truncate(self.max);
                secret
            }
            SecretForm::Hex => hex::encode(&random[..self.max.min(random.len())]),
            SecretForm::None => hex::encode(random),
        }
    }

    fn rule(&self) -> String {
        let SecretPlan { min, max, .. } = self;
        match self.form {
            SecretForm::StandardWebhooks => standard_webhooks::RULE.to_owned(),
            SecretForm::Text => format!("{min} to {max} visible ASCII characters without spaces"),
            SecretForm::Hex => format!("the hexadecimal digits of {min} to {max} bytes"),
            SecretForm::None => "any text".to_owned(),
        }
    }
}
