//! The registry as the real client sees it.

use std::sync::{Arc, Mutex};

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier, ImageTagMutability};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;

use super::*;

#[derive(Clone, Debug)]
struct Connector(Arc<Mutex<Registry>>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let (status, body) = match self.0.lock().unwrap().call(&operation, &body, start()) {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, json!({"__type": refusal.code, "message": refusal.message})),
        };
        let response =
            http::Response::builder().status(status).body(SdkBody::from(body.to_string())).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
    }
}

fn client() -> Client {
    let connector = Connector(Arc::new(Mutex::new(Registry::new(ACCOUNT, "eu-central-1"))));
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::for_tests())
        .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone())));
    Client::from_conf(config.build())
}

fn tag(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

/// Uploads a layer and answers its digest.
async fn push(client: &Client, content: &[u8]) -> String {
    let begun = client.initiate_layer_upload().repository_name("shop").send().await.unwrap();
    let upload = begun.upload_id().unwrap();
    let part = client.upload_layer_part().repository_name("shop").upload_id(upload);
    let part = part.part_first_byte(0).part_last_byte(content.len() as i64 - 1);
    let sent = part.layer_part_blob(content.to_vec().into()).send().await.unwrap();
    assert_eq!(sent.last_byte_received(), Some(content.len() as i64 - 1));
    let ended = client.complete_layer_upload().repository_name("shop").upload_id(upload);
    let ended = ended.layer_digests(digest_of(content)).send().await.unwrap();
    ended.layer_digest().unwrap().to_owned()
}

#[tokio::test]
async fn a_life_of_an_image_reads_right() {
    let client = client();
    let made = client.create_repository().repository_name("shop").send().await.unwrap();
    let repository = made.repository().unwrap();
    assert_eq!(repository.image_tag_mutability(), Some(&ImageTagMutability::Mutable));
    assert_eq!(repository.created_at().unwrap().secs(), start().as_second());

    for part in ["{}".to_owned(), layer("one")] {
        push(&client, part.as_bytes()).await;
    }
    let put = client.put_image().repository_name("shop").image_manifest(manifest("one")).image_tag("v1");
    let image = put.send().await.unwrap().image.unwrap();
    let digest = image.image_id().unwrap().image_digest().unwrap().to_owned();

    let got = client.batch_get_image().repository_name("shop").image_ids(tag("v1")).image_ids(tag("v2"));
    let got = got.accepted_media_types("application/vnd.oci.image.manifest.v1+json").send().await.unwrap();
    assert_eq!(got.images()[0].image_id().unwrap().image_digest(), Some(digest.as_str()));
    assert_eq!(got.failures()[0].failure_code(), Some(&ImageFailureCode::ImageNotFound));

    let seen = client.describe_images().repository_name("shop").into_paginator().items().send();
    let seen: Vec<_> = seen.collect::<Result<_, _>>().await.unwrap();
    assert_eq!(seen[0].image_tags(), ["v1"]);
    assert_eq!(seen[0].image_pushed_at().unwrap().secs(), start().as_second());

    let gone = client.batch_delete_image().repository_name("shop").image_ids(tag("v1")).send().await.unwrap();
    assert_eq!(gone.image_ids()[0].image_digest(), Some(digest.as_str()));
    let listed = client.list_images().repository_name("shop").send().await.unwrap();
    assert!(listed.image_ids().is_empty());
}

#[tokio::test]
async fn refusals_are_of_the_clients_own_types() {
    let client = client();
    let missing = client.list_images().repository_name("shop").send().await.unwrap_err().into_service_error();
    assert!(missing.is_repository_not_found_exception());
    client.create_repository().repository_name("shop").send().await.unwrap();
    let again =
        client.create_repository().repository_name("shop").send().await.unwrap_err().into_service_error();
    assert!(again.is_repository_already_exists_exception());
    let image = client.describe_images().repository_name("shop").image_ids(tag("v1")).send().await;
    assert!(image.unwrap_err().into_service_error().is_image_not_found_exception());
    let policy = client.get_lifecycle_policy().repository_name("shop").send().await;
    assert!(policy.unwrap_err().into_service_error().is_lifecycle_policy_not_found_exception());
    let image = client.put_image().repository_name("shop").image_manifest(manifest("one")).send().await;
    assert!(image.unwrap_err().into_service_error().is_layers_not_found_exception());
    let ended = client.complete_layer_upload().repository_name("shop").upload_id("u");
    let ended = ended.layer_digests(digest_of("x")).send().await;
    assert!(ended.unwrap_err().into_service_error().is_upload_not_found_exception());
    let unknown = client.describe_registry().send().await.unwrap_err().into_service_error();
    assert_eq!(unknown.code(), Some("InvalidAction"));
}

#[tokio::test]
async fn the_way_in_can_be_read() {
    let token = client().get_authorization_token().send().await.unwrap();
    let data = &token.authorization_data()[0];
    assert_eq!(data.expires_at().unwrap().secs(), start().as_second() + 12 * 3600);
    assert!(data.authorization_token().is_some());
}
