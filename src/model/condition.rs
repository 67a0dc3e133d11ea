//! Conditions after the Kubernetes API conventions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::SpecHash;

/// One thing that is true, false or unknown of a feature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which thing.
    #[serde(rename = "type")]
    pub kind: ConditionKind,
    /// Whether it holds.
    pub status: Truth,
    /// Why, as one CamelCase word for programs.
    pub reason: String,
    /// Why, as a sentence for people.
    pub message: String,
    /// When the truth last changed, in AWS time.
    pub last_transition_time: Timestamp,
    /// The specification that it speaks of.
    pub observed_spec_hash: Option<SpecHash>,
}

/// What a condition can speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ConditionKind {
    /// The wanted version runs and is not ill; sums up the others.
    Ready,
    /// Something is under way.
    Progressing,
    /// The image that the specification names is in its registry.
    ImageAvailable,
    /// What is deployed is what the specification wants.
    Deployed,
    /// Up, but unwell, or the last deployment failed.
    Degraded,
    /// The environment that bears the name is provably ours.
    Owned,
    /// Something holds the feature still: a guard, an unreadable row, an
    /// answer that is missing.
    Frozen,
    /// An operation takes longer than it ever should.
    Stalled,
}

/// Three-valued truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Nobody knows.
    Unknown,
}
