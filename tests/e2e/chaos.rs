//! The controller is killed at moments drawn from a seed while features come,
//! change and go. Whatever it was doing, the end is exactly what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{lab, spec, status, until_nothing_is_left};
use crate::support::{Controller, Lab, eventually, secs};

const FEATURES: usize = 20;
/// Calls that change the world; each must have been struck at least once.
const MUTATING: [&str; 6] = [
    "PutObject",
    "CreateApplicationVersion",
    "CreateEnvironment",
    "UpdateEnvironment",
    "TerminateEnvironment",
    "DeleteApplicationVersion",
];

#[test]
fn kills_at_any_moment_change_nothing_in_the_end() {
    let Some(lab) = lab(20.0) else { return };
    let seed =
        std::env::var("SPROUT_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_105);
    println!("seed {seed}: SPROUT_TEST_SEED={seed} make test ARGS=kills_at_any_moment");
    let mut dice = fastrand::Rng::with_seed(seed);
    for tag in ["v1", "v2", "v3"] {
        lab.push_image("shop-web", tag);
    }
    let mut controller = lab.controller();
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for round in 0..3 {
        for index in 0..FEATURES {
            let name = format!("chaos-{index:02}");
            match (round, dice.u8(0..4)) {
                (0, _) | (_, 0 | 1) => {
                    let tag = format!("v{}", dice.u8(1..=3));
                    lab.apply(&format!("{name}.yaml"), &spec(&name, &tag, "20d")).ok();
                    wanted.insert(name, tag);
                }
                (_, 2) if wanted.contains_key(&name) => {
                    lab.sprout(&["delete", &name]).ok();
                    wanted.remove(&name);
                }
                _ => {}
            }
        }
        for _ in 0..6 {
            kill_somewhere(&lab, &mut controller, &mut dice);
        }
    }
    let mut struck = strike_every_call(&lab, &mut controller, &mut wanted);
    settle(&lab, &wanted);
    struck.retain(|operation| !MUTATING.contains(&operation.as_str()));
    assert!(struck.is_empty(), "{struck:?}");

    for name in wanted.keys() {
        lab.sprout(&["delete", name]).ok();
    }
    settle(&lab, &BTreeMap::new());
    until_nothing_is_left(&lab);
    controller.term();
}

/// Lets it run for a drawn while, then kills it; the next one takes over.
fn kill_somewhere(lab: &Lab, controller: &mut Controller, dice: &mut fastrand::Rng) {
    let from = last_call(lab, 0);
    let calls = dice.u64(3..40);
    // The moment is a number of calls, not a time: it falls between any two.
    let _ = crate::support::until(secs(8), || {
        let now = last_call(lab, from);
        if now >= from + calls { Ok(()) } else { Err(now.to_string()) }
    });
    controller.kill9();
    controller.start_again();
}

/// For every mutating call: kills the controller while it waits for the answer,
/// and lets the call take effect after that.
fn strike_every_call(
    lab: &Lab,
    controller: &mut Controller,
    wanted: &mut BTreeMap<String, String>,
) -> BTreeSet<String> {
    let mut struck = BTreeSet::new();
    for (index, operation) in MUTATING.into_iter().enumerate() {
        // Never answered, and applied only when the caller is long dead.
        lab.cloud.control(&format!(
            r#"{{"fault": {{"operation": "{operation}", "kind": "late", "by": 40.0, "nth": 1}}}}"#
        ));
        let name = format!("struck-{index}");
        lab.apply(&format!("{name}.yaml"), &spec(&name, "v1", "20d")).ok();
        wanted.insert(name.clone(), "v1".to_owned());
        if operation == "UpdateEnvironment" {
            eventually(secs(180), "it is Ready", || ready(lab, &name, "v1"));
            lab.apply(&format!("{name}.yaml"), &spec(&name, "v2", "20d")).ok();
            wanted.insert(name.clone(), "v2".to_owned());
        }
        if operation.starts_with("Terminate") || operation.starts_with("Delete") {
            eventually(secs(180), "it is Ready", || ready(lab, &name, "v1"));
            lab.sprout(&["delete", &name]).ok();
            wanted.remove(&name);
        }
        eventually(secs(180), &format!("{operation} is struck"), || {
            let hits = lab.cloud.control("hits").to_string();
            if hits.contains(&format!("\"{operation}\"")) { Ok(()) } else { Err(hits) }
        });
        controller.kill9();
        struck.insert(operation.to_owned());
        lab.cloud.control("faults clear");
        controller.start_again();
    }
    struck
}

/// The number of the newest call, where `known` is an older one.
pub(super) fn last_call(lab: &Lab, known: u64) -> u64 {
    lab.cloud.control(&format!("calls since {known}"))["last"].as_u64().unwrap_or(known)
}

fn ready(lab: &Lab, name: &str, tag: &str) -> Result<(), String> {
    let status = status(lab, name);
    let deployed = format!("shop-web:{tag}");
    if status["phase"] == "Ready" && status["deployed"]["image"] == deployed.as_str() {
        Ok(())
    } else {
        Err(format!("{name} {}: {}", status["phase"], status["happened"]))
    }
}

/// Waits until exactly the wanted environments exist, each once and with the
/// wanted version.
pub(super) fn settle(lab: &Lab, wanted: &BTreeMap<String, String>) {
    eventually(secs(600), "exactly the wanted environments exist", || {
        let all = lab.sprout(&["get", "-o", "json"]).json();
        let all = all.as_array().cloned().unwrap_or_default();
        let mut found = BTreeMap::new();
        for one in &all {
            let name = one["metadata"]["name"].as_str().unwrap_or("?").to_owned();
            let status = &one["status"];
            if status["phase"] != "Ready" {
                return Err(format!("{name} {}: {}", status["phase"], status["happened"]));
            }
            let image = status["deployed"]["image"].as_str().unwrap_or("?");
            found.insert(name, image.trim_start_matches("shop-web:").to_owned());
        }
        if found == *wanted { Ok(()) } else { Err(format!("found {found:?}, wanted {wanted:?}")) }
    });
    let live = live_names(lab);
    let unique: BTreeSet<&String> = live.iter().collect();
    assert_eq!(unique.len(), live.len(), "one name twice: {live:?}");
    assert_eq!(live.len(), wanted.len(), "{live:?}");
}

fn live_names(lab: &Lab) -> Vec<String> {
    lab.environments()
        .iter()
        .map(|one: &Value| one["EnvironmentName"].as_str().unwrap_or("?").to_owned())
        .collect()
}
