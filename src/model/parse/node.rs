//! YAML and JSON as one tree that knows its places. Scalars keep the text as
//! it was written: what it means is for the field to say, not for YAML.

use std::collections::BTreeMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::Value;

use super::error::{Problem, line_and_column, shown};

/// A value in a document.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its bytes in the text; those of its key where it has none.
    pub(super) span: Range<usize>,
    /// Where to point when something inside it is missing: its key, or the
    /// beginning of the document.
    pub(super) anchor: Range<usize>,
    /// Its path from the document's root.
    pub(super) path: String,
    /// What it is.
    pub(super) kind: Kind,
}

/// The kinds of value.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing, `~` or `null`; whether a comment stands in its place.
    Null {
        /// `key: #value`, which is a key and a comment.
        comment: bool,
    },
    /// A scalar without quotes, as written.
    Plain(String),
    /// A scalar with quotes, or a block of text.
    Quoted(String),
    /// A mapping in the order of the text, keys unique.
    Map(Vec<Entry>),
    /// A list.
    List(Vec<Node>),
    /// Something that was already reported.
    Reported,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Its bytes.
    pub(super) key_span: Range<usize>,
    /// The value.
    pub(super) value: Node,
}

impl Node {
    /// Calls `see` for this value and all inside it.
    pub(super) fn walk(&self, see: &mut impl FnMut(&Node)) {
        see(self);
        match &self.kind {
            Kind::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(see)),
            Kind::List(items) => items.iter().for_each(|item| item.walk(see)),
            _ => {}
        }
    }
}

/// The path of a key below `parent`.
pub(super) fn below(parent: &str, key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    match (parent.is_empty(), !key.is_empty() && key.chars().all(plain)) {
        (true, _) => shown(key),
        (false, true) => format!("{parent}.{key}"),
        (false, false) => format!("{parent}[\"{}\"]", shown(key)),
    }
}

/// Reads all documents of a text. Empty ones are left out; of one that is not
/// YAML only the mistake is told, and reading goes on behind the next `---`.
pub(super) fn documents(text: &str) -> (Vec<Node>, Vec<Problem>) {
    let options = granit_parser::options! { emit_unresolved_aliases: true, emit_comments: false };
    let mut builder =
        Builder { text, parser: Parser::new_from_str_with_options(text, options), problems: Vec::new() };
    let mut nodes = Vec::new();
    loop {
        match builder.document() {
            Ok(Step::End) => break,
            Ok(Step::Nothing) => {}
            Ok(Step::Node(node)) => nodes.push(node),
            Err(error) => {
                builder.problems.push(not_yaml(text, &error));
                if !matches!(builder.parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    (nodes, builder.problems)
}

enum Step {
    End,
    Nothing,
    Node(Node),
}

struct Builder<'t> {
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<(Event<'t>, Span), ScanError> {
        self.parser.next_event().unwrap_or(Ok((Event::StreamEnd, Span::default())))
    }

    fn document(&mut self) -> Result<Step, ScanError> {
        Ok(match self.next()? {
            (Event::StreamEnd, _) => Step::End,
            (
                event @ (Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(..)
                | Event::UnresolvedAlias(..)),
                span,
            ) => {
                let node = self.node(event, span, String::new())?;
                match node.kind {
                    // Nothing but comments between two `---`.
                    Kind::Null { .. } if node.span.is_empty() => Step::Nothing,
                    _ => Step::Node(node),
                }
            }
            _ => Step::Nothing,
        })
    }

    fn node(&mut self, event: Event<'t>, span: Span, path: String) -> Result<Node, ScanError> {
        let mut range = span.byte_range().unwrap_or(0..0);
        let kind = match event {
            Event::Scalar(text, style, _, tag) => {
                let is_text = self.tag(tag.as_deref(), &span, &path);
                scalar(&text, style, is_text)
            }
            Event::SequenceStart(_, _, tag) => {
                self.tag(tag.as_deref(), &span, &path);
                let mut items = Vec::new();
                loop {
                    let (event, inner) = self.next()?;
                    if matches!(event, Event::SequenceEnd | Event::StreamEnd) {
                        range.end = inner.byte_range().map_or(range.end, |inner| inner.end);
                        break Kind::List(items);
                    }
                    let path = format!("{path}[{}]", items.len());
                    items.push(self.node(event, inner, path)?);
                }
            }
            Event::MappingStart(_, _, tag) => {
                self.tag(tag.as_deref(), &span, &path);
                self.mapping(&mut range, &path)?
            }
            Event::Alias(..) | Event::UnresolvedAlias(..) => {
                let help = "write the value out";
                self.report(range.clone(), &path, "YAML aliases are not read here", help);
                Kind::Reported
            }
            _ => Kind::Reported,
        };
        let anchor =
            range.start..self.text[range.start..].find(['\n', '\r']).map_or(range.end, |at| range.start + at);
        Ok(Node { span: range, anchor, path, kind })
    }

    fn mapping(&mut self, range: &mut Range<usize>, path: &str) -> Result<Kind, ScanError> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd | Event::StreamEnd) {
                range.end = span.byte_range().map_or(range.end, |span| span.end);
                return Ok(Kind::Map(entries));
            }
            let key = match &event {
                Event::Scalar(text, ..) => Some(text.clone().into_owned()),
                _ => None,
            };
            let mut key_node = self.node(event, span, below(path, key.as_deref().unwrap_or("?")))?;
            let before = self.problems.len();
            let (event, span) = self.next()?;
            let mut value = self.node(event, span, key_node.path.clone())?;
            let Some(key) = key else {
                key_node.span.end = key_node.span.end.max(key_node.span.start);
                let help = "if it is a placeholder, put the whole value in quotes";
                self.report(key_node.span, path, "a key must be text", help);
                continue;
            };
            if key == "<<" && matches!(key_node.kind, Kind::Plain(_)) {
                self.problems.truncate(before);
                self.report(key_node.span, path, "YAML merge keys are not read here", "write the fields out");
                continue;
            }
            if let Some(first) = seen.get(&key) {
                let (line, _) = line_and_column(self.text, *first);
                let message = format!("`{}` stands here twice, first in line {line}", shown(&key));
                self.report(key_node.span, &key_node.path, &message, "remove one of them");
                continue;
            }
            seen.insert(key.clone(), key_node.span.start);
            if value.span.is_empty() {
                if let Kind::Null { comment } = &mut value.kind {
                    *comment = comment_follows(&self.text[key_node.span.end..]);
                }
                value.span = key_node.span.clone();
            }
            value.anchor = key_node.span.clone();
            entries.push(Entry { key, key_span: key_node.span, value });
        }
    }

    /// Whether a tag says that a scalar is text; any other one is reported.
    fn tag(&mut self, tag: Option<&Tag>, span: &Span, path: &str) -> bool {
        let Some(tag) = tag else { return false };
        match tag.core_suffix() {
            Some("str") => true,
            Some("map" | "seq") => false,
            _ => {
                let range = span.tag_span().and_then(|span| span.byte_range()).unwrap_or(0..0);
                let message = format!("the YAML tag `{}` means nothing here", shown(&tag.original()));
                self.report(range, path, &message, "remove it; values are read as they are written");
                false
            }
        }
    }

    fn report(&mut self, span: Range<usize>, path: &str, message: &str, help: &str) {
        self.problems.push(Problem {
            span,
            path: path.to_owned(),
            message: message.to_owned(),
            help: Some(help.to_owned()),
        });
    }
}

fn scalar(text: &str, style: ScalarStyle, is_text: bool) -> Kind {
    match style {
        ScalarStyle::Plain if is_text => Kind::Quoted(text.to_owned()),
        // The parser writes an absent value as `~`.
        ScalarStyle::Plain if matches!(text, "" | "~" | "null" | "Null" | "NULL") => {
            Kind::Null { comment: false }
        }
        ScalarStyle::Plain => Kind::Plain(text.to_owned()),
        _ => Kind::Quoted(text.to_owned()),
    }
}

fn comment_follows(after_key: &str) -> bool {
    let line = after_key.lines().next().unwrap_or_default();
    line.trim_start_matches(['"', '\'', ' '])
        .strip_prefix(':')
        .is_some_and(|rest| rest.trim_start().starts_with('#'))
}

fn not_yaml(text: &str, error: &ScanError) -> Problem {
    let help = match error.kind() {
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInPlainScalar => Some("indent with spaces"),
        ErrorKind::MappingValueNotAllowed => {
            Some("either the indentation differs from the lines around, or a value with `: ` needs quotes")
        }
        ErrorKind::UnexpectedCharacter { .. } => Some("put the value in quotes"),
        _ => None,
    };
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    Problem {
        span: at..end,
        path: String::new(),
        message: format!("this is not YAML: {}", error.info()),
        help: help.map(str::to_owned),
    }
}

/// The tree of a JSON value, which has no places.
pub(super) fn from_json_value(value: &Value, path: String) -> Node {
    let kind = match value {
        Value::Null => Kind::Null { comment: false },
        Value::Bool(value) => Kind::Plain(value.to_string()),
        Value::Number(value) => Kind::Plain(value.to_string()),
        Value::String(text) => Kind::Quoted(text.clone()),
        Value::Array(items) => {
            let item = |(at, item)| from_json_value(item, format!("{path}[{at}]"));
            Kind::List(items.iter().enumerate().map(item).collect())
        }
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| Entry {
                key: key.clone(),
                key_span: 0..0,
                value: from_json_value(value, below(&path, key)),
            };
            Kind::Map(map.iter().map(entry).collect())
        }
    };
    Node { span: 0..0, anchor: 0..0, path, kind }
}
