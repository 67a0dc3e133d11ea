//! What people ask for apart from the specification: part of a feature's
//! record, written under its version alone.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::orphan::Orphan;

/// What people asked for, apart from the specification, so that no sync of a
/// file takes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Asks {
    /// The end is moved by this much, in all, in this life.
    pub extension: Option<Ask<SignedDuration>>,
    /// How often renewal was asked for; the controller counts each once, in
    /// AWS time.
    pub renewals: u64,
    /// The last ask for renewal.
    pub renewal: Option<Ask<()>>,
    /// Deletion.
    pub deletion: Option<Ask<()>>,
    /// Protection, which stops the time and refuses deletion.
    pub protection: Option<Ask<bool>>,
    /// The environment is to be forgotten: nobody can see it any more.
    pub forget: Option<Ask<()>>,
    /// An orphan, as it was shown, is to be this feature's environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Ask<Orphan>>,
}

/// One ask: what, by whom, when (their clock) and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ask<T> {
    /// What.
    pub what: T,
    /// By whom.
    pub by: String,
    /// When, by the asker's clock; for people, never for decisions.
    pub at: Timestamp,
    /// Why, where they said.
    pub why: Option<String>,
}
