//! What readers see of a feature: the status row. Losing it costs nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::ids::{Digest, EnvironmentId, EnvironmentName, FeatureName, SpecHash, VersionLabel};

/// Where a feature is in its life, in the words that people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Accepted; an image or capacity is awaited.
    Pending,
    /// Its environment is being made.
    Launching,
    /// The wanted version runs.
    Ready,
    /// A change is being deployed.
    Updating,
    /// Up but unwell, or the last deployment failed and will be tried again.
    Degraded,
    /// Its environment is being taken down.
    Terminating,
    /// It had its time; the row is kept.
    Expired,
    /// A person deleted it while its source still lists it.
    Deleted,
    /// Out of retries: a person or a new specification must help.
    Failed,
    /// A name or an account is in the way.
    Blocked,
    /// An operation overran.
    Stalled,
    /// Row unreadable, answers missing or a guard holds.
    Frozen,
}

impl Phase {
    /// The word as shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Pending => "Pending",
            Phase::Launching => "Launching",
            Phase::Ready => "Ready",
            Phase::Updating => "Updating",
            Phase::Degraded => "Degraded",
            Phase::Terminating => "Terminating",
            Phase::Expired => "Expired",
            Phase::Deleted => "Deleted",
            Phase::Failed => "Failed",
            Phase::Blocked => "Blocked",
            Phase::Stalled => "Stalled",
            Phase::Frozen => "Frozen",
        }
    }
}

/// The status row: the controller's account of a feature, for readers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// Whose status it is.
    pub feature: FeatureName,
    /// The specification that it speaks of.
    pub observed_spec_hash: Option<SpecHash>,
    /// That specification's generation.
    pub observed_generation: u64,
    /// Where it is.
    pub phase: Phase,
    /// What happened, in one sentence.
    pub happened: String,
    /// What comes next, as a phrase that a time may follow.
    pub next: String,
    /// When that is expected, in AWS time.
    pub next_at: Option<Timestamp>,
    /// What a person can do: one command, or nothing.
    #[serde(rename = "try")]
    pub advice: Option<String>,
    /// The address, as the service shows it.
    pub url: Option<String>,
    /// The environment's name.
    pub environment: Option<EnvironmentName>,
    /// The environment's id.
    pub environment_id: Option<EnvironmentId>,
    /// The label that the environment should show.
    pub version_label: Option<VersionLabel>,
    /// What runs.
    pub deployed: Option<DeployedView>,
    /// The image that is wanted, as the specification has it.
    pub wanted_image: Option<String>,
    /// Its digest, where it is known.
    pub wanted_digest: Option<Digest>,
    /// When this life began.
    pub created_at: Option<Timestamp>,
    /// When it ends; absent for ever or not yet.
    pub expires_at: Option<Timestamp>,
    /// Whether it is protected.
    pub protected: bool,
    /// Whether only a new specification or a person can move it: waiting
    /// longer is of no use.
    pub stuck: bool,
    /// Conditions by kind.
    pub conditions: Vec<Condition>,
}

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeployedView {
    /// The image reference as the specification had it.
    pub image: String,
    /// Its digest.
    pub digest: Option<Digest>,
    /// The commit.
    pub commit: Option<String>,
    /// When.
    pub at: Timestamp,
}
