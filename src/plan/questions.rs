//! What the planner will want to know beyond the listing and the store, so
//! that observation asks for exactly that and nothing is fetched in the
//! middle of a decision.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::wanted;
use crate::model::names::cname_prefix;
use crate::model::{
    ApplicationName, Entry, Environment, EnvironmentId, EnvironmentName, EnvironmentStatus, FeatureName,
    Intent, IntentKind, Life, OrphanRequest, Record, Reply, StoreId,
};

/// Questions to the cloud, from what was read first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Image references to resolve.
    pub images: BTreeSet<String>,
    /// Environments whose binding is to be read: those that bear a name of
    /// ours without a proof.
    pub bindings: BTreeSet<EnvironmentId>,
    /// Live environments with our prefix that no ledger knows: read once each
    /// for the list of orphans.
    pub strangers: BTreeSet<EnvironmentId>,
    /// Environments whose tags a decision rests on in this very turn: those
    /// that a person gave to a feature.
    pub tags: BTreeSet<EnvironmentId>,
    /// Known environments that the listing lacks.
    pub missing: BTreeSet<EnvironmentId>,
    /// Environments whose settings update may have ended.
    pub options: BTreeMap<EnvironmentId, (ApplicationName, EnvironmentName)>,
    /// CNAME prefixes of environments that may be launched, with the image
    /// that must be there first.
    pub addresses: BTreeMap<String, Option<String>>,
    /// From when on events are of interest.
    pub events_since: Option<Timestamp>,
    /// Whether an environment may be made on the default platform.
    pub platform: bool,
    /// Whether something of ours is under way, so that the next look should
    /// come soon: the time of the newest intent, and of expected ends.
    pub under_way: bool,
}

/// Derives the questions of a turn.
pub fn questions(
    store: &StoreId,
    policy: &Policy,
    features: &BTreeMap<FeatureName, Entry>,
    orphans: &BTreeMap<EnvironmentId, OrphanRequest>,
    environments: Option<&BTreeMap<EnvironmentId, Environment>>,
) -> Questions {
    let mut questions = Questions::default();
    let mut names = BTreeMap::new();
    let mut ids = BTreeSet::new();
    let mut given = BTreeSet::new();
    for (name, entry) in features {
        let Some(record) = entry.record() else {
            ask_of_feature(&mut questions, store, policy, entry, &Record::new(name.clone()), environments);
            continue;
        };
        ask_of_feature(&mut questions, store, policy, entry, record, environments);
        if let Some(ledger) = &record.identity.ledger {
            names.insert(&ledger.name, record);
            ids.extend(&ledger.id);
        }
        ask_of_intent(&mut questions, record, environments);
        given.extend(record.asks.adoption.as_ref().map(|asked| &asked.what.id));
    }
    for intent in orphans.values().filter_map(OrphanRequest::open) {
        questions.under_way = true;
        events_from(&mut questions, intent);
    }
    if let Some(environments) = environments {
        questions.missing = ids
            .iter()
            .copied()
            .chain(orphans.keys())
            .chain(given.iter().copied())
            .filter(|id| !environments.contains_key(*id))
            .cloned()
            .collect();
        // While it is changed there is nothing to decide.
        let rests = |id: &&EnvironmentId| {
            environments.get(*id).is_some_and(|found| found.status == EnvironmentStatus::Ready)
        };
        questions.tags = given.into_iter().filter(rests).cloned().collect();
        for environment in environments
            .values()
            .filter(|environment| environment.is_live() && !ids.contains(&environment.id))
        {
            match names.get(&environment.name) {
                Some(record) if record.identity.ledger.as_ref().is_some_and(|ledger| ledger.id.is_none()) => {
                    questions.bindings.insert(environment.id.clone());
                }
                _ if environment.name.as_str().starts_with(&policy.prefix) => {
                    questions.strangers.insert(environment.id.clone());
                }
                _ => {}
            }
        }
    }
    questions
}

fn ask_of_feature(
    questions: &mut Questions,
    store: &StoreId,
    policy: &Policy,
    entry: &Entry,
    record: &Record,
    environments: Option<&BTreeMap<EnvironmentId, Environment>>,
) {
    let Some(feature) = entry.feature() else { return };
    let asleep = matches!(record.life, Life::Expired { .. } | Life::Deleted { .. });
    if asleep && !wakes(entry, record) {
        return;
    }
    questions.images.extend(feature.spec.image.clone());
    let id = record.identity.ledger.as_ref().and_then(|ledger| ledger.id.as_ref());
    let listed = id.and_then(|id| environments?.get(id));
    // One that is gone is soon to be made again.
    let gone = listed.is_some_and(|environment| !environment.is_live());
    let made = id.is_some() && !gone;
    let closes = |intent: &Intent| gone || matches!(intent.reply, Reply::Refused(_));
    // What an adopted one is to run is computed when it is there already.
    questions.platform |= (!made || record.wanted.is_none()) && feature.spec.template.is_none();
    if let Some(application) = wanted::application(feature, policy)
        && !made
        && record.asks.adoption.is_none()
        && record.open().is_none_or(closes)
    {
        let series = record.identity.cname_series;
        let prefix = cname_prefix(store, &application, &feature.metadata.name, series);
        questions.addresses.insert(prefix, feature.spec.image.clone());
    }
}

/// Whether a tombstone may be about to end, so that the answers are needed.
fn wakes(entry: &Entry, record: &Record) -> bool {
    let (hash, renewals) = match &record.life {
        Life::Expired { hash, renewals, .. } | Life::Deleted { hash, renewals, .. } => (hash, *renewals),
        Life::Wanted { .. } | Life::Ending { .. } => return true,
    };
    match &entry.spec {
        crate::model::SpecRow::Present { deployable, .. } => {
            Some(deployable) != hash.as_ref() || record.asks.renewals > renewals
        }
        _ => false,
    }
}

/// Events since an intent help its verdict.
fn events_from(questions: &mut Questions, intent: &Intent) {
    let from = intent.at - SignedDuration::from_secs(5);
    questions.events_since = Some(questions.events_since.map_or(from, |since| since.min(from)));
}

fn ask_of_intent(
    questions: &mut Questions,
    record: &Record,
    environments: Option<&BTreeMap<EnvironmentId, Environment>>,
) {
    let Some(intent) = record.open() else { return };
    questions.under_way = true;
    let id = record.identity.ledger.as_ref().and_then(|ledger| ledger.id.as_ref());
    let status = id.and_then(|id| environments?.get(id)).map(|environment| &environment.status);
    // Events only help a verdict, and while an operation goes on there is none.
    if matches!(status, None | Some(EnvironmentStatus::Ready | EnvironmentStatus::Terminated)) {
        events_from(questions, intent);
    }
    if intent.kind == IntentKind::Configure
        && let Some(environment) = id.and_then(|id| environments?.get(id))
        && environment.status == EnvironmentStatus::Ready
    {
        questions
            .options
            .insert(environment.id.clone(), (environment.application.clone(), environment.name.clone()));
    }
}
