//! Whether a condition holds for an item.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::condition::{Comparison, Condition, Operand};
use crate::emulator::dynamodb::number::Number;
use crate::emulator::dynamodb::value::{Attr, Item};

impl Condition {
    /// Whether it holds. An item that is not there has no attributes.
    pub(in crate::emulator::dynamodb) fn holds(&self, item: &Item) -> bool {
        match self {
            Self::And(one, two) => one.holds(item) && two.holds(item),
            Self::Or(one, two) => one.holds(item) || two.holds(item),
            Self::Not(inner) => !inner.holds(item),
            Self::Compare(comparison, one, two) => compare(*comparison, one.of(item), two.of(item)),
            Self::Between(value, low, high) => {
                let value = value.of(item);
                compare(Comparison::GreaterOrEqual, value.clone(), low.of(item))
                    && compare(Comparison::LessOrEqual, value, high.of(item))
            }
            Self::In(value, among) => {
                let value = value.of(item);
                among.iter().any(|other| compare(Comparison::Equal, value.clone(), other.of(item)))
            }
            Self::Exists(path) => path.find(item).is_some(),
            Self::Missing(path) => path.find(item).is_none(),
            Self::Type(operand, kind) => operand.of(item).is_some_and(|value| value.kind() == kind),
            Self::BeginsWith(value, prefix) => {
                match (value.of(item).as_deref(), prefix.of(item).as_deref()) {
                    (Some(Attr::S(text)), Some(Attr::S(prefix))) => text.starts_with(prefix.as_str()),
                    (Some(Attr::B(bytes)), Some(Attr::B(prefix))) => bytes.starts_with(prefix),
                    _ => false,
                }
            }
            Self::Contains(value, part) => match (value.of(item), part.of(item)) {
                (Some(value), Some(part)) => contains(&value, &part),
                _ => false,
            },
        }
    }
}

impl Operand {
    fn of<'i>(&'i self, item: &'i Item) -> Option<Cow<'i, Attr>> {
        match self {
            Self::Value(value) => Some(Cow::Borrowed(value)),
            Self::Path(path) => path.find(item).map(Cow::Borrowed),
            Self::Size(inner) => {
                let length = length(inner.of(item)?.as_ref())?;
                Number::read(&length.to_string()).ok().map(|number| Cow::Owned(Attr::N(number)))
            }
        }
    }
}

/// Length of a text in characters, of bytes, of a collection; nothing else has one.
fn length(value: &Attr) -> Option<usize> {
    Some(match value {
        Attr::S(text) => text.chars().count(),
        Attr::B(bytes) => bytes.len(),
        Attr::L(list) => list.len(),
        Attr::M(map) => map.len(),
        Attr::Ss(set) => set.len(),
        Attr::Ns(set) => set.len(),
        Attr::Bs(set) => set.len(),
        Attr::N(_) | Attr::Bool(_) | Attr::Null => return None,
    })
}

/// The order of two values that have one: texts, numbers and bytes of the same type.
pub(super) fn order(one: &Attr, two: &Attr) -> Option<Ordering> {
    match (one, two) {
        (Attr::S(one), Attr::S(two)) => Some(one.cmp(two)),
        (Attr::N(one), Attr::N(two)) => Some(one.cmp(two)),
        (Attr::B(one), Attr::B(two)) => Some(one.cmp(two)),
        _ => None,
    }
}

/// Compares two operands. What is not there is unlike everything and in no order to anything.
fn compare(comparison: Comparison, one: Option<Cow<'_, Attr>>, two: Option<Cow<'_, Attr>>) -> bool {
    let (Some(one), Some(two)) = (one, two) else {
        return comparison == Comparison::Unequal;
    };
    match comparison {
        Comparison::Equal => one == two,
        Comparison::Unequal => one != two,
        _ => order(&one, &two).is_some_and(|order| match comparison {
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            _ => order.is_ge(),
        }),
    }
}

fn contains(value: &Attr, part: &Attr) -> bool {
    match (value, part) {
        (Attr::S(text), Attr::S(part)) => text.contains(part.as_str()),
        (Attr::B(bytes), Attr::B(part)) => {
            part.is_empty() || bytes.windows(part.len()).any(|window| window == part.as_slice())
        }
        (Attr::Ss(set), Attr::S(part)) => set.contains(part),
        (Attr::Ns(set), Attr::N(part)) => set.contains(part),
        (Attr::Bs(set), Attr::B(part)) => set.contains(part),
        (Attr::L(list), part) => list.contains(part),
        _ => false,
    }
}
