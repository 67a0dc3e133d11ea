//! The real SDK, the governed connector and the provider against the
//! emulator in this process.

mod failures;
mod governor;
mod reads;
mod registry;
mod scripted;
mod sockets;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use beansprout::aws::{Budget, Clients, Connection, Gate, OpenGate, Origin, Rate, Rates};
use beansprout::clock::{Clock, Entropy};
use beansprout::emulator::{Call, Emulator, Settings};
use beansprout::model::names::BINDING_TAG;
use beansprout::model::{
    ApplicationName, CreateEnvironment, CreateVersion, Environment, EnvironmentId, EnvironmentStatus,
    OptionKey, PutBundle, VersionLabel,
};
use beansprout::provider::{Beanstalk, Bundles};

const STACK: &str = "64bit Amazon Linux 2023 v4.7.0 running Docker";

/// A world with the application `shop`, and everything that the product uses
/// to speak with it.
struct Rig {
    emulator: Emulator,
    budget: Budget,
    clients: Clients,
    beanstalk: Beanstalk,
    bundles: Bundles,
    bucket: String,
}

/// A budget that holds nobody up.
fn roomy() -> Rates {
    let rate = Rate { per_second: 1000.0, burst: 10_000 };
    Rates { beanstalk: rate, others: rate, ..Rates::default() }
}

async fn connect(emulator: &Emulator, gate: Arc<dyn Gate>, budget: &Budget) -> Clients {
    let origin = Origin::InProcess {
        http: emulator.http_client(),
        region: "eu-central-1".to_owned(),
        access_key: "AKIDTEST".to_owned(),
    };
    let clock = Clock::starting_at(emulator.now());
    let connection = Connection { origin, gate, budget: budget.clone(), clock };
    Clients::connect(connection).await.expect("clients")
}

impl Rig {
    async fn new() -> Self {
        Self::with(Settings::default(), roomy()).await
    }

    async fn with(settings: Settings, rates: Rates) -> Self {
        let emulator = Emulator::new(settings);
        let budget = Budget::new(rates, Entropy::seeded(7));
        let clients = connect(&emulator, Arc::new(OpenGate), &budget).await;
        let beanstalk = Beanstalk::new(clients.clone());
        beanstalk.create_application(&shop(), "for tests").await.expect("an application");
        let bucket = beanstalk.storage_location().await.expect("a bucket");
        let bundles = Bundles::new(clients.clone(), None);
        Self { emulator, budget, clients, beanstalk, bundles, bucket }
    }

    /// The complete requests for a version.
    fn version(&self, label: &str) -> (PutBundle, CreateVersion) {
        let key = format!("sprout/{label}.zip");
        let dockerrun = r#"{"AWSEBDockerrunVersion": "1", "Image": {"Name": "nginx:1"}}"#;
        let bytes = beansprout::bundle::zip(&beansprout::bundle::files(dockerrun));
        let put = PutBundle { bucket: self.bucket.clone(), key: key.clone(), bytes };
        let create = CreateVersion {
            application: shop(),
            label: VersionLabel::new(label),
            description: "a version".to_owned(),
            bucket: self.bucket.clone(),
            key,
        };
        (put, create)
    }

    async fn make_version(&self, label: &str) {
        let (put, create) = self.version(label);
        self.bundles.put(&put).await.expect("a bundle");
        self.beanstalk.create_version(&create).await.expect("a version");
    }

    /// Version `v1` and an environment with it, Ready.
    async fn ready(&self, name: &str) -> Environment {
        self.make_version("v1").await;
        let accepted = self.beanstalk.create_environment(&create(name)).await.expect("an environment");
        let id = accepted.environment.expect("an id");
        self.until(&id, &EnvironmentStatus::Ready).await
    }

    /// Lets time pass until the environment has this status.
    async fn until(&self, id: &EnvironmentId, status: &EnvironmentStatus) -> Environment {
        for _ in 0..1000 {
            let environment = self.beanstalk.by_id(id).await.expect("an answer").expect("an environment");
            if environment.status == *status {
                return environment;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        panic!("{id} never became {status:?}");
    }

    /// Calls of an operation that reached the world.
    fn calls(&self, operation: &str) -> Vec<Call> {
        self.emulator.calls().into_iter().filter(|call| call.operation == operation).collect()
    }
}

fn shop() -> ApplicationName {
    ApplicationName::new("shop")
}

/// The complete request for an environment with version `v1`.
fn create(name: &str) -> CreateEnvironment {
    let option =
        |namespace: &str, name: &str, value: &str| (OptionKey::new(namespace, name), value.to_owned());
    CreateEnvironment {
        application: shop(),
        name: name.into(),
        cname_prefix: format!("{name}-cname"),
        template: None,
        platform: Some(STACK.to_owned()),
        label: VersionLabel::new("v1"),
        options: BTreeMap::from([
            option("aws:autoscaling:launchconfiguration", "IamInstanceProfile", "profile"),
            option("aws:elasticbeanstalk:environment", "ServiceRole", "role"),
            option("aws:elasticbeanstalk:environment", "EnvironmentType", "SingleInstance"),
            option("aws:elasticbeanstalk:application:environment", "COLOUR", "red"),
        ]),
        tags: BTreeMap::from([
            (BINDING_TAG.to_owned(), format!("binding-of-{name}")),
            ("beansprout:lifecycle".to_owned(), "temporary".to_owned()),
        ]),
        description: "for tests".to_owned(),
    }
}
