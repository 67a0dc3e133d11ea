//! Orphans that a person wants ended: the same care as for a feature's own
//! environment, and a proof of another kind. What is asked for stands in the
//! store; the call goes out only to what no ledger names.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::evidence::failure_event;
use super::guards::Budget;
use super::locate::Fleet;
use super::policy::{BLANK, NOT_NOW, SETTLE, allowance, backoff, pace_key};
use super::verdict::{moved, overdue, patience};
use super::{News, OrphanStep};
use crate::model::{
    Answer, Attempt, EndOrphan, Environment, EnvironmentId, EnvironmentStatus, Failure, Intent, IntentKind,
    OrphanRequest, Refusal, RefusalClass, Reply, Severity, Snapshot,
};

/// What is done about every orphan that a person named.
pub(super) fn steps(
    snapshot: &Snapshot,
    fleet: &Fleet,
    budget: &mut Budget,
) -> BTreeMap<EnvironmentId, OrphanStep> {
    let mut steps = BTreeMap::new();
    for (id, before) in &snapshot.orphans {
        let mut draft = Draft { id, request: before.clone(), served: false, action: None, news: Vec::new() };
        draft.walk(snapshot, fleet, budget);
        let step = draft.into_step();
        if step.request.as_ref() != Some(before) || !step.news.is_empty() {
            steps.insert(id.clone(), step);
        }
    }
    steps
}

/// Where an orphan is.
enum Look<'a> {
    /// The listing gave no answer.
    Blind,
    There(&'a Environment),
    Terminated,
    /// Absence is no proof.
    Missing {
        /// Whether a read by id answered, with nothing.
        answered: bool,
    },
}

fn look<'a>(id: &EnvironmentId, snapshot: &'a Snapshot) -> Look<'a> {
    let Answer::Known(environments) = &snapshot.fleet else { return Look::Blind };
    match (environments.get(id), snapshot.missing.get(id)) {
        (Some(environment), _) | (None, Some(Answer::Known(Some(environment)))) => {
            if environment.is_live() {
                Look::There(environment)
            } else {
                Look::Terminated
            }
        }
        (None, Some(Answer::Known(None))) => Look::Missing { answered: true },
        (None, Some(Answer::Gap(_)) | None) => Look::Missing { answered: false },
    }
}

/// A request while the planner walks along it.
struct Draft<'a> {
    id: &'a EnvironmentId,
    request: OrphanRequest,
    /// Whether there is nothing left to do, so that the request goes away.
    served: bool,
    action: Option<EndOrphan>,
    news: Vec<News>,
}

impl Draft<'_> {
    fn walk(&mut self, snapshot: &Snapshot, fleet: &Fleet, budget: &mut Budget) {
        let look = look(self.id, snapshot);
        match &look {
            Look::Blind => return,
            Look::Missing { .. } => {
                self.request.missing_since.get_or_insert(snapshot.now);
            }
            Look::There(_) | Look::Terminated => self.request.missing_since = None,
        }
        if let Attempt::Open(intent) = self.request.attempt.clone() {
            self.close(&intent, &look, snapshot, budget);
        }
        if self.served || self.request.open().is_some() {
            return;
        }
        match look {
            Look::Terminated => self.serve(Severity::Info, "OrphanGone", "It is gone."),
            Look::Missing { answered: true } if self.missing_for(snapshot) >= BLANK => {
                self.serve(Severity::Warn, "OrphanNotSeen", "It is not to be seen, so nothing was done.");
            }
            Look::Missing { .. } | Look::Blind => {}
            Look::There(environment) => self.end(environment, snapshot, fleet, budget),
        }
    }

    /// Ends it, if nothing stands in the way at this moment.
    fn end(&mut self, environment: &Environment, snapshot: &Snapshot, fleet: &Fleet, budget: &mut Budget) {
        if fleet.knows(environment) || fleet.claimant(self.id).is_some() {
            let text = "It belongs to a feature here now, so it does not end as an orphan.";
            return self.serve(Severity::Warn, "OrphanKept", text);
        }
        let tries = match &self.request.attempt {
            Attempt::Failed(failure) if failure.retry_at.is_none_or(|at| snapshot.now < at) => return,
            Attempt::Failed(failure) => failure.tries,
            Attempt::Idle | Attempt::Open(_) => 0,
        };
        if !self.request.ask.what.is(environment) {
            let intent = self.intent(environment, tries, snapshot);
            return self.fail(&intent, tries, None, "it is not the environment that was shown", snapshot);
        }
        // A record that cannot be read may name it.
        let waits = snapshot.paused.is_some() || snapshot.quiet.is_some() || fleet.has_unreadable_records();
        if waits || environment.status != EnvironmentStatus::Ready {
            return;
        }
        if tries == 0 && budget.may_end_orphan(self.id).is_err() {
            return;
        }
        let asked = self.request.ask.clone();
        self.tell(Severity::Info, "EndingOrphan", format!("It is being taken down, as {} asked.", asked.by));
        self.request.attempt = Attempt::Open(self.intent(environment, tries, snapshot));
        self.action = Some(EndOrphan { asked });
    }

    fn intent(&self, environment: &Environment, tries: u32, snapshot: &Snapshot) -> Intent {
        Intent {
            kind: IntentKind::Terminate,
            generation: 0,
            epoch: snapshot.epoch.unwrap_or_default(),
            at: snapshot.now,
            due: snapshot.now + allowance(&IntentKind::Terminate),
            tries,
            updated_before: environment.updated,
            reply: Reply::Unknown,
        }
    }

    /// Closes the open call, if what is observed allows a verdict: the same
    /// one as for a feature's own termination.
    fn close(&mut self, intent: &Intent, look: &Look, snapshot: &Snapshot, budget: &mut Budget) {
        let accepted = matches!(intent.reply, Reply::Accepted { .. });
        let again = Some(backoff(intent.tries + 1));
        match (look, &intent.reply) {
            (Look::Terminated, _) => self.gone(intent, snapshot, budget),
            (_, Reply::Refused(refusal)) => {
                budget.give_back_orphan(intent);
                self.refused(intent, refusal, snapshot);
            }
            (Look::Missing { answered: true }, _)
                if accepted && self.missing_for(snapshot) >= patience(snapshot) =>
            {
                self.gone(intent, snapshot, budget);
            }
            // Nobody answered, and nobody can see it for long: there is
            // nothing to send it to.
            (Look::Missing { answered: true }, _)
                if !accepted && self.missing_for(snapshot) >= BLANK && overdue(intent, SETTLE, snapshot) =>
            {
                self.serve(Severity::Warn, "OrphanNotSeen", "It is not to be seen any more.");
            }
            (Look::There(environment), _) if environment.status == EnvironmentStatus::Ready => {
                match failure_event(intent, environment, snapshot) {
                    Some(event) => {
                        let message = event.message.clone();
                        self.fail(intent, intent.tries + 1, again, &message, snapshot);
                    }
                    None if !overdue(intent, SETTLE, snapshot) => {}
                    None if moved(intent, environment) => {
                        let message = "the environment came back from its termination";
                        self.fail(intent, intent.tries + 1, again, message, snapshot);
                    }
                    // It was accepted, so this listing is older than the call.
                    None if accepted => {}
                    // The call never arrived.
                    None => {
                        budget.give_back_orphan(intent);
                        self.request.attempt = Attempt::Idle;
                    }
                }
            }
            _ => {}
        }
    }

    fn refused(&mut self, intent: &Intent, refusal: &Refusal, snapshot: &Snapshot) {
        let pause = match refusal.class {
            RefusalClass::NotNow | RefusalClass::NotFound => Some(NOT_NOW),
            // Only a person can say again what is meant.
            RefusalClass::Unproven => None,
            _ => Some(SignedDuration::from_mins(5)),
        };
        let before = self.news.len();
        self.fail(intent, intent.tries, pause, &refusal.message, snapshot);
        if matches!(refusal.class, RefusalClass::NotNow | RefusalClass::NotFound) {
            self.news.truncate(before);
        }
    }

    fn fail(
        &mut self,
        intent: &Intent,
        tries: u32,
        pause: Option<SignedDuration>,
        message: &str,
        snapshot: &Snapshot,
    ) {
        self.tell(Severity::Error, "OrphanNotEnded", format!("It was not ended: {message}."));
        self.request.attempt = Attempt::Failed(Failure {
            kind: intent.kind.clone(),
            generation: 0,
            digest: None,
            tries,
            at: snapshot.now,
            retry_at: pause.map(|pause| snapshot.now + pause),
            blocked: pause.is_none(),
            message: message.to_owned(),
        });
    }

    fn gone(&mut self, intent: &Intent, snapshot: &Snapshot, budget: &mut Budget) {
        budget.took(pace_key(&intent.kind), snapshot.now.duration_since(intent.at));
        self.serve(Severity::Info, "OrphanGone", "It is gone.");
    }

    fn serve(&mut self, severity: Severity, reason: &'static str, message: &str) {
        self.served = true;
        self.tell(severity, reason, message);
    }

    fn tell(&mut self, severity: Severity, reason: &'static str, message: impl Into<String>) {
        self.news.push(News { severity, reason, message: message.into() });
    }

    fn missing_for(&self, snapshot: &Snapshot) -> SignedDuration {
        self.request.missing_since.map_or(SignedDuration::ZERO, |since| snapshot.now.duration_since(since))
    }

    fn into_step(self) -> OrphanStep {
        OrphanStep { request: (!self.served).then_some(self.request), action: self.action, news: self.news }
    }
}
