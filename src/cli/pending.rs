//! What was written and no controller has looked at yet: until then a status
//! speaks of something older.

use crate::model::{Life, Record, StatusView};
use crate::store::{RecordBody, SpecBody, StoredRecord, StoredSpec};

/// What comes next for a feature that no controller has seen.
pub(super) const UNSEEN: &str = "not seen by a controller yet";

/// What of a feature is newer than its status, as the phrase for what comes
/// next.
pub(super) fn unseen(
    spec: Option<&StoredSpec>,
    record: Option<&StoredRecord>,
    view: &StatusView,
) -> Option<&'static str> {
    if let Some(SpecBody::Readable { hash, .. }) = spec.map(|row| &row.body)
        && view.observed_spec_hash.as_ref() != Some(hash)
    {
        return Some("its change is not seen by a controller yet");
    }
    let record = readable(record)?;
    let lives = matches!(record.life, Life::Wanted { .. });
    if record.asks.deletion.is_some() && lives && !record.is_protected() {
        return Some("its deletion is not seen by a controller yet");
    }
    renewal_is_due(record).then_some("its renewal is not seen by a controller yet")
}

/// Whether a renewal was asked for that no controller has counted.
pub(super) fn renewal_is_due(record: &Record) -> bool {
    let counted = match record.life {
        Life::Wanted { renewals, .. }
        | Life::Ending { renewals, .. }
        | Life::Expired { renewals, .. }
        | Life::Deleted { renewals, .. } => renewals,
    };
    record.asks.renewals > counted
}

/// The record of a row that can be read.
pub(super) fn readable(row: Option<&StoredRecord>) -> Option<&Record> {
    match row.map(|row| &row.body) {
        Some(RecordBody::Readable(record)) => Some(record),
        Some(RecordBody::Unreadable { .. }) | None => None,
    }
}
