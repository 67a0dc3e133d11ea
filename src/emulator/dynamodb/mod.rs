//! Tables: DynamoDB as clients see it.
//!
//! Plain state without I/O, moved by calls and by time. Each rule stands, with its public source, in
//! `docs/dynamodb.md`.

mod about;
mod batch;
mod capacity;
mod create;
mod describe;
mod expr;
mod items;
mod key;
mod number;
mod query;
mod refusal;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod transact;
mod upkeep;
mod value;
mod wire;
mod write;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use refusal::Refusal;

use super::fault::{Kind, Strike};
use super::settings::Settings;
use super::world::{Dice, signed};
use about::Status;
use table::Table;
use transact::Done;

/// Where the tables are and how fast they change; no state file holds it.
#[derive(Clone, Debug, Default)]
struct Place {
    account: String,
    region: String,
    /// How long making, changing and deleting a table takes.
    delay: SignedDuration,
    /// How long an expired item is still there.
    lag: SignedDuration,
    /// Bytes after which a page of items ends.
    page: usize,
}

/// The tables of one account in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tables {
    #[serde(skip)]
    place: Place,
    tables: BTreeMap<String, Table>,
    /// Transactions that went through lately.
    done: Done,
}

/// When a call comes, and what strikes it.
pub(crate) struct Moment<'w> {
    pub(crate) now: Timestamp,
    pub(crate) ids: &'w mut Dice,
    pub(crate) lens: Option<Strike>,
}

impl Moment<'_> {
    /// The moment that a read sees: none is now. Strongly consistent reads always see now.
    fn past(&self, consistent: bool) -> Option<Timestamp> {
        let strike = self.lens.filter(|strike| strike.kind == Kind::Stale && !consistent)?;
        self.now.saturating_sub(signed(strike.by)).ok()
    }
}

impl Tables {
    /// Takes over where it is and how fast it changes.
    pub(crate) fn settle_in(&mut self, account: &str, settings: &Settings) {
        self.place = Place {
            account: account.to_owned(),
            region: settings.region.clone(),
            delay: signed(settings.table),
            lag: signed(settings.ttl_lag),
            page: settings.page,
        };
    }

    /// Carries out one operation on its decoded JSON body and gives the JSON of the answer.
    ///
    /// # Errors
    /// The service's own refusals. An operation that is not built is `InvalidAction`, and a member that the operation
    /// does not know is refused, so that a misspelt one shows.
    pub(crate) fn call(
        &mut self,
        operation: &str,
        body: &Value,
        moment: &mut Moment<'_>,
    ) -> Result<Value, Refusal> {
        match operation {
            "CreateTable" => self.create_table(body, moment),
            "DescribeTable" => self.describe_table(body, moment),
            "UpdateTable" => self.update_table(body, moment),
            "DeleteTable" => self.delete_table(body, moment),
            "ListTables" => self.list_tables(body),
            "DescribeContinuousBackups" => self.describe_backups(body, moment),
            "UpdateContinuousBackups" => self.update_backups(body, moment),
            "RestoreTableToPointInTime" => self.restore_table(body, moment),
            "DescribeTimeToLive" => self.describe_ttl(body),
            "UpdateTimeToLive" => self.update_ttl(body, moment),
            "TagResource" => self.tag_resource(body),
            "UntagResource" => self.untag_resource(body),
            "ListTagsOfResource" => self.list_tags(body),
            "GetItem" => self.get_item(body, moment),
            "PutItem" => self.write_item("Put", body, moment),
            "UpdateItem" => self.write_item("Update", body, moment),
            "DeleteItem" => self.write_item("Delete", body, moment),
            "Query" => self.query(body, moment),
            "Scan" => self.scan(body, moment),
            "BatchGetItem" => self.batch_get(body, moment),
            "BatchWriteItem" => self.batch_write(body, moment),
            "TransactGetItems" => self.transact_get(body),
            "TransactWriteItems" => self.transact_write(body, moment),
            other => Err(Refusal::new(
                "InvalidAction",
                format!("Could not find operation {other} for DynamoDB in this emulator"),
            )),
        }
    }

    /// Lets pass what is due by `to`; true where anything changed.
    pub(crate) fn advance(&mut self, to: Timestamp) -> bool {
        let lag = self.place.lag;
        let mut changed = false;
        self.tables.retain(|_, table| {
            let what = table.about.advance(to);
            if let Some(since) = what.ttl {
                table.note_expiries(since);
            }
            changed |= what.changed | table.expire(to, lag);
            !what.gone
        });
        changed
    }

    /// The next moment at which time alone changes something.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let due = |table: &Table| {
            let expiry = table.next_expiry().map(|at| at + self.place.lag);
            table.about.next_due().into_iter().chain(expiry).min()
        };
        self.tables.values().filter_map(due).min()
    }

    /// The names of all tables, whatever their status.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// All items of a table in the JSON of the API, in the table's own order; empty where there is no such table.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let rows = self.tables.get(table).into_iter().flat_map(|table| table.rows.items.values());
        rows.map(|row| value::item_json(&row.item)).collect()
    }

    fn arn(&self, name: &str) -> String {
        format!("arn:aws:dynamodb:{}:{}:table/{name}", self.place.region, self.place.account)
    }

    /// A table that takes calls on its items. One that is being deleted still does.
    fn open(&self, name: &str) -> Result<&Table, Refusal> {
        let table = self.tables.get(name).filter(|table| table.about.status != Status::Creating);
        table.ok_or_else(Refusal::no_resource)
    }

    fn open_mut(&mut self, name: &str) -> Result<&mut Table, Refusal> {
        let table = self.tables.get_mut(name).filter(|table| table.about.status != Status::Creating);
        table.ok_or_else(Refusal::no_resource)
    }
}
