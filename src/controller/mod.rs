//! The loop: lease, wake-ups, cadence, turns. A turn takes no hint of what
//! changed; being woken only makes the next one come sooner.

mod cadence;
mod keeper;
mod lease;
mod start;
mod vitals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::act::{Acted, Actor, Done, Outcome};
use crate::aws::Budget;
use crate::clock::Clock;
use crate::model::{EnvironmentId, Feature, OrphanRequest, Snapshot, StatusView};
use crate::observe::{Lead, ObserveError, Observed, Observer};
use crate::plan::{Action, Plan, Policy, Subject, Violation, check, plan};
use crate::status::{
    FLEET_DOCUMENT, FleetView, GUARDS_DOCUMENT, ORPHANS_DOCUMENT, PAUSE_DOCUMENT, TURN_DOCUMENT, TurnView,
    derive, fleet,
};
use crate::store::{BATCH_MOST, Batch, Expect, Fence, Rows, Store, StoreError, Write};

pub use cadence::Cadence;
pub use lease::{Leading, Standing, Switch};
pub use start::{BUCKET_DOCUMENT, ControllerError, Introduction, Setup};
pub use vitals::{FleetCounts, LastTurn, Pulse, Vitals};

/// How long the calls under way may take to be answered after the stop. A
/// planned hand-over takes no longer than a second in all.
const STOP_WITHIN: Duration = Duration::from_millis(500);

/// The controller of one installation.
pub struct Controller {
    store: Arc<dyn Store>,
    observer: Observer,
    actor: Actor,
    budget: Budget,
    policy: Policy,
    cadence: Cadence,
    clock: Clock,
    switch: Arc<Switch>,
    holder: String,
    lease: jiff::SignedDuration,
    read_only: bool,
    introduction: Introduction,
    vitals: Vitals,
}

/// What a turn did.
#[derive(Clone, Debug)]
pub struct Turn {
    /// What was observed.
    pub snapshot: Snapshot,
    /// What was decided.
    pub plan: Plan,
    /// What became of it.
    pub outcomes: Vec<Outcome>,
    /// What became of orphans, by id.
    pub orphans: Vec<(EnvironmentId, Done)>,
    /// Steps that the independent checker dropped: defects of the planner.
    pub violations: Vec<Violation>,
    /// The status rows after it.
    pub statuses: BTreeMap<crate::model::FeatureName, StatusView>,
    /// When to look next, if nothing wakes the loop before.
    pub pause: Duration,
    /// The rows that it was decided on.
    rows: Arc<Rows>,
}

/// Why a turn came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TurnError {
    /// Nothing could be read to decide on.
    #[error("the turn could not begin")]
    Observe(#[from] ObserveError),
    /// What was decided or derived could not be written.
    #[error("the turn could not be written down")]
    Store(#[from] StoreError),
}

impl Controller {
    /// Who we are and what we would own.
    pub fn introduction(&self) -> &Introduction {
        &self.introduction
    }

    /// What the loop tells of itself, also while it runs.
    pub fn vitals(&self) -> Vitals {
        self.vitals.clone()
    }

    /// Runs until told to stop, and gives the lease back then. No call begins
    /// after the stop; those under way have a moment to be answered, and what
    /// is not answered then is written down as open for whoever leads next.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), ControllerError> {
        if !self.read_only && !self.take_possession(&stop).await? {
            return Ok(());
        }
        let kept = CancellationToken::new();
        let keeper = (!self.read_only).then(|| {
            let keeper = keeper::Keeper {
                store: self.store.clone(),
                switch: self.switch.clone(),
                holder: self.holder.clone(),
                length: self.lease,
                watch: self.cadence.watch,
                clock: self.clock.clone(),
            };
            // Whoever drops this loop drops the lease's keeper too.
            AbortOnDropHandle::new(tokio::spawn(keeper::keep(keeper, kept.clone())))
        });
        self.wheel(&stop).await;
        kept.cancel();
        if let Some(keeper) = keeper {
            let _ = keeper.await;
        }
        Ok(())
    }

    /// Turn after turn, while leading.
    async fn wheel(&mut self, stop: &CancellationToken) {
        let mut failures = 0u32;
        let switch = self.switch.clone();
        while !stop.is_cancelled() {
            self.vitals.moved();
            let leading = switch.leading();
            if leading.is_none() && !self.read_only {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = switch.changed() => {}
                    () = tokio::time::sleep(Duration::from_secs(1)) => {}
                }
                continue;
            }
            let epoch = leading.as_ref().map(|leading| leading.fence.epoch);
            tokio::select! {
                biased;
                // Whatever it was about to do, somebody else may be doing.
                () = lost(&switch, epoch) => tracing::warn!("the lease is over; what was begun is given up"),
                () = self.turn_and_rest(leading.map(|leading| leading.fence), &mut failures, stop) => {}
                // What is cut off here is what a crash cuts off: the next
                // leader finds it.
                () = grace_after(stop, &switch) => return,
            }
        }
    }

    /// A turn, and the rest until the next one is due.
    async fn turn_and_rest(&mut self, fence: Option<Fence>, failures: &mut u32, stop: &CancellationToken) {
        self.vitals.turn_begins();
        let turn = self.turn(fence).await;
        self.vitals.turn_ended(&turn);
        let pause = match turn {
            Ok(turn) => {
                *failures = 0;
                self.rest(&turn).await
            }
            Err(error) => {
                *failures = (*failures + 1).min(5);
                tracing::warn!(error = %chain(&error), "no turn this time");
                Some((Duration::from_secs(1 << *failures), None))
            }
        };
        if let Some((pause, revision)) = pause {
            self.sleep(pause, revision, stop).await;
        }
    }

    /// One turn: observe, plan, check, act, status.
    pub async fn turn(&mut self, fence: Option<Fence>) -> Result<Turn, TurnError> {
        let looked = self.clock.monotonic();
        let lead = Lead { epoch: fence.as_ref().map(|fence| fence.epoch), quiet: self.quiet(looked) };
        let Observed { snapshot, rows, .. } =
            self.observer.observe(self.store.as_ref(), &self.policy, lead, &[]).await?;
        let mut plan = plan(&snapshot, &self.policy);
        let violations = drop_violations(&snapshot, &mut plan);
        let Acted { features: outcomes, orphans } = if self.read_only {
            Acted::default()
        } else {
            self.actor.act(plan.clone(), &snapshot, &rows, fence.clone(), looked).await?
        };
        report(&plan, &outcomes, &orphans, self.read_only);
        let mut statuses = derive(&snapshot, &plan, &self.policy, &rows.statuses);
        for outcome in &outcomes {
            // What was not done is not told; the next turn tells it.
            if matches!(outcome.result, Done::Stale | Done::Fenced | Done::StoreFailed(_)) {
                match rows.statuses.get(&outcome.feature) {
                    Some(before) => statuses.insert(outcome.feature.clone(), before.clone()),
                    None => statuses.remove(&outcome.feature),
                };
            }
        }
        let pause = self.cadence.pause(&snapshot, &plan, statuses.values());
        let pause = pause.mul_f64(self.budget.stretch());
        if !self.read_only {
            let took = self.clock.monotonic().saturating_sub(looked);
            let turn = TurnView {
                at: snapshot.now,
                epoch: snapshot.epoch,
                took: took.try_into().unwrap_or_default(),
                next: snapshot.now.checked_add(pause).unwrap_or(snapshot.now),
            };
            self.write_status(&plan, &snapshot, &rows, &statuses, &turn, fence).await?;
        }
        Ok(Turn { snapshot, plan, outcomes, orphans, violations, statuses, pause, rows })
    }

    /// How long nothing may be destroyed yet, because the lease was taken over
    /// from somebody who did not give it back.
    fn quiet(&self, looked: Duration) -> Option<Duration> {
        let until = self.switch.leading()?.quiet_until?;
        until.checked_sub(looked).filter(|left| !left.is_zero())
    }

    /// Observe and plan, and nothing else. `overlay` are specifications that
    /// are looked at as if they were applied already.
    pub async fn preview(&mut self, overlay: Vec<Feature>) -> Result<(Snapshot, Plan), TurnError> {
        let observed =
            self.observer.observe(self.store.as_ref(), &self.policy, Lead::default(), &overlay).await?;
        let plan = plan(&observed.snapshot, &self.policy);
        Ok((observed.snapshot, plan))
    }

    /// Writes what readers see, where it says something new.
    async fn write_status(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        rows: &Rows,
        statuses: &BTreeMap<crate::model::FeatureName, StatusView>,
        turn: &TurnView,
        fence: Option<Fence>,
    ) -> Result<(), StoreError> {
        let mut writes: Vec<Write> = statuses
            .iter()
            .filter(|(name, view)| rows.statuses.get(*name) != Some(view))
            .map(|(_, view)| Write::PutStatus(Box::new(view.clone())))
            .collect();
        let gone = rows.statuses.keys().filter(|name| !statuses.contains_key(*name));
        writes.extend(gone.cloned().map(Write::DeleteStatus));
        let account = fleet(plan, snapshot.skew, &self.holder, snapshot.epoch);
        let before: Option<FleetView> = read(rows, FLEET_DOCUMENT);
        if !before.is_some_and(|before| before.says_the_same(&account)) {
            writes.extend(document(FLEET_DOCUMENT, &account));
        }
        if turn.is_news_after(read(rows, TURN_DOCUMENT).as_ref()) {
            writes.extend(document(TURN_DOCUMENT, turn));
        }
        // Each row stands for itself; what a failure leaves out is written in
        // the next turn.
        for writes in writes.chunks(BATCH_MOST) {
            self.store.commit(Batch { fence: fence.clone(), writes: writes.to_vec() }).await?;
        }
        Ok(())
    }

    /// How long to rest, and the revision that rest begins with; `None` when
    /// somebody else wrote meanwhile, so that there is no rest.
    async fn rest(&self, turn: &Turn) -> Option<(Duration, Option<u64>)> {
        match self.store.load().await {
            Ok(rows) if same_wishes(&turn.rows, &rows) => Some((turn.pause, Some(rows.revision))),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the store did not answer");
                Some((Duration::from_secs(1), None))
            }
        }
    }

    /// Sleeps until the pause is over, the store changed, or told to stop.
    /// Writers within a moment are one turn.
    async fn sleep(&self, pause: Duration, revision: Option<u64>, stop: &CancellationToken) {
        let until = self.clock.monotonic() + pause;
        loop {
            self.vitals.moved();
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(left.min(self.cadence.store)) => {}
            }
            if let (Some(before), Ok(now)) = (revision, self.store.revision().await)
                && before != now
            {
                return;
            }
        }
    }
}

/// A document as it was read; none where there is none, or where it cannot be
/// read: it is derived, so another one comes.
fn read<T: serde::de::DeserializeOwned>(rows: &Rows, name: &str) -> Option<T> {
    serde_json::from_str(&rows.documents.get(name)?.body).ok()
}

/// The write of a derived document.
fn document<T: serde::Serialize>(name: &str, value: &T) -> Option<Write> {
    let body = serde_json::to_string(value).ok()?;
    Some(Write::PutDocument { name: name.to_owned(), body, expect: Expect::Any })
}

/// Ends when the lease of this epoch is lost; never for who holds none.
async fn lost(switch: &Switch, epoch: Option<u64>) {
    match epoch {
        Some(epoch) => switch.lost(epoch).await,
        None => std::future::pending().await,
    }
}

/// Lets nothing new begin after the stop, and ends some time later.
async fn grace_after(stop: &CancellationToken, switch: &Switch) {
    stop.cancelled().await;
    switch.leave();
    tokio::time::sleep(STOP_WITHIN).await;
}

/// Whether people's side of the store is as it was: specifications, asks and
/// the documents that people write.
fn same_wishes(before: &Rows, after: &Rows) -> bool {
    let specs = |rows: &Rows| -> Vec<_> {
        rows.specs.iter().map(|(name, spec)| (name.clone(), spec.version)).collect()
    };
    let asks = |rows: &Rows| -> Vec<_> {
        rows.records
            .iter()
            .filter_map(|(name, stored)| match &stored.body {
                crate::store::RecordBody::Readable(record) => Some((name.clone(), record.asks.clone())),
                crate::store::RecordBody::Unreadable { .. } => None,
            })
            .filter(|(_, asks)| *asks != crate::model::Asks::default())
            .collect()
    };
    let approved = |rows: &Rows| -> Option<crate::model::GuardLedger> { read(rows, GUARDS_DOCUMENT) };
    let orphans = |rows: &Rows| -> Vec<_> {
        let requests: BTreeMap<EnvironmentId, OrphanRequest> =
            read(rows, ORPHANS_DOCUMENT).unwrap_or_default();
        requests.into_iter().map(|(id, request)| (id, request.ask)).collect()
    };
    let paused = |rows: &Rows| rows.documents.get(PAUSE_DOCUMENT).cloned();
    specs(before) == specs(after)
        && asks(before) == asks(after)
        && paused(before) == paused(after)
        // What was served goes away by itself.
        && orphans(after).iter().all(|ask| orphans(before).contains(ask))
        && approved(after).is_none_or(|after| {
            approved(before).map(|before| before.approved).unwrap_or_default() == after.approved
        })
}

/// Drops steps that the independent checker names. They are defects of the
/// planner; nothing of theirs goes out.
fn drop_violations(snapshot: &Snapshot, plan: &mut Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    for violation in check(snapshot, plan) {
        tracing::error!(subject = %violation.subject, what = %violation.what, "a step was dropped by the checker");
        match &violation.subject {
            Subject::Feature(name) => drop(plan.steps.remove(name)),
            Subject::Orphan(id) => drop(plan.orphans.remove(id)),
        }
        violations.push(violation);
    }
    violations
}

/// Tells the log what went out, or what would have.
fn report(plan: &Plan, outcomes: &[Outcome], orphans: &[(EnvironmentId, Done)], read_only: bool) {
    if read_only {
        for (feature, action) in
            plan.steps.iter().filter_map(|(name, step)| Some((name, step.action.as_ref()?)))
        {
            tracing::info!(%feature, verb = verb(action), "would be called; this is read-only");
        }
    }
    for outcome in outcomes {
        let action = plan.steps.get(&outcome.feature).and_then(|step| step.action.as_ref());
        match (&outcome.result, action.map(verb)) {
            (Done::Noted, _) => {}
            (Done::Called(reply), Some(verb)) => {
                tracing::info!(feature = %outcome.feature, verb, ?reply, "called");
            }
            (result, verb) => tracing::info!(feature = %outcome.feature, verb, ?result, "acted"),
        }
    }
    for (id, result) in orphans.iter().filter(|(_, result)| *result != Done::Noted) {
        tracing::info!(orphan = %id, verb = END_ORPHAN, ?result, "acted");
    }
}

/// The verb of what is done about an orphan.
const END_ORPHAN: &str = "end-orphan";

fn verb(action: &Action) -> &'static str {
    match action {
        Action::Launch(..) => "launch",
        Action::Configure(_) => "configure",
        Action::Deploy(..) => "deploy",
        Action::Destroy(_) => "destroy",
        Action::Tidy(_) => "tidy",
        Action::Adopt(_) => "adopt",
    }
}

/// An error with its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
