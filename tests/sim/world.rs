//! A whole installation in one process on paused time: the emulator behind
//! the real SDK, a SQLite store, and the controller.

use std::sync::Arc;
use std::time::Duration;

use beansprout::aws::{Budget, Clients, Connection, OpenGate, Origin, Rate, Rates};
use beansprout::clock::{Clock, Entropy};
use beansprout::controller::{Cadence, Controller, Setup, Switch};
use beansprout::emulator::{Call, Emulator, Settings};
use beansprout::model::{Ask, Feature, FeatureName, Record, StatusView};
use beansprout::plan::Policy;
use beansprout::store::{Access, BATCH_MOST, Batch, Expect, RecordBody, Store, Write, open};
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

pub(crate) const REGION: &str = "eu-central-1";

/// Where a simulation begins.
pub(crate) fn start() -> Timestamp {
    "2026-01-05T09:00:00Z".parse().unwrap()
}

/// A folder for the store: in memory where the system has such a place, since
/// a simulated week would wait for the disk some hundred thousand times.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// A handle to the store at this place, for who signs with this key and reads
/// this clock. Tables are in the same cloud.
async fn open_store(
    place: &str,
    access: Access,
    seed: u64,
    emulator: &Emulator,
    (key, clock): (&str, &Clock),
) -> Arc<dyn Store> {
    let entropy = Entropy::seeded(seed);
    let origin = Origin::InProcess {
        http: emulator.http_client(),
        region: REGION.to_owned(),
        access_key: key.to_owned(),
    };
    let budget = Budget::new(Rates::default(), entropy.clone());
    let aws = Connection { origin, gate: Arc::new(OpenGate), budget, clock: clock.clone() };
    open(place, access, &entropy, &aws).await.unwrap()
}

/// How a simulation is set up.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    pub(crate) rate: Rate,
    pub(crate) cadence: Cadence,
    pub(crate) lease: SignedDuration,
    /// How far the controller's clock is ahead of the cloud's.
    pub(crate) ahead: SignedDuration,
    /// Where the store lies.
    pub(crate) keep: Keep,
}

/// Where a store lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// In a SQLite file.
    File,
    /// In tables of the emulator.
    Tables,
}

impl Keep {
    /// The place of a store, and how it is opened the first time.
    fn place(self, folder: &tempfile::TempDir, name: &str) -> (String, Access) {
        match self {
            Keep::File => (format!("sqlite:{}", folder.path().join("store.db").display()), Access::Ensure),
            Keep::Tables => (format!("dynamodb:{name}"), Access::Create),
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        let policy = Policy { application: Some("shop".into()), ..Policy::default() };
        let settings = Settings { start: start(), region: REGION.to_owned(), ..Settings::default() };
        Self {
            seed: 1,
            policy,
            settings,
            rate: Rate { per_second: 20.0, burst: 100 },
            cadence: Cadence::default(),
            lease: SignedDuration::from_secs(15),
            ahead: SignedDuration::ZERO,
            keep: Keep::File,
        }
    }
}

/// One installation and its cloud.
pub(crate) struct Sim {
    pub(crate) emulator: Emulator,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) options: Options,
    pub(crate) budget: Budget,
    /// What the controller signs its calls with.
    pub(crate) key: String,
    place: String,
    _folder: Arc<tempfile::TempDir>,
    lives: u32,
    running: Option<(CancellationToken, tokio::task::JoinHandle<()>)>,
}

impl Sim {
    /// A cloud with the application `shop`, its bucket and the repository
    /// `shop-web`, and an empty store.
    pub(crate) async fn new(options: Options) -> Self {
        let settings = Settings { seed: options.seed, ..options.settings.clone() };
        let emulator = Emulator::new(settings);
        let clock = Clock::starting_at(options.settings.start + options.ahead);
        let folder = Arc::new(folder());
        let (place, access) = options.keep.place(&folder, "features");
        let store = open_store(&place, access, options.seed, &emulator, ("hand", &clock)).await;
        let rates = Rates { beanstalk: options.rate, ..Rates::default() };
        let budget = Budget::new(rates, Entropy::seeded(options.seed ^ 1));
        let key = "controller".to_owned();
        let sim = Self {
            emulator,
            store,
            clock,
            options,
            budget,
            key,
            place,
            _folder: folder,
            lives: 0,
            running: None,
        };
        let clients = sim.clients(Arc::new(OpenGate), "hand").await;
        clients.beanstalk.create_application().application_name("shop").send().await.unwrap();
        clients.beanstalk.create_storage_location().send().await.unwrap();
        sim
    }

    /// SDK clients of one key.
    pub(crate) async fn clients(&self, gate: Arc<dyn beansprout::aws::Gate>, key: &str) -> Clients {
        let origin = Origin::InProcess {
            http: self.emulator.http_client(),
            region: REGION.to_owned(),
            access_key: key.to_owned(),
        };
        let (budget, clock) = (self.budget.clone(), self.clock.clone());
        Clients::connect(Connection { origin, gate, budget, clock }).await.unwrap()
    }

    /// A second installation in the same account, with an empty store.
    pub(crate) async fn neighbour(&self, seed: u64) -> Self {
        let folder = Arc::new(folder());
        let (place, access) = self.options.keep.place(&folder, &format!("neighbours-{seed}"));
        let store = open_store(&place, access, seed, &self.emulator, ("hand", &self.clock)).await;
        Self {
            emulator: self.emulator.clone(),
            store,
            clock: self.clock.clone(),
            options: Options { seed, ..self.options.clone() },
            budget: self.budget.clone(),
            key: self.key.clone(),
            place,
            _folder: folder,
            lives: 0,
            running: None,
        }
    }

    /// A controller that does not run yet, with the switch of its lease.
    pub(crate) async fn controller(&mut self) -> Controller {
        let setup = self.setup(&self.key.clone(), &self.clock.clone()).await;
        Controller::start(setup).await.unwrap()
    }

    /// What a controller is made of that signs with this key and reads this clock.
    pub(crate) async fn setup(&mut self, key: &str, clock: &Clock) -> Setup {
        self.lives += 1;
        let seed = self.options.seed ^ u64::from(self.lives);
        let switch = Switch::new(clock.clone());
        Setup {
            store: open_store(&self.place, Access::Existing, seed, &self.emulator, (key, clock)).await,
            clients: self.clients(switch.clone(), key).await,
            policy: self.options.policy.clone(),
            platform: "Docker on AL2023".to_owned(),
            bucket: None,
            installation: Some("test".to_owned()),
            holder: format!("{key}-{}", self.lives),
            clock: clock.clone(),
            entropy: Entropy::seeded(seed),
            cadence: self.options.cadence,
            lease: self.options.lease,
            read_only: false,
            switch,
        }
    }

    /// Starts a controller in the background.
    pub(crate) async fn run(&mut self) {
        let controller = self.controller().await;
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move { controller.run(token).await.unwrap() });
        self.running = Some((stop, task));
    }

    /// Stops it as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        if let Some((stop, task)) = self.running.take() {
            stop.cancel();
            task.await.unwrap();
        }
    }

    /// Drops it in the middle of whatever it does, as a crash does.
    pub(crate) async fn crash(&mut self) {
        if let Some((_, task)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Puts an image into the registry; answers with its digest.
    pub(crate) fn push(&self, tag: &str) -> String {
        let now = self.emulator.now();
        self.emulator.with(|world| world.registry.seed_image("shop-web", tag, now))
    }

    /// Applies a feature as `sprout apply` does.
    pub(crate) async fn apply(&self, feature: Feature) {
        let write = Write::PutSpec { feature: Box::new(feature), origin: None, expect: Expect::Any };
        self.commit(vec![write]).await;
    }

    pub(crate) async fn commit(&self, writes: Vec<Write>) {
        for writes in writes.chunks(BATCH_MOST) {
            self.store.commit(Batch { fence: None, writes: writes.to_vec() }).await.unwrap();
        }
    }

    /// Removes a row by hand.
    pub(crate) async fn remove_row(&self, name: &str) {
        self.commit(vec![Write::DeleteSpec { feature: name.into(), expect: Expect::Any }]).await;
    }

    /// Deletes as `sprout delete` does: the ask and the row in one batch.
    pub(crate) async fn delete(&self, name: &str) {
        let deletion = Ask { what: (), by: "tester".to_owned(), at: start(), why: None };
        self.ask_with(
            name,
            |record| record.asks.deletion = Some(deletion.clone()),
            vec![Write::DeleteSpec { feature: name.into(), expect: Expect::Any }],
        )
        .await;
    }

    /// Writes an ask into a record as people's commands do.
    pub(crate) async fn ask(&self, name: &str, ask: impl Fn(&mut Record)) {
        self.ask_with(name, ask, Vec::new()).await;
    }

    async fn ask_with(&self, name: &str, ask: impl Fn(&mut Record), more: Vec<Write>) {
        loop {
            let stored = self.store.feature(&FeatureName::new(name)).await.unwrap().record;
            let (mut record, expect) = match stored {
                Some(stored) => match stored.body {
                    RecordBody::Readable(record) => (record, Expect::Version(stored.version)),
                    RecordBody::Unreadable { why } => panic!("{why}"),
                },
                None => (Box::new(Record::new(name.into())), Expect::Absent),
            };
            ask(&mut record);
            let mut writes = vec![Write::PutRecord { record, expect }];
            writes.extend(more.clone());
            if self.store.commit(Batch { fence: None, writes }).await.is_ok() {
                return;
            }
        }
    }

    pub(crate) async fn status(&self, name: &str) -> Option<StatusView> {
        self.store.feature(&FeatureName::new(name)).await.unwrap().status
    }

    pub(crate) async fn record(&self, name: &str) -> Option<Record> {
        match self.store.feature(&FeatureName::new(name)).await.unwrap().record?.body {
            RecordBody::Readable(record) => Some(*record),
            RecordBody::Unreadable { why } => panic!("{why}"),
        }
    }

    /// Lets time pass until a condition holds; panics with the state when it
    /// does not within the given time.
    pub(crate) async fn until(
        &self,
        within: Duration,
        what: &str,
        mut holds: impl AsyncFnMut(&Self) -> bool,
    ) {
        let end = tokio::time::Instant::now() + within;
        while !holds(self).await {
            if tokio::time::Instant::now() > end {
                panic!("not within {within:?}: {what}\n{}", self.account().await);
            }
            tokio::time::sleep(self.options.cadence.store.max(Duration::from_secs(1))).await;
        }
    }

    pub(crate) async fn phase(&self, name: &str) -> String {
        self.status(name).await.map_or("none".to_owned(), |view| view.phase.as_str().to_owned())
    }

    /// Waits for a phase.
    pub(crate) async fn until_phase(&self, name: &str, phase: &str) {
        let within = Duration::from_secs(3600);
        self.until(within, &format!("{name} is {phase}"), async |sim: &Self| sim.phase(name).await == phase)
            .await;
    }

    /// Somebody terminates an environment, without a word about what comes of it.
    pub(crate) fn terminate_by_hand(&self, id: &str) {
        let body = format!("Action=TerminateEnvironment&Version=2010-12-01&EnvironmentId={id}");
        let request = http::Request::post("http://elasticbeanstalk/")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential=hand/20260101/{REGION}/elasticbeanstalk/aws4_request"),
            )
            .body(bytes::Bytes::from(body));
        let _ = futures::FutureExt::now_or_never(self.emulator.handle(request.unwrap()));
    }

    /// Live environments by name, with id and label.
    pub(crate) fn live(&self) -> Vec<(String, String, Option<String>)> {
        self.emulator.with(|world| {
            world.live().map(|one| (one.name.clone(), one.id.clone(), one.shown.label.clone())).collect()
        })
    }

    /// Calls of one operation by the controller.
    pub(crate) fn calls(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.emulator.calls();
        calls.retain(|call| call.operation == operation && call.access_key == "controller");
        calls
    }

    /// Keys of all bundles that lie in the storage bucket under our prefix.
    pub(crate) fn bundles(&self) -> Vec<String> {
        self.emulator.with(|world| {
            let bucket = format!("elasticbeanstalk-{REGION}-{}", world.account);
            let objects = world.objects.clone();
            let keys = objects.lock().unwrap().keys(&bucket);
            keys.into_iter().filter(|key| key.starts_with("sprout/")).collect()
        })
    }

    /// Labels of all versions of the application.
    pub(crate) fn versions(&self) -> Vec<String> {
        self.emulator.with(|world| world.applications["shop"].versions.keys().cloned().collect())
    }

    /// What a person would want to see when something went wrong.
    pub(crate) async fn account(&self) -> String {
        let mut text = String::new();
        for view in self.store.statuses().await.unwrap() {
            text += &format!(
                "{} {:?}: {} → {} {:?}\n",
                view.feature, view.phase, view.happened, view.next, view.conditions
            );
            text += &format!("   record: {:?}\n", self.record(view.feature.as_str()).await);
        }
        for (name, id, label) in self.live() {
            text += &format!("live {name} {id} {label:?}\n");
        }
        for event in self.store.events(None, 30).await.unwrap() {
            text += &format!("{} {} {}: {}\n", event.at, event.feature, event.reason, event.message);
        }
        let calls = self.emulator.calls();
        for call in calls.iter().rev().take(25).rev() {
            text += &format!(
                "{} {} {:?} {:?} {:?}\n",
                call.at, call.operation, call.outcome, call.struck, call.environment
            );
        }
        text
    }
}

/// A feature with an image of `shop-web`.
pub(crate) fn feature(name: &str, tag: &str, ttl: &str) -> Feature {
    use beansprout::model::{Dockerrun, FeatureSpec, Heal, Metadata, Notify, TtlFrom};
    Feature {
        metadata: Metadata { name: name.into(), owner: None, labels: Default::default(), source: None },
        spec: FeatureSpec {
            application: None,
            image: Some(format!("shop-web:{tag}")),
            bundle: None,
            ttl: Some(ttl.parse().unwrap()),
            ttl_from: TtlFrom::Create,
            template: None,
            copy_from: None,
            instance_type: None,
            variables: Default::default(),
            settings: Vec::new(),
            dockerrun: Dockerrun::default(),
            notify: Notify::default(),
            protect: false,
            heal: Heal::Gone,
        },
    }
}
