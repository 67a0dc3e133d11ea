//! The allow-list, the gate and the budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use beansprout::aws::{Budget, CallError, Gate, Rates, ShutGate, Verb, call};
use beansprout::clock::Entropy;
use beansprout::emulator::{Emulator, Fault, Kind, Settings};
use beansprout::provider::Beanstalk;

use super::{Rig, connect, create, roomy};

#[tokio::test(start_paused = true)]
async fn a_verb_that_is_not_on_the_list_never_reaches_the_wire() {
    let rig = Rig::new().await;
    let before = rig.emulator.calls().len();
    let request = rig.clients.beanstalk.delete_application().application_name("shop");
    let error = call(request.terminate_env_by_force(true).send()).await.unwrap_err();
    assert!(matches!(&error, CallError::NotSent { why } if why.contains("verb not allowed")), "{error}");
    let error = call(rig.clients.s3.delete_bucket().bucket(&rig.bucket).send()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    let error = call(rig.clients.ecr.delete_repository().repository_name("shop").send()).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent { .. }), "{error}");
    assert_eq!(rig.emulator.calls().len(), before);
}

#[tokio::test(start_paused = true)]
async fn a_shut_gate_stops_what_changes_something_and_lets_questions_pass() {
    let emulator = Emulator::new(Settings::default());
    let budget = Budget::new(roomy(), Entropy::seeded(1));
    let gate = Arc::new(ShutGate("this process is read-only".to_owned()));
    let beanstalk = Beanstalk::new(connect(&emulator, gate, &budget).await);
    let error = beanstalk.create_application(&super::shop(), "x").await.unwrap_err();
    assert_eq!(error.to_string(), "not sent: this process is read-only");
    assert!(beanstalk.listing().await.is_ok());
    assert!(emulator.calls().iter().all(|call| call.operation.starts_with("Describe")));
}

/// A gate that a test shuts.
#[derive(Debug, Default)]
struct Latch(AtomicBool);

impl Gate for Latch {
    fn check(&self, verb: &Verb) -> Result<Duration, String> {
        if self.0.load(Ordering::SeqCst) { Err("the lease is lost".to_owned()) } else { Ok(verb.attempt) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_while_a_call_waits_for_its_token_stops_it() {
    let emulator = Emulator::new(Settings::default());
    let budget = Budget::new(Rates::default(), Entropy::seeded(1));
    let gate = Arc::new(Latch::default());
    let beanstalk = Beanstalk::new(connect(&emulator, gate.clone(), &budget).await);
    beanstalk.create_application(&super::shop(), "x").await.unwrap();
    for _ in 0..9 {
        beanstalk.listing().await.unwrap();
    }
    // The burst is used up: the next call waits for half a second.
    let request = create("f-one");
    let waiting = beanstalk.create_environment(&request);
    let lost = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        gate.0.store(true, Ordering::SeqCst);
    };
    let (outcome, ()) = tokio::join!(waiting, lost);
    assert!(matches!(outcome, Err(CallError::NotSent { why }) if why == "the lease is lost"));
    assert!(!emulator.calls().iter().any(|call| call.operation == "CreateEnvironment"));
}

/// A gate that closes after a second, whatever it let pass.
#[derive(Debug)]
struct OneSecond;

impl Gate for OneSecond {
    fn check(&self, verb: &Verb) -> Result<Duration, String> {
        Ok(verb.attempt)
    }

    fn closed(&self) -> futures::future::BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(Duration::from_secs(1)))
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_is_dropped_when_the_gate_closes_and_counts_as_unknown() {
    let emulator = Emulator::new(Settings::default());
    let budget = Budget::new(roomy(), Entropy::seeded(1));
    let beanstalk = Beanstalk::new(connect(&emulator, Arc::new(OneSecond), &budget).await);
    let slow = |operation| Fault::on(operation, Kind::Slow).by(4.0);
    emulator.faults(vec![slow("CreateApplication"), slow("DescribeEnvironments")]);
    let start = tokio::time::Instant::now();
    let request = connect(&emulator, Arc::new(OneSecond), &budget).await;
    let outcome = call(request.beanstalk.create_application().application_name("shop").send()).await;
    assert!(
        matches!(&outcome, Err(CallError::Unknown { why }) if why.contains("lease was lost")),
        "{outcome:?}"
    );
    assert_eq!(start.elapsed(), Duration::from_secs(1));
    // Whoever only asks may go on.
    assert!(beanstalk.listing().await.is_ok());
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn throttling_slows_everything_down_and_passes() {
    let rig = Rig::with(Settings::default(), Rates::default()).await;
    assert!((rig.budget.stretch() - 1.0).abs() < 1e-9);
    rig.emulator.faults(vec![Fault::on("DescribeEnvironments", Kind::Throttle).once()]);
    let start = tokio::time::Instant::now();
    rig.beanstalk.listing().await.expect("the second attempt");
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(rig.budget.stretch() > 1.5);
    assert_eq!(rig.budget.throttled_replies(), 1);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(rig.budget.stretch() < 1.01);
}

#[tokio::test(start_paused = true)]
async fn the_budget_holds_against_a_service_that_throttles() {
    // A world of 2 calls a second meets our 2 a second: hardly ever too fast.
    let settings = Settings { rate: Some((2.0, 15)), ..Settings::default() };
    let rig = Rig::with(settings, Rates::default()).await;
    for _ in 0..200 {
        rig.beanstalk.listing().await.unwrap();
    }
    assert_eq!(rig.budget.throttled_replies(), 0);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_counted_by_operation() {
    let rig = Rig::new().await;
    rig.beanstalk.listing().await.unwrap();
    rig.beanstalk.listing().await.unwrap();
    let calls = rig.budget.calls();
    assert_eq!(calls[&("elasticbeanstalk".to_owned(), "DescribeEnvironments".to_owned())], 2);
    assert_eq!(calls.values().sum::<u64>(), u64::try_from(rig.emulator.calls().len()).unwrap());
}

/// What the world saw of a storm under faults, and when.
async fn storm() -> Vec<String> {
    let rig = Rig::with(Settings::default(), Rates::default()).await;
    rig.make_version("v1").await;
    let mut shaky = Fault::on("*", Kind::Throttle);
    shaky.probability = Some(0.3);
    rig.emulator.faults(vec![shaky]);
    for name in ["f-one", "f-two", "f-three"] {
        let _ = rig.beanstalk.create_environment(&create(name)).await;
        let _ = rig.beanstalk.listing().await;
    }
    let shown =
        |call: &beansprout::emulator::Call| format!("{:?} {} {:?}", call.at, call.operation, call.params);
    rig.emulator.calls().iter().map(shown).collect()
}

#[test]
fn the_same_seed_gives_the_same_calls_at_the_same_times() {
    let run = || {
        beansprout::clock::seed_thread(5);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(storm())
    };
    let (first, second) = (run(), run());
    assert!(first.len() > 8);
    assert_eq!(first, second);
}
