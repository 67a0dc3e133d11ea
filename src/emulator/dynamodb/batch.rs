//! BatchGetItem and BatchWriteItem: many calls in one, each for itself.
//!
//! Rules: `docs/dynamodb.md`, "Batches".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::capacity::{Bill, read_units};
use super::expr::{Projection, Symbols};
use super::key::Key;
use super::refusal::Refusal;
use super::value::{item_json, item_size, read_item};
use super::wire::{Body, table_name};
use super::write::{Act, LARGEST as LARGEST_ITEM, Write};
use super::{Moment, Tables};
use crate::emulator::fault::{Kind, Strike};
use crate::emulator::world::Dice;

/// Items that one call may ask for, and write.
const READS: usize = 100;
const WRITES: usize = 25;
/// Bytes of one answer or one request.
const LARGEST: usize = 16 * 1024 * 1024;

/// What is asked of one table.
struct Asked<'a> {
    consistent: bool,
    projection: Option<Projection>,
    /// The request's part without its keys, for what stays unprocessed.
    frame: Map<String, Value>,
    keys: Vec<&'a Value>,
}

/// Which of a batch's calls a fault leaves unprocessed.
struct Lottery(Option<(Dice, bool)>);

impl Lottery {
    fn new(lens: Option<Strike>) -> Self {
        let strike = lens.filter(|strike| strike.kind == Kind::Unprocessed);
        Self(strike.map(|strike| {
            let mut dice = Dice::new(u64::from(strike.seed));
            let all = dice.chance(0.25);
            (dice, all)
        }))
    }

    /// Whether the next is left. The first always is: a fault that strikes must show.
    fn leaves(&mut self, first: bool) -> bool {
        self.0.as_mut().is_some_and(|(dice, all)| first || *all || dice.chance(0.5))
    }
}

impl Tables {
    pub(super) fn batch_get(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let body = Body::read(value, &["RequestItems", "ReturnConsumedCapacity"])?;
        let bill = Bill::read(&body)?;
        let asked = requests(&body)?.iter().map(|(table, part)| Ok((table_name(table)?, asked(part)?)));
        let asked = asked.collect::<Result<BTreeMap<&str, Asked<'_>>, Refusal>>()?;
        let total: usize = asked.values().map(|asked| asked.keys.len()).sum();
        if total > READS {
            return Err(Refusal::validation("Too many items requested for the BatchGetItem call"));
        }
        let mut lottery = Lottery::new(moment.lens);
        let (mut bytes, mut number) = (0, 0);
        let mut units: BTreeMap<&str, f64> = BTreeMap::new();
        let (mut responses, mut left) = (Map::new(), Map::new());
        for (name, asked) in &asked {
            let table = self.open(name)?;
            let schema = &table.about.schema;
            schema.check_scalars(asked.projection.iter().flat_map(Projection::nested))?;
            // In the order of the table, not of the request: the service promises none.
            let mut keys: BTreeMap<Key, &Value> = BTreeMap::new();
            for key in &asked.keys {
                let named =
                    read_item(key.as_object().ok_or_else(|| Refusal::serialization("Keys hold maps"))?)?;
                if keys.insert(schema.key_named(&named)?, key).is_some() {
                    return Err(duplicates());
                }
            }
            let (mut shown, mut unread) = (Vec::new(), Vec::new());
            for (key, named) in keys {
                let row = table.row(&key, moment.past(asked.consistent));
                let size = row.as_ref().map_or(0, |row| row.size);
                number += 1;
                if bytes + size > LARGEST || lottery.leaves(number == 1) {
                    unread.push(named.clone());
                    continue;
                }
                bytes += size;
                *units.entry(name).or_default() += read_units(size, asked.consistent);
                shown.extend(row.map(|row| match &asked.projection {
                    Some(projection) => item_json(&projection.show(&row.item)),
                    None => item_json(&row.item),
                }));
            }
            responses.insert((*name).to_owned(), shown.into());
            if !unread.is_empty() {
                let mut frame = asked.frame.clone();
                frame.insert("Keys".to_owned(), unread.into());
                left.insert((*name).to_owned(), frame.into());
            }
        }
        let mut answer = json!({"Responses": responses, "UnprocessedKeys": left});
        bill.many(&mut answer, &units);
        Ok(answer)
    }

    pub(super) fn batch_write(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        const KNOWN: [&str; 3] = ["RequestItems", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"];
        let body = Body::read(value, &KNOWN)?;
        let bill = Bill::read(&body)?;
        let mut writes: Vec<(&str, &Value, Write)> = Vec::new();
        for (table, part) in requests(&body)? {
            let table = table_name(table)?;
            let part = part.as_array().filter(|part| !part.is_empty()).ok_or_else(|| {
                Refusal::validation("The batch write request list for a table cannot be null or empty")
            })?;
            for request in part {
                writes.push((table, request, write(table, request)?));
            }
        }
        if writes.len() > WRITES {
            return Err(Refusal::validation("Too many items requested for the BatchWriteItem call"));
        }
        // All are looked at before the first is carried out.
        let (mut keys, mut bytes) = (BTreeSet::new(), 0);
        for (name, _, write) in &writes {
            let settled = write.settle(self.open(name)?).map_err(unfit_key)?;
            if !keys.insert((*name, settled.key)) {
                return Err(duplicates());
            }
            if let Act::Put(item) = &write.act {
                bytes += item_size(item);
            }
        }
        if bytes > LARGEST {
            return Err(Refusal::validation("The request is larger than 16777216 bytes"));
        }
        let mut lottery = Lottery::new(moment.lens);
        let mut units: BTreeMap<&str, f64> = BTreeMap::new();
        let mut left: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (index, (name, request, write)) in writes.iter().enumerate() {
            if lottery.leaves(index == 0) {
                left.entry(name).or_default().push((*request).clone());
                continue;
            }
            let table = self.open_mut(name)?;
            let settled = write.settle(table)?;
            *units.entry(name).or_default() += table.write(&settled.key, settled.new, moment.now);
        }
        let mut answer = json!({"UnprocessedItems": left});
        bill.many(&mut answer, &units);
        Ok(answer)
    }
}

/// In a batch an item without its key is told in the words of a key that does not fit.
fn unfit_key(mut refusal: Refusal) -> Refusal {
    if ["Missing the key", "Type mismatch for key"].iter().any(|told| refusal.message.contains(told)) {
        "The provided key element does not match the schema".clone_into(&mut refusal.message);
    }
    refusal
}

fn duplicates() -> Refusal {
    Refusal::validation("Provided list of item keys contains duplicates")
}

fn requests<'a>(body: &Body<'a>) -> Result<&'a Map<String, Value>, Refusal> {
    let requests = body.need("RequestItems", body.object("RequestItems")?)?;
    if requests.is_empty() {
        return Err(Refusal::constraint(
            "'{}'",
            "requestItems",
            "Member must have length greater than or equal to 1",
        ));
    }
    Ok(requests)
}

fn asked(part: &Value) -> Result<Asked<'_>, Refusal> {
    const KNOWN: [&str; 4] = ["Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"];
    let body = Body::read(part, &KNOWN)?;
    let mut symbols = Symbols::read(&body)?;
    let projection = symbols.parse(&body, "ProjectionExpression", Projection::parse)?;
    symbols.finish()?;
    let keys = body.need("Keys", body.list("Keys")?)?;
    if keys.is_empty() {
        return Err(Refusal::constraint(
            "'[]'",
            "keys",
            "Member must have length greater than or equal to 1",
        ));
    }
    let mut frame = part.as_object().cloned().unwrap_or_default();
    frame.remove("Keys");
    let consistent = body.flag("ConsistentRead")?.unwrap_or(false);
    Ok(Asked { consistent, projection, frame, keys: keys.iter().collect() })
}

fn write(table: &str, request: &Value) -> Result<Write, Refusal> {
    let body = Body::read(request, &["PutRequest", "DeleteRequest"])?;
    let put = body.inner("PutRequest", &["Item"])?;
    let delete = body.inner("DeleteRequest", &["Key"])?;
    let act = match (put, delete) {
        (Some(put), None) => {
            let item = read_item(put.need("Item", put.object("Item")?)?)?;
            if item_size(&item) > LARGEST_ITEM {
                return Err(Refusal::validation("Item size has exceeded the maximum allowed size"));
            }
            Act::Put(item)
        }
        (None, Some(delete)) => Act::Delete(read_item(delete.need("Key", delete.object("Key")?)?)?),
        _ => {
            return Err(Refusal::validation(
                "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported \
                 datatypes",
            ));
        }
    };
    Ok(Write::plain(table, act))
}
