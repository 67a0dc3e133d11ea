//! Layers: how they come, who needs them, and when they go.

use jiff::SignedDuration;
use serde_json::json;

use super::*;

fn image(registry: &Registry, tag: &str) -> String {
    registry.resolve("shop", tag).unwrap()
}

#[test]
fn a_layer_comes_in_parts_that_follow_each_other() {
    let mut given = Given::shop();
    let upload = given.call("InitiateLayerUpload", json!({"repositoryName": "shop"}))["uploadId"].clone();
    let big = vec![7; 5 << 20];
    assert_eq!(given.call("UploadLayerPart", part(&upload, 0, &big))["lastByteReceived"], (5 << 20) - 1);
    let again = given.try_call("UploadLayerPart", part(&upload, 0, &big)).unwrap_err();
    assert_eq!(again.code, "InvalidLayerPartException");
    assert_eq!(again.message, "First byte of the layer part is 0 instead of 5242880");
    given.call("UploadLayerPart", part(&upload, 5 << 20, b"the end"));
    assert_eq!(
        given.refusal("UploadLayerPart", part(&upload, (5 << 20) + 7, b"more")),
        "LayerPartTooSmallException"
    );
    let whole = [big.as_slice(), b"the end"].concat();
    let wrong = json!({"repositoryName": "shop", "uploadId": upload, "layerDigests": [digest_of("x")]});
    assert_eq!(given.refusal("CompleteLayerUpload", wrong.clone()), "InvalidLayerException");
    assert_eq!(given.refusal("CompleteLayerUpload", wrong), "UploadNotFoundException", "it is over");
    assert_eq!(given.layer(&whole), digest_of(&whole));
    let checked = json!({"repositoryName": "shop", "layerDigests": [digest_of(&whole), digest_of("x"), "y"]});
    let answer = given.call("BatchCheckLayerAvailability", checked);
    assert_eq!(answer["layers"][0]["layerSize"], (5 << 20) + 7);
    assert_eq!(answer["layers"][1]["layerAvailability"], "UNAVAILABLE");
    assert_eq!(answer["failures"][0]["failureCode"], "InvalidLayerDigest");
}

#[test]
fn the_same_layer_again_and_an_empty_one_are_refused() {
    let mut given = Given::shop();
    let digest = given.layer(b"one");
    for (content, code) in [(Some("one"), "LayerAlreadyExistsException"), (None, "EmptyUploadException")] {
        let upload = given.call("InitiateLayerUpload", json!({"repositoryName": "shop"}))["uploadId"].clone();
        if let Some(content) = content {
            given.call("UploadLayerPart", part(&upload, 0, content.as_bytes()));
        }
        let digest = content.map_or_else(|| digest_of(""), |_| digest.clone());
        let ended = json!({"repositoryName": "shop", "uploadId": upload, "layerDigests": [digest]});
        assert_eq!(given.refusal("CompleteLayerUpload", ended), code);
    }
}

#[test]
fn an_image_needs_its_layers_in_its_own_repository() {
    let mut given = Given::shop();
    given.put("one", "v1");
    given.call("CreateRepository", json!({"repositoryName": "other"}));
    let body = json!({"repositoryName": "other", "imageManifest": manifest("one"), "imageTag": "v1"});
    let refusal = given.try_call("PutImage", body).unwrap_err();
    assert_eq!(refusal.code, "LayersNotFoundException");
    assert!(refusal.message.contains(&digest_of(layer("one"))), "{refusal}");
    assert!(refusal.message.contains("into repository with name 'other'"), "{refusal}");
}

#[test]
fn what_no_image_names_goes_a_day_later() {
    let mut given = Given::shop();
    given.put("one", "v1");
    let stray = given.layer(b"stray");
    let contents = given.registry.contents();
    given.pass(SignedDuration::from_hours(23));
    assert!(contents.size(&stray).is_some());
    assert_eq!(given.registry.next_due(), Some(start() + days(1)));
    given.pass(SignedDuration::from_hours(1));
    assert!(contents.size(&stray).is_none());
    given.pass(days(30));
    assert!(contents.size(&digest_of(layer("one"))).is_some(), "an image names it");
    assert_eq!(given.registry.next_due(), None);

    let digest = image(&given.registry, "v1");
    given.delete(json!([{"imageDigest": digest}]));
    given.pass(SignedDuration::from_hours(23));
    assert!(contents.size(&digest_of(layer("one"))).is_some(), "it may be pushed again at once");
    assert_eq!(given.put("one", "v2"), digest);
    given.pass(days(2));
    assert!(contents.size(&digest_of(layer("one"))).is_some());
}

#[test]
fn an_upload_keeps_the_layers_beside_it_and_is_given_up_after_a_day() {
    let mut given = Given::shop();
    let first = given.layer(b"first");
    given.pass(SignedDuration::from_hours(20));
    let upload = given.call("InitiateLayerUpload", json!({"repositoryName": "shop"}))["uploadId"].clone();
    given.pass(SignedDuration::from_hours(23));
    let contents = given.registry.contents();
    assert!(contents.size(&first).is_some(), "somebody is still pushing");
    given.call("UploadLayerPart", part(&upload, 0, b"second"));
    given.pass(SignedDuration::from_hours(23));
    assert!(contents.size(&first).is_some());
    given.pass(SignedDuration::from_hours(1));
    assert_eq!(given.refusal("UploadLayerPart", part(&upload, 6, b"x")), "UploadNotFoundException");
    assert!(contents.size(&first).is_none(), "with the upload goes what waited for it");
}

#[test]
fn a_repository_takes_its_layers_along_but_not_those_of_others() {
    let mut given = Given::shop();
    given.put("one", "v1");
    let seeded = given.registry.seed_image("web", "v1", start());
    let shared = given.registry.manifest("web", &seeded).unwrap();
    given.registry.seed_image("web2", "v1", start());
    let contents = given.registry.contents();
    given.call("DeleteRepository", json!({"repositoryName": "shop", "force": true}));
    assert!(contents.size(&digest_of(layer("one"))).is_none());
    given.call("DeleteRepository", json!({"repositoryName": "web2", "force": true}));
    let text: Value = serde_json::from_str(&shared.text).unwrap();
    assert!(contents.size(text["layers"][0]["digest"].as_str().unwrap()).is_some(), "web needs it");
}

#[test]
fn seeded_images_are_whole() {
    let mut given = Given::shop();
    let digest = given.registry.seed_image("web", "v1", start());
    let manifest: Value =
        serde_json::from_str(&given.registry.manifest("web", &digest).unwrap().text).unwrap();
    for part in [&manifest["config"], &manifest["layers"][0]] {
        let size = given.registry.layer("web", part["digest"].as_str().unwrap());
        assert_eq!(size, part["size"].as_u64(), "{part}");
    }
}

#[test]
fn a_scan_and_a_kind_are_shown_of_what_is_pushed() {
    let mut given = Given::shop();
    given.put("one", "v1");
    let described = |given: &mut Given, tag: &str| {
        let ids = json!({"repositoryName": "shop", "imageIds": [{"imageTag": tag}]});
        given.call("DescribeImages", ids)["imageDetails"][0].clone()
    };
    assert!(described(&mut given, "v1").get("imageScanStatus").is_none());
    let scanning = json!({"repositoryName": "shop", "imageScanningConfiguration": {"scanOnPush": true}});
    given.call("PutImageScanningConfiguration", scanning);
    given.put("two", "v2");
    let detail = described(&mut given, "v2");
    assert_eq!(detail["imageScanStatus"]["status"], "COMPLETE");
    assert_eq!(detail["imageScanFindingsSummary"]["imageScanCompletedAt"], json!(1_740_787_200.0));
    assert_eq!(detail["imageManifestMediaType"], "application/vnd.oci.image.manifest.v1+json");
}

#[test]
fn manifests_of_other_forms_are_refused() {
    let mut given = Given::shop();
    for manifest in [
        "{",
        r#"{"schemaVersion": 1, "name": "shop", "fsLayers": []}"#,
        r#"{"schemaVersion": 2}"#,
        r#"{"schemaVersion": 2, "mediaType": "text/plain", "layers": []}"#,
        r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "layers": []}"#,
    ] {
        let body = json!({"repositoryName": "shop", "imageManifest": manifest});
        assert_eq!(given.refusal("PutImage", body), "InvalidParameterException", "{manifest}");
    }
}

#[test]
fn a_setting_of_the_account_is_kept() {
    let mut given = Given::shop();
    let name = json!({"name": "BLOB_MOUNTING"});
    assert_eq!(given.call("GetAccountSetting", name.clone())["value"], "DISABLED");
    given.call("PutAccountSetting", json!({"name": "BLOB_MOUNTING", "value": "ENABLED"}));
    assert_eq!(given.call("GetAccountSetting", name)["value"], "ENABLED");
    assert_eq!(given.refusal("GetAccountSetting", json!({"name": "x"})), "InvalidParameterException");
}
