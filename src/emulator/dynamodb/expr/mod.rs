//! Expressions: conditions, filters, key conditions, projections and updates.
//!
//! Rules: `docs/dynamodb.md`, "Expressions".

mod apply;
mod condition;
mod judge;
mod key;
mod path;
mod projection;
mod token;
mod update;

pub(super) use condition::Condition;
pub(super) use key::{KeyCondition, Range};
pub(super) use projection::Projection;
pub(super) use update::Update;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::value::Attr;
use super::wire::Body;
use token::Cursor;

/// Bytes that one expression may have.
const LONGEST: usize = 4096;

/// What placeholders stand for, and which were used.
#[derive(Debug, Default)]
pub(super) struct Symbols<'a> {
    names: BTreeMap<&'a str, &'a str>,
    values: BTreeMap<&'a str, Attr>,
    used: BTreeSet<String>,
    /// Whether any expression was read.
    any: bool,
}

impl<'a> Symbols<'a> {
    /// Reads `ExpressionAttributeNames` and `ExpressionAttributeValues` of a request.
    pub(super) fn read(body: &Body<'a>) -> Result<Self, Refusal> {
        let mut symbols = Self::default();
        for (key, name) in members(body, "ExpressionAttributeNames", '#')?.into_iter().flatten() {
            let name = name.as_str().filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| {
                Refusal::validation(format!("ExpressionAttributeNames contains invalid value for key {key}"))
            })?;
            symbols.names.insert(key, name);
        }
        for (key, value) in members(body, "ExpressionAttributeValues", ':')?.into_iter().flatten() {
            let value = Attr::read(value).map_err(|mut refusal| {
                refusal.message = format!(
                    "ExpressionAttributeValues contains invalid value: {} for key {key}",
                    refusal.message
                );
                refusal
            })?;
            symbols.values.insert(key, value);
        }
        Ok(symbols)
    }

    /// Refuses what no expression used.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        for (what, keys) in [
            ("ExpressionAttributeNames", self.names.into_keys().collect::<Vec<_>>()),
            ("ExpressionAttributeValues", self.values.into_keys().collect()),
        ] {
            if !self.any && !keys.is_empty() {
                return Err(Refusal::validation(format!(
                    "{what} can only be specified when using expressions"
                )));
            }
            let unused: Vec<&str> = keys.into_iter().filter(|key| !self.used.contains(*key)).collect();
            if !unused.is_empty() {
                return Err(Refusal::validation(format!(
                    "Value provided in {what} unused in expressions: keys: {{{}}}",
                    unused.join(", ")
                )));
            }
        }
        Ok(())
    }

    fn name(&mut self, key: &str) -> Result<&'a str, String> {
        self.used.insert(key.to_owned());
        self.names.get(key).copied().ok_or_else(|| {
            format!(
                "An expression attribute name used in the document path is not defined; attribute name: {key}"
            )
        })
    }

    fn value(&mut self, key: &str) -> Result<Attr, String> {
        self.used.insert(key.to_owned());
        self.values.get(key).cloned().ok_or_else(|| {
            format!("An expression attribute value used in expression is not defined; attribute value: {key}")
        })
    }

    /// Reads an expression that a member of the request holds, where it is there.
    pub(super) fn parse<T>(
        &mut self,
        body: &Body<'a>,
        member: &str,
        parse: impl FnOnce(&mut Cursor<'_, '_, 'a>) -> Result<T, String>,
    ) -> Result<Option<T>, Refusal> {
        let Some(text) = body.text(member)? else {
            return Ok(None);
        };
        self.any = true;
        let read = || -> Result<T, String> {
            if text.trim().is_empty() {
                return Err("The expression can not be empty;".to_owned());
            }
            if text.len() > LONGEST {
                return Err(format!(
                    "Expression size has exceeded the maximum allowed size; expression size: {}",
                    text.len()
                ));
            }
            let mut cursor = Cursor::new(text, self)?;
            let parsed = parse(&mut cursor)?;
            cursor.end()?;
            Ok(parsed)
        };
        read().map(Some).map_err(|told| Refusal::validation(format!("Invalid {member}: {told}")))
    }

    /// A condition in any of the members that hold one.
    pub(super) fn condition(&mut self, body: &Body<'a>, member: &str) -> Result<Option<Condition>, Refusal> {
        self.parse(body, member, Condition::parse)
    }
}

/// The members of a map of placeholders, whose names are checked.
fn members<'a>(body: &Body<'a>, name: &str, mark: char) -> Result<Option<&'a Map<String, Value>>, Refusal> {
    let Some(members) = body.object(name)? else {
        return Ok(None);
    };
    if members.is_empty() {
        return Err(Refusal::validation(format!("{name} must not be empty")));
    }
    let legal = |key: &str| {
        let rest = key.strip_prefix(mark).unwrap_or("");
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match members.keys().find(|key| !legal(key)) {
        Some(key) => {
            Err(Refusal::validation(format!("{name} contains invalid key: Syntax error; key: \"{key}\"")))
        }
        None => Ok(Some(members)),
    }
}
