//! Everything a decision may look at, read before it is made.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::environment::{Environment, ServiceEvent};
use super::feature::Feature;
use super::ids::{Digest, EnvironmentId, FeatureName, SpecHash, StoreId};
use super::orphan::OrphanRequest;
use super::record::{OptionKey, Record};

/// One value in: the planner's whole input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The Date header of the listing; the only clock of a decision.
    pub now: Timestamp,
    /// Local clock minus [`Snapshot::now`].
    pub skew: SignedDuration,
    /// Who we are.
    pub home: Home,
    /// The lease epoch that a plan from this snapshot may be carried out
    /// under; `None` when nobody here leads.
    pub epoch: Option<u64>,
    /// Whether the lease was taken over from somebody who did not give it
    /// back, and the calls that they may have begun are not surely over: until
    /// about when. Meanwhile nothing is destroyed.
    pub quiet: Option<Timestamp>,
    /// Every live environment that the account shows, or why there is no
    /// answer. It was read before the store.
    pub fleet: Answer<BTreeMap<EnvironmentId, Environment>>,
    /// Every feature that the store knows, by specification, record or both.
    pub features: BTreeMap<FeatureName, Entry>,
    /// What registries said of image references.
    pub images: BTreeMap<String, ImageAnswer>,
    /// Bindings read from environments in question.
    pub bindings: BTreeMap<EnvironmentId, BindingAnswer>,
    /// Tags of ours ([`super::names::is_our_tag`]) that environments without a
    /// place in a ledger were read to bear.
    pub tags: BTreeMap<EnvironmentId, Answer<BTreeMap<String, String>>>,
    /// Reads by id (deleted ones included) of known environments that the
    /// listing lacks.
    pub missing: BTreeMap<EnvironmentId, Answer<Option<Environment>>>,
    /// Options read from environments whose settings update has ended.
    pub options: BTreeMap<EnvironmentId, Answer<BTreeMap<OptionKey, String>>>,
    /// Events since the oldest open intent, newest first; a gap only takes
    /// the words away.
    pub events: Answer<Vec<ServiceEvent>>,
    /// Environments' addresses expected for features that are to be launched:
    /// by CNAME prefix, whether it is free and the full name.
    pub addresses: BTreeMap<String, Answer<Address>>,
    /// The platform that new environments get, resolved.
    pub platform: Answer<String>,
    /// Orphans that people want ended, and what became of that so far.
    pub orphans: BTreeMap<EnvironmentId, OrphanRequest>,
    /// The durable guards.
    pub guards: GuardLedger,
    /// Whether people paused the controller, and why.
    pub paused: Option<String>,
}

/// Who this installation is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Home {
    /// The store's id, which enters every name.
    pub store: StoreId,
    /// The installation's name.
    pub installation: String,
    /// AWS account, where STS told it.
    pub account: Option<String>,
    /// AWS region.
    pub region: String,
    /// The bucket of our bundles.
    pub bucket: String,
}

/// An answer, or the reason why there is none. No answer never means "gone".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer<T> {
    /// The answer.
    Known(T),
    /// There is none, and why.
    Gap(String),
}

impl<T> Answer<T> {
    /// The answer, where there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Answer::Known(value) => Some(value),
            Answer::Gap(_) => None,
        }
    }

    /// Why there is no answer.
    pub fn gap(&self) -> Option<&str> {
        match self {
            Answer::Known(_) => None,
            Answer::Gap(why) => Some(why),
        }
    }
}

/// A feature as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// Its specification's row.
    pub spec: SpecRow,
    /// Our memory of it.
    pub record: RecordRow,
}

/// The specification's row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecRow {
    /// There is none.
    Absent,
    /// There is one.
    Present {
        /// What it says.
        feature: Box<Feature>,
        /// Hash of the whole.
        hash: SpecHash,
        /// Hash of the deployable part: what brings an ended feature back
        /// when it changes.
        deployable: SpecHash,
        /// The row's version in the store.
        version: u64,
    },
    /// There is one that cannot be read: the feature is frozen.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// Our memory's row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordRow {
    /// There is none yet.
    Absent,
    /// There is one.
    Present {
        /// What it says.
        record: Box<Record>,
        /// The row's version in the store.
        version: u64,
    },
    /// There is one that cannot be read: the feature is frozen.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// What a registry said of an image reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ImageAnswer {
    /// It is there.
    Found {
        /// Its digest.
        digest: Digest,
        /// The full reference by digest.
        pinned: String,
    },
    /// The registry answered that it is not there.
    Absent {
        /// In the registry's words.
        why: String,
    },
    /// Not a registry that we can ask: deployed as written.
    Unasked {
        /// The full reference as written.
        written: String,
    },
    /// No answer this time.
    Gap(String),
}

/// Whose binding an environment bears.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingAnswer {
    /// The tag's value.
    Bears(String),
    /// The answer came and has no such tag: foreign, or late.
    None,
    /// No answer.
    Gap(String),
}

/// What is known of an address before there is an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Whether nobody has it (AWS API `CheckDNSAvailability`).
    pub available: bool,
    /// The full host name.
    pub host: String,
}

/// The durable part of the guards; all times are AWS time.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct GuardLedger {
    /// Deletions that were asked for.
    pub asked: Vec<Timestamp>,
    /// Deletions inferred from rows that vanished.
    pub inferred: Vec<Timestamp>,
    /// Creates.
    pub creates: Vec<Timestamp>,
    /// What a person let pass, once: features by guard.
    pub approved: BTreeMap<Guard, Vec<FeatureName>>,
    /// How many seconds the last operations took, by kind, newest last: what
    /// expected ends are computed from.
    pub pace: BTreeMap<String, Vec<i64>>,
}

/// The guards by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// Too many deletions that were asked for.
    Asked,
    /// Too many rows vanished for one hour.
    Inferred,
    /// More than half of the fleet's rows vanished at once.
    MassVanish,
    /// Too many creates.
    Creates,
    /// The cap on live environments.
    Cap,
    /// One feature is created over and over.
    Flap,
}

impl Guard {
    /// Every guard, in the order in which they are listed.
    pub const ALL: [Guard; 6] =
        [Guard::Asked, Guard::Inferred, Guard::MassVanish, Guard::Creates, Guard::Cap, Guard::Flap];

    /// The name that people type.
    pub fn as_str(self) -> &'static str {
        match self {
            Guard::Asked => "asked",
            Guard::Inferred => "inferred",
            Guard::MassVanish => "mass-vanish",
            Guard::Creates => "creates",
            Guard::Cap => "cap",
            Guard::Flap => "flap",
        }
    }
}

impl Entry {
    /// The record, where there is one that can be read.
    pub fn record(&self) -> Option<&Record> {
        match &self.record {
            RecordRow::Present { record, .. } => Some(record),
            RecordRow::Absent | RecordRow::Unreadable { .. } => None,
        }
    }

    /// The specification, where there is one that can be read.
    pub fn feature(&self) -> Option<&Feature> {
        match &self.spec {
            SpecRow::Present { feature, .. } => Some(feature),
            SpecRow::Absent | SpecRow::Unreadable { .. } => None,
        }
    }
}
