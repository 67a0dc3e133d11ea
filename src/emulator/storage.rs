//! S3's way to the world: the same faults and the same record as for the other services.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};

use super::calls::Outcome;
use super::fault::{Kind, Strike};
use super::requests::{Ask, error};
use super::{Broken, Emulator, s3};

/// Reads what an S3 request is about, for faults and the record alone.
pub(crate) fn read(key: &str, request: &Request<Bytes>) -> Ask {
    let query = request.uri().query().unwrap_or_default();
    let (bucket, object) = place(request);
    let asks = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    let copied = request.headers().contains_key("x-amz-copy-source");
    let operation = match (request.method(), bucket.is_empty(), object.is_empty()) {
        (_, true, _) => "ListBuckets",
        (&Method::PUT, _, true) if asks("policy") => "PutBucketPolicy",
        (&Method::PUT, _, true) if asks("lifecycle") => "PutBucketLifecycleConfiguration",
        (&Method::PUT, _, true) => "CreateBucket",
        (&Method::HEAD, _, true) => "HeadBucket",
        (&Method::DELETE, _, true) => "DeleteBucket",
        (&Method::POST, _, true) => "DeleteObjects",
        (_, _, true) if asks("location") => "GetBucketLocation",
        (_, _, true) if asks("policy") => "GetBucketPolicy",
        (_, _, true) if asks("lifecycle") => "GetBucketLifecycleConfiguration",
        (_, _, true) if asks("list-type") => "ListObjectsV2",
        (_, _, true) => "ListObjects",
        (&Method::PUT, _, false) if copied => "CopyObject",
        (&Method::PUT, _, false) => "PutObject",
        (&Method::HEAD, _, false) => "HeadObject",
        (&Method::DELETE, _, false) => "DeleteObject",
        (_, _, false) => "GetObject",
    };
    let mut params = BTreeMap::new();
    for (name, value) in [("Bucket", bucket), ("Key", object)] {
        if !value.is_empty() {
            params.insert(name.to_owned(), value);
        }
    }
    if asks("continuation-token") {
        params.insert("continuation-token".to_owned(), "sent".to_owned());
    }
    Ask { service: "s3".to_owned(), operation: operation.to_owned(), key: key.to_owned(), params, json: None }
}

/// Bucket and key, in path style or with the bucket in the host.
fn place(request: &Request<Bytes>) -> (String, String) {
    let path = request.uri().path().trim_start_matches('/');
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().host()).unwrap_or_default();
    let in_host = host
        .split_once(".s3.")
        .or_else(|| host.split_once(".s3-"))
        .or_else(|| host.split_once(".localhost"))
        .map(|(bucket, _)| bucket);
    match in_host {
        Some(bucket) => (bucket.to_owned(), path.to_owned()),
        None => {
            let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
            (bucket.to_owned(), key.to_owned())
        }
    }
}

impl Emulator {
    /// Meets an S3 call: draws its faults, applies it where they let it pass, and records it.
    pub(crate) async fn handle_s3(
        &self,
        key: &str,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Broken> {
        let ask = read(key, &request);
        let (pause, strike) = {
            let mut inside = self.lock();
            let (slow, strike) = inside.world.draw(&ask);
            (inside.clock.real(slow), strike)
        };
        let answer = self.struck_s3(ask, strike, request).await;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        answer
    }

    async fn struck_s3(
        &self,
        ask: Ask,
        strike: Option<Strike>,
        request: Request<Bytes>,
    ) -> Result<Response<Bytes>, Broken> {
        let Some(Strike { kind, by, .. }) = strike else {
            return Ok(self.apply_s3(&ask, None, request).await);
        };
        match kind {
            Kind::Refused | Kind::Timeout => {
                self.lock().world.record(&ask, Outcome::Fault(kind), Some(kind), None);
                match kind {
                    Kind::Refused => Err(Broken::Refused),
                    _ => std::future::pending().await,
                }
            }
            Kind::Throttle
            | Kind::Unavailable
            | Kind::Denied
            | Kind::Expired
            | Kind::Signature
            | Kind::Page => {
                self.lock().world.record(&ask, Outcome::Fault(kind), Some(kind), None);
                Ok(refusal(kind))
            }
            Kind::Late => {
                let (emulator, pause) = (self.clone(), self.lock().clock.real(by));
                tokio::spawn(async move {
                    tokio::time::sleep(pause).await;
                    emulator.apply_s3(&ask, Some(kind), request).await;
                });
                std::future::pending().await
            }
            Kind::Twice => {
                let first = self.apply_s3(&ask, Some(kind), request.clone()).await;
                self.apply_s3(&ask, Some(kind), request).await;
                Ok(first)
            }
            Kind::Lost => {
                self.apply_s3(&ask, Some(kind), request).await;
                Err(Broken::Lost)
            }
            Kind::Broken => {
                self.apply_s3(&ask, Some(kind), request).await;
                Ok(refusal(kind))
            }
            Kind::Garbled => {
                let whole = self.apply_s3(&ask, Some(kind), request).await;
                Ok(whole.map(|body| body.slice(..body.len() / 2)))
            }
            _ => Ok(self.apply_s3(&ask, Some(kind), request).await),
        }
    }

    async fn apply_s3(&self, ask: &Ask, struck: Option<Kind>, request: Request<Bytes>) -> Response<Bytes> {
        let mut response = s3::respond(&self.inner.s3, request).await;
        let mut inside = self.lock();
        let outcome = match response.status() {
            status if status.is_client_error() || status.is_server_error() => {
                Outcome::Refused(code_of(response.body()).unwrap_or_else(|| status.as_u16().to_string()))
            }
            _ => Outcome::Applied,
        };
        inside.world.record(ask, outcome, struck, None);
        inside.world.revision += 1;
        if let Ok(date) = inside.world.http_date().parse() {
            response.headers_mut().insert(http::header::DATE, date);
        }
        response
    }
}

fn code_of(body: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split("<Code>").nth(1)?.split("</Code>").next()?;
    Some(code.to_owned())
}

/// S3 has an error document, and a code for throttling, of its own (API reference: "Error responses").
fn refusal(kind: Kind) -> Response<Bytes> {
    let refusal = error(kind);
    let (status, code) = match kind {
        Kind::Throttle => (503, "SlowDown"),
        Kind::Broken | Kind::Page => (500, "InternalError"),
        _ => (refusal.status, refusal.code.as_str()),
    };
    let body = format!("<Error><Code>{code}</Code><Message>{}</Message></Error>", refusal.message);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}
