//! What the two tables look like: names, keys, and the attributes of every
//! kind of row. docs/store.md tells people the same.

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::{number, number_of, text, text_of};
use crate::aws::Item;
use crate::model::RECORD_SCHEMA;
use crate::model::hash::{digest, short};
use crate::store::RowKind;

/// The newest layout that this program knows; the head row keeps its own.
pub(super) const LAYOUT: u32 = 1;

/// Marks the head row as ours.
pub(super) const PROGRAM: &str = "beansprout";

/// The key of the specifications' table.
pub(super) const FEATURE: &str = "feature";
/// Which source brought a specification.
pub(super) const ORIGIN: &str = "origin";
/// Texts that lie beside the row: hash by attribute.
pub(super) const BLOBS: &str = "blobs";
/// The text of a row that is no row of fields.
pub(super) const BODY: &str = "body";

/// The first part of the key of the state table.
pub(super) const KIND: &str = "kind";
/// The second part of it.
pub(super) const NAME: &str = "name";
/// The whole name, where it is too long for a key.
pub(super) const NAMED: &str = "named";
/// A row's version, in hexadecimal digits.
pub(super) const VERSION: &str = "v";
/// A record's or the store's layout.
pub(super) const SCHEMA: &str = "schema";
/// When DynamoDB may remove a row, in seconds since 1970. Never on a
/// specification, a record, a status, a document or the head.
pub(super) const EXPIRES: &str = "expires";

/// The one row with identity and lease, so that one condition covers both.
pub(super) const HEAD: (&str, &str) = ("store", "head");
/// The row that is asked whether anything changed.
pub(super) const REVISION: (&str, &str) = ("revision", "revision");
/// History of all features; of one it is `event/NAME`.
pub(super) const EVENT: &str = "event";
/// What is known of a text that lies beside its row.
pub(super) const BLOB: &str = "blob";
/// The text itself, in pieces.
pub(super) const PIECE: &str = "piece";

/// Which of the two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    Spec,
    State,
}

/// A row that has a name and a body.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowName {
    pub(super) kind: RowKind,
    pub(super) name: String,
}

impl RowName {
    pub(super) fn new(kind: RowKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The row as an error speaks of it.
    pub(super) fn told(&self) -> String {
        self.kind.row(&self.name)
    }

    pub(super) fn table(&self) -> Table {
        if self.kind == RowKind::Spec { Table::Spec } else { Table::State }
    }

    pub(super) fn key(&self) -> Item {
        match self.kind {
            RowKind::Spec => Item::from([(FEATURE.to_owned(), text(&self.name))]),
            kind => state_key(word(kind), &self.name),
        }
    }

    /// The row's name as an item of its table has it.
    pub(super) fn of(table: Table, item: &Item) -> Option<Self> {
        let kind = match table {
            Table::Spec => return Some(Self::new(RowKind::Spec, text_of(item, FEATURE)?)),
            Table::State => kind_of(text_of(item, KIND)?)?,
        };
        Some(Self::new(kind, name_of(item)?))
    }
}

/// The kind as the state table and the revision row write it.
pub(super) fn word(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Spec => "spec",
        RowKind::Record => "record",
        RowKind::Status => "status",
        RowKind::Document => "document",
    }
}

/// The kind of such a word.
pub(super) fn kind_of(word: &str) -> Option<RowKind> {
    let kinds = [RowKind::Spec, RowKind::Record, RowKind::Status, RowKind::Document];
    kinds.into_iter().find(|kind| self::word(*kind) == word)
}

/// The longest name that goes into a key as it is. DynamoDB takes 1024 bytes
/// there, and some kinds have more than the name in it.
const LONGEST_NAME: usize = 500;

/// A name as a key has it: a very long one, such as a hand may have written,
/// is cut and told apart by a hash.
pub(super) fn key_name(name: &str) -> String {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    let mut end = LONGEST_NAME - 60;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{}", &name[..end], short(&digest("row-name", &[name.as_bytes()]), 51))
}

/// The key of a row of the state table.
pub(super) fn state_key(kind: &str, name: &str) -> Item {
    Item::from([(KIND.to_owned(), text(kind)), (NAME.to_owned(), text(key_name(name)))])
}

/// The whole name of a row of the state table.
pub(super) fn name_of(item: &Item) -> Option<&str> {
    text_of(item, NAMED).or_else(|| text_of(item, NAME))
}

/// A row of the state table without its body.
pub(super) fn state_row(kind: &str, name: &str) -> Item {
    let mut item = state_key(kind, name);
    if text_of(&item, NAME) != Some(name) {
        item.insert(NAMED.to_owned(), text(name));
    }
    item
}

/// The version of a row of ours. One that a hand made may have none, which
/// counts as 0.
pub(super) fn version_of(item: &Item) -> u64 {
    text_of(item, VERSION).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0)
}

/// A version as a row has it.
pub(super) fn version(version: u64) -> AttributeValue {
    text(format!("{version:016x}"))
}

/// A record, a status or a document as a row, with what helps a person to
/// find something in the console. The body alone counts.
pub(super) fn body_row(row: &RowName, minted: u64, body: &[u8]) -> Item {
    let mut item = state_row(word(row.kind), &row.name);
    item.insert(VERSION.to_owned(), version(minted));
    item.insert(BODY.to_owned(), super::attribute::bytes(body));
    let Ok(fields) = serde_json::from_slice::<serde_json::Value>(body) else { return item };
    let shown: &[&str] = match row.kind {
        RowKind::Record => &[SCHEMA, "generation"],
        RowKind::Status => &["phase", "url", "expiresAt"],
        RowKind::Spec | RowKind::Document => &[],
    };
    for name in shown {
        let value = match fields.get(name) {
            Some(serde_json::Value::String(value)) => text(value),
            Some(serde_json::Value::Number(digits)) if digits.is_u64() => number(digits),
            _ => continue,
        };
        item.insert((*name).to_owned(), value);
    }
    item
}

/// Whether this record is of a newer program.
pub(super) fn is_newer_record(item: &Item) -> bool {
    number_of::<u64>(item, SCHEMA).is_some_and(|schema| schema > u64::from(RECORD_SCHEMA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_fit_a_key_and_stay_apart() {
        let long = |end: &str| format!("{}{end}", "é".repeat(600));
        let (one, other) = (state_row("record", &long("a")), state_row("record", &long("b")));
        assert_ne!(text_of(&one, NAME), text_of(&other, NAME));
        assert!(text_of(&one, NAME).unwrap().len() <= LONGEST_NAME);
        assert_eq!(name_of(&one), Some(long("a").as_str()));
        assert_eq!(RowName::of(Table::State, &one), Some(RowName::new(RowKind::Record, long("a"))));
        let short = state_row("record", "feature/login");
        assert_eq!((name_of(&short), short.get(NAMED)), (Some("feature/login"), None));
    }

    #[test]
    fn the_layout_of_a_record_stands_beside_its_body() {
        let row = |body: &str| body_row(&RowName::new(RowKind::Record, "a"), 7, body.as_bytes());
        assert!(is_newer_record(&row(&format!(r#"{{"schema": {}}}"#, RECORD_SCHEMA + 1))));
        assert!(!is_newer_record(&row(&format!(r#"{{"schema": {RECORD_SCHEMA}}}"#))));
        assert!(!is_newer_record(&row("{\"schema\":")));
        assert_eq!(version_of(&row("")), 7);
    }
}
