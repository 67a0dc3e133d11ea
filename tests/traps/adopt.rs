//! An environment that nobody here knows is given to a feature by a person: the one change of tags that is ever made.

use std::time::Duration;

use beansprout::emulator::{Fault, Kind, Readings};
use beansprout::model::names::{BINDING_TAG, FEATURE_TAG, binding};
use beansprout::model::{Ask, Feature, Orphan, Record};
use beansprout::store::{Batch, Expect, RecordBody, Write};

use super::orphans::{empty, shown};
use super::{HOUR, MINUTE, Trap, options};
use crate::sim::world::{Options, Sim, feature, start};

/// Gives an orphan to a feature as `sprout adopt` does: with its specification, in one step.
pub(crate) async fn give(sim: &Sim, orphan: &Orphan, wish: Feature) {
    let name = wish.metadata.name.clone();
    loop {
        let rows = sim.store.feature(&name).await.unwrap();
        let (mut record, expect) = match rows.record {
            Some(row) => match row.body {
                RecordBody::Readable(record) => (record, Expect::Version(row.version)),
                RecordBody::Unreadable { why } => panic!("{why}"),
            },
            None => (Box::new(Record::new(name.clone())), Expect::Absent),
        };
        let asked = Ask { what: orphan.clone(), by: "tester".to_owned(), at: start(), why: None };
        record.asks.adoption = Some(asked);
        let writes = vec![
            Write::PutSpec { feature: Box::new(wish.clone()), origin: None, expect: Expect::Any },
            Write::PutRecord { record, expect },
        ];
        if sim.store.commit(Batch { fence: None, writes }).await.is_ok() {
            return;
        }
    }
}

/// A first installation whose controller is gone, and a second one that sees its environment as an orphan.
async fn given_heir(options: Options) -> (Trap, Trap, Orphan) {
    let mut trap = Trap::given_with(options).await;
    trap.make_ready(&["feature/login"]).await;
    trap.stop().await;
    let mut heir = trap.neighbour(2).await;
    heir.run().await;
    trap.turn(MINUTE).await;
    heir.until(HOUR, "it is an orphan", async |sim: &Sim| shown(sim).await.len() == 1).await;
    let orphan = shown(&heir).await.remove(0);
    (trap, Trap { sim: heir }, orphan)
}

async fn is_ours(trap: &Trap, id: &str, feature: &str) {
    let environment = trap.aws(|world| world.environments[id].clone());
    let store = trap.store.identity().await.unwrap().store;
    let expected = binding(&store, &"shop".into(), &environment.name.as_str().into());
    assert_eq!(environment.tags[BINDING_TAG], expected, "{:?}", environment.tags);
    assert_eq!(environment.tags[FEATURE_TAG], feature);
    assert_eq!(environment.tags["beansprout:lifecycle"], "temporary", "the other tags stay");
    let record = trap.record(feature).await.unwrap();
    let ledger = record.identity.ledger.unwrap();
    assert_eq!((ledger.id.unwrap().as_str(), ledger.name.as_str()), (id, environment.name.as_str()));
    assert_eq!(record.asks.adoption, None);
    assert_eq!(Some(ledger.dirty), Some(false), "its label was sent afresh");
    assert_eq!(environment.shown.label.as_deref(), record.deployed.as_ref().map(|one| one.label.as_str()));
    assert_eq!(
        environment.setting("aws:elasticbeanstalk:application:environment", "SPROUT_FEATURE"),
        Some(feature)
    );
}

#[tokio::test(start_paused = true)]
async fn an_orphan_is_taken_for_a_feature_and_runs_what_is_wanted() {
    let (first, heir, orphan) = given_heir(options()).await;
    assert!(!orphan.fits && orphan.feature() == Some("feature/login"), "{orphan:?}");
    let before = first.applied("CreateEnvironment");
    give(&heir, &orphan, feature("feature/search", "login-42", "2h")).await;
    heir.until_phase("feature/search", "Ready").await;
    is_ours(&heir, orphan.id.as_str(), "feature/search").await;
    assert_eq!(heir.applied("UpdateTagsForResource"), 1);
    assert_eq!(heir.applied("CreateEnvironment"), before, "nothing was made for it");
    let settings = heir.calls("UpdateEnvironment");
    let with_label = |call: &beansprout::emulator::Call| call.params.contains_key("VersionLabel");
    assert!(!with_label(&settings[settings.len() - 2]) && with_label(&settings[settings.len() - 1]));
    assert_eq!(shown(&heir).await, []);
    // Its life began, and ends like any other.
    heir.expect("its time is over", async |sim: &Sim| sim.live().is_empty()).await;
    heir.until_phase("feature/search", "Expired").await;
    assert_eq!(heir.applied("TerminateEnvironment"), 1);
    heir.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_bears_the_tags_already_is_taken_without_a_change_of_tags() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    empty(&trap).await;
    trap.expect("it is an orphan", async |sim: &Sim| shown(sim).await.len() == 1).await;
    let orphan = shown(&trap).await.remove(0);
    assert!(orphan.fits);
    give(&trap, &orphan, feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Ready").await;
    is_ours(&trap, orphan.id.as_str(), "feature/login").await;
    // A set that changes nothing would be an operation that fails.
    assert_eq!(trap.calls("UpdateTagsForResource").len(), 0);
    assert_eq!(trap.applied("CreateEnvironment"), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_adoption_comes_about_once_whatever_becomes_of_the_call() {
    for kind in [Kind::Lost, Kind::Refused, Kind::Throttle, Kind::Unavailable, Kind::Garbled, Kind::Late] {
        let (_first, heir, orphan) = given_heir(options()).await;
        heir.emulator.faults(vec![Fault::on("UpdateTagsForResource", kind).once()]);
        let before = heir.applied("CreateEnvironment");
        give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
        heir.until_phase("feature/search", "Ready").await;
        is_ours(&heir, orphan.id.as_str(), "feature/search").await;
        assert_eq!(heir.applied("UpdateTagsForResource"), 1, "{kind:?}: {}", heir.account().await);
        assert_eq!(heir.applied("CreateEnvironment"), before, "{kind:?}: {}", heir.account().await);
        heir.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_adoption_comes_about_under_every_reading() {
    for seed in 0..6 {
        let mut options = options();
        options.settings.readings = Readings::drawn(seed);
        let (_first, heir, orphan) = given_heir(options).await;
        give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
        heir.until_phase("feature/search", "Ready").await;
        is_ours(&heir, orphan.id.as_str(), "feature/search").await;
        assert_eq!(heir.live().len(), 1, "{}", heir.account().await);
        heir.end().await;
    }
}

#[tokio::test(start_paused = true)]
async fn crashes_take_an_orphan_once() {
    let (_first, mut heir, orphan) = given_heir(options()).await;
    let before = heir.applied("CreateEnvironment");
    give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
    for milliseconds in [1, 40, 300, 900, 4000, 20_000] {
        heir.turn(Duration::from_millis(milliseconds)).await;
        heir.crash().await;
        heir.run().await;
    }
    heir.until_phase("feature/search", "Ready").await;
    is_ours(&heir, orphan.id.as_str(), "feature/search").await;
    assert_eq!(heir.applied("UpdateTagsForResource"), 1, "{}", heir.account().await);
    assert_eq!(heir.applied("CreateEnvironment"), before);
    heir.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_somebody_changes_is_taken_when_that_is_over() {
    let (_first, heir, orphan) = given_heir(options()).await;
    let hand = heir.hand().await;
    let option = aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting::builder()
        .namespace("aws:elasticbeanstalk:application:environment")
        .option_name("X")
        .value("y")
        .build();
    let update = hand.beanstalk.update_environment().environment_id(orphan.id.as_str());
    update.option_settings(option).send().await.unwrap();
    give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
    heir.until(HOUR, "it says that it waits", async |sim: &Sim| {
        sim.status("feature/search").await.is_some_and(|view| view.happened.contains("somebody changes it"))
    })
    .await;
    heir.until_phase("feature/search", "Ready").await;
    is_ours(&heir, orphan.id.as_str(), "feature/search").await;
    assert_eq!(heir.calls("UpdateTagsForResource").len(), 1, "no call was refused");
    heir.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_is_not_as_it_was_shown_is_not_taken_and_the_feature_gets_its_own() {
    let (_first, heir, orphan) = given_heir(options()).await;
    heir.aws(|world| {
        let tags = &mut world.environments.get_mut(orphan.id.as_str()).unwrap().tags;
        tags.insert(BINDING_TAG.to_owned(), "a-third-store".to_owned());
    });
    give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
    heir.until_phase("feature/search", "Ready").await;
    assert_eq!(heir.calls("UpdateTagsForResource").len(), 0);
    assert_eq!(heir.live().len(), 2);
    assert_ne!(heir.environment_of("feature/search").await.id, orphan.id.as_str());
    let told = heir.store.events(Some(&"feature/search".into()), 50).await.unwrap();
    assert!(told.iter().any(|event| event.reason == "NotAdopted"), "{told:?}");
    heir.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_ends_meanwhile_is_told_and_the_feature_gets_its_own() {
    let (_first, heir, orphan) = given_heir(options()).await;
    heir.emulator.faults(vec![Fault::on("UpdateTagsForResource", Kind::Denied)]);
    give(&heir, &orphan, feature("feature/search", "login-42", "2d")).await;
    heir.until_phase("feature/search", "Blocked").await;
    heir.expect_only_tag_calls(30 * MINUTE).await;
    heir.emulator.faults(Vec::new());
    heir.hand_terminates(orphan.id.as_str()).await;
    heir.until_phase("feature/search", "Ready").await;
    assert_ne!(heir.environment_of("feature/search").await.id, orphan.id.as_str());
    heir.end().await;
}

impl Trap {
    /// Expect: nothing is called for this long but a change of tags, now and then.
    async fn expect_only_tag_calls(&self, time: Duration) {
        let before = self.mutations().len();
        self.turn(time).await;
        let calls = self.mutations().split_off(before);
        assert!((1..10).contains(&calls.len()), "{calls:?}");
        assert!(calls.iter().all(|call| call.operation == "UpdateTagsForResource"), "{calls:?}");
    }
}
