//! What the tables cost a month, reckoned from rows and numbers of writes that
//! a simulated feature has, and from the units that DynamoDB counts. The
//! tables in docs/store.md are these.

use std::time::Duration;

use beansprout::controller::Cadence;
use beansprout::model::{Feature, Source, Variable};
use beansprout::store::{Dump, Pace, RowKind};

use crate::sim::world::{Options, Sim, feature};

/// US East (N. Virginia), on demand, standard table class, as published in
/// 2025: <https://aws.amazon.com/dynamodb/pricing/on-demand/>.
const READ_MILLION: f64 = 0.125;
const WRITE_MILLION: f64 = 0.625;
/// A GB-month of data, and of its point-in-time recovery.
const STORED: f64 = 0.25 + 0.20;

/// How teams are taken to work: each feature is deployed so often a working
/// day, and lives so many days.
const DEPLOYMENTS: f64 = 3.0;
const LIFE: f64 = 3.0;
const DAYS: f64 = 30.0;
const SECONDS: f64 = DAYS * 24.0 * 3600.0;

/// Attributes beside a row's body: key, version, what people look for.
const BESIDE: usize = 150;
/// An event with its key, in each of the two histories.
const EVENT: usize = 400;
/// The revision row at its largest.
const REVISION: usize = 2_000;

fn writes(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(1024)).unwrap())
}

fn reads(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes.div_ceil(4096)).unwrap())
}

/// Units, read and written.
#[derive(Clone, Copy, Debug, Default)]
struct Units {
    read: f64,
    written: f64,
}

impl Units {
    fn times(self, n: f64) -> Self {
        Self { read: self.read * n, written: self.written * n }
    }

    fn and(self, other: Self) -> Self {
        Self { read: self.read + other.read, written: self.written + other.written }
    }

    fn dollars(self) -> f64 {
        (self.read * READ_MILLION + self.written * WRITE_MILLION) / 1e6
    }
}

/// Telling others of a commit: the revision row is read and written, and the
/// leader reads the row that changed.
fn announced(bytes: usize) -> Units {
    Units { read: 1.0 + 1.0 + reads(bytes), written: writes(REVISION) }
}

/// A leader's commit of one row: a transaction with a check of the head row,
/// and everything in a transaction counts twice.
fn fenced(bytes: usize) -> Units {
    Units { read: 0.0, written: 2.0 * (1.0 + writes(bytes)) }.and(announced(bytes))
}

/// A person's or CI's write of a specification, with the look at the head row.
fn applied(bytes: usize) -> Units {
    Units { read: 2.0, written: writes(bytes) }.and(announced(bytes))
}

/// What a simulated feature needed: how often its rows were written, and how
/// large they are.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    record_writes: f64,
    status_writes: f64,
    events: f64,
    spec: usize,
    record: usize,
    status: usize,
}

impl Life {
    fn of(dump: &Dump) -> Self {
        let size = |row: &beansprout::store::DumpRow| row.name.len() + row.body.bytes().len() + BESIDE;
        let row = |kind| {
            let row = dump.rows.iter().find(|row| row.kind == kind && row.name == NAME);
            row.unwrap_or_else(|| panic!("no {kind:?} of {NAME}"))
        };
        // A version in SQLite is how often the row was written.
        let written = |kind| f64::from(u32::try_from(row(kind).version).unwrap());
        Self {
            record_writes: written(RowKind::Record),
            status_writes: written(RowKind::Status),
            events: f64::from(u32::try_from(dump.events.len()).unwrap()),
            spec: size(row(RowKind::Spec)),
            record: size(row(RowKind::Record)),
            status: size(row(RowKind::Status)),
        }
    }

    /// The same without what `before` had needed.
    fn since(self, before: Self) -> Self {
        Self {
            record_writes: self.record_writes - before.record_writes,
            status_writes: self.status_writes - before.status_writes,
            events: self.events - before.events,
            ..self
        }
    }

    /// One application of the specification and all that follows from it.
    fn units(self) -> Units {
        let event = Units { read: 0.0, written: 2.0 * 2.0 * writes(EVENT) };
        applied(self.spec)
            .and(fenced(self.record).times(self.record_writes))
            .and(fenced(self.status).times(self.status_writes))
            .and(event.times(self.events))
    }
}

const NAME: &str = "feature/login-redesign";

fn wanted(tag: &str) -> Feature {
    let mut feature = feature(NAME, tag, "3d");
    feature.metadata.owner = Some("someone@example.com".to_owned());
    feature.metadata.labels.insert("team".to_owned(), "growth".to_owned());
    feature.metadata.source = Some(Source {
        repository: Some("https://git.example.com/shop/web".to_owned()),
        branch: Some(NAME.to_owned()),
        commit: Some(format!("9f2c1ab{tag}")),
        pull_request: Some(41),
    });
    for n in 0..6 {
        let value = Variable::Text(format!("https://service-{n}.example.com/v1"));
        feature.spec.variables.insert(format!("SERVICE_{n}_URL"), value);
    }
    feature
}

/// A launch, a deployment after it, and a feature's rows.
async fn simulated() -> (Life, Life) {
    let mut sim = Sim::new(Options::default()).await;
    for tag in ["1", "2"] {
        sim.push(tag);
    }
    sim.run().await;
    sim.apply(wanted("1")).await;
    sim.until_phase(NAME, "Ready").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let launched = Life::of(&sim.store.export().await.unwrap());
    sim.apply(wanted("2")).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    sim.until_phase(NAME, "Ready").await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let deployed = Life::of(&sim.store.export().await.unwrap());
    sim.stop().await;
    (launched, deployed.since(launched))
}

/// A line of the table: what, and the dollars at each size of fleet.
fn line(what: &str, dollars: [f64; 2]) -> String {
    format!("| {what} | ${:.2} | ${:.2} |", dollars[0], dollars[1])
}

#[tokio::test(start_paused = true)]
async fn the_docs_say_what_the_tables_cost() {
    let (launch, deployment) = simulated().await;
    let (pace, cadence, fleets) = (Pace::default(), Cadence::default(), [100.0, 1000.0]);
    let a_month = |every: Duration| SECONDS / every.as_secs_f64();
    let mut told = Vec::new();
    let mut sums = [0.0; 2];
    let mut add = |what: &str, dollars: [f64; 2]| {
        println!("{}", line(what, dollars));
        for (sum, dollars) in sums.iter_mut().zip(dollars) {
            *sum += dollars;
        }
        told.push(line(what, dollars));
    };
    println!("a launch: {launch:?}, {:?}", launch.units());
    println!("a deployment: {deployment:?}, {:?}", deployment.units());

    let asks = Units { read: a_month(cadence.store), written: 0.0 };
    add("the leader asks whether anything changed", [asks.dollars(); 2]);
    // A sixth of 30 s.
    let renews = Units { read: 0.0, written: a_month(Duration::from_secs(5)) };
    add("the leader renews its lease", [renews.dollars(); 2]);
    let turns = fenced(400).times(a_month(Duration::from_secs(10)));
    add("the leader notes its turns", [turns.dollars(); 2]);
    let watches = Units { read: a_month(cadence.watch), written: 0.0 };
    add("one more controller stands by", [watches.dollars(); 2]);

    let whole = |bytes: usize, fleet: f64| (bytes as f64 * fleet / 4096.0).ceil();
    let scans = fleets.map(|fleet| {
        let units = whole(launch.spec, fleet);
        println!("all specifications of {fleet}: {units} units each {:?}", pace.specs_after(units));
        Units { read: units * a_month(pace.specs_after(units)), written: 0.0 }.dollars()
    });
    add("all specifications are read for writers who say nothing", scans);
    let rereads = fleets.map(|fleet| {
        let units = whole(deployment.spec + deployment.record + deployment.status, fleet);
        println!("everything of {fleet}: {units} units each {:?}", pace.all_after(units));
        Units { read: units * a_month(pace.all_after(units)), written: 0.0 }.dollars()
    });
    add("everything is read for what nobody lived to say", rereads);

    let launches = fleets.map(|fleet| launch.units().times(fleet * DAYS / LIFE).dollars());
    add("features are launched, each living three days", launches);
    let deployments = fleets.map(|fleet| deployment.units().times(fleet * DAYS * DEPLOYMENTS).dollars());
    add("each is deployed three times a day", deployments);
    let stored = fleets.map(|fleet| {
        let rows = (deployment.spec + deployment.record + deployment.status) as f64 * fleet;
        // Ninety days of history, twice.
        let events =
            fleet * 90.0 * (DEPLOYMENTS * deployment.events + launch.events / LIFE) * EVENT as f64 * 2.0;
        (rows + events) / 1e9 * STORED
    });
    add("storage, with point-in-time recovery", stored);
    told.push(line("**together**", sums));

    let docs = include_str!("../../../docs/store.md");
    let missing: Vec<String> = told.iter().filter(|line| !docs.contains(*line)).cloned().collect();
    assert!(missing.is_empty(), "docs/store.md lacks:\n{}", missing.join("\n"));
    for said in [
        format!("a record of {:.1} KB", deployment.record as f64 / 1024.0),
        format!(
            "{} writes of the record and {} of the status",
            deployment.record_writes, deployment.status_writes
        ),
    ] {
        assert!(docs.contains(&said), "docs/store.md lacks: {said}");
    }
}
