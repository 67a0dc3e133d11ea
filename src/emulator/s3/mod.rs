//! Buckets and objects: where application versions keep their bundles.
//!
//! [`Objects`] is plain state; [`service`] and [`respond`] put the S3 protocol
//! in front of it by way of `s3s`. Signatures are not verified, so that any
//! secret will do: what a signature would carry of the body (its hash, its
//! chunks and their trailers) is decoded and checked in `intake` before the
//! request goes on without its authorization.

mod intake;
mod operations;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use http_body_util::BodyExt;
use jiff::Timestamp;
use s3s::crypto::{Checksum, Crc64Nvme, Md5};
use s3s::dto;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use serde::{Deserialize, Serialize};

/// The objects as the protocol front and the world share them. The lock is
/// never held across an await; whoever holds the world's lock may take it.
pub type Handle = Arc<Mutex<Objects>>;

/// Every bucket that one region knows, with what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Objects {
    account: String,
    region: String,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bucket {
    owner: String,
    region: String,
    created: Timestamp,
    objects: BTreeMap<String, Object>,
    policy: Option<String>,
    lifecycle: Option<dto::BucketLifecycleConfiguration>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Object {
    #[serde(with = "base64")]
    body: Bytes,
    etag: String,
    modified: Timestamp,
    content_type: Option<String>,
    metadata: BTreeMap<String, String>,
    checksum: Sum,
}

/// The checksum that an object was stored with, in base64.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
enum Sum {
    Crc32(String),
    Crc32c(String),
    Crc64Nvme(String),
    Sha1(String),
    Sha256(String),
}

impl Objects {
    /// No buckets yet. `account` owns those that will be made through the API.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into(), buckets: BTreeMap::new() }
    }

    /// Whether the object is there now. Reads after writes are consistent.
    pub fn exists(&self, bucket: &str, key: &str) -> bool {
        self.object(bucket, key).is_some()
    }

    /// Whether the bucket is there, whoever owns it.
    pub fn has_bucket(&self, bucket: &str) -> bool {
        self.buckets.contains_key(bucket)
    }

    /// The region that a bucket lies in; Beanstalk takes bundles from its own only.
    pub fn region_of(&self, bucket: &str) -> Option<&str> {
        Some(&self.buckets.get(bucket)?.region)
    }

    /// The object's content as it is now.
    pub fn get(&self, bucket: &str, key: &str) -> Option<Bytes> {
        Some(self.object(bucket, key)?.body.clone())
    }

    /// The object's entity tag, the MD5 of its content in hexadecimal, without quotes.
    pub fn etag(&self, bucket: &str, key: &str) -> Option<&str> {
        Some(&self.object(bucket, key)?.etag)
    }

    /// All keys of a bucket in order; empty where there is no such bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.buckets.get(bucket).map(|found| found.objects.keys().cloned().collect()).unwrap_or_default()
    }

    /// Puts an object without going through the protocol, replacing what was there.
    ///
    /// Answers whether it could be stored: not where the bucket is missing.
    pub fn put(&mut self, bucket: &str, key: &str, body: impl Into<Bytes>, now: Timestamp) -> bool {
        let Some(found) = self.buckets.get_mut(bucket) else { return false };
        found.objects.insert(key.to_owned(), Object::new(body.into(), now));
        true
    }

    /// Takes an object away behind everyone's back; answers whether it was there.
    pub fn remove(&mut self, bucket: &str, key: &str) -> bool {
        self.buckets.get_mut(bucket).is_some_and(|found| found.objects.remove(key).is_some())
    }

    /// Makes the bucket that Beanstalk's CreateStorageLocation answers, and
    /// says its name: `elasticbeanstalk-<region>-<account>`. Its policy forbids
    /// deleting it, as Beanstalk's does. Safe to repeat.
    pub fn create_storage_bucket(&mut self, now: Timestamp) -> String {
        let name = format!("elasticbeanstalk-{}-{}", self.region, self.account);
        if !self.has_bucket(&name) {
            let mut bucket = Bucket::new(self.account.clone(), self.region.clone(), now);
            let policy = serde_json::json!({
                "Version": "2008-10-17",
                "Statement": [{
                    "Sid": "eb-58950a8c-feb6-11e2-89e0-0800277d041b",
                    "Effect": "Deny",
                    "Principal": {"AWS": "*"},
                    "Action": "s3:DeleteBucket",
                    "Resource": format!("arn:aws:s3:::{name}"),
                }],
            });
            bucket.policy = Some(policy.to_string());
            self.buckets.insert(name.clone(), bucket);
        }
        name
    }

    /// Makes a bucket that belongs to somebody else, as when a name was taken
    /// by a stranger. It can be read and written, except by calls that say
    /// whom they expect to own it.
    pub fn create_foreign_bucket(&mut self, name: &str, owner: &str, region: &str, now: Timestamp) {
        self.buckets.insert(name.to_owned(), Bucket::new(owner.to_owned(), region.to_owned(), now));
    }

    fn object(&self, bucket: &str, key: &str) -> Option<&Object> {
        self.buckets.get(bucket)?.objects.get(key)
    }
}

impl Bucket {
    fn new(owner: String, region: String, created: Timestamp) -> Self {
        Self { owner, region, created, objects: BTreeMap::new(), policy: None, lifecycle: None }
    }

    /// Whether a policy statement forbids everyone to delete the bucket.
    fn is_delete_denied(&self) -> bool {
        let policy =
            self.policy.as_deref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        let Some(policy) = policy else { return false };
        let statements = policy["Statement"].as_array().into_iter().flatten();
        let names = |action: &serde_json::Value| action.as_str() == Some("s3:DeleteBucket");
        statements.filter(|statement| statement["Effect"] == "Deny").any(|statement| {
            let actions = &statement["Action"];
            names(actions) || actions.as_array().is_some_and(|actions| actions.iter().any(names))
        })
    }
}

impl Object {
    fn new(body: Bytes, modified: Timestamp) -> Self {
        Self {
            etag: HEXLOWER.encode(&Md5::checksum(&body)),
            checksum: Sum::Crc64Nvme(BASE64.encode(&Crc64Nvme::checksum(&body))),
            body,
            modified,
            content_type: None,
            metadata: BTreeMap::new(),
        }
    }
}

/// The S3 protocol in front of [`Objects`].
pub struct Service {
    inner: S3Service,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

/// What time it is in the world while one request is answered.
#[derive(Clone, Copy)]
struct Moment(Timestamp);

/// Puts the protocol in front of shared objects. `now` tells the world's time,
/// from which `Last-Modified` comes; it is asked once per request, before the
/// objects are locked.
pub fn service(objects: Handle, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Service {
    let mut builder = S3ServiceBuilder::new(operations::Front::new(objects));
    builder.set_host(BucketInHost);
    Service { inner: builder.build(), now: Box::new(now) }
}

/// Answers one S3 request. Path style and bucket-in-host style both work, with
/// any credentials or none; bodies in `aws-chunked` form are decoded and the
/// checksums that they bring are compared.
pub async fn respond(service: &Service, request: http::Request<Bytes>) -> http::Response<Bytes> {
    let head = request.method() == http::Method::HEAD;
    let request = match intake::admit(request) {
        Ok(request) => request,
        Err(error) => return collect(error.to_http_response(), head).await,
    };
    let mut request = request.map(s3s::Body::from);
    request.extensions_mut().insert(Moment((service.now)()));
    match service.inner.call(request).await {
        Ok(response) => collect(Ok(response), head).await,
        Err(_) => plain_failure(),
    }
}

/// Drains the body. The answer to HEAD has none, also when it tells an error.
async fn collect(response: s3s::S3Result<s3s::HttpResponse>, head: bool) -> http::Response<Bytes> {
    let Ok(response) = response else { return plain_failure() };
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return plain_failure() };
    if head {
        if !parts.status.is_success() {
            parts.headers.remove(http::header::CONTENT_LENGTH);
        }
        return http::Response::from_parts(parts, Bytes::new());
    }
    http::Response::from_parts(parts, body.to_bytes())
}

fn plain_failure() -> http::Response<Bytes> {
    let mut response = http::Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// Finds the bucket in host names such as `bucket.s3.eu-central-1.amazonaws.com`
/// and `bucket.localhost`; any other host means that the path names it.
struct BucketInHost;

impl S3Host for BucketInHost {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> s3s::S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
        let labels: Vec<&str> = name.split('.').collect();
        let service = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"));
        let at = service.or_else(|| labels.iter().rposition(|label| *label == "localhost"));
        Ok(match at {
            Some(at @ 1..) => VirtualHost::new(labels[at..].join(".")).with_bucket(labels[..at].join(".")),
            _ => VirtualHost::new(name),
        })
    }
}

/// Object bodies in the state file.
mod base64 {
    use bytes::Bytes;
    use data_encoding::BASE64;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(body))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map(Bytes::from).map_err(D::Error::custom)
    }
}
