//! Environments that bear our tag and that no ledger here names, and what a
//! person asked for about them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asks::Ask;
use super::environment::Environment;
use super::ids::{ApplicationName, EnvironmentId, EnvironmentName};
use super::names::{BINDING_TAG, FEATURE_TAG};
use super::record::{Attempt, Intent};

/// A live environment that bears our tag and that this store does not know,
/// as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Orphan {
    /// Its id.
    pub id: EnvironmentId,
    /// Its ARN, which tag calls need.
    pub arn: Option<String>,
    /// Its name.
    pub name: EnvironmentName,
    /// Its application.
    pub application: ApplicationName,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its tags of ours ([`super::names::is_our_tag`]). Whoever acts on it
    /// later reads them afresh, and they must still be these.
    pub tags: BTreeMap<String, String>,
    /// Whether the binding fits this store's identity; otherwise another
    /// store made it, which may be in use, or the tag was copied.
    pub fits: bool,
}

impl Orphan {
    /// The binding that it bears.
    pub fn binding(&self) -> Option<&str> {
        self.tags.get(BINDING_TAG).map(String::as_str)
    }

    /// The feature that it was made for, as its tag says it.
    pub fn feature(&self) -> Option<&str> {
        self.tags.get(FEATURE_TAG).map(String::as_str)
    }

    /// Whether an environment is the one that was shown: by id, and not
    /// another one of its name.
    pub fn is(&self, environment: &Environment) -> bool {
        self.id == environment.id
            && self.name == environment.name
            && self.application == environment.application
            && self.arn == environment.arn
    }
}

/// A person's wish that an orphan ends, and what became of it so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrphanRequest {
    /// Who asked for it, and the orphan as it was shown to them.
    pub ask: Ask<Orphan>,
    /// The one call that may be under way, or what became of the last one.
    pub attempt: Attempt,
    /// Since when it has been missing from complete listings, in AWS time.
    pub missing_since: Option<Timestamp>,
}

impl OrphanRequest {
    /// A request that nothing was done for yet.
    pub fn new(ask: Ask<Orphan>) -> Self {
        Self { ask, attempt: Attempt::Idle, missing_since: None }
    }

    /// The open intent, if there is one.
    pub fn open(&self) -> Option<&Intent> {
        match &self.attempt {
            Attempt::Open(intent) => Some(intent),
            Attempt::Idle | Attempt::Failed(_) => None,
        }
    }
}
