//! An update carried out on an item.

use super::path::{Path, Step};
use super::update::{Action, Source, Update};
use crate::emulator::dynamodb::refusal::Refusal;
use crate::emulator::dynamodb::value::{Attr, Item};

impl Update {
    /// The item afterwards. Every source is read from the item as it was before.
    pub(in crate::emulator::dynamodb) fn apply(&self, before: &Item) -> Result<Item, Refusal> {
        let mut after = before.clone();
        let mut removed: Vec<&Path> = Vec::new();
        // By path: what is set beyond the end of a list comes there in the order of the indexes.
        let mut changes: Vec<&(Path, Action)> = self.changes.iter().collect();
        changes.sort_by(|one, two| one.0.cmp(&two.0));
        for (path, action) in changes {
            match action {
                Action::Set(source) => put(&mut after, path, source.of(before)?)?,
                Action::Add(value) => match path.find(before) {
                    None => put(&mut after, path, value.clone())?,
                    Some(found) => put(&mut after, path, add(found, value)?)?,
                },
                Action::Delete(value) => {
                    if let Some(found) = path.find(before) {
                        match delete(found, value)? {
                            Some(rest) => put(&mut after, path, rest)?,
                            None => removed.push(path),
                        }
                    }
                }
                Action::Remove => removed.push(path),
            }
        }
        // Places in lists are those of before: the last elements go first.
        removed.sort_unstable();
        for path in removed.into_iter().rev() {
            remove(&mut after, path)?;
        }
        Ok(after)
    }
}

impl Source {
    fn of(&self, item: &Item) -> Result<Attr, Refusal> {
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => path.find(item).cloned().ok_or_else(|| {
                Refusal::validation(
                    "The provided expression refers to an attribute that does not exist in the item",
                )
            }),
            Self::IfNotExists(path, other) => match path.find(item) {
                Some(found) => Ok(found.clone()),
                None => other.of(item),
            },
            Self::ListAppend(first, second) => match (first.of(item)?, second.of(item)?) {
                (Attr::L(mut list), Attr::L(more)) => {
                    list.extend(more);
                    Ok(Attr::L(list))
                }
                _ => Err(unfit()),
            },
            Self::Plus(one, two) => match (one.of(item)?, two.of(item)?) {
                (Attr::N(one), Attr::N(two)) => one.plus(two).map(Attr::N),
                _ => Err(unfit()),
            },
            Self::Minus(one, two) => match (one.of(item)?, two.of(item)?) {
                (Attr::N(one), Attr::N(two)) => one.minus(two).map(Attr::N),
                _ => Err(unfit()),
            },
        }
    }
}

fn unfit() -> Refusal {
    Refusal::validation("An operand in the update expression has an incorrect data type")
}

fn nowhere() -> Refusal {
    Refusal::validation("The document path provided in the update expression is invalid for update")
}

/// The map or list that holds the last step of a path. The whole item serves as the map of the first.
fn parent<'i>(item: &'i mut Item, path: &Path) -> Result<&'i mut Attr, Refusal> {
    let mut found = item.get_mut(&path.head).ok_or_else(nowhere)?;
    for step in &path.rest[..path.rest.len().saturating_sub(1)] {
        let next = match (step, found) {
            (Step::Member(name), Attr::M(map)) => map.get_mut(name),
            (Step::Element(index), Attr::L(list)) => list.get_mut(*index),
            _ => None,
        };
        found = next.ok_or_else(nowhere)?;
    }
    Ok(found)
}

fn put(item: &mut Item, path: &Path, value: Attr) -> Result<(), Refusal> {
    let Some(last) = path.rest.last() else {
        item.insert(path.head.clone(), value);
        return Ok(());
    };
    match (last, parent(item, path)?) {
        (Step::Member(name), Attr::M(map)) => {
            map.insert(name.clone(), value);
        }
        (Step::Element(index), Attr::L(list)) => match list.get_mut(*index) {
            Some(element) => *element = value,
            // Beyond the end means at the end.
            None => list.push(value),
        },
        _ => return Err(nowhere()),
    }
    Ok(())
}

fn remove(item: &mut Item, path: &Path) -> Result<(), Refusal> {
    let Some(last) = path.rest.last() else {
        item.remove(&path.head);
        return Ok(());
    };
    match (last, parent(item, path)?) {
        (Step::Member(name), Attr::M(map)) => {
            map.remove(name);
        }
        (Step::Element(index), Attr::L(list)) => {
            if *index < list.len() {
                list.remove(*index);
            }
        }
        _ => return Err(nowhere()),
    }
    Ok(())
}

fn add(found: &Attr, value: &Attr) -> Result<Attr, Refusal> {
    Ok(match (found, value) {
        (Attr::N(found), Attr::N(value)) => Attr::N(found.plus(*value)?),
        (Attr::Ss(found), Attr::Ss(value)) => Attr::Ss(found | value),
        (Attr::Ns(found), Attr::Ns(value)) => Attr::Ns(found | value),
        (Attr::Bs(found), Attr::Bs(value)) => Attr::Bs(found | value),
        _ => return Err(unfit()),
    })
}

/// What is left of a set; a set cannot be empty.
fn delete(found: &Attr, value: &Attr) -> Result<Option<Attr>, Refusal> {
    Ok(match (found, value) {
        (Attr::Ss(found), Attr::Ss(value)) => {
            Some(found - value).filter(|rest| !rest.is_empty()).map(Attr::Ss)
        }
        (Attr::Ns(found), Attr::Ns(value)) => {
            Some(found - value).filter(|rest| !rest.is_empty()).map(Attr::Ns)
        }
        (Attr::Bs(found), Attr::Bs(value)) => {
            Some(found - value).filter(|rest| !rest.is_empty()).map(Attr::Bs)
        }
        _ => return Err(unfit()),
    })
}
