//! From text to features and back.
//!
//! A file is read into a tree that knows its places, and each field is then
//! read out of the tree. Nothing stops at the first mistake: all of them, of
//! all documents, are told at once.

mod error;
mod feature;
mod json;
mod node;
mod reader;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub use error::{SpecError, render};
#[cfg(test)]
pub(super) use feature::known_fields;
pub use feature::{flat_fields, not_yet};
pub use json::{from_json, to_json, to_yaml};

use super::feature::Feature;
use super::ids::FeatureName;
use error::{Problem, line_and_column};
use reader::Report;

/// Largest file that is read. A feature has a few hundred bytes.
const LARGEST_FILE: usize = 1024 * 1024;

/// What a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecFile {
    /// The features, in the order of the file; none if all documents are
    /// empty.
    pub features: Vec<Located<Feature>>,
    /// What is right and still worth a word, as `file:line:column: …`.
    pub notes: Vec<String>,
}

/// A value and where in a file each part of it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// The file as it was named.
    pub file: String,
    source: Arc<str>,
    /// Bytes of the text by path of the field.
    places: BTreeMap<String, Range<usize>>,
}

impl<T> Located<T> {
    /// Line and column of a field such as `spec.image`, both from 1; where
    /// the file does not have it, of what is above it.
    pub fn place(&self, field: &str) -> (usize, usize) {
        line_and_column(&self.source, self.span(field).start)
    }

    /// A mistake in a field that shows only after reading, such as a name
    /// that nothing bears.
    pub fn error(&self, field: &str, message: impl Into<String>, help: Option<String>) -> SpecError {
        let problem =
            Problem { span: self.span(field), path: field.to_owned(), message: message.into(), help };
        SpecError::new(&self.file, &self.source, problem)
    }

    fn span(&self, field: &str) -> Range<usize> {
        let mut path = field;
        loop {
            if let Some(span) = self.places.get(path) {
                return span.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.places.get("").cloned().unwrap_or(0..0),
            }
        }
    }
}

/// Reads all features of a file. `file` is the name that mistakes are shown
/// with. YAML, with several documents if need be, or JSON.
///
/// # Errors
/// All mistakes of all documents, in the order of the file. Then nothing of
/// the file is to be used.
pub fn parse_features(file: &str, bytes: &[u8]) -> Result<SpecFile, Vec<SpecError>> {
    let source: Arc<str> = decode(file, bytes)?.into();
    let (nodes, problems) = node::documents(&source);
    let mut report = Report { problems, notes: Vec::new() };
    let mut features = Vec::new();
    for node in &nodes {
        if let Some(value) = feature::draft(&mut report, node) {
            let mut places = BTreeMap::new();
            node.walk(&mut |node| {
                places.insert(node.path.clone(), node.span.clone());
            });
            // A document is pointed to by its first line.
            places.insert(String::new(), node.anchor.clone());
            features.push(Located { value, file: file.to_owned(), source: Arc::clone(&source), places });
        }
    }
    let mut errors: Vec<SpecError> =
        report.problems.into_iter().map(|problem| SpecError::new(file, &source, problem)).collect();
    if errors.is_empty() {
        errors = duplicates(&features);
    }
    if !errors.is_empty() {
        // Whoever mends these should not meet the next ones only then.
        let more = refusals(&features).into_iter();
        let told = |error: &SpecError| {
            errors.iter().any(|known| known.field == error.field && known.line == error.line)
        };
        errors.extend(more.filter(|error| !told(error)).collect::<Vec<_>>());
        errors.sort_by_key(|error| (error.line, error.column));
        return Err(errors);
    }
    let mut notes: Vec<String> =
        report.notes.iter().map(|(span, note)| feature::note(file, &source, span.start, note)).collect();
    if features.is_empty() {
        notes.push(format!("{file}: there is no feature in it"));
    }
    Ok(SpecFile { features, notes })
}

fn decode<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Vec<SpecError>> {
    let whole = |message: String, help: &str, text: &str, at: usize| {
        let problem = Problem { span: at..at, path: String::new(), message, help: Some(help.to_owned()) };
        Err(vec![SpecError::new(file, &text.into(), problem)])
    };
    if bytes.len() > LARGEST_FILE {
        let message = format!("the file has {} bytes; {LARGEST_FILE} are read at most", bytes.len());
        return whole(message, "is this the file that you meant?", "", 0);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let message = format!("the file is not UTF-8 from byte {} on", error.valid_up_to());
            whole(message, "save it as UTF-8", &good, good.len())
        }
    }
}

/// Features of one name, among all that are to be applied together: each but
/// the first is a mistake that names the first's place.
pub fn duplicates(features: &[Located<Feature>]) -> Vec<SpecError> {
    let mut first: BTreeMap<&FeatureName, &Located<Feature>> = BTreeMap::new();
    let mut errors = Vec::new();
    for feature in features {
        let name = &feature.value.metadata.name;
        match first.get(name) {
            None => drop(first.insert(name, feature)),
            Some(other) => {
                let (line, column) = other.place("metadata.name");
                errors.push(feature.error(
                    "metadata.name",
                    format!("{name} is also in {}:{line}:{column}", other.file),
                    Some("give one of them another name, or remove it".to_owned()),
                ));
            }
        }
    }
    errors
}

/// What of these features is not carried out yet, with its places.
pub fn refusals(features: &[Located<Feature>]) -> Vec<SpecError> {
    let of_one = |feature: &Located<Feature>| -> Vec<SpecError> {
        not_yet(&feature.value).into_iter().map(|(field, why)| feature.error(&field, why, None)).collect()
    };
    features.iter().flat_map(of_one).collect()
}
