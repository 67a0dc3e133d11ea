//! Lifecycle rules.

use serde_json::json;

use super::*;

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
