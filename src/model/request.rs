//! Complete AWS requests as plain values: the planner fills every field, the
//! provider only carries them over the wire.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::Ask;
use super::ids::{ApplicationName, EnvironmentId, EnvironmentName, VersionLabel};
use super::orphan::Orphan;
use super::record::OptionKey;

/// AWS API `CreateApplicationVersion`; the application is never made on the
/// way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateVersion {
    /// The application.
    pub application: ApplicationName,
    /// The label, 1 to 100 characters.
    pub label: VersionLabel,
    /// For people, 200 characters at most.
    pub description: String,
    /// Bucket of the source bundle.
    pub bucket: String,
    /// Key of the source bundle.
    pub key: String,
}

/// AWS API `CreateEnvironment`. Exactly one of template and platform is set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreateEnvironment {
    /// The application.
    pub application: ApplicationName,
    /// The name.
    pub name: EnvironmentName,
    /// The first part of the host name.
    pub cname_prefix: String,
    /// A saved configuration to start from.
    pub template: Option<String>,
    /// A solution stack's name or a platform's ARN.
    pub platform: Option<String>,
    /// The version that it starts with; without one Beanstalk would launch
    /// its sample application.
    pub label: VersionLabel,
    /// Options.
    pub options: BTreeMap<OptionKey, String>,
    /// Tags, which are sent here once and not changed afterwards.
    pub tags: BTreeMap<String, String>,
    /// For people.
    pub description: String,
}

/// AWS API `UpdateEnvironment` with option settings alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Configure {
    /// Which environment.
    pub id: EnvironmentId,
    /// Options that change.
    pub set: BTreeMap<OptionKey, String>,
    /// Options that we once set and no longer want.
    pub remove: BTreeSet<OptionKey>,
}

/// AWS API `UpdateEnvironment` with a version label alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deploy {
    /// Which environment.
    pub id: EnvironmentId,
    /// Which version.
    pub label: VersionLabel,
}

/// AWS API `TerminateEnvironment`, after the binding was read afresh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Terminate {
    /// Which environment, by id.
    pub id: EnvironmentId,
    /// Its ARN, whose tags must bear [`Terminate::binding`].
    pub arn: String,
    /// The binding that proves it ours.
    pub binding: String,
}

/// AWS API `TerminateEnvironment` of an environment that no ledger names, for
/// a person who named it. Its tags are read afresh and must be as they were
/// shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndOrphan {
    /// Who asked for it, and the environment as it was shown to them.
    pub asked: Ask<Orphan>,
}

/// AWS API `UpdateTagsForResource` on an orphan that a person gave to a
/// feature. Its tags are read afresh and must be as they were shown; a change
/// of tags is an update of the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Adopt {
    /// Who asked for it, and the environment as it was shown to them.
    pub asked: Ask<Orphan>,
    /// The tags that are written, none of which it bears already.
    pub tags: BTreeMap<String, String>,
}

/// A source bundle to store: one version, one key, never overwritten.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PutBundle {
    /// Bucket.
    pub bucket: String,
    /// Key.
    pub key: String,
    /// The zip.
    pub bytes: Vec<u8>,
}
