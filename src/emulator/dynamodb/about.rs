//! What a table is, its items apart.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::key::{KeyAttr, Scalar, Schema};

/// Life of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Status {
    Creating,
    Active,
    Updating,
    Deleting,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        }
    }
}

/// A local secondary index: the table's partitions in another order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Index {
    pub(super) sort: KeyAttr,
    pub(super) projection: Shown,
}

/// What an index shows of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Shown {
    All,
    KeysOnly,
    /// The keys and these.
    Include(Vec<String>),
}

/// How a table is paid for. Nothing is throttled for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Billing {
    /// On demand, since then.
    PerRequest(Timestamp),
    /// Read and write units that were bought.
    Provisioned(u64, u64),
}

/// Times to live.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ttl {
    /// The attribute that holds them; kept while it is being disabled.
    pub(super) name: Option<String>,
    pub(super) enabled: bool,
    /// The last change.
    pub(super) changed: Option<Timestamp>,
    /// When the last change is done.
    pub(super) until: Option<Timestamp>,
}

impl Ttl {
    /// The attribute by which items are deleted now.
    pub(super) fn attribute(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.enabled && self.until.is_none())
    }
}

/// Where a restored table came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restored {
    pub(super) source: String,
    pub(super) at: Timestamp,
}

/// Everything about a table but its items.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) arn: String,
    pub(super) created: Timestamp,
    pub(super) status: Status,
    /// When the status changes by itself.
    pub(super) until: Option<Timestamp>,
    pub(super) definitions: BTreeMap<String, Scalar>,
    pub(super) schema: Schema,
    pub(super) indexes: BTreeMap<String, Index>,
    pub(super) billing: Billing,
    /// Key of KMS, where one was asked for.
    pub(super) encryption: Option<String>,
    pub(super) class: Option<String>,
    pub(super) protected: bool,
    pub(super) ttl: Ttl,
    /// Since when it can be restored to a point in time.
    pub(super) recovery: Option<Timestamp>,
    /// Days that this reaches back.
    pub(super) recovery_days: u64,
    /// Backups can be changed from then on: the service prepares them for a while after the table is made.
    pub(super) backups_from: Timestamp,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) restored: Option<Restored>,
}

impl About {
    /// Lets what is due happen; false where the table is gone by then.
    pub(super) fn advance(&mut self, to: Timestamp) -> Advance {
        let mut what = Advance::default();
        if self.until.is_some_and(|until| until <= to) {
            self.until = None;
            what.changed = true;
            what.gone = self.status == Status::Deleting;
            self.status = Status::Active;
        }
        if let Some(until) = self.ttl.until.filter(|until| *until <= to) {
            self.ttl.until = None;
            if !self.ttl.enabled {
                self.ttl.name = None;
            }
            what.changed = true;
            what.ttl = Some(until);
        }
        what
    }

    /// The next moment at which something about it changes by itself.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.until.into_iter().chain(self.ttl.until).min()
    }

    /// Begins a change that takes a while.
    pub(super) fn turn(&mut self, status: Status, now: Timestamp, delay: SignedDuration) {
        self.status = status;
        self.until = Some(now + delay);
    }
}

/// What time did to a table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Advance {
    pub(super) changed: bool,
    pub(super) gone: bool,
    /// From this moment times to live are read from another attribute, or from none.
    pub(super) ttl: Option<Timestamp>,
}
