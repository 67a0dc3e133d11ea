//! The wire to a server, on which things go wrong as told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;
use serde_json::{Value, json};

/// What happens to one call.
pub(super) enum Trouble {
    /// It is carried out, and its reply is lost.
    LoseReply,
    /// It is refused with this code.
    Refuse(&'static str),
    /// Nothing of a batch is processed, which the reply says.
    LeaveAll,
    /// Somebody else does something just before it arrives.
    After(BoxFuture<'static, ()>),
}

#[derive(Clone)]
pub(super) struct Wire {
    server: String,
    inner: SharedHttpClient,
    planned: Arc<Mutex<Vec<(&'static str, Trouble)>>>,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Wire {
    pub(super) fn to(endpoint: &str) -> Self {
        Self {
            server: endpoint.to_owned(),
            inner: aws_smithy_http_client::Builder::new().build_http(),
            planned: Arc::default(),
            calls: Arc::default(),
        }
    }

    /// Troubles the next call of this operation that is not troubled yet.
    pub(super) fn trouble(&self, operation: &'static str, trouble: Trouble) {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).push((operation, trouble));
    }

    /// Whether everything that was planned has happened.
    pub(super) fn is_calm(&self) -> bool {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// How often this operation was called.
    pub(super) fn calls(&self, operation: &str) -> usize {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).get(operation).copied().unwrap_or(0)
    }

    fn next(&self, operation: &str) -> Option<Trouble> {
        *self
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(operation.to_owned())
            .or_default() += 1;
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let at = planned.iter().position(|(of, _)| *of == operation)?;
        Some(planned.remove(at).1)
    }
}

impl HttpClient for Wire {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Connected { wire: self.clone(), inner })
    }
}

#[derive(Debug)]
struct Connected {
    wire: Wire,
    inner: SharedHttpConnector,
}

impl HttpConnector for Connected {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let trouble = self.wire.next(&operation);
        let body = request.body().bytes().unwrap_or_default().to_vec();
        request.set_uri(self.wire.server.as_str()).expect("an endpoint is a URI");
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            match trouble {
                None => inner.call(request).await,
                Some(Trouble::After(first)) => {
                    first.await;
                    inner.call(request).await
                }
                Some(Trouble::LoseReply) => {
                    inner.call(request).await?;
                    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
                    Err(ConnectorError::io(reset.into()))
                }
                Some(Trouble::Refuse(code)) => {
                    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
                    let status = if code == "InternalServerError" { 500 } else { 400 };
                    Ok(reply(status, &json!({"__type": kind, "message": "as the test wants it"})))
                }
                Some(Trouble::LeaveAll) => {
                    let asked: Value = serde_json::from_slice(&body).expect("a request is JSON");
                    let items = &asked["RequestItems"];
                    Ok(reply(
                        200,
                        &json!({"Responses": {}, "UnprocessedKeys": items, "UnprocessedItems": items}),
                    ))
                }
            }
        })
    }
}

fn reply(status: u16, body: &Value) -> HttpResponse {
    let mut response =
        HttpResponse::new(StatusCode::try_from(status).expect("a status"), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}
