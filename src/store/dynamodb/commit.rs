//! Committing: the writes of a batch folded into one action for each item,
//! carried out as one transaction, or by itself where there is but one.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::DynamoStore;
use super::expression::Expression;
use super::head::{self, may_be_written};
use super::layout::{FEATURE, KIND, RowName, SCHEMA, Table, VERSION, body_row, is_newer_record, version};
use super::send::{Action, Does, Ended};
use super::texts::{Texts, move_out};
use super::{attribute, specs};
use crate::aws::Item;
use crate::model::{Feature, RECORD_SCHEMA};
use crate::store::{BATCH_MOST, Batch, EventRow, Expect, Fence, RowKind, StoreError, Write};

/// What becomes of one row in a batch.
#[derive(Debug)]
struct Folded {
    /// What the first writes expect of the row as it stands.
    expect: Expect,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    /// Only looked at.
    Check,
    Put(Content),
    Delete,
}

#[derive(Debug)]
enum Content {
    Spec(Box<Feature>, Option<String>),
    Body(Vec<u8>),
}

/// A batch by what it means.
#[derive(Debug, Default)]
struct Wanted {
    /// Rows with their place in the batch: the first refusal is told.
    rows: BTreeMap<RowName, (usize, Folded)>,
    events: Vec<EventRow>,
    acted: bool,
}

impl DynamoStore {
    /// Carries out a batch, or nothing of it.
    pub(super) async fn commit_batch(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.writes.len() > BATCH_MOST {
            return Err(StoreError::TooMany { writes: batch.writes.len() });
        }
        self.may_write()?;
        let fence = batch.fence.as_ref();
        let prepared = async {
            let wanted = fold(&batch.writes)?;
            let (actions, texts) = self.actions(&wanted).await?;
            Ok((wanted, actions, texts))
        };
        let (wanted, mut actions, texts) = match prepared.await {
            Ok(prepared) => prepared,
            Err(error) => {
                // What stands in the way of every write is told first.
                self.head().await?.check(&self.here, fence)?;
                return Err(error);
            }
        };
        let by_itself = !wanted.acted && (actions.is_empty() || fence.is_none() && actions.len() == 1);
        if by_itself {
            // A single write goes out by itself, between two looks at the head
            // row. What may never be late has a fence, and is checked in its
            // transaction.
            self.head().await?.check(&self.here, fence)?;
        } else {
            actions.insert(0, self.head_action(fence, wanted.acted));
        }
        self.keep(&texts).await?;
        let ended = match actions.as_slice() {
            [] => Ended::Done,
            [Action { does: Does::Check(key), table, expression, .. }] => {
                self.look(*table, key, expression).await?
            }
            actions => self.carry_out(actions).await?,
        };
        if let Ended::Unmet(unmet) = ended {
            return Err(self.refusal(&actions, unmet, fence));
        }
        let written = |(name, (_, folded)): (&RowName, &(usize, Folded))| {
            (!matches!(folded.outcome, Outcome::Check)).then(|| name.clone())
        };
        self.announce(&wanted.rows.iter().filter_map(written).collect()).await;
        if by_itself && !actions.is_empty() {
            // Whoever sealed the store in between may have read it before this
            // write came; who wrote is told, and writes again at the new place.
            self.head().await?.check(&self.here, fence)?;
        }
        Ok(())
    }

    /// The head row's part: that the store may be written to, and that the
    /// lease is ours where there is a fence.
    fn head_action(&self, fence: Option<&Fence>, acted: bool) -> Action {
        let mut expression = Expression::default();
        may_be_written(&mut expression, &self.here);
        if let Some(fence) = fence {
            head::is_held(&mut expression, &fence.holder, fence.epoch);
        }
        let does = if acted {
            expression.set(head::ACTED, AttributeValue::Bool(true));
            Does::Update(head::key())
        } else {
            Does::Check(head::key())
        };
        Action { table: Table::State, does, expression, row: None }
    }

    /// A check that stands alone. That a specification is as it was read has
    /// been seen by reading it; what is left is that there is none.
    async fn look(&self, table: Table, key: &Item, expression: &Expression) -> Result<Ended, StoreError> {
        if !expression.wants_none() {
            return Ok(Ended::Done);
        }
        let found = self.get(table, key.clone()).await?;
        Ok(if found.is_some() { Ended::Unmet(BTreeMap::from([(0, found)])) } else { Ended::Done })
    }

    /// One action for each row of the batch, in its order, and the texts that
    /// must be there first.
    async fn actions(&self, wanted: &Wanted) -> Result<(Vec<Action>, Texts), StoreError> {
        let mut rows: Vec<(&RowName, &Folded)> = Vec::new();
        let mut ordered: Vec<_> = wanted.rows.iter().collect();
        ordered.sort_by_key(|(_, (position, _))| *position);
        rows.extend(ordered.into_iter().map(|(name, (_, folded))| (name, folded)));

        let read = rows.iter().filter(|(name, folded)| {
            name.kind == RowKind::Spec && matches!(folded.expect, Expect::Version(_))
        });
        let keys = read.map(|(name, _)| (Table::Spec, name.key())).collect();
        let found: BTreeMap<RowName, Item> = self
            .get_all(keys)
            .await?
            .into_iter()
            .filter_map(|(table, item)| Some((RowName::of(table, &item)?, item)))
            .collect();

        let (mut actions, mut texts) = (Vec::new(), Texts::new());
        for (name, folded) in rows {
            let expression = match name.kind {
                RowKind::Spec => spec_condition(name, folded.expect, found.get(name))?,
                _ => state_condition(name, folded.expect),
            };
            let does = match &folded.outcome {
                Outcome::Check if folded.expect == Expect::Any => continue,
                Outcome::Check => Does::Check(name.key()),
                Outcome::Delete => Does::Delete(name.key()),
                Outcome::Put(content) => {
                    let mut item = self.item(name, content);
                    texts.extend(move_out(&mut item));
                    Does::Put(item)
                }
            };
            actions.push(Action { table: name.table(), does, expression, row: Some(name.clone()) });
        }
        let events = self.event_items(&wanted.events);
        actions.extend(events.into_iter().map(|item| Action {
            table: Table::State,
            does: Does::Put(item),
            expression: Expression::default(),
            row: None,
        }));
        Ok((actions, texts))
    }

    fn item(&self, name: &RowName, content: &Content) -> Item {
        match content {
            Content::Spec(feature, origin) => specs::item_of(feature, origin.as_deref()),
            Content::Body(body) => body_row(name, self.mint(), body),
        }
    }

    /// A version that no row ever bore, as far as chance can promise it.
    pub(super) fn mint(&self) -> u64 {
        self.entropy.number().max(1)
    }

    /// Why a batch was refused: the first reason, in its order.
    fn refusal(
        &self,
        actions: &[Action],
        unmet: BTreeMap<usize, Option<Item>>,
        fence: Option<&Fence>,
    ) -> StoreError {
        let Some((position, found)) = unmet.into_iter().next() else { return StoreError::Busy };
        match actions.get(position).and_then(|action| action.row.as_ref()) {
            None => match self.head_of(found).and_then(|head| head.check(&self.here, fence)) {
                Err(error) => error,
                // It was so a moment ago.
                Ok(()) => StoreError::Busy,
            },
            Some(row) if row.kind == RowKind::Record && found.as_ref().is_some_and(is_newer_record) => {
                StoreError::NewerRow { what: row.told() }
            }
            Some(row) => StoreError::Conflict { what: row.told() },
        }
    }
}

/// That a specification's row is as expected. A version is the hash of the
/// row, so that the row is read and each of its attributes must be the same
/// still: hands change rows without a counter.
fn spec_condition(name: &RowName, expect: Expect, found: Option<&Item>) -> Result<Expression, StoreError> {
    let mut expression = Expression::default();
    match (expect, found) {
        (Expect::Any, _) => {}
        (Expect::Absent, _) => expression.absent(FEATURE),
        (Expect::Version(version), Some(item)) if attribute::fingerprint(item) == version => {
            expression.as_read(item, &specs::known());
        }
        (Expect::Version(_), _) => return Err(StoreError::Conflict { what: name.told() }),
    }
    Ok(expression)
}

/// That a row of ours is as expected, and a record not a newer program's.
fn state_condition(name: &RowName, expect: Expect) -> Expression {
    let mut expression = Expression::default();
    if name.kind == RowKind::Record {
        let schema = expression.name(SCHEMA);
        let known = expression.value(attribute::number(RECORD_SCHEMA));
        expression.term(format!("(attribute_not_exists({schema}) OR {schema} <= {known})"));
    }
    match expect {
        Expect::Any => {}
        Expect::Absent => expression.absent(KIND),
        // A row that a hand made may have none.
        Expect::Version(0) => {
            expression.present(KIND);
            expression.absent(VERSION);
        }
        Expect::Version(read) => expression.equal(VERSION, version(read)),
    }
    expression
}

/// Folds the writes on each row into one, as they would follow each other.
fn fold(writes: &[Write]) -> Result<Wanted, StoreError> {
    let mut wanted = Wanted::default();
    for (position, write) in writes.iter().enumerate() {
        let (name, expect, outcome) = match write {
            Write::AddEvent(event) => {
                wanted.events.push(event.clone());
                continue;
            }
            Write::MarkActed => {
                wanted.acted = true;
                continue;
            }
            Write::PutSpec { feature, origin, expect } => {
                let name = RowName::new(RowKind::Spec, feature.metadata.name.as_str());
                (name, *expect, Outcome::Put(Content::Spec(feature.clone(), origin.clone())))
            }
            Write::CheckSpec { feature, expect } => {
                (RowName::new(RowKind::Spec, feature.as_str()), *expect, Outcome::Check)
            }
            Write::DeleteSpec { feature, expect } => {
                (RowName::new(RowKind::Spec, feature.as_str()), *expect, Outcome::Delete)
            }
            Write::PutRecord { record, expect } => {
                let name = RowName::new(RowKind::Record, record.feature.as_str());
                (name, *expect, Outcome::Put(Content::Body(json(record)?)))
            }
            Write::DeleteRecord { feature, expect } => {
                (RowName::new(RowKind::Record, feature.as_str()), *expect, Outcome::Delete)
            }
            Write::PutStatus(view) => {
                let name = RowName::new(RowKind::Status, view.feature.as_str());
                (name, Expect::Any, Outcome::Put(Content::Body(json(view)?)))
            }
            Write::DeleteStatus(feature) => {
                (RowName::new(RowKind::Status, feature.as_str()), Expect::Any, Outcome::Delete)
            }
            Write::PutDocument { name, body, expect } => {
                let content = Content::Body(body.clone().into_bytes());
                (RowName::new(RowKind::Document, name.as_str()), *expect, Outcome::Put(content))
            }
        };
        match wanted.rows.get_mut(&name) {
            Some((_, before)) => before.then(&name, expect, outcome)?,
            None => drop(wanted.rows.insert(name, (position, Folded { expect, outcome }))),
        }
    }
    Ok(wanted)
}

impl Folded {
    /// The same row written once more.
    fn then(&mut self, name: &RowName, expect: Expect, outcome: Outcome) -> Result<(), StoreError> {
        let conflict = || Err(StoreError::Conflict { what: name.told() });
        match (&self.outcome, expect) {
            (Outcome::Check, expect) => match (self.expect, expect) {
                (Expect::Any, expect) => self.expect = expect,
                (_, Expect::Any) => {}
                (one, other) if one == other => {}
                _ => return conflict(),
            },
            (_, Expect::Any) | (Outcome::Delete, Expect::Absent) => {}
            // What this batch wrote bears a version that nobody knows yet.
            _ => return conflict(),
        }
        if !matches!(outcome, Outcome::Check) {
            self.outcome = outcome;
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value)
        .map_err(|error| StoreError::Unusable { place: "a row".to_owned(), source: error.into() })
}
