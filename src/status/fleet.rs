//! The leader's account of the whole installation, for `get`, `guards` and
//! `orphans`.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::Orphan;
use crate::plan::{Held, Plan};

/// The name of the store's document that holds it.
pub const FLEET_DOCUMENT: &str = "fleet";

/// The name of the document of the guards' marks.
pub const GUARDS_DOCUMENT: &str = "guards";

/// The name of the document that says who paused the controller; `null` when
/// nobody does.
pub const PAUSE_DOCUMENT: &str = "pause";

/// The name of the document of people's wishes about orphans: requests by the
/// environment's id.
pub const ORPHANS_DOCUMENT: &str = "orphans";

/// What the last turn saw beyond single features.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetView {
    /// Who leads.
    pub leader: Option<String>,
    /// Under which epoch.
    pub epoch: Option<u64>,
    /// The AWS time of the last turn that changed this account.
    pub at: Timestamp,
    /// AWS time minus the leader's local clock: what readers add to theirs.
    pub offset: SignedDuration,
    /// What guards hold back.
    pub held: Vec<Held>,
    /// Environments that bear our tag and that no ledger knows.
    pub orphans: Vec<Orphan>,
    /// Why there was no listing, where there was none.
    pub blind: Option<String>,
    /// Whether the leader's clock is too far from AWS time.
    pub clock_off: bool,
    /// Live environments of ours.
    pub environments: usize,
}

/// Why the controller is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// By whom.
    pub by: String,
    /// When, by their clock.
    pub at: Timestamp,
    /// Why, where they said.
    pub why: Option<String>,
}

/// The fleet's account after a plan.
pub fn fleet(plan: &Plan, skew: SignedDuration, leader: &str, epoch: Option<u64>) -> FleetView {
    FleetView {
        leader: Some(leader.to_owned()),
        epoch,
        at: plan.now,
        offset: -skew,
        held: plan.report.held.clone(),
        orphans: plan.report.orphans.clone(),
        blind: plan.report.blind.clone(),
        clock_off: plan.report.clock_off,
        environments: plan.report.environments(),
    }
}

impl FleetView {
    /// Whether two accounts say the same, apart from the time: then nothing
    /// is written.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let drift = (self.offset - other.offset).abs();
        drift < SignedDuration::from_secs(5)
            && Self { at: other.at, offset: other.offset, ..self.clone() } == *other
    }
}

impl Pause {
    /// One sentence for people.
    pub fn sentence(&self) -> String {
        match &self.why {
            Some(why) => format!("by {}: {why}", self.by),
            None => format!("by {}", self.by),
        }
    }
}
