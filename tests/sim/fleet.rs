//! What a thousand converged environments cost.

use std::collections::BTreeMap;
use std::time::Duration;

use beansprout::aws::Rate;
use beansprout::controller::Cadence;
use beansprout::emulator::{Fault, Kind};
use jiff::SignedDuration;

use super::world::{Options, Sim, feature};

const FLEET: usize = 1000;

fn options() -> Options {
    let mut options = Options::default();
    options.policy.guards.creates = FLEET;
    options.settings.quotas.environments = FLEET + 1;
    options.settings.quotas.versions = FLEET + 1;
    options.settings.launch = Duration::from_secs(60);
    options.rate = Rate { per_second: 1000.0, burst: 1000 };
    options.cadence =
        Cadence { store: Duration::from_secs(30), busy: Duration::from_secs(60), ..Cadence::default() };
    options.lease = SignedDuration::from_mins(10);
    options
}

/// Calls of the controller after a number, by operation.
fn calls_since(sim: &Sim, seq: u64) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for call in sim.emulator.calls_since(seq).into_iter().filter(|call| call.access_key == "controller") {
        *count.entry(call.operation).or_default() += 1;
    }
    count
}

fn last_call(sim: &Sim) -> u64 {
    sim.emulator.calls().last().map_or(0, |call| call.seq)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_converged_environments_cost_one_listing_a_turn() {
    let mut sim = Sim::new(options()).await;
    sim.push("login-41");
    for n in 0..FLEET {
        sim.apply(feature(&format!("feature/{n}"), "login-41", "30d")).await;
    }
    sim.run().await;
    sim.until(Duration::from_secs(12 * 3600), "all are up", async |sim: &Sim| {
        sim.live().len() == FLEET
            && sim.store.statuses().await.unwrap().iter().all(|status| status.phase.as_str() == "Ready")
    })
    .await;
    // Whatever the launches left to do is done.
    tokio::time::sleep(Duration::from_secs(600)).await;
    sim.stop().await;

    let mut controller = sim.controller().await;
    controller.turn(None).await.unwrap();
    let before = last_call(&sim);
    for _ in 0..20 {
        let turn = controller.turn(None).await.unwrap();
        assert!(turn.plan.is_empty(), "{:?}", turn.plan.steps);
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let mut calls = calls_since(&sim, before);
    assert_eq!(calls.remove("DescribeEnvironments"), Some(20));
    // The registry has its own clock: one call for a hundred images, and here they are all the same.
    assert!(calls.remove("BatchGetImage").is_some_and(|count| count <= 20), "{calls:?}");
    assert_eq!(calls, BTreeMap::new(), "and nothing else");

    // One more than a page holds: a page that fails is no shorter fleet.
    let hand = sim.clients(std::sync::Arc::new(beansprout::aws::OpenGate), "hand").await;
    let request = hand.beanstalk.create_environment().application_name("shop").environment_name("by-hand");
    let request = request.solution_stack_name("64bit Amazon Linux 2023 v4.7.0 running Docker");
    request.send().await.unwrap();
    let before = last_call(&sim);
    controller.turn(None).await.unwrap();
    assert_eq!(calls_since(&sim, before)["DescribeEnvironments"], 2, "two pages");
    sim.emulator.faults(vec![Fault::on("DescribeEnvironments", Kind::Page)]);
    let turn = controller.turn(None).await.unwrap();
    assert!(turn.plan.is_empty() && turn.plan.report.blind.is_some(), "{:?}", turn.plan.report.blind);
}
