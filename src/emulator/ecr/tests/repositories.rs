//! Repositories and their settings.

use serde_json::json;

use super::*;

#[test]
fn a_repository_says_its_address_and_arn() {
    let mut given = Given::shop();
    let answer = given.call("DescribeRepositories", json!({"repositoryNames": ["shop"]}));
    let shown = &answer["repositories"][0];
    assert_eq!(shown["repositoryUri"], "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop");
    assert_eq!(shown["repositoryArn"], "arn:aws:ecr:eu-central-1:123456789012:repository/shop");
    assert_eq!(shown["imageTagMutability"], "MUTABLE");
    assert_eq!(shown["createdAt"], json!(1_740_787_200.0));
}

#[test]
fn repository_refusals_bear_the_service_codes() {
    let mut given = Given::shop();
    let named = |name: &str| json!({"repositoryName": name});
    assert_eq!(given.refusal("CreateRepository", named("shop")), "RepositoryAlreadyExistsException");
    for name in ["S", "Shop", "a", "shop/", "-shop", "sh..op", "/shop"] {
        assert_eq!(given.refusal("CreateRepository", named(name)), "InvalidParameterException", "{name}");
    }
    given.call("CreateRepository", named("team/shop_web.v2-x"));
    assert_eq!(given.refusal("DeleteRepository", named("other")), "RepositoryNotFoundException");
    assert_eq!(
        given.try_call("ListImages", named("other")).unwrap_err().message,
        "The repository with name 'other' does not exist in the registry with id '123456789012'"
    );
    given.put("one", "v1");
    assert_eq!(given.refusal("DeleteRepository", named("shop")), "RepositoryNotEmptyException");
    given.call("DeleteRepository", json!({"repositoryName": "shop", "force": true}));
    assert_eq!(given.refusal("DeleteRepository", named("shop")), "RepositoryNotFoundException");
}

#[test]
fn what_is_not_known_is_never_a_success() {
    let mut given = Given::shop();
    assert_eq!(given.refusal("StartImageScan", json!({})), "InvalidAction");
    assert_eq!(given.refusal("ListImages", json!({"repositoryNam": "shop"})), "InvalidParameterException");
}

#[test]
fn an_immutable_tag_does_not_move() {
    let mut given = Given::shop();
    given.call("PutImageTagMutability", json!({"repositoryName": "shop", "imageTagMutability": "IMMUTABLE"}));
    let first = given.put("one", "v1");
    let again = |content: &str| json!({"repositoryName": "shop", "imageManifest": manifest(content), "imageTag": "v1"});
    assert_eq!(given.refusal("PutImage", again("two")), "ImageTagAlreadyExistsException");
    assert_eq!(given.registry.resolve("shop", "v1"), Some(first));
    assert_eq!(given.refusal("PutImage", again("one")), "ImageAlreadyExistsException");
    given.registry.same_digest = SameDigest::TagExists;
    assert_eq!(given.refusal("PutImage", again("one")), "ImageTagAlreadyExistsException");
}

#[test]
fn exclusion_filters_turn_the_mode_round() {
    let mut given = Given::shop();
    let filters = json!([{"filterType": "WILDCARD", "filter": "dev-*"}]);
    let mut body = json!({"repositoryName": "shop", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"});
    assert_eq!(given.refusal("PutImageTagMutability", body.clone()), "InvalidParameterException");
    body["imageTagMutabilityExclusionFilters"] = filters;
    given.call("PutImageTagMutability", body);
    given.put("one", "dev-1");
    given.put("two", "dev-1");
    given.put("one", "v1");
    let moved = json!({"repositoryName": "shop", "imageManifest": manifest("two"), "imageTag": "v1"});
    assert_eq!(given.refusal("PutImage", moved), "ImageTagAlreadyExistsException");
}

#[test]
fn tokens_are_good_for_twelve_hours() {
    let mut given = Given::shop();
    let answer = given.call("GetAuthorizationToken", json!({}));
    let data = &answer["authorizationData"][0];
    assert_eq!(data["expiresAt"], json!(1_740_787_200.0 + 12.0 * 3600.0));
    assert_eq!(data["proxyEndpoint"], "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com");
    let token =
        data_encoding::BASE64.decode(data["authorizationToken"].as_str().unwrap().as_bytes()).unwrap();
    assert!(token.starts_with(b"AWS:"));
}

#[test]
fn labels_of_a_repository_are_listed() {
    let mut given = Given::shop();
    let arn = "arn:aws:ecr:eu-central-1:123456789012:repository/shop";
    given.call("TagResource", json!({"resourceArn": arn, "tags": [{"Key": "team", "Value": "growth"}]}));
    let answer = given.call("ListTagsForResource", json!({"resourceArn": arn}));
    assert_eq!(answer["tags"], json!([{"Key": "team", "Value": "growth"}]));
}

#[test]
fn the_state_file_keeps_everything() {
    let mut given = Given::shop();
    given.put("one", "v1");
    given.policy(json!([rule(1, more_than(5, json!({"tagStatus": "any"})))]));
    let text = serde_json::to_string(&given.registry).unwrap();
    let again: Registry = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
    assert_eq!(again.resolve("shop", "v1"), given.registry.resolve("shop", "v1"));
}
