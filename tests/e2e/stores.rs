//! A store that is lost, restored from a backup, or shared with nobody: what people do then, with the real commands.

use serde_json::Value;

use super::{LONG, is, lab, mutations, spec, status};
use crate::support::{Lab, eventually, never_within, secs};

/// The orphans that are shown; none while a new store is being laid out.
fn orphans(lab: &Lab) -> Vec<Value> {
    let listed = lab.sprout(&["orphans", "-o", "json"]);
    serde_json::from_str::<Value>(&listed.stdout)
        .ok()
        .and_then(|list| list.as_array().cloned())
        .unwrap_or_default()
}

/// Waits for the orphan that was made for this feature; its id.
pub(crate) fn orphan_for(lab: &Lab, feature: &str) -> String {
    eventually(LONG, "the orphan is shown", || {
        let all = orphans(lab);
        let found = all.iter().find(|orphan| orphan["madeFor"] == feature);
        found.and_then(|orphan| orphan["id"].as_str().map(str::to_owned)).ok_or(format!("{all:?}"))
    })
}

fn environment(lab: &Lab, feature: &str) -> String {
    status(lab, feature)["environmentId"].as_str().expect("an id").to_owned()
}

fn live(lab: &Lab) -> Vec<String> {
    let id = |one: &Value| one["EnvironmentId"].as_str().unwrap_or("?").to_owned();
    let mut ids: Vec<String> = lab.environments().iter().map(id).collect();
    ids.sort();
    ids
}

/// Removes the store's file, with what SQLite keeps beside it.
fn lose(lab: &Lab) {
    for end in ["", "-wal", "-shm"] {
        let mut path = lab.store().into_os_string();
        path.push(end);
        let _ = std::fs::remove_file(path);
    }
    assert!(!lab.store().exists());
}

#[test]
fn after_a_lost_store_people_adopt_what_they_need_and_delete_the_rest() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    lab.push_image("shop-web", "v2");
    let mut controller = lab.controller();
    for name in ["one", "two"] {
        lab.apply(&format!("{name}.yaml"), &spec(name, "v1", "2d")).ok();
    }
    for name in ["one", "two"] {
        lab.wait_for(name, "ready", LONG).ok();
    }
    let (one, two) = (environment(&lab, "one"), environment(&lab, "two"));
    controller.term();
    lose(&lab);
    controller.start_again();
    assert_eq!((orphan_for(&lab, "one"), orphan_for(&lab, "two")), (one.clone(), two.clone()));

    // What another store made is never part of all, and is taken only by who says so.
    let left_out = lab.sprout(&["orphans", "delete", "--all", "--yes"]).ended(1);
    assert!(left_out.stderr.contains("which another store made"), "{left_out}");
    let none = lab.sprout(&["adopt", &one, "--feature", "one"]).ended(1);
    assert!(
        none.stderr.contains("there is no specification of one") && none.stderr.contains("-f FILE"),
        "{none}"
    );
    let file = lab.write("one.yaml", &spec("one", "v2", "2d")).to_string_lossy().into_owned();
    let asked = lab.sprout(&["adopt", &one, "--feature", "one", "-f", &file]).ended(2);
    assert!(asked.stderr.contains("is not this store's") && asked.stderr.contains("--yes"), "{asked}");
    assert_eq!(lab.feature("one"), Value::Null, "nothing was written");

    lab.sprout(&["adopt", &one, "--feature", "one", "-f", &file, "--yes"]).ok();
    lab.wait_for("one", "ready", LONG).ok();
    assert_eq!(environment(&lab, "one"), one, "the same environment");
    let url = status(&lab, "one")["url"].as_str().expect("a url").to_owned();
    let shown = lab.visit_json(&url).expect("it answers");
    assert!(shown.to_string().contains("shop-web"), "{shown}");
    lab.sprout(&["orphans", "delete", &two, "--yes"]).ok();
    eventually(LONG, "the other is gone", || {
        let left = live(&lab);
        if left == [one.clone()] { Ok(()) } else { Err(format!("{left:?}")) }
    });
    assert_eq!(mutations(&lab, "CreateEnvironment").len(), 2, "none was made again");
    assert_eq!(mutations(&lab, "UpdateTagsForResource").len(), 1);

    // It ends like any other, because it bears this store's binding now.
    lab.sprout(&["delete", "one"]).ok();
    lab.wait_for("one", "gone", LONG).ok();
    eventually(LONG, "nothing is left", || {
        let left = live(&lab);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

#[test]
fn a_store_restored_from_a_backup_is_read_only_until_somebody_claims_it() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    let mut controller = lab.controller();
    lab.apply("early.yaml", &spec("early", "v1", "2d")).ok();
    lab.wait_for("early", "ready", LONG).ok();
    let backup = lab.dir().join("backup.db");
    let raw = rusqlite::Connection::open(lab.store()).expect("the store");
    raw.execute("VACUUM INTO ?1", [backup.to_string_lossy()]).expect("a backup");
    drop(raw);
    let late = lab.apply("late.yaml", &spec("late", "v1", "2d"));
    late.ok();
    lab.wait_for("late", "ready", LONG).ok();
    let before = live(&lab);
    controller.term();
    lose(&lab);
    std::fs::rename(&backup, lab.store()).expect("the backup is put back");

    let since = lab.cloud.calls(0).last().map_or(0, |call| call.seq);
    controller.start_again();
    eventually(LONG, "the controller waits", || {
        let log = controller.log();
        if log.contains("Waiting, and changing nothing: the store was bound to") { Ok(()) } else { Err(log) }
    });
    let shown = lab.sprout(&["get"]).ok();
    assert!(shown.stdout.contains("early") && shown.stderr.contains("sprout store claim"), "{shown}");
    let refused = lab.sprout(&["delete", "early"]).ended(1);
    assert!(refused.stderr.contains("moved, copied or restored"), "{refused}");
    let state = lab.sprout(&["store"]).ok();
    assert!(state.stdout.contains("read-only: the store was bound to"), "{state}");
    never_within(secs(4), "AWS is asked to do something", || {
        let calls = lab.cloud.calls(since);
        calls.iter().find(|call| call.operation != "GetCallerIdentity").map(|call| format!("{call:?}"))
    });

    let asked = lab.sprout(&["store", "claim"]).ended(2);
    assert!(
        asked.stderr.contains("restored from a backup") && asked.stderr.contains("stop every"),
        "{asked}"
    );
    lab.sprout(&["store", "claim", "--yes"]).ok();
    let orphan = orphan_for(&lab, "late");
    eventually(LONG, "what the backup knew goes on", || is(&lab, "early", "Ready"));
    // This store made it, so nobody else can be using it: no question.
    let file = lab.dir().join("late.yaml").to_string_lossy().into_owned();
    lab.sprout(&["adopt", &orphan, "--feature", "late", "-f", &file]).ok();
    lab.wait_for("late", "ready", LONG).ok();
    assert_eq!(live(&lab), before, "nothing was made or ended");
    assert!(mutations(&lab, "UpdateTagsForResource").is_empty(), "its tags fit already");
}
