//! When to look next. Looking is what costs calls, so it is frequent only
//! while something of ours is under way.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::{Attempt, IntentKind, OrphanRequest, Record, Snapshot, StatusView};
use crate::plan::Plan;

/// How often to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cadence {
    /// In the first minute of an operation and around its expected end.
    pub busy: Duration,
    /// While an operation is under way otherwise.
    pub calm: Duration,
    /// While nothing is.
    pub idle: Duration,
    /// How often an image reference is looked up again.
    pub images: Duration,
    /// How often the store is asked whether anything changed.
    pub store: Duration,
    /// How often a process that stands by looks at the lease's row: a planned
    /// hand-over takes no longer than this and half a second more.
    pub watch: Duration,
}

impl Default for Cadence {
    fn default() -> Self {
        Self {
            busy: Duration::from_secs(5),
            calm: Duration::from_secs(15),
            idle: Duration::from_secs(60),
            images: Duration::from_secs(30),
            store: Duration::from_millis(500),
            watch: Duration::from_millis(250),
        }
    }
}

/// How long the first minute of an operation is, and how near to its expected
/// end is "around".
const CLOSE: SignedDuration = SignedDuration::from_secs(60);

impl Cadence {
    /// The pause until the next look, if nothing wakes the loop before.
    pub(super) fn pause<'a>(
        &self,
        snapshot: &Snapshot,
        plan: &Plan,
        views: impl Iterator<Item = &'a StatusView>,
    ) -> Duration {
        let mut pause = if snapshot.fleet.known().is_none() { self.calm } else { self.idle };
        let report = &plan.report;
        let ours = report.records.values().filter_map(Record::open);
        for intent in ours.chain(report.requests.values().filter_map(OrphanRequest::open)) {
            let age = snapshot.now.duration_since(intent.at);
            let usual = expected(&intent.kind, snapshot);
            let near = age < CLOSE || usual.is_some_and(|usual| (age - usual).abs() < CLOSE / 2);
            pause = pause.min(if near { self.busy } else { self.calm });
        }
        // What is overdue waits for something else than time: a guard, a
        // person, Beanstalk. Looking more often would not help it.
        let again = report.requests.values().filter_map(|request| match &request.attempt {
            Attempt::Failed(failure) => failure.retry_at,
            Attempt::Idle | Attempt::Open(_) => None,
        });
        for ahead in views.flat_map(due).chain(again).map(|due| due.duration_since(snapshot.now)) {
            if ahead.is_positive() {
                pause = pause.min(ahead.unsigned_abs().max(self.busy.min(Duration::from_secs(1))));
            }
        }
        pause
    }
}

fn expected(kind: &IntentKind, snapshot: &Snapshot) -> Option<SignedDuration> {
    let paces = snapshot.guards.pace.get(crate::plan::pace_key(kind))?;
    paces.last().map(|seconds| SignedDuration::from_secs(*seconds))
}

/// Moments at which something is due by itself.
fn due(view: &StatusView) -> impl Iterator<Item = Timestamp> + use<> {
    let end = match view.phase {
        crate::model::Phase::Expired | crate::model::Phase::Deleted => None,
        _ => view.expires_at,
    };
    [end, view.next_at.filter(|_| view.phase != crate::model::Phase::Terminating)].into_iter().flatten()
}
