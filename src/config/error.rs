//! What can be wrong with settings: where it is and how to mend it.

use std::fmt;

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the settings file {path} cannot be read")]
    File {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key that nobody knows.
    #[error("{place}: there is no setting `{key}`{}", Hint(nearest, known))]
    Unknown {
        /// Where it stands.
        place: Place,
        /// The key with its tables, as written.
        key: String,
        /// The nearest known key, where one is near.
        nearest: Option<String>,
        /// The keys that may stand there.
        known: Vec<String>,
    },
    /// A value that a setting cannot have.
    #[error("{place}: {}{why}", Subject(key))]
    Value {
        /// Where it stands.
        place: Place,
        /// The key with its tables; empty where the text is no TOML.
        key: String,
        /// What is wrong, and what to write.
        why: String,
    },
    /// A template's file cannot be read.
    #[error("the template `{name}` of the settings cannot be read from {path}")]
    Template {
        /// Its name.
        name: String,
        /// Its file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Where a setting was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line where it could be found.
    File(String, Option<usize>),
    /// In an environment variable.
    Variable(&'static str),
    /// In a flag.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path, Some(line)) => write!(f, "{path}:{line}"),
            Place::File(path, None) => f.write_str(path),
            Place::Variable(name) => f.write_str(name),
            Place::Flag(name) => f.write_str(name),
        }
    }
}

struct Hint<'a>(&'a Option<String>, &'a [String]);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "; write `{nearest}`?"),
            None => write!(f, "; there are {}", self.1.join(", ")),
        }
    }
}

struct Subject<'a>(&'a str);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "`{}`: ", self.0) }
    }
}
