//! What stands between the SDK and the wire: the allow-list, the rate token,
//! the gate of the lease, the deadline of an attempt, the reply's Date.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, Metadata};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::{ErrorKind, RetryConfig};
use futures::future::BoxFuture;
use jiff::Timestamp;

use super::budget::Budget;
use super::call;
use super::verbs::Verb;

/// Asked before each attempt of a mutating verb: whether this process may act
/// at this moment (it leads, and is not read-only).
pub trait Gate: Send + Sync + fmt::Debug {
    /// How long the attempt may take from now on; `Err` with the reason stops
    /// it before the wire.
    fn check(&self, verb: &Verb) -> Result<Duration, String>;

    /// Ends when what [`Gate::check`] let pass may go on no longer. The
    /// attempts that are under way are dropped then.
    fn closed(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// Lets everything pass: for commands that act by a person's hand.
#[derive(Clone, Copy, Debug)]
pub struct OpenGate;

impl Gate for OpenGate {
    fn check(&self, verb: &Verb) -> Result<Duration, String> {
        Ok(verb.attempt)
    }
}

/// Lets no mutating verb pass, and says why.
#[derive(Clone, Debug)]
pub struct ShutGate(pub String);

impl Gate for ShutGate {
    fn check(&self, _verb: &Verb) -> Result<Duration, String> {
        Err(self.0.clone())
    }
}

/// The verb and the number of the attempt, handed from interceptor to
/// connector.
#[derive(Clone, Copy, Debug)]
struct Sending {
    verb: &'static Verb,
    attempt: u32,
}

/// The interceptor: stops what is not allowed and sets the retries by verb.
#[derive(Clone, Copy, Debug)]
pub(super) struct Governor;

impl Governor {
    fn verb(cfg: &ConfigBag) -> Result<&'static Verb, BoxError> {
        let metadata = cfg.load::<Metadata>().ok_or("verb not allowed: it has no name")?;
        Verb::find(metadata.service(), metadata.name())
            .ok_or_else(|| format!("verb not allowed: {} {}", metadata.service(), metadata.name()).into())
    }
}

impl Intercept for Governor {
    fn name(&self) -> &'static str {
        "Governor"
    }

    fn modify_before_serialization(
        &self,
        _context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let verb = Self::verb(cfg)?;
        let retries = if verb.mutating {
            RetryConfig::disabled()
        } else {
            RetryConfig::standard().with_max_attempts(3)
        };
        cfg.interceptor_state().store_put(retries);
        Ok(())
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let verb = Self::verb(cfg)?;
        let attempt = cfg.load::<RequestAttempts>().map_or(1, |attempts| attempts.attempts());
        context.request_mut().add_extension(Sending { verb, attempt });
        Ok(())
    }
}

/// The HTTP client that every service client gets.
#[derive(Debug)]
pub(super) struct Governed {
    pub(super) inner: SharedHttpClient,
    pub(super) budget: Budget,
    pub(super) gate: Arc<dyn Gate>,
}

impl HttpClient for Governed {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(GovernedConnector {
            inner: self.inner.http_connector(settings, components),
            budget: self.budget.clone(),
            gate: Arc::clone(&self.gate),
        })
    }
}

#[derive(Clone, Debug)]
struct GovernedConnector {
    inner: SharedHttpConnector,
    budget: Budget,
    gate: Arc<dyn Gate>,
}

impl HttpConnector for GovernedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.carry(request).await })
    }
}

impl GovernedConnector {
    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let stop = |why: String| ConnectorError::user(why.into());
        let Some(Sending { verb, attempt }) = request.extension::<Sending>().copied() else {
            return Err(stop("verb not allowed: it came past the governor".to_owned()));
        };
        self.budget.token(verb).await.map_err(stop)?;
        let mut deadline = verb.attempt;
        if verb.mutating {
            if attempt > 1 {
                return Err(stop(format!("{} is never sent twice", verb.operation)));
            }
            deadline = self.gate.check(verb).map_err(stop)?;
        }
        self.budget.count(verb);
        let before = call::note_sent();
        let outcome = tokio::select! {
            biased;
            () = self.closed(verb) => {
                Err(ConnectorError::other("the lease was lost while the call was under way".into(), None))
            }
            ended = tokio::time::timeout(deadline, self.exchange(verb, request)) => match ended {
                Ok(outcome) => outcome,
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            },
        };
        match &outcome {
            Ok(response) => self.take_note(verb, response),
            Err(error) if never_left(error) => call::note_never_left(before),
            Err(_) => {}
        }
        outcome
    }

    /// Ends when an attempt of this verb may go on no longer.
    async fn closed(&self, verb: &Verb) {
        if verb.mutating { self.gate.closed().await } else { std::future::pending().await }
    }

    /// The request and the whole body of its reply: bodies are small, and a
    /// deadline that ends at the headers is none.
    async fn exchange(&self, verb: &Verb, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut response = self.inner.call(request).await?;
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let bytes = ByteStream::new(body)
            .collect()
            .await
            .map_err(|error| ConnectorError::io(error.into()))?
            .into_bytes();
        if response.status().is_success() && verb.is_cut_short(&bytes) {
            let why = "the reply was cut short";
            return Err(ConnectorError::other(why.into(), Some(ErrorKind::TransientError)));
        }
        *response.body_mut() = SdkBody::from(bytes);
        Ok(response)
    }

    fn take_note(&self, verb: &Verb, response: &HttpResponse) {
        if let Some(date) = response.headers().get("date").and_then(parse_date) {
            call::note_date(date);
        }
        let status = response.status().as_u16();
        if status >= 400 {
            let body = response.body().bytes().unwrap_or_default();
            if status == 429 || super::errors::names_throttling(&String::from_utf8_lossy(body)) {
                self.budget.throttled(verb);
            }
        }
    }
}

/// A `Date` header's time (RFC 9110, IMF-fixdate).
fn parse_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Whether the request surely never reached the service: the connection was
/// not made at all.
fn never_left(error: &ConnectorError) -> bool {
    if error.is_user() {
        return true;
    }
    let mut source: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
            if matches!(io.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable) {
                return true;
            }
        }
        // hyper-util's words for a failure before there is a connection: name
        // resolution, TCP and TLS handshake.
        if error.to_string() == "client error (Connect)" {
            return true;
        }
        source = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_headers_are_read() {
        let date = parse_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(date.to_string(), "1994-11-06T08:49:37Z");
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn a_refused_connection_never_left_and_a_reset_one_may_have() {
        let io = |kind: std::io::ErrorKind| ConnectorError::io(std::io::Error::from(kind).into());
        assert!(never_left(&io(std::io::ErrorKind::ConnectionRefused)));
        assert!(!never_left(&io(std::io::ErrorKind::ConnectionReset)));
        assert!(!never_left(&ConnectorError::timeout("late".into())));
    }
}
