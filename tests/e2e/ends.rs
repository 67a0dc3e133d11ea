//! How features end, and what brings them back.

use super::{Keep, LONG, is, lab_with, mutations, phase, spec, status, until_nothing_is_left};
use crate::support::{eventually, never_within, secs};

pub(super) fn when_the_time_is_over_nothing_is_left_and_only_news_brings_it_back(keep: Keep) {
    let Some(lab) = lab_with(keep, 8.0) else { return };
    for tag in ["v1", "v2"] {
        lab.push_image("shop-web", tag);
    }
    let _controller = lab.controller();
    let file = spec("feature/login", "v1", "1h");
    lab.apply("login.yaml", &file).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    lab.cloud.control("clock +61m");
    lab.wait_for("feature/login", "expired", LONG).ok();
    assert_eq!(phase(&lab, "feature/login"), "Expired");
    assert!(lab.environments().is_empty());
    until_nothing_is_left(&lab);

    // The unchanged specification, and one whose owner changed, do nothing.
    lab.apply("login.yaml", &file).ok();
    lab.apply(
        "login.yaml",
        &file.replace("name: feature/login", "name: feature/login\n  owner: a@example.com"),
    )
    .ok();
    let launches = mutations(&lab, "CreateEnvironment").len();
    never_within(secs(4), "it comes back", || {
        let found = phase(&lab, "feature/login");
        (found != "Expired").then_some(found)
    });
    assert_eq!(mutations(&lab, "CreateEnvironment").len(), launches);

    // A changed specification does.
    lab.apply("login.yaml", &spec("feature/login", "v2", "1h")).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    lab.cloud.control("clock +61m");
    lab.wait_for("feature/login", "expired", LONG).ok();

    // So does a new commit of the same image tag.
    let commit = spec("feature/login", "v2", "1h")
        .replace("name: feature/login", "name: feature/login\n  source: {commit: 9f2c1ab}");
    lab.apply("login.yaml", &commit).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
    lab.cloud.control("clock +61m");
    lab.wait_for("feature/login", "expired", LONG).ok();

    // And so does renewal.
    lab.sprout(&["renew", "feature/login"]).ok();
    lab.wait_for("feature/login", "ready", LONG).ok();
}

pub(super) fn renewal_during_teardown_is_told_the_truth(keep: Keep) {
    let Some(lab) = lab_with(keep, 1.0) else { return };
    lab.push_image("shop-web", "v1");
    let _controller = lab.controller();
    lab.apply("login.yaml", &spec("login", "v1", "1h")).ok();
    lab.wait_for("login", "ready", LONG).ok();
    lab.cloud.control("clock +61m");
    eventually(LONG, "it is being taken down", || {
        is(&lab, "login", "Terminating")?;
        let calls = mutations(&lab, "TerminateEnvironment");
        if calls.is_empty() { Err("no call yet".to_owned()) } else { Ok(()) }
    });
    let refused = lab.sprout(&["renew", "login"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("taken down"), "{}", refused.stderr);
    lab.wait_for("login", "expired", LONG).ok();
    lab.sprout(&["renew", "login"]).ok();
    lab.wait_for("login", "ready", LONG).ok();
}

pub(super) fn an_extension_moves_the_end_and_a_protected_feature_has_none(keep: Keep) {
    let Some(lab) = lab_with(keep, 4.0) else { return };
    lab.push_image("shop-web", "v1");
    let _controller = lab.controller();
    lab.apply("a.yaml", &spec("extended", "v1", "1h")).ok();
    lab.apply("b.yaml", &spec("protected", "v1", "1h")).ok();
    lab.wait_for("extended", "ready", LONG).ok();
    lab.wait_for("protected", "ready", LONG).ok();
    lab.sprout(&["extend", "extended", "2h"]).ok();
    lab.sprout(&["protect", "protected"]).ok();
    eventually(LONG, "the end has moved", || {
        let status = status(&lab, "protected");
        if status["protected"] == true { Ok(()) } else { Err(status.to_string()) }
    });
    let refused = lab.sprout(&["delete", "protected"]);
    assert_ne!(refused.code, Some(0), "a protected feature is not deleted: {refused:?}");
    lab.cloud.control("clock +90m");
    never_within(secs(4), "one of them ends", || {
        let found = (phase(&lab, "extended"), phase(&lab, "protected"));
        (found != ("Ready".to_owned(), "Ready".to_owned())).then(|| format!("{found:?}"))
    });
    lab.cloud.control("clock +2h");
    lab.wait_for("extended", "expired", LONG).ok();
    assert_eq!(phase(&lab, "protected"), "Ready");
}

pub(super) fn deletion_leaves_nothing_and_says_so(keep: Keep) {
    let Some(lab) = lab_with(keep, 4.0) else { return };
    lab.push_image("shop-web", "v1");
    let mut controller = lab.controller();
    lab.apply("login.yaml", &spec("login", "v1", "2d")).ok();
    lab.wait_for("login", "ready", LONG).ok();
    lab.sprout(&["delete", "login"]).ok();
    lab.wait_for("login", "gone", LONG).ok();
    assert!(lab.environments().is_empty());
    until_nothing_is_left(&lab);
    eventually(LONG, "the row is gone", || {
        let found = lab.sprout(&["get", "-o", "name"]);
        if found.stdout.trim().is_empty() { Ok(()) } else { Err(found.stdout) }
    });
    let ended = controller.term();
    assert!(ended.success(), "SIGTERM ends it cleanly: {ended:?}");
}
