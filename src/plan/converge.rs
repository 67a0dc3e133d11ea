//! From where a feature is to where it should be: at most one call.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::adopt::{self, Adoption};
use super::beanstalk;
use super::draft::Draft;
use super::guards::Budget;
use super::life;
use super::locate::{Fleet, Seen};
use super::policy::{Policy, allowance, pace_key};
use super::report::{Situation, Waiting};
use super::wanted::{self, blocked};
use super::{Action, Plan};
use crate::model::names::{binding, cname_prefix, environment_name};
use crate::model::not_yet;
use crate::model::{
    Address, Answer, ApplicationName, Attempt, Configure, Deploy, EndReason, Environment, EnvironmentStatus,
    Feature, Heal, Health, Intent, IntentKind, Ledger, Life, OptionKey, Reply, Severity, Snapshot, Terminate,
    VersionLabel,
};

/// Decides the one call of a feature, or says why there is none.
pub(super) fn converge<'a>(
    draft: &mut Draft,
    seen: &Seen<'a>,
    snapshot: &'a Snapshot,
    policy: &Policy,
    fleet: &Fleet<'a>,
    budget: &mut Budget,
) -> Situation {
    if let Seen::Gap(why) = seen {
        return Situation::NoAnswer { why: (*why).to_owned() };
    }
    if let Some(intent) = draft.record.open() {
        return under_way(intent, snapshot);
    }
    match draft.record.life.clone() {
        Life::Ending { reason, .. } => end(draft, seen, reason, snapshot, budget),
        Life::Expired { .. } => Situation::Expired,
        Life::Deleted { .. } => Situation::Deleted,
        Life::Wanted { .. } => match draft.spec() {
            Some(feature) => live(draft, seen, feature, snapshot, policy, fleet, budget),
            None => row_missing(draft, policy),
        },
    }
}

/// A living feature with a specification.
fn live<'a>(
    draft: &mut Draft,
    seen: &Seen<'a>,
    feature: &Feature,
    snapshot: &'a Snapshot,
    policy: &Policy,
    fleet: &Fleet<'a>,
    budget: &mut Budget,
) -> Situation {
    if let Some((field, why)) = not_yet(feature).into_iter().next() {
        return blocked("NotCarriedOut", format!("Its field {field} is not carried out: {why}."));
    }
    let Some(application) = wanted::application(feature, policy) else {
        return blocked("NoApplication", "It names no application, and the configuration has no default.");
    };
    if let (Some(fixed), Some(_)) = (&draft.record.identity.application, &draft.record.identity.ledger)
        && *fixed != application
    {
        let why = format!(
            "Its environment belongs to the application {fixed}, which cannot change to {application}."
        );
        return blocked("ApplicationFixed", why);
    }
    let taken;
    let seen = match adopt::adopt(draft, feature, &application, snapshot, fleet) {
        Adoption::None => seen,
        Adoption::Holds(situation) => return situation,
        Adoption::Taken(environment) => {
            taken = Seen::Live(environment);
            &taken
        }
    };
    match seen {
        Seen::Live(environment) => match environment.status {
            EnvironmentStatus::Ready => update(draft, environment, feature, snapshot, policy),
            // Nobody else launches what was never Ready: a create of ours that arrived late.
            EnvironmentStatus::Launching => launching(environment, snapshot),
            _ => Situation::ForeignOperation,
        },
        Seen::Missing { .. } => Situation::NotVisible { since: missing_since(draft, snapshot) },
        // Refused because of the name, and the bearer's tags were read: a stranger's, as far as anybody can tell.
        Seen::Unproven { environment, answered: true } if is_blocked(draft) => {
            Situation::NameTaken { by: environment.id.clone() }
        }
        Seen::Unproven { .. } | Seen::Claim(_) => Situation::Unproven,
        Seen::Foreign(environment) => Situation::NameTaken { by: environment.id.clone() },
        Seen::Terminated(_) | Seen::Gap(_) => {
            Situation::NoAnswer { why: "the listing is being read".to_owned() }
        }
        Seen::Nothing | Seen::Absent => {
            draft.record.identity.application = Some(application);
            launch(draft, feature, snapshot, policy, fleet, budget)
        }
    }
}

/// Makes the environment, with the wanted version from the start.
fn launch(
    draft: &mut Draft,
    feature: &Feature,
    snapshot: &Snapshot,
    policy: &Policy,
    fleet: &Fleet,
    budget: &mut Budget,
) -> Situation {
    let Some(application) = draft.record.identity.application.clone() else {
        return blocked("NoApplication", "It names no application, and the configuration has no default.");
    };
    let name = match &draft.record.identity.ledger {
        Some(ledger) => ledger.name.clone(),
        None => environment_name(&policy.prefix, &snapshot.home.store, &application, draft.name),
    };
    if let Some(bearer) = fleet.bearer(&name) {
        return Situation::NameTaken { by: bearer.id.clone() };
    }
    // Without an image there is no environment, so nobody asks for an address.
    if let Some(Err(situation)) = feature.spec.image.as_deref().map(|image| wanted::resolved(image, snapshot))
    {
        return situation;
    }
    let Some(prefix) = free_prefix(draft, &application, snapshot) else {
        return Situation::NoAnswer { why: "the address is being looked up".to_owned() };
    };
    match wanted::refresh(draft, feature, &application, snapshot, policy) {
        Err(situation) | Ok(Some(situation)) => return situation,
        Ok(None) => {}
    }
    if feature.spec.heal == Heal::Never && nothing_new(draft) {
        return Situation::NotHealed;
    }
    let tries = match tries_left(draft, snapshot, policy) {
        Ok(tries) => tries,
        Err(situation) => return situation,
    };
    if let Err(guard) = budget.may_create(&mut draft.record) {
        return Situation::Held(guard);
    }
    if doomed_label(draft) {
        wanted::mint_label(draft, snapshot);
    }
    let Some(wanted) = draft.record.wanted.clone() else {
        return Situation::NoAnswer { why: "what is wanted is not known yet".to_owned() };
    };
    draft.record.identity.ledger.get_or_insert(Ledger {
        name: name.clone(),
        id: None,
        arn: None,
        template: wanted.template.clone(),
        was_ready: false,
        dirty: false,
        applied: BTreeMap::new(),
        missing_since: None,
        url: None,
    });
    let (bundle, version) = beanstalk::version(draft, &application, &wanted, snapshot);
    let request = beanstalk::create(draft, &application, &name, &prefix, &wanted, snapshot);
    let action = Action::Launch(bundle, version, Box::new(request));
    act(draft, IntentKind::Launch { label: wanted.label }, tries, None, action, snapshot)
}

/// The first CNAME prefix of the feature's series that is not known to be
/// taken; `None` until the answer is there. After a create that was decided,
/// the one who has it may be ourselves: then the create tells.
fn free_prefix(draft: &mut Draft, application: &ApplicationName, snapshot: &Snapshot) -> Option<String> {
    let decided = draft.record.identity.ledger.is_some();
    loop {
        let series = draft.record.identity.cname_series;
        let prefix = cname_prefix(&snapshot.home.store, application, draft.name, series);
        match snapshot.addresses.get(&prefix)? {
            Answer::Known(Address { available: false, .. }) if !decided => {
                draft.record.identity.cname_series += 1;
            }
            _ => return Some(prefix),
        }
    }
}

/// Brings an environment at rest to what is wanted: settings first, then the
/// label.
fn update(
    draft: &mut Draft,
    environment: &Environment,
    feature: &Feature,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Situation {
    let owed = match wanted::refresh(draft, feature, &environment.application, snapshot, policy) {
        Err(situation) => return situation,
        Ok(owed) => owed,
    };
    let (Some(wanted), Some(ledger)) = (draft.record.wanted.clone(), draft.record.identity.ledger.clone())
    else {
        return Situation::NoAnswer { why: "what is wanted is not known yet".to_owned() };
    };
    if wanted.template != ledger.template {
        let name = |template: &Option<String>| template.clone().unwrap_or_else(|| "no template".to_owned());
        let why = format!(
            "Its environment was made from {}, and {} is wanted now; it must be made anew for that. What runs stays.",
            name(&ledger.template),
            name(&wanted.template)
        );
        return blocked("MustBeRecreated", why);
    }
    let (set, remove) = difference(&ledger.applied, &wanted.options);
    let dirty = ledger.dirty;
    let deployed = draft.record.deployed.as_ref().map(|deployed| &deployed.label) == Some(&wanted.label);
    let shown = environment.label.as_ref() == Some(&wanted.label);
    if set.is_empty() && remove.is_empty() && shown && deployed && !dirty {
        draft.record.attempt = Attempt::Idle;
        return match environment.health {
            Health::Red => Situation::Unwell,
            _ => Situation::Runs,
        };
    }
    if let Some(situation) = owed {
        return situation;
    }
    let tries = match tries_left(draft, snapshot, policy) {
        Ok(tries) => tries,
        Err(situation) => return situation,
    };
    if !set.is_empty() || !remove.is_empty() {
        let request = Configure { id: environment.id.clone(), set, remove };
        return act(
            draft,
            IntentKind::Configure,
            tries,
            environment.updated,
            Action::Configure(request),
            snapshot,
        );
    }
    if dirty || shown || doomed_label(draft) {
        wanted::mint_label(draft, snapshot);
    }
    let Some(wanted) = draft.record.wanted.clone() else { return Situation::Runs };
    let application = environment.application.clone();
    let (bundle, version) = beanstalk::version(draft, &application, &wanted, snapshot);
    let request = Deploy { id: environment.id.clone(), label: wanted.label.clone() };
    let kind = IntentKind::Deploy { label: wanted.label };
    act(draft, kind, tries, environment.updated, Action::Deploy(bundle, version, request), snapshot)
}

/// Takes the environment of an ending feature down, as soon as Beanstalk
/// allows it.
fn end(
    draft: &mut Draft,
    seen: &Seen,
    reason: EndReason,
    snapshot: &Snapshot,
    budget: &mut Budget,
) -> Situation {
    let environment = match seen {
        Seen::Live(environment) => environment,
        Seen::Missing { .. } => return Situation::NotVisible { since: missing_since(draft, snapshot) },
        Seen::Unproven { .. } | Seen::Claim(_) => return Situation::Unproven,
        _ => return Situation::EndsWhenReady(reason),
    };
    if environment.status != EnvironmentStatus::Ready {
        return Situation::EndsWhenReady(reason);
    }
    if let Some(until) = snapshot.quiet {
        return Situation::TakenOver { until };
    }
    let Some(arn) = environment.arn.clone() else { return Situation::Unproven };
    let mut tries = 0;
    if let Attempt::Failed(failure) = &draft.record.attempt
        && failure.kind == IntentKind::Terminate
    {
        if failure.retry_at.is_none_or(|at| snapshot.now < at) {
            return Situation::Retries(failure.clone());
        }
        tries = failure.tries;
    }
    if tries == 0
        && let Err(guard) = budget.may_end(draft.name, reason)
    {
        return Situation::Held(guard);
    }
    let request = Terminate {
        id: environment.id.clone(),
        arn,
        binding: binding(&snapshot.home.store, &environment.application, &environment.name),
    };
    act(draft, IntentKind::Terminate, tries, environment.updated, Action::Destroy(request), snapshot)
}

/// Whether another try is due, and the how-manieth it is. A new generation or
/// another digest starts afresh.
fn tries_left(draft: &Draft, snapshot: &Snapshot, policy: &Policy) -> Result<u32, Situation> {
    let Attempt::Failed(failure) = &draft.record.attempt else { return Ok(0) };
    let digest = draft.record.wanted.as_ref().and_then(|wanted| wanted.digest.as_ref());
    let same = failure.generation == draft.record.generation && failure.digest.as_ref() == digest;
    if !same {
        return Ok(0);
    }
    match failure.retry_at {
        None => Err(Situation::OutOfTries(failure.clone())),
        Some(at) if snapshot.now < at => Err(Situation::Retries(failure.clone())),
        Some(_) => Ok(failure.tries.min(policy.tries)),
    }
}

/// Writes the intent down and answers that it goes out.
pub(super) fn act(
    draft: &mut Draft,
    kind: IntentKind,
    tries: u32,
    updated_before: Option<Timestamp>,
    action: Action,
    snapshot: &Snapshot,
) -> Situation {
    let waiting = Waiting {
        expected: expected(&kind, snapshot.now, snapshot),
        due: snapshot.now + allowance(&kind),
        since: snapshot.now,
        kind: kind.clone(),
    };
    let image = draft.record.wanted.as_ref().map(|wanted| wanted.image.as_str());
    let (reason, message) = announcement(&kind, image);
    draft.tell(Severity::Info, reason, message);
    let intent = Intent {
        kind,
        generation: draft.record.generation,
        epoch: snapshot.epoch.unwrap_or_default(),
        at: snapshot.now,
        due: waiting.due,
        tries,
        updated_before,
        reply: Reply::Unknown,
    };
    draft.open(intent, action);
    Situation::Acts(waiting)
}

fn announcement(kind: &IntentKind, image: Option<&str>) -> (&'static str, String) {
    let image = image.unwrap_or("what is wanted");
    match kind {
        IntentKind::Launch { .. } => ("Launching", format!("Its environment is being made, with {image}.")),
        IntentKind::Configure => ("Configuring", "Its settings are being changed.".to_owned()),
        IntentKind::Deploy { .. } => ("Deploying", format!("{image} is being deployed.")),
        IntentKind::Terminate => ("Terminating", "Its environment is being taken down.".to_owned()),
        IntentKind::Adopt => {
            ("Adopting", "The environment that a person named is being taken for it.".to_owned())
        }
    }
}

/// An environment that is being made without an open intent of ours.
fn launching(environment: &Environment, snapshot: &Snapshot) -> Situation {
    let kind =
        IntentKind::Launch { label: environment.label.clone().unwrap_or_else(|| VersionLabel::new("")) };
    let since = environment.created.unwrap_or(snapshot.now);
    let waiting =
        Waiting { expected: expected(&kind, since, snapshot), due: since + allowance(&kind), since, kind };
    if snapshot.now > waiting.due { Situation::Overdue(waiting) } else { Situation::Waits(waiting) }
}

/// An open intent: waiting, or waiting for too long.
fn under_way(intent: &Intent, snapshot: &Snapshot) -> Situation {
    let waiting = Waiting {
        kind: intent.kind.clone(),
        since: intent.at,
        expected: expected(&intent.kind, intent.at, snapshot),
        due: intent.due,
    };
    if snapshot.now > intent.due { Situation::Overdue(waiting) } else { Situation::Waits(waiting) }
}

/// When an operation usually ends: the median of the last ones.
fn expected(kind: &IntentKind, since: Timestamp, snapshot: &Snapshot) -> Option<Timestamp> {
    let mut paces = snapshot.guards.pace.get(pace_key(kind))?.clone();
    paces.sort_unstable();
    let median = *paces.get(paces.len() / 2)?;
    Some(since + SignedDuration::from_secs(median))
}

fn row_missing(draft: &Draft, policy: &Policy) -> Situation {
    let protected = draft.record.is_protected();
    let until = draft.record.vanished.filter(|_| !protected).map(|since| since + policy.guards.grace);
    Situation::RowMissing { until }
}

fn missing_since(draft: &Draft, snapshot: &Snapshot) -> Timestamp {
    draft.record.identity.ledger.as_ref().and_then(|ledger| ledger.missing_since).unwrap_or(snapshot.now)
}

/// Whether a person must remove what is in the way of the next try.
fn is_blocked(draft: &Draft) -> bool {
    matches!(&draft.record.attempt, Attempt::Failed(failure) if failure.blocked)
}

/// Whether what is wanted is what was deployed last.
fn nothing_new(draft: &Draft) -> bool {
    let (Some(deployed), Some(wanted)) = (&draft.record.deployed, &draft.record.wanted) else { return false };
    let same_build = deployed.generation == draft.record.generation && deployed.digest == wanted.digest;
    deployed.content == wanted.content || same_build
}

/// Whether the wanted label was doomed meanwhile; it is never used again.
fn doomed_label(draft: &Draft) -> bool {
    draft.record.wanted.as_ref().is_some_and(|wanted| {
        draft.record.artifacts.get(&wanted.label).is_some_and(|artifact| artifact.doomed.is_some())
    })
}

/// Options to set, and options that we once set and no longer want.
fn difference(
    applied: &BTreeMap<OptionKey, String>,
    wanted: &BTreeMap<OptionKey, String>,
) -> (BTreeMap<OptionKey, String>, BTreeSet<OptionKey>) {
    let set = wanted
        .iter()
        .filter(|(key, value)| applied.get(key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let remove = applied.keys().filter(|key| !wanted.contains_key(key)).cloned().collect();
    (set, remove)
}

impl Plan {
    /// When a feature's life ends, from its record as it will be.
    pub fn expires_at(&self, feature: &Feature, policy: &Policy) -> Option<Timestamp> {
        let record = self.report.records.get(&feature.metadata.name)?;
        let ttl = match feature.spec.ttl.unwrap_or(policy.ttl) {
            crate::model::Ttl::Never if !policy.allow_never => policy.ttl,
            ttl => ttl,
        };
        life::expires_at(record, Some((ttl, feature.spec.ttl_from)))
    }
}
