//! Reading fields out of a tree, gathering what is wrong instead of stopping.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::error::{Problem, shown};
use super::node::{Entry, Kind, Node};
use crate::model::validate::{Complaint, Verdict};

/// What was found while reading.
#[derive(Default)]
pub(super) struct Report {
    /// Mistakes.
    pub(super) problems: Vec<Problem>,
    /// Remarks on what is right.
    pub(super) notes: Vec<(Range<usize>, String)>,
}

/// The fields of one mapping.
pub(super) struct Fields<'n> {
    node: &'n Node,
    values: BTreeMap<&'n str, &'n Entry>,
    /// Known fields that an unknown one was probably meant to be: to call
    /// them missing would tell one mistake twice.
    meant: BTreeSet<&'static str>,
}

impl<'n> Fields<'n> {
    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&'n Node> {
        self.values.get(name).map(|entry| &entry.value)
    }

    /// The value of a field that must be there.
    pub(super) fn require(&self, name: &'static str, help: &str, report: &mut Report) -> Option<&'n Node> {
        let value = self.get(name);
        if value.is_none() {
            self.missing(&[name], &format!("`{name}` is missing"), help, report);
        }
        value
    }

    /// Reports that fields are missing, unless one of them is there under a
    /// misspelt name.
    pub(super) fn missing(&self, names: &[&str], message: &str, help: &str, report: &mut Report) {
        if !names.iter().any(|name| self.meant.contains(name)) {
            report.add(self.node.anchor.clone(), &self.node.path, message, Some(help));
        }
    }
}

impl Report {
    pub(super) fn add(&mut self, span: Range<usize>, path: &str, message: &str, help: Option<&str>) {
        self.problems.push(Problem {
            span,
            path: path.to_owned(),
            message: message.to_owned(),
            help: help.map(str::to_owned),
        });
    }

    /// A mistake in a value.
    pub(super) fn wrong(&mut self, node: &Node, message: &str, help: &str) {
        self.add(node.span.clone(), &node.path, message, Some(help));
    }

    /// Takes a check's verdict over a value.
    pub(super) fn judge(&mut self, node: &Node, verdict: Verdict) -> bool {
        self.judge_at(node.span.clone(), &node.path, verdict)
    }

    /// Takes a check's verdict over a place.
    pub(super) fn judge_at(&mut self, span: Range<usize>, path: &str, verdict: Verdict) -> bool {
        match verdict {
            Ok(()) => true,
            Err(Complaint { message, help }) => {
                self.add(span, path, &message, help.as_deref());
                false
            }
        }
    }

    /// The fields of a mapping; what is not known is reported with the known
    /// name that is nearest, or the place where it belongs.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, known: &[&'static str]) -> Option<Fields<'n>> {
        let mut fields = Fields { node, values: BTreeMap::new(), meant: BTreeSet::new() };
        for entry in self.entries(node)? {
            if known.contains(&entry.key.as_str()) {
                fields.values.insert(&entry.key, entry);
                continue;
            }
            let meant = nearest(&entry.key, known);
            let help = match (meant, super::feature::home_of(&entry.key)) {
                (Some(name), _) => format!("did you mean `{name}`?"),
                (None, Some(home)) => format!("it belongs under `{home}`"),
                (None, None) => format!("known here: {}", known.join(", ")),
            };
            fields.meant.extend(meant);
            let message = format!("unknown field `{}`", shown(&entry.key));
            self.add(entry.key_span.clone(), &node.path, &message, Some(&help));
        }
        Some(fields)
    }

    /// The entries of a mapping.
    pub(super) fn entries<'n>(&mut self, node: &'n Node) -> Option<&'n [Entry]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            _ => {
                self.mismatch(node, "fields with values");
                None
            }
        }
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node) -> Option<&'n [Node]> {
        match &node.kind {
            Kind::List(items) => Some(items),
            _ => {
                self.mismatch(node, "a list");
                None
            }
        }
    }

    /// The text of a scalar as it was written.
    pub(super) fn text<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.kind {
            Kind::Plain(text) | Kind::Quoted(text) => Some(text),
            _ => {
                self.mismatch(node, "text");
                None
            }
        }
    }

    /// A text that a check accepts.
    pub(super) fn checked(&mut self, node: Option<&Node>, check: fn(&str) -> Verdict) -> Option<String> {
        let node = node?;
        let text = self.text(node)?;
        self.judge(node, check(text)).then(|| text.to_owned())
    }

    /// `true` or `false` and nothing else that YAML ever took for them.
    pub(super) fn truth(&mut self, node: &Node) -> Option<bool> {
        match &node.kind {
            Kind::Plain(text) if text == "true" => Some(true),
            Kind::Plain(text) if text == "false" => Some(false),
            Kind::Plain(text) | Kind::Quoted(text) => {
                let help = match text.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" | "1" => "write true, without quotes",
                    "false" | "no" | "off" | "n" | "0" => "write false, without quotes",
                    _ => "write true or false",
                };
                self.wrong(node, &format!("`{}` is neither true nor false", shown(text)), help);
                None
            }
            _ => {
                self.mismatch(node, "true or false");
                None
            }
        }
    }

    /// A whole number from 0.
    pub(super) fn number(&mut self, node: &Node) -> Option<u64> {
        if let Kind::Plain(text) = &node.kind
            && let Ok(number) = text.parse()
        {
            return Some(number);
        }
        match &node.kind {
            Kind::Plain(text) | Kind::Quoted(text) => {
                let message = format!("`{}` is not a whole number", shown(text));
                self.wrong(node, &message, "write digits only, without quotes");
            }
            _ => self.mismatch(node, "a whole number"),
        }
        None
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&mut self, node: &Node, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let words: Vec<&'static str> = choices.iter().map(|(word, _)| *word).collect();
        let help = match nearest(text, &words) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("write one of {}", words.join(", ")),
        };
        self.wrong(node, &format!("`{}` is not possible here", shown(text)), &help);
        None
    }

    /// A value of another kind than `expected`.
    pub(super) fn mismatch(&mut self, node: &Node, expected: &str) {
        let found = match &node.kind {
            Kind::Reported => return,
            Kind::Null { comment: true } => {
                return self.wrong(
                    node,
                    "it has no value",
                    "what follows `#` is a comment; put the value in quotes",
                );
            }
            Kind::Null { comment: false } => {
                return self.wrong(
                    node,
                    "it has no value",
                    &format!("expected {expected}; write \"\" for empty text, or leave it out"),
                );
            }
            Kind::Plain(_) | Kind::Quoted(_) => "text",
            Kind::Map(_) => "fields with values",
            Kind::List(_) => "a list",
        };
        self.wrong(node, &format!("expected {expected}, found {found}"), "see specs/feature.schema.json");
    }
}

/// The known name that was probably meant: equal but for case and
/// separators, or one slip in three letters away.
pub(super) fn nearest(text: &str, known: &[&'static str]) -> Option<&'static str> {
    let bare = |text: &str| text.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = bare(text);
    if wanted.is_empty() || wanted.len() > 60 {
        return None;
    }
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &bare(name)), *name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
