//! An independent second look at a plan. It shares no code with the steps
//! that made it: it reads the snapshot and the finished actions, and names
//! whatever must never go out.

use std::fmt;

use super::{Action, Memory, OrphanStep, Plan, Step};
use crate::model::names::{BINDING_TAG, FEATURE_TAG};
use crate::model::{
    Adopt, EndOrphan, Entry, Environment, EnvironmentId, EnvironmentStatus, FeatureName, Intent, IntentKind,
    Life, Orphan, OrphanRequest, Record, RecordRow, Reply, Snapshot, SpecRow, VersionLabel,
};

/// Whose step it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A feature's.
    Feature(FeatureName),
    /// An orphan's.
    Orphan(EnvironmentId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Feature(name) => name.fmt(f),
            Subject::Orphan(id) => id.fmt(f),
        }
    }
}

/// Something that a plan must not contain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Whose step it is.
    pub subject: Subject,
    /// What is wrong with it.
    pub what: String,
}

/// Everything in a plan that must not go out; the controller drops the steps
/// that it names and says so.
pub fn check(snapshot: &Snapshot, plan: &Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (feature, step) in &plan.steps {
        let Some(entry) = snapshot.features.get(feature) else {
            let subject = Subject::Feature(feature.clone());
            violations.push(Violation { subject, what: "a feature that nobody knows".to_owned() });
            continue;
        };
        let found = match &step.action {
            None => None,
            Some(action) => judge(snapshot, entry, step, action).err(),
        };
        violations.extend(found.map(|what| Violation { subject: Subject::Feature(feature.clone()), what }));
    }
    for (id, step) in &plan.orphans {
        let found = step.action.as_ref().and_then(|action| judge_orphan(snapshot, id, step, action).err());
        violations.extend(found.map(|what| Violation { subject: Subject::Orphan(id.clone()), what }));
    }
    violations
}

/// What is taken for a feature: a person gave it, the feature has none, nobody
/// else here has it or is about to end it, and its tags are those that were
/// shown. Only the two tags that say whose it is are written.
fn adopted(snapshot: &Snapshot, entry: &Entry, step: &Step, request: &Adopt) -> Result<(), String> {
    let shown = &request.asked.what;
    ensure(matches!(entry.spec, SpecRow::Present { .. }), "an adoption that no specification wants")?;
    let before = entry.record().ok_or("an adoption that nobody asked for")?;
    ensure(before.asks.adoption.as_ref() == Some(&request.asked), "an adoption that nobody asked for")?;
    let tried = before.open().is_some_and(|intent| intent.kind == IntentKind::Adopt);
    ensure(before.identity.ledger.is_none() || tried, "an adoption beside an environment")?;
    let feature = &after(step).ok_or("an adoption without a record")?.feature;
    for (name, other) in snapshot.features.iter().filter(|(name, _)| *name != feature) {
        no_ledger_names(name, other, shown)?;
    }
    let ends = snapshot.orphans.get(&shown.id).is_some_and(|request| request.open().is_some());
    ensure(!ends, "an adoption of what is being ended")?;
    let live = seen(snapshot, &shown.id).ok_or("an adoption of what nobody sees")?;
    ensure(is_as_shown(live, shown), "an adoption of another one than was shown")?;
    let tags = snapshot.tags.get(&shown.id).and_then(|answer| answer.known());
    ensure(tags == Some(&shown.tags), "an adoption of what bears other tags than were shown")?;
    let ours = |key: &String| key == BINDING_TAG || key == FEATURE_TAG;
    ensure(request.tags.keys().all(ours) && !request.tags.is_empty(), "an adoption that writes other tags")?;
    let news = request.tags.iter().all(|(key, value)| shown.tags.get(key) != Some(value));
    ensure(news, "an adoption that writes what is there already")
}

/// That a feature's record does not name an environment, and can be read.
fn no_ledger_names(name: &FeatureName, entry: &Entry, shown: &Orphan) -> Result<(), String> {
    let RecordRow::Present { record, .. } = &entry.record else {
        let absent = entry.record == RecordRow::Absent;
        return ensure(absent, "an orphan is touched beside a record that cannot be read");
    };
    let ledger = record.identity.ledger.as_ref();
    let ours =
        ledger.is_some_and(|ledger| ledger.id.as_ref() == Some(&shown.id) || ledger.name == shown.name);
    if ours { Err(format!("an orphan is touched that the ledger of {name} names")) } else { Ok(()) }
}

fn is_as_shown(live: &Environment, shown: &Orphan) -> bool {
    live.name == shown.name && live.application == shown.application && live.arn == shown.arn
}

/// What ends without a place in a ledger: a person named it, nobody here has
/// it, it is the one that they were shown, and it is at rest.
fn judge_orphan(
    snapshot: &Snapshot,
    id: &EnvironmentId,
    step: &OrphanStep,
    action: &EndOrphan,
) -> Result<(), String> {
    ensure(snapshot.paused.is_none(), "an orphan ends during a pause")?;
    ensure(snapshot.quiet.is_none(), "an orphan ends too soon after a take-over")?;
    let asked = snapshot.orphans.get(id).ok_or("an orphan ends that nobody named")?;
    ensure(action.asked == asked.ask, "an orphan ends in another shape than it was named in")?;
    let shown = &asked.ask.what;
    ensure(
        shown.id == *id && shown.tags.contains_key(BINDING_TAG),
        "an orphan ends that never bore our tag",
    )?;
    let intent = step.request.as_ref().and_then(OrphanRequest::open);
    let intent = intent.ok_or("an orphan ends without an intent")?;
    ensure(intent.kind == IntentKind::Terminate, "an orphan's intent that is no termination")?;
    ensure(fits(asked.open(), intent), "a second termination of an orphan beside an open one")?;
    for (name, entry) in &snapshot.features {
        no_ledger_names(name, entry, shown)?;
        let given = entry.record().and_then(|record| record.asks.adoption.as_ref());
        ensure(given.is_none_or(|asked| asked.what.id != *id), "an orphan ends that a feature is to have")?;
    }
    let live = seen(snapshot, id).ok_or("an orphan ends that nobody sees")?;
    ensure(live.status == EnvironmentStatus::Ready, "an orphan ends that is not Ready")?;
    ensure(is_as_shown(live, shown), "an orphan ends that is another one than was shown")
}

/// An environment of the listing, or one that was read by id.
fn seen<'a>(snapshot: &'a Snapshot, id: &EnvironmentId) -> Option<&'a Environment> {
    let listed = snapshot.fleet.known()?.get(id);
    listed.or_else(|| snapshot.missing.get(id)?.known()?.as_ref())
}

fn judge(snapshot: &Snapshot, entry: &Entry, step: &Step, action: &Action) -> Result<(), String> {
    ensure(snapshot.fleet.known().is_some(), "a call without a listing")?;
    ensure(!matches!(entry.spec, SpecRow::Unreadable { .. }), "a call on an unreadable row")?;
    let before = entry.record();
    let open_before = before.and_then(Record::open);
    if let Action::Tidy(_) | Action::Destroy(_) = action {
        ensure(snapshot.quiet.is_none(), "something is destroyed too soon after a take-over")?;
    }
    match action {
        Action::Tidy(remains) => {
            let record = after(step).or(before).ok_or("tidying without a record")?;
            ensure(record.open().is_none(), "tidying while a call is under way")?;
            remains.iter().try_for_each(|remains| unused(snapshot, record, &remains.label))
        }
        Action::Launch(bundle, version, request) => {
            let intent = written(step)?;
            ensure(matches!(entry.spec, SpecRow::Present { .. }), "a launch without a specification")?;
            let taken = snapshot
                .fleet
                .known()
                .into_iter()
                .flat_map(|environments| environments.values())
                .any(|environment| environment.name == request.name && environment.is_live());
            ensure(!taken, "a launch under a name that is taken")?;
            ensure(
                request.template.is_some() != request.platform.is_some(),
                "not exactly one of template and platform",
            )?;
            ensure(request.tags.len() == 4, "a launch without its four tags")?;
            ensure(request.label == version.label, "a launch with another version than the one it makes")?;
            ensure(
                bundle.key == version.key && bundle.bucket == version.bucket,
                "a version of another bundle",
            )?;
            ensure(fits(open_before, intent), "a second launch beside an open one")
        }
        Action::Configure(request) => at_rest(snapshot, step, open_before, &request.id),
        Action::Deploy(bundle, version, request) => {
            ensure(request.label == version.label, "a deployment of another version than the one it makes")?;
            ensure(bundle.key == version.key, "a version of another bundle")?;
            at_rest(snapshot, step, open_before, &request.id)
        }
        Action::Adopt(request) => {
            at_rest(snapshot, step, open_before, &request.asked.what.id)?;
            adopted(snapshot, entry, step, request)
        }
        Action::Destroy(request) => {
            at_rest(snapshot, step, open_before, &request.id)?;
            let record = after(step).ok_or("a termination without an intent")?;
            ensure(!record.is_protected(), "a termination of a protected feature")?;
            ensure(matches!(record.life, Life::Ending { .. }), "a termination of a feature that lives")
        }
    }
}

/// Updates and terminations go to the ledger's environment, at rest, with
/// nothing else under way.
fn at_rest(
    snapshot: &Snapshot,
    step: &Step,
    open_before: Option<&Intent>,
    id: &crate::model::EnvironmentId,
) -> Result<(), String> {
    let intent = written(step)?;
    ensure(fits(open_before, intent), "a second call beside an open one")?;
    let record = after(step).ok_or("a call without a record")?;
    let ledger = record.identity.ledger.as_ref().and_then(|ledger| ledger.id.as_ref());
    ensure(ledger == Some(id), "a call on an environment that the ledger does not name")?;
    let status = seen(snapshot, id).map(|environment| &environment.status);
    ensure(status == Some(&EnvironmentStatus::Ready), "an update of an environment that is not Ready")
}

/// The intent that goes with a call.
fn written(step: &Step) -> Result<&Intent, String> {
    after(step).and_then(Record::open).ok_or_else(|| "a call without an intent".to_owned())
}

fn after(step: &Step) -> Option<&Record> {
    match &step.memory {
        Memory::Write(record, _) => Some(record),
        Memory::Keep | Memory::Forget(_) => None,
    }
}

/// A new intent may follow an open one only if that was closed in this very
/// plan: by a definite no, or else later than its own moment.
fn fits(open_before: Option<&Intent>, intent: &Intent) -> bool {
    open_before.is_none_or(|before| before.at < intent.at || matches!(before.reply, Reply::Refused(_)))
}

fn unused(snapshot: &Snapshot, record: &Record, label: &VersionLabel) -> Result<(), String> {
    let shown = snapshot
        .fleet
        .known()
        .into_iter()
        .flat_map(|environments| environments.values())
        .any(|environment| environment.is_live() && environment.label.as_ref() == Some(label));
    ensure(!shown, "removal of a version that an environment runs")?;
    let ended = matches!(record.life, Life::Expired { .. } | Life::Deleted { .. });
    let wanted = record.wanted.as_ref().is_some_and(|wanted| wanted.label == *label);
    ensure(ended || !wanted, "removal of the version that is wanted")
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}
