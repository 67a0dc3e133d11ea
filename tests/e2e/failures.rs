//! Deployments that fail, and a cloud that answers badly for a while.

use super::{LONG, is, lab, mutations, phase, spec, status};
use crate::support::eventually;

#[test]
fn after_a_failed_deployment_the_old_tag_is_deployed_again() {
    let Some(lab) = lab(4.0) else { return };
    for tag in ["v1", "v2-broken"] {
        lab.push_image("shop-web", tag);
    }
    let _controller = lab.controller();
    lab.apply("login.yaml", &spec("login", "v1", "2d")).ok();
    lab.wait_for("login", "ready", LONG).ok();
    let first = shown(&lab);

    lab.apply("login.yaml", &spec("login", "v2-broken", "2d")).ok();
    eventually(LONG, "the failure is told", || {
        let status = status(&lab, "login");
        let told = status["happened"].as_str().unwrap_or_default();
        if told.contains("rolled back") { Ok(()) } else { Err(status.to_string()) }
    });
    assert_eq!(shown(&lab), first, "the old label is shown");
    let told = lab.sprout(&["describe", "login"]).ok();
    assert!(told.stdout.contains("shop-web:v1"), "{}", told.stdout);

    lab.apply("login.yaml", &spec("login", "v1", "2d")).ok();
    lab.wait_for("login", "ready", LONG).ok();
    assert_ne!(shown(&lab), first, "the old tag was deployed again, under a label of its own");
    let status = status(&lab, "login");
    assert_eq!(status["deployed"]["image"], "shop-web:v1");
}

fn shown(lab: &crate::support::Lab) -> String {
    let environments = lab.environments();
    assert_eq!(environments.len(), 1, "{environments:?}");
    environments[0]["VersionLabel"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn a_missing_image_costs_no_environment() {
    let Some(lab) = lab(4.0) else { return };
    lab.push_image("shop-web", "v1");
    let _controller = lab.controller();
    lab.apply("login.yaml", &spec("login", "not-pushed-yet", "2d")).ok();
    eventually(LONG, "it says what it waits for", || {
        let status = status(&lab, "login");
        let told = status["happened"].as_str().unwrap_or_default();
        if told.contains("image is not there") { Ok(()) } else { Err(status.to_string()) }
    });
    assert_eq!(phase(&lab, "login"), "Pending");
    assert!(mutations(&lab, "CreateEnvironment").is_empty());
    assert!(mutations(&lab, "CreateApplicationVersion").is_empty());
    lab.push_image("shop-web", "not-pushed-yet");
    lab.wait_for("login", "ready", LONG).ok();
}

#[test]
fn a_minute_of_bad_answers_does_no_harm() {
    for kind in ["broken", "unavailable", "throttle", "empty", "lost", "garbled", "timeout"] {
        bad_minute(kind);
    }
}

fn bad_minute(kind: &str) {
    let Some(lab) = lab(10.0) else { return };
    for tag in ["v1", "v2"] {
        lab.push_image("shop-web", tag);
    }
    let _controller = lab.controller();
    for name in ["stays", "changes", "goes"] {
        lab.apply(&format!("{name}.yaml"), &spec(name, "v1", "2d")).ok();
    }
    for name in ["stays", "changes", "goes"] {
        lab.wait_for(name, "ready", LONG).ok();
    }
    let stays = status(&lab, "stays")["environmentId"].clone();
    lab.cloud.control(&format!(r#"{{"fault": {{"kind": "{kind}", "probability": 0.7, "until": 60.0}}}}"#));
    lab.apply("changes.yaml", &spec("changes", "v2", "2d")).ok();
    lab.apply("comes.yaml", &spec("comes", "v1", "2d")).ok();
    lab.sprout(&["delete", "goes"]).ok();
    eventually(LONG, &format!("all is as wanted after a minute of {kind}"), || {
        is(&lab, "stays", "Ready")?;
        is(&lab, "changes", "Ready")?;
        is(&lab, "comes", "Ready")?;
        let deployed = status(&lab, "changes")["deployed"]["image"].clone();
        if deployed != "shop-web:v2" {
            return Err(format!("changes runs {deployed}"));
        }
        let live = lab.environments();
        if live.len() == 3 { Ok(()) } else { Err(format!("{} live: {live:?}", live.len())) }
    });
    lab.wait_for("goes", "gone", LONG).ok();
    assert_eq!(status(&lab, "stays")["environmentId"], stays, "{kind}: it was never recreated");
    let names: Vec<String> = lab
        .environments()
        .iter()
        .map(|one| one["EnvironmentName"].as_str().unwrap_or("?").to_owned())
        .collect();
    let mut unique = names.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 3, "{kind}: {names:?}");
}
