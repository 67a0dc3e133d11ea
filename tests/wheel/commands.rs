//! `init`, `run` and `diff`.

use super::{Place, looks, spec};
use crate::support::{eventually, secs};

#[test]
fn init_makes_what_is_missing_and_repeating_it_makes_nothing() {
    let place = Place::new(&[]);
    let dry = place.desk.sprout(&["init", "--dry-run"]).ok();
    assert_eq!(dry.stdout.matches("would be made").count(), 3, "{dry}");
    let (operations, after) = place.operations(0);
    assert!(operations.iter().all(|operation| looks(operation)), "{operations:?}");
    assert!(!place.desk.store().exists());

    let first = place.desk.sprout(&["init"]).ok();
    assert_eq!(first.stdout.matches(": made").count(), 3, "{first}");
    assert!(first.stderr.contains("Next: sprout run"), "{first}");
    let again = place.desk.sprout(&["init"]).ok();
    assert_eq!(again.stdout.matches("there already").count(), 3, "{again}");
    let (operations, _) = place.operations(after);
    let made = operations.iter().filter(|operation| *operation == "CreateApplication").count();
    assert_eq!(made, 1, "{operations:?}");
}

#[test]
fn init_without_an_application_says_how_to_name_one() {
    let mut place = Place::new(&[]);
    place.desk.unset("SPROUT_APPLICATION");
    let refused = place.desk.sprout(&["init"]).ended(2);
    assert!(refused.stderr.contains("--application NAME"), "{refused}");
    let named = place.desk.sprout(&["init", "--application", "shop"]).ok();
    assert!(named.stdout.contains("shop: made"), "{named}");
}

/// Without an endpoint override it might be a real account: here one whose
/// region is nowhere, so that nothing is reached but the emulated STS.
#[test]
fn a_first_run_without_a_person_is_refused_and_binds_nothing() {
    let mut place = Place::new(&[]);
    place.desk.unset("AWS_ENDPOINT_URL");
    place.desk.set("AWS_ENDPOINT_URL_STS", place.cloud.endpoint());
    place.desk.set("AWS_REGION", "xx-nowhere-1");
    let refused = place.desk.sprout(&["run"]).ended(2);
    assert!(refused.stderr.contains("No controller has ever acted on this store"), "{refused}");
    assert!(refused.stderr.contains("xx-nowhere-1"), "{refused}");
    assert!(refused.stderr.contains("sprout run --yes"), "{refused}");

    // Nothing was bound to the account that nobody agreed to.
    place.desk.set("AWS_ENDPOINT_URL", place.cloud.endpoint());
    place.desk.set("AWS_REGION", "us-east-1");
    let mut controller = place.desk.controller();
    eventually(secs(60), "the controller acts", || {
        let log = controller.log();
        if log.contains("in us-east-1") { Ok(()) } else { Err(log) }
    });
    assert!(controller.term().success(), "{}", controller.log());
}

#[test]
fn a_read_only_controller_makes_no_mutating_call() {
    let place = Place::new(&["--seed-image", "shop-web:login-1"]);
    place.desk.sprout(&["init"]).ok();
    place.desk.apply("login.yaml", &spec("feature/login", "shop-web:login-1")).ok();
    let (_, before) = place.operations(0);
    let mut controller = place.desk.controller_with("looker", &["--read-only"]);
    eventually(secs(60), "it has looked", || {
        let (operations, _) = place.operations(before);
        if operations.iter().any(|operation| operation == "DescribeEnvironments") {
            Ok(())
        } else {
            Err(format!("{operations:?}\n{}", controller.log()))
        }
    });
    assert!(controller.term().success(), "{}", controller.log());
    let (operations, _) = place.operations(before);
    assert!(operations.iter().all(|operation| looks(operation)), "{operations:?}");
}

#[test]
fn diff_says_what_would_be_done_and_does_nothing() {
    let place = Place::new(&["--seed-image", "shop-web:login-1", "--seed-image", "shop-web:login-2"]);
    place.desk.sprout(&["init"]).ok();
    let file = place.path("login.yaml");
    place.desk.write("login.yaml", &spec("feature/login", "shop-web:login-1"));
    let (_, before) = place.operations(0);
    let new = place.desk.sprout(&["diff", "-f", &file]).ended(1);
    assert!(new.stdout.contains("feature/login is new.\n  At once: its environment would be made."), "{new}");
    let (operations, _) = place.operations(before);
    assert!(operations.iter().any(|operation| operation == "DescribeEnvironments"), "{operations:?}");
    assert!(operations.iter().all(|operation| looks(operation)), "{operations:?}");

    place.desk.sprout(&["apply", "-f", &file]).ok();
    let mut controller = place.desk.controller();
    place.desk.sprout(&["wait", "feature/login", "--timeout", "60s"]).ok();
    let same = place.desk.sprout(&["diff", "-f", &file]).ended(0);
    assert!(same.stdout.contains("feature/login stays as it is."), "{same}");
    assert!(controller.term().success(), "{}", controller.log());

    let (_, before) = place.operations(0);
    let changed = spec("feature/login", "shop-web:login-2").replace("3d", "4d");
    place.desk.write("login.yaml", &changed);
    let change = place.desk.sprout(&["diff", "-f", &file]).ended(1);
    for words in [
        "image login-1 → login-2: deploys again, into the same environment",
        "ttl 3d → 4d: moves its end; the environment stays as it is",
        "At once: a new version would be deployed.",
    ] {
        assert!(change.stdout.contains(words), "{words}: {change}");
    }
    let json = place.desk.sprout(&["diff", "-f", &file, "-o", "json"]).ended(1).json();
    assert_eq!(json[0]["change"], "change", "{json}");
    assert_eq!(json[0]["differs"], true, "{json}");
    let (operations, _) = place.operations(before);
    assert!(operations.iter().all(|operation| looks(operation)), "{operations:?}");
}
