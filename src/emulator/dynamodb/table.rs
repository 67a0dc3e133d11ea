//! One table: its items, its indexes, what expires, and what it looked like a while ago.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::about::About;
use super::key::{Key, Part, Sort};
use super::refusal::Refusal;
use super::value::{Attr, Item, item_size};

/// How far back a read may see the table: a stale one, or that of a restore.
const MEMORY: SignedDuration = SignedDuration::from_mins(10);
/// An item that expired longer ago is not deleted (developer guide, "Using DynamoDB Time to Live (TTL)"): five years.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(5 * 365 * 24);

/// An item with its size.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) item: Item,
    pub(super) size: usize,
}

impl Row {
    pub(super) fn new(item: Item) -> Arc<Self> {
        let size = item_size(&item);
        Arc::new(Self { item, size })
    }
}

/// Items, and the entries of each local index.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) items: BTreeMap<Key, Arc<Row>>,
    pub(super) indexes: BTreeMap<String, BTreeSet<Key>>,
}

/// A write that was, for those who look back.
#[derive(Clone, Debug)]
struct Change {
    at: Timestamp,
    key: Key,
    before: Option<Arc<Row>>,
}

/// A table.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Kept")]
pub(super) struct Table {
    pub(super) about: About,
    pub(super) rows: Rows,
    pub(super) bytes: usize,
    /// When an item may be deleted at the earliest, the lag of deletion apart.
    expiring: BTreeMap<Key, Timestamp>,
    expiries: BTreeSet<(Timestamp, Key)>,
    changes: VecDeque<Change>,
}

/// A table in the state file.
#[derive(Deserialize)]
struct Kept {
    about: About,
    items: Vec<Item>,
}

impl From<Kept> for Table {
    fn from(kept: Kept) -> Self {
        let mut table = Self::new(kept.about);
        for item in kept.items {
            if let Ok(key) = table.about.schema.key_of(&item) {
                table.write(&key, Some(Row::new(item)), Timestamp::UNIX_EPOCH);
            }
        }
        table.forget();
        table
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        struct Items<'t>(&'t BTreeMap<Key, Arc<Row>>);
        impl Serialize for Items<'_> {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self.0.values().map(|row| &row.item))
            }
        }
        let mut kept = to.serialize_struct("Table", 2)?;
        kept.serialize_field("about", &self.about)?;
        kept.serialize_field("items", &Items(&self.rows.items))?;
        kept.end()
    }
}

impl Table {
    /// An empty table.
    pub(super) fn new(about: About) -> Self {
        let indexes = about.indexes.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
        Self {
            about,
            rows: Rows { items: BTreeMap::new(), indexes },
            bytes: 0,
            expiring: BTreeMap::new(),
            expiries: BTreeSet::new(),
            changes: VecDeque::new(),
        }
    }

    /// Refuses an item that an index cannot take.
    pub(super) fn check_indexes(&self, item: &Item) -> Result<(), Refusal> {
        self.about.indexes.iter().try_for_each(|(name, index)| index.sort.in_index(name, item).map(|_| ()))
    }

    /// Where an item lies in an index.
    fn entry(&self, index: &str, key: &Key, item: &Item) -> Option<Key> {
        let sort = self.about.indexes.get(index)?.sort.in_index(index, item).ok()??;
        Some(Key::bound(&key.hash, Sort::At(sort), key.sort.clone()))
    }

    /// Puts an item in the place of what is there, or takes that away. Gives the write units that it costs.
    pub(super) fn write(&mut self, key: &Key, new: Option<Arc<Row>>, now: Timestamp) -> f64 {
        let old = match &new {
            Some(row) => self.rows.items.insert(key.clone(), row.clone()),
            None => self.rows.items.remove(key),
        };
        let size = |row: &Option<Arc<Row>>| row.as_ref().map_or(0, |row| row.size);
        let units = |bytes: usize| bytes.div_ceil(1024).max(1) as f64;
        self.bytes = self.bytes + size(&new) - size(&old);
        let mut cost = units(size(&old).max(size(&new)));
        let names: Vec<String> = self.about.indexes.keys().cloned().collect();
        for name in names {
            let entry = |row: &Option<Arc<Row>>| self.entry(&name, key, &row.as_ref()?.item);
            let (before, after) = (entry(&old), entry(&new));
            cost += match (&before, &after) {
                (Some(before), Some(after)) if before == after => {
                    if old == new {
                        0.0
                    } else {
                        units(size(&old).max(size(&new)))
                    }
                }
                _ => {
                    before.as_ref().map_or(0.0, |_| units(size(&old)))
                        + after.as_ref().map_or(0.0, |_| units(size(&new)))
                }
            };
            let entries = self.rows.indexes.entry(name).or_default();
            before.map(|before| entries.remove(&before));
            entries.extend(after);
        }
        self.note_expiry(key, new.as_deref(), now);
        self.remember(Change { at: now, key: key.clone(), before: old });
        cost
    }

    fn remember(&mut self, change: Change) {
        while self.changes.front().is_some_and(|oldest| oldest.at + MEMORY < change.at) {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    /// Forgets what it looked like before.
    pub(super) fn forget(&mut self) {
        self.changes.clear();
    }

    /// The moment from which looking back is possible.
    pub(super) fn memory(&self, now: Timestamp) -> Timestamp {
        (now - MEMORY).max(self.about.created)
    }

    /// An item, now or as it was.
    pub(super) fn row(&self, key: &Key, past: Option<Timestamp>) -> Option<Arc<Row>> {
        let since = past.and_then(|past| {
            let later = self.changes.iter().rev().take_while(|change| change.at > past);
            later.filter(|change| change.key == *key).last()
        });
        match since {
            Some(change) => change.before.clone(),
            None => self.rows.items.get(key).cloned(),
        }
    }

    /// The rows to read from, now or as they were; of the past those of one partition, where one is named.
    pub(super) fn rows(&self, past: Option<Timestamp>, hash: Option<&Part>) -> Cow<'_, Rows> {
        let Some(past) = past else {
            return Cow::Borrowed(&self.rows);
        };
        let meant = |key: &Key| hash.is_none_or(|hash| key.hash == *hash);
        let current = self.rows.items.iter().filter(|(key, _)| meant(key));
        let mut items: BTreeMap<Key, Arc<Row>> =
            current.map(|(key, row)| (key.clone(), row.clone())).collect();
        let later = self.changes.iter().rev().take_while(|change| change.at > past);
        for change in later.filter(|change| meant(&change.key)) {
            match &change.before {
                Some(row) => items.insert(change.key.clone(), row.clone()),
                None => items.remove(&change.key),
            };
        }
        let entries = |name: &String| {
            let entries = items.iter().filter_map(|(key, row)| self.entry(name, key, &row.item));
            (name.clone(), entries.collect())
        };
        let indexes = self.about.indexes.keys().map(entries).collect();
        Cow::Owned(Rows { items, indexes })
    }

    fn note_expiry(&mut self, key: &Key, row: Option<&Row>, now: Timestamp) {
        if let Some(before) = self.expiring.remove(key) {
            self.expiries.remove(&(before, key.clone()));
        }
        let Some(attribute) = self.about.ttl.attribute() else {
            return;
        };
        let Some(Attr::N(seconds)) = row.and_then(|row| row.item.get(attribute)) else {
            return;
        };
        let expiry = seconds.whole().and_then(|seconds| Timestamp::from_second(seconds).ok());
        if let Some(expiry) = expiry.filter(|expiry| *expiry >= now.saturating_sub(FORGOTTEN).unwrap_or(now))
        {
            let from = expiry.max(now);
            self.expiring.insert(key.clone(), from);
            self.expiries.insert((from, key.clone()));
        }
    }

    /// Looks at every item anew: the attribute of the times to live has changed.
    pub(super) fn note_expiries(&mut self, now: Timestamp) {
        self.expiring.clear();
        self.expiries.clear();
        let rows: Vec<(Key, Arc<Row>)> =
            self.rows.items.iter().map(|(key, row)| (key.clone(), row.clone())).collect();
        for (key, row) in rows {
            self.note_expiry(&key, Some(&row), now);
        }
    }

    /// When the next item expires, the lag of deletion apart.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// Deletes what has expired by `until`, each item at its own moment, `lag` later.
    pub(super) fn expire(&mut self, until: Timestamp, lag: SignedDuration) -> bool {
        let mut any = false;
        while let Some((at, key)) = self.expiries.first().filter(|(at, _)| *at + lag <= until).cloned() {
            self.write(&key, None, at + lag);
            any = true;
        }
        any
    }
}
