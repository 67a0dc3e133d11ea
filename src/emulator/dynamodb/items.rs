//! Single items: GetItem, PutItem, UpdateItem, DeleteItem.

use serde_json::{Value, json};

use super::capacity::{Bill, read_units};
use super::expr::{Projection, Symbols};
use super::key::Key;
use super::refusal::Refusal;
use super::table::{Row, Table};
use super::value::{Item, item_json, read_item};
use super::wire::Body;
use super::write::{Act, Write};
use super::{Moment, Tables};

/// A read of one item.
#[derive(Clone, Debug)]
pub(super) struct Get {
    pub(super) table: String,
    key: Item,
    projection: Option<Projection>,
}

impl Get {
    /// Reads it; `more` are members that the caller reads.
    pub(super) fn read(value: &Value, more: &[&str]) -> Result<Self, Refusal> {
        const OWN: [&str; 4] = ["TableName", "Key", "ProjectionExpression", "ExpressionAttributeNames"];
        let known: Vec<&str> = OWN.iter().chain(more).copied().collect();
        let body = Body::read(value, &known)?;
        let mut symbols = Symbols::read(&body)?;
        let projection = symbols.parse(&body, "ProjectionExpression", Projection::parse)?;
        symbols.finish()?;
        let table = body.table()?.to_owned();
        let key = read_item(body.need("Key", body.object("Key")?)?)?;
        Ok(Self { table, key, projection })
    }

    /// The key that it names in its table, and whether the table lets it look where it wants to.
    pub(super) fn find(&self, table: &Table) -> Result<Key, Refusal> {
        table.about.schema.check_scalars(self.projection.iter().flat_map(Projection::nested))?;
        table.about.schema.key_named(&self.key)
    }

    /// What the caller sees of the item.
    pub(super) fn show(&self, row: &Row) -> Value {
        match &self.projection {
            Some(projection) => item_json(&projection.show(&row.item)),
            None => item_json(&row.item),
        }
    }
}

impl Tables {
    pub(super) fn get_item(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let get = Get::read(value, &["ConsistentRead", "ReturnConsumedCapacity"])?;
        let body = Body::read(value, ANY)?;
        let consistent = body.flag("ConsistentRead")?.unwrap_or(false);
        let bill = Bill::read(&body)?;
        let table = self.open(&get.table)?;
        let row = table.row(&get.find(table)?, moment.past(consistent));
        let mut answer = json!({});
        if let Some(row) = &row {
            answer["Item"] = get.show(row);
        }
        let units = read_units(row.map_or(0, |row| row.size), consistent);
        bill.one(&mut answer, &get.table, units);
        Ok(answer)
    }

    /// PutItem, UpdateItem and DeleteItem, by the kind of their write.
    pub(super) fn write_item(
        &mut self,
        kind: &str,
        value: &Value,
        moment: &Moment<'_>,
    ) -> Result<Value, Refusal> {
        const MORE: [&str; 3] = ["ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "ReturnValues"];
        let write = Write::read(kind, value, &MORE)?;
        let body = Body::read(value, ANY)?;
        let bill = Bill::read(&body)?;
        body.choice("ReturnItemCollectionMetrics", &["SIZE", "NONE"])?;
        let wanted =
            body.choice("ReturnValues", &["ALL_NEW", "UPDATED_OLD", "ALL_OLD", "NONE", "UPDATED_NEW"])?;
        let wanted = wanted.unwrap_or("NONE");
        if kind != "Update" && !matches!(wanted, "NONE" | "ALL_OLD") {
            return Err(Refusal::validation("ReturnValues can only be ALL_OLD or NONE"));
        }
        let table = self.open_mut(&write.table)?;
        let settled = write.settle(table)?;
        let units = table.write(&settled.key, settled.new.clone(), moment.now);
        let row = if wanted.ends_with("OLD") { &settled.old } else { &settled.new };
        let mut answer = json!({});
        if let Some(row) = row.as_ref().filter(|_| wanted != "NONE") {
            let shown = match (&write.act, wanted.strip_prefix("UPDATED_")) {
                (Act::Update(_, update), Some(_)) => {
                    Projection::of(update.paths().cloned().collect()).show(&row.item)
                }
                _ => row.item.clone(),
            };
            if !shown.is_empty() {
                answer["Attributes"] = item_json(&shown);
            }
        }
        bill.one(&mut answer, &write.table, units);
        Ok(answer)
    }
}

/// For a second look at a body whose members were checked.
pub(super) const ANY: &[&str] = &[
    "TableName",
    "Key",
    "Item",
    "ConditionExpression",
    "UpdateExpression",
    "ProjectionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "ConsistentRead",
    "ReturnConsumedCapacity",
    "ReturnItemCollectionMetrics",
    "ReturnValues",
    "ReturnValuesOnConditionCheckFailure",
];
