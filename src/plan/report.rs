//! Why every feature moves or waits: what `sprout diff`, the status rows, the
//! dashboard and the tests read.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::locate::Fleet;
use super::policy::Policy;
use crate::model::names::{BINDING_TAG, binding};
use crate::model::{
    EndReason, EnvironmentId, Failure, FeatureName, Guard, IntentKind, Orphan, OrphanRequest, Record,
    Snapshot,
};

/// The plan's reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Where every feature stands.
    pub features: BTreeMap<FeatureName, Situation>,
    /// The records as they will be, which status rows are derived from.
    pub records: BTreeMap<FeatureName, Record>,
    /// The requests about orphans as they will be.
    pub requests: BTreeMap<EnvironmentId, OrphanRequest>,
    /// What guards hold back.
    pub held: Vec<Held>,
    /// Live environments that bear our tag and that no ledger knows.
    pub orphans: Vec<Orphan>,
    /// Why there was no listing, where there was none.
    pub blind: Option<String>,
    /// Whether the local clock is too far from AWS time to end anything
    /// because of the time.
    pub clock_off: bool,
}

impl Report {
    /// How many environments are ours, as the records will have it.
    pub fn environments(&self) -> usize {
        self.records.values().filter(|record| record.identity.ledger.is_some()).count()
    }
}

/// What a guard holds back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// The guard.
    pub guard: Guard,
    /// Which features wait for it.
    pub features: Vec<FeatureName>,
    /// When the next place is free, where time frees one.
    pub frees: Option<Timestamp>,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// What is under way.
    pub kind: IntentKind,
    /// Since when.
    pub since: Timestamp,
    /// When it usually ends, from how long the last ones took.
    pub expected: Option<Timestamp>,
    /// When it is overdue.
    pub due: Timestamp,
}

/// Where a feature stands: the first reason that the planner found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// A row cannot be read.
    Unreadable {
        /// Why.
        why: String,
    },
    /// The cloud or a registry gave no answer.
    NoAnswer {
        /// Why.
        why: String,
    },
    /// The row is gone; nothing is done until the grace is over.
    RowMissing {
        /// When the grace is over; `None`: it is protected.
        until: Option<Timestamp>,
    },
    /// A known environment is shown no more, and nobody says that it is gone.
    NotVisible {
        /// Since when.
        since: Timestamp,
    },
    /// The environment's tags do not prove it ours yet.
    Unproven,
    /// A person gave it an orphan, which cannot be taken at this moment.
    AdoptionWaits {
        /// Which.
        id: EnvironmentId,
        /// Why.
        why: String,
    },
    /// An environment that is not ours bears the name.
    NameTaken {
        /// Its id.
        by: EnvironmentId,
    },
    /// Something that only a person or a new specification removes is in the
    /// way.
    Blocked {
        /// One CamelCase word for programs.
        reason: &'static str,
        /// What.
        why: String,
    },
    /// The registry does not have the image.
    AwaitsImage {
        /// In the registry's words.
        why: String,
    },
    /// A guard holds the next call.
    Held(Guard),
    /// A call of ours is under way.
    Waits(Waiting),
    /// A call of ours is under way for longer than it ever should.
    Overdue(Waiting),
    /// Somebody else's operation is under way.
    ForeignOperation,
    /// A try failed; the next is due at its time.
    Retries(Failure),
    /// All tries failed.
    OutOfTries(Failure),
    /// Somebody else terminated it, and the specification says that it is
    /// not made again.
    NotHealed,
    /// What is wanted runs.
    Runs,
    /// What is wanted runs and is unwell.
    Unwell,
    /// It ends as soon as the environment is Ready.
    EndsWhenReady(EndReason),
    /// It ends as soon as no call of the leader before can be under way.
    TakenOver {
        /// About when.
        until: Timestamp,
    },
    /// It had its time.
    Expired,
    /// It was deleted.
    Deleted,
    /// A call goes out with this very plan.
    Acts(Waiting),
    /// A call would go out, and people paused the controller.
    Paused {
        /// What they said.
        why: String,
    },
}

impl Report {
    pub(super) fn new(snapshot: &Snapshot, fleet: &Fleet, policy: &Policy) -> Self {
        let orphans = fleet
            .strangers()
            .filter_map(|environment| {
                let tags = snapshot.tags.get(&environment.id)?.known()?;
                let found = tags.get(BINDING_TAG)?;
                let fits =
                    *found == binding(&snapshot.home.store, &environment.application, &environment.name);
                Some(Orphan {
                    id: environment.id.clone(),
                    arn: environment.arn.clone(),
                    name: environment.name.clone(),
                    application: environment.application.clone(),
                    created: environment.created,
                    tags: tags.clone(),
                    fits,
                })
            })
            .collect();
        Self {
            features: BTreeMap::new(),
            records: BTreeMap::new(),
            requests: BTreeMap::new(),
            held: Vec::new(),
            orphans,
            blind: snapshot.fleet.gap().map(str::to_owned),
            clock_off: !super::life::clock_agrees(snapshot, policy),
        }
    }
}
