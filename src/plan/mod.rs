//! Decisions: a pure function from a snapshot to a complete plan.
//!
//! The planner reads as a table. For every feature the same short steps run
//! in the same order; each may change the draft of the feature's record and
//! ends by saying what the feature's situation is. The first step that finds
//! a reason to wait ends the row. Nothing here reads a clock, draws a random
//! number, logs or performs I/O.

mod adopt;
mod beanstalk;
mod check;
mod converge;
mod draft;
mod evidence;
mod guards;
mod life;
mod locate;
mod orphans;
mod policy;
mod questions;
mod report;
mod sweep;
mod verdict;
mod wanted;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{
    Adopt, Configure, CreateEnvironment, CreateVersion, Deploy, EndOrphan, Entry, EnvironmentId, FeatureName,
    GuardLedger, OrphanRequest, PutBundle, Record, Severity, Snapshot, Terminate, VersionLabel,
};

pub use check::{Subject, Violation, check};
pub(crate) use policy::pace_key;
pub use policy::{Guards, Policy};
pub use questions::{Questions, questions};
pub use report::{Held, Report, Situation, Waiting};

use draft::Draft;
use guards::Budget;
use locate::{Fleet, Seen};

/// Everything that one turn does: complete values, nothing left to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The moment that the plan speaks of.
    pub now: Timestamp,
    /// The guards' marks, to be written before any step when they differ
    /// from the snapshot's.
    pub guards: GuardLedger,
    /// What is done, feature by feature.
    pub steps: BTreeMap<FeatureName, Step>,
    /// What is done about orphans that people want ended.
    pub orphans: BTreeMap<EnvironmentId, OrphanStep>,
    /// Why every feature moves or waits.
    pub report: Report,
}

/// What is done about one orphan: its request first, the call after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrphanStep {
    /// The request as it will be; `None`: it is served, and goes away.
    pub request: Option<OrphanRequest>,
    /// The one call.
    pub action: Option<EndOrphan>,
    /// Lines for its history, which stands under its id.
    pub news: Vec<News>,
}

/// What is done for one feature: its record first, the call after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What becomes of the record.
    pub memory: Memory,
    /// The one call.
    pub action: Option<Action>,
    /// Lines for the feature's history.
    pub news: Vec<News>,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Memory {
    /// It stays as it is.
    Keep,
    /// It is written, if it still has the version that was read (`None`:
    /// there was none).
    Write(Box<Record>, Option<u64>),
    /// It is removed, if it still has the version that was read.
    Forget(u64),
}

/// One call, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes the environment, with its first version.
    Launch(PutBundle, CreateVersion, Box<CreateEnvironment>),
    /// Changes options.
    Configure(Configure),
    /// Deploys a version.
    Deploy(PutBundle, CreateVersion, Deploy),
    /// Takes the environment down.
    Destroy(Terminate),
    /// Takes an orphan for the feature.
    Adopt(Adopt),
    /// Removes versions and bundles that nobody runs.
    Tidy(Vec<Remains>),
}

/// A version and its bundle, to be removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The version's application.
    pub application: crate::model::ApplicationName,
    /// The version.
    pub label: VersionLabel,
    /// The bundle's bucket.
    pub bucket: String,
    /// The bundle's key.
    pub key: String,
}

/// A line for a feature's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// How grave.
    pub severity: Severity,
    /// One CamelCase word for programs.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// Decides everything. The same snapshot gives the same plan, in whatever
/// order its parts were read, and planning again on what the plan wrote gives
/// an empty one.
pub fn plan(snapshot: &Snapshot, policy: &Policy) -> Plan {
    let fleet = Fleet::new(snapshot);
    let mut budget = Budget::new(snapshot, policy);
    let mut steps = BTreeMap::new();
    let mut report = Report::new(snapshot, &fleet, policy);
    for (name, entry) in &snapshot.features {
        let (draft, situation) = match &snapshot.paused {
            None => decide(name, entry, snapshot, policy, &fleet, &mut budget),
            Some(why) => paused(name, entry, snapshot, policy, &fleet, &mut budget, why),
        };
        let step = draft.into_step();
        if let Memory::Write(record, _) = &step.memory {
            report.records.insert(name.clone(), (**record).clone());
        } else if let Some(record) = entry.record() {
            report.records.insert(name.clone(), record.clone());
        }
        report.features.insert(name.clone(), situation);
        if step != Step::nothing() {
            steps.insert(name.clone(), step);
        }
    }
    let orphans = orphans::steps(snapshot, &fleet, &mut budget);
    report.requests = snapshot.orphans.clone();
    for (id, step) in &orphans {
        match &step.request {
            Some(request) => drop(report.requests.insert(id.clone(), request.clone())),
            None => drop(report.requests.remove(id)),
        }
    }
    report.held = budget.held();
    Plan { now: snapshot.now, guards: budget.into_ledger(), steps, orphans, report }
}

/// The row of the table: one feature, step by step.
fn decide<'a>(
    name: &'a FeatureName,
    entry: &'a Entry,
    snapshot: &'a Snapshot,
    policy: &Policy,
    fleet: &Fleet<'a>,
    budget: &mut Budget,
) -> (Draft<'a>, Situation) {
    let mut draft = Draft::new(name, entry);
    if let Some(why) = draft.unreadable() {
        return (draft, Situation::Unreadable { why });
    }
    let seen = take_note(&mut draft, snapshot, policy, fleet, budget);
    let situation = converge::converge(&mut draft, &seen, snapshot, policy, fleet, budget);
    sweep::sweep(&mut draft, snapshot, policy, fleet);
    (draft, situation)
}

/// The same while people pause the controller: what is observed is noted, and
/// what would be called is neither called nor counted.
fn paused<'a>(
    name: &'a FeatureName,
    entry: &'a Entry,
    snapshot: &'a Snapshot,
    policy: &Policy,
    fleet: &Fleet<'a>,
    budget: &mut Budget,
    why: &str,
) -> (Draft<'a>, Situation) {
    let (draft, situation) = decide(name, entry, snapshot, policy, fleet, &mut budget.clone());
    if draft.unreadable().is_some() {
        return (draft, situation);
    }
    let mut noted = Draft::new(name, entry);
    take_note(&mut noted, snapshot, policy, fleet, budget);
    match draft.action {
        None | Some(Action::Tidy(_)) => (noted, situation),
        Some(_) => (noted, Situation::Paused { why: why.to_owned() }),
    }
}

/// The part of the row that only notes what is observed: the specification,
/// the open intent, the ledger's line and the feature's life.
fn take_note<'s>(
    draft: &mut Draft,
    snapshot: &'s Snapshot,
    policy: &Policy,
    fleet: &Fleet<'s>,
    budget: &mut Budget,
) -> Seen<'s> {
    draft.note_specification(snapshot.now);
    let seen = locate::locate(draft, snapshot, fleet);
    verdict::close_intent(draft, &seen, snapshot, budget);
    let seen = locate::locate(draft, snapshot, fleet);
    locate::follow(draft, &seen, snapshot);
    let seen = locate::locate(draft, snapshot, fleet);
    if let Seen::Live(_) = seen {
        // One that was claimed just now is followed like any other.
        locate::follow(draft, &seen, snapshot);
    }
    life::forget_if_asked(draft, &seen);
    let seen = locate::locate(draft, snapshot, fleet);
    life::turn(draft, &seen, snapshot, policy);
    locate::locate(draft, snapshot, fleet)
}

impl Step {
    fn nothing() -> Self {
        Self { memory: Memory::Keep, action: None, news: Vec::new() }
    }
}

impl Plan {
    /// Whether anything is called.
    pub fn calls(&self) -> bool {
        self.steps.values().any(|step| step.action.is_some())
            || self.orphans.values().any(|step| step.action.is_some())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.orphans.is_empty()
    }
}
