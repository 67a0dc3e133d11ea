//! What others terminate.

use beansprout::emulator::environment::Health;
use beansprout::emulator::world::Stage;
use beansprout::model::Heal;

use super::deploys::{breakage, runs};
use super::{HOUR, MINUTE, Trap};
use crate::sim::world::{Sim, feature};

/// Ends a feature's environment from outside and waits for another one that is up.
async fn heals(trap: &Trap, name: &str) {
    let before = trap.environment_of(name).await;
    trap.hand_terminates(&before.id).await;
    trap.expect("another one is up", async |sim: &Sim| {
        runs(sim, name, "login-41").await && sim.live().iter().any(|(_, id, _)| *id != before.id)
    })
    .await;
    let after = trap.environment_of(name).await;
    assert_eq!((after.name, after.prefix), (before.name, before.prefix));
}

#[tokio::test(start_paused = true)]
async fn what_was_terminated_from_outside_is_healed_beside_its_twin() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let since = trap.status("feature/login").await.unwrap().created_at;
    heals(&trap, "feature/login").await;
    let listing = trap.hand().await.beanstalk.describe_environments().send().await.unwrap();
    let name = trap.name_of("feature/login").await;
    let twins = listing.environments().iter().filter(|one| one.environment_name() == Some(&name)).count();
    assert_eq!(twins, 2, "the dead one is listed still");
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.expect("life goes on", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.status("feature/login").await.unwrap().created_at, since, "its time goes on too");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_says_heal_never_stays_away_until_something_new_is_wanted() {
    let trap = Trap::given().await;
    let mut wanted = feature("feature/login", "login-41", "2d");
    wanted.spec.heal = Heal::Never;
    trap.apply(wanted.clone()).await;
    trap.until_phase("feature/login", "Ready").await;
    let id = trap.environment_of("feature/login").await.id;
    trap.hand_terminates(&id).await;
    trap.until_phase("feature/login", "Failed").await;
    trap.expect_no_call(HOUR).await;

    wanted.spec.image = Some("shop-web:login-42".to_owned());
    trap.apply(wanted).await;
    trap.expect("a new image is new", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    let id = trap.environment_of("feature/login").await.id;
    trap.hand_terminates(&id).await;
    trap.until_phase("feature/login", "Failed").await;
    trap.ask("feature/login", |record| record.asks.renewals += 1).await;
    trap.expect("so is a renewal", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_terminated_over_and_over_is_left_alone_for_a_while() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    for _ in 0..4 {
        heals(&trap, "feature/login").await;
    }
    let id = trap.environment_of("feature/login").await.id;
    trap.hand_terminates(&id).await;
    trap.turn(10 * MINUTE).await;
    assert_eq!(trap.applied("CreateEnvironment"), 5, "five in an hour");
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.advice.is_some_and(|advice| advice.contains("approve flap")));
    trap.until(2 * HOUR, "up again", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn red_after_a_success_is_news_and_grey_is_nothing() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let id = trap.environment_of("feature/login").await.id;
    trap.aws(|world| world.set_health(&id, Health::Severe));
    trap.until_phase("feature/login", "Degraded").await;
    trap.expect_no_call(HOUR).await;
    trap.aws(|world| world.set_health(&id, Health::NoData));
    trap.expect_no_call(HOUR).await;
    trap.aws(|world| world.set_health(&id, Health::Ok));
    trap.until_phase("feature/login", "Ready").await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_termination_that_fails_is_tried_again_until_it_works() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.aws(|world| world.breakages.push(breakage(Stage::Terminate, "f-")));
    trap.delete("feature/login").await;
    trap.turn(HOUR).await;
    let calls = trap.applied("TerminateEnvironment");
    assert!((4..=16).contains(&calls), "{calls} tries in an hour");
    assert_eq!(trap.live().len(), 1);
    trap.aws(|world| world.breakages.clear());
    trap.until(20 * MINUTE, "it works", async |sim: &Sim| {
        sim.live().is_empty() && sim.record("feature/login").await.is_none()
    })
    .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_nobody_can_see_is_frozen_until_a_person_says_forget() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let id = trap.environment_of("feature/login").await.id;
    trap.aws(|world| {
        world.sights.insert("controller".to_owned(), beansprout::emulator::world::Sight::Nothing)
    });
    trap.until_phase("feature/login", "Frozen").await;
    trap.delete("feature/login").await;
    trap.expect_no_call(2 * HOUR).await;
    trap.ask("feature/login", |record| {
        let ask = beansprout::model::Ask {
            what: (),
            by: "tester".to_owned(),
            at: crate::sim::world::start(),
            why: None,
        };
        record.asks.forget = Some(ask);
    })
    .await;
    trap.expect("the record goes", async |sim: &Sim| sim.record("feature/login").await.is_none()).await;
    assert_eq!(trap.live()[0].1, id, "nothing was touched");
    trap.end().await;
}
