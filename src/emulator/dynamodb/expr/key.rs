//! Key conditions: one partition, and perhaps a range of its sort keys.

use super::condition::{Comparison, Condition, Operand};
use crate::emulator::dynamodb::key::{KeyAttr, Part};
use crate::emulator::dynamodb::refusal::Refusal;
use crate::emulator::dynamodb::value::Attr;

/// Which sort keys of a partition are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) enum Range {
    All,
    Is(Part),
    Below(Part),
    UpTo(Part),
    Above(Part),
    From(Part),
    Between(Part, Part),
    StartsWith(Part),
}

/// What a Query reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::emulator::dynamodb) struct KeyCondition {
    pub(in crate::emulator::dynamodb) hash: Part,
    pub(in crate::emulator::dynamodb) range: Range,
}

/// One side of a key condition, with the attribute on the left.
enum Simple<'c> {
    Compare(Comparison, &'c Attr),
    Between(&'c Attr, &'c Attr),
    BeginsWith(&'c Attr),
}

impl KeyCondition {
    /// Takes a condition apart by the key attributes of the table or index that is read.
    pub(in crate::emulator::dynamodb) fn of(
        condition: &Condition,
        hash: &KeyAttr,
        sort: Option<&KeyAttr>,
    ) -> Result<Self, Refusal> {
        let mut simples = Vec::new();
        collect(condition, &mut simples)?;
        if simples.len() > 2 {
            return Err(Refusal::validation("Conditions can be of length 1 or 2 only"));
        }
        if simples.len() == 2 && simples[0].0 == simples[1].0 {
            return Err(Refusal::validation(
                "KeyConditionExpressions must only contain one condition per key",
            ));
        }
        let missed =
            |name: &str| Refusal::validation(format!("Query condition missed key schema element: {name}"));
        let of_hash = simples.iter().find(|(name, _)| *name == hash.name);
        let (_, of_hash) = of_hash.ok_or_else(|| missed(&hash.name))?;
        let Simple::Compare(Comparison::Equal, value) = of_hash else {
            return Err(Refusal::validation("Query key condition not supported"));
        };
        let part = hash.part(value)?;
        let range = match (simples.iter().find(|(name, _)| *name != hash.name), sort) {
            (None, _) => Range::All,
            (Some((name, simple)), Some(sort)) if *name == sort.name => range(simple, sort)?,
            (Some(_), Some(sort)) => return Err(missed(&sort.name)),
            (Some(_), None) => return Err(Refusal::validation("Query key condition not supported")),
        };
        Ok(Self { hash: part, range })
    }
}

fn range(simple: &Simple<'_>, sort: &KeyAttr) -> Result<Range, Refusal> {
    Ok(match simple {
        Simple::Compare(Comparison::Equal, value) => Range::Is(sort.part(value)?),
        Simple::Compare(Comparison::Less, value) => Range::Below(sort.part(value)?),
        Simple::Compare(Comparison::LessOrEqual, value) => Range::UpTo(sort.part(value)?),
        Simple::Compare(Comparison::Greater, value) => Range::Above(sort.part(value)?),
        Simple::Compare(_, value) => Range::From(sort.part(value)?),
        Simple::Between(low, high) => Range::Between(sort.part(low)?, sort.part(high)?),
        Simple::BeginsWith(prefix) => Range::StartsWith(sort.part(prefix)?),
    })
}

fn collect<'c>(condition: &'c Condition, into: &mut Vec<(&'c str, Simple<'c>)>) -> Result<(), Refusal> {
    let invalid = |operator: &str| {
        Refusal::validation(format!("Invalid operator used in KeyConditionExpression: {operator}"))
    };
    match condition {
        Condition::And(one, two) => {
            collect(one, into)?;
            collect(two, into)
        }
        Condition::Compare(Comparison::Unequal, ..) => Err(invalid("<>")),
        Condition::Compare(comparison, one, two) => {
            let (name, value, comparison) = match (one, two) {
                (path, Operand::Value(value)) => (attribute(path)?, value, *comparison),
                (Operand::Value(value), path) => (attribute(path)?, value, turned(*comparison)),
                _ => return Err(multiple()),
            };
            into.push((name, Simple::Compare(comparison, value)));
            Ok(())
        }
        Condition::Between(path, Operand::Value(low), Operand::Value(high)) => {
            into.push((attribute(path)?, Simple::Between(low, high)));
            Ok(())
        }
        Condition::BeginsWith(path, Operand::Value(prefix)) => {
            into.push((attribute(path)?, Simple::BeginsWith(prefix)));
            Ok(())
        }
        Condition::Between(..) | Condition::BeginsWith(..) => Err(multiple()),
        Condition::Or(..) => Err(invalid("OR")),
        Condition::Not(_) => Err(invalid("NOT")),
        Condition::In(..) => Err(invalid("IN")),
        Condition::Exists(_) => Err(invalid("attribute_exists")),
        Condition::Missing(_) => Err(invalid("attribute_not_exists")),
        Condition::Type(..) => Err(invalid("attribute_type")),
        Condition::Contains(..) => Err(invalid("contains")),
    }
}

fn multiple() -> Refusal {
    Refusal::validation(
        "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition",
    )
}

fn attribute(operand: &Operand) -> Result<&str, Refusal> {
    match operand {
        Operand::Path(path) if path.rest.is_empty() => Ok(&path.head),
        Operand::Path(_) => {
            Err(Refusal::validation("KeyConditionExpressions cannot have conditions on nested attributes"))
        }
        Operand::Size(_) => {
            Err(Refusal::validation("KeyConditionExpressions cannot contain nested operations"))
        }
        Operand::Value(_) => Err(Refusal::validation(
            "Invalid condition in KeyConditionExpression: No key attribute specified",
        )),
    }
}

/// The comparison seen from the other side.
fn turned(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}
