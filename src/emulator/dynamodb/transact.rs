//! TransactWriteItems and TransactGetItems: all or nothing.
//!
//! Rules: `docs/dynamodb.md`, "Transactions".

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::capacity::{Bill, read_units};
use super::items::Get;
use super::key::Key;
use super::refusal::{Reason, Refusal};
use super::table::Table;
use super::wire::Body;
use super::write::{Settled, Write};
use super::{Moment, Tables};

/// Actions that a transaction may have.
const ACTIONS: usize = 100;
/// Bytes of all its items together.
const LARGEST: usize = 4 * 1024 * 1024;
/// How long a client token is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

/// Transactions that went through under a client token and are remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Done {
    /// Hash of what was asked for, and the answer.
    by_token: BTreeMap<String, (String, Value)>,
    /// Tokens in the order in which they will be forgotten.
    order: VecDeque<(Timestamp, String)>,
}

impl Done {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, token)) = self.order.front() {
            if *at + REMEMBERED > now {
                break;
            }
            self.by_token.remove(token);
            self.order.pop_front();
        }
    }

    /// The answer of before, where the token comes again with the same request.
    fn again(&self, token: &str, request: &str) -> Result<Option<Value>, Refusal> {
        match self.by_token.get(token) {
            None => Ok(None),
            Some((before, answer)) if before == request => Ok(Some(answer.clone())),
            Some(_) => Err(Refusal::new(
                "IdempotentParameterMismatchException",
                "The request uses the same client token as a previous, but non-identical request. Do not reuse a \
                 client token with different requests, unless the requests are identical",
            )),
        }
    }

    fn note(&mut self, token: &str, request: String, answer: Value, now: Timestamp) {
        self.by_token.insert(token.to_owned(), (request, answer));
        self.order.push_back((now, token.to_owned()));
    }
}

impl Tables {
    pub(super) fn transact_write(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        const KNOWN: [&str; 4] =
            ["TransactItems", "ClientRequestToken", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"];
        let body = Body::read(value, &KNOWN)?;
        let bill = Bill::read(&body)?;
        let token = body.text("ClientRequestToken")?;
        if token.is_some_and(|token| !(1..=36).contains(&token.len())) {
            return Err(Refusal::validation(
                "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: Member must \
                 have length less than or equal to 36",
            ));
        }
        let writes = actions(&body)?.iter().map(read_write).collect::<Result<Vec<Write>, Refusal>>()?;
        let request = HEXLOWER.encode(&Sha256::digest(sorted(&value["TransactItems"]).to_string()));
        self.done.forget(moment.now);
        if let Some(token) = token
            && let Some(answer) = self.done.again(token, &request)?
        {
            return Ok(answer);
        }
        let settled = self.settle_all(&writes)?;
        let mut units: BTreeMap<&str, f64> = BTreeMap::new();
        for (write, settled) in writes.iter().zip(settled) {
            let table = self.open_mut(&write.table)?;
            let spent = if write.changes() {
                table.write(&settled.key, settled.new, moment.now)
            } else {
                settled.old.map_or(1.0, |row| row.size.div_ceil(1024).max(1) as f64)
            };
            *units.entry(&write.table).or_default() += 2.0 * spent;
        }
        let mut answer = json!({});
        bill.many(&mut answer, &units);
        if let Some(token) = token {
            self.done.note(token, request, answer.clone(), moment.now);
        }
        Ok(answer)
    }

    /// Judges every action on the tables as they are, before any of them is carried out.
    fn settle_all(&self, writes: &[Write]) -> Result<Vec<Settled>, Refusal> {
        let tables = writes.iter().map(|write| self.open(&write.table)).collect::<Result<Vec<_>, _>>()?;
        let pairs = || writes.iter().zip(&tables);
        check_distinct(pairs().map(|(write, table)| (*table, write.key(table))))?;
        let settled: Vec<Result<Settled, Refusal>> =
            pairs().map(|(write, table)| write.settle(table)).collect();
        if settled.iter().any(Result::is_err) {
            let reasons = settled.into_iter().map(|settled| settled.err().map(Refusal::into_reason));
            return Err(Refusal::canceled(&reasons.collect::<Vec<Reason>>()));
        }
        let settled: Vec<Settled> = settled.into_iter().flatten().collect();
        let size =
            |settled: &Settled| settled.new.as_ref().or(settled.old.as_ref()).map_or(0, |row| row.size);
        check_size(settled.iter().map(size).sum())?;
        Ok(settled)
    }

    pub(super) fn transact_get(&self, value: &Value) -> Result<Value, Refusal> {
        let body = Body::read(value, &["TransactItems", "ReturnConsumedCapacity"])?;
        let bill = Bill::read(&body)?;
        let gets = actions(&body)?.iter().map(|action| {
            let action = Body::read(action, &["Get"])?;
            Get::read(action.need("Get", action.get("Get"))?, &[])
        });
        let gets = gets.collect::<Result<Vec<Get>, Refusal>>()?;
        let tables = gets.iter().map(|get| self.open(&get.table)).collect::<Result<Vec<_>, _>>()?;
        let keys: Vec<Result<Key, Refusal>> =
            gets.iter().zip(&tables).map(|(get, table)| get.find(table)).collect();
        check_distinct(tables.iter().copied().zip(keys.clone()))?;
        if keys.iter().any(Result::is_err) {
            let reasons = keys.into_iter().map(|key| key.err().map(Refusal::into_reason));
            return Err(Refusal::canceled(&reasons.collect::<Vec<Reason>>()));
        }
        let mut units: BTreeMap<&str, f64> = BTreeMap::new();
        let (mut responses, mut bytes) = (Vec::new(), 0);
        for ((get, table), key) in gets.iter().zip(&tables).zip(keys.into_iter().flatten()) {
            let row = table.row(&key, None);
            let size = row.as_ref().map_or(0, |row| row.size);
            bytes += size;
            *units.entry(&get.table).or_default() += 2.0 * read_units(size, true);
            responses.push(row.map_or_else(|| json!({}), |row| json!({"Item": get.show(&row)})));
        }
        check_size(bytes)?;
        let mut answer = json!({"Responses": responses});
        bill.many(&mut answer, &units);
        Ok(answer)
    }
}

fn actions<'a>(body: &Body<'a>) -> Result<&'a [Value], Refusal> {
    let actions = body.need("TransactItems", body.list("TransactItems")?)?;
    if actions.is_empty() || actions.len() > ACTIONS {
        let constraint = if actions.is_empty() {
            "Member must have length greater than or equal to 1"
        } else {
            "Member must have length less than or equal to 100"
        };
        return Err(Refusal::constraint("'[TransactItems]'", "transactItems", constraint));
    }
    Ok(actions)
}

fn read_write(action: &Value) -> Result<Write, Refusal> {
    const KINDS: [&str; 4] = ["ConditionCheck", "Put", "Delete", "Update"];
    let body = Body::read(action, &KINDS)?;
    let mut given = KINDS.iter().filter_map(|kind| Some((*kind, body.get(kind)?)));
    match (given.next(), given.next()) {
        (Some((kind, write)), None) => Write::read(kind, write, &[]),
        _ => Err(Refusal::validation("TransactItems can only contain one of Check, Put, Update or Delete")),
    }
}

/// One action an item, whatever the action is.
fn check_distinct<'t>(keys: impl Iterator<Item = (&'t Table, Result<Key, Refusal>)>) -> Result<(), Refusal> {
    let mut seen = BTreeSet::new();
    for (table, key) in keys {
        // A key that does not fit is a reason of its own, told later.
        if let Ok(key) = key
            && !seen.insert((&table.about.id, key))
        {
            return Err(Refusal::validation(
                "Transaction request cannot include multiple operations on one item",
            ));
        }
    }
    Ok(())
}

fn check_size(bytes: usize) -> Result<(), Refusal> {
    if bytes <= LARGEST {
        return Ok(());
    }
    Err(Refusal::validation(
        "Transaction request size exceeded limit: the items are larger than 4194304 bytes",
    ))
}

/// The same JSON with the members of all objects in order, whatever order they came in.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            members.into_iter().map(|(name, value)| (name.clone(), value)).collect()
        }
        Value::Array(values) => values.iter().map(sorted).collect(),
        other => other.clone(),
    }
}
