//! Taking an orphan for a feature, because a person said so: the one change
//! of tags that is ever made. What is asked for that cannot come about any
//! more is dropped and told, and the feature goes on as its specification
//! says.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::Action;
use super::converge::act;
use super::draft::Draft;
use super::evidence::tags_failed;
use super::locate::{Fleet, Seen};
use super::policy::{NOT_NOW, SETTLE, TAGS_LATE};
use super::report::Situation;
use super::verdict::{Again, Verdict, failed_once, moved, overdue};
use crate::model::names::{BINDING_TAG, FEATURE_TAG, binding, tag_text};
use crate::model::{
    Adopt, Answer, ApplicationName, Ask, Attempt, Environment, EnvironmentStatus, Feature, Intent,
    IntentKind, Ledger, Orphan, Refusal, RefusalClass, Reply, Severity, Snapshot,
};

/// What the wish for an orphan does to its feature.
pub(super) enum Adoption<'a> {
    /// There is none, or none any more.
    None,
    /// It holds the feature.
    Holds(Situation),
    /// The feature has it now.
    Taken(&'a Environment),
}

/// Takes the orphan that a person named, as far as one plan carries.
pub(super) fn adopt<'a>(
    draft: &mut Draft,
    feature: &Feature,
    application: &ApplicationName,
    snapshot: &'a Snapshot,
    fleet: &Fleet<'a>,
) -> Adoption<'a> {
    let Some(asked) = draft.record.asks.adoption.clone() else {
        forget_failure(draft);
        return Adoption::None;
    };
    let environment = match find(draft, &asked.what, application, snapshot, fleet) {
        Ok(environment) => environment,
        Err(Against::ForGood(why)) => {
            give_up(draft, &why);
            return Adoption::None;
        }
        Err(Against::ForNow(why)) => return waits(&asked, why),
    };
    let tags = match snapshot.tags.get(&environment.id) {
        Some(Answer::Known(tags)) => tags,
        Some(Answer::Gap(why)) => return waits(&asked, format!("its tags cannot be read ({why})")),
        None => return waits(&asked, "its tags are being read".to_owned()),
    };
    let wanted = tags_for(draft, environment, snapshot);
    let bears = |key: &String, value: &String| tags.get(key) == Some(value);
    if wanted.iter().all(|(key, value)| bears(key, value)) {
        // A set of tags that changes nothing is an operation that fails, so
        // none is sent.
        take(draft, environment, feature, application);
        finish(draft, environment, snapshot);
        return Adoption::Taken(environment);
    }
    if !tags.contains_key(BINDING_TAG) {
        return waits(&asked, "its tags are not shown".to_owned());
    }
    if *tags != asked.what.tags {
        give_up(draft, "its tags are not as they were shown when it was named");
        return Adoption::None;
    }
    let mut tries = 0;
    if let Attempt::Failed(failure) = &draft.record.attempt
        && failure.kind == IntentKind::Adopt
    {
        if failure.retry_at.is_some_and(|at| snapshot.now < at) {
            return Adoption::Holds(Situation::Retries(failure.clone()));
        }
        tries = failure.tries;
    }
    take(draft, environment, feature, application);
    let tags = wanted.into_iter().filter(|(key, value)| !bears(key, value)).collect();
    let action = Action::Adopt(Adopt { asked, tags });
    Adoption::Holds(act(draft, IntentKind::Adopt, tries, environment.updated, action, snapshot))
}

/// What stands against an adoption.
enum Against {
    ForGood(String),
    ForNow(String),
}

/// The environment that was named, if it can be taken at this moment.
fn find<'a>(
    draft: &Draft,
    shown: &Orphan,
    application: &ApplicationName,
    snapshot: &'a Snapshot,
    fleet: &Fleet<'a>,
) -> Result<&'a Environment, Against> {
    let never = |why: &str| Err(Against::ForGood(why.to_owned()));
    if draft.record.identity.ledger.is_some() {
        return never("the feature has an environment");
    }
    if fleet.claimant(&shown.id).is_some_and(|claimant| claimant != draft.name) {
        return never("another feature takes it");
    }
    if snapshot.orphans.get(&shown.id).is_some_and(|request| request.open().is_some()) {
        return never("it is being ended, as somebody asked");
    }
    let listed = snapshot.fleet.known().and_then(|environments| environments.get(&shown.id));
    let read = snapshot.missing.get(&shown.id).and_then(Answer::known).and_then(Option::as_ref);
    let Some(environment) = listed.or(read) else {
        return Err(Against::ForNow("nobody can see it, which does not prove that it is gone".to_owned()));
    };
    if !environment.is_live() {
        return never("it is gone");
    }
    if fleet.knows_as_anothers(environment, draft.name) {
        return never("it belongs to another feature");
    }
    if !shown.is(environment) {
        return never("it is not the environment that was shown");
    }
    if environment.application != *application {
        let why = format!("it is of application {}, and {application} is wanted", environment.application);
        return Err(Against::ForGood(why));
    }
    if fleet.has_unreadable_records() {
        let why = "a record cannot be read, and may know it; sprout get shows which";
        return Err(Against::ForNow(why.to_owned()));
    }
    if environment.status != EnvironmentStatus::Ready {
        return Err(Against::ForNow("somebody changes it at this moment".to_owned()));
    }
    Ok(environment)
}

fn waits<'a>(asked: &Ask<Orphan>, why: String) -> Adoption<'a> {
    Adoption::Holds(Situation::AdoptionWaits { id: asked.what.id.clone(), why })
}

/// The tags that make an environment this feature's.
fn tags_for(draft: &Draft, environment: &Environment, snapshot: &Snapshot) -> BTreeMap<String, String> {
    let bound = binding(&snapshot.home.store, &environment.application, &environment.name);
    BTreeMap::from([(BINDING_TAG.to_owned(), bound), (FEATURE_TAG.to_owned(), tag_text(draft.name.as_str()))])
}

/// Gives it a place in the ledger, under the name that it has. Nothing is
/// known of what it runs, so that everything is sent to it: settings first,
/// then a fresh label.
fn take(draft: &mut Draft, environment: &Environment, feature: &Feature, application: &ApplicationName) {
    draft.record.identity.application = Some(application.clone());
    draft.record.identity.ledger = Some(Ledger {
        name: environment.name.clone(),
        id: Some(environment.id.clone()),
        arn: environment.arn.clone(),
        // Nobody says what it was made from. Whoever gives it to this feature
        // says that it will do.
        template: feature.spec.template.clone(),
        was_ready: true,
        dirty: true,
        applied: BTreeMap::new(),
        missing_since: None,
        url: environment.cname.as_ref().map(|cname| format!("http://{cname}")),
    });
}

/// The wish is fulfilled. It is there and costs, so it must not be there for
/// ever.
fn finish(draft: &mut Draft, environment: &Environment, snapshot: &Snapshot) {
    draft.record.asks.adoption = None;
    draft.record.attempt = Attempt::Idle;
    if let Some(ledger) = &mut draft.record.identity.ledger {
        ledger.dirty = true;
    }
    draft.record.life.begin(snapshot.now);
    let text = format!("{} ({}) is its environment now.", environment.name, environment.id);
    draft.tell(Severity::Info, "Adopted", text);
}

/// Where there is no wish, what came of it holds nothing up.
fn forget_failure(draft: &mut Draft) {
    if matches!(&draft.record.attempt, Attempt::Failed(failure) if failure.kind == IntentKind::Adopt) {
        draft.record.attempt = Attempt::Idle;
    }
}

/// Drops the wish, with the reason.
pub(super) fn give_up(draft: &mut Draft, why: &str) {
    let Some(asked) = draft.record.asks.adoption.take() else { return };
    forget_failure(draft);
    let text = format!("{} was not taken for it: {why}.", asked.what.id);
    draft.tell(Severity::Warn, "NotAdopted", text);
}

/// What becomes of an open adoption.
pub(super) fn verdict(draft: &mut Draft, intent: &Intent, seen: &Seen, snapshot: &Snapshot) -> Verdict {
    if let Reply::Refused(refusal) = &intent.reply {
        return refused(refusal, seen);
    }
    let environment = match seen {
        Seen::Terminated(_) => return Verdict::Gone,
        Seen::Live(environment) if environment.status == EnvironmentStatus::Ready => environment,
        _ => return Verdict::Wait,
    };
    let Some(Answer::Known(tags)) = snapshot.tags.get(&environment.id) else { return Verdict::Wait };
    let wanted = tags_for(draft, environment, snapshot);
    if wanted.iter().all(|(key, value)| tags.get(key) == Some(value)) {
        return Verdict::Applied;
    }
    if let Some(event) = tags_failed(intent, environment, snapshot) {
        return failed_once(&event.message);
    }
    match (&intent.reply, moved(intent, environment)) {
        (Reply::Unknown, false) if overdue(intent, SETTLE, snapshot) => {
            Verdict::Refuted { pause: SignedDuration::ZERO, message: "The call never arrived.".to_owned() }
        }
        // Tags are shown a minute or more after they were written.
        (_, true) if overdue(intent, TAGS_LATE, snapshot) => failed_once("Beanstalk did not write the tags."),
        // Moved lately; or accepted, so that this listing is older than the call.
        _ => Verdict::Wait,
    }
}

fn refused(refusal: &Refusal, seen: &Seen) -> Verdict {
    let message = refusal.message.clone();
    let later = |again| Verdict::Failed { message: refusal.message.clone(), again, dirty: false };
    match refusal.class {
        _ if matches!(seen, Seen::Terminated(_)) => Verdict::Gone,
        RefusalClass::NotNow | RefusalClass::NotFound => Verdict::Refuted { pause: NOT_NOW, message },
        RefusalClass::Quota => later(Again::Later(SignedDuration::from_mins(5))),
        RefusalClass::Denied => later(Again::Blocked(SignedDuration::from_mins(5))),
        RefusalClass::Unproven
        | RefusalClass::Invalid
        | RefusalClass::NameTaken
        | RefusalClass::CnameTaken => later(Again::Never),
    }
}

/// After a verdict: what was not taken has no place in the ledger, and what
/// is not to be tried again is no wish any more.
pub(super) fn settled(draft: &mut Draft, seen: &Seen, snapshot: &Snapshot) {
    match (&draft.record.attempt, seen) {
        (Attempt::Open(_), _) => {}
        (Attempt::Failed(failure), _) => {
            let again = failure.retry_at.is_some();
            let why = failure.message.trim_end_matches('.').to_owned();
            draft.record.identity.ledger = None;
            if !again {
                give_up(draft, &why);
            }
        }
        (Attempt::Idle, Seen::Live(environment)) => finish(draft, environment, snapshot),
        (Attempt::Idle, _) => give_up(draft, "it is gone"),
    }
}
