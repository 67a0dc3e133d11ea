//! Ends: by time, by people, and what brings a feature back.

use beansprout::model::{Ask, Life, Source};
use beansprout::status::{PAUSE_DOCUMENT, Pause};
use beansprout::store::{Expect, Write};
use jiff::SignedDuration;

use super::deploys::runs;
use super::{HOUR, MINUTE, Trap, options};
use crate::sim::world::{Sim, feature, start};

fn ask<T>(what: T) -> Ask<T> {
    Ask { what, by: "tester".to_owned(), at: start(), why: None }
}

/// Given: a feature that had its two hours.
async fn given_expired() -> Trap {
    let trap = Trap::given().await;
    trap.apply(feature("feature/login", "login-41", "2h")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.until(3 * HOUR, "nothing is left", async |sim: &Sim| {
        let swept = sim.versions().is_empty() && sim.bundles().is_empty();
        sim.phase("feature/login").await == "Expired" && sim.live().is_empty() && swept
    })
    .await;
    trap
}

/// Given: one whose environment is being taken down.
async fn given_terminating() -> Trap {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.delete("feature/login").await;
    trap.expect("it is being taken down", async |sim: &Sim| sim.calls("TerminateEnvironment").len() == 1)
        .await;
    trap
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_specification_brings_nothing_back() {
    let trap = given_expired().await;
    for _ in 0..20 {
        trap.apply(feature("feature/login", "login-41", "2h")).await;
        trap.turn(MINUTE).await;
    }
    let mut relabelled = feature("feature/login", "login-41", "2h");
    relabelled.metadata.labels.insert("team".to_owned(), "growth".to_owned());
    relabelled.spec.notify.slack = Some("#qa".to_owned());
    trap.apply(relabelled).await;
    trap.expect_no_call(HOUR).await;
    assert_eq!(trap.phase("feature/login").await, "Expired");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_specification_brings_it_back_for_a_whole_life() {
    let trap = given_expired().await;
    trap.apply(feature("feature/login", "login-42", "2h")).await;
    trap.expect("it is back", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    let status = trap.status("feature/login").await.unwrap();
    let left = status.expires_at.unwrap().duration_since(trap.emulator.now());
    assert!(left > SignedDuration::from_mins(110), "{left} are left");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_commit_brings_it_back() {
    let trap = given_expired().await;
    let mut pushed = feature("feature/login", "login-41", "2h");
    pushed.metadata.source = Some(Source { commit: Some("9f2c1ab".to_owned()), ..Source::default() });
    trap.apply(pushed).await;
    trap.expect("it is back", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_brings_it_back_and_its_address_is_the_old_one() {
    let trap = given_expired().await;
    let before = trap.aws(|world| world.environments.values().next().unwrap().prefix.clone());
    trap.ask("feature/login", |record| record.asks.renewals += 1).await;
    trap.expect("it is back", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    assert_eq!(trap.environment_of("feature/login").await.prefix, before);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_extension_moves_the_end_and_a_renewal_starts_the_time_again() {
    let trap = Trap::given().await;
    trap.apply(feature("feature/login", "login-41", "2h")).await;
    trap.until_phase("feature/login", "Ready").await;
    let first = trap.status("feature/login").await.unwrap().expires_at.unwrap();
    trap.ask("feature/login", |record| {
        record.asks.extension = Some(ask(SignedDuration::from_hours(3)));
    })
    .await;
    trap.expect_no_call(4 * HOUR).await;
    let second = trap.status("feature/login").await.unwrap().expires_at.unwrap();
    assert_eq!(second.duration_since(first), SignedDuration::from_hours(3));
    // As `sprout renew` asks: the former extension is part of the former time.
    trap.ask("feature/login", |record| {
        record.asks.renewals += 1;
        record.asks.extension = None;
    })
    .await;
    trap.expect_no_call(HOUR + 50 * MINUTE).await;
    trap.until(30 * MINUTE, "its renewed time is over", async |sim: &Sim| sim.live().is_empty()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_during_the_teardown_comes_after_it() {
    let trap = given_terminating().await;
    let id = trap.environment_of("feature/login").await.id;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.ask("feature/login", |record| record.asks.renewals += 1).await;
    trap.expect("a new environment runs", async |sim: &Sim| {
        runs(sim, "feature/login", "login-41").await && sim.live().iter().all(|(_, live, _)| *live != id)
    })
    .await;
    assert_eq!(trap.calls("TerminateEnvironment").len(), 1);
    assert_eq!(trap.calls("CreateEnvironment").len(), 2, "{}", trap.account().await);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_is_written_during_the_teardown_is_a_new_wish() {
    let trap = given_terminating().await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("it is made again", async |sim: &Sim| {
        runs(sim, "feature/login", "login-41").await && sim.calls("CreateEnvironment").len() == 2
    })
    .await;
    assert_eq!(trap.live().len(), 1);
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_while_its_source_lists_it_stays_away() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.ask("feature/login", |record| record.asks.deletion = Some(ask(()))).await;
    trap.until_phase("feature/login", "Deleted").await;
    for _ in 0..5 {
        trap.apply(feature("feature/login", "login-41", "2d")).await;
        trap.turn(MINUTE).await;
    }
    trap.expect("nothing is left", async |sim: &Sim| sim.versions().is_empty()).await;
    trap.expect_no_call(HOUR).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.expect("a new image is new", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_delete_during_the_launch_waits_for_its_end() {
    let trap = Trap::given().await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("it is being made", async |sim: &Sim| sim.live().len() == 1).await;
    trap.delete("feature/login").await;
    trap.expect("nothing is left", async |sim: &Sim| {
        sim.live().is_empty() && sim.record("feature/login").await.is_none() && sim.bundles().is_empty()
    })
    .await;
    assert_eq!(trap.calls("TerminateEnvironment").len(), 1, "none was refused");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_neither_expires_nor_goes_with_its_row() {
    let trap = Trap::given().await;
    let mut kept = feature("feature/spec", "login-41", "1h");
    kept.spec.protect = true;
    trap.apply(kept).await;
    trap.apply(feature("feature/asked", "login-41", "1h")).await;
    trap.until_phase("feature/spec", "Ready").await;
    trap.until_phase("feature/asked", "Ready").await;
    trap.ask("feature/asked", |record| record.asks.protection = Some(ask(true))).await;
    trap.expect_no_call(3 * HOUR).await;
    trap.remove_row("feature/spec").await;
    trap.remove_row("feature/asked").await;
    trap.expect_no_call(3 * HOUR).await;
    assert_eq!(trap.live().len(), 2);
    trap.ask("feature/spec", |record| record.asks.deletion = Some(ask(()))).await;
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_ends_nothing_because_of_the_time() {
    for minutes in [-5, 5] {
        let mut with = options();
        with.ahead = SignedDuration::from_mins(minutes);
        let trap = Trap::given_with(with).await;
        trap.apply(feature("feature/time", "login-41", "1h")).await;
        trap.apply(feature("feature/row", "login-41", "9h")).await;
        trap.apply(feature("feature/asked", "login-41", "9h")).await;
        for name in ["feature/time", "feature/row", "feature/asked"] {
            trap.until_phase(name, "Ready").await;
        }
        trap.remove_row("feature/row").await;
        let before = trap.calls("DescribeEnvironments").len();
        trap.expect_no_call(4 * HOUR).await;
        // What is overdue and held must not be looked at more often for that.
        let looks = trap.calls("DescribeEnvironments").len() - before;
        assert!(looks <= 4 * 60 + 10, "{looks} looks in four hours");
        trap.delete("feature/asked").await;
        trap.expect("what was asked for goes", async |sim: &Sim| sim.live().len() == 2).await;
        trap.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_every_call_and_counts_none() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let pause = Pause { by: "tester".to_owned(), at: start(), why: Some("exam".to_owned()) };
    let body = serde_json::to_string(&pause).unwrap();
    let put = Write::PutDocument { name: PAUSE_DOCUMENT.to_owned(), body, expect: Expect::Any };
    trap.commit(vec![put]).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.apply(feature("feature/new", "login-41", "2d")).await;
    trap.expect_no_call(2 * HOUR).await;
    assert_eq!(trap.phase("feature/new").await, "Frozen");
    assert!(trap.status("feature/new").await.unwrap().happened.contains("exam"));
    let guards = trap.store.document(beansprout::status::GUARDS_DOCUMENT).await.unwrap();
    let marks: Option<beansprout::model::GuardLedger> =
        guards.map(|document| serde_json::from_str(&document.body).unwrap());
    assert!(marks.is_none_or(|marks| marks.creates.len() <= 1), "what is not done is not counted");

    // SQLite has no way in the trait to delete a document: an empty value stands for no pause.
    let put =
        Write::PutDocument { name: PAUSE_DOCUMENT.to_owned(), body: "null".to_owned(), expect: Expect::Any };
    trap.commit(vec![put]).await;
    trap.expect("all goes on", async |sim: &Sim| {
        runs(sim, "feature/login", "login-42").await && runs(sim, "feature/new", "login-41").await
    })
    .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_held_is_called_off_by_an_extension() {
    let mut with = options();
    with.policy.guards.asked = 0;
    let trap = Trap::given_with(with).await;
    trap.apply(feature("feature/login", "login-41", "1h")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.until_phase("feature/login", "Frozen").await;
    trap.ask("feature/login", |record| {
        record.asks.extension = Some(ask(SignedDuration::from_hours(9)));
    })
    .await;
    trap.until_phase("feature/login", "Ready").await;
    let record = trap.record("feature/login").await.unwrap();
    assert!(matches!(record.life, Life::Wanted { since: Some(_), .. }), "{:?}", record.life);
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_vanished_and_is_then_deleted_is_an_asked_deletion() {
    let names = ["feature/a", "feature/b", "feature/c"];
    let trap = Trap::given_ready(&names).await;
    for name in names {
        trap.remove_row(name).await;
    }
    trap.turn(HOUR).await;
    assert_eq!(trap.live().len(), 3, "most rows vanished at once, so nothing goes");
    for name in names {
        trap.delete(name).await;
    }
    trap.until(5 * MINUTE, "all go as asked", async |sim: &Sim| sim.live().is_empty()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_renewal_and_an_extension_in_one_look_both_count() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let before = trap.status("feature/login").await.unwrap().expires_at.unwrap();
    trap.ask("feature/login", |record| {
        record.asks.renewals += 1;
        record.asks.extension = Some(ask(SignedDuration::from_hours(24)));
    })
    .await;
    trap.expect("the end has moved by the extension at least", async |sim: &Sim| {
        let end = sim.status("feature/login").await.unwrap().expires_at.unwrap();
        end >= before + SignedDuration::from_hours(24)
    })
    .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_freezes_no_feature_that_needs_no_call() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.until_phase("feature/login", "Updating").await;
    trap.until_phase("feature/login", "Ready").await;
    let pause = Pause { by: "tester".to_owned(), at: start(), why: None };
    let body = serde_json::to_string(&pause).unwrap();
    let put = Write::PutDocument { name: PAUSE_DOCUMENT.to_owned(), body, expect: Expect::Any };
    trap.commit(vec![put]).await;
    // The former version is due for removal meanwhile.
    trap.expect_no_call(3 * HOUR).await;
    assert_eq!(trap.phase("feature/login").await, "Ready");
    trap.end().await;
}
