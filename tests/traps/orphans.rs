//! Environments that nobody here knows: ended when a person named them, and else left alone.

use std::collections::BTreeMap;

use beansprout::emulator::{Fault, Kind};
use beansprout::model::{Ask, EnvironmentId, FeatureName, Orphan, OrphanRequest};
use beansprout::status::{FLEET_DOCUMENT, FleetView, ORPHANS_DOCUMENT};
use beansprout::store::{Batch, Expect, Write};

use super::{HOUR, MINUTE, Trap, during, options};
use crate::sim::world::{Sim, start};

/// What the controller shows; nothing before its first turn.
pub(crate) async fn shown(sim: &Sim) -> Vec<Orphan> {
    let document = sim.store.document(FLEET_DOCUMENT).await.unwrap();
    let view = document.map(|document| serde_json::from_str::<FleetView>(&document.body).unwrap());
    view.map(|view| view.orphans).unwrap_or_default()
}

/// People's requests as they stand.
pub(crate) async fn requests(sim: &Sim) -> BTreeMap<EnvironmentId, OrphanRequest> {
    let document = sim.store.document(ORPHANS_DOCUMENT).await.unwrap();
    document.map(|document| serde_json::from_str(&document.body).unwrap()).unwrap_or_default()
}

/// Asks for the end of orphans as `sprout orphans delete` does.
pub(crate) async fn ask_to_end(sim: &Sim, orphans: &[Orphan]) {
    loop {
        let document = sim.store.document(ORPHANS_DOCUMENT).await.unwrap();
        let expect = document.as_ref().map_or(Expect::Absent, |document| Expect::Version(document.version));
        let mut wanted = requests(sim).await;
        for orphan in orphans {
            let ask = Ask { what: orphan.clone(), by: "tester".to_owned(), at: start(), why: None };
            wanted.insert(orphan.id.clone(), OrphanRequest::new(ask));
        }
        let body = serde_json::to_string(&wanted).unwrap();
        let write = Write::PutDocument { name: ORPHANS_DOCUMENT.to_owned(), body, expect };
        if sim.store.commit(Batch { fence: None, writes: vec![write] }).await.is_ok() {
            return;
        }
    }
}

/// Removes every row of features behind the controller's back.
pub(crate) async fn empty(sim: &Sim) {
    let rows = sim.store.load().await.unwrap();
    let names: std::collections::BTreeSet<_> =
        rows.specs.keys().chain(rows.records.keys()).cloned().collect();
    let gone = names.into_iter().flat_map(|name| {
        [
            Write::DeleteSpec { feature: name.clone(), expect: Expect::Any },
            Write::DeleteRecord { feature: name, expect: Expect::Any },
        ]
    });
    sim.commit(gone.collect()).await;
}

/// An installation whose features' environments are orphans now.
async fn given_orphans(names: &[&str]) -> (Trap, Vec<Orphan>) {
    let trap = Trap::given_ready(names).await;
    with_orphans(trap, names.len()).await
}

async fn with_orphans(trap: Trap, number: usize) -> (Trap, Vec<Orphan>) {
    empty(&trap).await;
    trap.expect("they are orphans", async |sim: &Sim| shown(sim).await.len() == number).await;
    let orphans = shown(&trap).await;
    (trap, orphans)
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_a_person_named_ends_and_no_other() {
    let (trap, orphans) = given_orphans(&["feature/login", "feature/search"]).await;
    assert!(orphans.iter().all(|orphan| orphan.fits && orphan.feature().is_some()), "{orphans:?}");
    trap.expect_no_call(HOUR).await;
    ask_to_end(&trap, &orphans[..1]).await;
    trap.expect("it is gone, and so is the request", async |sim: &Sim| {
        sim.live().len() == 1 && requests(sim).await.is_empty()
    })
    .await;
    assert_eq!(trap.live()[0].1, orphans[1].id.as_str());
    let history = trap.store.events(Some(&FeatureName::new(orphans[0].id.as_str())), 9).await.unwrap();
    let reasons: Vec<&str> = history.iter().rev().map(|event| event.reason.as_str()).collect();
    assert_eq!(reasons, ["EndingOrphan", "OrphanGone"]);
    trap.expect("it is shown no more", async |sim: &Sim| shown(sim).await.len() == 1).await;
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_whose_tags_changed_since_it_was_shown_is_not_touched() {
    let (trap, orphans) = given_orphans(&["feature/a", "feature/b", "feature/c"]).await;
    // One is taken by another store, one loses its tags, one is another environment of that name.
    trap.aws(|world| {
        let mut tags = |id: &EnvironmentId| world.environments.get_mut(id.as_str()).unwrap().tags.clone();
        let (mut other, mut none) = (tags(&orphans[0].id), tags(&orphans[1].id));
        other.insert("beansprout:binding".to_owned(), "somebody-else".to_owned());
        none.clear();
        world.environments.get_mut(orphans[0].id.as_str()).unwrap().tags = other;
        world.environments.get_mut(orphans[1].id.as_str()).unwrap().tags = none;
    });
    let mut renamed = orphans[2].clone();
    renamed.arn = Some("arn:of-another".to_owned());
    ask_to_end(&trap, &[orphans[0].clone(), orphans[1].clone(), renamed]).await;
    trap.expect("it says why", async |sim: &Sim| {
        let failed =
            |request: &OrphanRequest| matches!(request.attempt, beansprout::model::Attempt::Failed(_));
        requests(sim).await.values().all(failed)
    })
    .await;
    trap.turn(HOUR).await;
    assert_eq!(trap.calls("TerminateEnvironment").len(), 0, "{}", trap.account().await);
    assert_eq!((trap.live().len(), requests(&trap).await.len()), (3, 3));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_ends_once_whatever_becomes_of_the_call() {
    for kind in [Kind::Lost, Kind::Refused, Kind::Throttle, Kind::Unavailable, Kind::Garbled, Kind::Late] {
        let (trap, orphans) = given_orphans(&["feature/login"]).await;
        trap.emulator.faults(vec![Fault::on("TerminateEnvironment", kind).once()]);
        ask_to_end(&trap, &orphans).await;
        trap.expect("it is gone, and so is the request", async |sim: &Sim| {
            sim.live().is_empty() && requests(sim).await.is_empty()
        })
        .await;
        assert_eq!(trap.applied("TerminateEnvironment"), 1, "{kind:?}: {}", trap.account().await);
        trap.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_somebody_changes_is_waited_for() {
    let (trap, orphans) = given_orphans(&["feature/login"]).await;
    let hand = trap.hand().await;
    let option = aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting::builder()
        .namespace("aws:elasticbeanstalk:application:environment")
        .option_name("X")
        .value("y")
        .build();
    let id = orphans[0].id.as_str();
    hand.beanstalk.update_environment().environment_id(id).option_settings(option).send().await.unwrap();
    ask_to_end(&trap, &orphans).await;
    trap.expect("it is gone", async |sim: &Sim| sim.live().is_empty()).await;
    assert_eq!(trap.calls("TerminateEnvironment").len(), 1, "no call was refused: {}", trap.account().await);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn ends_of_orphans_count_as_asked_deletions_and_wait_for_the_guard() {
    let mut options = options();
    options.policy.guards.asked = 1;
    let trap = Trap::given_with(options).await;
    trap.make_ready(&["feature/a", "feature/b"]).await;
    let (trap, orphans) = with_orphans(trap, 2).await;
    ask_to_end(&trap, &orphans).await;
    trap.turn(8 * MINUTE).await;
    assert_eq!(trap.applied("TerminateEnvironment"), 1, "{}", trap.account().await);
    let document = trap.store.document(FLEET_DOCUMENT).await.unwrap().unwrap();
    let held = serde_json::from_str::<FleetView>(&document.body).unwrap().held;
    assert_eq!(held.len(), 1, "{held:?}");
    let left = trap.live();
    assert_eq!((left.len(), &held[0].features), (1, &vec![FeatureName::new(left[0].1.as_str())]));
    trap.expect("the other goes after the window", async |sim: &Sim| sim.live().is_empty()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_and_bad_answers_end_no_orphan() {
    let (trap, orphans) = given_orphans(&["feature/login"]).await;
    let pause = |body: &str| Write::PutDocument {
        name: beansprout::status::PAUSE_DOCUMENT.to_owned(),
        body: body.to_owned(),
        expect: Expect::Any,
    };
    trap.commit(vec![pause(r#"{"by": "anna", "at": "2026-01-05T08:00:00Z", "why": null}"#)]).await;
    ask_to_end(&trap, &orphans).await;
    trap.expect_no_call(HOUR).await;
    trap.emulator.faults(vec![
        during(20 * MINUTE, "DescribeEnvironments", Kind::Empty),
        during(40 * MINUTE, "ListTagsForResource", Kind::Denied),
    ]);
    trap.commit(vec![pause("null")]).await;
    trap.turn(35 * MINUTE).await;
    assert_eq!(trap.applied("TerminateEnvironment"), 0, "{}", trap.account().await);
    trap.expect("nobody saw it for long", async |sim: &Sim| requests(sim).await.is_empty()).await;
    trap.expect_no_call(HOUR).await;
    assert_eq!(trap.live().len(), 1, "what cannot be seen is not ended; it may be asked for again");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn crashes_end_an_orphan_once() {
    let (mut trap, orphans) = given_orphans(&["feature/a", "feature/b", "feature/c"]).await;
    ask_to_end(&trap, &orphans).await;
    for milliseconds in [1, 40, 300, 900, 4000] {
        trap.turn(std::time::Duration::from_millis(milliseconds)).await;
        trap.crash().await;
        trap.run().await;
    }
    trap.expect("they are gone, and so are the requests", async |sim: &Sim| {
        sim.live().is_empty() && requests(sim).await.is_empty()
    })
    .await;
    assert_eq!(trap.applied("TerminateEnvironment"), 3, "{}", trap.account().await);
    trap.end().await;
}
