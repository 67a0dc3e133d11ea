//! The service clients, built once.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;

use super::budget::{Budget, Rates};
use super::call::{Dated, call};
use super::errors::CallError;
use super::governed::{Gate, Governed, Governor, OpenGate};
use super::network::network;
use crate::clock::{Clock, Entropy};

/// The longest that one call may take with its waits for tokens and its
/// retries; the attempts have shorter deadlines of their own.
const OPERATION: Duration = Duration::from_secs(200);
/// The same for S3, where a bundle may be 500 MB.
const TRANSFER: Duration = Duration::from_secs(700);

/// Where credentials, region and endpoints come from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// The normal AWS chain: environment, profiles, SSO, processes, roles;
    /// `AWS_ENDPOINT_URL` and its forms by service included.
    Environment,
    /// Given here, and nothing is read from outside.
    Fixed {
        /// For every service, such as `http://127.0.0.1:4600`.
        endpoint: String,
        /// The region that requests are signed for.
        region: String,
        /// The access key id; who is asking, for an emulator.
        access_key: String,
    },
    /// An emulator in this process.
    InProcess {
        /// Its connector.
        http: SharedHttpClient,
        /// The region that requests are signed for.
        region: String,
        /// The access key id.
        access_key: String,
    },
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Where credentials, region and endpoints come from.
    pub origin: Origin,
    /// Asked before each mutating attempt.
    pub gate: Arc<dyn Gate>,
    /// Shared by all clients of the process.
    pub budget: Budget,
    /// Signs requests; the service's own Date header counts for everything
    /// else.
    pub clock: Clock,
}

impl Connection {
    /// A connection by the normal AWS chain, for what people do by hand and
    /// what guards itself.
    pub fn from_environment(clock: Clock, entropy: &Entropy) -> Self {
        let budget = Budget::new(Rates::default(), entropy.clone());
        Self { origin: Origin::Environment, gate: Arc::new(OpenGate), budget, clock }
    }
}

/// Why there are no clients.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The AWS chain names no region.
    #[error("no AWS region is set: set AWS_REGION, or `region` in the profile of ~/.aws/config")]
    NoRegion,
}

/// The service clients of one account and region. Clones share everything.
#[derive(Clone)]
pub struct Clients {
    /// Elastic Beanstalk.
    pub beanstalk: aws_sdk_elasticbeanstalk::Client,
    /// Elastic Container Registry.
    pub ecr: aws_sdk_ecr::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// The region that requests are signed for.
    pub region: String,
    /// The endpoint that Beanstalk's calls go to, where one is set instead of
    /// AWS's own.
    pub endpoint: Option<String>,
    /// The budget that all calls draw on.
    pub budget: Budget,
    sts: aws_sdk_sts::Client,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// Whose credentials these are (AWS API STS `GetCallerIdentity`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, 12 digits.
    pub account: String,
    /// The user or role.
    pub arn: Option<String>,
}

/// The SDK's view of our clock.
#[derive(Debug)]
struct OurTime(Clock);

impl TimeSource for OurTime {
    fn now(&self) -> SystemTime {
        // Representable wherever this runs; 1970 would only be refused as skewed.
        SystemTime::try_from(self.0.now()).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

impl Clients {
    /// Builds the clients. Only [`Origin::Environment`] reads anything from
    /// outside, and nothing is called yet: wrong credentials show at the first
    /// call.
    pub async fn connect(connection: Connection) -> Result<Clients, AwsError> {
        let budget = connection.budget.clone();
        let (base, region) = governed(connection).await?;
        Ok(Self::from_base(&base, region, budget))
    }

    fn from_base(base: &SdkConfig, region: String, budget: Budget) -> Self {
        let partition = |service: &'static str| {
            RetryPartition::custom(format!("beansprout-{service}"))
                .token_bucket(TokenBucket::default())
                .build()
        };
        let beanstalk = aws_sdk_elasticbeanstalk::config::Builder::from(base)
            .retry_partition(partition("elasticbeanstalk"))
            .interceptor(Governor)
            .build();
        let ecr = aws_sdk_ecr::config::Builder::from(base)
            .retry_partition(partition("ecr"))
            .interceptor(Governor)
            .build();
        let sts = aws_sdk_sts::config::Builder::from(base)
            .retry_partition(partition("sts"))
            .interceptor(Governor)
            .build();
        let mut s3 = aws_sdk_s3::config::Builder::from(base)
            .retry_partition(partition("s3"))
            .timeout_config(TimeoutConfig::builder().operation_timeout(TRANSFER).build())
            .interceptor(Governor);
        if endpoint(base, "S3").is_some() {
            // Stand-ins seldom resolve a bucket's own host name or know the
            // newer checksums.
            s3 = s3
                .force_path_style(true)
                .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired);
        }
        Self {
            beanstalk: aws_sdk_elasticbeanstalk::Client::from_conf(beanstalk),
            ecr: aws_sdk_ecr::Client::from_conf(ecr),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            sts: aws_sdk_sts::Client::from_conf(sts),
            endpoint: endpoint(base, "Elastic Beanstalk"),
            region,
            budget,
        }
    }

    /// Asks STS who we are. Not every endpoint has an STS: without an answer
    /// the account stays unknown.
    pub async fn caller(&self) -> Result<Dated<Caller>, CallError> {
        let answer = call(self.sts.get_caller_identity().send()).await?;
        let Some(account) = answer.value.account.filter(|account| !account.is_empty()) else {
            return Err(CallError::Unknown { why: "GetCallerIdentity named no account".to_owned() });
        };
        Ok(Dated { value: Caller { account, arn: answer.value.arn }, date: answer.date })
    }
}

/// What all service clients are built from, and the region.
pub(super) async fn governed(connection: Connection) -> Result<(SdkConfig, String), AwsError> {
    let Connection { origin, gate, budget, clock } = connection;
    let time = SharedTimeSource::new(OurTime(clock));
    let sleep = SharedAsyncSleep::new(TokioSleep::new());
    let (base, http) = match origin {
        Origin::Environment => {
            let http = network();
            let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
                .http_client(http.clone())
                .sleep_impl(sleep.clone())
                .time_source(time.clone());
            (loader.load().await, http)
        }
        Origin::Fixed { endpoint, region, access_key } => (fixed(endpoint, region, &access_key), network()),
        Origin::InProcess { http, region, access_key } => {
            (fixed("http://in-process.invalid".to_owned(), region, &access_key), http)
        }
    };
    let region = base.region().ok_or(AwsError::NoRegion)?.to_string();
    let governed = SharedHttpClient::new(Governed { inner: http, budget, gate });
    let base = base
        .into_builder()
        .http_client(governed)
        .sleep_impl(sleep)
        .time_source(time)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION).build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Ok((base, region))
}

/// The endpoint that is set for a service, by code, environment or profile.
pub(super) fn endpoint(base: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    base.service_config()
        .and_then(|config| config.load_config(key))
        .or_else(|| base.endpoint_url().map(str::to_owned))
}

/// A configuration that reads nothing from outside.
fn fixed(endpoint: String, region: String, access_key: &str) -> SdkConfig {
    let credentials = Credentials::new(access_key, "not-a-secret", None, None, "fixed");
    SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
        .identity_cache(aws_config::identity::IdentityCache::no_cache())
        .endpoint_url(endpoint)
        .build()
}
