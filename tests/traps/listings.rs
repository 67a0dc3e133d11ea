//! Answers that are wrong, short, old, strange or missing.

use std::time::Duration;

use beansprout::emulator::{Fault, Kind};

use super::{HOUR, MINUTE, Trap, during, options};
use crate::sim::world::{Options, Sim, feature};

const LISTING: &str = "DescribeEnvironments";

#[tokio::test(start_paused = true)]
async fn an_empty_listing_for_ten_minutes_changes_nothing() {
    let trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
    trap.emulator.faults(vec![during(10 * MINUTE, "reading", Kind::Empty)]);
    trap.turn(2 * MINUTE).await;
    assert_eq!(trap.phase("feature/login").await, "Frozen");
    trap.expect_no_call(10 * MINUTE).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_listing_in_the_middle_of_operations_doubles_nothing() {
    let trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.delete("feature/search").await;
    trap.apply(feature("feature/new", "login-41", "2d")).await;
    trap.expect("all are under way", async |sim: &Sim| sim.calls("TerminateEnvironment").len() == 1).await;
    trap.emulator.faults(vec![during(10 * MINUTE, "reading", Kind::Empty)]);
    trap.turn(12 * MINUTE).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.until_phase("feature/new", "Ready").await;
    trap.expect("search is gone", async |sim: &Sim| sim.record("feature/search").await.is_none()).await;
    assert_eq!(trap.aws(|world| world.environments.len()), 3);
    assert_eq!((trap.applied("UpdateEnvironment"), trap.applied("TerminateEnvironment")), (1, 1));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_leaves_out_some_changes_nothing() {
    let trap = Trap::given_ready(&["feature/a", "feature/b", "feature/c", "feature/d"]).await;
    trap.emulator.faults(vec![during(HOUR, LISTING, Kind::Partial)]);
    trap.expect_no_call(HOUR).await;
    trap.emulator.faults(vec![during(HOUR, LISTING, Kind::Partial)]);
    trap.apply(feature("feature/a", "login-42", "2d")).await;
    trap.delete("feature/b").await;
    trap.turn(HOUR + 10 * MINUTE).await;
    assert_eq!(trap.phase("feature/a").await, "Ready", "{}", trap.account().await);
    assert_eq!((trap.applied("UpdateEnvironment"), trap.applied("TerminateEnvironment")), (1, 1));
    assert_eq!((trap.applied("CreateEnvironment"), trap.live().len()), (4, 3));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_is_old_leads_to_no_second_call() {
    for by in [30.0, 90.0, 200.0] {
        let trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
        trap.emulator.faults(vec![during(HOUR, LISTING, Kind::Stale).by(by)]);
        trap.apply(feature("feature/login", "login-42", "2d")).await;
        trap.delete("feature/search").await;
        trap.apply(feature("feature/new", "login-41", "2d")).await;
        trap.turn(HOUR + 5 * MINUTE).await;
        let account = trap.account().await;
        assert_eq!(trap.phase("feature/login").await, "Ready", "{by}: {account}");
        assert_eq!(trap.phase("feature/new").await, "Ready", "{by}: {account}");
        assert_eq!(trap.calls("UpdateEnvironment").len(), 1, "{by}: {account}");
        assert_eq!(trap.calls("TerminateEnvironment").len(), 1, "{by}: {account}");
        assert_eq!((trap.applied("CreateEnvironment"), trap.live().len()), (3, 2), "{by}: {account}");
        trap.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn listings_that_jump_back_and_forth_lead_to_no_second_call() {
    let trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
    let fault = Fault { probability: Some(0.5), ..during(HOUR, LISTING, Kind::Stale).by(150.0) };
    trap.emulator.faults(vec![fault]);
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.delete("feature/search").await;
    trap.turn(HOUR + 5 * MINUTE).await;
    assert_eq!(trap.phase("feature/login").await, "Ready", "{}", trap.account().await);
    assert_eq!((trap.applied("UpdateEnvironment"), trap.applied("TerminateEnvironment")), (1, 1));
    assert_eq!((trap.applied("CreateEnvironment"), trap.live().len()), (2, 1));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_environment_that_is_not_listed_yet_is_not_made_twice() {
    let mut with = options();
    with.settings.invisible = Duration::from_secs(200);
    let trap = Trap::given_with(with).await;
    trap.emulator.faults(vec![Fault::on("CreateEnvironment", Kind::Lost).once()]);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.apply(feature("feature/search", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.until_phase("feature/search", "Ready").await;
    assert_eq!((trap.applied("CreateEnvironment"), trap.live().len()), (2, 2));
    for name in ["feature/login", "feature/search"] {
        let first = trap.prefix_of(name, 0).await;
        assert_eq!(trap.environment_of(name).await.prefix, first);
        let series = trap.record(name).await.unwrap().identity.cname_series;
        assert_eq!(series, 0, "its own address is no stranger's");
    }
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_word_that_nobody_knows_freezes_and_breaks_nothing() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.emulator.faults(vec![during(HOUR, LISTING, Kind::UnknownStatus)]);
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.delete("feature/login").await;
    trap.expect_no_call(HOUR - MINUTE).await;
    trap.expect("it ends afterwards", async |sim: &Sim| sim.record("feature/login").await.is_none()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn throttling_for_a_minute_and_more_is_forgotten_afterwards() {
    for time in [MINUTE, 10 * MINUTE] {
        let trap = Trap::given_ready(&["feature/login"]).await;
        let before = trap.emulator.calls().len();
        trap.emulator.faults(vec![during(time, "*", Kind::Throttle)]);
        trap.apply(feature("feature/new", "login-41", "2d")).await;
        trap.turn(time).await;
        let calls = trap.emulator.calls().len() - before;
        assert!(calls < 60 + 6 * usize::try_from(time.as_secs()).unwrap() / 60, "{calls} calls in {time:?}");
        trap.until(20 * MINUTE, "all is well again", async |sim: &Sim| {
            sim.phase("feature/new").await == "Ready" && sim.phase("feature/login").await == "Ready"
        })
        .await;
        assert_eq!((trap.applied("CreateEnvironment"), trap.live().len()), (2, 2));
        trap.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn creates_that_are_refused_for_now_count_for_no_guard() {
    for kind in [Kind::Throttle, Kind::Refused, Kind::Unavailable, Kind::Timeout, Kind::Expired] {
        let trap = Trap::given().await;
        trap.emulator.faults(vec![during(10 * MINUTE, "CreateEnvironment", kind)]);
        for n in 0..10 {
            trap.apply(feature(&format!("feature/{n}"), "login-41", "2d")).await;
        }
        trap.turn(10 * MINUTE).await;
        trap.until(20 * MINUTE, "all ten are up", async |sim: &Sim| sim.live().len() == 10).await;
        trap.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_we_may_not_do_is_told_and_goes_on_when_we_may() {
    let trap = Trap::given().await;
    trap.emulator.faults(vec![during(HOUR, "CreateEnvironment", Kind::Denied)]);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Blocked").await;
    trap.turn(HOUR - 2 * MINUTE).await;
    let calls = trap.calls("CreateEnvironment").len();
    assert!(calls <= 13, "{calls} calls in an hour");
    trap.until(20 * MINUTE, "it is Ready", async |sim: &Sim| sim.phase("feature/login").await == "Ready")
        .await;

    trap.emulator.faults(vec![during(HOUR, LISTING, Kind::Denied)]);
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.expect_no_call(HOUR - MINUTE).await;
    trap.until(20 * MINUTE, "the new version runs", async |sim: &Sim| {
        sim.status("feature/login").await.unwrap().deployed.is_some_and(|d| d.image == "shop-web:login-42")
    })
    .await;
    trap.end().await;
}

/// A life with a failed deployment in it, under a fault that never ends.
async fn life_without_events(kind: Kind, settings: Options) {
    let trap = Trap::given_with(settings).await;
    trap.push("broken-1");
    trap.emulator.faults(vec![Fault::on("DescribeEvents", kind)]);
    trap.make_ready(&["feature/login"]).await;
    trap.apply(feature("feature/login", "broken-1", "2d")).await;
    trap.until_phase("feature/login", "Failed").await;
    assert_eq!(trap.applied("UpdateEnvironment"), 3, "tried three times");
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Ready").await;
    assert_eq!(trap.applied("UpdateEnvironment"), 4, "and back again");
    trap.delete("feature/login").await;
    trap.expect("it ends", async |sim: &Sim| sim.record("feature/login").await.is_none()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn events_that_are_missing_take_only_the_words_away() {
    life_without_events(Kind::NoEvents, options()).await;
    life_without_events(Kind::Denied, options()).await;
}

#[tokio::test(start_paused = true)]
async fn events_that_come_twice_and_out_of_order_count_once() {
    life_without_events(Kind::DoubleEvents, options()).await;
}
