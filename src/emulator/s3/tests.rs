use std::sync::{Arc, Mutex};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, ChecksumAlgorithm, CreateBucketConfiguration,
    Delete, ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, ObjectIdentifier,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt;
use jiff::Timestamp;

use super::{Handle, Objects, Service, respond, service};

const ACCOUNT: &str = "123456789012";
const BUCKET: &str = "bundles";

fn start() -> Timestamp {
    "2025-03-01T00:00:00Z".parse().unwrap()
}

/// Hands requests of the real client to the service, without a socket.
#[derive(Clone)]
struct Connector(Arc<Service>);

impl std::fmt::Debug for Connector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = self.0.clone();
        HttpConnectorFuture::new(async move {
            let (parts, body) = request.try_into_http1x().unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let response = respond(&service, http::Request::from_parts(parts, body)).await;
            Ok(HttpResponse::try_from(response.map(SdkBody::from)).unwrap())
        })
    }
}

struct Given {
    objects: Handle,
    service: Arc<Service>,
}

impl Given {
    /// A region with one bucket, made at the start of time.
    fn bucket() -> Self {
        let given = Self::region("eu-central-1");
        given.objects.lock().unwrap().create_bucket(BUCKET, Some("eu-central-1"), start()).unwrap();
        given
    }

    fn region(region: &str) -> Self {
        let objects = Arc::new(Mutex::new(Objects::new(ACCOUNT, region)));
        let service = Arc::new(service(objects.clone(), start));
        Self { objects, service }
    }

    fn client(&self, path_style: bool) -> Client {
        let connector = Connector(self.service.clone());
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(Credentials::for_tests())
            .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone())))
            .force_path_style(path_style);
        Client::from_conf(config.build())
    }

    async fn raw(&self, request: http::request::Builder, body: &'static [u8]) -> http::Response<Bytes> {
        respond(&self.service, request.body(Bytes::from_static(body)).unwrap()).await
    }

    fn content(&self, key: &str) -> Option<Bytes> {
        self.objects.lock().unwrap().get(BUCKET, key)
    }
}

fn code<E: ProvideErrorMetadata, T: std::fmt::Debug>(result: Result<T, SdkError<E>>) -> (u16, String) {
    let SdkError::ServiceError(refused) = result.map(|_| ()).unwrap_err() else { panic!("no answer") };
    (refused.raw().status().as_u16(), refused.err().code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_is_put_is_read_back_in_both_styles() {
    let given = Given::bucket();
    for (path_style, key) in [(true, "app/ä b+c.zip"), (false, "app/2.zip")] {
        let client = given.client(path_style);
        let put = client.put_object().bucket(BUCKET).key(key).body(ByteStream::from_static(b"bundle"));
        let put = put.metadata("kind", "bundle").send().await.unwrap();
        assert_eq!(given.content(key), Some(Bytes::from_static(b"bundle")));
        let got = client.get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(got.e_tag(), put.e_tag());
        assert_eq!(got.last_modified().unwrap().secs(), start().as_second());
        assert_eq!(got.metadata().unwrap()["kind"], "bundle");
        assert_eq!(got.body.collect().await.unwrap().to_vec(), b"bundle");
        let head = client.head_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(head.content_length(), Some(6));
    }
}

#[tokio::test]
async fn an_entity_tag_is_the_md5_of_the_content() {
    let given = Given::bucket();
    let client = given.client(true);
    let put =
        client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"")).send().await.unwrap();
    assert_eq!(put.e_tag(), Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
    assert_eq!(given.objects.lock().unwrap().etag(BUCKET, "k"), Some("d41d8cd98f00b204e9800998ecf8427e"));
}

#[tokio::test]
async fn chunked_bodies_with_trailers_are_decoded() {
    let given = Given::bucket();
    let request = http::Request::put(format!("/{BUCKET}/k"))
        .header("host", "localhost:1")
        .header("content-encoding", "aws-chunked,gzip")
        .header("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
        .header("x-amz-decoded-content-length", "11")
        .header("x-amz-trailer", "x-amz-checksum-crc32");
    let body = b"6;chunk-signature=00\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    assert_eq!(given.raw(request, body).await.status(), 200);
    assert_eq!(given.content("k"), Some(Bytes::from_static(b"hello world")));
}

#[tokio::test]
async fn the_client_streams_with_a_trailing_checksum_of_each_kind() {
    let given = Given::bucket();
    let client = given.client(true);
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 200_000]).unwrap();
        let body = ByteStream::from_path(file.path()).await.unwrap();
        let put =
            client.put_object().bucket(BUCKET).key("k").body(body).checksum_algorithm(algorithm.clone());
        put.send().await.unwrap_or_else(|error| panic!("{algorithm}: {error:?}"));
        assert_eq!(given.content("k"), Some(Bytes::from(vec![7; 200_000])));
        // The client compares what it reads with the checksum that comes along.
        let got = client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec().len(), 200_000);
    }
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_checksum_is_refused() {
    let given = Given::bucket();
    let client = given.client(true);
    let put = || client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"bundle"));
    assert_eq!(code(put().checksum_crc32("AAAAAA==").send().await), (400, "BadDigest".into()));
    assert_eq!(code(put().content_md5("1B2M2Y8AsgTpgAmY7PhCfg==").send().await), (400, "BadDigest".into()));
    let hashed = http::Request::put(format!("/{BUCKET}/k")).header("host", "localhost:1");
    let hashed = hashed.header("x-amz-content-sha256", "0".repeat(64));
    let refused = given.raw(hashed, b"bundle").await;
    assert_eq!(refused.status(), 400);
    assert!(String::from_utf8_lossy(refused.body()).contains("XAmzContentSHA256Mismatch"));
    let cut = http::Request::put(format!("/{BUCKET}/k")).header("host", "localhost:1");
    let cut = cut.header("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert_eq!(given.raw(cut, b"20;chunk-signature=00\r\nhello").await.status(), 400);
    assert_eq!(given.content("k"), None);
}

#[tokio::test]
async fn an_object_is_not_overwritten_where_none_may_match() {
    let given = Given::bucket();
    let client = given.client(true);
    let put = |content: &'static [u8]| {
        client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(content)).if_none_match("*")
    };
    put(b"first").send().await.unwrap();
    assert_eq!(code(put(b"second").send().await), (412, "PreconditionFailed".into()));
    assert_eq!(given.content("k"), Some(Bytes::from_static(b"first")));
}

#[tokio::test]
async fn an_unexpected_owner_is_denied() {
    let given = Given::bucket();
    given.objects.lock().unwrap().create_foreign_bucket("squatted", "999999999999", "eu-central-1", start());
    let client = given.client(true);
    let put = |bucket: &str| client.put_object().bucket(bucket).key("k").expected_bucket_owner(ACCOUNT);
    put(BUCKET).send().await.unwrap();
    assert_eq!(code(put("squatted").send().await), (403, "AccessDenied".into()));
    assert!(!given.objects.lock().unwrap().exists("squatted", "k"));
    let head = client.head_bucket().bucket("squatted").expected_bucket_owner(ACCOUNT).send().await;
    assert_eq!(code(head).0, 403);
}

#[tokio::test]
async fn what_is_missing_is_told_apart() {
    let given = Given::bucket();
    let client = given.client(true);
    assert_eq!(
        code(client.get_object().bucket("nowhere").key("k").send().await),
        (404, "NoSuchBucket".into())
    );
    assert_eq!(code(client.get_object().bucket(BUCKET).key("k").send().await), (404, "NoSuchKey".into()));
    let head = client.head_object().bucket(BUCKET).key("k").send().await;
    assert!(head.unwrap_err().into_service_error().is_not_found());
    assert!(
        client.head_bucket().bucket("nowhere").send().await.unwrap_err().into_service_error().is_not_found()
    );
    let raw = given.raw(http::Request::head("/nowhere").header("host", "localhost:1"), b"").await;
    assert_eq!((raw.status().as_u16(), raw.body().len()), (404, 0));
    client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
}

#[tokio::test]
async fn buckets_are_made_where_the_endpoint_is() {
    let given = Given::region("eu-central-1");
    let client = given.client(true);
    let create = |constraint: Option<&str>| {
        let configuration = constraint.map(|region| {
            CreateBucketConfiguration::builder()
                .location_constraint(BucketLocationConstraint::from(region))
                .build()
        });
        client.create_bucket().bucket(BUCKET).set_create_bucket_configuration(configuration).send()
    };
    assert_eq!(code(create(None).await), (400, "IllegalLocationConstraintException".into()));
    assert_eq!(code(create(Some("us-west-2")).await), (400, "IllegalLocationConstraintException".into()));
    assert_eq!(code(create(Some("us-east-1")).await), (400, "InvalidLocationConstraint".into()));
    create(Some("eu-central-1")).await.unwrap();
    assert_eq!(code(create(Some("eu-central-1")).await), (409, "BucketAlreadyOwnedByYou".into()));
    let location = client.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    assert_eq!(location.location_constraint().unwrap().as_str(), "eu-central-1");
    let listed = client.list_buckets().send().await.unwrap();
    assert_eq!(listed.buckets()[0].name(), Some(BUCKET));
}

#[test]
fn the_oldest_region_wants_no_constraint() {
    let mut objects = Objects::new(ACCOUNT, "us-east-1");
    objects.create_bucket(BUCKET, None, start()).unwrap();
    objects.create_bucket(BUCKET, None, start()).unwrap();
    objects.create_foreign_bucket("squatted", "999999999999", "us-east-1", start());
    assert_eq!(
        objects.create_bucket("squatted", None, start()).unwrap_err().code().as_str(),
        "BucketAlreadyExists"
    );
}

#[tokio::test]
async fn a_bucket_goes_only_when_empty_and_allowed() {
    let given = Given::bucket();
    let storage = given.objects.lock().unwrap().create_storage_bucket(start());
    assert_eq!(storage, "elasticbeanstalk-eu-central-1-123456789012");
    let client = given.client(true);
    assert_eq!(code(client.delete_bucket().bucket(&storage).send().await), (403, "AccessDenied".into()));
    given.objects.lock().unwrap().put(BUCKET, "k", "x", start());
    assert_eq!(code(client.delete_bucket().bucket(BUCKET).send().await), (409, "BucketNotEmpty".into()));
    client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    client.delete_bucket().bucket(BUCKET).send().await.unwrap();
    assert!(!given.objects.lock().unwrap().has_bucket(BUCKET));
}

#[tokio::test]
async fn listings_come_in_pages_and_folders() {
    let given = Given::bucket();
    for key in ["a/1", "a/2", "b/1", "c", "d"] {
        given.objects.lock().unwrap().put(BUCKET, key, "x", start());
    }
    let client = given.client(true);
    let mut pages = client.list_objects_v2().bucket(BUCKET).max_keys(2).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.push(
            page.unwrap().contents().iter().map(|entry| entry.key().unwrap().to_owned()).collect::<Vec<_>>(),
        );
    }
    assert_eq!(keys, [vec!["a/1", "a/2"], vec!["b/1", "c"], vec!["d"]]);
    let folders = client.list_objects_v2().bucket(BUCKET).delimiter("/").max_keys(3).send().await.unwrap();
    let prefixes: Vec<_> = folders.common_prefixes().iter().map(|common| common.prefix().unwrap()).collect();
    assert_eq!((prefixes, folders.contents()[0].key()), (vec!["a/", "b/"], Some("c")));
    assert_eq!((folders.is_truncated(), folders.key_count()), (Some(true), Some(3)));
    let old = client.list_objects().bucket(BUCKET).prefix("a/").marker("a/1").send().await.unwrap();
    assert_eq!(old.contents().len(), 1);
}

#[tokio::test]
async fn several_objects_go_in_one_request() {
    let given = Given::bucket();
    given.objects.lock().unwrap().put(BUCKET, "a", "x", start());
    let id = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = Delete::builder().objects(id("a")).objects(id("never-there")).build().unwrap();
    let client = given.client(true);
    let gone = client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!(gone.deleted().len(), 2);
    assert!(given.objects.lock().unwrap().keys(BUCKET).is_empty());
}

#[tokio::test]
async fn copies_are_objects_of_their_own() {
    let given = Given::bucket();
    given.objects.lock().unwrap().put(BUCKET, "a", "content", start());
    let client = given.client(true);
    let copy =
        |from: &str| client.copy_object().bucket(BUCKET).key("b").copy_source(format!("{BUCKET}/{from}"));
    assert_eq!(code(copy("missing").send().await), (404, "NoSuchKey".into()));
    copy("a").send().await.unwrap();
    given.objects.lock().unwrap().remove(BUCKET, "a");
    assert_eq!(given.content("b"), Some(Bytes::from_static(b"content")));
}

#[tokio::test]
async fn a_part_of_an_object_can_be_read() {
    let given = Given::bucket();
    given.objects.lock().unwrap().put(BUCKET, "k", "0123456789", start());
    let client = given.client(true);
    let get = |range: &str| client.get_object().bucket(BUCKET).key("k").range(range).send();
    let part = get("bytes=2-4").await.unwrap();
    assert_eq!(part.content_range(), Some("bytes 2-4/10"));
    assert_eq!(part.body.collect().await.unwrap().to_vec(), b"234");
    assert_eq!(code(get("bytes=10-").await), (416, "InvalidRange".into()));
}

#[tokio::test]
async fn policies_and_lifecycles_of_buckets_are_kept() {
    let given = Given::bucket();
    let client = given.client(true);
    assert_eq!(
        code(client.get_bucket_policy().bucket(BUCKET).send().await),
        (404, "NoSuchBucketPolicy".into())
    );
    client.put_bucket_policy().bucket(BUCKET).policy("{}").send().await.unwrap();
    assert_eq!(client.get_bucket_policy().bucket(BUCKET).send().await.unwrap().policy(), Some("{}"));
    let get = || client.get_bucket_lifecycle_configuration().bucket(BUCKET).send();
    assert_eq!(code(get().await), (404, "NoSuchLifecycleConfiguration".into()));
    let rule = LifecycleRule::builder()
        .id("old")
        .filter(LifecycleRuleFilter::builder().prefix("bundles/").build())
        .expiration(LifecycleExpiration::builder().days(90).build())
        .status(ExpirationStatus::Enabled);
    let rules = BucketLifecycleConfiguration::builder().rules(rule.build().unwrap()).build().unwrap();
    let put = client.put_bucket_lifecycle_configuration().bucket(BUCKET).lifecycle_configuration(rules);
    put.send().await.unwrap();
    let kept = get().await.unwrap();
    assert_eq!(kept.rules()[0].expiration().unwrap().days(), Some(90));
}

#[tokio::test]
async fn a_presigned_link_is_an_ordinary_read() {
    let given = Given::bucket();
    given.objects.lock().unwrap().put(BUCKET, "k", "content", start());
    let link = format!("/{BUCKET}/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&x-id=GetObject&X-Amz-Signature=00");
    let answer = given.raw(http::Request::get(link).header("host", "localhost:1"), b"").await;
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, b"content".as_slice()));
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let given = Given::bucket();
    let upload = given.client(true).create_multipart_upload().bucket(BUCKET).key("k").send().await;
    assert_eq!(code(upload), (501, "NotImplemented".into()));
}

#[test]
fn the_state_file_keeps_everything() {
    let mut objects = Objects::new(ACCOUNT, "eu-central-1");
    let bucket = objects.create_storage_bucket(start());
    objects.put(&bucket, "k", vec![0, 159, 146, 150], start());
    let text = serde_json::to_string(&objects).unwrap();
    let again: Objects = serde_json::from_str(&text).unwrap();
    assert_eq!(again.get(&bucket, "k"), objects.get(&bucket, "k"));
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}
