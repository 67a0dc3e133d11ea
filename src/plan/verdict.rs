//! Closing an intent by what is observed: applied, refuted or failed. Each
//! function is one block of the table "intent kind × what is observed →
//! verdict" in ARCHITECTURE, arm by arm.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::adopt;
use super::draft::Draft;
use super::evidence::{failure_event, has_success, same_value};
use super::guards::Budget;
use super::locate::Seen;
use super::policy::{ABSENCE, BLANK, NOT_NOW, PREFLIGHT, SETTLE, backoff, pace_key};
use super::wanted::VARIABLES;
use crate::model::{
    Answer, Attempt, Deployed, Environment, EnvironmentStatus, Failure, Health, Intent, IntentKind, Life,
    OptionKey, Refusal, RefusalClass, Reply, Severity, Snapshot,
};

/// Options and their values.
type Options = BTreeMap<OptionKey, String>;

/// What becomes of an intent.
pub(super) enum Verdict {
    /// It stays open: no verdict yet.
    Wait,
    /// It did what it should.
    Applied,
    /// The call took no effect; it may be made again after the pause and
    /// counts as no try.
    Refuted { pause: SignedDuration, message: String },
    /// The call took effect and failed, or was refused for good.
    Failed { message: String, again: Again, dirty: bool },
    /// The environment is gone, so there is nothing left to wait for.
    Gone,
}

/// Whether a failure is tried again.
pub(super) enum Again {
    /// As often as the policy allows, each time later.
    Backoff,
    /// For ever, with a long pause: time removes the obstacle.
    Later(SignedDuration),
    /// For ever, with a long pause: a person must remove the obstacle.
    Blocked(SignedDuration),
    /// Never: only a new specification helps.
    Never,
}

/// Closes the open intent if what is observed allows a verdict.
pub(super) fn close_intent(draft: &mut Draft, seen: &Seen, snapshot: &Snapshot, budget: &mut Budget) {
    let Attempt::Open(intent) = &draft.record.attempt else { return };
    let intent = intent.clone();
    if let (Seen::Claim(environment), Some(ledger)) = (seen, &mut draft.record.identity.ledger) {
        ledger.id = Some(environment.id.clone());
        ledger.arn = environment.arn.clone();
        return close_intent(draft, &Seen::Live(environment), snapshot, budget);
    }
    let verdict = match (&intent.reply, &intent.kind) {
        (_, _) if matches!(seen, Seen::Gap(_)) => Verdict::Wait,
        (_, IntentKind::Adopt) => adopt::verdict(draft, &intent, seen, snapshot),
        (Reply::Refused(refusal), _) => refused(draft, &intent, refusal, seen),
        (_, IntentKind::Launch { .. }) => launch(&intent, seen, snapshot),
        (_, IntentKind::Deploy { label }) => deploy(&intent, label, seen, snapshot),
        (_, IntentKind::Configure) => configure(draft, &intent, seen, snapshot),
        (_, IntentKind::Terminate) => terminate(draft, &intent, seen, snapshot),
    };
    settle(draft, &intent, verdict, seen, snapshot, budget);
    if intent.kind == IntentKind::Adopt {
        adopt::settled(draft, seen, snapshot);
    }
}

/// A definite no, sorted by what to do next.
fn refused(draft: &mut Draft, intent: &Intent, refusal: &Refusal, seen: &Seen) -> Verdict {
    let message = refusal.message.clone();
    let later = |minutes| Again::Later(SignedDuration::from_mins(minutes));
    let blocked = |minutes| Again::Blocked(SignedDuration::from_mins(minutes));
    match refusal.class {
        RefusalClass::NotNow => Verdict::Refuted { pause: NOT_NOW, message },
        RefusalClass::CnameTaken => {
            draft.record.identity.cname_series += 1;
            draft.record.wanted = None;
            Verdict::Refuted { pause: SignedDuration::ZERO, message }
        }
        RefusalClass::NotFound if intent.kind == IntentKind::Terminate => match seen {
            Seen::Terminated(_) | Seen::Missing { answered: true } => Verdict::Gone,
            _ => Verdict::Refuted { pause: NOT_NOW, message },
        },
        RefusalClass::NameTaken if matches!(seen, Seen::Unproven { answered: false, .. }) => Verdict::Wait,
        RefusalClass::NameTaken => Verdict::Failed { message, again: blocked(1), dirty: false },
        RefusalClass::NotFound => Verdict::Failed { message, again: blocked(1), dirty: true },
        RefusalClass::Quota => Verdict::Failed { message, again: later(5), dirty: false },
        RefusalClass::Denied | RefusalClass::Unproven => {
            Verdict::Failed { message, again: blocked(5), dirty: false }
        }
        RefusalClass::Invalid if intent.kind == IntentKind::Terminate => {
            Verdict::Failed { message, again: later(5), dirty: false }
        }
        RefusalClass::Invalid => Verdict::Failed { message, again: Again::Never, dirty: false },
    }
}

/// A launch that was accepted, or may have been.
fn launch(intent: &Intent, seen: &Seen, snapshot: &Snapshot) -> Verdict {
    match seen {
        Seen::Live(environment) => match environment.status {
            EnvironmentStatus::Ready => match failure_event(intent, environment, snapshot) {
                Some(event) => failed_once(&event.message),
                None if has_success(intent, environment, snapshot) => Verdict::Applied,
                None if environment.health == Health::Red => failed_once("The environment came up Red."),
                // Neither colour nor event: both may come a little late.
                None if environment.health == Health::Grey && fresh(environment, snapshot) => Verdict::Wait,
                None => Verdict::Applied,
            },
            _ => Verdict::Wait,
        },
        Seen::Terminated(environment) => {
            let lived = environment
                .updated
                .zip(environment.created)
                .map_or(SETTLE, |(ended, began)| ended.duration_since(began));
            let message = failure_event(intent, environment, snapshot)
                .map_or_else(|| "Beanstalk gave the launch up.".to_owned(), |event| event.message.clone());
            let again = if lived < PREFLIGHT { Again::Never } else { Again::Backoff };
            Verdict::Failed { message, again, dirty: false }
        }
        Seen::Absent if overdue(intent, SETTLE, snapshot) => {
            Verdict::Refuted { pause: SignedDuration::ZERO, message: "The call never arrived.".to_owned() }
        }
        Seen::Foreign(environment) => Verdict::Failed {
            message: format!("The name {} belongs to an environment that is not ours.", environment.name),
            again: Again::Blocked(SignedDuration::from_mins(1)),
            dirty: false,
        },
        Seen::Unproven { environment, answered: true } if overdue(intent, SETTLE, snapshot) => {
            Verdict::Failed {
                message: format!("The environment {} bears our name but not our tag.", environment.name),
                again: Again::Blocked(SignedDuration::from_mins(1)),
                dirty: false,
            }
        }
        _ => Verdict::Wait,
    }
}

/// A deployment: success is the wanted label, which the environment did not
/// bear before, on an environment that is Ready.
fn deploy(intent: &Intent, label: &crate::model::VersionLabel, seen: &Seen, snapshot: &Snapshot) -> Verdict {
    let Some(environment) = ready(seen) else { return vanished(seen) };
    if environment.label.as_ref() == Some(label) {
        return Verdict::Applied;
    }
    update_outcome(intent, environment, snapshot, "Beanstalk kept the previous version.")
}

/// A settings update: success is that one read of the settings shows them.
fn configure(draft: &Draft, intent: &Intent, seen: &Seen, snapshot: &Snapshot) -> Verdict {
    let Some(environment) = ready(seen) else { return vanished(seen) };
    let wanted = draft.record.wanted.as_ref().map(|wanted| &wanted.options);
    let read = snapshot.options.get(&environment.id);
    match (read, wanted) {
        (Some(Answer::Known(live)), Some(wanted)) => {
            let shown = wanted.iter().all(|(key, value)| same_value(live.get(key), value));
            let failed = failure_event(intent, environment, snapshot).is_some();
            let confirmed = shown && is_removed(draft, wanted, live, failed);
            if confirmed && (moved(intent, environment) || overdue(intent, SETTLE, snapshot)) {
                return Verdict::Applied;
            }
        }
        (Some(Answer::Gap(_)), _)
            if moved(intent, environment)
                && overdue(intent, SETTLE, snapshot)
                && failure_event(intent, environment, snapshot).is_none() =>
        {
            return Verdict::Applied;
        }
        (None, _) => return Verdict::Wait,
        _ => {}
    }
    update_outcome(intent, environment, snapshot, "Beanstalk kept the previous settings.")
}

/// Whether what we once set and no longer want is gone. A variable is gone
/// when it is not shown; another option shows its default then, which may be
/// the very value that we had set, so that only a failure tells.
fn is_removed(draft: &Draft, wanted: &Options, live: &Options, failed: bool) -> bool {
    let applied = draft.record.identity.ledger.as_ref().map(|ledger| &ledger.applied);
    let mut unwanted =
        applied.into_iter().flat_map(|applied| applied.keys().filter(|key| !wanted.contains_key(key)));
    unwanted.all(|key| !live.contains_key(key) || (key.namespace != VARIABLES && !failed))
}

/// Whether an update that shows no success failed, never arrived, or needs
/// more time to show.
fn update_outcome(
    intent: &Intent,
    environment: &Environment,
    snapshot: &Snapshot,
    otherwise: &str,
) -> Verdict {
    if let Some(event) = failure_event(intent, environment, snapshot) {
        return failed_once(&event.message);
    }
    if !overdue(intent, SETTLE, snapshot) {
        return Verdict::Wait;
    }
    match (&intent.reply, moved(intent, environment)) {
        (Reply::Unknown, false) => {
            Verdict::Refuted { pause: SignedDuration::ZERO, message: "The call never arrived.".to_owned() }
        }
        // It was accepted, so this listing is older than the call.
        (Reply::Accepted { .. }, false) => Verdict::Wait,
        _ => failed_once(otherwise),
    }
}

/// A termination: gone is Terminated, or after our own accepted call absence
/// from listings and from a read by id.
fn terminate(draft: &Draft, intent: &Intent, seen: &Seen, snapshot: &Snapshot) -> Verdict {
    match seen {
        Seen::Terminated(_) => Verdict::Gone,
        Seen::Missing { answered: true } if matches!(intent.reply, Reply::Accepted { .. }) => {
            let since = draft.record.identity.ledger.as_ref().and_then(|ledger| ledger.missing_since);
            match since {
                Some(since) if snapshot.now.duration_since(since) >= patience(snapshot) => Verdict::Gone,
                _ => Verdict::Wait,
            }
        }
        Seen::Live(environment) if environment.status == EnvironmentStatus::Ready => {
            match failure_event(intent, environment, snapshot) {
                Some(event) => Verdict::Failed {
                    message: event.message.clone(),
                    again: Again::Later(backoff(intent.tries + 1)),
                    dirty: false,
                },
                None if !overdue(intent, SETTLE, snapshot) => Verdict::Wait,
                None if moved(intent, environment) => Verdict::Failed {
                    message: "The environment came back from its termination.".to_owned(),
                    again: Again::Later(backoff(intent.tries + 1)),
                    dirty: false,
                },
                // It was accepted, so this listing is older than the call.
                None if matches!(intent.reply, Reply::Accepted { .. }) => Verdict::Wait,
                None => Verdict::Refuted {
                    pause: SignedDuration::ZERO,
                    message: "The call never arrived.".to_owned(),
                },
            }
        }
        _ => Verdict::Wait,
    }
}

/// How long an absence must last before it is believed after our own accepted
/// call. A listing that shows nothing at all may be one that hides everything.
pub(super) fn patience(snapshot: &Snapshot) -> SignedDuration {
    match &snapshot.fleet {
        Answer::Known(environments) if !environments.is_empty() => ABSENCE,
        _ => BLANK,
    }
}

/// Writes the verdict into the record.
fn settle(
    draft: &mut Draft,
    intent: &Intent,
    verdict: Verdict,
    seen: &Seen,
    snapshot: &Snapshot,
    budget: &mut Budget,
) {
    let now = snapshot.now;
    let refused = matches!(intent.reply, Reply::Refused(_));
    match verdict {
        Verdict::Wait => {}
        Verdict::Applied => {
            budget.took(pace_key(&intent.kind), now.duration_since(intent.at));
            applied(draft, intent, now);
        }
        Verdict::Gone => {
            budget.took(pace_key(&intent.kind), now.duration_since(intent.at));
            draft.record.identity.ledger = None;
            draft.record.attempt = Attempt::Idle;
            if intent.kind == IntentKind::Terminate {
                draft.tell(Severity::Info, "Terminated", "The environment is gone.");
            } else {
                draft.tell(Severity::Warn, "TerminatedOutside", "Somebody else terminated the environment.");
            }
        }
        Verdict::Refuted { pause, message } => {
            budget.give_back(&mut draft.record, intent);
            // The ledger keeps the name: a create that arrives late is found by it.
            // An update that nobody answered may still arrive late.
            if intent.reply == Reply::Unknown && intent.kind != IntentKind::Terminate {
                mark_dirty(draft);
            }
            draft.record.attempt =
                Attempt::Failed(fail(draft, intent, intent.tries, now, Some(now + pause), message));
        }
        Verdict::Failed { message, again, dirty } => {
            if refused {
                budget.give_back(&mut draft.record, intent);
            }
            // What was refused was not tried.
            let tries = if refused { intent.tries } else { intent.tries + 1 };
            let blocked = matches!(again, Again::Blocked(_));
            let retry_at = match again {
                Again::Backoff if tries < budget.tries() => Some(now + backoff(tries)),
                Again::Later(pause) | Again::Blocked(pause) => Some(now + pause),
                Again::Backoff | Again::Never => None,
            };
            match (seen, &intent.kind, &draft.record.wanted) {
                (Seen::Terminated(_), ..) => draft.record.identity.ledger = None,
                (Seen::Live(_), IntentKind::Launch { .. }, Some(wanted)) => {
                    if let Some(ledger) = &mut draft.record.identity.ledger {
                        ledger.applied = wanted.options.clone();
                    }
                    // It is there and costs, so it must not be there for ever.
                    draft.record.life.begin(now);
                }
                _ => {}
            }
            draft.tell(Severity::Error, failed_reason(&intent.kind), message.clone());
            if dirty {
                mark_dirty(draft);
            }
            draft.record.attempt =
                Attempt::Failed(Failure { blocked, ..fail(draft, intent, tries, now, retry_at, message) });
        }
    }
}

/// The record after a success.
fn applied(draft: &mut Draft, intent: &Intent, now: Timestamp) {
    draft.record.attempt = Attempt::Idle;
    let wanted = draft.record.wanted.clone();
    if let (IntentKind::Launch { .. } | IntentKind::Configure, Some(ledger), Some(wanted)) =
        (&intent.kind, &mut draft.record.identity.ledger, &wanted)
    {
        ledger.applied = wanted.options.clone();
        ledger.was_ready = true;
    }
    if let (IntentKind::Launch { .. } | IntentKind::Deploy { .. }, Some(ledger)) =
        (&intent.kind, &mut draft.record.identity.ledger)
    {
        ledger.dirty = false;
    }
    let (IntentKind::Launch { label } | IntentKind::Deploy { label }, Some(wanted)) = (&intent.kind, wanted)
    else {
        return;
    };
    // Its time counts from the first success.
    let first = draft.record.deployed.is_none();
    if let Life::Wanted { since, .. } | Life::Ending { since, .. } = &mut draft.record.life
        && (first || since.is_none())
    {
        *since = Some(now);
    }
    draft.record.deployed = Some(Deployed {
        label: label.clone(),
        content: wanted.content,
        image: wanted.image.clone(),
        digest: wanted.digest,
        commit: wanted.commit,
        generation: intent.generation,
        at: now,
    });
    draft.tell(Severity::Info, "Deployed", format!("{} is deployed.", wanted.image));
}

/// Notes that the shown label proves nothing from here on.
fn mark_dirty(draft: &mut Draft) {
    if let Some(ledger) = &mut draft.record.identity.ledger {
        ledger.dirty = true;
    }
}

/// What is remembered of a try that came to nothing.
fn fail(
    draft: &Draft,
    intent: &Intent,
    tries: u32,
    now: Timestamp,
    retry_at: Option<Timestamp>,
    message: String,
) -> Failure {
    Failure {
        kind: intent.kind.clone(),
        generation: intent.generation,
        digest: draft.record.wanted.as_ref().and_then(|wanted| wanted.digest.clone()),
        tries,
        at: now,
        retry_at,
        blocked: false,
        message,
    }
}

fn failed_reason(kind: &IntentKind) -> &'static str {
    match kind {
        IntentKind::Launch { .. } => "LaunchFailed",
        IntentKind::Configure => "SettingsFailed",
        IntentKind::Deploy { .. } => "DeployFailed",
        IntentKind::Terminate => "TerminateFailed",
        IntentKind::Adopt => "AdoptFailed",
    }
}

/// A failure after which what the environment shows is not to be trusted.
pub(super) fn failed_once(message: &str) -> Verdict {
    Verdict::Failed { message: message.to_owned(), again: Again::Backoff, dirty: true }
}

/// The environment, when it is there and at rest.
fn ready<'a>(seen: &Seen<'a>) -> Option<&'a Environment> {
    match seen {
        Seen::Live(environment) if environment.status == EnvironmentStatus::Ready => Some(environment),
        _ => None,
    }
}

/// An update's verdict when the environment is not at rest.
fn vanished(seen: &Seen) -> Verdict {
    match seen {
        Seen::Terminated(_) => Verdict::Gone,
        _ => Verdict::Wait,
    }
}

/// Whether the listing is later than the intent by more than this.
pub(super) fn overdue(intent: &Intent, by: SignedDuration, snapshot: &Snapshot) -> bool {
    snapshot.now.duration_since(intent.at) > by
}

/// Whether the environment's last operation ended so lately that its events
/// and its health may still be on their way.
fn fresh(environment: &Environment, snapshot: &Snapshot) -> bool {
    environment.updated.is_some_and(|updated| snapshot.now.duration_since(updated) < SETTLE)
}

/// Whether an operation ended on the environment since the intent was written.
pub(super) fn moved(intent: &Intent, environment: &Environment) -> bool {
    environment.updated > intent.updated_before
}
