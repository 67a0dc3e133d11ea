//! From the store's rows to the planner's entries.

use std::collections::BTreeMap;

use crate::model::{Entry, Feature, FeatureName, RecordRow, SpecRow, deployable_hash, spec_hash};
use crate::store::{RecordBody, Rows, SpecBody};

/// Every feature that has a specification or a record, with `overlay` laid
/// over the specifications.
pub(super) fn entries(rows: &Rows, overlay: &[Feature]) -> BTreeMap<FeatureName, Entry> {
    let mut entries: BTreeMap<FeatureName, Entry> = BTreeMap::new();
    let blank = || Entry { spec: SpecRow::Absent, record: RecordRow::Absent };
    for (name, stored) in &rows.specs {
        entries.entry(name.clone()).or_insert_with(blank).spec = match &stored.body {
            SpecBody::Readable { feature, hash, deployable } => SpecRow::Present {
                feature: feature.clone(),
                hash: hash.clone(),
                deployable: deployable.clone(),
                version: stored.version,
            },
            SpecBody::Unreadable { why } => SpecRow::Unreadable { why: why.clone() },
        };
    }
    for (name, stored) in &rows.records {
        entries.entry(name.clone()).or_insert_with(blank).record = match &stored.body {
            RecordBody::Readable(record) => {
                RecordRow::Present { record: record.clone(), version: stored.version }
            }
            RecordBody::Unreadable { why } => RecordRow::Unreadable { why: why.clone() },
        };
    }
    for feature in overlay {
        let name = feature.metadata.name.clone();
        entries.entry(name).or_insert_with(blank).spec = SpecRow::Present {
            hash: spec_hash(feature),
            deployable: deployable_hash(feature),
            feature: Box::new(feature.clone()),
            version: 0,
        };
    }
    entries
}
