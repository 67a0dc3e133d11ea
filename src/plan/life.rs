//! Whether a feature is to live: its time, deletion, vanished rows, and what
//! brings an ended one back.

use jiff::{SignedDuration, Timestamp};

use super::adopt;
use super::draft::Draft;
use super::locate::Seen;
use super::policy::{Policy, SETTLE, UNPROVEN};
use crate::model::{
    Attempt, EndReason, IntentKind, Life, Record, Severity, Snapshot, SpecHash, Ttl, TtlFrom,
};

/// Moves a feature along its life, as far as one observation carries.
pub(super) fn turn(draft: &mut Draft, seen: &Seen, snapshot: &Snapshot, policy: &Policy) {
    // Wanted, Ending and a tombstone may all lie in one observation.
    for _ in 0..4 {
        let before = draft.record.life.clone();
        step(draft, seen, snapshot, policy);
        if draft.record.life == before {
            break;
        }
    }
    dispose(draft, snapshot.now, policy);
}

/// One step along the life.
fn step(draft: &mut Draft, seen: &Seen, snapshot: &Snapshot, policy: &Policy) {
    let now = snapshot.now;
    match draft.record.life.clone() {
        Life::Wanted { since, renewals } => {
            let asked = draft.record.asks.renewals;
            let mut since = since;
            if asked > renewals {
                since = since.map(|_| now);
                draft.record.life = Life::Wanted { since, renewals: asked };
                start_afresh(draft);
                draft.tell(Severity::Info, "Renewed", "Its time starts again.");
            }
            if let Some(reason) = end_of(draft, now, policy, clock_agrees(snapshot, policy)) {
                let hash = draft.deployable().cloned();
                draft.record.life = Life::Ending { reason, hash, renewals: asked, since };
                draft.tell(Severity::Info, "Ending", farewell(reason));
            }
        }
        Life::Ending { reason: EndReason::Vanished, hash, renewals, since }
            if draft.record.asks.deletion.is_some() =>
        {
            // A person says what was only inferred: it is an asked deletion now.
            draft.record.life = Life::Ending { reason: EndReason::Deleted, hash, renewals, since };
        }
        Life::Ending { reason, hash, renewals, since } => {
            if is_gone(draft, seen, now) {
                finish(draft, reason, hash, renewals, now);
            } else if !terminating(&draft.record, seen)
                && let Some(since) = reprieve(draft, reason, hash.as_ref(), renewals, since, now, policy)
            {
                let asked = draft.record.asks.renewals;
                if asked > renewals {
                    start_afresh(draft);
                } else if since == Some(now) {
                    // A changed specification begins another life.
                    draft.record.asks.extension = None;
                }
                draft.record.life = Life::Wanted { since, renewals: asked };
                draft.tell(Severity::Info, "Reprieved", "Its end is called off.");
            }
        }
        Life::Expired { hash, renewals, .. } => revive(draft, hash.as_ref(), renewals, false),
        Life::Deleted { hash, renewals, .. } => revive(draft, hash.as_ref(), renewals, true),
    }
}

/// A person who renews wants another try, also of what had failed for good or
/// was not to be healed.
fn start_afresh(draft: &mut Draft) {
    if matches!(draft.record.attempt, Attempt::Failed(_)) {
        draft.record.attempt = Attempt::Idle;
    }
    if draft.record.identity.ledger.is_none() {
        draft.record.deployed = None;
    }
}

/// Drops the memory of an environment that nobody can see, when a person said
/// so; an environment that is seen is never dropped.
pub(super) fn forget_if_asked(draft: &mut Draft, seen: &Seen) {
    if draft.record.asks.forget.take().is_none() {
        return;
    }
    match seen {
        Seen::Missing { .. } | Seen::Absent => {
            draft.record.identity.ledger = None;
            draft.record.attempt = Attempt::Idle;
            draft.record.asks.adoption = None;
            draft.tell(Severity::Warn, "Forgotten", "The environment is forgotten, as asked.");
        }
        _ => draft.tell(Severity::Warn, "NotForgotten", "The environment is seen, so it is not forgotten."),
    }
}

/// Whether the local clock and AWS time agree well enough to end something
/// because of the time.
pub(super) fn clock_agrees(snapshot: &Snapshot, policy: &Policy) -> bool {
    policy.max_skew.is_none_or(|limit| snapshot.skew.abs() <= limit)
}

/// When a life ends by its time to live.
pub(super) fn expires_at(record: &Record, draft_ttl: Option<(Ttl, TtlFrom)>) -> Option<Timestamp> {
    let Life::Wanted { since: Some(since), .. } = record.life else { return None };
    let (Ttl::For(ttl), from) = draft_ttl? else { return None };
    let base = match (from, &record.deployed) {
        (TtlFrom::Deploy, Some(deployed)) => since.max(deployed.at),
        _ => since,
    };
    let extension = record.asks.extension.as_ref().map_or(SignedDuration::ZERO, |ask| ask.what);
    base.checked_add(ttl).and_then(|end| end.checked_add(extension)).ok()
}

/// The time to live that holds for a draft.
pub(super) fn ttl_of(draft: &Draft, policy: &Policy) -> Option<(Ttl, TtlFrom)> {
    let spec = &draft.spec()?.spec;
    let ttl = match spec.ttl.unwrap_or(policy.ttl) {
        Ttl::Never if !policy.allow_never => policy.ttl,
        ttl => ttl,
    };
    Some((ttl, spec.ttl_from))
}

/// Why a living feature is to end now, if it is.
fn end_of(draft: &Draft, now: Timestamp, policy: &Policy, trusted: bool) -> Option<EndReason> {
    let record = &draft.record;
    if record.is_protected() {
        return None;
    }
    if record.asks.deletion.is_some() {
        return Some(EndReason::Deleted);
    }
    if !trusted {
        return None;
    }
    if let Some(since) = record.vanished {
        let nothing_there = record.identity.ledger.is_none() && record.open().is_none();
        let over = now.duration_since(since) >= policy.guards.grace;
        return (nothing_there || over).then_some(EndReason::Vanished);
    }
    let end = expires_at(record, ttl_of(draft, policy))?;
    (now >= end).then_some(EndReason::Expired)
}

/// Whether nothing of the environment is left, and no create of ours can
/// still arrive.
fn is_gone(draft: &Draft, seen: &Seen, now: Timestamp) -> bool {
    match seen {
        Seen::Nothing => draft.record.open().is_none(),
        Seen::Absent | Seen::Foreign(_) => match &draft.record.attempt {
            Attempt::Idle => true,
            Attempt::Open(_) => false,
            Attempt::Failed(failure) => now.duration_since(failure.at) > SETTLE,
        },
        // Our create was refused because of the name, and its bearer has shown no tag of ours for long.
        Seen::Unproven { answered: true, .. } => match &draft.record.attempt {
            Attempt::Failed(failure) => failure.blocked && now.duration_since(failure.at) > UNPROVEN,
            Attempt::Idle | Attempt::Open(_) => false,
        },
        _ => false,
    }
}

/// Whether the teardown has begun, so that it can no longer be called off.
fn terminating(record: &Record, seen: &Seen) -> bool {
    record.open().is_some_and(|intent| intent.kind == IntentKind::Terminate)
        || matches!(seen, Seen::Live(environment)
            if environment.status == crate::model::EnvironmentStatus::Terminating)
}

/// Whether the reason of an end that has not begun has gone away, and what
/// the time to live counts from then.
fn reprieve(
    draft: &Draft,
    reason: EndReason,
    hash: Option<&SpecHash>,
    renewals: u64,
    since: Option<Timestamp>,
    now: Timestamp,
    policy: &Policy,
) -> Option<Option<Timestamp>> {
    let record = &draft.record;
    if record.asks.renewals > renewals {
        return Some(since.map(|_| now));
    }
    if record.is_protected() {
        return Some(since);
    }
    let called_off = match reason {
        EndReason::Vanished => record.vanished.is_none(),
        EndReason::Deleted => record.asks.deletion.is_none(),
        EndReason::Expired if draft.deployable().is_some() && draft.deployable() != hash => {
            return Some(Some(now));
        }
        EndReason::Expired => {
            let mut living = record.clone();
            living.life = Life::Wanted { since, renewals };
            draft.spec().is_some() && expires_at(&living, ttl_of(draft, policy)).is_none_or(|end| end > now)
        }
    };
    called_off.then_some(since)
}

/// Writes the tombstone, or starts the life that was asked for meanwhile.
fn finish(draft: &mut Draft, reason: EndReason, hash: Option<SpecHash>, renewals: u64, at: Timestamp) {
    adopt::give_up(draft, "the feature ended");
    draft.record.identity.ledger = None;
    draft.record.attempt = Attempt::Idle;
    draft.record.wanted = None;
    draft.record.life = match reason {
        EndReason::Expired => Life::Expired { hash, at, renewals },
        EndReason::Deleted | EndReason::Vanished => Life::Deleted { hash, at, renewals },
    };
    draft.tell(
        Severity::Info,
        "Ended",
        match reason {
            EndReason::Expired => "Its time was over; the environment is gone.",
            EndReason::Deleted => "It was deleted; the environment is gone.",
            EndReason::Vanished => "Its row was gone; the environment is gone too.",
        },
    );
}

/// A changed specification or a renewal starts a new life; the unchanged one
/// does not, however often it is applied.
fn revive(draft: &mut Draft, hash: Option<&SpecHash>, renewals: u64, deleted: bool) {
    let Some(deployable) = draft.deployable() else { return };
    let asked = draft.record.asks.renewals;
    if draft.record.open().is_some() {
        // No ended feature has a call under way; whatever wrote this, nothing is added to it.
        return;
    }
    if Some(deployable) == hash && asked <= renewals {
        if draft.record.asks.deletion.is_some() && !deleted {
            let Life::Expired { hash, at, renewals } = draft.record.life.clone() else { return };
            draft.record.life = Life::Deleted { hash, at, renewals };
        }
        return;
    }
    let record = &mut draft.record;
    record.life = Life::Wanted { since: None, renewals: asked };
    record.attempt = Attempt::Idle;
    record.asks.deletion = None;
    record.asks.extension = None;
    record.deployed = None;
    draft.tell(Severity::Info, "Revived", "It lives again.");
}

/// An ended feature without a row is forgotten once nothing of it is left. A
/// row that nobody asked to remove may come back, so its tombstone stays for
/// the grace.
fn dispose(draft: &mut Draft, now: Timestamp, policy: &Policy) {
    let record = &draft.record;
    let ended = matches!(record.life, Life::Expired { .. } | Life::Deleted { .. });
    let row_gone = record.vanished.is_some_and(|since| {
        record.asks.deletion.is_some() || now.duration_since(since) >= policy.guards.grace
    });
    draft.forget = ended && row_gone && record.artifacts.is_empty() && record.open().is_none();
}

fn farewell(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Expired => "Its time is over.",
        EndReason::Deleted => "It is being deleted, as asked.",
        EndReason::Vanished => "Its row is gone from the store.",
    }
}
