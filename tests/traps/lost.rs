//! Calls whose reply does not come: applied or not, once in the end.

use beansprout::emulator::{Fault, Kind};

use super::{MINUTE, Trap};
use crate::sim::world::{Sim, feature};

/// From nothing to nothing, through a deployment.
async fn whole_life(trap: &Trap) {
    trap.apply(feature("feature/login", "login-41", "3h")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.apply(feature("feature/login", "login-42", "3h")).await;
    trap.expect("the second version runs", async |sim: &Sim| {
        let status = sim.status("feature/login").await.unwrap();
        let runs = status.deployed.is_some_and(|deployed| deployed.image == "shop-web:login-42");
        runs && status.phase.as_str() == "Ready"
    })
    .await;
    trap.until(10 * super::HOUR, "it ends", async |sim: &Sim| {
        sim.phase("feature/login").await == "Expired" && sim.versions().is_empty() && sim.bundles().is_empty()
    })
    .await;
}

/// One fault at the first and one at the second call of an operation; how often it may be applied.
async fn struck(operation: &str, kind: Kind, by: f64, most: usize) {
    let trap = Trap::given().await;
    let at = |nth| Fault { nth: Some(nth), ..Fault::on(operation, kind).by(by) };
    trap.emulator.faults(vec![at(1), at(2)]);
    whole_life(&trap).await;
    let context = format!("{operation} {kind:?} by {by}");
    assert!(trap.live().is_empty(), "{context}");
    let hits: u64 = trap.emulator.fault_hits().iter().map(|(_, _, hits)| hits).sum();
    assert!((1..=2).contains(&hits), "{context}: struck {hits} times");
    let applied = trap.applied(operation);
    assert!((1..=most).contains(&applied), "{context}: applied {applied} times\n{}", trap.account().await);
    assert_eq!(trap.aws(|world| world.environments.len()), 1, "{context}: one environment ever");
    trap.end().await;
}

/// Each kind of fault after which nobody knows whether the call was applied, or which was not.
const KINDS: [(Kind, f64); 10] = [
    (Kind::Refused, 0.0),
    (Kind::Timeout, 0.0),
    (Kind::Lost, 0.0),
    (Kind::Garbled, 0.0),
    (Kind::Late, 40.0),
    (Kind::Late, 200.0),
    (Kind::Twice, 0.0),
    (Kind::Throttle, 0.0),
    (Kind::Unavailable, 0.0),
    (Kind::Broken, 0.0),
];

#[tokio::test(start_paused = true)]
async fn create_environment_without_a_reply_makes_one() {
    for (kind, by) in KINDS {
        struck("CreateEnvironment", kind, by, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn update_environment_without_a_reply_deploys() {
    for (kind, by) in KINDS {
        // What nobody answered is sent again under a fresh label, and what arrives late is deployed over.
        let most = if kind == Kind::Late { 5 } else { 3 };
        struck("UpdateEnvironment", kind, by, most).await;
    }
}

#[tokio::test(start_paused = true)]
async fn terminate_environment_without_a_reply_ends_it_once() {
    for (kind, by) in KINDS {
        struck("TerminateEnvironment", kind, by, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn create_application_version_without_a_reply_makes_one_of_each_label() {
    for (kind, by) in KINDS {
        struck("CreateApplicationVersion", kind, by, 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_bundle_without_a_reply_is_put_once() {
    for (kind, by) in KINDS.into_iter().filter(|(kind, _)| *kind != Kind::Timeout && *kind != Kind::Late) {
        struck("PutObject", kind, by, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_arrives_after_it_was_given_up_is_found_by_its_tag() {
    let trap = Trap::given().await;
    trap.emulator.faults(vec![
        Fault::on("CreateEnvironment", Kind::Late).by(600.0).once(),
        Fault { from: Some(61.0), until: Some(900.0), ..Fault::on("CreateEnvironment", Kind::Unavailable) },
    ]);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.turn(5 * MINUTE).await;
    assert!(trap.live().is_empty());
    trap.until_phase("feature/login", "Ready").await;
    assert_eq!(trap.applied("CreateEnvironment"), 1);
    assert_eq!(trap.live().len(), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_create_that_arrives_after_the_feature_ended_is_ended_too() {
    let trap = Trap::given().await;
    trap.emulator.faults(vec![Fault::on("CreateEnvironment", Kind::Late).by(70.0).once()]);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("the call is under way", async |sim: &Sim| {
        sim.record("feature/login").await.is_some_and(|record| record.open().is_some())
    })
    .await;
    trap.delete("feature/login").await;
    trap.turn(2 * MINUTE).await;
    trap.expect("nothing is left", async |sim: &Sim| {
        sim.live().is_empty() && sim.record("feature/login").await.is_none() && sim.versions().is_empty()
    })
    .await;
    assert_eq!(trap.aws(|world| world.environments.len()), 1, "it came, and it went");
    trap.end().await;
}
