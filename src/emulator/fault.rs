//! Faults: one vocabulary for the socket server, its control socket and the in-process connector.
//!
//! A fault says which calls it may strike, when, how often, and how. `docs/emulator.md` explains each kind.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::{Dice, signed};

/// How a call is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// No connection; not applied.
    Refused,
    /// Never answered; not applied.
    Timeout,
    /// Applied, and the connection is dropped before the answer.
    Lost,
    /// Applied, and the answer's body is cut short.
    Garbled,
    /// Never answered, and applied after `by`.
    Late,
    /// Applied twice; the first answer is given.
    Twice,
    /// `Throttling`; not applied.
    Throttle,
    /// 503; not applied.
    Unavailable,
    /// 500 although applied.
    Broken,
    /// 403, no right to do this; not applied.
    Denied,
    /// 403, the credentials have expired; not applied.
    Expired,
    /// 403, the signature does not fit; not applied.
    Signature,
    /// Answered after `by`.
    Slow,
    /// A listing with nothing in it.
    Empty,
    /// A listing that leaves out some.
    Partial,
    /// A listing, or an eventually consistent read of a table, as it was `by` ago.
    Stale,
    /// The second and each later page fails.
    Page,
    /// A batch of a table of which some or all stays unprocessed.
    Unprocessed,
    /// Another transaction is at the same item; not applied.
    Conflict,
    /// An environment with a status and a health that no client knows.
    UnknownStatus,
    /// A listing of events that holds none.
    NoEvents,
    /// A listing of events that holds each twice, out of order.
    DoubleEvents,
}

impl Kind {
    /// The word in files and on the control socket.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Lost => "lost",
            Self::Garbled => "garbled",
            Self::Late => "late",
            Self::Twice => "twice",
            Self::Throttle => "throttle",
            Self::Unavailable => "unavailable",
            Self::Broken => "broken",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Signature => "signature",
            Self::Slow => "slow",
            Self::Empty => "empty",
            Self::Partial => "partial",
            Self::Stale => "stale",
            Self::Page => "page",
            Self::Unprocessed => "unprocessed",
            Self::Conflict => "conflict",
            Self::UnknownStatus => "unknown-status",
            Self::NoEvents => "no-events",
            Self::DoubleEvents => "double-events",
        }
    }

    /// Whether this kind means anything for a call.
    fn fits(self, target: &Target<'_>) -> bool {
        match self {
            Self::Empty => LISTINGS.contains(&target.operation),
            Self::Partial | Self::UnknownStatus => target.operation == "DescribeEnvironments",
            Self::Stale => target.operation == "DescribeEnvironments" || target.eventual,
            Self::Unprocessed => ["BatchGetItem", "BatchWriteItem"].contains(&target.operation),
            Self::Conflict => CONFLICTS.contains(&target.operation),
            Self::Page => target.later_page,
            // Of a layer that is pushed there is one, and it comes now.
            Self::Twice | Self::Late => target.operation != "UploadBlob",
            Self::NoEvents | Self::DoubleEvents => target.operation == "DescribeEvents",
            _ => true,
        }
    }
}

/// Listings that can be empty.
const LISTINGS: [&str; 6] = [
    "DescribeApplications",
    "DescribeApplicationVersions",
    "DescribeEnvironments",
    "DescribeEvents",
    "ListTagsForResource",
    "DescribeConfigurationSettings",
];

/// Calls that meet a transaction which is under way. Reads of single items do not (developer guide, "Amazon DynamoDB
/// Transactions: How it works").
const CONFLICTS: [&str; 5] =
    ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "TransactGetItems"];

/// One fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Signing name of a service, or `*`.
    #[serde(default = "any")]
    pub service: String,
    /// Name of an operation, `mutating`, `reading` or `*`.
    #[serde(default = "any")]
    pub operation: String,
    /// How it strikes.
    pub kind: Kind,
    /// World seconds, for `late`, `slow` and `stale`; 30 when not given.
    #[serde(default)]
    pub by: Option<f64>,
    /// World seconds after the fault was set from which it strikes.
    #[serde(default)]
    pub from: Option<f64>,
    /// World seconds after the fault was set until which it strikes.
    #[serde(default)]
    pub until: Option<f64>,
    /// Strikes this matching call and no other; counted from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Strikes this often at most.
    #[serde(default)]
    pub count: Option<u64>,
    /// Strikes a matching call with this probability; always, when not given.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Distinguishes the draws of this fault from those of another.
    #[serde(default)]
    pub seed: u64,
}

fn any() -> String {
    "*".to_owned()
}

impl Fault {
    /// A fault of a kind that strikes each call of an operation (a name, `mutating`, `reading` or `*`).
    pub fn on(operation: &str, kind: Kind) -> Self {
        Self {
            service: any(),
            operation: operation.to_owned(),
            kind,
            by: None,
            from: None,
            until: None,
            nth: None,
            count: None,
            probability: None,
            seed: 0,
        }
    }

    /// Reads a list of faults, in YAML or JSON.
    ///
    /// # Errors
    /// The text is no list, or an entry has an unknown member, kind or value.
    pub fn read_all(text: &str) -> Result<Vec<Self>, serde_yaml::Error> {
        serde_yaml::from_str(text)
    }

    /// Only once.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.count = Some(1);
        self
    }

    /// With a measure in world seconds.
    #[must_use]
    pub fn by(mut self, seconds: f64) -> Self {
        self.by = Some(seconds);
        self
    }
}

/// A call, as far as faults are concerned.
pub(crate) struct Target<'a> {
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) mutating: bool,
    pub(crate) later_page: bool,
    /// A read of a table that may be stale.
    pub(crate) eventual: bool,
}

/// What strikes a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Strike {
    pub(crate) kind: Kind,
    pub(crate) by: Duration,
    /// For what the strike itself draws.
    pub(crate) seed: u32,
}

#[derive(Clone, Debug)]
struct Armed {
    fault: Fault,
    since: Timestamp,
    dice: Dice,
    seen: u64,
    struck: u64,
}

impl Armed {
    fn draw(&mut self, target: &Target<'_>, now: Timestamp) -> Option<Strike> {
        let fault = &self.fault;
        let meant = match fault.operation.as_str() {
            "*" => true,
            "mutating" => target.mutating,
            "reading" => !target.mutating,
            name => name == target.operation,
        };
        let served = fault.service == "*" || fault.service == target.service;
        if !meant || !served || !fault.kind.fits(target) || !self.is_time(now) {
            return None;
        }
        self.seen += 1;
        let turn = self.fault.nth.is_none_or(|nth| nth == self.seen);
        let left = self.fault.count.is_none_or(|count| self.struck < count);
        if !turn || !left || !self.dice.chance(self.fault.probability.unwrap_or(1.0)) {
            return None;
        }
        self.struck += 1;
        Some(Strike {
            kind: self.fault.kind,
            by: seconds(self.fault.by.unwrap_or(30.0)),
            seed: self.dice.below(u32::MAX),
        })
    }

    fn is_time(&self, now: Timestamp) -> bool {
        let after = |offset: f64| self.since + signed(seconds(offset));
        self.fault.from.is_none_or(|from| now >= after(from))
            && self.fault.until.is_none_or(|until| now < after(until))
    }
}

/// Seconds as people write them; what is no time is none.
pub(crate) fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(Duration::ZERO)
}

/// The faults that are set, and how often each kind struck each operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
    hits: BTreeMap<(String, Kind), u64>,
    seed: u64,
}

impl Faults {
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Replaces the faults; their times count from now, their draws start anew.
    pub(crate) fn set(&mut self, faults: Vec<Fault>, now: Timestamp) {
        self.armed.clear();
        for fault in faults {
            self.add(fault, now);
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, fault: Fault, now: Timestamp) {
        let place = self.armed.len() as u64;
        let dice = Dice::new(self.seed ^ 0xfa_017 ^ (place << 32) ^ fault.seed);
        self.armed.push(Armed { fault, since: now, dice, seen: 0, struck: 0 });
    }

    /// What strikes this call: how long its answer is kept back, and the first other fault that fires.
    pub(crate) fn draw(&mut self, target: &Target<'_>, now: Timestamp) -> (Duration, Option<Strike>) {
        let mut slow = Duration::ZERO;
        let mut found: Option<Strike> = None;
        for armed in &mut self.armed {
            if found.is_some() && armed.fault.kind != Kind::Slow {
                continue;
            }
            let Some(strike) = armed.draw(target, now) else {
                continue;
            };
            *self.hits.entry((target.operation.to_owned(), strike.kind)).or_default() += 1;
            if strike.kind == Kind::Slow {
                slow += strike.by;
            } else {
                found = Some(strike);
            }
        }
        (slow, found)
    }

    /// How often each kind struck each operation.
    pub(crate) fn hits(&self) -> &BTreeMap<(String, Kind), u64> {
        &self.hits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_faults_is_yaml_and_its_mistakes_are_told() {
        let text =
            "- {operation: mutating, kind: lost, probability: 0.1, from: 10, until: 70}\n- kind: no-events\n";
        let faults = Fault::read_all(text).expect("a list");
        assert_eq!((faults[0].kind, faults[0].probability), (Kind::Lost, Some(0.1)));
        assert_eq!((faults[1].service.as_str(), faults[1].operation.as_str()), ("*", "*"));
        assert!(Fault::read_all("- kind: unknown").is_err());
        assert!(Fault::read_all("- {kind: lost, wen: 1}").is_err());
    }

    #[test]
    fn a_fault_strikes_within_its_time_as_often_as_it_may() {
        let start = Timestamp::UNIX_EPOCH;
        let mut faults = Faults::default();
        let text = "[{kind: lost, operation: X, from: 10, until: 20, count: 2}, {kind: timeout, operation: X, nth: 2}]";
        faults.set(Fault::read_all(text).expect("a list"), start);
        let mut draw = |at: i64, operation: &str| {
            let target =
                Target { service: "s3", operation, mutating: false, later_page: false, eventual: false };
            let now = start + signed(Duration::from_secs(at.unsigned_abs()));
            faults.draw(&target, now).1.map(|strike| strike.kind)
        };
        assert_eq!(draw(0, "X"), None);
        assert_eq!(draw(5, "X"), Some(Kind::Timeout), "the second of its calls");
        assert_eq!(draw(10, "Y"), None);
        assert_eq!([draw(10, "X"), draw(19, "X"), draw(19, "X")], [Some(Kind::Lost), Some(Kind::Lost), None]);
        assert_eq!(draw(20, "X"), None);
    }
}
