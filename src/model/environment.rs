//! A live environment in neutral words, as the provider showed it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{ApplicationName, EnvironmentId, EnvironmentName, VersionLabel};

/// One environment of a listing. Tags are not part of a listing (AWS API
/// `DescribeEnvironments` has none).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment {
    /// The id; two environments of one name differ in it.
    pub id: EnvironmentId,
    /// The ARN, which tag calls need.
    pub arn: Option<String>,
    /// The name.
    pub name: EnvironmentName,
    /// The application that it belongs to.
    pub application: ApplicationName,
    /// Where it is in its life.
    pub status: EnvironmentStatus,
    /// How it feels.
    pub health: Health,
    /// The label that it shows; `None` means a sample application.
    pub label: Option<VersionLabel>,
    /// Its host name, with a port where an emulator has one; may be absent
    /// while launching.
    pub cname: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When an operation on it last began or ended.
    pub updated: Option<Timestamp>,
}

/// Where an environment is in its life (AWS API `EnvironmentStatus`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EnvironmentStatus {
    /// Being made.
    Launching,
    /// An operation is in progress.
    Updating,
    /// The only state that takes updates and termination.
    Ready,
    /// Being taken down.
    Terminating,
    /// Gone; still listed for about an hour.
    Terminated,
    /// Anything else (Aborting, Linking…, or a word newer than this program):
    /// look, never act.
    Other(String),
}

/// Health by colour (AWS API `EnvironmentHealth`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Health {
    /// All checks pass.
    Green,
    /// Some checks fail.
    Yellow,
    /// Most checks fail.
    Red,
    /// No verdict: an operation is in progress, or no data.
    Grey,
    /// A colour that this program does not know.
    Unknown,
}

impl Environment {
    /// Whether the environment still holds its name.
    pub fn is_live(&self) -> bool {
        self.status != EnvironmentStatus::Terminated
    }
}

/// One event of an environment (AWS API `DescribeEvents`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceEvent {
    /// When Beanstalk says it happened.
    pub at: Timestamp,
    /// The environment's name; events carry no environment id.
    pub environment: Option<EnvironmentName>,
    /// The request that caused it.
    pub request: Option<super::ids::RequestId>,
    /// How grave it is.
    pub severity: Severity,
    /// Beanstalk's own words.
    pub message: String,
}

/// Gravity of an event, rising (AWS API `EventSeverity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Finest detail.
    Trace,
    /// For debugging.
    Debug,
    /// Ordinary course.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
    /// Nothing works.
    Fatal,
}
