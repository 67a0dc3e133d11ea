//! The rows of a store and the writes on them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::{Feature, FeatureName, Record, Severity, SpecHash, StatusView, StoreId};

/// Who a store is. A process that meets another account, region or
/// installation than the bound ones is read-only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreIdentity {
    /// Minted at random when the store was made.
    pub store: StoreId,
    /// The AWS account, or the endpoint where STS does not answer.
    pub account: Option<String>,
    /// The AWS region.
    pub region: Option<String>,
    /// The installation's name.
    pub installation: Option<String>,
    /// Whether a controller ever acted on it: the first run asks, later
    /// ones do not.
    pub acted: bool,
    /// The place that it is bound to, in the form of its own kind; `None`
    /// after an import, until it is claimed.
    #[serde(default)]
    pub place: Option<String>,
    /// Where it went on, if it was copied.
    #[serde(default)]
    pub sealed: Option<super::Sealed>,
    /// Whether an import into it began and did not end.
    #[serde(default)]
    pub unfinished: bool,
}

/// Everything that a turn needs, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// The specifications.
    pub specs: BTreeMap<FeatureName, StoredSpec>,
    /// The controller's memory.
    pub records: BTreeMap<FeatureName, StoredRecord>,
    /// The status rows.
    pub statuses: BTreeMap<FeatureName, StatusView>,
    /// The named documents.
    pub documents: BTreeMap<String, Document>,
    /// The revision that this is.
    pub revision: u64,
}

/// The three rows of one feature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeatureRows {
    /// The specification.
    pub spec: Option<StoredSpec>,
    /// The controller's memory.
    pub record: Option<StoredRecord>,
    /// The status.
    pub status: Option<StatusView>,
}

/// A specification's row: only what its writer wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSpec {
    /// Another one after each write that changes the row; only good for
    /// [`Expect::Version`] and for telling whether it is the same.
    pub version: u64,
    /// What it says.
    pub body: SpecBody,
    /// Which source brought it (`folder:specs/`), where one did; a source
    /// prunes only what it brought.
    pub origin: Option<String>,
}

/// What a specification's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecBody {
    /// A feature.
    Readable {
        /// The feature.
        feature: Box<Feature>,
        /// Hash of the whole.
        hash: SpecHash,
        /// Hash of the deployable part.
        deployable: SpecHash,
    },
    /// Something that cannot be read: that feature is frozen, and only that.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// The controller's memory as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRecord {
    /// Another one after each write; only good for [`Expect::Version`] and for
    /// telling whether it is the same.
    pub version: u64,
    /// What it says.
    pub body: RecordBody,
}

/// What a record's row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordBody {
    /// A record.
    Readable(Box<Record>),
    /// Something that cannot be read, or that a newer program wrote.
    Unreadable {
        /// Why.
        why: String,
    },
}

/// A named JSON document: guards, the fleet's facts, the pause switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Another one after each write; only good for [`Expect::Version`] and for
    /// telling whether it is the same.
    pub version: u64,
    /// The text.
    pub body: String,
}

/// What a write expects of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// That there is none.
    Absent,
    /// That it has this version.
    Version(u64),
    /// Nothing.
    Any,
}

/// One write. Versions are opaque: a write changes the row's version to one
/// that its name did not bear before, also across deletion, so that an old
/// version never fits a new row. (Where a row is its own version, writing the
/// same again leaves it; nothing was decided from anything else then.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Writes a specification.
    PutSpec {
        /// What.
        feature: Box<Feature>,
        /// Who brought it.
        origin: Option<String>,
        /// What the row must be.
        expect: Expect,
    },
    /// Writes nothing, and still lets the batch fail unless the row is as
    /// expected: what was decided from it must not have changed.
    CheckSpec {
        /// Whose.
        feature: FeatureName,
        /// What the row must be.
        expect: Expect,
    },
    /// Removes a specification.
    DeleteSpec {
        /// Whose.
        feature: FeatureName,
        /// What the row must be.
        expect: Expect,
    },
    /// Writes a record.
    PutRecord {
        /// What.
        record: Box<Record>,
        /// What the row must be.
        expect: Expect,
    },
    /// Removes a record.
    DeleteRecord {
        /// Whose.
        feature: FeatureName,
        /// What the row must be.
        expect: Expect,
    },
    /// Writes a status row.
    PutStatus(Box<StatusView>),
    /// Removes a status row.
    DeleteStatus(FeatureName),
    /// Writes a document.
    PutDocument {
        /// Its name.
        name: String,
        /// Its text.
        body: String,
        /// What the row must be.
        expect: Expect,
    },
    /// Adds an event; older ones beyond [`super::EVENTS_KEPT`] go.
    AddEvent(EventRow),
    /// Notes that a controller acted on this store.
    MarkActed,
}

/// All or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Only while this holds.
    pub fence: Option<Fence>,
    /// The writes, in order, [`super::BATCH_MOST`] of them at most.
    pub writes: Vec<Write>,
}

/// Holder and epoch that the lease row must name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The holder.
    pub holder: String,
    /// The epoch.
    pub epoch: u64,
}

/// A lease that we were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub holder: String,
    /// Its number; it grows with each grant.
    pub epoch: u64,
    /// Grows with each renewal.
    pub beat: u64,
    /// How long it lasts without renewal.
    pub length: SignedDuration,
    /// When it was granted, by the holder's clock; for people only.
    pub since: Timestamp,
}

/// The lease's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRow {
    /// Who holds it; `None` after it was given back.
    pub holder: Option<String>,
    /// Its number.
    pub epoch: u64,
    /// Grows with each renewal.
    pub beat: u64,
    /// How long it lasts without renewal.
    pub length: SignedDuration,
    /// When it was granted, by the holder's clock; for people only.
    pub since: Timestamp,
}

/// One line of a feature's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Whose.
    pub feature: FeatureName,
    /// When, in AWS time.
    pub at: Timestamp,
    /// How grave.
    pub severity: Severity,
    /// One CamelCase word for programs.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}
