//! Rows that vanish, return or cannot be read.

use beansprout::model::{Guard, GuardLedger};
use beansprout::status::{FLEET_DOCUMENT, FleetView, GUARDS_DOCUMENT};
use beansprout::store::{Expect, Write};

use super::deploys::runs;
use super::{HOUR, MINUTE, Trap};
use crate::sim::world::{Sim, feature};

/// Lets pass what a guard holds now, as `sprout approve` does.
async fn approve(sim: &Sim, guard: Guard) {
    let fleet = sim.store.document(FLEET_DOCUMENT).await.unwrap().unwrap();
    let fleet: FleetView = serde_json::from_str(&fleet.body).unwrap();
    let held = fleet.held.into_iter().find(|held| held.guard == guard).expect("something is held");
    let document = sim.store.document(GUARDS_DOCUMENT).await.unwrap();
    let (mut ledger, expect) = match document {
        Some(document) => {
            (serde_json::from_str::<GuardLedger>(&document.body).unwrap(), Expect::Version(document.version))
        }
        None => (GuardLedger::default(), Expect::Absent),
    };
    ledger.approved.insert(guard, held.features);
    let body = serde_json::to_string(&ledger).unwrap();
    sim.commit(vec![Write::PutDocument { name: GUARDS_DOCUMENT.to_owned(), body, expect }]).await;
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("feature/{n:02}")).collect()
}

async fn given_fleet(count: usize) -> Trap {
    let names = names(count);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Trap::given_ready(&names).await
}

#[tokio::test(start_paused = true)]
async fn a_row_that_vanishes_takes_its_environment_along_after_the_grace() {
    let trap = given_fleet(3).await;
    trap.remove_row("feature/00").await;
    trap.expect_no_call(9 * MINUTE).await;
    assert_eq!(trap.phase("feature/00").await, "Frozen");
    trap.until(20 * MINUTE, "it goes", async |sim: &Sim| sim.live().len() == 2).await;
    trap.expect("and is forgotten", async |sim: &Sim| sim.record("feature/00").await.is_none()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_returns_in_time_changes_nothing() {
    let trap = given_fleet(3).await;
    for _ in 0..3 {
        trap.remove_row("feature/00").await;
        trap.expect_no_call(9 * MINUTE).await;
        trap.apply(feature("feature/00", "login-41", "2d")).await;
        trap.expect_no_call(9 * MINUTE).await;
    }
    assert_eq!(trap.phase("feature/00").await, "Ready");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn when_most_rows_vanish_at_once_nothing_goes_until_a_person_approves() {
    let trap = given_fleet(6).await;
    for name in &names(6)[..4] {
        trap.remove_row(name).await;
    }
    trap.expect_no_call(3 * HOUR).await;
    let status = trap.status("feature/00").await.unwrap();
    assert!(status.happened.contains("More than half"), "{status:?}");
    approve(&trap, Guard::MassVanish).await;
    trap.until(30 * MINUTE, "two go at once", async |sim: &Sim| sim.live().len() == 4).await;
    trap.turn(20 * MINUTE).await;
    assert_eq!(trap.live().len(), 4, "two an hour");
    trap.until(2 * HOUR, "the others follow", async |sim: &Sim| sim.live().len() == 2).await;
    trap.expect_no_call(2 * HOUR).await;
    assert_eq!(trap.phase("feature/05").await, "Ready");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn when_most_rows_vanish_at_once_and_return_nothing_happened() {
    let trap = given_fleet(4).await;
    for name in names(4) {
        trap.remove_row(&name).await;
    }
    trap.expect_no_call(3 * HOUR).await;
    for name in names(4) {
        trap.apply(feature(&name, "login-41", "2d")).await;
    }
    trap.expect_no_call(HOUR).await;
    for name in names(4) {
        assert_eq!(trap.phase(&name).await, "Ready");
    }
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn rows_that_vanish_one_by_one_go_two_an_hour() {
    let trap = given_fleet(12).await;
    for name in &names(12)[..5] {
        trap.remove_row(name).await;
    }
    trap.until(HOUR, "two go", async |sim: &Sim| sim.live().len() == 10).await;
    trap.turn(30 * MINUTE).await;
    assert_eq!(trap.live().len(), 10);
    trap.until(HOUR, "two more", async |sim: &Sim| sim.live().len() == 8).await;
    trap.until(2 * HOUR, "the last", async |sim: &Sim| sim.live().len() == 7).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_freezes_its_feature_alone() {
    let trap = given_fleet(2).await;
    let place = trap.store.place();
    let hand = rusqlite::Connection::open(place.strip_prefix("sqlite:").unwrap()).unwrap();
    hand.execute("UPDATE spec SET body = '{\"image\": 7' WHERE feature = 'feature/00'", []).unwrap();
    trap.apply(feature("feature/01", "login-42", "2d")).await;
    trap.expect("the other goes on", async |sim: &Sim| runs(sim, "feature/01", "login-42").await).await;
    trap.expect_no_call(4 * HOUR).await;
    assert_eq!(trap.phase("feature/00").await, "Frozen");
    let status = trap.status("feature/00").await.unwrap();
    assert!(status.happened.contains("cannot be read") && status.stuck, "{status:?}");
    trap.apply(feature("feature/00", "login-42", "2d")).await;
    trap.expect("mended", async |sim: &Sim| runs(sim, "feature/00", "login-42").await).await;

    hand.execute("UPDATE record SET body = '{' WHERE feature = 'feature/00'", []).unwrap();
    trap.apply(feature("feature/00", "login-43", "2d")).await;
    trap.expect_no_call(2 * HOUR).await;
    assert_eq!(trap.phase("feature/00").await, "Frozen");
    trap.end().await;
}
