//! Leading: the lease is taken, kept and given back here, and the switch that
//! every mutating call passes is set by it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::aws::{Gate, Verb};
use crate::clock::Clock;
use crate::store::{Fence, Lease, LeaseRow, Store, StoreError};

/// A call starts only while at least this much of the lease is left.
const MARGIN: Duration = Duration::from_secs(1);

/// Whether this process may act at this moment. Shared by the keeper of the
/// lease and the connector.
pub struct Switch {
    clock: Clock,
    state: Mutex<State>,
    changed: tokio::sync::Notify,
}

#[derive(Debug)]
enum State {
    /// Not leading.
    Follows,
    /// Leading, under this lease, renewed at these two times.
    Leads { lease: Lease, wall: Timestamp, monotonic: Duration },
    /// Never acts, and why.
    Shut(String),
}

impl fmt::Debug for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Switch").field("state", &*self.lock()).finish_non_exhaustive()
    }
}

impl Switch {
    /// A switch of a process that does not lead yet.
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::new(State::Follows), changed: tokio::sync::Notify::new() })
    }

    /// A switch that lets no mutating call pass, ever.
    pub fn shut(clock: Clock, why: &str) -> Arc<Self> {
        let state = Mutex::new(State::Shut(why.to_owned()));
        Arc::new(Self { clock, state, changed: tokio::sync::Notify::new() })
    }

    /// The fence for writes, while we lead.
    pub fn fence(&self) -> Option<Fence> {
        match &*self.lock() {
            State::Leads { lease, wall, monotonic }
                if self.left(lease, *wall, *monotonic) > Duration::ZERO =>
            {
                Some(Fence { holder: lease.holder.clone(), epoch: lease.epoch })
            }
            _ => None,
        }
    }

    /// Waits until [`Switch::fence`] may have changed.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Sets what the store answered to a request that was sent at `sent`: the
    /// lease counts from there, not from the answer.
    fn set(&self, lease: Option<Lease>, sent: (Timestamp, Duration)) {
        let (wall, monotonic) = sent;
        let mut state = self.lock();
        if !matches!(*state, State::Shut(_)) {
            *state = match lease {
                Some(lease) => State::Leads { lease, wall, monotonic },
                None => State::Follows,
            };
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What is left of a lease: a monotonic clock stands still while the
    /// machine sleeps, a wall clock may be set back; the larger time since
    /// renewal counts.
    fn left(&self, lease: &Lease, wall: Timestamp, monotonic: Duration) -> Duration {
        let by_wall = self.clock.now().duration_since(wall).max(SignedDuration::ZERO).unsigned_abs();
        let by_monotonic = self.clock.monotonic().saturating_sub(monotonic);
        lease.length.unsigned_abs().saturating_sub(by_wall.max(by_monotonic))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Switch {
    fn check(&self, _verb: &Verb) -> Result<(), String> {
        match &*self.lock() {
            State::Follows => Err("this process does not lead".to_owned()),
            State::Shut(why) => Err(why.clone()),
            State::Leads { lease, wall, monotonic } => {
                if self.left(lease, *wall, *monotonic) > MARGIN {
                    Ok(())
                } else {
                    Err("the lease is about to end".to_owned())
                }
            }
        }
    }
}

/// Keeps the lease until told to stop, and gives it back then.
pub(super) async fn keep(
    store: Arc<dyn Store>,
    switch: Arc<Switch>,
    holder: String,
    length: SignedDuration,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut keeper = Keeper { store, switch, holder, length, clock, seen: None, lease: None };
    let third = length.unsigned_abs() / 3;
    loop {
        keeper.beat().await;
        // A leader renews in good time; who waits for the lease looks more often.
        let pause = if keeper.lease.is_some() { third } else { third.min(Duration::from_secs(5)) };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    keeper.give_back().await;
}

struct Keeper {
    store: Arc<dyn Store>,
    switch: Arc<Switch>,
    holder: String,
    length: SignedDuration,
    clock: Clock,
    /// Another holder's row, and since when it has looked like this.
    seen: Option<(Option<LeaseRow>, Duration)>,
    lease: Option<Lease>,
}

impl Keeper {
    async fn beat(&mut self) {
        let kept = match self.lease.clone() {
            Some(lease) => self.renew(lease).await,
            None => self.acquire().await,
        };
        if let Err(error) = kept {
            // The switch closes by itself when the time is over.
            tracing::warn!(%error, "the lease could not be kept this time");
        }
    }

    async fn renew(&mut self, lease: Lease) -> Result<(), StoreError> {
        let sent = self.moment();
        let renewed = self.store.renew(&lease).await?;
        if renewed.is_none() {
            tracing::warn!(epoch = lease.epoch, "the lease was lost");
        }
        self.lease = renewed;
        self.switch.set(self.lease.clone(), sent);
        Ok(())
    }

    /// Takes the lease when it is free, or when its row has not changed for
    /// its whole length by our own clock.
    async fn acquire(&mut self) -> Result<(), StoreError> {
        let row = self.store.lease().await?;
        let now = self.clock.monotonic();
        let since = match &self.seen {
            Some((before, since)) if *before == row => *since,
            _ => {
                self.seen = Some((row.clone(), now));
                now
            }
        };
        let over = match &row {
            None => true,
            Some(row) if row.holder.is_none() => true,
            Some(row) => now.saturating_sub(since) > row.length.unsigned_abs(),
        };
        if !over {
            return Ok(());
        }
        let sent = self.moment();
        self.lease = self.store.acquire(&self.holder, self.length, row.as_ref()).await?;
        if let Some(lease) = &self.lease {
            tracing::info!(epoch = lease.epoch, "this process leads");
            self.seen = None;
            self.switch.set(Some(lease.clone()), sent);
        }
        Ok(())
    }

    fn moment(&self) -> (Timestamp, Duration) {
        (self.clock.now(), self.clock.monotonic())
    }

    async fn give_back(&mut self) {
        self.switch.set(None, self.moment());
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.store.release(&lease).await
        {
            tracing::warn!(%error, "the lease could not be given back; it ends by itself");
        }
    }
}
