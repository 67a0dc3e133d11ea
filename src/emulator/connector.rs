//! The front inside the process: an HTTP client for the SDK that hands requests straight to the world.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;

use super::{Broken, Emulator};

impl Emulator {
    /// An HTTP client for `aws-config` or a service's configuration. No socket is opened.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let other = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(error, None);
        let request = request.try_into_http1x().map_err(|error| other(error.into()))?;
        let (head, body) = request.into_parts();
        // The whole body first: nothing waits while it holds half a request.
        let body = body.collect().await.map_err(other)?.to_bytes();
        let answer = self.handle(http::Request::from_parts(head, body)).await;
        let answer = answer.map_err(|broken| ConnectorError::io(std::io::Error::from(broken).into()))?;
        let answer = answer.map(|body: Bytes| SdkBody::from(body));
        HttpResponse::try_from(answer).map_err(|error| other(error.into()))
    }
}

impl HttpClient for Emulator {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Emulator {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let emulator = self.clone();
        HttpConnectorFuture::new(async move { emulator.carry(request).await })
    }
}

impl From<Broken> for std::io::Error {
    fn from(broken: Broken) -> Self {
        let kind = match broken {
            Broken::Refused => std::io::ErrorKind::ConnectionRefused,
            Broken::Lost => std::io::ErrorKind::ConnectionReset,
        };
        Self::new(kind, broken)
    }
}
