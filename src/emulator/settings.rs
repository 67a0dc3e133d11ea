//! What a world is like: its places, its speeds, its quotas, and how it reads what nobody could verify.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How a world is set up. `Default` is a world at natural speed (launch four minutes) that throttles nobody.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Everything that is drawn follows from this number and the calls.
    pub seed: u64,
    /// World time at the beginning.
    pub start: Timestamp,
    /// Region that ARNs and names carry.
    pub region: String,
    /// Twelve digits; empty: minted from the seed.
    pub account: String,
    /// From CreateEnvironment to Ready.
    pub launch: Duration,
    /// A deployment, a change of settings or of tags.
    pub update: Duration,
    /// From TerminateEnvironment to Terminated.
    pub terminate: Duration,
    /// From Ready to a Green health.
    pub settle: Duration,
    /// How long the status lags behind the event that tells the end of an operation.
    pub flip: Duration,
    /// World seconds per second of tokio's clock.
    pub speed: f64,
    /// Token bucket: calls per world second and burst; `None` throttles nobody.
    pub rate: Option<(f64, u32)>,
    /// How long a terminated environment is listed when IncludeDeleted is not sent.
    pub linger: Duration,
    /// How long a new environment is not listed yet.
    pub invisible: Duration,
    /// How old ListTagsForResource may be after UpdateTagsForResource.
    pub tag_lag: Duration,
    /// From CreateTable to ACTIVE, and how long other changes of a table take.
    pub table: Duration,
    /// How long an item of a table is still there after its time to live.
    pub ttl_lag: Duration,
    /// Bytes after which a page of a table's items ends; DynamoDB's is 1 MB.
    pub page: usize,
    /// How the world reads what is not documented.
    pub readings: Readings,
    /// How many of each thing the account may have.
    pub quotas: Quotas,
    /// Address that environments show in their URLs; `None` shows names like those of AWS.
    pub host: Option<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            start: Timestamp::constant(1_767_603_600, 0),
            region: "eu-central-1".to_owned(),
            account: String::new(),
            launch: Duration::from_secs(240),
            update: Duration::from_secs(90),
            terminate: Duration::from_secs(180),
            settle: Duration::from_secs(5),
            flip: Duration::ZERO,
            speed: 1.0,
            rate: None,
            linger: Duration::from_secs(3600),
            invisible: Duration::ZERO,
            tag_lag: Duration::ZERO,
            table: Duration::from_secs(10),
            ttl_lag: Duration::from_secs(48 * 3600),
            page: 1024 * 1024,
            readings: Readings::default(),
            quotas: Quotas::default(),
            host: None,
        }
    }
}

impl Settings {
    /// The account id: the one given, or twelve digits that follow from the seed.
    pub(crate) fn account_id(&self) -> String {
        if !self.account.is_empty() {
            return self.account.clone();
        }
        let mut dice = fastrand::Rng::with_seed(self.seed ^ 0xacc0_0417);
        (0..12).map(|place| char::from(dice.u8(if place == 0 { b'1'..=b'9' } else { b'0'..=b'9' }))).collect()
    }
}

/// How many of each thing an account may have. Numbers: API reference, DescribeAccountAttributes; the quota of
/// templates is given as 200 or as 2000 by different pages, which is why it can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Applications.
    pub applications: usize,
    /// Application versions over all applications of the region.
    pub versions: usize,
    /// Environments that are not Terminated.
    pub environments: usize,
    /// Saved configurations.
    pub templates: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { applications: 75, versions: 1000, environments: 200, templates: 2000 }
    }
}

/// What a create meets whose name belongs to an environment that is Terminating.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namesake {
    /// The name is still taken.
    #[default]
    Taken,
    /// The name is already free.
    Free,
}

/// What TerminateEnvironment answers about an environment that is Terminating already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Again {
    /// A refusal: it is not in a state for this.
    #[default]
    Refused,
    /// A success that changes nothing.
    Accepted,
}

/// How an environment ends whose first deployment failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailedLaunch {
    /// Ready and Red.
    #[default]
    Red,
    /// Ready and Grey, without data.
    Grey,
    /// Terminated by the service itself.
    Terminated,
}

/// The health of an environment after something that failed and was rolled back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterFailure {
    /// As if nothing had happened.
    #[default]
    Green,
    /// Degraded.
    Red,
    /// No data.
    Grey,
}

/// What an update does that has nothing to change, or that names the version which already runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoChange {
    /// A whole update runs.
    #[default]
    Runs,
    /// A short update that deploys nothing.
    Short,
    /// A refusal.
    Refused,
}

/// The order of listings, which no page fixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// By identifier, which is as good as random.
    #[default]
    Id,
    /// The newest first.
    Newest,
}

/// One switch for each behaviour that no source verifies; every value is one that a client must survive.
/// `docs/beanstalk.md` names each under "What nobody verified".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Readings {
    /// Create while the namesake is Terminating.
    pub namesake: Namesake,
    /// Terminate while Terminating.
    pub terminate_again: Again,
    /// The end of a create whose deployment failed.
    pub failed_launch: FailedLaunch,
    /// Health after a failed update of a running environment.
    pub failed_update: AfterFailure,
    /// Health after a termination that failed.
    pub failed_terminate: AfterFailure,
    /// UpdateEnvironment with the label that is shown already.
    pub same_label: NoChange,
    /// UpdateEnvironment that asks for nothing.
    pub empty_update: NoChange,
    /// Version and settings in one UpdateEnvironment are accepted.
    pub version_with_settings: bool,
    /// UpdateTagsForResource outside Ready is refused with OperationInProgressFailure, else InvalidParameterValue.
    pub tags_in_progress: bool,
    /// Without IncludeDeleted terminated environments linger in the listing.
    pub lingers: bool,
    /// IncludeDeleted=false hides an environment as soon as it is Terminated.
    pub hides_fresh: bool,
    /// DeleteApplicationVersion of an unknown label succeeds.
    pub delete_missing_version: bool,
    /// A launching environment shows its CNAME.
    pub early_cname: bool,
    /// A platform ARN without its version means the newest.
    pub open_platform_arn: bool,
    /// A Beanstalk update passes through a Grey health.
    pub grey_updates: bool,
    /// `SystemType=basic` is honoured: no HealthStatus.
    pub basic_health: bool,
    /// Two platform sources are refused with InvalidParameterCombination, else InvalidParameterValue.
    pub platforms_combination: bool,
    /// The order of listings.
    pub order: Order,
}

impl Readings {
    /// Readings drawn from a seed, every switch by itself: for simulations, which must be right under all.
    pub fn drawn(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed ^ 0x0ead);
        let mut failure = {
            let mut dice = dice.fork();
            move || [AfterFailure::Green, AfterFailure::Red, AfterFailure::Grey][dice.usize(..3)]
        };
        let mut change = {
            let mut dice = dice.fork();
            move || [NoChange::Runs, NoChange::Short, NoChange::Refused][dice.usize(..3)]
        };
        Self {
            namesake: [Namesake::Taken, Namesake::Free][dice.usize(..2)],
            terminate_again: [Again::Refused, Again::Accepted][dice.usize(..2)],
            failed_launch: [FailedLaunch::Red, FailedLaunch::Grey, FailedLaunch::Terminated][dice.usize(..3)],
            failed_update: failure(),
            failed_terminate: failure(),
            same_label: change(),
            empty_update: change(),
            version_with_settings: dice.bool(),
            tags_in_progress: dice.bool(),
            lingers: dice.bool(),
            hides_fresh: dice.bool(),
            delete_missing_version: dice.bool(),
            early_cname: dice.bool(),
            open_platform_arn: dice.bool(),
            grey_updates: dice.bool(),
            basic_health: dice.bool(),
            platforms_combination: dice.bool(),
            order: [Order::Id, Order::Newest][dice.usize(..2)],
        }
    }

    /// These readings with one switch set by its name in kebab case.
    ///
    /// # Errors
    /// No such switch, or a value that it does not have; the text names those that there are.
    pub fn with(&self, switch: &str, value: &str) -> Result<Self, String> {
        let mut members = serde_json::to_value(self).map_err(|error| error.to_string())?;
        members[switch] = match value.parse::<bool>() {
            Ok(flag) => flag.into(),
            Err(_) => value.into(),
        };
        serde_json::from_value(members).map_err(|error| error.to_string())
    }
}

impl Default for Readings {
    fn default() -> Self {
        Self {
            namesake: Namesake::default(),
            terminate_again: Again::default(),
            failed_launch: FailedLaunch::default(),
            failed_update: AfterFailure::default(),
            failed_terminate: AfterFailure::Grey,
            same_label: NoChange::default(),
            empty_update: NoChange::Short,
            version_with_settings: true,
            tags_in_progress: true,
            lingers: true,
            hides_fresh: true,
            delete_missing_version: true,
            early_cname: false,
            open_platform_arn: true,
            grey_updates: false,
            basic_health: false,
            platforms_combination: true,
            order: Order::default(),
        }
    }
}
