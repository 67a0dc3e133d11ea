//! The commands over a store in a folder, with rows written by hand: what
//! people read is part of the contract.

mod adopting;
mod asking;
mod leading;
mod moving;
mod orphans;
mod reading;
mod waiting;
mod writing;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser as _;
use jiff::{SignedDuration, Timestamp};

use super::args::Args;
use super::exit::ExitStatus;
use super::out::Out;
use super::session::Session;
use crate::aws::Connection;
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::model::{
    ApplicationName, DeployedView, Digest, EnvironmentId, EnvironmentName, Feature, FeatureName, Intent,
    IntentKind, Ledger, Life, Orphan, Phase, Record, Reply, SpecHash, StatusView, Ttl, spec_hash,
};
use crate::status::{FLEET_DOCUMENT, FleetView};
use crate::store::{Access, Batch, Expect, RecordBody, SpecBody, Store, Write, open};

/// When every story here begins.
const NOW: &str = "2026-01-05T08:00:00Z";

/// A store in a folder and a clock that stands still unless somebody waits.
struct Stage {
    dir: tempfile::TempDir,
    session: Session,
}

/// What a command left behind.
struct Told {
    status: ExitStatus,
    data: String,
    talk: String,
}

impl Stage {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = format!("sqlite:{}", dir.path().join("store.db").display());
        let entropy = Entropy::seeded(1);
        let aws = Connection::from_environment(Clock::system(), &entropy);
        let store = open(&place, Access::Ensure, &entropy, &aws).await.unwrap();
        let clock = Clock::starting_at(NOW.parse().unwrap());
        let (config, by) = (Config::default(), "anna".to_owned());
        Self { dir, session: Session { config, store, clock, by, at_terminal: false } }
    }

    /// The same with a controller that holds the lease.
    async fn led() -> Self {
        let stage = Self::new().await;
        stage
            .store()
            .acquire("controller", SignedDuration::from_secs(15), jiff::Timestamp::UNIX_EPOCH, None)
            .await
            .unwrap()
            .unwrap();
        stage
    }

    /// The same over the store in another file of this folder.
    async fn at(&self, file: &str) -> Session {
        let place = self.place(file);
        let entropy = Entropy::seeded(2);
        let aws = Connection::from_environment(Clock::system(), &entropy);
        let store = open(&place, Access::Ensure, &entropy, &aws).await.unwrap();
        let (config, by) = (Config::default(), "anna".to_owned());
        Session { config, store, clock: self.session.clock.clone(), by, at_terminal: false }
    }

    /// A file of this folder as a store's place.
    fn place(&self, file: &str) -> String {
        format!("sqlite:{}", self.dir.path().join(file).display())
    }

    fn store(&self) -> &Arc<dyn Store> {
        &self.session.store
    }

    /// Runs a command line; the stage's folder is left out of what it says.
    async fn run(&self, line: &[&str]) -> Told {
        self.run_in(&self.session, line).await
    }

    /// The same over another session's store.
    async fn run_in(&self, session: &Session, line: &[&str]) -> Told {
        let args =
            Args::try_parse_from([&["sprout"], line].concat()).unwrap_or_else(|error| panic!("{error}"));
        let (mut data, mut talk) = (Vec::new(), Vec::new());
        let mut out = Out::new(&mut data, &mut talk);
        let ended = super::over_store(args.verb, session, &mut out).await;
        let status = ended.unwrap_or_else(|error| super::told(&error, &mut out));
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&format!("{}/", self.dir.path().display()), "")
        };
        Told { status, data: text(data), talk: text(talk) }
    }

    async fn write(&self, writes: Vec<Write>) {
        self.store().commit(Batch { fence: None, writes }).await.unwrap();
    }

    /// Writes a file and gives its path.
    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Puts a specification into the store, as applied by hand.
    async fn put(&self, feature: &Feature) -> SpecHash {
        self.put_from(feature, None).await
    }

    async fn put_from(&self, feature: &Feature, origin: Option<&str>) -> SpecHash {
        let write = Write::PutSpec {
            feature: Box::new(feature.clone()),
            origin: origin.map(str::to_owned),
            expect: Expect::Any,
        };
        self.write(vec![write]).await;
        spec_hash(feature)
    }

    async fn remember(&self, record: Record) {
        self.write(vec![Write::PutRecord { record: Box::new(record), expect: Expect::Any }]).await;
    }

    async fn show(&self, view: StatusView) {
        self.write(vec![Write::PutStatus(Box::new(view))]).await;
    }

    async fn fleet(&self, fleet: &FleetView) {
        let body = serde_json::to_string(fleet).unwrap();
        self.write(vec![Write::PutDocument { name: FLEET_DOCUMENT.to_owned(), body, expect: Expect::Any }])
            .await;
    }

    /// The record as it stands.
    async fn record(&self, name: &str) -> Option<Record> {
        let rows = self.store().feature(&FeatureName::from(name)).await.unwrap();
        match rows.record?.body {
            RecordBody::Readable(record) => Some(*record),
            RecordBody::Unreadable { why } => panic!("{why}"),
        }
    }

    /// The specification as it stands.
    async fn spec(&self, name: &str) -> Option<Feature> {
        let rows = self.store().feature(&FeatureName::from(name)).await.unwrap();
        match rows.spec?.body {
            SpecBody::Readable { feature, .. } => Some(*feature),
            SpecBody::Unreadable { why } => panic!("{why}"),
        }
    }
}

impl Told {
    #[track_caller]
    fn ended(self, status: ExitStatus) -> Self {
        assert_eq!(self.status, status, "{}{}", self.data, self.talk);
        self
    }

    #[track_caller]
    fn ok(self) -> Self {
        self.ended(ExitStatus::Done)
    }

    /// Both outputs, for snapshots.
    fn all(&self) -> String {
        format!("{}--\n{}", self.data, self.talk)
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A specification file of one feature.
fn yaml(name: &str, rest: &str) -> String {
    format!("apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: {name}\nspec:\n{rest}")
}

fn feature(name: &str, image: &str) -> Feature {
    let mut feature = Feature::new(FeatureName::from(name));
    feature.spec.image = Some(image.to_owned());
    feature.spec.ttl = Some(Ttl::For(SignedDuration::from_hours(72)));
    feature
}

/// A status row that says little.
pub(super) fn view(name: &str, phase: Phase) -> StatusView {
    StatusView {
        feature: FeatureName::from(name),
        observed_spec_hash: None,
        observed_generation: 1,
        phase,
        happened: "It runs what is wanted.".to_owned(),
        next: "nothing to do".to_owned(),
        next_at: None,
        advice: None,
        url: None,
        environment: None,
        environment_id: None,
        version_label: None,
        deployed: None,
        wanted_image: None,
        wanted_digest: None,
        created_at: None,
        expires_at: None,
        protected: false,
        stuck: false,
        conditions: Vec::new(),
    }
}

/// The status of a feature that runs this specification, two days old.
fn running(feature: &Feature) -> StatusView {
    let image = feature.spec.image.clone().unwrap();
    StatusView {
        observed_spec_hash: Some(spec_hash(feature)),
        url: Some("http://login.example.com".to_owned()),
        environment: Some(EnvironmentName::from("f-login-abcdefghijk")),
        environment_id: Some(EnvironmentId::from("e-abcdefghij")),
        deployed: Some(DeployedView {
            image: image.clone(),
            digest: Some(Digest::new(format!("sha256:{}", "a".repeat(64)))),
            commit: Some("9f2c1ab".to_owned()),
            at: at("2026-01-05T06:00:00Z"),
        }),
        wanted_image: Some(image),
        created_at: Some(at("2026-01-03T08:00:00Z")),
        expires_at: Some(at("2026-01-06T05:30:00Z")),
        ..view(feature.metadata.name.as_str(), Phase::Ready)
    }
}

/// The record of a feature with an environment.
fn living(feature: &Feature) -> Record {
    let mut record = Record::new(feature.metadata.name.clone());
    record.generation = 1;
    record.spec_hash = Some(spec_hash(feature));
    record.life = Life::Wanted { since: Some(at("2026-01-03T08:00:00Z")), renewals: 0 };
    record.identity.application = Some(ApplicationName::from("shop"));
    record.identity.ledger = Some(Ledger {
        name: EnvironmentName::from("f-login-abcdefghijk"),
        id: Some(EnvironmentId::from("e-abcdefghij")),
        arn: None,
        template: None,
        was_ready: true,
        dirty: false,
        applied: std::collections::BTreeMap::new(),
        missing_since: None,
        url: None,
    });
    record
}

/// A termination under way.
fn terminating() -> Intent {
    Intent {
        kind: IntentKind::Terminate,
        generation: 1,
        epoch: 1,
        at: at(NOW),
        due: at("2026-01-05T08:30:00Z"),
        tries: 0,
        updated_before: None,
        reply: Reply::Unknown,
    }
}

/// An environment that this store does not know and once made, two days old.
fn orphan(id: &str, feature: &str) -> Orphan {
    let tag = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Orphan {
        id: EnvironmentId::from(id),
        arn: Some(format!("arn:{id}")),
        name: EnvironmentName::new(format!("f-{feature}-abcdefghijk")),
        application: ApplicationName::from("shop"),
        created: Some(at("2026-01-03T08:00:00Z")),
        tags: [("beansprout:binding", "abc"), ("beansprout:feature", feature)].map(tag).into(),
        fits: true,
    }
}

fn fleet_of(environments: usize) -> FleetView {
    FleetView {
        leader: Some("controller".to_owned()),
        epoch: Some(1),
        at: at(NOW),
        offset: SignedDuration::ZERO,
        held: Vec::new(),
        orphans: Vec::new(),
        blind: None,
        clock_off: false,
        environments,
    }
}
