//! Versions and bundles that nobody runs: marked first, swept by a later plan
//! when a listing later than the mark shows nobody on them.

use super::draft::Draft;
use super::locate::Fleet;
use super::policy::{ARTIFACT_GRACE, Policy};
use super::{Action, Remains, life};
use crate::model::{Artifact, IntentKind, Life, Snapshot, VersionLabel};

/// Marks what is no longer needed and sweeps what was marked before.
pub(super) fn sweep(draft: &mut Draft, snapshot: &Snapshot, policy: &Policy, fleet: &Fleet) {
    if snapshot.fleet.known().is_none() || draft.record.artifacts.is_empty() {
        return;
    }
    let kept = needed(draft);
    let ended = matches!(draft.record.life, Life::Expired { .. } | Life::Deleted { .. });
    let trusted = life::clock_agrees(snapshot, policy);
    let busy = draft.action.is_some() || draft.record.open().is_some() || snapshot.quiet.is_some();
    let mut remains = Vec::new();
    for (label, artifact) in &mut draft.record.artifacts {
        let used = kept.contains(label) || fleet.shows(&artifact.application, label);
        match artifact.doomed {
            // Somebody runs it after all: it stays, and stays out of use.
            Some(_) if used => {}
            Some(mark) => {
                let age = snapshot.now.duration_since(mark);
                let over = if ended { age.is_positive() } else { age >= ARTIFACT_GRACE };
                if over && trusted && !busy {
                    remains.push(remains_of(label, artifact));
                }
            }
            None if !used => artifact.doomed = Some(snapshot.now),
            None => {}
        }
    }
    if !remains.is_empty() {
        draft.action = Some(Action::Tidy(remains));
    }
}

/// Labels that are wanted, deployed or on their way. An ended feature needs
/// none: its environment was seen Terminated.
fn needed(draft: &Draft) -> Vec<VersionLabel> {
    let record = &draft.record;
    let mut labels = Vec::new();
    if matches!(record.life, Life::Expired { .. } | Life::Deleted { .. }) {
        return labels;
    }
    labels.extend(record.wanted.as_ref().map(|wanted| wanted.label.clone()));
    labels.extend(record.deployed.as_ref().map(|deployed| deployed.label.clone()));
    if let Some(IntentKind::Launch { label } | IntentKind::Deploy { label }) =
        record.open().map(|intent| &intent.kind)
    {
        labels.push(label.clone());
    }
    labels
}

fn remains_of(label: &VersionLabel, artifact: &Artifact) -> Remains {
    Remains {
        application: artifact.application.clone(),
        label: label.clone(),
        bucket: artifact.bucket.clone(),
        key: artifact.key.clone(),
    }
}
