//! From a file to a live environment, and from one version to the next.

use super::{Keep, LONG, is, lab_with, mutations, phase, spec, status};
use crate::support::{eventually, secs};

pub(super) fn the_example_specs_come_to_life(keep: Keep) {
    let Some(lab) = lab_with(keep, 4.0) else { return };
    let specs = concat!(env!("CARGO_MANIFEST_DIR"), "/specs");
    let mut names = Vec::new();
    for (image, name) in examples(specs) {
        let (repository, tag) = image.split_once(':').expect("a tag");
        lab.push_image(repository, tag);
        names.push((name, image));
    }
    assert!(names.len() >= 2, "{names:?}");
    let _controller = lab.controller();
    lab.sprout(&["apply", "-f", specs]).ok();
    for (name, image) in &names {
        lab.wait_for(name, "ready", LONG).ok();
        assert_eq!(phase(&lab, name), "Ready", "wait returns when it is so");
        let url = status(&lab, name)["url"].as_str().expect("a URL").to_owned();
        let page = eventually(secs(20), "the URL answers", || lab.visit(&url));
        assert_eq!(page.status, 200, "{}", page.body);
        let label = status(&lab, name)["versionLabel"].as_str().expect("a label").to_owned();
        let repository = image.split(':').next().expect("a repository");
        for stated in [name.as_str(), &label, repository] {
            assert!(page.body.contains(stated), "the page does not state {stated}: {}", page.body);
        }
    }
    let environments = lab.environments();
    assert_eq!(environments.len(), names.len());
    for environment in environments {
        let tags = lab.tags(environment["EnvironmentArn"].as_str().expect("an ARN"));
        for tag in ["beansprout:binding", "beansprout:feature", "beansprout:lifecycle", "beansprout:created"]
        {
            assert!(tags.contains_key(tag), "{tag} is missing in {tags:?}");
        }
        assert_eq!(tags["beansprout:lifecycle"], "temporary");
    }
}

/// Image and name of every example.
fn examples(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|end| end != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        for document in text.split("\n---") {
            let value: serde_yaml::Value = serde_yaml::from_str(document).expect("YAML");
            if let (Some(image), Some(name)) =
                (value["spec"]["image"].as_str(), value["metadata"]["name"].as_str())
            {
                found.push((image.to_owned(), name.to_owned()));
            }
        }
    }
    found
}

pub(super) fn a_changed_tag_goes_to_the_same_environment_once(keep: Keep) {
    let Some(lab) = lab_with(keep, 1.0) else { return };
    for tag in ["v1", "v2", "v3", "v4", "v5"] {
        lab.push_image("shop-web", tag);
    }
    let _controller = lab.controller();
    lab.apply("login.yaml", &spec("feature/login", "v1", "2d")).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    let id = status(&lab, "feature/login")["environmentId"].clone();

    lab.apply("login.yaml", &spec("feature/login", "v2", "2d")).ok();
    eventually(LONG, "the update runs", || is(&lab, "feature/login", "Updating"));
    // Three changes while it runs: only the newest is deployed in the end.
    for tag in ["v3", "v4", "v5"] {
        lab.apply("login.yaml", &spec("feature/login", tag, "2d")).ok();
    }
    lab.wait_for("feature/login", "ready", LONG).ok();

    let after = status(&lab, "feature/login");
    assert_eq!(after["environmentId"], id, "the same environment");
    assert_eq!(after["deployed"]["image"], "shop-web:v5");
    assert_eq!(mutations(&lab, "CreateEnvironment").len(), 1);
    let deployments = mutations(&lab, "UpdateEnvironment");
    assert_eq!(deployments.len(), 2, "v2 and v5, nothing between: {deployments:?}");
    lab.sprout(&["get", "feature/login"]).ok();
}

pub(super) fn a_changed_variable_is_set_before_the_label(keep: Keep) {
    let Some(lab) = lab_with(keep, 4.0) else { return };
    lab.push_image("shop-web", "v1");
    let _controller = lab.controller();
    lab.apply(
        "login.yaml",
        &(spec("login", "v1", "2d") + "  variables: {VERSION: 1.10, MODE: on, ZIP: 0123}\n"),
    )
    .ok();
    lab.wait_for("login", "ready", LONG).ok();
    lab.apply("login.yaml", &(spec("login", "v1", "2d") + "  variables: {VERSION: 1.20, MODE: on}\n")).ok();
    lab.wait_for("login", "ready", LONG).ok();
    let name = status(&lab, "login")["environment"].as_str().expect("a name").to_owned();
    let settings = lab.aws(&[
        "elasticbeanstalk",
        "describe-configuration-settings",
        "--application-name",
        "shop",
        "--environment-name",
        &name,
    ]);
    let options =
        settings["ConfigurationSettings"][0]["OptionSettings"].as_array().cloned().unwrap_or_default();
    let value = |wanted: &str| {
        options.iter().find(|option| option["OptionName"] == wanted).map(|option| option["Value"].clone())
    };
    assert_eq!(value("VERSION"), Some("1.20".into()));
    assert_eq!(value("MODE"), Some("on".into()), "text as written");
    assert_eq!(value("ZIP"), None, "what we set and no longer want is removed");
    let updates = mutations(&lab, "UpdateEnvironment");
    let kinds: Vec<bool> = updates.iter().map(|call| call.params.contains_key("VersionLabel")).collect();
    assert_eq!(kinds, [false, true], "settings first, the label after");
}
