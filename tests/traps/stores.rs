//! Stores that were lost, emptied, restored from an older copy, or that are second ones: nothing is destroyed, and
//! people put it in order.

use std::collections::BTreeSet;

use beansprout::emulator::Call;
use beansprout::model::EnvironmentId;
use beansprout::store::{Hold, Scope};

use super::adopt::give;
use super::orphans::{ask_to_end, empty, requests, shown};
use super::{HOUR, Trap};
use crate::sim::world::{Sim, feature};

/// The same installation with a store that was made anew.
async fn another_store(trap: &Trap, seed: u64) -> Trap {
    Trap { sim: trap.neighbour(seed).await }
}

fn ids(trap: &Trap) -> BTreeSet<String> {
    trap.live().into_iter().map(|(_, id, _)| id).collect()
}

/// Expect: these are orphans, by the feature that they were made for.
async fn expect_orphans(trap: &Trap, wanted: &[&str]) {
    let made_for = async |sim: &Sim| -> Vec<String> {
        let mut names: Vec<String> =
            shown(sim).await.iter().map(|orphan| orphan.feature().unwrap_or("?").to_owned()).collect();
        names.sort();
        names
    };
    trap.expect("the orphans are shown", async |sim: &Sim| made_for(sim).await == wanted).await;
}

async fn orphan_for(trap: &Trap, name: &str) -> beansprout::model::Orphan {
    let orphans = shown(trap).await;
    orphans.into_iter().find(|orphan| orphan.feature() == Some(name)).expect("an orphan that was made for it")
}

/// Puts orphans in order: `kept` are given to the features that they were made for, `ended` end.
async fn put_in_order(trap: &Trap, kept: &[&str], ended: &[&str]) {
    for name in kept {
        let orphan = orphan_for(trap, name).await;
        give(trap, &orphan, feature(name, "login-41", "2d")).await;
    }
    for name in ended {
        let orphan = orphan_for(trap, name).await;
        ask_to_end(trap, &[orphan]).await;
    }
    for name in kept {
        trap.until_phase(name, "Ready").await;
    }
    trap.expect("what was to end is gone", async |sim: &Sim| {
        sim.live().len() == kept.len() && requests(sim).await.is_empty() && shown(sim).await.is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_store_destroys_nothing_and_its_environments_are_taken_or_ended() {
    let mut trap = Trap::given_ready(&["feature/a", "feature/b", "feature/c"]).await;
    trap.stop().await;
    let before = ids(&trap);
    let (versions, bundles) = (trap.versions(), trap.bundles());
    // Its rows are gone for good; what is made in its place knows nothing.
    let mut heir = another_store(&trap, 2).await;
    heir.run().await;
    expect_orphans(&heir, &["feature/a", "feature/b", "feature/c"]).await;
    assert!(shown(&heir).await.iter().all(|orphan| !orphan.fits), "another store made them");
    heir.expect_no_call(2 * HOUR).await;
    assert_eq!(ids(&heir), before);
    assert_eq!((trap.versions(), trap.bundles()), (versions, bundles));

    put_in_order(&heir, &["feature/a", "feature/b"], &["feature/c"]).await;
    assert!(ids(&heir).is_subset(&before), "none was made");
    heir.expect_no_call(2 * HOUR).await;
    heir.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_store_destroys_nothing_and_its_environments_are_taken_or_ended() {
    let trap = Trap::given_ready(&["feature/a", "feature/b", "feature/c"]).await;
    let before = ids(&trap);
    empty(&trap).await;
    expect_orphans(&trap, &["feature/a", "feature/b", "feature/c"]).await;
    assert!(shown(&trap).await.iter().all(|orphan| orphan.fits), "this store made them");
    trap.expect_no_call(2 * HOUR).await;
    assert_eq!(ids(&trap), before);

    put_in_order(&trap, &["feature/a", "feature/c"], &["feature/b"]).await;
    assert!(ids(&trap).is_subset(&before), "none was made");
    assert_eq!(trap.calls("UpdateTagsForResource").len(), 0, "they bear this store's tags already");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_store_waits_to_be_claimed_and_knows_nothing_of_what_came_since() {
    let mut trap = Trap::given_ready(&["feature/stays", "feature/goes", "feature/heals"]).await;
    let backup = trap.store.export().await.unwrap();
    // Since then one was deleted, one was made again under another id, one came.
    trap.delete("feature/goes").await;
    trap.expect("it is gone", async |sim: &Sim| sim.live().len() == 2).await;
    trap.hand_terminates(&trap.environment_of("feature/heals").await.id).await;
    trap.expect("it is away", async |sim: &Sim| sim.live().len() == 1).await;
    trap.make_ready(&["feature/came"]).await;
    trap.until_phase("feature/heals", "Ready").await;
    let before = ids(&trap);
    trap.stop().await;

    let mut restored = another_store(&trap, 3).await;
    restored.store.import(&backup, Scope::Everything).await.unwrap();
    restored.run().await;
    let quiet = restored.mutations().len();
    restored.turn(2 * HOUR).await;
    assert_eq!(restored.store.hold().await.unwrap(), Some(Hold::Unclaimed));
    assert_eq!(restored.store.lease().await.unwrap(), None, "nobody asks for the lease");
    assert_eq!((restored.mutations().len(), ids(&restored)), (quiet, before.clone()));

    restored.store.claim().await.unwrap();
    // What came since is an orphan of this very store; what was made again since bears a name that is in use.
    expect_orphans(&restored, &["feature/came", "feature/heals"]).await;
    assert!(shown(&restored).await.iter().all(|orphan| orphan.fits));
    restored.until_phase("feature/stays", "Ready").await;
    let noted = async |name: &str| {
        let told = restored.store.events(Some(&name.into()), 100).await.unwrap();
        told.iter().any(|event| event.reason == "TerminatedOutside")
    };
    restored.until_phase("feature/heals", "Blocked").await;
    // The backup still wants what was deleted since: that is told, and it comes again until somebody deletes it.
    restored.until_phase("feature/goes", "Ready").await;
    assert!(noted("feature/goes").await && noted("feature/heals").await);
    assert!(before.is_subset(&ids(&restored)), "nothing was destroyed");
    assert_eq!(restored.applied("TerminateEnvironment"), 1, "the one deletion before the restore");

    restored.delete("feature/goes").await;
    restored.expect("it is gone", async |sim: &Sim| sim.record("feature/goes").await.is_none()).await;
    for name in ["feature/heals", "feature/came"] {
        let orphan = orphan_for(&restored, name).await;
        give(&restored, &orphan, feature(name, "login-41", "2d")).await;
        restored.until_phase(name, "Ready").await;
    }
    assert_eq!((ids(&restored), shown(&restored).await), (before, Vec::new()));
    restored.end().await;
}

/// What an installation touches: environments, versions and bundles, by its key.
fn touched(trap: &Trap, key: &str) -> Vec<Call> {
    let mut calls = trap.emulator.calls();
    let reads = ["Describe", "List", "Check", "Get", "BatchGet", "Head", "Validate"];
    calls.retain(|call| call.access_key == key && !reads.iter().any(|read| call.operation.starts_with(read)));
    calls
}

/// What a call is about: an environment by id or name, a version, a bundle.
fn about(call: &Call) -> Vec<String> {
    let names = ["EnvironmentId", "EnvironmentName", "VersionLabel", "Key"];
    let mut about: Vec<String> = names.iter().filter_map(|name| call.params.get(*name).cloned()).collect();
    about.extend(call.environment.clone());
    about
}

#[tokio::test(start_paused = true)]
async fn two_installations_with_the_same_features_never_touch_each_others() {
    let mut one = Trap::given().await;
    let mut two = another_store(&one, 2).await;
    two.key = "the-other".to_owned();
    two.run().await;
    let names = ["feature/login", "feature/search"];
    for trap in [&one, &two] {
        for name in names {
            trap.apply(feature(name, "login-41", "2d")).await;
        }
    }
    for trap in [&one, &two] {
        for name in names {
            trap.until_phase(name, "Ready").await;
        }
    }
    assert_eq!(one.live().len(), 4);
    // Each changes, is changed back, loses an environment, and deletes, while the other stays; old versions are swept.
    for (acting, resting) in [(&one, &two), (&two, &one)] {
        for tag in ["login-42", "login-41"] {
            acting.apply(feature("feature/login", tag, "2d")).await;
            acting.until_phase("feature/login", "Updating").await;
            acting.until_phase("feature/login", "Ready").await;
        }
        acting.hand_terminates(&acting.environment_of("feature/search").await.id).await;
        acting.expect("it is healed", async |sim: &Sim| sim.live().len() == 4).await;
        acting.until_phase("feature/search", "Ready").await;
        acting.turn(3 * HOUR).await;
        for name in names {
            assert_eq!(resting.phase(name).await, "Ready", "{}", resting.account().await);
        }
    }
    for name in names {
        one.delete(name).await;
    }
    one.expect("only the other's are left", async |sim: &Sim| sim.live().len() == 2).await;
    one.turn(3 * HOUR).await;
    let left: BTreeSet<EnvironmentId> = {
        let records = two.store.load().await.unwrap();
        let ledger = |stored: &beansprout::store::StoredRecord| match &stored.body {
            beansprout::store::RecordBody::Readable(record) => record.identity.ledger.clone()?.id,
            beansprout::store::RecordBody::Unreadable { why } => panic!("{why}"),
        };
        records.records.values().filter_map(ledger).collect()
    };
    assert_eq!(ids(&two), left.iter().map(ToString::to_string).collect());
    let labels: BTreeSet<String> = two.live().into_iter().filter_map(|(_, _, label)| label).collect();
    assert!(labels.iter().all(|label| two.versions().contains(label)), "what runs is there");
    for name in names {
        two.delete(name).await;
    }
    two.expect("nothing is left of either", async |sim: &Sim| {
        sim.live().is_empty() && sim.versions().is_empty() && sim.bundles().is_empty()
    })
    .await;

    let (first, second) = (touched(&one, "controller"), touched(&two, "the-other"));
    assert!(first.len() > 20 && second.len() > 20, "{} {}", first.len(), second.len());
    assert!(first.iter().chain(&second).any(|call| call.operation == "DeleteObject"));
    let of = |calls: &[Call]| -> BTreeSet<String> { calls.iter().flat_map(about).collect() };
    let both: Vec<String> = of(&first).intersection(&of(&second)).cloned().collect();
    assert_eq!(both, Vec::<String>::new(), "touched by both");
    one.stop().await;
    two.stop().await;
}
