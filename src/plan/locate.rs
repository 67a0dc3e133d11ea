//! Where a feature's environment is, as far as the answers show it.

use std::collections::BTreeMap;

use super::draft::Draft;
use jiff::Timestamp;

use crate::model::names::binding;
use crate::model::{
    Answer, Attempt, BindingAnswer, Environment, EnvironmentId, EnvironmentName, EnvironmentStatus, Failure,
    FeatureName, IntentKind, Record, RecordRow, Severity, Snapshot, VersionLabel,
};

/// The listing, indexed once for all features.
pub(super) struct Fleet<'a> {
    live: BTreeMap<&'a EnvironmentName, Vec<&'a Environment>>,
    /// Ids that some ledger names, with whose ledger it is.
    ledgered: BTreeMap<&'a EnvironmentId, &'a FeatureName>,
    /// Names that some ledger gives, with whose ledger it is.
    names: BTreeMap<&'a EnvironmentName, &'a FeatureName>,
    /// Which feature a person gave an orphan to; of several the one that is
    /// about to take it, or else the first.
    claims: BTreeMap<&'a EnvironmentId, &'a FeatureName>,
    /// Whether some record cannot be read, so that nobody knows what it names.
    unreadable: bool,
}

/// Where a feature's environment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// The listing gave no answer, and why.
    Gap(&'a str),
    /// We have none.
    Nothing,
    /// The ledger's environment lives.
    Live(&'a Environment),
    /// One bears the name that we gave and our binding; the reply that would
    /// have told its id was lost.
    Claim(&'a Environment),
    /// One bears the name that we gave; its tags say nothing (yet).
    Unproven {
        /// Which.
        environment: &'a Environment,
        /// Whether the tags were read and lack the binding.
        answered: bool,
    },
    /// One bears the name and is not ours.
    Foreign(&'a Environment),
    /// The ledger's environment was read as Terminated: the only proof that
    /// it is gone.
    Terminated(&'a Environment),
    /// The listing lacks the ledger's environment. Absence is no proof.
    Missing {
        /// Whether a read by id answered, with nothing.
        answered: bool,
    },
    /// A create was decided, its id is not known and nobody bears the name.
    Absent,
}

impl<'a> Fleet<'a> {
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        let mut live: BTreeMap<_, Vec<_>> = BTreeMap::new();
        if let Answer::Known(environments) = &snapshot.fleet {
            for environment in environments.values().filter(|environment| environment.is_live()) {
                live.entry(&environment.name).or_default().push(environment);
            }
        }
        let records = || snapshot.features.iter().filter_map(|(name, entry)| Some((name, entry.record()?)));
        let ledgers =
            || records().filter_map(|(name, record)| Some((name, record.identity.ledger.as_ref()?)));
        let mut claims = BTreeMap::new();
        for taken in [true, false] {
            for (name, record) in records() {
                let Some(asked) = &record.asks.adoption else { continue };
                let ledger = record.identity.ledger.as_ref();
                let is_taken = ledger.is_some_and(|ledger| ledger.id.as_ref() == Some(&asked.what.id));
                if is_taken == taken && (taken || ledger.is_none()) {
                    claims.entry(&asked.what.id).or_insert(name);
                }
            }
        }
        Self {
            live,
            claims,
            ledgered: ledgers().filter_map(|(name, ledger)| Some((ledger.id.as_ref()?, name))).collect(),
            names: ledgers().map(|(name, ledger)| (&ledger.name, name)).collect(),
            unreadable: snapshot
                .features
                .values()
                .any(|entry| matches!(entry.record, RecordRow::Unreadable { .. })),
        }
    }

    /// The live environment of that name; names are unique among the living.
    pub(super) fn bearer(&self, name: &EnvironmentName) -> Option<&'a Environment> {
        self.live.get(name).and_then(|bearers| bearers.first().copied())
    }

    /// Live environments that no ledger knows, by id or by name.
    pub(super) fn strangers(&self) -> impl Iterator<Item = &'a Environment> + '_ {
        self.live.values().flatten().copied().filter(|environment| !self.knows(environment))
    }

    /// Whether some ledger names this environment, by id or by name.
    pub(super) fn knows(&self, environment: &Environment) -> bool {
        self.ledgered.contains_key(&environment.id) || self.names.contains_key(&environment.name)
    }

    /// The same of features other than this one.
    pub(super) fn knows_as_anothers(&self, environment: &Environment, own: &FeatureName) -> bool {
        let owners = [self.ledgered.get(&environment.id), self.names.get(&environment.name)];
        owners.into_iter().flatten().any(|owner| *owner != own)
    }

    /// The feature that a person gave this orphan to.
    pub(super) fn claimant(&self, id: &EnvironmentId) -> Option<&'a FeatureName> {
        self.claims.get(id).copied()
    }

    /// Whether some record cannot be read: any stranger may be its.
    pub(super) fn has_unreadable_records(&self) -> bool {
        self.unreadable
    }

    /// Whether any live environment, ours or not, shows this label.
    pub(super) fn shows(&self, application: &crate::model::ApplicationName, label: &VersionLabel) -> bool {
        self.live.values().flatten().any(|environment| {
            &environment.application == application && environment.label.as_ref() == Some(label)
        })
    }
}

/// Weighs the answers on one feature's environment.
pub(super) fn locate<'a>(draft: &Draft, snapshot: &'a Snapshot, fleet: &Fleet<'a>) -> Seen<'a> {
    let environments = match &snapshot.fleet {
        Answer::Known(environments) => environments,
        Answer::Gap(why) => return Seen::Gap(why),
    };
    let Some(ledger) = &draft.record.identity.ledger else {
        return Seen::Nothing;
    };
    match &ledger.id {
        Some(id) => match (environments.get(id), snapshot.missing.get(id)) {
            (Some(environment), _) | (None, Some(Answer::Known(Some(environment)))) => {
                if environment.is_live() { Seen::Live(environment) } else { Seen::Terminated(environment) }
            }
            (None, Some(Answer::Known(None))) => Seen::Missing { answered: true },
            (None, Some(Answer::Gap(_)) | None) => Seen::Missing { answered: false },
        },
        None => match fleet.bearer(&ledger.name) {
            None => Seen::Absent,
            Some(environment) => prove(draft, snapshot, environment),
        },
    }
}

/// Whether the bearer of our name bears our binding too.
fn prove<'a>(draft: &Draft, snapshot: &Snapshot, environment: &'a Environment) -> Seen<'a> {
    let ours = draft.record.identity.application.as_ref() == Some(&environment.application);
    let expected = binding(&snapshot.home.store, &environment.application, &environment.name);
    match snapshot.bindings.get(&environment.id) {
        Some(BindingAnswer::Bears(found)) if ours && *found == expected => Seen::Claim(environment),
        Some(BindingAnswer::Bears(_)) => Seen::Foreign(environment),
        Some(BindingAnswer::None) => Seen::Unproven { environment, answered: true },
        Some(BindingAnswer::Gap(_)) | None => Seen::Unproven { environment, answered: false },
    }
}

/// Keeps the ledger's line in step with what was seen, and lets go of an
/// environment that somebody else terminated.
pub(super) fn follow(draft: &mut Draft, seen: &Seen, snapshot: &Snapshot) {
    let idle = draft.record.open().is_none();
    let Some(ledger) = &mut draft.record.identity.ledger else { return };
    match seen {
        Seen::Live(environment) => {
            ledger.missing_since = None;
            ledger.was_ready |= environment.status == EnvironmentStatus::Ready;
            ledger.arn = environment.arn.clone().or(ledger.arn.take());
            if let Some(cname) = &environment.cname {
                ledger.url = Some(format!("http://{cname}"));
            }
        }
        Seen::Missing { .. } => {
            ledger.missing_since.get_or_insert(snapshot.now);
        }
        Seen::Claim(environment) if idle => {
            // A create that we had given up arrived after all. What it runs
            // is uncertain, so the next wanted state goes out afresh.
            ledger.id = Some(environment.id.clone());
            ledger.arn = environment.arn.clone();
            ledger.dirty = true;
            // It is there and costs, so it must not be there for ever.
            draft.record.life.begin(snapshot.now);
            draft.record.attempt = late_create(&draft.record, environment, snapshot.now);
        }
        Seen::Terminated(environment) if idle => {
            let message = format!("Somebody else terminated {} ({}).", environment.name, environment.id);
            draft.record.identity.ledger = None;
            draft.tell(Severity::Warn, "TerminatedOutside", message);
        }
        _ => {}
    }
}

/// The attempt after a create that arrived late: due at once.
fn late_create(record: &Record, environment: &Environment, now: Timestamp) -> Attempt {
    let before = match &record.attempt {
        Attempt::Failed(failure) => Some(failure),
        Attempt::Idle | Attempt::Open(_) => None,
    };
    let label = environment.label.clone().unwrap_or_else(|| VersionLabel::new(""));
    Attempt::Failed(Failure {
        kind: IntentKind::Launch { label },
        generation: record.generation,
        digest: before.and_then(|failure| failure.digest.clone()),
        tries: before.map_or(0, |failure| failure.tries),
        at: now,
        retry_at: Some(now),
        blocked: false,
        message: "The environment was made by a call that had been given up.".to_owned(),
    })
}
