//! What a converged turn costs, at 100, 1,000 and 10,000 environments, and how
//! long changes and take-overs take on either kind of store: `make bench`.
//! Figures are printed, never asserted. Everything runs in one process: the
//! real SDK, the emulator, the store and the controllers.
#![allow(clippy::disallowed_methods, reason = "a bench measures with the machine's own clock")]

#[path = "../tests/sim/world.rs"]
#[allow(dead_code, reason = "a bench uses a part of the simulation's tools")]
mod world;

#[path = "../tests/sim/crew.rs"]
#[allow(dead_code, reason = "a bench uses a part of the simulation's tools")]
mod crew;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use beansprout::aws::Rate;
use beansprout::controller::Cadence;
use beansprout::plan::{Guards, Policy, plan};
use beansprout::store::{Expect, Fence, Write};
use crew::Crew;
use jiff::SignedDuration;
use world::{Keep, Options, Sim, feature};

/// Turns that are measured at each size.
const TURNS: u32 = 20;
/// Features that are applied one by one for the latency.
const LATENCIES: usize = 60;
/// Leaders that die, and leaders that are asked to stop.
const SUCCESSIONS: usize = 20;
/// The places that a store can lie in.
const KEEPS: [(Keep, &str); 2] = [(Keep::File, "SQLite"), (Keep::Tables, "DynamoDB")];

fn main() {
    // `cargo test --all-targets` runs benches with `--test`: nothing to do then.
    if std::env::args().any(|argument| argument == "--test" || argument == "--list") {
        return;
    }
    let sizes: Vec<usize> = match std::env::var("SPROUT_BENCH_SIZES") {
        Ok(sizes) => sizes.split(',').filter_map(|size| size.trim().parse().ok()).collect(),
        Err(_) => vec![100, 1_000, 10_000],
    };
    println!(
        "{:>12} {:>12} {:>12} {:>12} {:>10}  calls a turn",
        "environments", "wall/turn", "cpu/turn", "plan alone", "resident"
    );
    for size in sizes {
        on_paused_time(converged(size));
    }
    let cadence = Cadence::default();
    println!("\nBy this machine's clock; the store is asked every {:?}:", cadence.store);
    for (keep, name) in KEEPS {
        on_real_time(latency(keep, name));
    }
    println!(
        "\nIn the world's time, which stands still while anybody computes; the lease's row is looked at every {:?}, \
         and a lease lasts {:#}:",
        cadence.watch,
        Options::default().lease
    );
    for (keep, name) in KEEPS {
        on_paused_time(successions(keep, name));
    }
}

fn on_paused_time(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(work);
}

fn on_real_time(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(work);
}

/// Guards that let a whole fleet be made at once: they are not what is
/// measured here.
fn options(size: usize) -> Options {
    let mut options = Options::default();
    let guards = Guards { creates: size, flap: size, ..Guards::default() };
    options.policy = Policy { guards, ..options.policy };
    options.settings.quotas.environments = size + 1;
    options.settings.quotas.versions = size + 1;
    options.rate = Rate { per_second: 100_000.0, burst: 100_000 };
    options
}

async fn fleet(size: usize) -> Sim {
    let mut sim = Sim::new(options(size)).await;
    sim.push("v1");
    let writes = (0..size).map(|index| Write::PutSpec {
        feature: Box::new(feature(&format!("feature/bench-{index:05}"), "v1", "20d")),
        origin: None,
        expect: Expect::Any,
    });
    sim.commit(writes.collect()).await;
    sim.run().await;
    sim.until(Duration::from_secs(48 * 3600), "the fleet is Ready", async |sim: &Sim| {
        tokio::time::sleep(Duration::from_secs(120)).await;
        let views = sim.store.statuses().await.expect("statuses");
        views.iter().filter(|view| view.phase == beansprout::model::Phase::Ready).count() == size
    })
    .await;
    sim.stop().await;
    sim
}

async fn converged(size: usize) {
    let mut sim = fleet(size).await;
    let mut controller = sim.controller().await;
    let row = sim.store.lease().await.expect("the store answers");
    let lease = sim.store.acquire(
        "bench",
        SignedDuration::from_hours(1_000),
        jiff::Timestamp::UNIX_EPOCH,
        row.as_ref(),
    );
    let lease = lease.await.expect("the store answers").expect("the lease is free");
    let fence = Some(Fence { holder: lease.holder, epoch: lease.epoch });
    // Two turns to warm what is remembered between turns.
    for _ in 0..2 {
        controller.turn(fence.clone()).await.expect("a turn");
    }
    let before = sim.budget.calls();
    let (wall, cpu) = (Instant::now(), cpu_time());
    let mut planning = Duration::ZERO;
    for _ in 0..TURNS {
        let turn = controller.turn(fence.clone()).await.expect("a turn");
        let start = Instant::now();
        let again = plan(&turn.snapshot, &sim.options.policy);
        planning += start.elapsed();
        assert!(again.is_empty(), "the fleet is converged");
    }
    let (wall, cpu) = (wall.elapsed() - planning, cpu_time().saturating_sub(cpu).saturating_sub(planning));
    println!(
        "{size:>12} {:>12} {:>12} {:>12} {:>8} M  {}",
        millis(wall / TURNS),
        millis(cpu / TURNS),
        millis(planning / TURNS),
        resident_megabytes(),
        difference(&before, &sim.budget.calls())
    );
}

/// From a row in the store to CreateEnvironment at the service: what the
/// cadence of looking at the store costs.
async fn latency(keep: Keep, name: &str) {
    let mut sim = Sim::new(Options { keep, ..options(LATENCIES) }).await;
    sim.push("v1");
    sim.run().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut latencies = Vec::new();
    for index in 0..LATENCIES {
        // At another moment of every clock that ticks.
        tokio::time::sleep(Duration::from_millis(37 * (index as u64 % 27))).await;
        let applied = sim.emulator.now();
        sim.apply(feature(&format!("latency-{index}"), "v1", "20d")).await;
        sim.until(Duration::from_secs(600), "it is launched", async |sim: &Sim| {
            sim.calls("CreateEnvironment").len() > index
        })
        .await;
        let sent = sim.calls("CreateEnvironment").last().map(|call| call.at).expect("a call");
        latencies.push(sent.duration_since(applied).unsigned_abs());
    }
    sim.stop().await;
    shown(name, "from a row to CreateEnvironment", latencies);
}

/// From the end of a leader to the grant of the next lease.
async fn successions(keep: Keep, name: &str) {
    for (what, dies) in
        [("from a leader's death to the next", true), ("from SIGTERM to the next leader", false)]
    {
        let mut crew = Crew::new(Options { keep, ..Options::default() }).await;
        let long = Duration::from_secs(3600);
        let (mut leader, mut next) = ("one", "two");
        crew.start(leader).await;
        crew.until_led_by(leader, long).await;
        crew.start(next).await;
        let mut times = Vec::new();
        for index in 0..SUCCESSIONS {
            tokio::time::sleep(Duration::from_millis(60_000 + 373 * index as u64)).await;
            let began = tokio::time::Instant::now();
            let stopping = if dies {
                crew.kill(leader).await;
                None
            } else {
                Some(crew.ask_to_stop(leader))
            };
            crew.until_led_by(next, long).await;
            times.push(began.elapsed());
            if let Some(stopping) = stopping {
                stopping.await.expect("it ends");
            }
            crew.start(leader).await;
            std::mem::swap(&mut leader, &mut next);
        }
        for name in [leader, next] {
            crew.ask_to_stop(name).await.expect("it ends");
        }
        shown(name, what, times);
    }
}

/// One line: median and worst of a hundred.
fn shown(store: &str, what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{store:>10}  {what:<34} p50 {:>12}  p99 {:>12}  of {}",
        millis(at(50)),
        millis(at(99)),
        times.len()
    );
}

fn difference(before: &BTreeMap<(String, String), u64>, after: &BTreeMap<(String, String), u64>) -> String {
    let parts: Vec<String> = after
        .iter()
        .map(|(verb, count)| (verb, count - before.get(verb).copied().unwrap_or_default()))
        .filter(|(_, count)| *count > 0)
        .map(|((_, operation), count)| format!("{operation} {:.2}", count as f64 / f64::from(TURNS)))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// User and system time of this process so far, in the kernel's ticks of a
/// hundredth of a second (proc(5), fields 14 and 15 of `stat`).
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map(|(_, rest)| rest).unwrap_or_default();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks: u64 = [11, 12].iter().filter_map(|index| fields.get(*index)?.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_megabytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096 / 1_000_000
}
