//! Exports beside each other: what an import would do, whether a store says
//! all that another one says, and where its contents came from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::dump::{event_key, merge, says_the_same};
use super::{DUMP_SCHEMA, Dump, DumpRow, Imported, RowBody, RowKind, Scope, StoreError, StoreIdentity};
use crate::model::StoreId;

/// The name of the document that says where a store's contents came from.
/// People read it before they claim the store; no decision does.
pub const MOVED_DOCUMENT: &str = "moved";

/// Where a store's contents came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The place that was exported, as `SPROUT_STORE` says it.
    pub from: String,
    /// When they were imported, by the clock of who did it.
    pub at: Timestamp,
    /// Who imported them.
    pub by: String,
}

impl Dump {
    /// The export of a store that has nothing in it, for a place where there
    /// is none yet.
    pub fn blank(place: &str) -> Self {
        let identity = StoreIdentity {
            store: StoreId::new(""),
            account: None,
            region: None,
            installation: None,
            acted: false,
            place: Some(place.to_owned()),
            sealed: None,
            unfinished: false,
        };
        let (rows, events) = (Vec::new(), Vec::new());
        Self { schema: DUMP_SCHEMA, from: place.to_owned(), identity, epoch: 0, rows, events }
    }

    /// What importing this export into a store that looks like `here` would
    /// do. Whether that store may be written to is not part of it.
    ///
    /// # Errors
    ///
    /// Those of [`super::Store::import`] that are about rows.
    pub fn preview(&self, here: &Dump, scope: Scope) -> Result<Imported, StoreError> {
        merge(self, here, scope).map(|merge| merge.told())
    }

    /// The same export with a note of where it came from, for whoever claims
    /// the store that it goes into.
    pub fn noting(mut self, moved: &Moved) -> Self {
        self.rows.retain(|row| !is_note(row));
        // Texts and a time are always JSON.
        let body = serde_json::to_string(moved).unwrap_or_default();
        self.rows.push(DumpRow {
            kind: RowKind::Document,
            name: MOVED_DOCUMENT.to_owned(),
            body: RowBody::Text(body),
            origin: None,
            version: 0,
        });
        self
    }

    /// What of this export another one lacks or says otherwise, each as a
    /// phrase; nothing when that one says all that this one does.
    pub fn missing_in(&self, other: &Dump) -> Vec<String> {
        let mut missing = Vec::new();
        if self.identity.store != other.identity.store {
            missing.push(format!("its id is {}, not {}", other.identity.store, self.identity.store));
        }
        if other.epoch < self.epoch {
            missing.push(format!("its epoch is {}, and {} was granted before", other.epoch, self.epoch));
        }
        let there: BTreeMap<(RowKind, &str), &DumpRow> =
            other.rows.iter().map(|row| ((row.kind, row.name.as_str()), row)).collect();
        for row in self.rows.iter().filter(|row| !is_note(row)) {
            match there.get(&(row.kind, row.name.as_str())) {
                None => missing.push(format!("{} is not there", row.kind.row(&row.name))),
                Some(found) if says_the_same(found, row) => {}
                Some(_) => missing.push(format!("{} says something else", row.kind.row(&row.name))),
            }
        }
        let told: BTreeSet<_> = other.events.iter().map(event_key).collect();
        let untold = self.events.iter().filter(|event| !told.contains(&event_key(event))).count();
        if untold > 0 {
            missing.push(format!("{untold} lines of history are not there"));
        }
        missing
    }
}

fn is_note(row: &DumpRow) -> bool {
    row.kind == RowKind::Document && row.name == MOVED_DOCUMENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FeatureName, Severity};
    use crate::store::EventRow;

    fn row(kind: RowKind, name: &str, body: &str) -> DumpRow {
        DumpRow {
            kind,
            name: name.to_owned(),
            body: RowBody::Text(body.to_owned()),
            origin: None,
            version: 1,
        }
    }

    fn dump(rows: Vec<DumpRow>) -> Dump {
        let event = EventRow {
            feature: FeatureName::from("a"),
            at: Timestamp::UNIX_EPOCH,
            severity: Severity::Info,
            reason: "Deployed".to_owned(),
            message: "x".to_owned(),
        };
        Dump { rows, events: vec![event], epoch: 3, ..Dump::blank("sqlite:/a") }
    }

    #[test]
    fn what_another_store_lacks_or_says_otherwise_is_named() {
        let one = dump(vec![
            row(RowKind::Record, "a", r#"{"x":1,"y":2}"#),
            row(RowKind::Record, "b", "1"),
            row(RowKind::Spec, "c", "not readable"),
        ]);
        let same = dump(vec![
            row(RowKind::Spec, "c", "not readable"),
            row(RowKind::Record, "b", "1"),
            row(RowKind::Record, "a", r#"{"y":2,"x":1}"#),
            row(RowKind::Record, "more", "1"),
        ]);
        assert_eq!(one.missing_in(&same), Vec::<String>::new());
        let other = Dump {
            events: Vec::new(),
            epoch: 2,
            ..dump(vec![row(RowKind::Record, "a", r#"{"x":1}"#), row(RowKind::Spec, "c", "not readable")])
        };
        assert_eq!(
            one.missing_in(&other),
            [
                "its epoch is 2, and 3 was granted before",
                "the record of a says something else",
                "the record of b is not there",
                "1 lines of history are not there"
            ]
        );
    }

    #[test]
    fn a_note_of_where_it_came_from_counts_as_nothing_and_stands_once() {
        let moved =
            |from: &str| Moved { from: from.to_owned(), at: Timestamp::UNIX_EPOCH, by: "anna".to_owned() };
        let one = dump(Vec::new()).noting(&moved("sqlite:/a"));
        let two = one.clone().noting(&moved("sqlite:/b"));
        assert_eq!(two.rows.len(), 1);
        assert!(one.missing_in(&dump(Vec::new())).is_empty());
        let read: Moved = serde_json::from_slice(&two.rows[0].body.bytes()).unwrap();
        assert_eq!(read, moved("sqlite:/b"));
    }

    #[test]
    fn a_preview_says_what_an_import_would_do() {
        let one = dump(vec![row(RowKind::Spec, "a", r#"{"image":"x:1"}"#), row(RowKind::Record, "a", "1")]);
        let one =
            Dump { identity: StoreIdentity { store: StoreId::new("abc"), ..one.identity.clone() }, ..one };
        let told = one.preview(&Dump::blank("sqlite:/b"), Scope::Everything).unwrap();
        assert_eq!((told.took_over, told.written, told.events), (true, 2, 1));
        let told = one.preview(&Dump::blank("sqlite:/b"), Scope::Specs).unwrap();
        assert_eq!((told.took_over, told.written, told.events), (false, 1, 0));
        let used = Dump { rows: vec![row(RowKind::Spec, "a", "1")], ..Dump::blank("sqlite:/b") };
        assert!(matches!(one.preview(&used, Scope::Everything), Err(StoreError::OtherStore { .. })));
        assert!(matches!(one.preview(&used, Scope::Specs), Err(StoreError::NewerRows { .. })));
    }
}
