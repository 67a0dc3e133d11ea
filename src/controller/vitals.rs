//! What the loop tells of itself while it runs, for those who watch it: web
//! front, metrics, service manager. No decision reads any of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use super::{END_ORPHAN, Turn, TurnError, chain, verb};
use crate::act::Done;
use crate::clock::Clock;
use crate::model::{Guard, Phase};

/// Upper ends of the buckets for a turn's length, in seconds: a quiet turn is
/// one call, a busy one waits for the rate budget.
const SECONDS: [f64; 10] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// A turn that takes longer than this is stuck: every call in it has a
/// deadline, and what may be sent in one turn is bounded.
const STUCK_TURN: Duration = Duration::from_secs(600);

/// Between turns the loop moves every second; after this long it is stuck.
const STUCK_REST: Duration = Duration::from_secs(60);

/// The loop's account of itself; clones share it.
#[derive(Clone, Debug)]
pub struct Vitals {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
    seconds: Histogram,
}

#[derive(Debug, Default)]
struct Shared {
    /// When the loop last moved, by the monotonic clock.
    moved: Duration,
    /// Since when a turn is under way.
    turning: Option<Duration>,
    last: Option<(Duration, LastTurn)>,
    turns: BTreeMap<&'static str, u64>,
    acts: BTreeMap<(&'static str, &'static str), u64>,
    fleet: FleetCounts,
}

/// How a turn went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastTurn {
    /// When it ended, by the local clock.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How long the loop rests after it, if nothing wakes it.
    pub pause: Duration,
    /// Why it came to nothing, where it did.
    pub failure: Option<String>,
}

/// What the last turn that succeeded saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetCounts {
    /// Features by phase; empty before the first turn.
    pub phases: BTreeMap<Phase, u64>,
    /// Features that guards hold back, by guard.
    pub held: BTreeMap<Guard, u64>,
    /// Live environments of ours.
    pub environments: u64,
    /// Environments that bear our tag and that the store does not know.
    pub orphans: u64,
    /// Whether there was no listing of environments to decide on.
    pub blind: bool,
}

/// The loop as it stands at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// How long ago the loop last moved.
    pub still: Duration,
    /// How long the turn under way has taken so far.
    pub turning: Option<Duration>,
    /// The last turn, and how long ago it ended.
    pub last: Option<(Duration, LastTurn)>,
    /// Turns so far, by result.
    pub turns: BTreeMap<&'static str, u64>,
    /// Steps so far, by verb and what became of them.
    pub acts: BTreeMap<(&'static str, &'static str), u64>,
    /// What the last turn that succeeded saw.
    pub fleet: FleetCounts,
}

impl Vitals {
    pub(super) fn new(clock: Clock) -> Self {
        let shared = Shared { moved: clock.monotonic(), ..Shared::default() };
        Self { clock, shared: Arc::new(Mutex::new(shared)), seconds: Histogram::new(SECONDS) }
    }

    /// The loop as it stands now.
    pub fn pulse(&self) -> Pulse {
        let now = self.clock.monotonic();
        let shared = self.lock();
        Pulse {
            still: now.saturating_sub(shared.moved),
            turning: shared.turning.map(|since| now.saturating_sub(since)),
            last: shared.last.clone().map(|(at, turn)| (now.saturating_sub(at), turn)),
            turns: shared.turns.clone(),
            acts: shared.acts.clone(),
            fleet: shared.fleet.clone(),
        }
    }

    /// How long turns took, in seconds.
    pub fn seconds(&self) -> &Histogram {
        &self.seconds
    }

    /// The loop moved.
    pub(super) fn moved(&self) {
        let now = self.clock.monotonic();
        let mut shared = self.lock();
        shared.moved = now;
        shared.turning = None;
    }

    /// A turn begins.
    pub(super) fn turn_begins(&self) {
        let now = self.clock.monotonic();
        let mut shared = self.lock();
        shared.moved = now;
        shared.turning = Some(now);
    }

    /// A turn ended.
    pub(super) fn turn_ended(&self, turn: &Result<Turn, TurnError>) {
        let (now, at) = (self.clock.monotonic(), self.clock.now());
        let mut shared = self.lock();
        let took = now.saturating_sub(shared.turning.take().unwrap_or(now));
        shared.moved = now;
        let (result, pause, failure) = match turn {
            Ok(turn) => {
                shared.fleet = FleetCounts::of(turn);
                shared.count(turn);
                ("ok", turn.pause, None)
            }
            Err(error) => ("failed", Duration::ZERO, Some(chain(error))),
        };
        *shared.turns.entry(result).or_default() += 1;
        shared.last = Some((now, LastTurn { at, took, pause, failure }));
        drop(shared);
        self.seconds.observe(took.as_secs_f64());
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn count(&mut self, turn: &Turn) {
        for outcome in &turn.outcomes {
            let action = turn.plan.steps.get(&outcome.feature).and_then(|step| step.action.as_ref());
            let name = action.map_or("note", verb);
            *self.acts.entry((name, word(&outcome.result))).or_default() += 1;
        }
        for (_, result) in &turn.orphans {
            let name = if *result == Done::Noted { "note" } else { END_ORPHAN };
            *self.acts.entry((name, word(result))).or_default() += 1;
        }
    }
}

impl FleetCounts {
    fn of(turn: &Turn) -> Self {
        let mut counts = Self {
            environments: number(turn.plan.report.environments()),
            orphans: number(turn.plan.report.orphans.len()),
            blind: turn.plan.report.blind.is_some(),
            ..Self::default()
        };
        for view in turn.statuses.values() {
            *counts.phases.entry(view.phase).or_default() += 1;
        }
        for held in &turn.plan.report.held {
            *counts.held.entry(held.guard).or_default() += number(held.features.len());
        }
        counts
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// What became of a step, in one word.
fn word(done: &Done) -> &'static str {
    use crate::model::Reply;
    match done {
        Done::Noted => "noted",
        Done::Called(reply) | Done::Unnoted(reply) => match reply {
            Reply::Accepted { .. } => "accepted",
            Reply::Refused(_) => "refused",
            Reply::Unknown => "unknown",
        },
        Done::Stale => "stale",
        Done::Fenced => "fenced",
        Done::StoreFailed(_) => "store-failed",
        Done::Tidied(..) => "tidied",
    }
}

impl Pulse {
    /// Why the loop does not move any more, where it does not: what only a
    /// restart helps with.
    pub fn stuck(&self) -> Option<String> {
        match self.turning {
            Some(so_far) if so_far > STUCK_TURN => {
                Some(format!("a turn has been under way for {} s", so_far.as_secs()))
            }
            None if self.still > STUCK_REST => {
                Some(format!("the loop has not moved for {} s", self.still.as_secs()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stands_still_is_stuck_and_one_that_moves_is_not() {
        let vitals = Vitals::new(Clock::system());
        tokio::time::sleep(STUCK_REST).await;
        assert_eq!(vitals.pulse().stuck(), None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(vitals.pulse().stuck().as_deref(), Some("the loop has not moved for 61 s"));
        vitals.moved();
        assert_eq!(vitals.pulse().stuck(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_may_take_long_and_not_for_ever() {
        let vitals = Vitals::new(Clock::system());
        vitals.turn_begins();
        tokio::time::sleep(STUCK_TURN).await;
        assert_eq!(vitals.pulse().stuck(), None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(vitals.pulse().stuck().as_deref(), Some("a turn has been under way for 601 s"));
        let failed = TurnError::Store(crate::store::StoreError::Busy);
        vitals.turn_ended(&Err(failed));
        let pulse = vitals.pulse();
        assert_eq!((pulse.stuck(), pulse.turns.get("failed")), (None, Some(&1)));
        let (_, last) = pulse.last.expect("a turn ended");
        assert_eq!(last.failure.as_deref(), Some("the turn could not be written down: the store is busy"));
    }
}
