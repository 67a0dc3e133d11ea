//! A week of twenty features under random faults, from a seed: everybody who should be there is there in the end, and
//! the same seed gives the same calls, in this process and in a fresh one.

use std::collections::BTreeMap;
use std::time::Duration;

use beansprout::clock::{Entropy, seed_thread};
use beansprout::controller::Cadence;
use beansprout::emulator::environment::Status;
use beansprout::emulator::world::{Breakage, Stage};
use beansprout::emulator::{Call, Fault, Kind, Readings};
use beansprout::model::hash::digest;
use beansprout::model::{Ask, Feature, Source, Variable};
use data_encoding::HEXLOWER;
use jiff::SignedDuration;

use super::world::{Options, Sim, feature, start};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const FEATURES: u64 = 20;
/// How often the controller looks when nothing is under way: less often than by default, because a week is long.
const IDLE: Duration = Duration::from_secs(120);
/// Names the seed for the process that this test starts.
const SEED: &str = "SPROUT_TEST_WEEK";

/// Faults that pass, as AWS's do.
const FAULTS: [Kind; 14] = [
    Kind::Refused,
    Kind::Lost,
    Kind::Garbled,
    Kind::Late,
    Kind::Throttle,
    Kind::Unavailable,
    Kind::Broken,
    Kind::Denied,
    Kind::Empty,
    Kind::Partial,
    Kind::Stale,
    Kind::UnknownStatus,
    Kind::NoEvents,
    Kind::DoubleEvents,
];

fn options(seed: u64) -> Options {
    let mut options = Options { seed, ..Options::default() };
    options.cadence =
        Cadence { store: Duration::from_secs(30), idle: IDLE, images: IDLE, ..Cadence::default() };
    options.lease = SignedDuration::from_mins(10);
    options.settings.readings = Readings::drawn(seed);
    options
}

/// People and AWS, by chance.
struct Chance {
    dice: Entropy,
    commits: u64,
}

impl Chance {
    fn pick<T: Clone>(&self, of: &[T]) -> T {
        of[usize::try_from(self.dice.below(of.len() as u64)).unwrap()].clone()
    }

    fn name(&self) -> String {
        format!("feature/{:02}", self.dice.below(FEATURES))
    }

    fn wish(&mut self, name: &str) -> Feature {
        let ttl = self.pick(&["5h", "12h", "2d", "9d"]);
        let tag = self.pick(&["v-1", "v-2", "v-3", "v-4", "broken-1"]);
        let mut wish = feature(name, tag, ttl);
        if self.dice.below(3) == 0 {
            let value = Variable::Text(self.dice.below(4).to_string());
            wish.spec.variables.insert("FLAGS".to_owned(), value);
        }
        if self.dice.below(4) == 0 {
            self.commits += 1;
            wish.metadata.source =
                Some(Source { commit: Some(format!("commit-{}", self.commits)), ..Source::default() });
        }
        wish
    }

    fn ask<T>(what: T) -> Ask<T> {
        Ask { what, by: "tester".to_owned(), at: start(), why: None }
    }

    /// One thing that somebody does.
    async fn act(&mut self, sim: &Sim) {
        let name = self.name();
        match self.dice.below(20) {
            0..=8 => sim.apply(self.wish(&name)).await,
            9 | 10 => sim.delete(&name).await,
            11 => sim.remove_row(&name).await,
            12 => {
                let more = Self::ask(SignedDuration::from_hours(6));
                sim.ask(&name, |record| record.asks.extension = Some(more.clone())).await;
            }
            13 => sim.ask(&name, |record| record.asks.renewals += 1).await,
            14 => self.push(sim),
            15 | 16 => self.end_one(sim),
            _ => self.strike(sim),
        }
    }

    /// A tag moves.
    fn push(&self, sim: &Sim) {
        sim.push(self.pick(&["v-1", "v-2", "v-3", "v-4"]));
    }

    /// Somebody terminates an environment in the console.
    fn end_one(&self, sim: &Sim) {
        let ready: Vec<String> = sim.emulator.with(|world| {
            let ready = world.live().filter(|environment| environment.shown.status == Status::Ready);
            ready.map(|environment| environment.id.clone()).collect()
        });
        if !ready.is_empty() {
            sim.terminate_by_hand(&self.pick(&ready));
        }
    }

    /// Something is wrong for a while.
    fn strike(&self, sim: &Sim) {
        let operation = self.pick(&["mutating", "reading", "*", "DescribeEnvironments", "CreateEnvironment"]);
        let seconds = 30 + self.dice.below(900);
        #[expect(clippy::cast_precision_loss, reason = "a quarter of an hour in seconds")]
        let until = Some(seconds as f64);
        let by = Some(self.pick(&[5.0, 60.0, 200.0]));
        let probability = Some(self.pick(&[0.2, 0.5, 1.0]));
        let fault = Fault { until, by, probability, ..Fault::on(operation, self.pick(&FAULTS)) };
        sim.emulator.faults(vec![fault]);
        let breakage = match self.dice.below(6) {
            0 => vec![Breakage { stage: Stage::Terminate, matching: "f-".to_owned(), times: Some(2) }],
            1 => vec![Breakage { stage: Stage::Configure, matching: "f-".to_owned(), times: Some(1) }],
            2 => vec![Breakage { stage: Stage::Deploy, matching: "f-".to_owned(), times: Some(1) }],
            _ => Vec::new(),
        };
        sim.emulator.with(|world| world.breakages = breakage);
    }
}

/// A week, and what is wanted in the end; answers with the hash of all calls.
async fn week(seed: u64) -> String {
    seed_thread(seed);
    let mut sim = Sim::new(options(seed)).await;
    for tag in ["v-1", "v-2", "v-3", "v-4", "broken-1"] {
        sim.push(tag);
    }
    sim.run().await;
    let mut chance = Chance { dice: Entropy::seeded(seed ^ 0x77ee), commits: 0 };
    let end = tokio::time::Instant::now() + WEEK;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(60 + chance.dice.below(3600))).await;
        chance.act(&sim).await;
        if chance.dice.below(60) == 0 {
            sim.crash().await;
            sim.run().await;
        }
    }
    sim.emulator.faults(Vec::new());
    sim.emulator.with(|world| world.breakages.clear());
    end_of_the_week(&sim, &mut chance).await;
    sim.stop().await;
    trace(&sim.emulator.calls())
}

/// Ten are wanted for good, ten are not: exactly those are there, with nothing left behind, and then all is quiet.
async fn end_of_the_week(sim: &Sim, chance: &mut Chance) {
    let mut wanted: BTreeMap<String, String> = BTreeMap::new();
    for n in 0..FEATURES {
        let name = format!("feature/{n:02}");
        if n % 2 == 0 {
            let tag = chance.pick(&["v-1", "v-2", "v-3", "v-4"]);
            let mut wish = feature(&name, tag, "30d");
            wish.metadata.source = Some(Source { commit: Some("last".to_owned()), ..Source::default() });
            sim.ask(&name, |record| record.asks.deletion = None).await;
            sim.apply(wish).await;
            wanted.insert(name, format!("shop-web:{tag}"));
        } else {
            sim.delete(&name).await;
        }
    }
    sim.until(Duration::from_secs(12 * 3600), "exactly the wanted ones are there", async |sim: &Sim| {
        for (name, image) in &wanted {
            let Some(status) = sim.status(name).await else { return false };
            let runs = status.deployed.is_some_and(|deployed| deployed.image == *image);
            if status.phase.as_str() != "Ready" || !runs {
                return false;
            }
        }
        let exact = sim.live().len() == wanted.len();
        exact && sim.versions().len() == wanted.len() && sim.bundles().len() == wanted.len()
    })
    .await;
    for (name, id, label) in sim.live() {
        let owner = wanted.keys().filter(|feature| name.contains(&feature.replace('/', "-"))).count();
        assert_eq!(owner, 1, "{name} {id}");
        assert!(
            label.is_some_and(|label| sim.versions().contains(&label)),
            "{name} runs a version that is there"
        );
    }
    let before = mutations(sim);
    tokio::time::sleep(1000 * IDLE).await;
    assert_eq!(mutations(sim), before, "a thousand turns and nothing to change\n{}", sim.account().await);
}

fn mutations(sim: &Sim) -> usize {
    let reads = ["Describe", "List", "Check", "Get", "BatchGet", "Head", "Validate"];
    let calls = sim.emulator.calls();
    calls.iter().filter(|call| !reads.iter().any(|read| call.operation.starts_with(read))).count()
}

/// A hash of every call with its parameters in order and what became of it.
fn trace(calls: &[Call]) -> String {
    let lines: Vec<String> = calls
        .iter()
        .map(|call| {
            let Call { at, operation, params, outcome, struck, .. } = call;
            format!("{at} {operation} {params:?} {outcome:?} {struck:?}")
        })
        .collect();
    let parts: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
    format!("{} {}", calls.len(), HEXLOWER.encode(&digest("trace", &parts)))
}

fn on_paused_time<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(work)
}

/// The same test in a process of its own.
fn in_a_fresh_process(seed: u64) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sim::week::a_week_of_twenty_features_and_the_same_trace_again", "--nocapture"])
        .env(SEED, seed.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find_map(|line| line.split("trace: ").nth(1));
    line.unwrap_or_else(|| panic!("no trace:\n{text}\n{errors}")).to_owned()
}

#[test]
fn a_week_of_twenty_features_and_the_same_trace_again() {
    if let Ok(seed) = std::env::var(SEED) {
        println!("trace: {}", on_paused_time(week(seed.parse().unwrap())));
        return;
    }
    let seed = 20;
    let [first, second, fresh] = std::thread::scope(|threads| {
        let first = threads.spawn(|| on_paused_time(week(seed)));
        let fresh = threads.spawn(|| in_a_fresh_process(seed));
        let second = threads.spawn(|| on_paused_time(week(seed)));
        [first, second, fresh].map(|run| run.join().unwrap())
    });
    println!("seed {seed}: {first}");
    assert_eq!(first, second, "the same seed in one process");
    assert_eq!(first, fresh, "the same seed in a fresh process");
}
