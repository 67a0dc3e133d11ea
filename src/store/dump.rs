//! A whole store as a value: what `sprout store export` writes and `import`
//! reads. Rows are kept as they stand, also those that cannot be read or that
//! a newer program wrote.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EventRow, SpecBody, StoreError, StoreIdentity, codec};
use crate::model::FeatureName;

/// The newest form of an export that this program knows.
pub const DUMP_SCHEMA: u32 = 1;

/// A whole store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// The form of the export.
    pub schema: u32,
    /// Where it was read, as `SPROUT_STORE` says it.
    pub from: String,
    /// Who the store is.
    pub identity: StoreIdentity,
    /// The highest epoch that was ever granted.
    pub epoch: u64,
    /// All rows, by kind and name: specifications first, so that no record
    /// ever stands without the specification that it belongs to.
    pub rows: Vec<DumpRow>,
    /// All events, oldest first.
    pub events: Vec<EventRow>,
}

/// The kinds of rows, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowKind {
    /// A specification.
    Spec,
    /// A named document.
    Document,
    /// The controller's memory of a feature.
    Record,
    /// What readers see of a feature.
    Status,
}

impl RowKind {
    /// The row as an error speaks of it.
    pub fn row(self, name: &str) -> String {
        match self {
            RowKind::Spec => format!("the specification of {name}"),
            RowKind::Record => format!("the record of {name}"),
            RowKind::Status => format!("the status of {name}"),
            RowKind::Document => format!("the document {name}"),
        }
    }
}

/// One row as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpRow {
    /// What it is.
    pub kind: RowKind,
    /// The feature, or the document's name.
    pub name: String,
    /// What stands in it.
    #[serde(flatten)]
    pub body: RowBody,
    /// Which source brought a specification, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Its version where it was read; of no meaning elsewhere.
    pub version: u64,
}

/// What stands in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowBody {
    /// Text, which is JSON unless somebody wrote otherwise.
    Text(String),
    /// Bytes that are no text, in hexadecimal digits.
    Hex(String),
}

impl RowBody {
    /// The body of these bytes.
    pub fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => RowBody::Text(text),
            Err(error) => {
                let digits = error.as_bytes().iter().map(|byte| format!("{byte:02x}"));
                RowBody::Hex(digits.collect())
            }
        }
    }

    /// The bytes; digits that are none count as nothing.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            RowBody::Text(text) => text.clone().into_bytes(),
            RowBody::Hex(digits) => digits
                .as_bytes()
                .chunks(2)
                .filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect(),
        }
    }
}

/// How much of an export is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it, identity included: the store goes on here.
    Everything,
    /// The specifications alone: another store is to want the same.
    Specs,
}

/// What an import did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Whether the store took the identity over, and waits to be claimed.
    pub took_over: bool,
    /// How many rows were written.
    pub written: usize,
    /// How many rows were there already.
    pub same: usize,
    /// How many lines of history were written.
    pub events: usize,
}

/// What an import writes, decided before anything is written.
#[derive(Debug)]
pub(super) struct Merge<'a> {
    /// Whether the identity is taken over.
    pub(super) take_over: bool,
    /// The rows to write, in this order.
    pub(super) rows: Vec<&'a DumpRow>,
    /// The events to write, in this order.
    pub(super) events: Vec<&'a EventRow>,
    /// How many rows are there already.
    pub(super) same: usize,
}

impl Merge<'_> {
    /// What is told when it was carried out.
    pub(super) fn told(&self) -> Imported {
        Imported {
            took_over: self.take_over,
            written: self.rows.len(),
            same: self.same,
            events: self.events.len(),
        }
    }
}

/// Decides what of an export is written into a store that looks like `here`.
/// Rows that are there and differ may be newer, so that they refuse the whole;
/// what the controller derives again, and its marks, stay as they are.
pub(super) fn merge<'a>(dump: &'a Dump, here: &Dump, scope: Scope) -> Result<Merge<'a>, StoreError> {
    if dump.schema > DUMP_SCHEMA {
        return Err(StoreError::NewerDump { found: dump.schema, known: DUMP_SCHEMA });
    }
    let same_store = dump.identity.store == here.identity.store;
    let empty = !here.identity.acted && here.rows.iter().all(|row| row.kind == RowKind::Document);
    let take_over = scope == Scope::Everything && !same_store;
    if take_over && !empty {
        return Err(StoreError::OtherStore {
            here: here.identity.store.to_string(),
            incoming: dump.identity.store.to_string(),
        });
    }
    let waiting = take_over || here.identity.place.is_none() || here.identity.unfinished;
    let there: BTreeMap<(RowKind, &str), &DumpRow> =
        here.rows.iter().map(|row| ((row.kind, row.name.as_str()), row)).collect();
    let (mut rows, mut same, mut newer) = (Vec::new(), 0, Vec::new());
    for row in dump.rows.iter().filter(|row| scope == Scope::Everything || row.kind == RowKind::Spec) {
        match there.get(&(row.kind, row.name.as_str())) {
            None => rows.push(row),
            Some(found) if says_the_same(found, row) => same += 1,
            // An empty store's own documents are those of `sprout init`.
            Some(_) if take_over => rows.push(row),
            Some(_) if matches!(row.kind, RowKind::Status | RowKind::Document) => same += 1,
            Some(_) => newer.push(row.kind.row(&row.name)),
        }
    }
    if !newer.is_empty() {
        return Err(StoreError::NewerRows { rows: newer });
    }
    rows.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let events = if waiting && scope == Scope::Everything {
        let told: BTreeSet<_> = here.events.iter().map(event_key).collect();
        dump.events.iter().filter(|event| !told.contains(&event_key(event))).collect()
    } else {
        Vec::new()
    };
    Ok(Merge { take_over, rows, events, same })
}

/// What tells two lines of history apart.
pub(super) fn event_key(event: &EventRow) -> (&FeatureName, jiff::Timestamp, &str, &str) {
    (&event.feature, event.at, &event.reason, &event.message)
}

/// Whether two rows mean the same, in whatever form the stores keep them.
pub(super) fn says_the_same(one: &DumpRow, other: &DumpRow) -> bool {
    if one.origin != other.origin {
        return false;
    }
    if one.body == other.body {
        return true;
    }
    let (a, b) = (one.body.bytes(), other.body.bytes());
    if one.kind == RowKind::Spec {
        let name = FeatureName::new(one.name.as_str());
        return match (codec::read_spec(&name, &a), codec::read_spec(&name, &b)) {
            (SpecBody::Readable { feature: a, .. }, SpecBody::Readable { feature: b, .. }) => a == b,
            _ => false,
        };
    }
    match (serde_json::from_slice::<Value>(&a), serde_json::from_slice::<Value>(&b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Row(DumpRow),
    Event(EventRow),
    /// The last one, so that a file that was cut off is not taken for a whole.
    End {
        rows: usize,
        events: usize,
    },
}

/// The first line of the file.
#[derive(Serialize, Deserialize)]
struct Header {
    /// Names the kind of file, for whoever finds it.
    beansprout: String,
    schema: u32,
    from: String,
    identity: StoreIdentity,
    epoch: u64,
}

/// What the first line must be to be read on.
#[derive(Deserialize)]
struct Opening {
    beansprout: String,
    schema: u32,
}

const KIND: &str = "store";

impl Dump {
    /// The file: a header, then a row or an event on each line, then a line
    /// that says how many there were.
    pub fn to_lines(&self) -> String {
        let header = Header {
            beansprout: KIND.to_owned(),
            schema: self.schema,
            from: self.from.clone(),
            identity: self.identity.clone(),
            epoch: self.epoch,
        };
        let mut text = String::new();
        push(&mut text, &header);
        for row in &self.rows {
            push(&mut text, &Line::Row(row.clone()));
        }
        for event in &self.events {
            push(&mut text, &Line::Event(event.clone()));
        }
        push(&mut text, &Line::End { rows: self.rows.len(), events: self.events.len() });
        text
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`StoreError::NewerDump`] for one of a newer program,
    /// [`StoreError::BadDump`] with the line for one that is none, is torn or
    /// names a row twice.
    pub fn from_lines(text: &str) -> Result<Dump, StoreError> {
        let bad = |line: usize, why: String| StoreError::BadDump { line: line + 1, why };
        let mut lines = text.lines().enumerate();
        let (_, first) = lines.next().ok_or_else(|| bad(0, "the file is empty".to_owned()))?;
        let opening: Opening =
            serde_json::from_str(first).map_err(|error| bad(0, format!("this is no export: {error}")))?;
        if opening.beansprout != KIND {
            return Err(bad(0, format!("this is an export of {:?}, not of a store", opening.beansprout)));
        }
        if opening.schema > DUMP_SCHEMA {
            return Err(StoreError::NewerDump { found: opening.schema, known: DUMP_SCHEMA });
        }
        let header: Header = serde_json::from_str(first).map_err(|error| bad(0, error.to_string()))?;
        let (mut rows, mut events): (Vec<DumpRow>, Vec<EventRow>) = (Vec::new(), Vec::new());
        let mut names = BTreeSet::new();
        let mut ended = None;
        for (at, line) in lines {
            if ended.is_some() {
                return Err(bad(at, "the export ended before this line".to_owned()));
            }
            match serde_json::from_str(line).map_err(|error| bad(at, error.to_string()))? {
                Line::Row(row) => {
                    if !names.insert((row.kind, row.name.clone())) {
                        return Err(bad(at, format!("{} comes twice", row.kind.row(&row.name))));
                    }
                    rows.push(row);
                }
                Line::Event(event) => events.push(event),
                Line::End { rows, events } => ended = Some((rows, events)),
            }
        }
        if ended != Some((rows.len(), events.len())) {
            return Err(bad(text.lines().count(), "the export was cut off".to_owned()));
        }
        let Header { schema, from, identity, epoch, .. } = header;
        Ok(Dump { schema, from, identity, epoch, rows, events })
    }
}

fn push(text: &mut String, line: &impl Serialize) {
    // Texts, numbers and maps with text keys are always JSON.
    if let Ok(line) = serde_json::to_string(line) {
        text.push_str(&line);
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StoreId;

    fn dump() -> Dump {
        Dump {
            schema: DUMP_SCHEMA,
            from: "sqlite:/a".to_owned(),
            identity: StoreIdentity {
                store: StoreId::new("abcdefgh"),
                account: None,
                region: None,
                installation: None,
                acted: false,
                place: Some("here".to_owned()),
                sealed: None,
                unfinished: false,
            },
            epoch: 7,
            rows: vec![
                DumpRow {
                    kind: RowKind::Spec,
                    name: "a\nb".to_owned(),
                    body: RowBody::of(vec![0xff, 0x00]),
                    origin: Some("folder:x".to_owned()),
                    version: u64::MAX,
                },
                DumpRow {
                    kind: RowKind::Record,
                    name: "a\nb".to_owned(),
                    body: RowBody::of(b" {\"x\" : 1.10}\n".to_vec()),
                    origin: None,
                    version: 1,
                },
            ],
            events: Vec::new(),
        }
    }

    #[test]
    fn a_file_says_what_the_store_says() {
        let lines = dump().to_lines();
        assert_eq!(lines.lines().count(), 4);
        let read = Dump::from_lines(&lines).unwrap();
        assert_eq!(read, dump());
        assert_eq!(read.rows[0].body.bytes(), [0xff, 0x00]);
    }

    #[test]
    fn a_file_that_is_torn_newer_or_none_is_refused_with_the_line() {
        let lines = dump().to_lines();
        let cut = lines.lines().take(3).map(|line| format!("{line}\n")).collect::<String>();
        let newer = lines.replacen("\"schema\":1", "\"schema\":2", 1);
        let twice = lines.replacen("\"kind\":\"record\"", "\"kind\":\"spec\"", 1);
        for (text, told) in [
            ("", "line 1: the file is empty"),
            ("{}", "line 1: this is no export"),
            (cut.as_str(), "the export was cut off"),
            (newer.as_str(), "has form 2, and this program knows forms up to 1"),
            (twice.as_str(), "line 3: the specification of a\nb comes twice"),
            (&lines[..lines.len() - 5], "line 4"),
        ] {
            let error = Dump::from_lines(text).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
