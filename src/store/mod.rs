//! The desired-state store: what is wanted, what we remember, what we show.
//!
//! Three rows a feature (specification, record, status), and beside them the
//! lease, the revision, events and a few named documents. Every write is
//! conditional; a batch is all or nothing.

mod codec;
mod dump;
mod dynamodb;
mod hold;
mod open;
mod rows;
mod sqlite;
mod weigh;

use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{FeatureName, StatusView};

pub use dump::{DUMP_SCHEMA, Dump, DumpRow, Imported, RowBody, RowKind, Scope};
pub use dynamodb::{DynamoStore, Pace};
pub use hold::{Hold, Sealed};
pub use open::{Access, Part, PartState, check_place, open, parts};
pub use rows::{
    Batch, Document, EventRow, Expect, FeatureRows, Fence, Lease, LeaseRow, RecordBody, Rows, SpecBody,
    StoreIdentity, StoredRecord, StoredSpec, Write,
};
pub use sqlite::SqliteStore;
pub use weigh::{MOVED_DOCUMENT, Moved};

/// A desired-state store. The contract is the suite in
/// `tests/contract/`, through which every implementation is put.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Where it is, as `SPROUT_STORE` would say it (`sqlite:/path`).
    fn place(&self) -> String;

    /// The version of the layout that the rows are kept in, for people.
    fn layout(&self) -> u32;

    /// Who the store is; minted once, when it is made.
    async fn identity(&self) -> Result<StoreIdentity, StoreError>;

    /// Binds what the identity left open (account, region, installation) the
    /// first time; afterwards it only answers what is bound.
    async fn bind(
        &self,
        account: &str,
        region: &str,
        installation: &str,
    ) -> Result<StoreIdentity, StoreError>;

    /// All specifications, records, status rows and documents, as of one
    /// moment where the store can: DynamoDB may show half of a batch that is
    /// being written, and whoever decides from that is refused by the versions
    /// that it expects. The rows are shared with the store, which reads only
    /// what changed since the last call; drop them before the next one, or it
    /// copies them all.
    async fn load(&self) -> Result<Arc<Rows>, StoreError>;

    /// The three rows of one feature, as [`Store::load`] has them.
    async fn feature(&self, name: &FeatureName) -> Result<FeatureRows, StoreError>;

    /// All status rows, by feature.
    async fn statuses(&self) -> Result<Vec<StatusView>, StoreError>;

    /// A named document.
    async fn document(&self, name: &str) -> Result<Option<Document>, StoreError>;

    /// Carries out all writes of a batch, or none. With a fence, only while
    /// the lease row still names that holder and epoch. More than
    /// [`BATCH_MOST`] writes are refused with [`StoreError::TooMany`].
    async fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// A number that differs whenever a specification, a record or a document
    /// was written by anyone; cheap to ask each second.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// Takes the lease if it is free, or held by nobody who renewed it since
    /// `seen` was read. Whether it ran out is judged by the caller, who has
    /// watched `seen` stay unchanged for its whole length; clocks of hosts
    /// are never compared. Each grant raises the epoch. `at` is the holder's
    /// own time, which the row keeps for people.
    async fn acquire(
        &self,
        holder: &str,
        length: jiff::SignedDuration,
        at: jiff::Timestamp,
        seen: Option<&LeaseRow>,
    ) -> Result<Option<Lease>, StoreError>;

    /// Renews a lease; `None` when it is no longer ours.
    async fn renew(&self, lease: &Lease) -> Result<Option<Lease>, StoreError>;

    /// Gives a lease back; the row stays, because its epoch must grow.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// The lease row as it stands.
    async fn lease(&self) -> Result<Option<LeaseRow>, StoreError>;

    /// Events, newest first: of one feature, or of all.
    async fn events(&self, feature: Option<&FeatureName>, limit: usize) -> Result<Vec<EventRow>, StoreError>;

    /// Why nothing may be written to the store as it stands, if so. Each
    /// write says the same, as [`StoreError::Held`], in the moment that it is
    /// made.
    async fn hold(&self) -> Result<Option<Hold>, StoreError>;

    /// The whole store as a value, as of one moment where the store can; a
    /// store that nobody may write to can be exported too.
    async fn export(&self) -> Result<Dump, StoreError>;

    /// Takes an export in, or refuses it and writes nothing. A store without
    /// rows that never acted takes over the identity and stays read-only
    /// until it is claimed. What is there already is left as it is, so an
    /// import that a crash ended can be repeated. Epochs go on above those of
    /// both.
    async fn import(&self, dump: &Dump, scope: Scope) -> Result<Imported, StoreError>;

    /// Seals the store: from now on it is read-only, because it goes on
    /// elsewhere. Sealing it again for the same place changes nothing.
    async fn seal(&self, seal: Sealed) -> Result<(), StoreError>;

    /// Says that the store is to be used from where it lies: binds the place,
    /// breaks a seal, and ends whatever lease its contents speak of. A store
    /// that may be written to is left as it is.
    async fn claim(&self) -> Result<StoreIdentity, StoreError>;
}

/// What can go wrong with a store, by what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A row was not as the write expected it: read again and decide again.
    #[error("somebody else wrote {what} meanwhile")]
    Conflict {
        /// Which row.
        what: String,
    },
    /// The fence does not hold: this process leads no longer.
    #[error("the lease is held under another epoch")]
    Fenced,
    /// Another process is writing; the same call may succeed a moment later.
    #[error("the store is busy")]
    Busy,
    /// More writes than one batch can have; nothing was written.
    #[error("{writes} writes are too many for one step, which can have {BATCH_MOST}; ask for fewer at once")]
    TooMany {
        /// How many there were.
        writes: usize,
    },
    /// The store was laid out by a newer program.
    #[error("the store has layout {found}, and this program knows layouts up to {known}; use a newer sprout")]
    NewerSchema {
        /// The layout found.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The store belongs to another account, region or installation.
    #[error("the store belongs to {bound}, not to {asked}")]
    ForeignIdentity {
        /// What is bound.
        bound: String,
        /// What was asked for.
        asked: String,
    },
    /// The store is read-only as it stands.
    #[error(transparent)]
    Held(#[from] Hold),
    /// A newer program wrote the row; it is not overwritten.
    #[error("a newer sprout wrote {what}, so this one leaves it as it is; use that one")]
    NewerRow {
        /// Which row.
        what: String,
    },
    /// An export was made by a newer program.
    #[error("the export has form {found}, and this program knows forms up to {known}; use a newer sprout")]
    NewerDump {
        /// The form found.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// A file is no whole export.
    #[error("line {line}: {why}")]
    BadDump {
        /// Which line, from 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// Rows are there that differ from those of an export; they may be newer.
    #[error("{}. Nothing was written", newer(rows))]
    NewerRows {
        /// All of them.
        rows: Vec<String>,
    },
    /// An export of one store was to go into another one that is in use.
    #[error(
        "the export is of store {incoming}, and here is store {here}, which has rows of its own. \
         Import it into an empty place, or take only its specifications: --specs"
    )]
    OtherStore {
        /// The store that is here.
        here: String,
        /// The store that the export is of.
        incoming: String,
    },
    /// The place cannot be opened, read or written.
    #[error("the store at {place} cannot be used")]
    Unusable {
        /// Which place.
        place: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn newer(rows: &[String]) -> String {
    let what = if rows.len() == 1 { "a row is" } else { "rows are" };
    format!("{what} there already and differ, and may be newer: {}", rows.join(", "))
}

/// How many events are kept for each feature.
pub const EVENTS_KEPT: usize = 200;

/// How many writes one batch can have, in every store. DynamoDB carries out a
/// hundred at once, of which some are ours: the check of the lease, and rows
/// that follow from the writes.
pub const BATCH_MOST: usize = 90;
