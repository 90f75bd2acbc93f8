//! Operators, their sessions, and merchants' links into the portal.

use paybell_delivery::{MerchantId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

/// What a person who runs the gateway's Paybell may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperatorRole {
    /// Look.
    Viewer,
    /// Look and act.
    Operator,
}

impl OperatorRole {
    /// The word by which it is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            OperatorRole::Viewer => "viewer",
            OperatorRole::Operator => "operator",
        }
    }
}

/// A person who signs in with a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name they sign in with, and by which the audit knows them.
    pub name: String,
    /// What they may do.
    pub role: OperatorRole,
    /// The password's argon2id hash in the PHC string format.
    pub password_hash: String,
    /// When they were added.
    pub created_at: Timestamp,
    /// When their role or password was last changed.
    pub updated_at: Timestamp,
    /// When they were removed; they cannot sign in from then on.
    pub removed_at: Option<Timestamp>,
}

/// Without the password's hash.
impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Operator { name, role, password_hash: _, created_at, updated_at, removed_at } = self;
        let mut shown = f.debug_struct("Operator");
        shown.field("name", name).field("role", role).field("created_at", created_at);
        shown.field("updated_at", updated_at).field("removed_at", removed_at).finish_non_exhaustive()
    }
}

/// Who a session lets in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Visitor {
    /// An operator, to the operators' pages.
    Operator(OperatorRole),
    /// A merchant, to its own portal.
    Merchant {
        /// Which.
        merchant_id: MerchantId,
        /// What the gateway lets it do.
        rights: PortalRights,
    },
}

/// What a gateway lets a merchant do in its portal, besides looking.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PortalRights {
    /// Resend deliveries and send test notifications.
    pub resend: bool,
    /// Settle deliveries by hand.
    pub settle: bool,
    /// Change URLs and options of its endpoints.
    pub edit: bool,
    /// See and rotate its secrets.
    pub secrets: bool,
}

impl Default for PortalRights {
    fn default() -> Self {
        Self { resend: true, settle: true, edit: true, secrets: true }
    }
}

/// A visit: from signing in until it ends, is left or is revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Its id, by which it is listed and revoked.
    pub id: Uuid,
    /// SHA-256 of the token in the visitor's cookie.
    pub hash: Vec<u8>,
    /// The visitor's name, for the audit.
    pub name: String,
    /// Who it lets in.
    pub visitor: Visitor,
    /// The key by which the visitor signed in, if by one: the session ends with it.
    pub key_id: Option<Uuid>,
    /// When it began: read before the password or key was checked, so that a change meanwhile is noticed.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
}

/// A link that lets a merchant into its portal once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortalLink {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of the token in the link, as it stands there.
    pub hash: Vec<u8>,
    /// Whom it lets in.
    pub merchant_id: MerchantId,
    /// What the gateway lets the merchant do.
    pub rights: PortalRights,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it lets nobody in.
    pub ends_at: Timestamp,
}

/// The session that a portal link is used up for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewPortalSession {
    /// Its id.
    pub id: Uuid,
    /// SHA-256 of the token in the visitor's cookie.
    pub hash: Vec<u8>,
    /// When it begins.
    pub now: Timestamp,
    /// When it ends by itself.
    pub ends_at: Timestamp,
}
