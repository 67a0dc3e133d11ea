//! Guards: limits on what one stretch of time may create and destroy. They
//! are counted in AWS time from marks that are written before the calls, so
//! that nothing but time (or a person) refills them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::report::Held;
use crate::model::{EndReason, FeatureName, Guard, GuardLedger, Life, Record, Snapshot, SpecRow};

/// How many durations of an operation are remembered.
const PACE_KEPT: usize = 9;

/// The guards during one plan.
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
                let limit = self.policy.guards.asked;
                self.pass(feature, Guard::Asked, |ledger| ledger.asked.len() < limit)?;
                self.ledger.asked.push(self.now);
            }
            EndReason::Vanished => {
                let mass = self.vanished >= 2 && self.vanished * 2 > self.fleet;
                self.pass(feature, Guard::MassVanish, |_| !mass)?;
                let guards = &self.policy.guards;
                let limit = guards.inferred_floor.max(self.fleet * guards.inferred_percent / 100);
                self.pass(feature, Guard::Inferred, |ledger| ledger.inferred.len() < limit)?;
                self.ledger.inferred.push(self.now);
            }
        }
        Ok(())
    }

    /// Whether a create may go out now; if so, it is counted, also against
    /// the feature's own marks.
    pub(super) fn may_create(&mut self, record: &mut Record) -> Result<(), Guard> {
        keep_recent(&mut record.creates, self.now, SignedDuration::from_hours(1));
        let guards = &self.policy.guards;
        let (flap, creates, cap) = (guards.flap, guards.creates, guards.cap);
        let (so_far, fleet) = (record.creates.len(), self.fleet);
        // A ledger line that stands already is part of the fleet.
        let place = usize::from(record.identity.ledger.is_none());
        self.pass(&record.feature, Guard::Flap, |_| so_far < flap)?;
        self.pass(&record.feature, Guard::Cap, |_| cap.is_none_or(|cap| fleet + place <= cap))?;
        self.pass(&record.feature, Guard::Creates, |ledger| ledger.creates.len() < creates)?;
        self.fleet += place;
        self.ledger.creates.push(self.now);
        record.creates.push(self.now);
        Ok(())
    }

    /// One guard: passes by its rule, or by a person's approval, once.
    fn pass(
        &mut self,
        feature: &FeatureName,
        guard: Guard,
        rule: impl FnOnce(&GuardLedger) -> bool,
    ) -> Result<(), Guard> {
        if rule(&self.ledger) {
            return Ok(());
        }
        if let Some(approved) = self.ledger.approved.get_mut(&guard)
            && let Some(place) = approved.iter().position(|name| name == feature)
        {
            approved.remove(place);
            self.ledger.approved.retain(|_, names| !names.is_empty());
            return Ok(());
        }
        self.held.entry(guard).or_default().push(feature.clone());
        Err(guard)
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

fn keep_recent(marks: &mut Vec<Timestamp>, now: Timestamp, window: SignedDuration) {
    marks.retain(|mark| now.duration_since(*mark) < window);
}
