//! Conditions, after the Kubernetes API conventions.

use jiff::Timestamp;

use crate::model::{Condition, ConditionKind, Phase, Record, StatusView, Truth};
use crate::plan::Situation;

/// The conditions of a feature. A condition whose truth did not change keeps
/// the time of its last transition.
pub(super) fn conditions(
    view: &StatusView,
    situation: &Situation,
    record: &Record,
    now: Timestamp,
    previous: Option<&StatusView>,
) -> Vec<Condition> {
    let ready = truth(view.phase == Phase::Ready);
    let moving = matches!(view.phase, Phase::Launching | Phase::Updating | Phase::Terminating);
    let frozen = view.phase == Phase::Frozen || matches!(situation, Situation::NoAnswer { .. });
    [
        (ConditionKind::Ready, ready),
        (ConditionKind::Progressing, truth(moving)),
        (ConditionKind::ImageAvailable, image(situation, record)),
        (ConditionKind::Deployed, deployed(record)),
        (ConditionKind::Degraded, truth(matches!(view.phase, Phase::Degraded | Phase::Failed))),
        (ConditionKind::Owned, owned(situation, record)),
        (ConditionKind::Frozen, truth(frozen)),
        (ConditionKind::Stalled, truth(view.phase == Phase::Stalled)),
    ]
    .into_iter()
    .map(|(kind, status)| {
        let before =
            previous.and_then(|previous| previous.conditions.iter().find(|condition| condition.kind == kind));
        let last_transition_time = match before {
            Some(before) if before.status == status => before.last_transition_time,
            _ => now,
        };
        Condition {
            kind,
            status,
            reason: reason(situation).to_owned(),
            message: view.happened.clone(),
            last_transition_time,
            observed_spec_hash: view.observed_spec_hash.clone(),
        }
    })
    .collect()
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

fn image(situation: &Situation, record: &Record) -> Truth {
    match (situation, &record.wanted) {
        (Situation::AwaitsImage { .. }, _) => Truth::False,
        (_, Some(wanted)) if wanted.digest.is_some() => Truth::True,
        _ => Truth::Unknown,
    }
}

fn deployed(record: &Record) -> Truth {
    match (&record.wanted, &record.deployed) {
        (Some(wanted), Some(deployed)) => {
            truth(wanted.label == deployed.label && record.identity.ledger.is_some())
        }
        _ => Truth::False,
    }
}

fn owned(situation: &Situation, record: &Record) -> Truth {
    match situation {
        Situation::NameTaken { .. } => Truth::False,
        _ if record.identity.ledger.as_ref().is_some_and(|ledger| ledger.id.is_some()) => Truth::True,
        _ => Truth::Unknown,
    }
}

/// One word for programs.
fn reason(situation: &Situation) -> &'static str {
    match situation {
        Situation::Unreadable { .. } => "RowUnreadable",
        Situation::NoAnswer { .. } => "NoAnswer",
        Situation::RowMissing { .. } => "RowMissing",
        Situation::NotVisible { .. } => "NotVisible",
        Situation::Unproven => "Unproven",
        Situation::NameTaken { .. } => "NameTaken",
        Situation::AdoptionWaits { .. } => "AdoptionWaits",
        Situation::Blocked { reason, .. } => reason,
        Situation::AwaitsImage { .. } => "ImageMissing",
        Situation::Held(_) => "GuardHolds",
        Situation::Waits(_) | Situation::Acts(_) => "OperationUnderWay",
        Situation::Overdue(_) => "Overdue",
        Situation::Paused { .. } => "Paused",
        Situation::ForeignOperation => "ForeignOperation",
        Situation::Retries(_) => "Retrying",
        Situation::OutOfTries(_) => "OutOfTries",
        Situation::NotHealed => "NotHealed",
        Situation::Runs => "AsWanted",
        Situation::Unwell => "HealthRed",
        Situation::EndsWhenReady(_) => "Ending",
        Situation::TakenOver { .. } => "TakenOver",
        Situation::Expired => "Expired",
        Situation::Deleted => "Deleted",
    }
}
