//! The world: everything that the account holds, its time, and the queue of what will happen by itself.
//!
//! It is synchronous and pure. It moves by calls and by `advance`, which takes due moments from an ordered queue;
//! no call scans for what might have changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calls::CallLog;
use super::dynamodb::Tables;
use super::ecr::Registry;
use super::environment::{Environment, Health};
use super::fault::Faults;
use super::holdings::{Application, Event, Severity, Version};
use super::pages::Ports;
use super::requests::Ask;
use super::s3;
use super::settings::{Quotas, Settings};
use super::throttle::Throttle;

/// How long terminated environments and events can still be asked for: six weeks.
pub(crate) const MEMORY: Duration = Duration::from_secs(42 * 24 * 3600);

/// A seeded generator that survives in the state file.
#[derive(Clone, Debug)]
pub(crate) struct Dice(fastrand::Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    /// Lower-case letters and digits.
    pub(crate) fn word(&mut self, length: usize) -> String {
        const SIGNS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
        (0..length).map(|_| char::from(SIGNS[self.0.usize(..SIGNS.len())])).collect()
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        probability >= 1.0 || self.0.f64() < probability
    }

    /// A number below a bound.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0.u32(..bound.max(1))
    }

    /// An identifier in the form of a UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.0.u64(..), self.0.u64(..));
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        )
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Serialize for Dice {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(self.0.get_seed())
    }
}

impl<'de> Deserialize<'de> for Dice {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        u64::deserialize(from).map(Self::new)
    }
}

/// Something that will happen by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Due {
    /// An operation of an environment ends.
    Finish { environment: String, serial: u64 },
    /// The status follows the events that told the end of an operation.
    Rest { environment: String, serial: u64, health: Option<Health> },
    /// A settled environment turns healthy.
    Settle { environment: String },
    /// The validation of a version ends.
    Processed { application: String, label: String },
    /// A call that its sender gave up takes effect.
    Late(Box<Ask>),
    /// A terminated environment is forgotten.
    Forget { environment: String },
}

/// Which stage of an environment's life shall fail, and for whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breakage {
    /// What fails.
    pub stage: Stage,
    /// Found anywhere in the environment's id or name, the version label or an image.
    pub matching: String,
    /// How many more times; `None` is always.
    #[serde(default)]
    pub times: Option<u32>,
}

/// A stage that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Deployment, at launch and later.
    Deploy,
    /// A change of settings.
    Configure,
    /// Termination.
    Terminate,
    /// No stage of its own: any operation takes half an hour.
    Hang,
    /// No stage of its own: Ready is shown, and everything is refused as if it were not.
    Wedge,
}

/// Which environments and applications an access key may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// Listings are empty, and succeed.
    Nothing,
    /// Everything.
    All,
    /// Applications whose name begins so, and what belongs to them.
    Prefix(String),
}

/// The built-in world. Fields that tests look at are public; what keeps them consistent is not.
#[derive(Serialize, Deserialize)]
pub struct World {
    #[serde(skip)]
    pub(crate) settings: Settings,
    now: Timestamp,
    serial: u64,
    /// Account id: twelve digits.
    pub account: String,
    /// Region that ARNs and names carry.
    pub region: String,
    pub(crate) ids: Dice,
    #[serde(with = "super::pairs")]
    queue: BTreeMap<(Timestamp, u64), Due>,
    /// Applications by name.
    pub applications: BTreeMap<String, Application>,
    /// Environments by id, terminated ones included for six weeks.
    pub environments: BTreeMap<String, Environment>,
    /// Ids of environments that hold a name: those that are not Terminated.
    pub(crate) names: BTreeMap<String, String>,
    /// Ids of environments that hold a CNAME prefix.
    pub(crate) prefixes: BTreeMap<String, String>,
    /// CNAME prefixes that other customers hold.
    pub strangers: BTreeSet<String>,
    /// Events by number, oldest first.
    pub events: BTreeMap<u64, Event>,
    /// What shall fail.
    pub breakages: Vec<Breakage>,
    /// What access keys may see; all, when not named.
    pub sights: BTreeMap<String, Sight>,
    /// Quotas of the account.
    pub quotas: Quotas,
    /// Container images.
    pub registry: Registry,
    /// Tables and their items.
    #[serde(default)]
    pub tables: Tables,
    /// Buckets and their objects. Locked after the world, never before it.
    #[serde(with = "super::shared")]
    pub objects: s3::Handle,
    /// Opens a port for each environment that is shown.
    #[serde(skip)]
    pub(crate) ports: Option<Ports>,
    #[serde(skip)]
    pub(crate) log: CallLog,
    #[serde(skip)]
    pub(crate) faults: Faults,
    #[serde(skip)]
    pub(crate) throttle: Throttle,
    /// Grows with each change that the state file must hold.
    #[serde(skip)]
    pub(crate) revision: u64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let account = settings.account_id();
        let mut world = Self {
            now: settings.start,
            serial: 0,
            ids: Dice::new(settings.seed),
            queue: BTreeMap::new(),
            applications: BTreeMap::new(),
            environments: BTreeMap::new(),
            names: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            strangers: BTreeSet::new(),
            events: BTreeMap::new(),
            breakages: Vec::new(),
            sights: BTreeMap::new(),
            quotas: settings.quotas,
            registry: Registry::new(account.clone(), settings.region.clone()),
            tables: Tables::default(),
            objects: Arc::new(Mutex::new(s3::Objects::new(account.clone(), settings.region.clone()))),
            ports: None,
            log: CallLog::default(),
            faults: Faults::default(),
            throttle: Throttle::default(),
            revision: 0,
            account,
            region: settings.region.clone(),
            settings: Settings::default(),
        };
        world.settle_in(settings);
        world
    }

    /// Takes over settings that no state file holds. Account, region and quotas of the file stay, and time goes on.
    pub(crate) fn settle_in(&mut self, mut settings: Settings) {
        settings.region.clone_from(&self.region);
        self.now = self.now.max(settings.start);
        self.throttle = Throttle::new(settings.rate, self.now);
        self.faults.reseed(settings.seed);
        self.tables.settle_in(&self.account, &settings);
        self.settings = settings;
    }

    /// World time.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The next moment at which something happens by itself.
    pub fn next_change(&self) -> Option<Timestamp> {
        let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
        queued.into_iter().chain(self.registry.next_due()).chain(self.tables.next_due()).min()
    }

    /// Lets time pass until `to`: whatever is due happens, in order, at its own moment. Time never runs backwards.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > to {
                break;
            }
            let ((at, _), due) = entry.remove_entry();
            self.pass(at);
            self.revision += 1;
            self.happen(due);
        }
        self.pass(to);
    }

    /// Lets the clock go on, and the tables with it.
    fn pass(&mut self, to: Timestamp) {
        self.now = self.now.max(to);
        if self.tables.advance(self.now) {
            self.revision += 1;
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Finish { environment, serial } => self.finish(&environment, serial),
            Due::Rest { environment, serial, health } => self.rest_late(&environment, serial, health),
            Due::Settle { environment } => self.turn_healthy(&environment),
            Due::Processed { application, label } => self.end_processing(&application, &label),
            Due::Late(ask) => {
                self.answer_late(&ask);
            }
            Due::Forget { environment } => self.forget(&environment),
        }
    }

    /// Enters something that will happen, and gives its number.
    pub(crate) fn schedule(&mut self, after: Duration, due: impl FnOnce(u64) -> Due) -> u64 {
        let serial = self.next_serial();
        let at = self.now + signed(after);
        self.queue.insert((at, serial), due(serial));
        serial
    }

    /// A number that grows.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// An application, or the refusal that it is not there.
    pub(crate) fn application(&mut self, name: &str) -> Result<&mut Application, super::wire::Refusal> {
        self.applications
            .get_mut(name)
            .ok_or_else(|| super::wire::Refusal::value(format!("No Application named '{name}' found.")))
    }

    /// A version, where there is one.
    pub fn version(&self, application: &str, label: &str) -> Option<&Version> {
        self.applications.get(application)?.versions.get(label)
    }

    /// The live environment of a name.
    pub fn named(&self, name: &str) -> Option<&Environment> {
        self.environments.get(self.names.get(name)?)
    }

    /// Environments that are not Terminated.
    pub fn live(&self) -> impl Iterator<Item = &Environment> {
        self.environments.values().filter(|environment| environment.is_live())
    }

    /// Whether a key may see an application and what belongs to it.
    pub(crate) fn sees(&self, key: &str, application: &str) -> bool {
        match self.sights.get(key) {
            None | Some(Sight::All) => true,
            Some(Sight::Nothing) => false,
            Some(Sight::Prefix(prefix)) => application.starts_with(prefix.as_str()),
        }
    }

    /// Tells an event now.
    pub(crate) fn tell(&mut self, event: Event) {
        let number = self.next_serial();
        if let Some((id, _)) = &event.environment
            && let Some(environment) = self.environments.get_mut(id)
        {
            environment.events.push(number);
        }
        self.events.insert(number, event);
        self.drop_old_events();
    }

    /// Tells an event of an environment, under the id of the call that its operation belongs to.
    pub(crate) fn tell_of(&mut self, id: &str, severity: Severity, message: impl Into<String>) {
        let Some(environment) = self.environments.get(id) else {
            return;
        };
        let event = Event {
            at: self.now,
            severity,
            message: message.into(),
            application: Some(environment.application.clone()),
            environment: Some((id.to_owned(), environment.name.clone())),
            label: None,
            request: environment.operation.as_ref().map(|operation| operation.request.clone()),
        };
        self.tell(event);
    }

    fn drop_old_events(&mut self) {
        let oldest = self.now - signed(MEMORY);
        while let Some(entry) = self.events.first_entry() {
            if entry.get().at >= oldest {
                break;
            }
            let (number, event) = entry.remove_entry();
            if let Some((id, _)) = event.environment
                && let Some(environment) = self.environments.get_mut(&id)
            {
                environment.events.retain(|kept| *kept != number);
            }
        }
    }

    /// Whether a stage shall fail for any of these texts; uses up one of a counted breakage.
    pub(crate) fn breaks(&mut self, stage: Stage, texts: &[&str]) -> bool {
        let hit = self.breakages.iter_mut().find(|breakage| {
            breakage.stage == stage
                && breakage.times != Some(0)
                && texts.iter().any(|text| text.contains(&breakage.matching))
        });
        match hit {
            None => false,
            Some(breakage) => {
                breakage.times = breakage.times.map(|times| times - 1);
                true
            }
        }
    }

    /// The service's own bucket for bundles and logs.
    pub(crate) fn storage_bucket(&self) -> String {
        format!("elasticbeanstalk-{}-{}", self.settings.region, self.account)
    }

    /// The name of something of Beanstalk: `kind` is `environment`, `applicationversion` and so on.
    pub(crate) fn arn(&self, kind: &str, rest: &str) -> String {
        format!("arn:aws:elasticbeanstalk:{}:{}:{kind}/{rest}", self.settings.region, self.account)
    }

    /// What a CNAME looks like: a name of AWS, or one that leads back to this process.
    pub fn cname(&self, prefix: &str) -> String {
        match self.settings.host {
            None => format!("{prefix}.{}.elasticbeanstalk.com", self.settings.region),
            Some(host) => format!("{prefix}.localhost:{}", host.port()),
        }
    }
}

/// A duration as jiff counts it; ours are far from its limits.
pub(crate) fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
