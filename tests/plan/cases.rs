//! From a case to a snapshot.

use std::collections::BTreeMap;

use beansprout::model::names::{BINDING_TAG, FEATURE_TAG, binding, cname_prefix, environment_name, tag_text};
use beansprout::model::{
    Address, Answer, ApplicationName, Artifact, Ask, Attempt, BindingAnswer, Deployed, Digest, Entry,
    Environment, EnvironmentId, EnvironmentStatus, Failure, Feature, FeatureName, GuardLedger, Health, Home,
    ImageAnswer, Intent, IntentKind, Ledger, Life, Orphan, Record, RecordRow, Refusal, Reply, RequestId,
    ServiceEvent, Severity, Snapshot, SpecRow, StoreId, VersionLabel, deployable_hash, spec_hash,
};
use beansprout::plan::{Memory, Policy, plan};
use jiff::{SignedDuration, Timestamp};

use super::domains::{Alive, Answered, ById, Case, Kind, Last, Look, Place, Rest, Row, Tags};
use crate::sim::world::feature;

pub(super) fn now() -> Timestamp {
    "2026-01-05T12:00:00Z".parse().unwrap()
}

pub(super) fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

pub(super) fn policy() -> Policy {
    Policy { application: Some(shop()), ..Policy::default() }
}

pub(super) fn shop() -> ApplicationName {
    ApplicationName::new("shop")
}

fn store() -> StoreId {
    StoreId::new("store-1")
}

/// A snapshot of nothing.
pub(super) fn blank() -> Snapshot {
    Snapshot {
        now: now(),
        skew: SignedDuration::ZERO,
        home: Home {
            store: store(),
            installation: "test".to_owned(),
            account: Some("123456789012".to_owned()),
            region: "eu-central-1".to_owned(),
            bucket: "bucket".to_owned(),
        },
        epoch: Some(7),
        fleet: Answer::Known(BTreeMap::new()),
        features: BTreeMap::new(),
        images: BTreeMap::new(),
        bindings: BTreeMap::new(),
        tags: BTreeMap::new(),
        missing: BTreeMap::new(),
        options: BTreeMap::new(),
        events: Answer::Known(Vec::new()),
        addresses: BTreeMap::new(),
        platform: Answer::Known("64bit Amazon Linux 2023 v4.7.0 running Docker".to_owned()),
        orphans: BTreeMap::new(),
        guards: GuardLedger::default(),
        paused: None,
        quiet: None,
    }
}

/// A feature with its memory after a first plan, from which cases are made.
#[derive(Clone, Debug)]
pub(super) struct Seedling {
    pub(super) name: FeatureName,
    feature: Feature,
    record: Record,
}

impl Seedling {
    pub(super) fn new(name: &str) -> Self {
        let feature = feature(name, "login-41", "2h");
        let mut snapshot = blank();
        with_answers(&mut snapshot, &feature.metadata.name, Rest::plain());
        let entry = Entry { spec: present(&feature), record: RecordRow::Absent };
        snapshot.features.insert(feature.metadata.name.clone(), entry);
        let plan = plan(&snapshot, &policy());
        let step = &plan.steps[&feature.metadata.name];
        let Memory::Write(record, _) = &step.memory else { panic!("a first plan writes: {step:?}") };
        Self { name: feature.metadata.name.clone(), feature, record: (**record).clone() }
    }

    fn id(&self) -> EnvironmentId {
        EnvironmentId::new(format!("e-{}", self.name.as_str().replace('/', "")))
    }

    fn label(&self) -> VersionLabel {
        self.record.wanted.as_ref().unwrap().label.clone()
    }

    /// Enters a case into a snapshot.
    pub(super) fn enter(&self, case: &Case, snapshot: &mut Snapshot) {
        with_answers(snapshot, &self.name, case.rest);
        self.enter_place(case, snapshot);
        let entry = Entry { spec: self.row(case.row), record: self.memory(case) };
        if entry.spec != SpecRow::Absent || entry.record != RecordRow::Absent {
            snapshot.features.insert(self.name.clone(), entry);
        }
        let event = [
            "",
            "Failed to deploy application.",
            "Successfully launched environment: x",
            "Environment tag update failed.",
        ][case.rest.event];
        if let (Answer::Known(events), false) = (&mut snapshot.events, event.is_empty()) {
            events.push(ServiceEvent {
                at: ago(3),
                environment: Some(environment_name("f-", &store(), &shop(), &self.name)),
                request: Some(RequestId::new("request")),
                severity: Severity::Error,
                message: event.to_owned(),
            });
        }
    }

    fn environment(&self, look: Look, moved: bool) -> Environment {
        let (status, health) = match look {
            Look::Launching => (EnvironmentStatus::Launching, Health::Grey),
            Look::Updating => (EnvironmentStatus::Updating, Health::Green),
            Look::Ready(health) => (EnvironmentStatus::Ready, health),
            Look::ReadyOld => (EnvironmentStatus::Ready, Health::Green),
            Look::Terminating => (EnvironmentStatus::Terminating, Health::Grey),
            Look::Terminated => (EnvironmentStatus::Terminated, Health::Grey),
            Look::Strange => (EnvironmentStatus::Other("Reticulating".to_owned()), Health::Unknown),
        };
        let label = if look == Look::ReadyOld { VersionLabel::new("older") } else { self.label() };
        let name = environment_name("f-", &store(), &shop(), &self.name);
        Environment {
            id: self.id(),
            arn: Some(format!("arn:{name}")),
            name,
            application: shop(),
            status,
            health,
            label: Some(label),
            cname: Some("login.example.com".to_owned()),
            created: Some(ago(9000)),
            updated: Some(if moved { ago(1) } else { ago(8000) }),
        }
    }

    fn enter_place(&self, case: &Case, snapshot: &mut Snapshot) {
        let mut list = |look| {
            let environment = self.environment(look, case.rest.moved);
            if let Answer::Known(fleet) = &mut snapshot.fleet {
                fleet.insert(environment.id.clone(), environment);
            }
        };
        match case.place {
            Place::Nothing | Place::Absent => {}
            Place::Stranger(look) | Place::Listed(look) => list(look),
            Place::Bearer(look, tags) => {
                list(look);
                let name = environment_name("f-", &store(), &shop(), &self.name);
                let answer = match tags {
                    Tags::Ours => BindingAnswer::Bears(binding(&store(), &shop(), &name)),
                    Tags::Others => BindingAnswer::Bears("somebody-else".to_owned()),
                    Tags::None => BindingAnswer::None,
                    Tags::Gap => BindingAnswer::Gap("denied".to_owned()),
                    Tags::Unasked => return,
                };
                snapshot.bindings.insert(self.id(), answer);
            }
            Place::Unlisted(read) => {
                let answer = match read {
                    ById::Unasked => return,
                    ById::Gap => Answer::Gap("denied".to_owned()),
                    ById::Nothing => Answer::Known(None),
                    ById::Found(look) => Answer::Known(Some(self.environment(look, case.rest.moved))),
                };
                snapshot.missing.insert(self.id(), answer);
            }
            Place::Gap => snapshot.fleet = Answer::Gap("no answer".to_owned()),
        }
        let tags = match case.rest.tags {
            0 => None,
            1 => Some(Answer::Known(self.given().what.tags)),
            2 => Some(Answer::Known(BTreeMap::new())),
            _ => Some(Answer::Known(self.own_tags())),
        };
        snapshot.tags.extend(tags.map(|tags| (self.id(), tags)));
        let wanted = self.record.wanted.as_ref().unwrap().options.clone();
        let options = match case.rest.options {
            0 => return,
            1 => Answer::Known(wanted),
            _ => Answer::Known(BTreeMap::new()),
        };
        snapshot.options.insert(self.id(), options);
    }

    fn row(&self, row: Row) -> SpecRow {
        let mut feature = self.feature.clone();
        match row {
            Row::Same => {}
            Row::Changed => {
                feature.spec.image = Some("shop-web:login-42".to_owned());
                feature.spec.instance_type = Some("t3.small".to_owned());
            }
            Row::Protected => feature.spec.protect = true,
            Row::Absent(_) => return SpecRow::Absent,
            Row::Unreadable => return SpecRow::Unreadable { why: "no JSON".to_owned() },
        }
        present(&feature)
    }

    /// The memory of the case; none where nothing at all is remembered.
    fn memory(&self, case: &Case) -> RecordRow {
        let mut record = self.record.clone();
        let ledger = record.identity.ledger.clone().unwrap();
        record.identity.ledger = match case.place {
            Place::Nothing | Place::Stranger(_) => None,
            Place::Absent | Place::Bearer(..) => Some(ledger),
            Place::Listed(_) | Place::Unlisted(_) | Place::Gap => Some(Ledger {
                id: Some(self.id()),
                arn: Some("arn".to_owned()),
                template: None,
                was_ready: true,
                dirty: case.rest.dirty,
                applied: record.wanted.as_ref().unwrap().options.clone(),
                missing_since: matches!(case.place, Place::Unlisted(_)).then(|| ago(600)),
                url: record.wanted.as_ref().map(|wanted| wanted.url.clone()),
                ..ledger
            }),
        };
        record.attempt = self.attempt(case.last);
        record.life = self.life(case.life);
        if case.life != Alive::New {
            let wanted = record.wanted.clone().unwrap();
            record.deployed = Some(Deployed {
                label: wanted.label,
                content: wanted.content,
                image: wanted.image,
                digest: wanted.digest,
                commit: None,
                generation: record.generation,
                at: ago(7000),
            });
        }
        record.vanished = match case.row {
            Row::Absent(0) | Row::Same | Row::Changed | Row::Protected | Row::Unreadable => None,
            Row::Absent(seconds) => Some(ago(seconds)),
        };
        let artifact = Artifact {
            application: shop(),
            bucket: "bucket".to_owned(),
            key: "older".to_owned(),
            doomed: Some(ago(9000)),
        };
        record.artifacts.insert(VersionLabel::new("older"), artifact);
        let ask = Ask { what: (), by: "tester".to_owned(), at: now(), why: None };
        match case.rest.ask {
            1 => record.asks.renewals = 1,
            2 => record.asks.deletion = Some(ask),
            Rest::PROTECTION => {
                record.asks.protection = Some(Ask { what: true, by: ask.by, at: ask.at, why: None })
            }
            4 => record.asks.forget = Some(ask),
            5 => {
                let extension = SignedDuration::from_hours(48);
                record.asks.extension = Some(Ask { what: extension, by: ask.by, at: ask.at, why: None });
            }
            Rest::ADOPTION => record.asks.adoption = Some(self.given()),
            _ => {}
        }
        // Whoever takes an orphan was asked to.
        if matches!(case.last, Last::Open(Kind::Adopt, ..) | Last::Failed(Kind::Adopt, ..)) {
            record.asks.adoption = Some(self.given());
        }
        record.creates = Vec::new();
        RecordRow::Present { record: Box::new(record), version: 3 }
    }

    /// The tags that make the environment this feature's.
    pub(super) fn own_tags(&self) -> BTreeMap<String, String> {
        let name = environment_name("f-", &store(), &shop(), &self.name);
        BTreeMap::from([
            (BINDING_TAG.to_owned(), binding(&store(), &shop(), &name)),
            (FEATURE_TAG.to_owned(), tag_text(self.name.as_str())),
        ])
    }

    /// The ask for the environment of the place, as it was shown: another store's.
    pub(super) fn given(&self) -> Ask<Orphan> {
        let environment = self.environment(Look::Ready(Health::Green), false);
        let tags = BTreeMap::from([(BINDING_TAG.to_owned(), "somebody-else".to_owned())]);
        let what = Orphan {
            id: environment.id,
            arn: environment.arn,
            name: environment.name,
            application: environment.application,
            created: environment.created,
            tags,
            fits: false,
        };
        Ask { what, by: "tester".to_owned(), at: now(), why: None }
    }

    fn kind(&self, kind: Kind) -> IntentKind {
        match kind {
            Kind::Launch => IntentKind::Launch { label: self.label() },
            Kind::Configure => IntentKind::Configure,
            Kind::Deploy => IntentKind::Deploy { label: self.label() },
            Kind::Terminate => IntentKind::Terminate,
            Kind::Adopt => IntentKind::Adopt,
        }
    }

    fn attempt(&self, last: Last) -> Attempt {
        match last {
            Last::Idle => Attempt::Idle,
            Last::Open(kind, answered, age) => Attempt::Open(Intent {
                kind: self.kind(kind),
                generation: self.record.generation,
                epoch: 7,
                at: ago(age),
                due: ago(age) + SignedDuration::from_mins(30),
                tries: 0,
                updated_before: Some(ago(8000)),
                reply: match answered {
                    Answered::Unknown => Reply::Unknown,
                    Answered::Accepted => Reply::Accepted { request: Some(RequestId::new("request")) },
                    Answered::Refused(class) => Reply::Refused(Refusal { class, message: "no".to_owned() }),
                },
            }),
            Last::Failed(kind, due, blocked) => Attempt::Failed(Failure {
                kind: self.kind(kind),
                generation: self.record.generation,
                digest: self.record.wanted.as_ref().unwrap().digest.clone(),
                tries: 1,
                at: ago(60),
                retry_at: due.map(|seconds| ago(-seconds)),
                blocked,
                message: "it failed".to_owned(),
            }),
        }
    }

    fn life(&self, life: Alive) -> Life {
        let hash = Some(deployable_hash(&self.feature));
        match life {
            Alive::New => Life::Wanted { since: None, renewals: 0 },
            Alive::Young => Life::Wanted { since: Some(ago(600)), renewals: 0 },
            Alive::Old => Life::Wanted { since: Some(ago(7300)), renewals: 0 },
            Alive::Ending(reason) => Life::Ending { reason, hash, renewals: 0, since: Some(ago(7300)) },
            Alive::Expired => Life::Expired { hash, at: ago(600), renewals: 0 },
            Alive::Deleted => Life::Deleted { hash, at: ago(600), renewals: 0 },
        }
    }
}

fn present(feature: &Feature) -> SpecRow {
    SpecRow::Present {
        hash: spec_hash(feature),
        deployable: deployable_hash(feature),
        feature: Box::new(feature.clone()),
        version: 1,
    }
}

/// What registries and the DNS say, for whatever the feature may want.
fn with_answers(snapshot: &mut Snapshot, name: &FeatureName, rest: Rest) {
    for tag in ["login-41", "login-42"] {
        let digest = Digest::new(format!("sha256:{tag}"));
        let answer = match rest.image {
            0 => ImageAnswer::Found { pinned: format!("registry/shop-web@{digest}"), digest },
            1 => ImageAnswer::Absent { why: "no such tag".to_owned() },
            _ => ImageAnswer::Gap("no answer".to_owned()),
        };
        snapshot.images.insert(format!("shop-web:{tag}"), answer);
    }
    for n in 0..4 {
        let prefix = cname_prefix(&store(), &shop(), name, n);
        let host = format!("{prefix}.eu-central-1.elasticbeanstalk.com");
        let answer = match rest.address {
            0 => Answer::Known(Address { available: true, host }),
            1 => Answer::Known(Address { available: false, host }),
            _ => Answer::Gap("no answer".to_owned()),
        };
        snapshot.addresses.insert(prefix, answer);
    }
}
