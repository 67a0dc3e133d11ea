//! What no plan may do, said a second time and without a look at the planner's own checker.

use beansprout::model::names::binding;
use beansprout::model::{
    Answer, Attempt, BindingAnswer, Entry, Environment, EnvironmentStatus, Life, Record, RecordRow, Reply,
    Snapshot, SpecRow,
};
use beansprout::plan::{Action, Memory, Plan, Policy, Step, check, plan};

/// The record as the snapshot has it.
fn before(entry: &Entry) -> Option<&Record> {
    match &entry.record {
        RecordRow::Present { record, .. } => Some(record),
        RecordRow::Absent | RecordRow::Unreadable { .. } => None,
    }
}

/// The record as the plan leaves it.
fn after<'a>(entry: &'a Entry, step: &'a Step) -> Option<&'a Record> {
    match &step.memory {
        Memory::Write(record, _) => Some(record),
        Memory::Keep => before(entry),
        Memory::Forget(_) => None,
    }
}

/// Every breach of a rule in a plan.
pub(super) fn breaches(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut found: Vec<String> = check(snapshot, plan)
        .into_iter()
        .map(|violation| format!("the checker: {}", violation.what))
        .collect();
    found.extend(orphan_breaches(snapshot, plan));
    for (name, step) in &plan.steps {
        let entry = &snapshot.features[name];
        let mut must = |holds: bool, what: &str| {
            if !holds {
                found.push(what.to_owned());
            }
        };
        let Some(action) = &step.action else { continue };
        must(snapshot.fleet.known().is_some(), "an action without a listing");
        must(!matches!(entry.spec, SpecRow::Unreadable { .. }), "an action on a row that cannot be read");
        must(snapshot.paused.is_none(), "an action during a pause");
        let old = before(entry);
        let new = after(entry, step);
        let open = old.and_then(Record::open);
        must(open.is_none_or(|intent| closed(snapshot, old, intent)), "an action beside an open call");
        let seen = old.and_then(|old| environment(snapshot, old)).or_else(|| given(snapshot, old));
        match action {
            Action::Tidy(remains) => {
                for label in remains.iter().map(|remains| &remains.label) {
                    let shown = live(snapshot).any(|live| live.label.as_ref() == Some(label));
                    must(!shown, "a version that somebody runs is removed");
                }
                must(new.is_some_and(|new| new.open().is_none()), "tidying beside a call");
            }
            Action::Launch(_, version, request) => {
                must(
                    live(snapshot).all(|live| live.name != request.name),
                    "a launch under a name that lives",
                );
                must(matches!(entry.spec, SpecRow::Present { .. }), "a launch that no row wants");
                let known =
                    old.and_then(|old| old.identity.ledger.as_ref()).and_then(|ledger| ledger.id.as_ref());
                let gone = seen.is_some_and(|seen| seen.status == EnvironmentStatus::Terminated);
                let forgotten = old.is_some_and(|old| old.asks.forget.is_some());
                let ended = open.is_some_and(|intent| {
                    let accepted = matches!(intent.reply, Reply::Accepted { .. });
                    let refused = matches!(intent.reply, Reply::Refused(_));
                    intent.kind == beansprout::model::IntentKind::Terminate && (accepted || refused)
                });
                // What was not taken was never the feature's.
                let untaken = open.is_some_and(|intent| intent.kind == beansprout::model::IntentKind::Adopt);
                let none_lives = known.is_none() || gone || forgotten || ended || untaken;
                must(none_lives, "a launch beside one that may live");
                must(
                    new.is_some_and(|new| new.artifacts.contains_key(&version.label)),
                    "a version unknown to the record",
                );
            }
            Action::Configure(request) => {
                ready(&mut must, new, seen.or_else(|| claimed(snapshot, old)), &request.id, false);
            }
            Action::Deploy(_, version, request) => {
                must(version.label == request.label, "another version");
                let unused = live(snapshot).all(|live| live.label.as_ref() != Some(&request.label));
                must(unused, "a label that is shown already");
                ready(&mut must, new, seen.or_else(|| claimed(snapshot, old)), &request.id, false);
            }
            Action::Adopt(request) => {
                let shown = &request.asked.what;
                let given = old.and_then(|old| old.asks.adoption.as_ref());
                must(given == Some(&request.asked), "an adoption that nobody asked for");
                let ledger = old.and_then(|old| old.identity.ledger.as_ref());
                let tried = open.is_some_and(|intent| intent.kind == beansprout::model::IntentKind::Adopt);
                must(ledger.is_none() || tried, "an adoption beside an environment");
                let listed = snapshot.fleet.known().and_then(|fleet| fleet.get(&shown.id));
                let live = listed.or_else(|| snapshot.missing.get(&shown.id)?.known()?.as_ref());
                ready(&mut must, new, live, &shown.id, false);
                let tags = snapshot.tags.get(&shown.id).and_then(|tags| tags.known());
                must(tags == Some(&shown.tags), "tags that were not shown");
                let other = snapshot.features.iter().filter(|(other, _)| *other != name);
                let mut ledgers = other.filter_map(|(_, entry)| before(entry)?.identity.ledger.as_ref());
                must(
                    ledgers.all(|ledger| ledger.id.as_ref() != Some(&shown.id) && ledger.name != shown.name),
                    "an adoption of what another feature has",
                );
            }
            Action::Destroy(request) => {
                ready(&mut must, new, seen.or_else(|| claimed(snapshot, old)), &request.id, true);
                let protected = new.is_none_or(Record::is_protected);
                must(!protected, "a termination of what is protected");
            }
        }
    }
    found
}

/// Every breach of a rule about orphans: what ends was named by a person, nobody here has it, and it is at rest.
fn orphan_breaches(snapshot: &Snapshot, plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for (id, _) in plan.orphans.iter().filter(|(_, step)| step.action.is_some()) {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                found.push(format!("orphan {id}: {what}"));
            }
        };
        must(snapshot.paused.is_none() && snapshot.quiet.is_none(), "at a time when nothing ends");
        let request = snapshot.orphans.get(id);
        must(request.is_some_and(|request| request.ask.what.id == *id), "nobody named it");
        let open = request.and_then(|request| request.open());
        let refused = |intent: &beansprout::model::Intent| matches!(intent.reply, Reply::Refused(_));
        let settled = |intent: &beansprout::model::Intent| {
            snapshot.now.duration_since(intent.at).as_secs() > 60
                && !matches!(intent.reply, Reply::Accepted { .. })
        };
        must(open.is_none_or(|intent| refused(intent) || settled(intent)), "beside an open call");
        let listed = snapshot.fleet.known().and_then(|fleet| fleet.get(id));
        let seen = listed.or_else(|| snapshot.missing.get(id)?.known()?.as_ref());
        must(seen.is_some_and(|seen| seen.status == EnvironmentStatus::Ready), "not at rest");
        must(
            seen.zip(request).is_some_and(|(seen, request)| seen.name == request.ask.what.name),
            "another one than was shown",
        );
        for entry in snapshot.features.values() {
            must(
                !matches!(entry.record, RecordRow::Unreadable { .. }),
                "beside a record that cannot be read",
            );
            let ledger = before(entry).and_then(|record| record.identity.ledger.as_ref());
            let ours = ledger.is_some_and(|ledger| {
                ledger.id.as_ref() == Some(id) || seen.is_some_and(|seen| seen.name == ledger.name)
            });
            must(!ours, "a ledger names it");
        }
    }
    found
}

/// Updates and terminations: the ledger's own, at rest, and in the life that wants them.
fn ready(
    must: &mut impl FnMut(bool, &str),
    new: Option<&Record>,
    seen: Option<&Environment>,
    id: &beansprout::model::EnvironmentId,
    ends: bool,
) {
    let ledger = new.and_then(|new| new.identity.ledger.as_ref()?.id.as_ref());
    must(ledger == Some(id), "a call on what the ledger does not name");
    must(seen.is_some_and(|seen| seen.id == *id && seen.status == EnvironmentStatus::Ready), "not at rest");
    let ending = new.is_some_and(|new| matches!(new.life, Life::Ending { .. }));
    must(ending == ends, "a call that this life does not want");
}

fn live(snapshot: &Snapshot) -> impl Iterator<Item = &Environment> {
    let listed = snapshot.fleet.known().into_iter().flat_map(|fleet| fleet.values());
    listed.filter(|environment| environment.status != EnvironmentStatus::Terminated)
}

/// The ledger's environment, listed or read by id.
fn environment<'a>(snapshot: &'a Snapshot, record: &Record) -> Option<&'a Environment> {
    let id = record.identity.ledger.as_ref()?.id.as_ref()?;
    let listed = snapshot.fleet.known().and_then(|fleet| fleet.get(id));
    listed.or_else(|| snapshot.missing.get(id)?.known()?.as_ref())
}

/// The one that bears our name and whose tags were read.
fn claimed<'a>(snapshot: &'a Snapshot, record: Option<&Record>) -> Option<&'a Environment> {
    let name = &record?.identity.ledger.as_ref()?.name;
    live(snapshot).find(|live| live.name == *name && snapshot.bindings.contains_key(&live.id))
}

/// The one that a person gave to a feature without one.
fn given<'a>(snapshot: &'a Snapshot, record: Option<&Record>) -> Option<&'a Environment> {
    let record = record.filter(|record| record.identity.ledger.is_none())?;
    let id = &record.asks.adoption.as_ref()?.what.id;
    let listed = snapshot.fleet.known().and_then(|fleet| fleet.get(id));
    listed.or_else(|| snapshot.missing.get(id)?.known()?.as_ref())
}

/// Whether what is observed allows an end of the call at all: a definite no, or an environment that is not in motion,
/// or none to be seen after the time that a call may take.
fn closed(snapshot: &Snapshot, record: Option<&Record>, intent: &beansprout::model::Intent) -> bool {
    if matches!(intent.reply, Reply::Refused(_)) || record.is_some_and(|record| record.asks.forget.is_some())
    {
        return true;
    }
    let age = snapshot.now.duration_since(intent.at).as_secs();
    // Names are unique: whoever bears ours and somebody else's tag, or none for long, says that our create made nothing.
    let stranger = claimed(snapshot, record).is_some_and(|bearer| {
        let expected = binding(&snapshot.home.store, &bearer.application, &bearer.name);
        match &snapshot.bindings[&bearer.id] {
            BindingAnswer::Bears(found) => *found != expected,
            BindingAnswer::None => age > 60,
            BindingAnswer::Gap(_) => false,
        }
    });
    if stranger {
        return true;
    }
    match record.and_then(|record| environment(snapshot, record).or_else(|| claimed(snapshot, Some(record))))
    {
        Some(environment) => {
            matches!(environment.status, EnvironmentStatus::Ready | EnvironmentStatus::Terminated)
        }
        None => age > 60 || matches!(intent.reply, Reply::Accepted { .. }),
    }
}

/// The snapshot after a plan was written down, its calls sent and not yet answered, and leftovers removed.
pub(super) fn applied(snapshot: &Snapshot, plan: &Plan) -> Snapshot {
    let mut next = snapshot.clone();
    next.guards = plan.guards.clone();
    for (id, step) in &plan.orphans {
        match &step.request {
            Some(request) => drop(next.orphans.insert(id.clone(), request.clone())),
            None => drop(next.orphans.remove(id)),
        }
    }
    for (name, step) in &plan.steps {
        let Some(entry) = next.features.get_mut(name) else { continue };
        match &step.memory {
            Memory::Keep => {}
            Memory::Write(record, version) => {
                entry.record =
                    RecordRow::Present { record: record.clone(), version: version.unwrap_or(0) + 1 };
            }
            Memory::Forget(_) => entry.record = RecordRow::Absent,
        }
        if let (Some(Action::Tidy(remains)), RecordRow::Present { record, .. }) =
            (&step.action, &mut entry.record)
        {
            record.artifacts.retain(|label, _| remains.iter().all(|remains| remains.label != *label));
        }
        if entry.record == RecordRow::Absent && entry.spec == SpecRow::Absent {
            next.features.remove(name);
        }
    }
    next
}

/// What is planned on top of a plan that was just written: nothing.
pub(super) fn leftovers(snapshot: &Snapshot, policy: &Policy, first: &Plan) -> Option<String> {
    let next = applied(snapshot, first);
    let second = plan(&next, policy);
    // What a sweep leaves may be forgotten at once; that is one more step, and then there is none.
    let tidied = first.steps.values().any(|step| matches!(step.action, Some(Action::Tidy(_))));
    let forgets =
        second.steps.values().all(|step| matches!(step.memory, Memory::Forget(_)) && step.action.is_none());
    let settled = second.steps.is_empty() || (tidied && forgets);
    if settled && second.orphans.is_empty() {
        return None;
    }
    let (then, now) = (format!("{:#?}", next.features), format!("{:#?}", applied(&next, &second).features));
    let changed = similar::TextDiff::from_lines(&then, &now).unified_diff().context_radius(1).to_string();
    let actions: Vec<_> = second.steps.values().map(|step| (&step.action, &step.news)).collect();
    Some(format!("{changed}\n{actions:?}\n{:?}", second.orphans))
}

/// Whether a record still waits for the call that it had open.
pub(super) fn still_open(record: &Record, at: jiff::Timestamp) -> bool {
    matches!(&record.attempt, Attempt::Open(intent) if intent.at == at)
}

/// No answer, for the planner's every question at once.
pub(super) fn blind(snapshot: &mut Snapshot) {
    snapshot.fleet = Answer::Gap("no answer".to_owned());
}
