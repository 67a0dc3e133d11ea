//! Document paths: `a`, `a.b`, `a.b[0].#c`.

use std::fmt;

use super::token::{Cursor, Token};
use crate::emulator::dynamodb::value::{Attr, Item};

/// One step of a path, below its first attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::emulator::dynamodb) enum Step {
    /// A member of a map.
    Member(String),
    /// An element of a list.
    Element(usize),
}

/// A place in an item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::emulator::dynamodb) struct Path {
    /// The attribute of the item.
    pub(in crate::emulator::dynamodb) head: String,
    /// The way on from there.
    pub(in crate::emulator::dynamodb) rest: Vec<Step>,
}

impl Path {
    pub(super) fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let head = cursor.attribute()?;
        let mut rest = Vec::new();
        loop {
            if cursor.takes(".") {
                rest.push(Step::Member(cursor.attribute()?));
            } else if cursor.takes("[") {
                let Token::Number(digits) = cursor.peek() else {
                    return Err(cursor.unexpected());
                };
                let index = digits.parse().map_err(|_| {
                    format!("List index is not within the allowable range; index: [{digits}]")
                })?;
                cursor.next();
                cursor.expect("]")?;
                rest.push(Step::Element(index));
            } else {
                return Ok(Self { head, rest });
            }
        }
    }

    /// What stands there.
    pub(super) fn find<'i>(&self, item: &'i Item) -> Option<&'i Attr> {
        let mut found = item.get(&self.head)?;
        for step in &self.rest {
            found = match (step, found) {
                (Step::Member(name), Attr::M(map)) => map.get(name)?,
                (Step::Element(index), Attr::L(list)) => list.get(*index)?,
                _ => return None,
            };
        }
        Some(found)
    }

    fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        std::iter::once(Step::Member(self.head.clone())).chain(self.rest.iter().cloned())
    }

    /// Whether two paths cannot be changed, or shown, both: one holds the other, or they take one place for a map and
    /// for a list.
    pub(super) fn clash(&self, other: &Self) -> Option<String> {
        let pair =
            || format!("must remove or rewrite one of these paths; path one: {self}, path two: {other}");
        for (one, two) in self.steps().zip(other.steps()) {
            if std::mem::discriminant(&one) != std::mem::discriminant(&two) {
                return Some(format!("Two document paths conflict with each other; {}", pair()));
            }
            if one != two {
                return None;
            }
        }
        Some(format!("Two document paths overlap with each other; {}", pair()))
    }

    /// The first clash among paths.
    pub(super) fn first_clash<'p>(paths: impl Iterator<Item = &'p Self> + Clone) -> Option<String> {
        paths
            .clone()
            .enumerate()
            .find_map(|(index, path)| paths.clone().take(index).find_map(|earlier| earlier.clash(path)))
    }
}

/// As the service's messages write a path: `[a, b, [0]]`.
impl fmt::Display for Path {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "[{}", self.head)?;
        for step in &self.rest {
            match step {
                Step::Member(name) => write!(to, ", {name}")?,
                Step::Element(index) => write!(to, ", [{index}]")?,
            }
        }
        to.write_str("]")
    }
}
