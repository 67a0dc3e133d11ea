//! The store in tables under faults: what it costs is time, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use beansprout::clock::seed_thread;
use beansprout::controller::Cadence;
use beansprout::emulator::{Call, Fault, Kind, Outcome};

use super::world::{Keep, Options, Sim, feature};

const FEATURES: usize = 8;
const SEED: u64 = 7;
/// Features that are taken away again, and those that change.
const LEAVE: usize = 3;

/// Faults that pass, by what they can strike. Some are rare and strike often,
/// so that each of them is met.
const FAULTS: [(&str, Kind, f64); 13] = [
    ("reading", Kind::Throttle, 0.05),
    ("mutating", Kind::Throttle, 0.1),
    ("mutating", Kind::Lost, 0.1),
    ("mutating", Kind::Broken, 0.05),
    ("mutating", Kind::Unavailable, 0.05),
    ("mutating", Kind::Garbled, 0.05),
    ("mutating", Kind::Late, 0.02),
    ("mutating", Kind::Conflict, 0.1),
    ("reading", Kind::Refused, 0.03),
    ("reading", Kind::Garbled, 0.03),
    ("Query", Kind::Page, 0.2),
    ("BatchGetItem", Kind::Unprocessed, 0.3),
    ("*", Kind::Slow, 0.1),
];

fn faults() -> Vec<Fault> {
    let fault = |(seed, (operation, kind, probability)): (u64, &(&str, Kind, f64))| Fault {
        service: "dynamodb".to_owned(),
        probability: Some(*probability),
        seed,
        ..Fault::on(operation, *kind).by(2.0)
    };
    let passing = (1..).zip(&FAULTS).map(fault);
    // Strikes whatever does not ask for strong consistency.
    let stale = Fault { service: "dynamodb".to_owned(), ..Fault::on("*", Kind::Stale).by(600.0) };
    passing.chain([stale]).collect()
}

/// What a run left and what it did.
#[derive(Debug, PartialEq)]
struct Account {
    live: BTreeSet<String>,
    changes: BTreeMap<String, usize>,
    phases: BTreeMap<String, String>,
    versions: usize,
}

/// Features come, change and go; `strike` says with which faults.
async fn run(strike: Vec<Fault>) -> (Account, Sim) {
    seed_thread(SEED);
    // Hours pass, so the store is looked at every few seconds.
    let cadence = Cadence { store: Duration::from_secs(5), ..Cadence::default() };
    let mut options = Options { seed: SEED, keep: Keep::Tables, cadence, ..Options::default() };
    // Eight features fill more than a page.
    options.settings.page = 4096;
    let mut sim = Sim::new(options).await;
    sim.push("v1");
    sim.push("v2");
    sim.run().await;
    let name = |n: usize| format!("feature/{n}");
    for n in 0..FEATURES {
        sim.apply(feature(&name(n), "v1", "2d")).await;
    }
    sim.emulator.faults(strike);
    let ready = |tag: &'static str, names: Vec<String>| {
        async move |sim: &Sim| {
            for name in &names {
                let status = sim.status(name).await;
                let runs = status.filter(|status| status.phase.as_str() == "Ready");
                let image = runs.and_then(|status| status.deployed).map(|deployed| deployed.image);
                if image.as_deref() != Some(tag) {
                    return false;
                }
            }
            true
        }
    };
    let hours = Duration::from_secs(4 * 3600);
    sim.until(hours, "all are Ready", ready("shop-web:v1", (0..FEATURES).map(name).collect())).await;
    for n in LEAVE..FEATURES {
        sim.apply(feature(&name(n), "v2", "2d")).await;
    }
    for n in 0..LEAVE {
        sim.delete(&name(n)).await;
    }
    sim.until(hours, "the changed ones run", ready("shop-web:v2", (LEAVE..FEATURES).map(name).collect()))
        .await;
    sim.until(hours, "the others are gone", async |sim: &Sim| {
        let rows = sim.store.load().await.unwrap();
        rows.specs.len() == FEATURES - LEAVE && rows.records.len() == FEATURES - LEAVE
    })
    .await;
    tokio::time::sleep(hours).await;
    (account(&sim).await, sim)
}

async fn account(sim: &Sim) -> Account {
    let mut changes = BTreeMap::new();
    for call in sim.emulator.calls() {
        if call.access_key == "controller" && call.outcome == Outcome::Applied && is_change(&call) {
            *changes.entry(call.operation).or_default() += 1;
        }
    }
    let views = sim.store.statuses().await.unwrap();
    Account {
        live: sim.live().into_iter().map(|(name, ..)| name).collect(),
        changes,
        phases: views
            .into_iter()
            .map(|view| (view.feature.to_string(), view.phase.as_str().to_owned()))
            .collect(),
        versions: sim.versions().len(),
    }
}

fn is_change(call: &Call) -> bool {
    let changes = ["Create", "Update", "Terminate", "Delete"];
    call.service == "elasticbeanstalk" && changes.iter().any(|verb| call.operation.starts_with(verb))
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_tables_change_nothing_in_the_end_and_no_number_of_calls() {
    let (calm, mut first) = run(Vec::new()).await;
    first.stop().await;
    assert_eq!(calm.live.len(), FEATURES - LEAVE);
    let (struck, mut second) = run(faults()).await;
    assert_eq!(struck, calm);
    let hits = second.emulator.fault_hits();
    let met: BTreeSet<Kind> =
        hits.iter().filter(|(_, _, hits)| *hits > 0).map(|(_, kind, _)| *kind).collect();
    let wanted: BTreeSet<Kind> = FAULTS.iter().map(|(_, kind, _)| *kind).collect();
    assert_eq!(met, wanted, "every kind was met but stale reads, which nothing asks for: {hits:?}");
    second.emulator.faults(Vec::new());
    second.stop().await;
}
