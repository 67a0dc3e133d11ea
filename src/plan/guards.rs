//! Guards: limits on what one stretch of time may create and destroy. They
//! are counted in AWS time from marks that are written before the calls, so
//! that nothing but time (or a person) refills them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::report::Held;
use crate::model::{
    EndReason, EnvironmentId, FeatureName, Guard, GuardLedger, Intent, IntentKind, Life, Record, Snapshot,
    SpecRow,
};

/// How many durations of an operation are remembered.
const PACE_KEPT: usize = 9;

/// The guards during one plan.
#[derive(Clone)]
pub(super) struct Budget<'a> {
    policy: &'a Policy,
    now: Timestamp,
    ledger: GuardLedger,
    held: BTreeMap<Guard, Vec<FeatureName>>,
    /// Environments of ours, by ledger.
    fleet: usize,
    /// Of those, whose rows are missing without anybody having asked.
    vanished: usize,
}

impl<'a> Budget<'a> {
    pub(super) fn new(snapshot: &Snapshot, policy: &'a Policy) -> Self {
        let now = snapshot.now;
        let mut ledger = snapshot.guards.clone();
        let hour = SignedDuration::from_hours(1);
        keep_recent(&mut ledger.asked, now, policy.guards.window);
        keep_recent(&mut ledger.creates, now, policy.guards.window);
        keep_recent(&mut ledger.inferred, now, hour);
        let owned = || {
            snapshot
                .features
                .values()
                .filter(|entry| entry.record().is_some_and(|record| record.identity.ledger.is_some()))
        };
        let vanished = owned()
            .filter(|entry| {
                entry.spec == SpecRow::Absent
                    && entry.record().is_some_and(|record| {
                        record.asks.deletion.is_none()
                            && matches!(
                                record.life,
                                Life::Wanted { .. } | Life::Ending { reason: EndReason::Vanished, .. }
                            )
                    })
            })
            .count();
        Self { policy, now, ledger, held: BTreeMap::new(), fleet: owned().count(), vanished }
    }

    /// Whether a deletion may go out now; if so, it is counted.
    pub(super) fn may_end(&mut self, feature: &FeatureName, reason: EndReason) -> Result<(), Guard> {
        match reason {
            EndReason::Expired | EndReason::Deleted => {
                let room = self.ledger.asked.len() < self.policy.guards.asked;
                self.pass(feature, &[(Guard::Asked, room)])?;
                self.ledger.asked.push(self.now);
            }
            EndReason::Vanished => {
                let mass = self.vanished >= 2 && self.vanished * 2 > self.fleet;
                let guards = &self.policy.guards;
                let limit = guards.inferred_floor.max(self.fleet * guards.inferred_percent / 100);
                let room = self.ledger.inferred.len() < limit;
                self.pass(feature, &[(Guard::MassVanish, !mass), (Guard::Inferred, room)])?;
                self.ledger.inferred.push(self.now);
            }
        }
        Ok(())
    }

    /// Whether an orphan that a person named may be ended now: a deletion that
    /// was asked for. It is held and approved by its id.
    pub(super) fn may_end_orphan(&mut self, id: &EnvironmentId) -> Result<(), Guard> {
        self.may_end(&FeatureName::new(id.as_str()), EndReason::Deleted)
    }

    /// Whether a create may go out now; if so, it is counted, also against
    /// the feature's own marks.
    pub(super) fn may_create(&mut self, record: &mut Record) -> Result<(), Guard> {
        keep_recent(&mut record.creates, self.now, SignedDuration::from_hours(1));
        let guards = &self.policy.guards;
        // A ledger line that stands already is part of the fleet.
        let place = usize::from(record.identity.ledger.is_none());
        let calm = record.creates.len() < guards.flap;
        let below = guards.cap.is_none_or(|cap| self.fleet + place <= cap);
        let room = self.ledger.creates.len() < guards.creates;
        self.pass(&record.feature, &[(Guard::Flap, calm), (Guard::Cap, below), (Guard::Creates, room)])?;
        self.fleet += place;
        self.ledger.creates.push(self.now);
        record.creates.push(self.now);
        Ok(())
    }

    /// Passes every guard by its rule or by a person's approval. An approval
    /// is good for once, so it is used up only when all guards let pass.
    fn pass(&mut self, feature: &FeatureName, guards: &[(Guard, bool)]) -> Result<(), Guard> {
        let approved =
            |guard: Guard| self.ledger.approved.get(&guard).is_some_and(|names| names.contains(feature));
        let stops = guards.iter().find(|(guard, holds)| !holds && !approved(*guard));
        if let Some((guard, _)) = stops {
            self.held.entry(*guard).or_default().push(feature.clone());
            return Err(*guard);
        }
        for (guard, _) in guards.iter().filter(|(_, holds)| !holds) {
            if let Some(names) = self.ledger.approved.get_mut(guard) {
                names.retain(|name| name != feature);
            }
        }
        self.ledger.approved.retain(|_, names| !names.is_empty());
        Ok(())
    }

    /// Takes the marks of a call back that certainly changed nothing: an
    /// outage or a refusal must not use up what it did not do.
    pub(super) fn give_back(&mut self, record: &mut Record, intent: &Intent) {
        match (&intent.kind, &record.life) {
            (IntentKind::Launch { .. }, _) => {
                take(&mut self.ledger.creates, intent);
                take(&mut record.creates, intent);
            }
            (IntentKind::Terminate, Life::Ending { reason: EndReason::Vanished, .. }) => {
                take(&mut self.ledger.inferred, intent);
            }
            (IntentKind::Terminate, _) => take(&mut self.ledger.asked, intent),
            (IntentKind::Configure | IntentKind::Deploy { .. } | IntentKind::Adopt, _) => {}
        }
    }

    /// The same for an orphan's termination.
    pub(super) fn give_back_orphan(&mut self, intent: &Intent) {
        take(&mut self.ledger.asked, intent);
    }

    /// Remembers how long an operation took.
    pub(super) fn took(&mut self, operation: &str, lasted: SignedDuration) {
        let paces = self.ledger.pace.entry(operation.to_owned()).or_default();
        paces.push(lasted.as_secs().max(0));
        if paces.len() > PACE_KEPT {
            paces.remove(0);
        }
    }

    /// How often one (generation, digest) is tried.
    pub(super) fn tries(&self) -> u32 {
        self.policy.tries
    }

    /// What is held, and when it passes by itself.
    pub(super) fn held(&self) -> Vec<Held> {
        let frees = |marks: &[Timestamp], window: SignedDuration| marks.first().map(|first| *first + window);
        self.held
            .iter()
            .map(|(guard, features)| Held {
                guard: *guard,
                features: features.clone(),
                frees: match guard {
                    Guard::Asked => frees(&self.ledger.asked, self.policy.guards.window),
                    Guard::Creates => frees(&self.ledger.creates, self.policy.guards.window),
                    Guard::Inferred => frees(&self.ledger.inferred, SignedDuration::from_hours(1)),
                    Guard::MassVanish | Guard::Cap | Guard::Flap => None,
                },
            })
            .collect()
    }

    pub(super) fn into_ledger(self) -> GuardLedger {
        self.ledger
    }
}

/// Takes back the mark that an intent was written with.
fn take(marks: &mut Vec<Timestamp>, intent: &Intent) {
    if let Some(place) = marks.iter().position(|mark| *mark == intent.at) {
        marks.remove(place);
    }
}

fn keep_recent(marks: &mut Vec<Timestamp>, now: Timestamp, window: SignedDuration) {
    marks.retain(|mark| now.duration_since(*mark) < window);
}
