//! Mistakes in a file, with their places and how to mend them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// One mistake in a specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecError {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// Which field, such as `spec.variables.PORT`; empty where there is none.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// The file's text, for [`render`].
    source: Arc<str>,
    /// The bytes of the text that are meant.
    span: Range<usize>,
}

impl SpecError {
    /// A mistake at a span of a file's text.
    pub(super) fn new(file: &str, source: &Arc<str>, problem: Problem) -> Self {
        let (line, column) = line_and_column(source, problem.span.start);
        Self {
            file: file.to_owned(),
            line,
            column,
            field: problem.path,
            message: problem.message,
            help: problem.help,
            source: Arc::clone(source),
            span: problem.span,
        }
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for SpecError {}

/// A mistake before it knows its file.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// Bytes of the text.
    pub(super) span: Range<usize>,
    /// Path of the field.
    pub(super) path: String,
    /// What is wrong.
    pub(super) message: String,
    /// How to mend it.
    pub(super) help: Option<String>,
}

/// Mistakes for a terminal: what is wrong, `file:line:column`, the line
/// itself with the place marked, and how to mend it. Ends with a new line.
pub fn render(errors: &[SpecError], colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut out = String::new();
    for error in errors {
        let title = if error.field.is_empty() {
            error.message.clone()
        } else {
            format!("{}: {}", error.field, error.message)
        };
        let (start, line) = line_around(&error.source, error.span.start);
        // A span may run over several lines; the first shows where it is.
        let from = error.span.start.min(start + line.len()) - start;
        let to = error.span.end.clamp(start + from, start + line.len()) - start;
        let snippet = Snippet::source(line)
            .line_start(error.line)
            .path(&error.file)
            .annotation(AnnotationKind::Primary.span(from..to));
        let mut group = Level::ERROR.primary_title(title).element(snippet);
        if let Some(help) = &error.help {
            group = group.element(Level::HELP.message(help));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out.truncate(out.trim_end().len());
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

/// The line that holds a byte, without its end, and where it begins.
fn line_around(text: &str, at: usize) -> (usize, &str) {
    let at = at.min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
    (start, text[start..end].trim_end_matches('\r'))
}

/// Line and column of a byte, both from 1; the column counts characters.
pub(super) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let (start, _) = line_around(text, at);
    let line = text[..start].bytes().filter(|b| *b == b'\n').count() + 1;
    (line, text[start..at.min(text.len()).max(start)].chars().count() + 1)
}

/// Somebody's text inside a message: control characters escaped, cut when
/// long.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
