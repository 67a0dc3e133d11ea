//! Projections: the parts of an item that a caller wants to see.

use std::collections::BTreeMap;

use super::path::{Path, Step};
use super::token::Cursor;
use crate::emulator::dynamodb::value::{Attr, Item};

/// Which parts to show: of the item, a map or a list.
#[derive(Clone, Debug, Default)]
struct Tree {
    /// Empty: everything below.
    below: BTreeMap<Step, Tree>,
}

/// The parts of an item that are shown.
#[derive(Clone, Debug, Default)]
pub(in crate::emulator::dynamodb) struct Projection {
    heads: BTreeMap<String, Tree>,
}

impl Projection {
    pub(in crate::emulator::dynamodb) fn parse(cursor: &mut Cursor<'_, '_, '_>) -> Result<Self, String> {
        let mut paths = vec![Path::parse(cursor)?];
        while cursor.takes(",") {
            paths.push(Path::parse(cursor)?);
        }
        match Path::first_clash(paths.iter()) {
            Some(clash) => Err(clash),
            None => Ok(Self::of(paths)),
        }
    }

    /// Shows what stands at these paths.
    pub(in crate::emulator::dynamodb) fn of(paths: Vec<Path>) -> Self {
        let mut heads: BTreeMap<String, Tree> = BTreeMap::new();
        for path in paths {
            let mut tree = heads.entry(path.head).or_default();
            for step in path.rest {
                tree = tree.below.entry(step).or_default();
            }
        }
        Self { heads }
    }

    /// Attributes of which it shows parts.
    pub(in crate::emulator::dynamodb) fn nested(&self) -> impl Iterator<Item = &str> {
        self.heads.iter().filter(|(_, tree)| !tree.below.is_empty()).map(|(head, _)| head.as_str())
    }

    /// The shown parts of an item. Elements of lists move together.
    pub(in crate::emulator::dynamodb) fn show(&self, item: &Item) -> Item {
        let shown = self.heads.iter().filter_map(|(name, tree)| {
            let value = tree.show(item.get(name)?)?;
            Some((name.clone(), value))
        });
        shown.collect()
    }
}

impl Tree {
    fn show(&self, value: &Attr) -> Option<Attr> {
        if self.below.is_empty() {
            return Some(value.clone());
        }
        match value {
            Attr::M(map) => {
                let shown = self.below.iter().filter_map(|(step, tree)| match step {
                    Step::Member(name) => Some((name.clone(), tree.show(map.get(name)?)?)),
                    Step::Element(_) => None,
                });
                let shown: Item = shown.collect();
                (!shown.is_empty()).then_some(Attr::M(shown))
            }
            Attr::L(list) => {
                let shown = self.below.iter().filter_map(|(step, tree)| match step {
                    Step::Element(index) => tree.show(list.get(*index)?),
                    Step::Member(_) => None,
                });
                let shown: Vec<Attr> = shown.collect();
                (!shown.is_empty()).then_some(Attr::L(shown))
            }
            _ => None,
        }
    }
}
