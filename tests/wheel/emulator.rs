//! `sprout emulator` keeps its world, its word and its exit statuses.

use super::{Place, write};
use crate::support::{Lab, eventually, secs};

#[test]
fn the_world_outlives_the_process() {
    let mut place = Place::new(&["--seed-image", "shop-web:login-1"]);
    place.desk.sprout(&["init"]).ok();
    let before = place.cloud.control("world");
    place.cloud.stop();
    place.cloud.start_again();
    let after = place.cloud.control("world");
    for part in ["account", "region", "applications", "registry"] {
        assert_eq!(before[part], after[part], "{part}");
    }
    assert!(after["registry"].to_string().contains("login-1"));
    assert!(after["applications"]["shop"].is_object(), "{}", after["applications"]);
}

#[test]
fn faults_of_a_file_strike_and_those_of_the_control_socket_replace_them() {
    let dir = tempfile::tempdir().unwrap();
    let faults = dir.path().join("faults.yaml");
    write(&faults, "- {operation: DescribeApplications, kind: denied}\n");
    let place = Place::new(&["--faults", &faults.display().to_string()]);
    let refused = place.desk.sprout(&["init"]).ended(4);
    assert!(refused.stderr.contains("cannot see whether application shop is there"), "{refused}");
    place.cloud.control("faults clear");
    place.desk.sprout(&["init"]).ok();
}

#[test]
fn faults_that_are_none_are_refused_before_anything_listens() {
    let place = Place::new(&[]);
    let faults = place.desk.write("faults.json", "[{\"kind\": \"gremlins\"}]");
    let refused = place.desk.sprout(&["emulator", "--faults", &faults.display().to_string()]).ended(4);
    assert!(refused.stderr.contains("faults.json is no list of faults"), "{refused}");
    assert!(!refused.stdout.contains("listening"), "{refused}");
    place.desk.sprout(&["emulator", "--launch", "8"]).ended(2);
}

#[test]
fn time_and_speed_are_the_control_sockets() {
    let place = Place::new(&["--speed", "0"]);
    let now = || place.cloud.control("now")["now"].as_str().unwrap_or_default().to_owned();
    let still = now();
    assert_eq!(now(), still, "a world at speed 0 stands still");
    place.cloud.speed(1000.0);
    eventually(secs(20), "time passes", || if now() == still { Err(still.clone()) } else { Ok(()) });
}

#[test]
fn the_aws_cli_keeps_items_in_a_table() {
    let Some(mut lab) = Lab::start_with(&["--table", "200ms"]) else { return };
    let made = lab.aws(&[
        "dynamodb",
        "create-table",
        "--table-name",
        "rows",
        "--billing-mode",
        "PAY_PER_REQUEST",
        "--attribute-definitions",
        "AttributeName=pk,AttributeType=S",
        "AttributeName=sk,AttributeType=S",
        "--key-schema",
        "AttributeName=pk,KeyType=HASH",
        "AttributeName=sk,KeyType=RANGE",
    ]);
    assert_eq!(made["TableDescription"]["TableStatus"], "CREATING", "{made}");
    lab.aws(&["dynamodb", "wait", "table-exists", "--table-name", "rows"]);
    let on =
        |lab: &Lab, words: &[&str]| lab.try_aws(&[&["dynamodb"], words, &["--table-name", "rows"]].concat());
    let item = r#"{"pk": {"S": "feature/login"}, "sk": {"S": "spec"}, "ttl": {"N": "3.0"}}"#;
    let put = ["put-item", "--item", item, "--condition-expression", "attribute_not_exists(pk)"];
    on(&lab, &put).ok();
    let again = on(&lab, &put);
    assert!(again.code != Some(0) && again.stderr.contains("ConditionalCheckFailedException"), "{again}");
    let key = r#"{"pk": {"S": "feature/login"}, "sk": {"S": "spec"}}"#;
    let kept = serde_json::json!({"pk": {"S": "feature/login"}, "sk": {"S": "spec"}, "ttl": {"N": "3"}});
    assert_eq!(on(&lab, &["get-item", "--key", key, "--consistent-read"]).ok().json()["Item"], kept);
    lab.cloud.stop();
    lab.cloud.start_again();
    let values = r#"{":pk": {"S": "feature/login"}, ":s": {"S": "s"}}"#;
    let condition = "pk = :pk AND begins_with(sk, :s)";
    let query = ["query", "--key-condition-expression", condition, "--expression-attribute-values", values];
    let found = on(&lab, &query).ok().json();
    assert_eq!((&found["Count"], &found["Items"][0]), (&1.into(), &kept), "{found}");
    on(&lab, &["delete-item", "--key", key]).ok();
    assert_eq!(on(&lab, &query).ok().json()["Count"], 0);
    assert_eq!(lab.cloud.world()["tables"]["tables"]["rows"]["items"], serde_json::json!([]));
}
