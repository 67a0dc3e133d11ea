//! The traps of Beanstalk and of the life around it (docs/beanstalk.md), one short test each, in four verbs: what is
//! *given*, what *aws* does (or a person in its console), a *turn* of time, what to *expect*.

mod adopt;
mod deploys;
mod endings;
mod guards;
mod healing;
mod listings;
mod lost;
mod names;
mod orphans;
mod readings;
mod rows;
mod settings;
mod stores;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use beansprout::aws::{Clients, OpenGate};
use beansprout::controller::Cadence;
use beansprout::emulator::environment::Environment;
use beansprout::emulator::{Call, Fault, Kind, Outcome, World};
use beansprout::model::StoreId;
use beansprout::model::names::{cname_prefix, environment_name};

use crate::sim::world::{Options, Sim, feature};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
const DOCKER: &str = "64bit Amazon Linux 2023 v4.7.0 running Docker";

/// One installation with its controller running, and the verbs.
pub(crate) struct Trap {
    sim: Sim,
}

impl Deref for Trap {
    type Target = Sim;

    fn deref(&self) -> &Sim {
        &self.sim
    }
}

impl DerefMut for Trap {
    fn deref_mut(&mut self) -> &mut Sim {
        &mut self.sim
    }
}

/// Options of a trap: the store is looked at every few seconds, because hours pass.
pub(crate) fn options() -> Options {
    let store = Duration::from_secs(5);
    Options { cadence: Cadence { store, ..Cadence::default() }, ..Options::default() }
}

/// A fault that strikes until this much time has passed.
pub(crate) fn during(time: Duration, operation: &str, kind: Kind) -> Fault {
    Fault { until: Some(time.as_secs_f64()), ..Fault::on(operation, kind) }
}

impl Trap {
    /// Given: an installation with nothing in it, and the images `login-41` to `login-44`.
    pub(crate) async fn given() -> Self {
        Self::given_with(options()).await
    }

    pub(crate) async fn given_with(options: Options) -> Self {
        let mut trap = Self { sim: Sim::new(options).await };
        for tag in ["login-41", "login-42", "login-43", "login-44"] {
            trap.push(tag);
        }
        trap.run().await;
        trap
    }

    /// Given: these features, Ready with `login-41`, for two days.
    pub(crate) async fn given_ready(names: &[&str]) -> Self {
        let trap = Self::given().await;
        trap.make_ready(names).await;
        trap
    }

    pub(crate) async fn make_ready(&self, names: &[&str]) {
        for name in names {
            self.apply(feature(name, "login-41", "2d")).await;
        }
        for name in names {
            self.until_phase(name, "Ready").await;
        }
    }

    /// AWS: changes the world from above.
    pub(crate) fn aws<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        self.emulator.with(change)
    }

    /// A person with rights of their own.
    pub(crate) async fn hand(&self) -> Clients {
        self.clients(Arc::new(OpenGate), "hand").await
    }

    /// A person makes an environment; answers with its id.
    pub(crate) async fn hand_makes(&self, name: &str, prefix: &str, tags: &[(&str, &str)]) -> String {
        let tag = |(key, value): &(&str, &str)| {
            aws_sdk_elasticbeanstalk::types::Tag::builder().key(*key).value(*value).build()
        };
        let option = aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting::builder()
            .namespace("aws:autoscaling:launchconfiguration")
            .option_name("IamInstanceProfile")
            .value("by-hand")
            .build();
        let hand = self.hand().await;
        let request = hand
            .beanstalk
            .create_environment()
            .application_name("shop")
            .environment_name(name)
            .cname_prefix(prefix)
            .solution_stack_name(DOCKER)
            .option_settings(option);
        let request = request.set_tags(Some(tags.iter().map(tag).collect()));
        request.send().await.unwrap().environment_id.unwrap()
    }

    /// A person terminates an environment.
    pub(crate) async fn hand_terminates(&self, id: &str) {
        let hand = self.hand().await;
        hand.beanstalk.terminate_environment().environment_id(id).send().await.unwrap();
    }

    /// Time passes.
    pub(crate) async fn turn(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Expect: it comes about within three hours.
    pub(crate) async fn expect(&self, what: &str, holds: impl AsyncFnMut(&Sim) -> bool) {
        self.until(3 * HOUR, what, holds).await;
    }

    /// Expect: nothing is made, changed or ended for this long; what nobody runs any more may be tidied.
    pub(crate) async fn expect_no_call(&self, time: Duration) {
        let calls = || -> Vec<Call> {
            let mut calls = self.mutations();
            calls.retain(|call| !call.operation.starts_with("Delete"));
            calls
        };
        let before = calls().len();
        self.turn(time).await;
        let after = calls();
        assert_eq!(&after[before..], &[], "calls that nobody wanted\n{}", self.account().await);
    }

    /// The name that this store gives a feature's environment.
    pub(crate) async fn name_of(&self, feature: &str) -> String {
        environment_name("f-", &self.store_id().await, &"shop".into(), &feature.into()).as_str().to_owned()
    }

    /// The first of a feature's CNAME prefixes.
    pub(crate) async fn prefix_of(&self, feature: &str, n: u32) -> String {
        cname_prefix(&self.store_id().await, &"shop".into(), &feature.into(), n)
    }

    async fn store_id(&self) -> StoreId {
        self.store.identity().await.unwrap().store
    }

    /// The environment of a feature, as the world has it.
    pub(crate) async fn environment_of(&self, feature: &str) -> Environment {
        let name = self.name_of(feature).await;
        self.aws(|world| world.named(&name).cloned()).expect("an environment of that name")
    }

    /// The controller's calls to Beanstalk and S3 that change something, whatever became of them.
    pub(crate) fn mutations(&self) -> Vec<Call> {
        let mut calls = self.emulator.calls();
        calls.retain(is_mutation);
        calls
    }

    /// How many calls of an operation were applied.
    pub(crate) fn applied(&self, operation: &str) -> usize {
        self.calls(operation).iter().filter(|call| call.outcome == Outcome::Applied).count()
    }

    /// Expect: nobody was wronged, whatever else was tested; then the controller is stopped.
    pub(crate) async fn end(mut self) {
        for call in self.mutations() {
            self.judge(&call);
        }
        self.stop().await;
    }

    /// What no call may ever do (docs/invariants.md).
    fn judge(&self, call: &Call) {
        let param = |name: &str| call.params.get(name).map(String::as_str);
        match call.operation.as_str() {
            "UpdateEnvironment" | "TerminateEnvironment" => {
                let id = param("EnvironmentId").expect("by id, never by name");
                assert_eq!(param("EnvironmentName"), None, "{call:?}");
                let ours = self.aws(|world| {
                    world.environments[id].tags.contains_key("beansprout:binding")
                        && world.environments[id].name.starts_with("f-")
                });
                assert!(ours, "a call on somebody else's environment: {call:?}");
                assert_ne!(param("TerminateResources"), Some("false"), "{call:?}");
                assert_eq!(param("ForceTerminate"), None, "{call:?}");
                let settings = call.params.keys().any(|key| key.starts_with("Option"));
                assert!(!(settings && param("VersionLabel").is_some()), "settings and version: {call:?}");
            }
            "CreateEnvironment" => {
                assert!(param("VersionLabel").is_some(), "the sample application: {call:?}");
                assert!(param("EnvironmentName").is_some_and(|name| name.starts_with("f-")), "{call:?}");
            }
            // Only for an adoption, and only what says whose it is.
            "UpdateTagsForResource" => {
                let keys = call.params.iter().filter(|(name, _)| name.ends_with(".Key"));
                let ours = ["beansprout:binding", "beansprout:feature"];
                assert!(keys.into_iter().all(|(_, key)| ours.contains(&key.as_str())), "{call:?}");
                assert!(!call.params.keys().any(|name| name.starts_with("TagsToRemove")), "{call:?}");
            }
            "CreateApplicationVersion" | "DeleteApplicationVersion" | "PutObject" | "DeleteObject" => {}
            other => panic!("{other} is nothing that the controller does: {call:?}"),
        }
    }
}

/// Whether a call of the controller changes something.
fn is_mutation(call: &Call) -> bool {
    let reads = ["Describe", "List", "Check", "Get", "BatchGet", "Head", "Validate", "Retrieve"];
    call.access_key == "controller" && !reads.iter().any(|read| call.operation.starts_with(read))
}
