//! The nouns of the emulated Beanstalk: environments and what belongs to them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::options::Options;

/// Where an environment is between CreateEnvironment and its end (`docs/beanstalk.md`, "States").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Being made.
    Launching,
    /// An update, a tag change or a restart runs.
    Updating,
    /// An update is being taken back.
    Aborting,
    /// At rest: the only state that takes updates and terminations.
    Ready,
    /// Being taken down.
    Terminating,
    /// Gone; still listed for a while.
    Terminated,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launching => "Launching",
            Self::Updating => "Updating",
            Self::Aborting => "Aborting",
            Self::Ready => "Ready",
            Self::Terminating => "Terminating",
            Self::Terminated => "Terminated",
        }
    }
}

/// Colour and enhanced status of an environment's health, which travel together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Health {
    /// Green, Ok.
    Ok,
    /// Green, Info: an operation runs and all is well.
    Info,
    /// Yellow, Warning.
    Warning,
    /// Red, Degraded.
    Degraded,
    /// Red, Severe.
    Severe,
    /// Grey, Pending: too early to say.
    Pending,
    /// Grey, Unknown.
    Unknown,
    /// Grey, `No Data`: the agent does not report. The space is on the wire.
    NoData,
    /// Grey, Suspended.
    Suspended,
}

impl Health {
    /// The colour (`Health`).
    pub fn colour(self) -> &'static str {
        match self {
            Self::Ok | Self::Info => "Green",
            Self::Warning => "Yellow",
            Self::Degraded | Self::Severe => "Red",
            Self::Pending | Self::Unknown | Self::NoData | Self::Suspended => "Grey",
        }
    }

    /// The word of enhanced health (`HealthStatus`).
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "Ok",
            Self::Info => "Info",
            Self::Warning => "Warning",
            Self::Degraded => "Degraded",
            Self::Severe => "Severe",
            Self::Pending => "Pending",
            Self::Unknown => "Unknown",
            Self::NoData => "No Data",
            Self::Suspended => "Suspended",
        }
    }

    /// A colour or a word as people type them (`Red`, `no-data`), in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain: String = text
            .chars()
            .filter(char::is_ascii_alphabetic)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        Some(match plain.as_str() {
            "ok" | "green" => Self::Ok,
            "info" => Self::Info,
            "warning" | "yellow" => Self::Warning,
            "degraded" | "red" => Self::Degraded,
            "severe" => Self::Severe,
            "pending" => Self::Pending,
            "unknown" | "grey" | "gray" => Self::Unknown,
            "nodata" => Self::NoData,
            "suspended" => Self::Suspended,
            _ => return None,
        })
    }
}

/// The part of an environment that changes and that a listing shows. Older values are kept for a while, so that a
/// stale listing can show them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Operational state.
    pub status: Status,
    /// Health.
    pub health: Health,
    /// Label of the deployed version; none for the sample application.
    pub label: Option<String>,
    /// DateUpdated: moves when an operation begins and when it ends.
    pub updated: Timestamp,
    /// AbortEnvironmentUpdate is possible now.
    pub abortable: bool,
}

/// Tier of an environment; it cannot be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tier {
    /// Serves HTTP.
    #[default]
    Web,
    /// Takes messages from a queue; has no CNAME.
    Worker,
}

impl Tier {
    /// Name and type on the wire.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Web => ("WebServer", "Standard"),
            Self::Worker => ("Worker", "SQS/HTTP"),
        }
    }
}

/// What an environment is busy with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// The first deployment; `preflight` is the mistake that ends it within seconds.
    Launch { preflight: Option<String> },
    /// A deployment, a change of settings, or both.
    Update(Update),
    /// A change of tags to these.
    Tags(BTreeMap<String, String>),
    /// A change of tags that changes nothing.
    SameTags,
    /// A restart of the application server.
    Restart,
    /// An update is being taken back.
    Abort,
    /// The end.
    Terminate,
}

/// What an update wants to change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Update {
    /// Label to deploy.
    pub(crate) label: Option<String>,
    /// All settings as they will be; `None` leaves them.
    pub(crate) settings: Option<Options>,
    /// Solution stack to move to.
    pub(crate) stack: Option<String>,
    /// Nothing to do but to say so.
    pub(crate) idle: bool,
}

/// An operation that runs on an environment: one at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) work: Work,
    /// Id of the call that started it, on each of its events.
    pub(crate) request: String,
    /// Tells this operation's moments in the queue from those of an earlier one.
    pub(crate) serial: u64,
}

/// One environment, from its creation until six weeks after its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Environment {
    /// `e-` and ten letters or digits.
    pub id: String,
    /// Unique per region among environments that are not Terminated.
    pub name: String,
    /// Application that it belongs to.
    pub application: String,
    /// CNAME prefix; unique per region over all customers.
    pub prefix: String,
    /// Made-up address of a single instance, or name of a load balancer.
    pub endpoint: String,
    /// Free text.
    pub description: Option<String>,
    /// Tier.
    pub tier: Tier,
    /// Solution stack name.
    pub stack: String,
    /// Saved configuration that it was made from.
    pub template: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it became Terminated.
    pub terminated: Option<Timestamp>,
    /// When something was last deployed with success.
    pub deployed: Option<Timestamp>,
    /// Settings that were given, by template or by call; defaults are not repeated here.
    pub settings: Options,
    /// Settings of an update that failed, until it is deleted or replaced.
    pub draft: Option<Options>,
    /// Tags, the three reserved ones left out.
    pub tags: BTreeMap<String, String>,
    /// What ListTagsForResource still shows, and until when.
    pub(crate) old_tags: Option<(Timestamp, BTreeMap<String, String>)>,
    /// What listings show.
    pub shown: Shown,
    /// What they showed before, with the moment at which each became true; the newest last.
    pub(crate) past: Vec<(Timestamp, Shown)>,
    pub(crate) operation: Option<Operation>,
    /// Numbers of its events, oldest first.
    pub(crate) events: Vec<u64>,
}

/// How many old values of `Shown` are kept.
const PAST: usize = 24;

impl Environment {
    /// Changes what is shown at `now`, and remembers what was shown before.
    pub(crate) fn show(&mut self, now: Timestamp, change: impl FnOnce(&mut Shown)) {
        change(&mut self.shown);
        self.shown.updated = now;
        self.remember(now);
    }

    /// As `show`, for what moves no DateUpdated: health.
    pub(crate) fn show_health(&mut self, now: Timestamp, health: Health) {
        self.shown.health = health;
        self.remember(now);
    }

    fn remember(&mut self, now: Timestamp) {
        if self.past.len() == PAST {
            self.past.remove(0);
        }
        self.past.push((now, self.shown.clone()));
    }

    /// What a listing showed at a moment; `None` when the environment was not there yet.
    pub(crate) fn shown_at(&self, at: Timestamp) -> Option<&Shown> {
        if at < self.created {
            return None;
        }
        let later = self.past.partition_point(|(from, _)| *from <= at);
        match later {
            0 => self.past.first().map(|(_, shown)| shown),
            n => self.past.get(n - 1).map(|(_, shown)| shown),
        }
    }

    /// Whether it counts: for names, quotas and listings without the dead.
    pub fn is_live(&self) -> bool {
        self.shown.status != Status::Terminated
    }

    /// A setting that was given.
    pub fn setting(&self, namespace: &str, name: &str) -> Option<&str> {
        self.settings.get(namespace, name)
    }
}
