use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Refusal, Registry, SameDigest};

const ACCOUNT: &str = "123456789012";

fn start() -> Timestamp {
    "2025-03-01T00:00:00Z".parse().unwrap()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

/// A registry with one repository, `shop`, and a clock that is moved by hand.
struct Given {
    registry: Registry,
    now: Timestamp,
}

impl Given {
    fn shop() -> Self {
        let mut given = Self { registry: Registry::new(ACCOUNT, "eu-central-1"), now: start() };
        given.call("CreateRepository", json!({"repositoryName": "shop"}));
        given
    }

    fn try_call(&mut self, operation: &str, body: Value) -> Result<Value, Refusal> {
        self.registry.call(operation, &body, self.now)
    }

    fn call(&mut self, operation: &str, body: Value) -> Value {
        self.try_call(operation, body).unwrap()
    }

    fn refusal(&mut self, operation: &str, body: Value) -> &'static str {
        self.try_call(operation, body).unwrap_err().code
    }

    /// Puts an image whose content is `content` and answers its digest.
    fn put(&mut self, content: &str, tag: &str) -> String {
        let manifest = manifest(content);
        let body = json!({"repositoryName": "shop", "imageManifest": manifest, "imageTag": tag});
        self.call("PutImage", body)["image"]["imageId"]["imageDigest"].as_str().unwrap().to_owned()
    }

    fn get(&mut self, ids: Value) -> Value {
        self.call("BatchGetImage", json!({"repositoryName": "shop", "imageIds": ids}))
    }

    fn delete(&mut self, ids: Value) -> Value {
        self.call("BatchDeleteImage", json!({"repositoryName": "shop", "imageIds": ids}))
    }

    fn policy(&mut self, rules: Value) {
        let text = serde_json::to_string_pretty(&json!({"rules": rules})).unwrap();
        self.call("PutLifecyclePolicy", json!({"repositoryName": "shop", "lifecyclePolicyText": text}));
    }

    fn pass(&mut self, time: SignedDuration) {
        self.now += time;
        self.registry.advance(self.now);
    }
}

fn manifest(content: &str) -> String {
    json!({"schemaVersion": 2, "config": {"size": 1}, "layers": [{"size": 41, "digest": content}]})
        .to_string()
}

fn rule(priority: i64, selection: Value) -> Value {
    let description = "a description that is long enough to reach the least length of a policy text";
    json!({"rulePriority": priority, "description": description, "selection": selection, "action": {"type": "expire"}})
}

fn older_than(days: i64, mut selection: Value) -> Value {
    selection["countType"] = json!("sinceImagePushed");
    selection["countUnit"] = json!("days");
    selection["countNumber"] = json!(days);
    selection
}

fn more_than(count: i64, mut selection: Value) -> Value {
    selection["countType"] = json!("imageCountMoreThan");
    selection["countNumber"] = json!(count);
    selection
}

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
fn a_digest_is_the_hash_of_the_manifest() {
    let mut given = Given::shop();
    let digest = given.put("one", "v1");
    assert_eq!(digest, super::images::digest_of(&manifest("one")));
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
fn policy_texts_are_checked() {
    let mut given = Given::shop();
    let any = |priority| rule(priority, older_than(1, json!({"tagStatus": "any"})));
    let tagged =
        |list: &str, entries: Value| rule(1, older_than(1, json!({"tagStatus": "tagged", list: entries})));
    let without_unit = json!({"tagStatus": "any", "countType": "sinceImagePushed", "countNumber": 1});
    let mut with_unit = more_than(1, json!({"tagStatus": "any"}));
    with_unit["countUnit"] = json!("days");
    for wrong in [
        json!([]),
        json!([any(1), any(1)]),
        json!([any(1), rule(2, older_than(1, json!({"tagStatus": "untagged"})))]),
        json!([any(0)]),
        json!([rule(1, older_than(1, json!({"tagStatus": "tagged"})))]),
        json!([rule(1, older_than(1, json!({"tagStatus": "any", "tagPrefixList": ["a"]})))]),
        json!([tagged("tagPatternList", json!([]))]),
        json!([tagged("tagPatternList", json!(["*a*b*c*d*"]))]),
        json!([rule(1, older_than(0, json!({"tagStatus": "any"})))]),
        json!([rule(1, without_unit)]),
        json!([rule(1, with_unit)]),
        json!([rule(1, older_than(1, json!({"tagStatus": "any", "tagStatusList": []})))]),
    ] {
        let text = format!("{:<120}", json!({"rules": wrong}).to_string());
        let body = json!({"repositoryName": "shop", "lifecyclePolicyText": text});
        let refusal = given.try_call("PutLifecyclePolicy", body).expect_err(&wrong.to_string());
        assert_eq!(refusal.code, "InvalidParameterException");
    }
    let named = json!({"repositoryName": "shop"});
    assert_eq!(given.refusal("GetLifecyclePolicy", named.clone()), "LifecyclePolicyNotFoundException");
    given.policy(json!([tagged("tagPatternList", json!(["*a*b*c*d"])), any(2)]));
    assert!(given.call("GetLifecyclePolicy", named.clone())["lastEvaluatedAt"].is_null());
    given.pass(SignedDuration::from_hours(1));
    assert!(given.call("GetLifecyclePolicy", named.clone())["lastEvaluatedAt"].is_number());
    given.call("DeleteLifecyclePolicy", named.clone());
    assert_eq!(given.refusal("DeleteLifecyclePolicy", named), "LifecyclePolicyNotFoundException");
}

#[test]
fn an_image_is_expired_after_its_days_whether_or_not_it_is_used() {
    let mut given = Given::shop();
    given.put("one", "feat-1");
    let kept = given.put("two", "release-1");
    given.policy(json!([rule(
        1,
        older_than(1, json!({"tagStatus": "tagged", "tagPatternList": ["feat-*"]}))
    )]));
    given.pass(SignedDuration::from_hours(23));
    assert!(given.registry.resolve("shop", "feat-1").is_some());
    given.pass(SignedDuration::from_hours(2));
    assert_eq!(given.registry.resolve("shop", "feat-1"), None);
    assert!(given.registry.exists("shop", &kept));
}

#[test]
fn rules_are_looked_at_once_an_hour() {
    let mut given = Given::shop();
    given.policy(json!([rule(1, more_than(1, json!({"tagStatus": "any"})))]));
    given.put("one", "v1");
    given.pass(SignedDuration::from_secs(1));
    given.put("two", "v2");
    assert!(given.registry.resolve("shop", "v1").is_some());
    assert_eq!(given.registry.next_due(), Some(start() + SignedDuration::from_hours(1)));
    given.pass(SignedDuration::from_hours(1));
    assert_eq!(given.registry.resolve("shop", "v1"), None);
    assert!(given.registry.resolve("shop", "v2").is_some());
}

#[test]
fn an_earlier_rule_shields_from_later_ones() {
    let mut given = Given::shop();
    let live = given.put("one", "feat-1");
    given.put("one", "live-shop");
    given.put("two", "feat-2");
    let feat = older_than(1, json!({"tagStatus": "tagged", "tagPatternList": ["feat-*"]}));
    let guard = more_than(9999, json!({"tagStatus": "tagged", "tagPatternList": ["live-*"]}));
    given.policy(json!([rule(10, feat), rule(1, guard)]));
    given.pass(days(30));
    assert!(given.registry.exists("shop", &live));
    assert_eq!(given.registry.resolve("shop", "feat-2"), None);
}

#[test]
fn a_later_count_still_counts_what_an_earlier_rule_judged() {
    let mut given = Given::shop();
    given.put("one", "keep-1");
    given.pass(SignedDuration::from_secs(1));
    given.put("two", "other");
    let guard = more_than(9999, json!({"tagStatus": "tagged", "tagPrefixList": ["keep-"]}));
    given.policy(json!([rule(1, guard), rule(2, more_than(1, json!({"tagStatus": "any"})))]));
    given.pass(SignedDuration::from_hours(2));
    assert!(
        given.registry.resolve("shop", "other").is_some(),
        "the younger of two is within the count of one"
    );
    assert!(given.registry.resolve("shop", "keep-1").is_some(), "the older is shielded");
}

#[test]
fn patterns_of_one_list_must_all_be_met() {
    let mut given = Given::shop();
    given.put("one", "feat-1");
    given.put("two", "feat-2");
    given.put("two", "done-2");
    let both = json!({"tagStatus": "tagged", "tagPatternList": ["feat-*", "done-*"]});
    given.policy(json!([rule(1, older_than(1, both))]));
    given.pass(days(2));
    assert!(given.registry.resolve("shop", "feat-1").is_some());
    assert_eq!(given.registry.resolve("shop", "feat-2"), None);
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
