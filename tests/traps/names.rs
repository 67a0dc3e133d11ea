//! Names, tags and addresses: who owns what.

use beansprout::emulator::{Fault, Kind};
use beansprout::status::{FLEET_DOCUMENT, FleetView};
use beansprout::store::{Expect, Write};

use super::{HOUR, MINUTE, Trap, during};
use crate::sim::world::{Sim, feature};

async fn fleet(sim: &Sim) -> FleetView {
    let document = sim.store.document(FLEET_DOCUMENT).await.unwrap().expect("an account of the fleet");
    serde_json::from_str(&document.body).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_name_that_a_stranger_has_blocks_and_is_never_touched() {
    let trap = Trap::given().await;
    let name = trap.name_of("feature/login").await;
    let stranger = trap.hand_makes(&name, "somebody-else", &[]).await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Blocked").await;
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.happened.contains(&stranger) && status.stuck, "{status:?}");
    trap.expect_no_call(HOUR).await;

    trap.hand_terminates(&stranger).await;
    trap.until_phase("feature/login", "Ready").await;
    assert_ne!(trap.environment_of("feature/login").await.id, stranger);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_between_look_and_call_is_refused_and_blocks() {
    let trap = Trap::given().await;
    let name = trap.name_of("feature/login").await;
    trap.emulator.faults(vec![during(5 * MINUTE, "DescribeEnvironments", Kind::Stale).by(600.0)]);
    let stranger = trap.hand_makes(&name, "somebody-else", &[]).await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("the create was refused", async |sim: &Sim| !sim.calls("CreateEnvironment").is_empty()).await;
    trap.turn(10 * MINUTE).await;
    assert_eq!(trap.phase("feature/login").await, "Blocked", "{}", trap.account().await);
    assert_eq!(trap.applied("CreateEnvironment"), 0);
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.happened.contains(&stranger), "it says who has the name: {status:?}");

    trap.delete("feature/login").await;
    trap.expect("the feature goes, the stranger stays", async |sim: &Sim| {
        sim.record("feature/login").await.is_none()
    })
    .await;
    assert_eq!(trap.live()[0].1, stranger);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn copied_tags_make_nobody_ours() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let ours = trap.environment_of("feature/login").await;
    let tags: Vec<(&str, &str)> =
        ours.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let copy = trap.hand_makes("f-copy", "f-copy", &tags).await;
    let name = trap.name_of("feature/search").await;
    let namesake = trap.hand_makes(&name, "f-namesake", &tags).await;
    trap.apply(feature("feature/search", "login-41", "2d")).await;
    trap.until_phase("feature/search", "Blocked").await;
    trap.expect("orphans are reported", async |sim: &Sim| {
        let orphans = fleet(sim).await.orphans;
        orphans.iter().filter(|orphan| !orphan.fits).count() == 2
    })
    .await;
    trap.expect_no_call(HOUR).await;
    let live: Vec<String> = trap.live().into_iter().map(|(_, id, _)| id).collect();
    assert!(live.contains(&copy) && live.contains(&namesake), "{live:?}");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cname_that_a_stranger_holds_gives_the_next_of_the_series() {
    let trap = Trap::given().await;
    for n in [0, 1] {
        let prefix = trap.prefix_of("feature/login", n).await;
        trap.aws(|world| world.strangers.insert(prefix));
    }
    trap.make_ready(&["feature/login"]).await;
    let environment = trap.environment_of("feature/login").await;
    assert_eq!(environment.prefix, trap.prefix_of("feature/login", 2).await);
    let shown = environment.setting("aws:elasticbeanstalk:application:environment", "SPROUT_URL");
    assert!(shown.is_some_and(|url| url.contains(&environment.prefix)), "{shown:?}");
    assert_eq!(trap.applied("CreateEnvironment"), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_cname_that_is_refused_at_the_create_gives_the_next_of_the_series() {
    let trap = Trap::given().await;
    let prefix = trap.prefix_of("feature/login", 0).await;
    trap.aws(|world| world.strangers.insert(prefix));
    trap.emulator.faults(vec![Fault::on("CheckDNSAvailability", Kind::Denied)]);
    trap.make_ready(&["feature/login"]).await;
    let environment = trap.environment_of("feature/login").await;
    assert_eq!(environment.prefix, trap.prefix_of("feature/login", 1).await);
    assert_eq!(trap.calls("CreateEnvironment").len(), 2, "refused once");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn tags_that_come_late_are_waited_for() {
    let trap = Trap::given().await;
    trap.emulator.faults(vec![
        Fault::on("CreateEnvironment", Kind::Lost).once(),
        during(20 * MINUTE, "ListTagsForResource", Kind::Empty),
    ]);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.turn(19 * MINUTE).await;
    assert_ne!(trap.phase("feature/login").await, "Ready", "nothing proves it ours yet");
    trap.until_phase("feature/login", "Ready").await;
    assert_eq!(trap.calls("CreateEnvironment").len(), 1, "{}", trap.account().await);

    trap.emulator.faults(vec![during(20 * MINUTE, "ListTagsForResource", Kind::Empty)]);
    trap.delete("feature/login").await;
    trap.turn(19 * MINUTE).await;
    assert_eq!(trap.live().len(), 1, "no proof, no termination");
    trap.expect("it goes when its tags are shown", async |sim: &Sim| sim.live().is_empty()).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_empty_store_destroys_nothing_and_reports_orphans() {
    let mut trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
    trap.stop().await;
    let before = trap.mutations().len();
    let mut other = trap.neighbour(2).await;
    other.run().await;
    trap.turn(2 * HOUR).await;
    let orphans = fleet(&other).await.orphans;
    assert_eq!(orphans.iter().map(|orphan| orphan.fits).collect::<Vec<_>>(), [false, false]);
    assert_eq!(trap.mutations().len(), before);
    assert_eq!(trap.live().len(), 2);

    // The same features in the other store are environments of their own.
    other.apply(feature("feature/login", "login-41", "2d")).await;
    other.until_phase("feature/login", "Ready").await;
    assert_eq!(trap.live().len(), 3);
    other.stop().await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_store_emptied_destroys_nothing_and_reports_orphans() {
    let trap = Trap::given_ready(&["feature/login", "feature/search"]).await;
    let gone = ["feature/login", "feature/search"].into_iter().flat_map(|name| {
        [
            Write::DeleteSpec { feature: name.into(), expect: Expect::Any },
            Write::DeleteRecord { feature: name.into(), expect: Expect::Any },
        ]
    });
    trap.commit(gone.collect()).await;
    trap.expect_no_call(2 * HOUR).await;
    let orphans = fleet(&trap).await.orphans;
    assert_eq!(orphans.iter().map(|orphan| orphan.fits).collect::<Vec<_>>(), [true, true]);

    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Blocked").await;
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_label_that_a_stranger_runs_is_not_swept() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let label = trap.environment_of("feature/login").await.shown.label.unwrap();
    let stranger = trap.hand_makes("by-hand", "by-hand", &[]).await;
    trap.turn(10 * MINUTE).await;
    let hand = trap.hand().await;
    let update = hand.beanstalk.update_environment().environment_id(&stranger).version_label(&label);
    update.send().await.unwrap();
    trap.turn(10 * MINUTE).await;
    trap.delete("feature/login").await;
    trap.expect("our environment is gone", async |sim: &Sim| sim.live().len() == 1).await;
    trap.turn(3 * HOUR).await;
    assert_eq!(trap.versions(), [label], "the stranger runs it");
    trap.hand_terminates(&stranger).await;
    trap.expect("now nobody does", async |sim: &Sim| sim.versions().is_empty() && sim.bundles().is_empty())
        .await;
    trap.end().await;
}
