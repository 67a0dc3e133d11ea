//! Stores in DynamoDBs that others wrote (moto's server, dynalite), in ours,
//! and what only this kind of store promises.

mod cannot;
mod cost;
mod hands;
mod large;
mod lost;
mod places;
mod program;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use beansprout::aws::{Budget, Connection, OpenGate, Origin, Rates};
use beansprout::clock::{Clock, Entropy};
use beansprout::emulator::{Emulator, Settings};
use beansprout::store::{Access, DynamoStore, Pace, Store, StoreError};

use super::Place;
use crate::support::not_run;
use wire::Wire;

const REGION: &str = "eu-central-1";
const ACCESS_KEY: &str = "AKIDTEST";

/// Two tables of one test's own on a server.
pub(super) struct Served {
    server: &'static str,
    endpoint: String,
    table: String,
}

/// Tables on moto's server; none where it does not run, which is written down.
pub(super) fn moto() -> Option<Served> {
    Served::on("moto", "SPROUT_TEST_MOTO")
}

/// Tables on dynalite; none where it does not run, which is written down.
pub(super) fn dynalite() -> Option<Served> {
    Served::on("dynalite", "SPROUT_TEST_DYNALITE")
}

impl Served {
    fn on(server: &'static str, variable: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(endpoint) = std::env::var(variable).ok().filter(|endpoint| !endpoint.is_empty()) else {
            not_run(&format!("{server} does not run; `make test` starts it"));
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let table = format!("t-{}-{}-{number}", std::process::id(), Entropy::system().word(8));
        Some(Self { server, endpoint, table })
    }

    fn connection(&self) -> Connection {
        let entropy = Entropy::system();
        let origin = Origin::Fixed {
            endpoint: self.endpoint.clone(),
            region: REGION.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
        };
        let budget = Budget::new(Rates::default(), entropy);
        Connection { origin, gate: Arc::new(OpenGate), budget, clock: Clock::system() }
    }

    /// A handle.
    async fn open_as(&self, access: Access, pace: Pace) -> Result<DynamoStore, StoreError> {
        DynamoStore::open(&self.table, access, &Entropy::system(), self.connection(), pace).await
    }

    /// A handle that looks often, so that tests need not wait.
    async fn open_quickly(&self) -> DynamoStore {
        self.open_as(Access::Create, quick()).await.unwrap()
    }

    /// A handle, and the wire that it talks over.
    async fn open_on_a_wire(&self) -> (DynamoStore, Wire) {
        let wire = Wire::to(&self.endpoint);
        let origin = Origin::InProcess {
            http: SharedHttpClient::new(wire.clone()),
            region: REGION.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
        };
        let connection = Connection { origin, ..self.connection() };
        let (entropy, pace) = (Entropy::system(), Pace::default());
        let store = DynamoStore::open(&self.table, Access::Create, &entropy, connection, pace).await.unwrap();
        (store, wire)
    }

    /// A client without any of our code.
    fn by_hand(&self) -> aws_sdk_dynamodb::Client {
        let credentials = Credentials::new(ACCESS_KEY, "not-a-secret", None, None, "test");
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    fn state(&self) -> String {
        format!("{}-state", self.table)
    }

    /// Runs a clause; one that the server cannot run must fail.
    pub(super) async fn put_through(&self, clause: &str, run: impl Future<Output = ()>) {
        if self.server == "dynalite" && cannot::dynalite().contains(clause) {
            cannot::fails(clause, run).await;
        } else {
            run.await;
        }
    }
}

/// Two tables in the emulator, in this process.
pub(super) struct Ours {
    emulator: Emulator,
    clock: Clock,
}

impl Ours {
    pub(super) fn new() -> Self {
        let settings = Settings { region: REGION.to_owned(), ..Settings::default() };
        let clock = Clock::starting_at(settings.start);
        Self { emulator: Emulator::new(settings), clock }
    }
}

#[async_trait]
impl Place for Ours {
    async fn open(&self) -> Arc<dyn Store> {
        let entropy = Entropy::system();
        let origin = Origin::InProcess {
            http: self.emulator.http_client(),
            region: REGION.to_owned(),
            access_key: ACCESS_KEY.to_owned(),
        };
        let budget = Budget::new(Rates::default(), entropy.clone());
        let connection = Connection { origin, gate: Arc::new(OpenGate), budget, clock: self.clock.clone() };
        let opened = DynamoStore::open("features", Access::Create, &entropy, connection, Pace::default());
        Arc::new(opened.await.unwrap())
    }
}

/// A pace for tests.
fn quick() -> Pace {
    let pause = Duration::from_millis(200);
    Pace { specs: pause, specs_at_most: pause, all: pause * 5, all_at_most: pause * 5, ..Pace::default() }
}

/// Asks until there is an answer, for as long as a test may wait.
async fn eventually<T>(mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(answer) = ask().await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it did not come about");
}

#[async_trait]
impl Place for Served {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(self.open_as(Access::Create, Pace::default()).await.unwrap())
    }
}
