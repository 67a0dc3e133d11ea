//! The world's rules, each seen through the real SDK.

mod bundles;
mod environments;
mod failures;
mod fronts;
mod tags;

use std::time::Duration;

use aws_sdk_elasticbeanstalk::Client;
use aws_sdk_elasticbeanstalk::config::retry::RetryConfig;
use aws_sdk_elasticbeanstalk::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_elasticbeanstalk::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticbeanstalk::operation::create_environment::builders::CreateEnvironmentFluentBuilder;
use aws_sdk_elasticbeanstalk::types::{ConfigurationOptionSetting, EnvironmentDescription};

use super::{Emulator, Settings};

const STACK: &str = "64bit Amazon Linux 2023 v4.7.0 running Docker";
/// Seconds that operations take in these tests.
const LAUNCH: u64 = 240;
const UPDATE: u64 = 90;
const TERMINATE: u64 = 180;

/// A world with the application `shop` and its version `v1`, and an SDK client on it.
struct Rig {
    emulator: Emulator,
    aws: Client,
}

impl Rig {
    async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    async fn with(settings: Settings) -> Self {
        let emulator = Emulator::new(settings);
        let aws = client(&emulator, "AKIDTEST");
        let rig = Self { emulator, aws };
        let made = rig.aws.create_application().application_name("shop").send().await;
        made.expect("an application");
        rig.version("v1").await;
        rig
    }

    async fn version(&self, label: &str) {
        let made =
            self.aws.create_application_version().application_name("shop").version_label(label).send().await;
        made.expect("a version");
    }

    /// A complete create call with version `v1`.
    fn create(&self, name: &str) -> CreateEnvironmentFluentBuilder {
        self.aws
            .create_environment()
            .application_name("shop")
            .environment_name(name)
            .solution_stack_name(STACK)
            .version_label("v1")
            .option_settings(setting("aws:autoscaling:launchconfiguration", "IamInstanceProfile", "ec2-role"))
    }

    /// Makes an environment and waits until it is at rest; gives its id.
    async fn launched(&self, name: &str) -> String {
        let made = self.create(name).send().await.expect("an environment");
        self.later(LAUNCH + 10).await;
        made.environment_id.expect("an id")
    }

    async fn later(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// What an unfiltered listing shows.
    async fn list(&self) -> Vec<EnvironmentDescription> {
        let listed = self.aws.describe_environments().send().await.expect("a listing");
        listed.environments.unwrap_or_default()
    }

    /// The one environment of an id, terminated or not.
    async fn one(&self, id: &str) -> EnvironmentDescription {
        let listed = self.aws.describe_environments().environment_ids(id).include_deleted(true).send().await;
        let mut found = listed.expect("a listing").environments.unwrap_or_default();
        assert_eq!(found.len(), 1, "environments with id {id}");
        found.remove(0)
    }

    async fn deploy(&self, id: &str, label: &str) {
        let sent = self.aws.update_environment().environment_id(id).version_label(label).send().await;
        sent.expect("an accepted update");
    }

    async fn terminate(&self, id: &str) {
        let sent = self.aws.terminate_environment().environment_id(id).send().await;
        sent.expect("an accepted termination");
    }

    /// Messages of an environment's events, newest first.
    async fn messages(&self, id: &str) -> Vec<String> {
        let told = self.aws.describe_events().environment_id(id).send().await.expect("events");
        told.events.unwrap_or_default().into_iter().filter_map(|event| event.message).collect()
    }
}

fn client(emulator: &Emulator, key: &str) -> Client {
    let config = aws_sdk_elasticbeanstalk::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(key, "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
        .build();
    Client::from_conf(config)
}

fn setting(namespace: &str, name: &str, value: &str) -> ConfigurationOptionSetting {
    ConfigurationOptionSetting::builder().namespace(namespace).option_name(name).value(value).build()
}

/// Status, health and health status as words.
fn state(environment: &EnvironmentDescription) -> [&str; 3] {
    [
        environment.status.as_ref().map_or("", |status| status.as_str()),
        environment.health.as_ref().map_or("", |health| health.as_str()),
        environment.health_status.as_ref().map_or("", |status| status.as_str()),
    ]
}

/// Code and message of a refusal.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata, R>(
    result: Result<T, SdkError<E, R>>,
) -> (String, String) {
    let error = result.expect_err("a refusal");
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    (text(error.code()), text(error.message()))
}
