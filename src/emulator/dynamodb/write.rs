//! One write: what it asks for, whether its condition holds, and what it makes of the item.

use std::sync::Arc;

use serde_json::Value;

use super::expr::{Condition, Symbols, Update};
use super::key::Key;
use super::refusal::Refusal;
use super::table::{Row, Table};
use super::value::{Item, read_item};
use super::wire::Body;

/// Bytes that an item may have.
pub(super) const LARGEST: usize = 400 * 1024;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Put(Item),
    Update(Item, Update),
    Delete(Item),
    /// Nothing; the condition alone counts.
    Check(Item),
}

/// A write on its way.
#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) table: String,
    pub(super) act: Act,
    condition: Option<Condition>,
    /// The caller wants to see the item on which the condition failed.
    shows_old: bool,
}

/// A write that will succeed.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) key: Key,
    pub(super) old: Option<Arc<Row>>,
    pub(super) new: Option<Arc<Row>>,
}

/// Members of a write; each kind has its own beside them.
const COMMON: [&str; 5] = [
    "TableName",
    "ConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ReturnValuesOnConditionCheckFailure",
];

impl Write {
    /// Reads a write of a kind: `Put`, `Update`, `Delete` or `ConditionCheck`. `more` are members that the caller reads.
    pub(super) fn read(kind: &str, value: &Value, more: &[&str]) -> Result<Self, Refusal> {
        let own: &[&str] = match kind {
            "Put" => &["Item"],
            "Update" => &["Key", "UpdateExpression"],
            _ => &["Key"],
        };
        let known: Vec<&str> = COMMON.iter().chain(own).chain(more).copied().collect();
        let body = Body::read(value, &known)?;
        let table = body.table()?.to_owned();
        let mut symbols = Symbols::read(&body)?;
        let item = |member: &str| read_item(body.need(member, body.object(member)?)?);
        let act = match kind {
            "Put" => Act::Put(item("Item")?),
            "Update" => {
                let update = symbols.parse(&body, "UpdateExpression", Update::parse)?;
                Act::Update(item("Key")?, update.unwrap_or_default())
            }
            "Delete" => Act::Delete(item("Key")?),
            _ => Act::Check(item("Key")?),
        };
        let condition = symbols.condition(&body, "ConditionExpression")?;
        symbols.finish()?;
        if kind == "ConditionCheck" {
            body.required("ConditionExpression")?;
        }
        let old = body.choice("ReturnValuesOnConditionCheckFailure", &["ALL_OLD", "NONE"])?;
        if let Act::Put(item) = &act {
            check_size(item, "Item size has exceeded the maximum allowed size")?;
        }
        Ok(Self { table, act, condition, shows_old: old == Some("ALL_OLD") })
    }

    /// A put or delete without a condition, as batches have them.
    pub(super) fn plain(table: &str, act: Act) -> Self {
        Self { table: table.to_owned(), act, condition: None, shows_old: false }
    }

    /// The key that it is about.
    pub(super) fn key(&self, table: &Table) -> Result<Key, Refusal> {
        match &self.act {
            Act::Put(item) => table.about.schema.key_of(item),
            Act::Update(key, _) | Act::Delete(key) | Act::Check(key) => table.about.schema.key_named(key),
        }
    }

    /// Whether it changes anything at all.
    pub(super) fn changes(&self) -> bool {
        !matches!(self.act, Act::Check(_))
    }

    /// Judges the condition and makes the new item. Nothing is changed yet.
    pub(super) fn settle(&self, table: &Table) -> Result<Settled, Refusal> {
        let key = self.key(table)?;
        if let Act::Update(_, update) = &self.act {
            check_paths(table, update)?;
        }
        table.about.schema.check_scalars(self.condition.iter().flat_map(Condition::nested))?;
        let old = table.row(&key, None);
        let nothing = Item::new();
        let before = old.as_ref().map_or(&nothing, |row| &row.item);
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(before)) {
            let shown = old.as_ref().filter(|_| self.shows_old).map(|row| &row.item);
            return Err(Refusal::conditional(shown));
        }
        let new = match &self.act {
            Act::Put(item) => Some(Row::new(item.clone())),
            Act::Delete(_) => None,
            Act::Check(_) => old.clone(),
            // An update that only takes away makes no item (scylladb/scylladb#5862).
            Act::Update(_, update) if old.is_none() && update.only_removes() => None,
            Act::Update(_, update) => {
                let made = match &old {
                    Some(row) => update.apply(&row.item)?,
                    None => update.apply(&table.about.schema.attributes(&key))?,
                };
                check_size(&made, "Item size to update has exceeded the maximum allowed size")?;
                Some(Row::new(made))
            }
        };
        if let Some(row) = new.as_ref().filter(|_| self.changes()) {
            table.check_indexes(&row.item)?;
        }
        Ok(Settled { key, old, new })
    }
}

fn check_size(item: &Item, told: &str) -> Result<(), Refusal> {
    if super::value::item_size(item) > LARGEST { Err(Refusal::validation(told)) } else { Ok(()) }
}

/// Key attributes cannot be updated.
fn check_paths(table: &Table, update: &Update) -> Result<(), Refusal> {
    match update.paths().find(|path| table.about.schema.has(&path.head)) {
        None => Ok(()),
        Some(path) => Err(Refusal::parameter(format!(
            "Cannot update attribute {}. This attribute is part of the key",
            path.head
        ))),
    }
}
