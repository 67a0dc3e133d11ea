//! Versions, their objects and the images that they name, through three SDK clients on one world.

use std::io::Write;

use super::*;
use crate::emulator::Fault;
use crate::emulator::Kind;

/// A zip with one Dockerrun file that names an image.
fn bundle(image: &str) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    archive.start_file("Dockerrun.aws.json", options).expect("an entry");
    let text = format!(r#"{{"AWSEBDockerrunVersion":"1","Image":{{"Name":"{image}"}}}}"#);
    archive.write_all(text.as_bytes()).expect("written");
    archive.finish().expect("a zip").into_inner()
}

fn s3(emulator: &Emulator) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(aws_sdk_s3::config::Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(emulator.http_client())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

impl Rig {
    /// Uploads a bundle that names an image and makes a version of it.
    async fn bundled(&self, label: &str, image: &str) -> String {
        let made = self.aws.create_storage_location().send().await.expect("a bucket");
        let (bucket, key) = (made.s3_bucket.expect("its name"), format!("{label}.zip"));
        let put = s3(&self.emulator).put_object().bucket(&bucket).key(&key).body(bundle(image).into());
        put.send().await.expect("an object");
        let place = location(&bucket, &key);
        let version = self.aws.create_application_version().application_name("shop").version_label(label);
        version.source_bundle(place).send().await.expect("a version");
        bucket
    }
}

fn location(bucket: &str, key: &str) -> aws_sdk_elasticbeanstalk::types::S3Location {
    aws_sdk_elasticbeanstalk::types::S3Location::builder().s3_bucket(bucket).s3_key(key).build()
}

#[tokio::test(start_paused = true)]
async fn a_version_needs_its_object_when_it_is_made() {
    let rig = Rig::new().await;
    let made = rig.aws.create_application_version().application_name("shop").version_label("v2");
    let refused = made.source_bundle(location("nowhere", "a.zip")).send().await;
    let message = "Unable to download from S3 location (Bucket: nowhere  Key: a.zip). Reason: Not Found";
    assert_eq!(refusal(refused), ("InvalidParameterCombination".to_owned(), message.to_owned()));
    rig.emulator.with(|world| {
        let now = world.now();
        world.with_objects(|objects| objects.create_foreign_bucket("far", "1", "us-east-1", now));
    });
    let made = rig.aws.create_application_version().application_name("shop").version_label("v2");
    let refused = made.source_bundle(location("far", "a.zip")).send().await;
    assert_eq!(refusal(refused).0, "S3LocationNotInServiceRegionException");
}

#[tokio::test(start_paused = true)]
async fn labels_are_unique_and_their_status_is_in_upper_case() {
    let rig = Rig::new().await;
    let again =
        rig.aws.create_application_version().application_name("shop").version_label("v1").send().await;
    assert_eq!(refusal(again).1, "Application Version v1 already exists.");
    rig.later(1).await;
    let made =
        rig.aws.create_application_version().application_name("shop").version_label("v2").process(true);
    made.send().await.expect("a version");
    rig.later(10).await;
    let listed = rig.aws.describe_application_versions().application_name("shop").send().await;
    let listed = listed.expect("a listing");
    let seen: Vec<_> = listed
        .application_versions()
        .iter()
        .map(|version| {
            (version.version_label().unwrap_or(""), version.status().map_or("", |status| status.as_str()))
        })
        .collect();
    assert_eq!(seen, [("v2", "PROCESSED"), ("v1", "UNPROCESSED")], "the newest first");
    rig.emulator.with(|world| world.quotas.versions = 2);
    let full = rig.aws.create_application_version().application_name("shop").version_label("v3").send().await;
    assert_eq!(refusal(full).0, "TooManyApplicationVersionsException");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_fails_its_validation_cannot_be_deployed() {
    let rig = Rig::new().await;
    let bucket = rig.bundled("v2", "nginx").await;
    s3(&rig.emulator)
        .put_object()
        .bucket(&bucket)
        .key("x")
        .body(b"no zip".to_vec().into())
        .send()
        .await
        .expect("put");
    let make = |label: &str| {
        let call = rig.aws.create_application_version().application_name("shop").version_label(label);
        call.source_bundle(location(&bucket, "x")).process(true).send()
    };
    make("v3").await.expect("an accepted version");
    rig.later(10).await;
    let refused = rig.create("f-login").version_label("v3").send().await;
    assert_eq!(refusal(refused).0, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn an_environment_answers_at_its_address_with_what_is_deployed() {
    let host = "127.0.0.1:4000".parse().ok();
    let rig = Rig::with(Settings { host, ..Settings::default() }).await;
    rig.bundled("v2", "nginx:1.27").await;
    let variable = setting("aws:elasticbeanstalk:application:environment", "SPROUT_FEATURE", "feature/login");
    let call = rig.create("f-login").cname_prefix("login-x1").version_label("v2").option_settings(variable);
    let id = call.send().await.expect("made").environment_id.expect("an id");
    let visit = async |host: &str| {
        let request = http::Request::get("/").header("host", host).header("accept", "application/json");
        let answer = rig.emulator.handle(request.body(bytes::Bytes::new()).expect("a request")).await;
        let answer = answer.expect("an answer");
        let facts: serde_json::Value = serde_json::from_slice(answer.body()).expect("JSON");
        (answer.status().as_u16(), facts)
    };
    assert_eq!(visit("login-x1.localhost:4000").await.0, 503, "still Launching");
    rig.later(LAUNCH + 10).await;
    let shown = rig.one(&id).await;
    let address = shown.cname.expect("a CNAME");
    assert_eq!(
        (address.as_str(), shown.endpoint_url.as_deref()),
        ("login-x1.localhost:4000", Some(address.as_str()))
    );
    let (status, facts) = visit(&address).await;
    assert_eq!((status, facts["feature"].as_str()), (200, Some("feature/login")));
    assert_eq!(
        (facts["version"].as_str(), facts["images"][0]["tags"][0].as_str()),
        (Some("v2"), Some("1.27"))
    );
    rig.emulator.control("health f-login Red");
    assert_eq!(visit(&address).await.0, 503);
    assert_eq!(visit("nobody.localhost:4000").await.0, 404);
}

#[tokio::test]
async fn with_ports_each_environment_shows_one_of_its_own() {
    let rig = Rig::with(Settings { launch: Duration::ZERO, ..Settings::default() }).await;
    rig.emulator.open_ports();
    let id = rig.create("f-login").send().await.expect("made").environment_id.expect("an id");
    let endpoint = rig.one(&id).await.endpoint_url.expect("an endpoint");
    assert!(endpoint.starts_with("127.0.0.1:"), "{endpoint}");
    let stream = tokio::net::TcpStream::connect(&endpoint).await;
    assert!(stream.is_ok(), "somebody listens there");
}

#[tokio::test(start_paused = true)]
async fn an_image_tagged_broken_does_not_come_up_though_only_its_digest_is_named() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    let image = rig.emulator.with(|world| {
        let now = world.now();
        let digest = world.registry.seed_image("shop-web", "login-broken", now);
        format!("{}/shop-web@{digest}", world.registry.host())
    });
    rig.bundled("v2", &image).await;
    rig.deploy(&id, "v2").await;
    rig.later(UPDATE).await;
    assert_eq!(rig.one(&id).await.version_label.as_deref(), Some("v1"));
}

#[tokio::test(start_paused = true)]
async fn object_and_image_are_read_when_the_deployment_happens() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    let bucket = rig.bundled("v2", "nginx").await;
    rig.deploy(&id, "v2").await;
    s3(&rig.emulator).delete_object().bucket(&bucket).key("v2.zip").send().await.expect("deleted");
    rig.later(UPDATE).await;
    assert_eq!(rig.one(&id).await.version_label.as_deref(), Some("v1"));
    assert!(rig.messages(&id).await[2].starts_with("Unable to download from S3 location"));

    let host = rig.emulator.with(|world| world.registry.host());
    rig.bundled("v3", &format!("{host}/shop-web:gone")).await;
    rig.deploy(&id, "v3").await;
    rig.later(UPDATE).await;
    assert!(rig.messages(&id).await[2].starts_with("Failed to pull Docker image"));

    rig.bundled("v4", "nginx").await;
    rig.deploy(&id, "v4").await;
    rig.later(UPDATE).await;
    assert_eq!(rig.one(&id).await.version_label.as_deref(), Some("v4"));
}

#[tokio::test(start_paused = true)]
async fn versions_in_use_can_be_deleted_with_their_bundle() {
    let rig = Rig::new().await;
    let bucket = rig.bundled("v2", "nginx").await;
    let id = rig.launched("f-login").await;
    rig.deploy(&id, "v2").await;
    rig.later(UPDATE).await;
    let delete = || {
        let call = rig.aws.delete_application_version().application_name("shop").version_label("v2");
        call.delete_source_bundle(true).send()
    };
    delete().await.expect("a deletion of what is in use");
    assert!(rig.emulator.with(|world| world.with_objects(|objects| objects.keys(&bucket).is_empty())));
    delete().await.expect("a second one, which finds nothing");
    rig.bundled("v2", "nginx").await;
    s3(&rig.emulator).delete_object().bucket(&bucket).key("v2.zip").send().await.expect("deleted");
    assert_eq!(refusal(delete().await).0, "SourceBundleDeletionFailure");
    let listed =
        rig.aws.describe_application_versions().version_labels("v2").send().await.expect("a listing");
    assert_eq!(
        listed.application_versions().len(),
        0,
        "the version is gone although its bundle was not deleted"
    );
}

#[tokio::test(start_paused = true)]
async fn storage_has_the_same_faults_and_the_same_record() {
    let rig = Rig::new().await;
    let made = rig.aws.create_storage_location().send().await.expect("a bucket");
    let bucket = made.s3_bucket.expect("its name");
    rig.emulator.faults(vec![
        Fault::on("PutObject", Kind::Lost).once(),
        Fault::on("HeadObject", Kind::Unavailable).once(),
    ]);
    let s3 = s3(&rig.emulator);
    let put = s3.put_object().bucket(&bucket).key("a/b.zip").body(b"x".to_vec().into()).send().await;
    assert!(matches!(put, Err(SdkError::DispatchFailure(_))));
    let head = || s3.head_object().bucket(&bucket).key("a/b.zip").send();
    assert!(head().await.is_err());
    head().await.expect("the object of the lost answer");
    let calls = rig.emulator.calls();
    let put = calls.iter().find(|call| call.operation == "PutObject").expect("recorded");
    assert_eq!(put.params.get("Key").map(String::as_str), Some("a/b.zip"));
    assert_eq!((put.service.as_str(), put.struck), ("s3", Some(Kind::Lost)));
    assert_eq!(rig.emulator.fault_hits().len(), 2);
}
