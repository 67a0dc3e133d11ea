//! Several controllers of one installation on paused time: who leads, when somebody else does, and what goes out.

use std::time::Duration;

use beansprout::controller::{Controller, Setup, Standing};
use beansprout::emulator::{Fault, Kind};
use beansprout::store::Sealed;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::crew::Crew;
use super::world::{Keep, Options, feature};

const LEASE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn options(keep: Keep) -> Options {
    Options { lease: SignedDuration::try_from(LEASE).unwrap(), keep, ..Options::default() }
}

/// Two controllers, of which `one` leads.
async fn two(keep: Keep) -> Crew {
    let mut crew = Crew::new(options(keep)).await;
    crew.start("one").await;
    crew.until_led_by("one", SECOND).await;
    crew.start("two").await;
    crew
}

pub(super) async fn a_planned_hand_over_takes_no_longer_than_a_second(keep: Keep) {
    let mut crew = two(keep).await;
    tokio::time::sleep(Duration::from_secs(40)).await;
    let before = crew.lease().await.epoch;
    let stopping = crew.ask_to_stop("one");
    crew.until_led_by("two", SECOND).await;
    stopping.await.unwrap();
    assert!(crew.lease().await.epoch > before);

    // The same in the middle of a call that is not answered in time.
    crew.emulator.faults(vec![Fault::on("CreateEnvironment", Kind::Slow).by(6.0)]);
    crew.start("one").await;
    crew.apply(feature("feature/a", "v1", "2d")).await;
    crew.until(Duration::from_secs(60), "the call is under way", async |sim| {
        sim.record("feature/a").await.is_some_and(|record| record.open().is_some())
    })
    .await;
    let stopping = crew.ask_to_stop("two");
    crew.until_led_by("one", SECOND).await;
    stopping.await.unwrap();
    crew.emulator.faults(Vec::new());
    crew.until_phase("feature/a", "Ready").await;
    assert_eq!(crew.applied("CreateEnvironment").len(), 1);
    crew.ask_to_stop("one").await.unwrap();
}

pub(super) async fn after_a_crash_the_next_leads_within_the_lease_and_a_second(keep: Keep) {
    let mut crew = two(keep).await;
    for (dead, next) in [("one", "two"), ("two", "one"), ("one", "two")] {
        tokio::time::sleep(Duration::from_secs(47)).await;
        let before = crew.lease().await.epoch;
        crew.kill(dead).await;
        crew.until_led_by(next, LEASE + SECOND).await;
        assert!(crew.lease().await.epoch > before);
        crew.start(dead).await;
    }
}

pub(super) async fn nothing_is_destroyed_after_a_take_over_before_the_calls_of_the_one_before_are_over(
    keep: Keep,
) {
    let mut crew = two(keep).await;
    crew.apply(feature("feature/old", "v1", "2d")).await;
    crew.until_phase("feature/old", "Ready").await;
    let died = crew.emulator.now();
    crew.kill("one").await;
    crew.delete("feature/old").await;
    crew.apply(feature("feature/new", "v1", "2d")).await;
    crew.until_led_by("two", LEASE + SECOND).await;
    let taken = crew.emulator.now();
    crew.until(Duration::from_secs(5), "it is told", async |sim| {
        let status = sim.status("feature/old").await.unwrap();
        status.happened.contains("Another controller leads") && status.next_at.is_some()
    })
    .await;
    // What destroys nothing goes on at once.
    crew.until(Duration::from_secs(2), "the new one is launched", async |sim| sim.live().len() == 2).await;
    crew.until(Duration::from_secs(3600), "the old one is gone", async |sim| sim.live().len() == 1).await;
    let ended = crew.applied("TerminateEnvironment");
    assert_eq!(ended.len(), 1);
    // The take-over is seen a hundredth of a second late.
    let calls_over = SignedDuration::try_from(LEASE / 2).unwrap() - SignedDuration::from_millis(10);
    assert!(ended[0].at.duration_since(taken) >= calls_over, "taken {taken}, ended {}", ended[0].at);
    assert!(ended[0].at.duration_since(died) < SignedDuration::from_secs(60), "and not much later");
    crew.until_phase("feature/new", "Ready").await;
    crew.ask_to_stop("two").await.unwrap();

    // Who gave the lease back left nothing under way: the next need not wait.
    crew.start("three").await;
    crew.until_led_by("three", SECOND).await;
    crew.delete("feature/new").await;
    let asked = crew.emulator.now();
    crew.until(Duration::from_secs(3600), "that is gone too", async |sim| sim.live().is_empty()).await;
    let ended = crew.applied("TerminateEnvironment").pop().unwrap();
    assert!(ended.at.duration_since(asked) < SignedDuration::from_secs(5), "asked {asked}, {ended:?}");
}

pub(super) async fn who_has_not_noticed_yet_that_the_lease_is_lost_writes_no_intent_and_calls_nothing(
    keep: Keep,
) {
    let mut crew = Crew::new(options(keep)).await;
    crew.start("one").await;
    crew.until_led_by("one", SECOND).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    // Renewed a moment ago, so that its switch is open; and yet the row names somebody else.
    let row = crew.lease().await;
    crew.store
        .acquire("thief-1", options(keep).lease, jiff::Timestamp::UNIX_EPOCH, Some(&row))
        .await
        .unwrap()
        .expect("an unchanged row");
    let since = crew.emulator.now();
    crew.apply(feature("feature/a", "v1", "2d")).await;
    tokio::time::sleep(Duration::from_secs(28)).await;
    assert_eq!(crew.record("feature/a").await, None, "nothing was written");
    let calls = crew.emulator.calls();
    assert!(calls.iter().any(|call| call.at > since && call.access_key == "one"), "it had a turn meanwhile");
    let mutations = calls
        .iter()
        .filter(|call| call.access_key == "one" && call.service != "dynamodb" && !is_read(&call.operation));
    assert_eq!(mutations.count(), 0);
    // The thief never renews, so its lease ends.
    crew.until_led_by("one", LEASE + SECOND).await;
    assert!(crew.lease().await.epoch > row.epoch + 1);
    crew.until_phase("feature/a", "Ready").await;
    assert_eq!(crew.changes().len(), 1);
}

fn is_read(operation: &str) -> bool {
    let reads = ["Describe", "List", "Check", "Get", "BatchGet", "Head", "Validate", "Retrieve"];
    reads.iter().any(|read| operation.starts_with(read))
}

pub(super) async fn clocks_that_disagree_by_ten_minutes_make_no_second_leader(keep: Keep) {
    let mut crew = Crew::new(options(keep)).await;
    let ahead = [("one", 0), ("two", 10), ("three", -10)];
    for (name, minutes) in ahead {
        crew.start_ahead(name, SignedDuration::from_mins(minutes)).await;
    }
    let mut epoch = 0;
    for round in 0..9 {
        crew.apply(feature(&format!("feature/{round}"), "v1", "2d")).await;
        crew.until_phase(&format!("feature/{round}"), "Ready").await;
        let leader = crew.leader().await.expect("somebody leads");
        let lease = crew.lease().await;
        assert!(round == 0 || lease.epoch > epoch, "{lease:?} after {epoch}");
        epoch = lease.epoch;
        if round % 2 == 0 {
            crew.kill(&leader).await;
        } else {
            crew.ask_to_stop(&leader).await.unwrap();
        }
        let minutes = ahead.iter().find(|(name, _)| *name == leader).unwrap().1;
        crew.start_ahead(&leader, SignedDuration::from_mins(minutes)).await;
    }
    assert_eq!((crew.live().len(), crew.applied("CreateEnvironment").len()), (9, 9));
    assert_eq!(crew.changes().len(), 9, "nothing was done twice or undone");
}

/// Nobody gave the installation a name: those who start at once must find the same.
pub(super) async fn controllers_that_start_at_once_on_a_new_store_are_of_one_installation(keep: Keep) {
    let mut crew = Crew::new(options(keep)).await;
    let mut starting = Vec::new();
    for name in ["one", "two", "three"] {
        let clock = crew.clock.clone();
        let setup = crew.setup(name, &clock).await;
        starting.push(Controller::start(Setup { installation: None, ..setup }));
    }
    let started = futures::future::try_join_all(starting).await.expect("all of them start");
    let bound = crew.store.identity().await.unwrap().installation.expect("it is bound");
    for controller in &started {
        assert_eq!(controller.introduction().installation, bound);
    }
}

/// A sealed store goes on elsewhere, so its lease is worth nothing, however much of it is left.
pub(super) async fn who_leads_on_a_store_that_is_sealed_gives_up_with_the_next_renewal(keep: Keep) {
    let mut crew = Crew::new(options(keep)).await;
    let clock = crew.clock.clone();
    let setup = crew.setup("one", &clock).await;
    let switch = setup.switch.clone();
    let stop = CancellationToken::new();
    let running = tokio::spawn(Controller::start(setup).await.unwrap().run(stop.clone()));
    crew.until_led_by("one", SECOND).await;
    tokio::time::sleep(SECOND).await;
    assert!(matches!(switch.standing(), Standing::Leads { .. }));
    let seal = Sealed { to: "sqlite:/elsewhere".to_owned(), at: clock.now(), by: "alex".to_owned() };
    crew.store.seal(seal).await.unwrap();
    tokio::time::sleep(LEASE / 6 + SECOND).await;
    assert_eq!(switch.standing(), Standing::Follows);
    stop.cancel();
    running.await.unwrap().unwrap();
}
