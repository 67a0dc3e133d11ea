//! The resource that people write: one feature, one environment.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::ids::{ApplicationName, FeatureName};

/// A feature as its writer wants it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature {
    /// Who it is and where it comes from.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: FeatureSpec,
}

/// Identity, owner and origin of a feature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Metadata {
    /// The name: any branch-like text.
    pub name: FeatureName,
    /// Who is told, and may be mentioned.
    pub owner: Option<String>,
    /// Free labels, shown and usable in templates.
    pub labels: BTreeMap<String, String>,
    /// What CI knows of the build.
    pub source: Option<Source>,
}

/// Where a feature's build comes from, as CI knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// Repository, as a URL or `owner/name`.
    pub repository: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// Commit.
    pub commit: Option<String>,
    /// Number of the pull request.
    pub pull_request: Option<u64>,
}

/// What a feature wants of Beanstalk.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureSpec {
    /// The Beanstalk application; `None` means the configured default. It
    /// cannot change once an environment exists.
    pub application: Option<ApplicationName>,
    /// `repository:tag`, `repository@digest` or a full URI.
    pub image: Option<String>,
    /// A source bundle instead of an image.
    pub bundle: Option<String>,
    /// How long the feature lives; `None` means the configured default.
    pub ttl: Option<Ttl>,
    /// What the time to live counts from.
    pub ttl_from: TtlFrom,
    /// Name of a saved configuration.
    pub template: Option<String>,
    /// Name of a live environment whose settings are copied.
    pub copy_from: Option<String>,
    /// EC2 instance type.
    pub instance_type: Option<String>,
    /// The application's environment variables.
    pub variables: BTreeMap<String, Variable>,
    /// Raw option settings, for what has no field of its own.
    pub settings: Vec<Setting>,
    /// How the Dockerrun file is made.
    pub dockerrun: Dockerrun,
    /// Who is told what, beside the configured receivers.
    pub notify: Notify,
    /// Never expired, never pruned, deletion refused.
    pub protect: bool,
    /// What is done about an environment that went away or stays ill.
    pub heal: Heal,
}

/// How long a feature lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ttl {
    /// This long.
    For(SignedDuration),
    /// Until it is deleted; only where the configuration allows it.
    Never,
}

/// What the time to live counts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TtlFrom {
    /// The first successful create of this life, also across healing.
    #[default]
    Create,
    /// The last successful deployment.
    Deploy,
}

/// A variable's value, or where it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// The text as it was written: `1.10` stays `1.10`.
    Text(String),
    /// The name of an SSM parameter.
    Ssm(String),
    /// The ARN of a Secrets Manager secret.
    Secret(String),
}

/// One raw Beanstalk option (AWS API `ConfigurationOptionSetting`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// Such as `aws:elasticbeanstalk:environment`.
    pub namespace: String,
    /// Such as `EnvironmentType`.
    pub option: String,
    /// The value as text.
    pub value: String,
}

/// How the Dockerrun file is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dockerrun {
    /// The template's file name when applied from a file, or the name of a
    /// template in the controller's configuration; `None` means the built-in.
    pub template: Option<String>,
    /// The template's text, which travels with the specification so that the
    /// controller never needs a client's disk.
    pub text: Option<String>,
    /// Values for the template.
    pub vars: BTreeMap<String, Scalar>,
}

/// A template variable: text, whole number or truth value. There are no
/// fractions, because nouns are compared and hashed; a fraction is text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Anything else, as written.
    Text(String),
}

/// Who is told what.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct Notify {
    /// A Slack channel.
    pub slack: Option<String>,
}

/// What is done about an environment that went away or stays ill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Heal {
    /// Recreate what was terminated from outside.
    #[default]
    Gone,
    /// Also recreate what stays Red.
    Recreate,
    /// Report only.
    Never,
}

impl Feature {
    /// A feature of which nothing is said but its name.
    pub fn new(name: FeatureName) -> Self {
        Self {
            metadata: Metadata { name, owner: None, labels: BTreeMap::new(), source: None },
            spec: FeatureSpec::default(),
        }
    }
}
