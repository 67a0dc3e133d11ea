//! Carries out a plan; chooses nothing. For every step the record is written
//! first, in one transaction with a check of the lease, then the call is
//! made, then its answer is noted. A crash between any two of these is
//! repaired by the next turn from what it observes.

mod orphans;
mod steps;

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;

use crate::aws::{Clients, Gate, Verb};
use crate::clock::Clock;
use crate::model::{EnvironmentId, FeatureName, Reply, Snapshot};
use crate::plan::{Action, Memory, News, Plan, Step};
use crate::provider::{Beanstalk, Bundles};
use crate::status::{GUARDS_DOCUMENT, PAUSE_DOCUMENT};
use crate::store::{Batch, EventRow, Expect, Fence, Rows, Store, StoreError, Write};

/// How many features are acted on side by side: Beanstalk's own calls to
/// other services are throttled too.
const SIDE_BY_SIDE: usize = 4;

/// How long after the observation began a call may still be sent. Later it is
/// given up unsent: the planner may soon take it for lost.
const SEND_WITHIN: Duration = Duration::from_secs(30);

/// Carries out plans.
#[derive(Clone)]
pub struct Actor {
    beanstalk: Beanstalk,
    bundles: Bundles,
    store: Arc<dyn Store>,
    clock: Clock,
    gate: Arc<dyn Gate>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whose step it was.
    pub feature: FeatureName,
    /// What became of it.
    pub result: Done,
}

/// What became of everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acted {
    /// Of features' steps.
    pub features: Vec<Outcome>,
    /// Of orphans, by id.
    pub orphans: Vec<(EnvironmentId, Done)>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// The record was written, and no call was due.
    Noted,
    /// The call was made, with this answer.
    Called(Reply),
    /// The call was made, and its answer could not be noted; the next turn
    /// finds it.
    Unnoted(Reply),
    /// A row had changed meanwhile; nothing was done.
    Stale,
    /// The lease was lost, is about to end or is being given back; nothing
    /// was done.
    Fenced,
    /// The store failed; nothing was done.
    StoreFailed(String),
    /// Leftovers were removed: this many, of so many.
    Tidied(usize, usize),
}

impl Actor {
    /// An actor on one account, for one store. `owner` is the account that
    /// must own the bucket of our bundles. `gate` is the one that the clients
    /// were built with: it is asked before anything is written down, too.
    pub fn new(
        clients: Clients,
        owner: Option<String>,
        store: Arc<dyn Store>,
        clock: Clock,
        gate: Arc<dyn Gate>,
    ) -> Self {
        Self {
            beanstalk: Beanstalk::new(clients.clone()),
            bundles: Bundles::new(clients, owner),
            store,
            clock,
            gate,
        }
    }

    /// Carries a plan out. The guards' marks are written before any step:
    /// what a crash leaves unsent counts as sent. `looked` is when observation
    /// began, by the monotonic clock: what is older than a while is not acted on.
    pub async fn act(
        &self,
        plan: Plan,
        snapshot: &Snapshot,
        rows: &Rows,
        fence: Option<Fence>,
        looked: Duration,
    ) -> Result<Acted, StoreError> {
        // Marks that no call can follow would only use the guards up.
        if plan.calls() && !self.may_call() {
            let fenced = |feature| Outcome { feature, result: Done::Fenced };
            return Ok(Acted {
                features: plan.steps.into_keys().map(fenced).collect(),
                orphans: plan.orphans.into_keys().map(|id| (id, Done::Fenced)).collect(),
            });
        }
        self.mark_guards(&plan, snapshot, rows, fence.as_ref()).await?;
        let now = plan.now;
        let orphans = self.orphans(plan.orphans, now, rows, fence.as_ref(), looked);
        let features = futures::stream::iter(plan.steps)
            .map(|(feature, step)| {
                let expect =
                    rows.specs.get(&feature).map_or(Expect::Absent, |spec| Expect::Version(spec.version));
                self.step(feature, step, expect, now, fence.clone(), looked)
            })
            .buffer_unordered(SIDE_BY_SIDE)
            .collect();
        // One after the other: the store's rows of features come first.
        let features = features.await;
        Ok(Acted { features, orphans: orphans.await })
    }

    async fn mark_guards(
        &self,
        plan: &Plan,
        snapshot: &Snapshot,
        rows: &Rows,
        fence: Option<&Fence>,
    ) -> Result<(), StoreError> {
        if plan.guards == snapshot.guards {
            return Ok(());
        }
        let expect = rows
            .documents
            .get(GUARDS_DOCUMENT)
            .map_or(Expect::Absent, |document| Expect::Version(document.version));
        let body = serde_json::to_string(&plan.guards).map_err(|source| StoreError::Unusable {
            place: GUARDS_DOCUMENT.to_owned(),
            source: Box::new(source),
        })?;
        let write = Write::PutDocument { name: GUARDS_DOCUMENT.to_owned(), body, expect };
        self.store.commit(Batch { fence: fence.cloned(), writes: vec![write] }).await
    }

    /// Whether a call could go out at this moment.
    fn may_call(&self) -> bool {
        Verb::find("Elastic Beanstalk", "CreateEnvironment")
            .is_some_and(|longest| self.gate.check(longest).is_ok())
    }

    /// Whether people paused the controller while the turn was under way. A
    /// store that does not answer stops the step anyway.
    async fn is_paused(&self) -> bool {
        match self.store.document(PAUSE_DOCUMENT).await {
            Ok(document) => document.is_some_and(|document| document.body.trim() != "null"),
            Err(_) => true,
        }
    }

    /// One feature's step: memory, call, answer.
    async fn step(
        &self,
        feature: FeatureName,
        step: Step,
        spec: Expect,
        now: jiff::Timestamp,
        fence: Option<Fence>,
        looked: Duration,
    ) -> Outcome {
        let late = || self.clock.monotonic().saturating_sub(looked) > SEND_WITHIN;
        let Step { memory, action, news } = step;
        let mut writes = match memory {
            Memory::Keep => Vec::new(),
            Memory::Write(record, version) => {
                vec![Write::PutRecord { record, expect: version.map_or(Expect::Absent, Expect::Version) }]
            }
            Memory::Forget(version) => {
                vec![Write::DeleteRecord { feature: feature.clone(), expect: Expect::Version(version) }]
            }
        };
        if action.is_some() {
            if !self.may_call() {
                return Outcome { feature, result: Done::Fenced };
            }
            if late() || self.is_paused().await {
                return Outcome { feature, result: Done::Stale };
            }
            // A row that returned or changed since it was read stops the call.
            writes.push(Write::CheckSpec { feature: feature.clone(), expect: spec });
        }
        writes.extend(news.into_iter().map(|news| Write::AddEvent(event(&feature, now, news))));
        if !writes.is_empty()
            && let Err(error) = self.store.commit(Batch { fence: fence.clone(), writes }).await
        {
            return Outcome { feature, result: refused_by_store(error) };
        }
        let result = match action {
            None => Done::Noted,
            Some(Action::Tidy(remains)) => self.tidy(&feature, remains, fence).await,
            Some(action) => {
                let answer = self.call(action, late).await;
                self.note(&feature, answer, fence).await
            }
        };
        Outcome { feature, result }
    }
}

fn event(feature: &FeatureName, at: jiff::Timestamp, news: News) -> EventRow {
    let News { severity, reason, message } = news;
    EventRow { feature: feature.clone(), at, severity, reason: reason.to_owned(), message }
}

fn refused_by_store(error: StoreError) -> Done {
    match error {
        StoreError::Conflict { .. } => Done::Stale,
        StoreError::Fenced => Done::Fenced,
        other => Done::StoreFailed(other.to_string()),
    }
}
