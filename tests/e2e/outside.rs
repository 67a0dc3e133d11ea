//! What hands from outside do: terminate, make namesakes, copy tags; and
//! stores that know nothing.

use serde_json::Value;

use super::{LONG, is, lab, mutations, spec, status};
use crate::support::{Lab, eventually, secs};

#[test]
fn what_was_terminated_from_outside_is_healed() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    let _controller = lab.controller();
    lab.apply("login.yaml", &spec("feature/login", "v1", "2d")).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    let before = status(&lab, "feature/login");
    let id = before["environmentId"].as_str().expect("an id").to_owned();
    lab.aws(&["elasticbeanstalk", "terminate-environment", "--environment-id", &id]);
    eventually(LONG, "another environment is Ready", || {
        let now = status(&lab, "feature/login");
        if now["phase"] == "Ready" && now["environmentId"] != before["environmentId"] {
            Ok(())
        } else {
            Err(now.to_string())
        }
    });
    let after = status(&lab, "feature/login");
    assert_eq!(after["environment"], before["environment"], "the same name");
    assert_eq!(after["url"], before["url"], "the same address");
    assert_eq!(after["createdAt"], before["createdAt"], "life counts on");
    assert_eq!(lab.environments().len(), 1);
}

#[test]
fn foreign_environments_are_never_touched() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    // Learn the name that the feature will have, and give it to a stranger.
    let mut controller = lab.controller();
    lab.apply("login.yaml", &spec("feature/login", "v1", "2d")).ok();
    lab.apply("other.yaml", &spec("feature/other", "v1", "2d")).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    lab.wait_for("feature/other", "ready", LONG).ok();
    let login = status(&lab, "feature/login");
    let name = login["environment"].as_str().expect("a name").to_owned();
    controller.term();
    let other = status(&lab, "feature/other");
    let arn = arn_of(&lab, other["environmentId"].as_str().expect("an id"));
    let tags = lab.tags(&arn);
    let id = login["environmentId"].as_str().expect("an id").to_owned();
    lab.aws(&["elasticbeanstalk", "terminate-environment", "--environment-id", &id]);
    eventually(LONG, "the name is free", || {
        let live = lab.environments();
        if live.iter().any(|one| one["EnvironmentName"] == name.as_str()) {
            Err(format!("{live:?}"))
        } else {
            Ok(())
        }
    });
    let stolen = lab.create_by_hand(&name, &[("team", "somebody-else")]);
    let copied: Vec<(&str, &str)> = tags
        .iter()
        .filter(|(key, _)| key.starts_with("beansprout:"))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    let prefixed = lab.create_by_hand("f-made-by-hand", &copied);

    lab.cloud.control("now");
    let since = lab.cloud.calls(0).last().map_or(0, |call| call.seq);
    controller.start_again();
    eventually(LONG, "the feature says who is in the way", || is(&lab, "feature/login", "Blocked"));
    let blocked = status(&lab, "feature/login");
    let stolen_id = stolen["EnvironmentId"].as_str().expect("an id");
    assert!(blocked["happened"].as_str().is_some_and(|text| text.contains(stolen_id)), "{blocked}");
    let told = lab.sprout(&["describe", "feature/login"]).ok();
    assert!(told.stdout.contains(stolen_id), "{}", told.stdout);

    // The row of the feature goes, its time passes: still nobody touches them.
    lab.sprout(&["delete", "feature/login"]).ok();
    lab.sprout(&["delete", "feature/other"]).ok();
    lab.wait_for("feature/other", "gone", LONG).ok();
    for foreign in [&stolen, &prefixed] {
        let id = foreign["EnvironmentId"].as_str().expect("an id");
        let mutated: Vec<_> = lab
            .cloud
            .calls(since)
            .into_iter()
            .filter(|call| call.access_key == "AKIAMAIN" && call.environment.as_deref() == Some(id))
            .filter(|call| !call.operation.starts_with("Describe") && !call.operation.starts_with("List"))
            .collect();
        assert!(mutated.is_empty(), "{mutated:?}");
        assert!(lab.environments().iter().any(|one| one["EnvironmentId"] == id), "{id} lives");
    }
}

fn arn_of(lab: &Lab, id: &str) -> String {
    let environments = lab.environments();
    let found = environments.iter().find(|one| one["EnvironmentId"] == id).expect("the environment");
    found["EnvironmentArn"].as_str().expect("an ARN").to_owned()
}

#[test]
fn a_second_or_emptied_store_destroys_nothing() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    let mut controller = lab.controller();
    for name in ["one", "two", "three"] {
        lab.apply(&format!("{name}.yaml"), &spec(name, "v1", "2d")).ok();
    }
    for name in ["one", "two", "three"] {
        lab.wait_for(name, "ready", LONG).ok();
    }
    let before = ids(&lab);

    let second = lab.desk("second");
    second.write("second.toml", super::QUICK);
    let mut other = second.controller();
    eventually(LONG, "the second store reports orphans", || {
        let listed = second.sprout(&["orphans", "-o", "json"]);
        let found: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
        if found.as_array().map(Vec::len) == Some(3) { Ok(()) } else { Err(listed.stdout) }
    });
    other.term();

    controller.term();
    let raw = rusqlite::Connection::open(lab.store()).expect("the store");
    raw.execute_batch("DELETE FROM spec; DELETE FROM record; DELETE FROM status;").expect("an emptied store");
    drop(raw);
    controller.start_again();
    eventually(LONG, "the emptied store reports orphans", || {
        let listed = lab.sprout(&["orphans", "-o", "json"]);
        let found: Value = serde_json::from_str(&listed.stdout).unwrap_or_default();
        if found.as_array().map(Vec::len) == Some(3) { Ok(()) } else { Err(listed.stdout) }
    });
    // Hours of the world pass, well beyond every grace.
    lab.cloud.control("clock +3h");
    crate::support::never_within(secs(6), "an environment is touched", || {
        (ids(&lab) != before).then(|| format!("{:?}", ids(&lab)))
    });
    assert!(mutations(&lab, "TerminateEnvironment").is_empty());

    // A person puts it in order: one goes on, the others end.
    let one = lab.write("one.yaml", &spec("one", "v1", "2d"));
    let kept = crate::e2e::stores::orphan_for(&lab, "one");
    lab.sprout(&["adopt", &kept, "--feature", "one", "-f", &one.to_string_lossy()]).ok();
    lab.wait_for("one", "ready", LONG).ok();
    lab.sprout(&["orphans", "delete", "--all", "--yes", "--why", "nobody needs them"]).ok();
    eventually(LONG, "only that one is left", || {
        let left = ids(&lab);
        if left == [kept.clone()] { Ok(()) } else { Err(format!("{left:?}")) }
    });
    eventually(LONG, "no orphan is left", || {
        let listed = lab.sprout(&["orphans", "-o", "name"]).ok();
        if listed.stdout.is_empty() { Ok(()) } else { Err(listed.stdout) }
    });
    let told = lab.sprout(&["events", &before[0], &before[1], &before[2]]).stdout;
    assert_eq!(told.matches("It is gone.").count(), 2, "{told}");
}

fn ids(lab: &Lab) -> Vec<String> {
    let mut ids: Vec<String> = lab
        .environments()
        .iter()
        .map(|one| one["EnvironmentId"].as_str().unwrap_or("?").to_owned())
        .collect();
    ids.sort();
    ids
}
