//! Images and their tags.

use serde_json::json;

use super::*;

#[test]
fn a_digest_is_the_hash_of_the_manifest() {
    let mut given = Given::shop();
    let digest = given.put("one", "v1");
    assert_eq!(digest, digest_of(manifest("one")));
    assert_eq!(given.registry.resolve("shop", "v1"), Some(digest.clone()));
    let body = json!({"repositoryName": "shop", "imageManifest": manifest("two"), "imageDigest": digest});
    assert_eq!(given.refusal("PutImage", body), "ImageDigestDoesNotMatchException");
}

#[test]
fn a_moved_tag_leaves_the_old_image_untagged() {
    let mut given = Given::shop();
    let old = given.put("one", "v1");
    let new = given.put("two", "v1");
    assert_eq!(given.registry.resolve("shop", "v1"), Some(new));
    assert!(given.registry.tags_of("shop", &old).is_empty());
    let untagged = json!({"repositoryName": "shop", "filter": {"tagStatus": "UNTAGGED"}});
    assert_eq!(given.call("ListImages", untagged)["imageIds"], json!([{"imageDigest": old}]));
}

#[test]
fn a_further_tag_does_not_renew_the_push_time() {
    let mut given = Given::shop();
    let digest = given.put("one", "v1");
    given.pass(days(3));
    assert_eq!(given.put("one", "lease-1"), digest);
    let detail = given.call("DescribeImages", json!({"repositoryName": "shop"}))["imageDetails"][0].clone();
    assert_eq!(detail["imagePushedAt"], json!(1_740_787_200.0));
    assert_eq!(detail["imageTags"], json!(["lease-1", "v1"]));
    assert_eq!(detail["imageSizeInBytes"], 42);
}

#[test]
fn putting_the_same_again_is_refused() {
    let mut given = Given::shop();
    given.put("one", "v1");
    let tagged = json!({"repositoryName": "shop", "imageManifest": manifest("one"), "imageTag": "v1"});
    assert_eq!(given.refusal("PutImage", tagged), "ImageAlreadyExistsException");
    let bare = json!({"repositoryName": "shop", "imageManifest": manifest("one")});
    assert_eq!(given.refusal("PutImage", bare), "ImageAlreadyExistsException");
}

#[test]
fn batch_get_succeeds_in_part() {
    let mut given = Given::shop();
    let (one, two) = (given.put("one", "v1"), given.put("two", "v2"));
    let answer = given.get(json!([
        {"imageTag": "v1"},
        {"imageDigest": two},
        {"imageTag": "gone"},
        {"imageTag": "-bad"},
        {"imageDigest": "nonsense"},
        {"imageDigest": two, "imageTag": "v1"},
        {},
    ]));
    let images = answer["images"].as_array().unwrap();
    assert_eq!(images[0]["imageId"], json!({"imageDigest": one, "imageTag": "v1"}));
    assert_eq!(images[1]["imageId"], json!({"imageDigest": two}));
    assert_eq!(images.len(), 2);
    let codes: Vec<&str> = answer["failures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|failure| failure["failureCode"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        [
            "ImageNotFound",
            "InvalidImageTag",
            "InvalidImageDigest",
            "ImageTagDoesNotMatchDigest",
            "MissingDigestAndTag"
        ]
    );
}

#[test]
fn batches_hold_a_hundred_at_most() {
    let mut given = Given::shop();
    let ids =
        |count: usize| json!({"repositoryName": "shop", "imageIds": vec![json!({"imageTag": "x"}); count]});
    for operation in ["BatchGetImage", "BatchDeleteImage"] {
        assert_eq!(given.call(operation, ids(100))["failures"].as_array().unwrap().len(), 100);
        assert_eq!(given.refusal(operation, ids(101)), "InvalidParameterException");
        assert_eq!(given.refusal(operation, ids(0)), "InvalidParameterException");
    }
}

#[test]
fn describing_fails_whole_for_one_missing_image() {
    let mut given = Given::shop();
    given.put("one", "v1");
    let body = json!({"repositoryName": "shop", "imageIds": [{"imageTag": "v1"}, {"imageTag": "v2"}]});
    let refusal = given.try_call("DescribeImages", body).unwrap_err();
    assert_eq!(refusal.code, "ImageNotFoundException");
    assert_eq!(
        refusal.message,
        "The image with imageId {imageDigest:'null', imageTag:'v2'} does not exist within the repository with name \
         'shop' in the registry with id '123456789012'"
    );
    let mixed = json!({"repositoryName": "shop", "imageIds": [{"imageTag": "v1"}], "maxResults": 5});
    assert_eq!(given.refusal("DescribeImages", mixed), "InvalidParameterException");
}

#[test]
fn pages_hold_a_hundred_unless_asked_otherwise() {
    let mut given = Given::shop();
    for number in 0..130 {
        given.put(&number.to_string(), &format!("v{number:03}"));
    }
    let first = given.call("DescribeImages", json!({"repositoryName": "shop"}));
    assert_eq!(first["imageDetails"].as_array().unwrap().len(), 100);
    let rest =
        given.call("DescribeImages", json!({"repositoryName": "shop", "nextToken": first["nextToken"]}));
    assert_eq!(rest["imageDetails"].as_array().unwrap().len(), 30);
    assert!(rest.get("nextToken").is_none());
    let all = given.call("ListImages", json!({"repositoryName": "shop", "maxResults": 1000}));
    assert_eq!(all["imageIds"].as_array().unwrap().len(), 130);
    for wrong in [
        json!({"repositoryName": "shop", "maxResults": 1001}),
        json!({"repositoryName": "shop", "nextToken": "%"}),
    ] {
        assert_eq!(given.refusal("ListImages", wrong), "InvalidParameterException");
    }
}

#[test]
fn the_last_tag_takes_the_image_with_it() {
    let mut given = Given::shop();
    let digest = given.put("one", "v1");
    given.put("one", "lease");
    let answer = given.delete(json!([{"imageTag": "lease"}, {"imageTag": "other"}]));
    assert_eq!(answer["imageIds"], json!([{"imageDigest": digest, "imageTag": "lease"}]));
    assert_eq!(answer["failures"][0]["failureCode"], "ImageNotFound");
    assert!(given.registry.exists("shop", &digest));
    given.delete(json!([{"imageTag": "v1"}]));
    assert!(!given.registry.exists("shop", &digest));
}

#[test]
fn deleting_by_digest_takes_every_tag() {
    let mut given = Given::shop();
    let digest = given.put("one", "v1");
    given.put("one", "v2");
    let answer = given.delete(json!([{"imageDigest": digest}]));
    assert_eq!(
        answer["imageIds"],
        json!([{"imageDigest": digest, "imageTag": "v1"}, {"imageDigest": digest, "imageTag": "v2"}])
    );
    assert_eq!(given.registry.resolve("shop", "v2"), None);
}

#[test]
fn a_manifest_list_protects_what_it_names() {
    let mut given = Given::shop();
    let child = given.put("one", "child");
    let list = |digest: &str| json!({"schemaVersion": 2, "manifests": [{"digest": digest}]}).to_string();
    let orphaned = json!({"repositoryName": "shop", "imageManifest": list("sha256:00"), "imageTag": "list"});
    assert_eq!(given.refusal("PutImage", orphaned), "ReferencedImagesNotFoundException");
    given.call(
        "PutImage",
        json!({"repositoryName": "shop", "imageManifest": list(&child), "imageTag": "list"}),
    );
    let answer = given.delete(json!([{"imageDigest": child}]));
    assert_eq!(answer["failures"][0]["failureCode"], "ImageReferencedByManifestList");
    given.delete(json!([{"imageTag": "list"}, {"imageDigest": child}]));
    assert!(!given.registry.exists("shop", &child));
}

#[test]
fn a_seeded_image_reads_like_a_pushed_one() {
    let mut given = Given::shop();
    let first = given.registry.seed_image("demo/web", "v1", start());
    assert_eq!(given.registry.resolve("demo/web", "v1"), Some(first.clone()));
    let second = given.registry.seed_image("demo/web", "v1", start() + days(1));
    assert_ne!(first, second);
    assert_eq!(given.registry.tags_of("demo/web", &second), ["v1"]);
    let body = json!({"repositoryName": "demo/web", "imageIds": [{"imageDigest": second}]});
    let image = &given.call("BatchGetImage", body)["images"][0];
    assert_eq!(image["imageManifestMediaType"], "application/vnd.oci.image.manifest.v1+json");
}
