//! An independent second look at a plan. It shares no code with the steps
//! that made it: it reads the snapshot and the finished actions, and names
//! whatever must never go out.

use super::{Action, Memory, Plan, Step};
use crate::model::{
    Entry, EnvironmentStatus, FeatureName, Intent, Life, Record, Reply, Snapshot, SpecRow, VersionLabel,
};

/// Something that a plan must not contain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Whose step it is.
    pub feature: FeatureName,
    /// What is wrong with it.
    pub what: String,
}

/// Everything in a plan that must not go out; the controller drops the steps
/// that it names and says so.
pub fn check(snapshot: &Snapshot, plan: &Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (feature, step) in &plan.steps {
        let Some(entry) = snapshot.features.get(feature) else {
            violations
                .push(Violation { feature: feature.clone(), what: "a feature that nobody knows".to_owned() });
            continue;
        };
        let found = match &step.action {
            None => None,
            Some(action) => judge(snapshot, entry, step, action).err(),
        };
        violations.extend(found.map(|what| Violation { feature: feature.clone(), what }));
    }
    violations
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
    let status =
        snapshot.fleet.known().and_then(|environments| environments.get(id)).map(|found| &found.status);
    let by_id = snapshot.missing.get(id).and_then(|answer| answer.known()).and_then(Option::as_ref);
    let status = status.or(by_id.map(|environment| &environment.status));
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
