//! What people are told about a feature, derived from a snapshot and a plan.
//! Losing it costs nothing. It is pure: the same snapshot gives the same
//! rows, and a row that says the same as before is the same value, so that
//! nothing is written in circles.

mod conditions;
mod fleet;
mod turn;
mod words;

use std::collections::BTreeMap;

use crate::model::{
    Deployed, DeployedView, EndReason, FeatureName, IntentKind, Life, Phase, Record, Snapshot, StatusView,
};
use crate::plan::{Plan, Policy, Situation, Waiting};

pub use fleet::{FLEET_DOCUMENT, FleetView, GUARDS_DOCUMENT, ORPHANS_DOCUMENT, PAUSE_DOCUMENT, Pause, fleet};
pub use turn::{TURN_DOCUMENT, TurnView};

/// The status rows after a plan. `previous` gives conditions the time of
/// their last transition, and a phase to features that no answer speaks of.
pub fn derive(
    snapshot: &Snapshot,
    plan: &Plan,
    policy: &Policy,
    previous: &BTreeMap<FeatureName, StatusView>,
) -> BTreeMap<FeatureName, StatusView> {
    plan.report
        .features
        .iter()
        .filter(|(name, _)| !forgotten(plan, name))
        .map(|(name, situation)| {
            (name.clone(), derive_one(name, situation, snapshot, plan, policy, previous.get(name)))
        })
        .collect()
}

/// Whether the plan removes the feature's last row.
fn forgotten(plan: &Plan, name: &FeatureName) -> bool {
    plan.steps.get(name).is_some_and(|step| matches!(step.memory, crate::plan::Memory::Forget(_)))
}

fn derive_one(
    name: &FeatureName,
    situation: &Situation,
    snapshot: &Snapshot,
    plan: &Plan,
    policy: &Policy,
    previous: Option<&StatusView>,
) -> StatusView {
    let blank = Record::new(name.clone());
    let record = plan.report.records.get(name).unwrap_or(&blank);
    let feature = snapshot.features.get(name).and_then(|entry| entry.feature());
    let phase = phase(situation, record, previous);
    let words = words::words(situation, record, phase);
    let ledger = record.identity.ledger.as_ref();
    let ended = matches!(record.life, Life::Expired { .. } | Life::Deleted { .. });
    let since = match record.life {
        Life::Wanted { since, .. } | Life::Ending { since, .. } => since,
        Life::Expired { .. } | Life::Deleted { .. } => None,
    };
    let mut view = StatusView {
        feature: name.clone(),
        observed_spec_hash: record.spec_hash.clone(),
        observed_generation: record.generation,
        phase,
        happened: words.happened,
        next: words.next,
        next_at: words.next_at,
        advice: words.advice,
        url: ledger.filter(|ledger| ledger.id.is_some()).and_then(|ledger| ledger.url.clone()),
        environment: ledger.map(|ledger| ledger.name.clone()),
        environment_id: ledger.and_then(|ledger| ledger.id.clone()),
        version_label: record.wanted.as_ref().map(|wanted| wanted.label.clone()).filter(|_| !ended),
        deployed: record.deployed.as_ref().filter(|_| !ended).map(deployed),
        wanted_image: feature.and_then(|feature| feature.spec.image.clone()),
        wanted_digest: record.wanted.as_ref().and_then(|wanted| wanted.digest.clone()),
        created_at: since,
        expires_at: feature
            .filter(|_| !record.is_protected())
            .and_then(|feature| plan.expires_at(feature, policy)),
        protected: record.is_protected(),
        stuck: stuck(situation),
        conditions: Vec::new(),
    };
    view.conditions = conditions::conditions(&view, situation, record, snapshot.now, previous);
    view
}

fn deployed(deployed: &Deployed) -> DeployedView {
    DeployedView {
        image: deployed.image.clone(),
        digest: deployed.digest.clone(),
        commit: deployed.commit.clone(),
        at: deployed.at,
    }
}

/// Whether only a new specification or a person can move it.
fn stuck(situation: &Situation) -> bool {
    match situation {
        Situation::Unreadable { .. }
        | Situation::Blocked { .. }
        | Situation::NameTaken { .. }
        | Situation::OutOfTries(_)
        | Situation::NotHealed => true,
        Situation::Retries(failure) => failure.blocked,
        _ => false,
    }
}

/// The phase of a situation.
fn phase(situation: &Situation, record: &Record, previous: Option<&StatusView>) -> Phase {
    let up = record.identity.ledger.as_ref().is_some_and(|ledger| ledger.id.is_some());
    match situation {
        Situation::Waits(waiting) | Situation::Acts(waiting) => of_operation(waiting),
        Situation::Overdue(_) => Phase::Stalled,
        Situation::Paused { .. } => Phase::Frozen,
        Situation::Runs => Phase::Ready,
        Situation::Unwell => Phase::Degraded,
        Situation::Expired => Phase::Expired,
        Situation::Deleted => Phase::Deleted,
        Situation::EndsWhenReady(_) | Situation::TakenOver { .. } => Phase::Terminating,
        Situation::Held(_) if matches!(record.life, Life::Ending { .. }) => Phase::Frozen,
        Situation::Held(_) => Phase::Pending,
        Situation::AwaitsImage { .. } if up => Phase::Updating,
        Situation::AwaitsImage { .. } | Situation::AdoptionWaits { .. } => Phase::Pending,
        Situation::ForeignOperation => Phase::Updating,
        Situation::Retries(failure) if failure.blocked => Phase::Blocked,
        Situation::Retries(failure) if failure.kind == IntentKind::Terminate => Phase::Terminating,
        Situation::Retries(_) if up => Phase::Degraded,
        Situation::Retries(_) => Phase::Pending,
        Situation::OutOfTries(_) | Situation::NotHealed => Phase::Failed,
        Situation::Blocked { .. } | Situation::NameTaken { .. } => Phase::Blocked,
        Situation::Unreadable { .. } | Situation::RowMissing { .. } | Situation::NotVisible { .. } => {
            Phase::Frozen
        }
        Situation::Unproven if !up => Phase::Launching,
        Situation::Unproven => Phase::Frozen,
        // A question without an answer changes nothing of what is known of
        // the same specification, and says nothing of a new one.
        Situation::NoAnswer { .. } => match previous {
            Some(previous) if previous.observed_spec_hash == record.spec_hash => previous.phase,
            _ if up => Phase::Updating,
            _ => Phase::Pending,
        },
    }
}

fn of_operation(waiting: &Waiting) -> Phase {
    match waiting.kind {
        IntentKind::Launch { .. } => Phase::Launching,
        IntentKind::Configure | IntentKind::Deploy { .. } | IntentKind::Adopt => Phase::Updating,
        IntentKind::Terminate => Phase::Terminating,
    }
}

/// Why a feature ends, in a clause.
pub(crate) fn because(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Expired => "its time is over",
        EndReason::Deleted => "it was deleted",
        EndReason::Vanished => "its row is gone from the store",
    }
}
