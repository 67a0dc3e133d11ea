//! The revision row: asked each second whether anything changed, and what.
//!
//! It is written after a commit and not in its transaction, which would make
//! every two writers wait for each other. A writer that dies in between
//! leaves a change that the next reading of all rows finds.

use std::collections::{BTreeSet, VecDeque};

use aws_sdk_dynamodb::types::AttributeValue;

use super::DynamoStore;
use super::attribute::{number, number_of, size, text};
use super::expression::Expression;
use super::layout::{REVISION, RowName, Table, kind_of, state_key, word};
use super::send::{Action, Does, Ended};
use crate::aws::Item;
use crate::store::{RowKind, StoreError};

const CHANGE: &str = "change";
const NUMBER: &str = "revision";
const SINCE: &str = "since";
const LATELY: &str = "lately";

/// How many rows the list of what changed lately has at most.
const KEPT: usize = 64;
/// How large the whole row becomes at most: reading it costs one unit up to
/// 4 KB, and writing it one for each KB.
const LARGEST: usize = 2_000;

/// The revision row, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pulse {
    /// Counts all commits, those of status rows included.
    pub(super) change: u64,
    /// Counts commits of specifications, records and documents.
    pub(super) revision: u64,
    /// The list tells all changes after this one.
    since: u64,
    /// Rows with the number of the change that wrote them, oldest first.
    lately: VecDeque<(u64, RowName)>,
}

impl Pulse {
    fn read(item: &Item) -> Self {
        let change = number_of(item, CHANGE).unwrap_or(0);
        let entries =
            item.get(LATELY).and_then(|list| list.as_l().ok()).map(Vec::as_slice).unwrap_or_default();
        let lately: Option<VecDeque<_>> = entries.iter().map(|entry| parse(entry.as_s().ok()?)).collect();
        match lately {
            Some(lately) => Self {
                change,
                revision: number_of(item, NUMBER).unwrap_or(0),
                since: number_of(item, SINCE).unwrap_or(change),
                lately,
            },
            // Somebody else's list tells nothing.
            None => Self {
                change,
                revision: number_of(item, NUMBER).unwrap_or(0),
                since: change,
                lately: VecDeque::new(),
            },
        }
    }

    fn item(&self) -> Item {
        let mut item = state_key(REVISION.0, REVISION.1);
        item.insert(CHANGE.to_owned(), number(self.change));
        item.insert(NUMBER.to_owned(), number(self.revision));
        item.insert(SINCE.to_owned(), number(self.since));
        let entry =
            |(change, row): &(u64, RowName)| text(format!("{change} {} {}", word(row.kind), row.name));
        item.insert(LATELY.to_owned(), AttributeValue::L(self.lately.iter().map(entry).collect()));
        item
    }

    /// The row after a commit of these rows.
    fn after(&self, rows: &BTreeSet<RowName>) -> Self {
        let mut next = self.clone();
        next.change += 1;
        if rows.iter().any(|row| row.kind != RowKind::Status) {
            next.revision += 1;
        }
        next.lately.extend(rows.iter().map(|row| (next.change, row.clone())));
        while next.lately.len() > KEPT || (!next.lately.is_empty() && size(&next.item()) > LARGEST) {
            if let Some((change, _)) = next.lately.pop_front() {
                next.since = change;
            }
        }
        // Half of a change tells nothing.
        next.lately.retain(|(change, _)| *change > next.since);
        next
    }

    /// Which rows changed after this change; `None` if the list does not
    /// reach back so far.
    pub(super) fn after_change(&self, seen: u64) -> Option<BTreeSet<RowName>> {
        let reaches = self.since <= seen && seen <= self.change;
        let later = self.lately.iter().filter(|(change, _)| *change > seen);
        reaches.then(|| later.map(|(_, row)| row.clone()).collect())
    }
}

fn parse(entry: &str) -> Option<(u64, RowName)> {
    let mut words = entry.splitn(3, ' ');
    let (change, kind, name) = (words.next()?, words.next()?, words.next()?);
    Some((change.parse().ok()?, RowName::new(kind_of(kind)?, name)))
}

impl DynamoStore {
    /// Reads the revision row.
    pub(super) async fn pulse(&self) -> Result<Pulse, StoreError> {
        let item = self.get(Table::State, state_key(REVISION.0, REVISION.1)).await?;
        Ok(item.map(|item| Pulse::read(&item)).unwrap_or_default())
    }

    /// Tells everybody that these rows were written. They are, so that a
    /// failure is told to the log alone.
    pub(super) async fn announce(&self, rows: &BTreeSet<RowName>) {
        if rows.is_empty() {
            return;
        }
        if let Err(error) = self.try_announce(rows).await {
            tracing::warn!(
                error = %crate::store::dynamodb::in_one_line(&error),
                "a commit could not be announced; others see it when they read all rows next"
            );
        }
    }

    async fn try_announce(&self, rows: &BTreeSet<RowName>) -> Result<(), StoreError> {
        let mut pauses = self.pauses();
        let mut found = self.pulse().await?;
        loop {
            let mut expression = Expression::default();
            match found.change {
                0 => expression.absent(CHANGE),
                change => expression.equal(CHANGE, number(change)),
            }
            let put = Action {
                table: Table::State,
                does: Does::Put(found.after(rows).item()),
                expression,
                row: None,
            };
            let unmet = match self.carry_out(&[put]).await? {
                Ended::Done => return Ok(()),
                Ended::Unmet(unmet) => unmet,
            };
            // Another commit came in between.
            found = unmet.into_values().flatten().next().map(|item| Pulse::read(&item)).unwrap_or_default();
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(StoreError::Busy),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(kind: RowKind, names: impl IntoIterator<Item = String>) -> BTreeSet<RowName> {
        names.into_iter().map(|name| RowName::new(kind, name)).collect()
    }

    #[test]
    fn the_list_tells_what_changed_since() {
        let one = rows(RowKind::Spec, ["feature/a b".to_owned()]);
        let other = rows(RowKind::Status, ["c".to_owned()]);
        let pulse = Pulse::default().after(&one).after(&other);
        assert_eq!((pulse.change, pulse.revision), (2, 1));
        let pulse = Pulse::read(&pulse.item());
        assert_eq!(pulse.after_change(2), Some(BTreeSet::new()));
        assert_eq!(pulse.after_change(1), Some(other.clone()));
        assert_eq!(pulse.after_change(0), Some(&one | &other));
        assert_eq!(pulse.after_change(3), None, "a table that was restored");
    }

    #[test]
    fn the_list_is_bounded_and_says_how_far_it_reaches() {
        let mut pulse = Pulse::default();
        for n in 0..200 {
            pulse = pulse.after(&rows(RowKind::Record, [format!("feature/{n}")]));
            assert!(pulse.lately.len() <= KEPT && size(&pulse.item()) <= LARGEST);
        }
        assert_eq!(pulse.after_change(190).unwrap().len(), 10);
        assert_eq!(pulse.after_change(10), None);

        let many = pulse.after(&rows(RowKind::Record, (0..70).map(|n| format!("b{n}"))));
        assert_eq!(many.after_change(200), None);
        assert_eq!(many.after_change(201), Some(BTreeSet::new()));
        let long = pulse.after(&rows(RowKind::Record, ["x".repeat(5_000)]));
        assert_eq!(long.after_change(200), None);
        assert_eq!(Pulse::read(&long.item()), long);
    }
}
