//! What an account holds beside environments: applications, versions, saved configurations; and what happened to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::options::Options;

/// Life of a version's validation, in the service's own upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VersionStatus {
    /// Not validated, which hinders nothing.
    Unprocessed,
    /// Being validated.
    Processing,
    /// Validated.
    Processed,
    /// Refused by validation; cannot be deployed.
    Failed,
}

impl VersionStatus {
    /// The word on the wire: upper case, unlike the SDK's variants (aws/aws-sdk-ruby#1081).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unprocessed => "UNPROCESSED",
            Self::Processing => "PROCESSING",
            Self::Processed => "PROCESSED",
            Self::Failed => "FAILED",
        }
    }
}

/// An application version: a label and a pointer to an object, not a copy of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Label, unique in its application.
    pub label: String,
    /// Free text.
    pub description: Option<String>,
    /// Bucket and key of the source bundle; none for the sample application.
    pub bundle: Option<(String, String)>,
    /// When it was made.
    pub created: Timestamp,
    /// Order of making, which breaks ties of time.
    pub(crate) serial: u64,
    /// Validation.
    pub status: VersionStatus,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A saved configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Template {
    /// Name, unique in its application.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Solution stack name.
    pub stack: String,
    /// When it was made.
    pub created: Timestamp,
    /// Settings that it holds.
    pub settings: Options,
    /// Tags; environments made from it bear them too, unless the call brings its own.
    pub tags: BTreeMap<String, String>,
}

/// An application.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Application {
    /// Name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Versions by label.
    pub versions: BTreeMap<String, Version>,
    /// Saved configurations by name.
    pub templates: BTreeMap<String, Template>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// Severity of an event; a filter means this or higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Severity {
    /// Finest.
    Trace,
    /// For those who search.
    Debug,
    /// The ordinary course.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// Something ended by failing.
    Fatal,
}

impl Severity {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }

    /// The severity of a word on the wire.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal]
            .into_iter()
            .find(|severity| severity.as_str() == text)
    }
}

/// Something that happened, as DescribeEvents tells it. Events bear no id of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub severity: Severity,
    /// What.
    pub message: String,
    /// Application that it concerns.
    pub application: Option<String>,
    /// Environment id and name.
    pub environment: Option<(String, String)>,
    /// Label of a version.
    pub label: Option<String>,
    /// Id of the call whose operation told this.
    pub request: Option<String>,
}
