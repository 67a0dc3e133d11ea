//! The lease's keeper: takes it when it is free or its holder is silent,
//! renews it, and gives it back at the end. It runs beside the loop, so that
//! no turn, however long, delays it.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::lease::{self, Held, Switch};
use crate::clock::Clock;
use crate::store::{Lease, LeaseRow, Store, StoreError};

/// How long giving back may take; afterwards the lease ends by itself.
const GIVE_BACK: Duration = Duration::from_secs(2);

/// Who keeps which lease where.
pub(super) struct Keeper {
    pub(super) store: Arc<dyn Store>,
    pub(super) switch: Arc<Switch>,
    pub(super) holder: String,
    pub(super) length: SignedDuration,
    /// How often the lease row is looked at while somebody else leads.
    pub(super) watch: Duration,
    pub(super) clock: Clock,
}

/// Keeps the lease until told to stop, and gives it back then.
pub(super) async fn keep(keeper: Keeper, stop: CancellationToken) {
    let mut keeping = Keeping { keeper, seen: None, lease: None, asked: None };
    loop {
        let beat = async {
            let pause = keeping.beat().await;
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = beat => {}
        }
    }
    keeping.give_back().await;
}

struct Keeping {
    keeper: Keeper,
    /// The row as somebody else left it, and since when it has looked so.
    seen: Option<(Option<LeaseRow>, Duration)>,
    lease: Option<Lease>,
    /// A grant was asked for and its answer is not known: how long to be
    /// quiet if it turns out to be ours.
    asked: Option<Duration>,
}

impl Keeping {
    /// One look or renewal; answers how long to wait for the next.
    async fn beat(&mut self) -> Duration {
        let length = self.keeper.length;
        // A store that does not answer must not keep us from trying again.
        let patience = lease::renewal(length) * 2;
        let held = self.lease.clone();
        let leads = held.is_some();
        let work = async {
            match held {
                Some(lease) => self.renew(lease).await,
                None => self.acquire().await,
            }
        };
        let error = match tokio::time::timeout(patience, work).await {
            Ok(Ok(())) if self.lease.is_some() => return lease::renewal(length),
            Ok(Ok(())) => return self.keeper.watch.min(length.unsigned_abs() / 12),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store did not answer in time".to_owned(),
        };
        // The switch closes by itself when the time is over.
        if leads {
            tracing::warn!(%error, "the lease could not be renewed this time");
        } else {
            tracing::debug!(%error, "the lease could not be looked at this time");
        }
        (length.unsigned_abs() / 30).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }

    async fn renew(&mut self, lease: Lease) -> Result<(), StoreError> {
        let sent = self.moment();
        let renewed = match self.keeper.store.renew(&lease).await {
            // The store goes on elsewhere, and perhaps under another leader.
            Err(held @ StoreError::Held(_)) => {
                self.lease = None;
                self.keeper.switch.set(None);
                return Err(held);
            }
            answer => answer?,
        };
        if renewed.is_none() {
            tracing::warn!(epoch = lease.epoch, "the lease was lost");
        }
        self.lease = renewed;
        self.keeper.switch.set(self.lease.clone().map(|lease| Held::new(lease, sent, None)));
        Ok(())
    }

    /// Takes the lease when it is free, or when its row has not changed for
    /// its whole length by our own clock.
    async fn acquire(&mut self) -> Result<(), StoreError> {
        let row = self.keeper.store.lease().await?;
        if let Some(row) = row.as_ref().filter(|row| row.holder.as_ref() == Some(&self.keeper.holder)) {
            return self.take_up(row).await;
        }
        let now = self.keeper.clock.monotonic();
        let since = match &self.seen {
            Some((before, since)) if *before == row => *since,
            _ => {
                self.seen = Some((row.clone(), now));
                now
            }
        };
        let (over, quiet) = match &row {
            // Nobody ever led; or somebody removed the row, and who it named
            // may not have noticed.
            None => (true, self.keeper.length.unsigned_abs() + lease::deadline(self.keeper.length)),
            Some(row) if row.holder.is_none() => (true, Duration::ZERO),
            Some(row) => (now.saturating_sub(since) > row.length.unsigned_abs(), lease::deadline(row.length)),
        };
        if !over {
            return Ok(());
        }
        let sent = self.moment();
        self.asked = Some(quiet);
        let Keeper { store, holder, length, clock, .. } = &self.keeper;
        let granted = store.acquire(holder, *length, clock.now(), row.as_ref()).await?;
        self.asked = None;
        if let Some(lease) = granted {
            let first = row.is_none() && lease.epoch == 1;
            self.lead(lease, sent, if first { Duration::ZERO } else { quiet });
        }
        Ok(())
    }

    /// The row names us, though no grant is known to us: its answer was lost.
    /// The name is this process's alone, so the lease is ours.
    async fn take_up(&mut self, row: &LeaseRow) -> Result<(), StoreError> {
        let sent = self.moment();
        let lease = Lease {
            holder: self.keeper.holder.clone(),
            epoch: row.epoch,
            beat: row.beat,
            length: row.length,
            since: row.since,
        };
        if let Some(lease) = self.keeper.store.renew(&lease).await? {
            // How it was come by is known only if this very process asked.
            let quiet = self.asked.take().unwrap_or_else(|| lease::deadline(row.length));
            self.lead(lease, sent, quiet);
        }
        Ok(())
    }

    fn lead(&mut self, lease: Lease, sent: (Timestamp, Duration), quiet: Duration) {
        tracing::info!(epoch = lease.epoch, quiet_seconds = quiet.as_secs_f64(), "this process leads");
        self.seen = None;
        self.lease = Some(lease.clone());
        let quiet_until = (!quiet.is_zero()).then(|| sent.1 + quiet);
        self.keeper.switch.set(Some(Held::new(lease, sent, quiet_until)));
    }

    fn moment(&self) -> (Timestamp, Duration) {
        (self.keeper.clock.now(), self.keeper.clock.monotonic())
    }

    async fn give_back(&mut self) {
        self.keeper.switch.set(None);
        let giving = async {
            let lease = match self.lease.take() {
                Some(lease) => lease,
                // Stopped in the middle of asking: the grant may have come.
                None if self.asked.is_some() => match self.keeper.store.lease().await? {
                    Some(row) => Lease {
                        holder: self.keeper.holder.clone(),
                        epoch: row.epoch,
                        beat: row.beat,
                        length: row.length,
                        since: row.since,
                    },
                    None => return Ok(()),
                },
                None => return Ok(()),
            };
            self.keeper.store.release(&lease).await
        };
        let error = match tokio::time::timeout(GIVE_BACK, giving).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store did not answer in time".to_owned(),
        };
        tracing::warn!(%error, "the lease could not be given back; it ends by itself");
    }
}
