//! Leading: the switch that every mutating call passes. It is set by the
//! lease's keeper and asked by the connector.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::aws::{Gate, Verb};
use crate::clock::Clock;
use crate::store::{Fence, Lease};

/// How long a mutating call under a lease of this length may take at most. A
/// call starts only while the lease lasts longer than that, so that whoever
/// takes over later need not reckon with it.
pub(super) fn deadline(length: SignedDuration) -> Duration {
    length.unsigned_abs() / 2
}

/// What must be left of a lease beyond the deadline of a call that starts: for
/// clocks that run a little faster or slower than ours.
pub(super) fn margin(length: SignedDuration) -> Duration {
    length.unsigned_abs() / 10
}

/// How often a lease is renewed: calls may start while two renewals in a row
/// are late.
pub(super) fn renewal(length: SignedDuration) -> Duration {
    length.unsigned_abs() / 6
}

/// How often who watches a lease looks whether it ended: a machine that slept
/// wakes with timers that did not count the sleep.
const LOOK: Duration = Duration::from_millis(500);

/// Whether this process may act at this moment. Shared by the keeper of the
/// lease, the loop and the connector.
pub struct Switch {
    clock: Clock,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

/// How a process stands at one moment, for those who watch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not lead.
    Follows,
    /// It leads.
    Leads {
        /// The lease's number.
        epoch: u64,
        /// What is left of the lease.
        left: Duration,
    },
    /// It never acts, and why.
    Shut(String),
}

/// Leading, as the loop needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leading {
    /// For writes.
    pub fence: Fence,
    /// After a take-over: the monotonic time from which on something may be
    /// destroyed.
    pub quiet_until: Option<Duration>,
}

#[derive(Clone, Debug)]
enum State {
    /// Not leading.
    Follows,
    /// Leading.
    Leads(Held),
    /// Never acts, and why.
    Shut(String),
}

/// A lease that is held.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) lease: Lease,
    /// When the request that granted or renewed it was sent, by both clocks.
    pub(super) sent: (Timestamp, Duration),
    /// See [`Leading::quiet_until`].
    pub(super) quiet_until: Option<Duration>,
    /// Whether it is about to be given back: then nothing new begins.
    leaving: bool,
}

impl Held {
    pub(super) fn new(lease: Lease, sent: (Timestamp, Duration), quiet_until: Option<Duration>) -> Self {
        Self { lease, sent, quiet_until, leaving: false }
    }
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("state", &*self.lock()).finish_non_exhaustive()
    }
}

impl Switch {
    /// A switch of a process that does not lead yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Self::with(clock, State::Follows)
    }

    /// A switch that lets no mutating call pass, ever.
    pub fn shut(clock: Clock, why: &str) -> Arc<Self> {
        Self::with(clock, State::Shut(why.to_owned()))
    }

    fn with(clock: Clock, state: State) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(state), changed: watch::Sender::new(()) })
    }

    /// How we lead, while we do.
    pub fn leading(&self) -> Option<Leading> {
        match &*self.lock() {
            State::Leads(held) if self.left(held) > Duration::ZERO => Some(Leading {
                fence: Fence { holder: held.lease.holder.clone(), epoch: held.lease.epoch },
                quiet_until: held.quiet_until,
            }),
            _ => None,
        }
    }

    /// How this process stands. A lease that ran out is none.
    pub fn standing(&self) -> Standing {
        match &*self.lock() {
            State::Follows => Standing::Follows,
            State::Shut(why) => Standing::Shut(why.clone()),
            State::Leads(held) => match self.left(held) {
                Duration::ZERO => Standing::Follows,
                left => Standing::Leads { epoch: held.lease.epoch, left },
            },
        }
    }

    /// What is left of the lease, if we hold one.
    pub fn remaining(&self) -> Option<Duration> {
        match &*self.lock() {
            State::Leads(held) => Some(self.left(held)),
            State::Follows | State::Shut(_) => None,
        }
    }

    /// Ends as soon as we do not lead under this epoch: the lease was lost,
    /// given back, or its time is over.
    pub async fn lost(&self, epoch: u64) {
        let mut changed = self.changed.subscribe();
        loop {
            let left = match &*self.lock() {
                State::Leads(held) if held.lease.epoch == epoch => self.left(held),
                _ => return,
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                _ = changed.changed() => {}
                () = tokio::time::sleep(left.min(LOOK)) => {}
            }
        }
    }

    /// Waits until something about the lease changed: granted, renewed, lost.
    pub(super) async fn changed(&self) {
        let _ = self.changed.subscribe().changed().await;
    }

    /// Lets no new call begin from here on. What is under way may end, and its
    /// answer may be noted.
    pub(super) fn leave(&self) {
        if let State::Leads(held) = &mut *self.lock() {
            held.leaving = true;
        }
    }

    /// Sets what the store answered.
    pub(super) fn set(&self, held: Option<Held>) {
        let mut state = self.lock();
        match (&mut *state, held) {
            (State::Shut(_), _) => {}
            (State::Leads(before), Some(held)) if before.lease.epoch == held.lease.epoch => {
                before.lease = held.lease;
                before.sent = held.sent;
            }
            (state, Some(held)) => *state = State::Leads(held),
            (state, None) => *state = State::Follows,
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// What is left of a lease. It counts from when it was asked for, not from
    /// the answer. A monotonic clock may stand still while the machine sleeps,
    /// a wall clock may be set back; the larger time since counts.
    fn left(&self, held: &Held) -> Duration {
        let (wall, monotonic) = held.sent;
        let by_wall = self.clock.now().duration_since(wall).max(SignedDuration::ZERO).unsigned_abs();
        let by_monotonic = self.clock.monotonic().saturating_sub(monotonic);
        held.lease.length.unsigned_abs().saturating_sub(by_wall.max(by_monotonic))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Switch {
    fn check(&self, verb: &Verb) -> Result<Duration, String> {
        match &*self.lock() {
            State::Follows => Err("this process does not lead".to_owned()),
            State::Shut(why) => Err(why.clone()),
            State::Leads(held) if held.leaving => Err("this process is about to stop".to_owned()),
            State::Leads(held) => {
                let length = held.lease.length;
                let deadline = verb.attempt.min(deadline(length));
                if self.left(held) >= deadline + margin(length) {
                    Ok(deadline)
                } else {
                    Err("the lease ends before the call would".to_owned())
                }
            }
        }
    }

    fn closed(&self) -> BoxFuture<'_, ()> {
        let epoch = match &*self.lock() {
            State::Leads(held) => held.lease.epoch,
            State::Follows | State::Shut(_) => return Box::pin(std::future::ready(())),
        };
        Box::pin(self.lost(epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: SignedDuration = SignedDuration::from_secs(30);

    fn longest() -> &'static Verb {
        Verb::find("Elastic Beanstalk", "CreateEnvironment").unwrap()
    }

    fn held(epoch: u64, sent: (Timestamp, Duration)) -> Held {
        let lease =
            Lease { holder: "one".to_owned(), epoch, beat: 1, length: LENGTH, since: Timestamp::UNIX_EPOCH };
        Held::new(lease, sent, None)
    }

    fn leads(clock: &Clock) -> Arc<Switch> {
        let switch = Switch::new(clock.clone());
        switch.set(Some(held(1, (clock.now(), clock.monotonic()))));
        switch
    }

    fn clock() -> Clock {
        Clock::starting_at("2026-01-05T08:00:00Z".parse().unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_starts_only_while_the_lease_outlasts_it() {
        let switch = leads(&clock());
        for (seconds, may) in [(0, true), (12, true), (1, false), (16, false), (1, false)] {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let answer = switch.check(longest());
            assert_eq!(answer.is_ok(), may, "{answer:?} with {:?} left", switch.remaining());
            if let Ok(deadline) = answer {
                assert!(switch.remaining().unwrap() >= deadline + margin(LENGTH));
            }
        }
        assert_eq!(switch.leading(), None, "30 s are over");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_jumps_ahead_ends_the_lease_and_one_that_is_set_back_does_not_lengthen_it() {
        let clock = clock();
        let now = (clock.now(), clock.monotonic());
        let switch = Switch::new(clock.clone());
        // The machine slept for a minute: only the wall clock noticed.
        switch.set(Some(held(1, (now.0 - SignedDuration::from_mins(1), now.1))));
        assert!(switch.check(longest()).is_err() && switch.leading().is_none());
        // The wall clock was set back by a minute: only the other one noticed.
        switch.set(Some(held(2, (now.0 + SignedDuration::from_mins(1), now.1))));
        assert!(switch.check(longest()).is_ok());
        tokio::time::sleep(Duration::from_secs(31)).await;
        assert!(switch.check(longest()).is_err() && switch.leading().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_ends_with_the_lease_and_not_with_a_renewal() {
        let clock = clock();
        let switch = leads(&clock);
        let began = clock.monotonic();
        let renewing = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            switch.set(Some(held(1, (clock.now(), clock.monotonic()))));
        };
        tokio::join!(switch.closed(), renewing);
        assert_eq!(clock.monotonic() - began, Duration::from_secs(35));

        let switch = leads(&clock);
        let losing = async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            switch.set(None);
        };
        let began = clock.monotonic();
        tokio::join!(switch.closed(), losing);
        assert_eq!(clock.monotonic() - began, Duration::from_secs(2));
        // Another epoch is another lease.
        switch.set(Some(held(3, (clock.now(), clock.monotonic()))));
        switch.lost(2).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_about_to_leave_begins_nothing_and_may_still_write() {
        let clock = clock();
        let switch = leads(&clock);
        switch.leave();
        assert!(switch.check(longest()).unwrap_err().contains("about to stop"));
        assert!(switch.leading().is_some());
        // A renewal does not open it again.
        switch.set(Some(held(1, (clock.now(), clock.monotonic()))));
        assert!(switch.check(longest()).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shut_switch_stays_shut() {
        let clock = clock();
        let switch = Switch::shut(clock.clone(), "read-only");
        switch.set(Some(held(1, (clock.now(), clock.monotonic()))));
        assert_eq!(switch.check(longest()), Err("read-only".to_owned()));
        assert_eq!((switch.leading(), switch.remaining()), (None, None));
    }
}
