//! Budgets: what one stretch of time may create and destroy.

use super::{HOUR, MINUTE, Trap, options};
use crate::sim::world::{Sim, feature};

#[tokio::test(start_paused = true)]
async fn of_twenty_five_creates_twenty_go_at_once_and_the_rest_after_the_window() {
    let trap = Trap::given().await;
    for n in 0..25 {
        trap.apply(feature(&format!("feature/{n:02}"), "login-41", "2d")).await;
    }
    trap.turn(8 * MINUTE).await;
    assert_eq!(trap.applied("CreateEnvironment"), 20);
    let waits = trap.status("feature/24").await.unwrap();
    assert!(waits.advice.is_some_and(|advice| advice.contains("approve creates")));
    trap.until(12 * MINUTE, "the rest is made", async |sim: &Sim| sim.live().len() == 25).await;
    assert_eq!(trap.calls("CreateEnvironment").len(), 25);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn of_thirty_one_deletions_thirty_go_at_once_and_the_last_after_the_window() {
    let mut with = options();
    with.policy.guards.creates = 100;
    let trap = Trap::given_with(with).await;
    let names: Vec<String> = (0..31).map(|n| format!("feature/{n:02}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    trap.make_ready(&all).await;
    for name in &names {
        trap.delete(name).await;
    }
    trap.turn(8 * MINUTE).await;
    assert_eq!(trap.applied("TerminateEnvironment"), 30, "{}", trap.account().await);
    assert_eq!(trap.live().len(), 1);
    trap.until(12 * MINUTE, "the last goes", async |sim: &Sim| sim.live().is_empty()).await;
    trap.expect("nothing is left", async |sim: &Sim| sim.versions().is_empty() && sim.bundles().is_empty())
        .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_cap_on_live_environments_holds_and_frees() {
    let mut with = options();
    with.policy.guards.cap = Some(2);
    let trap = Trap::given_with(with).await;
    for n in 0..3 {
        trap.apply(feature(&format!("feature/{n}"), "login-41", "2d")).await;
    }
    trap.turn(2 * HOUR).await;
    assert_eq!(trap.live().len(), 2);
    trap.delete("feature/0").await;
    trap.until(30 * MINUTE, "the third has a place", async |sim: &Sim| {
        sim.phase("feature/2").await == "Ready"
    })
    .await;
    assert_eq!(trap.live().len(), 2);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_refills_nothing() {
    let mut trap = Trap::given().await;
    for n in 0..25 {
        trap.apply(feature(&format!("feature/{n:02}"), "login-41", "2d")).await;
    }
    for _ in 0..4 {
        trap.turn(MINUTE).await;
        trap.crash().await;
        trap.run().await;
    }
    trap.turn(3 * MINUTE).await;
    assert_eq!(trap.calls("CreateEnvironment").len(), 20);
    trap.expect("the rest follows", async |sim: &Sim| sim.live().len() == 25).await;
    trap.end().await;
}
