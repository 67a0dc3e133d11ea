//! What the controller remembers of a feature: identity, life, attempt and
//! what people asked for. Each is a value of its own whose illegal states
//! cannot be written down.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asks::Asks;
use super::ids::{
    ApplicationName, Digest, EnvironmentId, EnvironmentName, FeatureName, RequestId, SpecHash, VersionLabel,
};

/// The controller's memory of one feature. It is written conditionally: by
/// the leader under its epoch, and by people's asks under the version alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Whose memory it is.
    pub feature: FeatureName,
    /// Version of this layout; a newer one than [`RECORD_SCHEMA`] is never
    /// rewritten by an older program.
    pub schema: u32,
    /// Grows by one whenever the hash of the specification differs from
    /// [`Record::spec_hash`]; 0 before the controller has seen a
    /// specification.
    pub generation: u64,
    /// Hash of the whole specification of [`Record::generation`].
    pub spec_hash: Option<SpecHash>,
    /// Whether the last specification seen was protected: a protected row
    /// that goes missing is never pruned.
    pub spec_protected: bool,
    /// Which environment is ours.
    pub identity: Identity,
    /// Whether the feature is to live.
    pub life: Life,
    /// The one call that may be under way, or what became of the last.
    pub attempt: Attempt,
    /// What people asked for, apart from the specification.
    pub asks: Asks,
    /// What is to be deployed, computed once for (generation, digest, try).
    pub wanted: Option<Wanted>,
    /// What was last deployed with success.
    pub deployed: Option<Deployed>,
    /// Versions and bundles that we made and have not swept.
    pub artifacts: BTreeMap<VersionLabel, Artifact>,
    /// Since when the specification's row is missing, in AWS time.
    pub vanished: Option<Timestamp>,
    /// Times of the creates of the last hour, for the flap breaker.
    pub creates: Vec<Timestamp>,
    /// How many labels were minted; part of the next one.
    pub labels: u32,
}

/// The newest layout of [`Record`] that this program writes.
pub const RECORD_SCHEMA: u32 = 1;

/// Which environment is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The application, fixed by the first create.
    pub application: Option<ApplicationName>,
    /// The environment's place in our ledger, from the first intent to create
    /// it until it is seen Terminated.
    pub ledger: Option<Ledger>,
    /// Which of the series of CNAME prefixes is ours; kept across healing.
    pub cname_series: u32,
}

/// The ledger's line on an environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ledger {
    /// The name that we give it; it always wins over a newly computed one.
    pub name: EnvironmentName,
    /// Its id, once a reply or a proven listing told it.
    pub id: Option<EnvironmentId>,
    /// Its ARN, where the listing told it.
    pub arn: Option<String>,
    /// The saved configuration that it was made from. Beanstalk copies one
    /// when it makes an environment; another one means another environment.
    pub template: Option<String>,
    /// Whether it was ever seen Ready: what was terminated before was never
    /// made.
    pub was_ready: bool,
    /// Whether the label that it shows proves nothing, because a deployment
    /// failed or its outcome is not known: the next wanted state goes out
    /// under a fresh label, even if the shown one looks right.
    pub dirty: bool,
    /// Our options as last confirmed on it.
    pub applied: BTreeMap<OptionKey, String>,
    /// Since when it has been missing from complete listings.
    pub missing_since: Option<Timestamp>,
    /// Its address, once known.
    pub url: Option<String>,
}

/// Namespace and name of an option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionKey {
    /// Such as `aws:elasticbeanstalk:environment`.
    pub namespace: String,
    /// Such as `EnvironmentType`.
    pub name: String,
}

impl OptionKey {
    /// A key from its two parts.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// Serialised as `namespace//name`, so that maps over it are JSON objects.
impl Serialize for OptionKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}//{}", self.namespace, self.name))
    }
}

impl<'de> Deserialize<'de> for OptionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (namespace, name) = text
            .split_once("//")
            .ok_or_else(|| serde::de::Error::custom("an option key is namespace//name"))?;
        Ok(Self::new(namespace, name))
    }
}

/// Whether the feature is to live.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Life {
    /// It lives.
    Wanted {
        /// What the time to live counts from; `None` until the first success
        /// of this life.
        since: Option<Timestamp>,
        /// How many of the asks for renewal are already counted in.
        renewals: u64,
    },
    /// It is being ended, and why; the environment goes first.
    Ending {
        /// Why.
        reason: EndReason,
        /// Deployable part of the specification when the end began.
        hash: Option<SpecHash>,
        /// How many asks for renewal came before the end began.
        renewals: u64,
        /// What the time to live counted from, for an end that is called off.
        since: Option<Timestamp>,
    },
    /// It had its time. The same specification does not bring it back.
    Expired {
        /// Deployable part of the specification that had its time.
        hash: Option<SpecHash>,
        /// When it was over.
        at: Timestamp,
        /// How many asks for renewal came before.
        renewals: u64,
    },
    /// A person deleted it while its source still lists it.
    Deleted {
        /// Deployable part of the specification that was deleted.
        hash: Option<SpecHash>,
        /// When it was over.
        at: Timestamp,
        /// How many asks for renewal came before.
        renewals: u64,
    },
}

/// Why a feature is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndReason {
    /// Its time was over: an asked deletion.
    Expired,
    /// A person asked: an asked deletion.
    Deleted,
    /// Its row vanished from the store: an inferred deletion.
    Vanished,
}

/// The one call that may be under way, or what became of the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Attempt {
    /// Nothing is under way and the last call succeeded.
    #[default]
    Idle,
    /// A call may be under way; there is no second one.
    Open(Intent),
    /// The last tries failed; the next waits.
    Failed(Failure),
}

/// A call that was decided, written down before it is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Intent {
    /// What is called.
    pub kind: IntentKind,
    /// The generation that it serves.
    pub generation: u64,
    /// The lease epoch that it was written under.
    pub epoch: u64,
    /// When it was written, in AWS time.
    pub at: Timestamp,
    /// When its outcome should be known, in AWS time; later it is overdue and
    /// shown as stalled.
    pub due: Timestamp,
    /// How often this was tried before, for the same (generation, digest).
    pub tries: u32,
    /// `DateUpdated` of the environment when the intent was written: an
    /// operation of ours moves it.
    pub updated_before: Option<Timestamp>,
    /// What the service answered.
    pub reply: Reply,
}

/// What an intent calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum IntentKind {
    /// CreateEnvironment with this label.
    Launch {
        /// The version that it starts with.
        label: VersionLabel,
    },
    /// UpdateEnvironment with option settings.
    Configure,
    /// UpdateEnvironment with this label.
    Deploy {
        /// The version to deploy.
        label: VersionLabel,
    },
    /// TerminateEnvironment.
    Terminate,
    /// UpdateTagsForResource: a person gave an orphan to the feature.
    Adopt,
}

/// What the service answered to an intent's call.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// No answer is known: not sent, or sent and lost.
    #[default]
    Unknown,
    /// It was accepted.
    Accepted {
        /// The request id, which the operation's events carry.
        request: Option<RequestId>,
    },
    /// It was refused, or stopped by us before it was sent.
    Refused(Refusal),
}

/// A definite no.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Refusal {
    /// What to do next.
    pub class: RefusalClass,
    /// The service's code and words.
    pub message: String,
}

/// Refusals, sorted by what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RefusalClass {
    /// Not now (not Ready, throttled, unavailable, lost the lease before
    /// sending): wait and look again; it counts as no try.
    NotNow,
    /// The environment's name is taken: look who has it.
    NameTaken,
    /// The CNAME prefix is taken: the next of the series.
    CnameTaken,
    /// What it speaks of is not there.
    NotFound,
    /// The account's quota is used up.
    Quota,
    /// We may not.
    Denied,
    /// The request itself is wrong; only a new specification or a person
    /// helps.
    Invalid,
    /// Our own check stopped it: the environment is not provably ours.
    Unproven,
}

/// What became of tries that failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// What was tried.
    pub kind: IntentKind,
    /// The generation that it served.
    pub generation: u64,
    /// The digest that it served.
    pub digest: Option<Digest>,
    /// How often, in all, for this (generation, digest).
    pub tries: u32,
    /// When the last one failed, in AWS time.
    pub at: Timestamp,
    /// The earliest time of the next try; `None`: only a new specification,
    /// a new image or a person helps.
    pub retry_at: Option<Timestamp>,
    /// Whether only a person can remove the obstacle, though we look again
    /// now and then.
    pub blocked: bool,
    /// Beanstalk's own words.
    pub message: String,
}

/// What is to be deployed, computed once for (generation, digest, try), so
/// that changed defaults do not roll a fleet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wanted {
    /// The generation that it was computed for.
    pub generation: u64,
    /// Hash of all that can change an environment; computed anew only when
    /// this differs, so that an edited label or owner rolls nothing.
    pub basis: SpecHash,
    /// The image reference as the specification has it.
    pub image: String,
    /// The image as it is deployed: by digest where the registry answered.
    pub deploy_image: String,
    /// The digest, where the registry answered.
    pub digest: Option<Digest>,
    /// The version label; a label is never used for two contents, nor again
    /// once it was doomed or its deployment failed.
    pub label: VersionLabel,
    /// Hash over everything that reaches the environment.
    pub content: String,
    /// The rendered Dockerrun file.
    pub dockerrun: String,
    /// The address that was rendered into it and into the options.
    pub url: String,
    /// Our options.
    pub options: BTreeMap<OptionKey, String>,
    /// Saved configuration that the environment is made from.
    pub template: Option<String>,
    /// Platform that the environment is made on, where there is no template.
    pub platform: Option<String>,
    /// What CI said of the build.
    pub commit: Option<String>,
}

/// What was last deployed with success.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Deployed {
    /// The label.
    pub label: VersionLabel,
    /// Hash over everything that reached the environment.
    pub content: String,
    /// The image reference as the specification had it.
    pub image: String,
    /// Its digest.
    pub digest: Option<Digest>,
    /// The commit.
    pub commit: Option<String>,
    /// The generation.
    pub generation: u64,
    /// When, in AWS time.
    pub at: Timestamp,
}

/// A version and its bundle that we made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Artifact {
    /// The application that the version belongs to.
    pub application: ApplicationName,
    /// The bundle's bucket.
    pub bucket: String,
    /// The bundle's key.
    pub key: String,
    /// Since when it is doomed, in AWS time; a doomed label is never used
    /// again.
    pub doomed: Option<Timestamp>,
}

impl Life {
    /// Lets the time to live begin, where it has not yet: also while an end
    /// waits, since an end may be called off.
    pub fn begin(&mut self, now: Timestamp) {
        if let Life::Wanted { since, .. } | Life::Ending { since, .. } = self {
            since.get_or_insert(now);
        }
    }
}

impl Record {
    /// A memory that has seen nothing yet.
    pub fn new(feature: FeatureName) -> Self {
        Self {
            feature,
            schema: RECORD_SCHEMA,
            generation: 0,
            spec_hash: None,
            spec_protected: false,
            identity: Identity::default(),
            life: Life::Wanted { since: None, renewals: 0 },
            attempt: Attempt::Idle,
            asks: Asks::default(),
            wanted: None,
            deployed: None,
            artifacts: BTreeMap::new(),
            vanished: None,
            creates: Vec::new(),
            labels: 0,
        }
    }

    /// Whether the feature is protected, by its specification or by an ask.
    pub fn is_protected(&self) -> bool {
        self.spec_protected || self.asks.protection.as_ref().is_some_and(|ask| ask.what)
    }

    /// The open intent, if there is one.
    pub fn open(&self) -> Option<&Intent> {
        match &self.attempt {
            Attempt::Open(intent) => Some(intent),
            Attempt::Idle | Attempt::Failed(_) => None,
        }
    }
}
