//! `sprout status`: who leads, since when, and what the last turn saw.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::args::{Format, ListArgs};
use super::exit::ExitStatus;
use super::out::Out;
use super::session::Session;
use super::voice::{count, moment_and_distance};
use super::{fleet, print};
use crate::model::Phase;
use crate::model::ttl::human;
use crate::status::{FleetView, Pause, TURN_DOCUMENT, TurnView};
use crate::store::{LeaseRow, StoreIdentity};

/// How long after its next turn was due a leader may be silent before it is
/// asked for a sign of life.
const SILENT: SignedDuration = SignedDuration::from_secs(60);
/// How often the lease row is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(250);

/// Everything that there is to say.
struct Account {
    /// The lease row, where somebody holds the lease and shows that they live.
    leader: Option<LeaseRow>,
    /// Whose lease it was, where the holder is silent.
    silent: Option<LeaseRow>,
    turn: Option<TurnView>,
    paused: Option<Pause>,
    fleet: Option<FleetView>,
    phases: BTreeMap<Phase, usize>,
    place: String,
    identity: StoreIdentity,
    now: Timestamp,
}

pub(super) async fn run(args: &ListArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let fleet = session.fleet().await?;
    let now = session.now(fleet.as_ref());
    let turn = turn(session).await?;
    let row = session.store.lease().await?.filter(|row| row.holder.is_some());
    let (leader, silent) = match row {
        None => (None, None),
        Some(row) if is_fresh(turn.as_ref(), &row, now) => (Some(row), None),
        Some(row) => alive(session, row, out).await?,
    };
    let mut phases = BTreeMap::new();
    for view in session.store.statuses().await? {
        *phases.entry(view.phase).or_default() += 1;
    }
    let account = Account {
        leader,
        silent,
        turn,
        paused: fleet::paused(session).await?,
        now: session.now(fleet.as_ref()),
        fleet,
        phases,
        place: session.store.place(),
        identity: session.store.identity().await?,
    };
    match args.output {
        Format::Table => out.print_text(&print::table(&[], account.lines()))?,
        Format::Json => out.print(format_args!("{:#}", account.value()))?,
        Format::Yaml => out.print_text(&serde_yaml::to_string(&account.value())?)?,
        Format::Name => {
            if let Some(holder) = account.leader.as_ref().and_then(|row| row.holder.as_ref()) {
                out.print(holder)?;
            }
        }
    }
    if account.leader.is_some() {
        return Ok(ExitStatus::Done);
    }
    out.say("Nobody leads. Nothing happens until a controller runs: sprout run")?;
    Ok(ExitStatus::Differs)
}

async fn turn(session: &Session) -> anyhow::Result<Option<TurnView>> {
    let document = session.store.document(TURN_DOCUMENT).await?;
    Ok(document.and_then(|document| serde_json::from_str(&document.body).ok()))
}

/// Whether the last turn is the holder's own and so young that nobody need
/// wait for another sign of life.
fn is_fresh(turn: Option<&TurnView>, row: &LeaseRow, now: Timestamp) -> bool {
    turn.is_some_and(|turn| turn.epoch == Some(row.epoch) && now.duration_since(turn.next) < SILENT)
}

/// Watches the lease row for as long as the lease lasts: a leader renews it
/// meanwhile. Clocks of hosts are not compared. Answers with the leader, or
/// else with the holder that is silent.
async fn alive(
    session: &Session,
    before: LeaseRow,
    out: &mut Out<'_>,
) -> anyhow::Result<(Option<LeaseRow>, Option<LeaseRow>)> {
    let length = before.length.unsigned_abs();
    out.say(format_args!(
        "The last turn is not of late. Waiting for a sign of life, {} at most.",
        human(before.length)
    ))?;
    let until = session.clock.monotonic() + length;
    loop {
        match session.store.lease().await? {
            Some(row) if row.holder.is_none() => return Ok((None, None)),
            None => return Ok((None, None)),
            Some(row) if row != before => return Ok((Some(row), None)),
            Some(_) if session.clock.monotonic() > until => return Ok((None, Some(before))),
            Some(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

impl Account {
    /// Label and value, line by line.
    fn lines(&self) -> Vec<Vec<String>> {
        let mut lines = vec![self.leader_line()];
        let mut line = |label: &str, text: String| lines.push(vec![label.to_owned(), text]);
        line("LAST TURN", self.turn_text());
        if let Some(pause) = &self.paused {
            line("PAUSED", format!("{}; go on with: sprout resume", pause.sentence()));
        }
        line("FEATURES", self.features_text());
        if let Some(fleet) = &self.fleet {
            line("ENVIRONMENTS", fleet.environments.to_string());
            if let Some(why) = &fleet.blind {
                line("AWS", format!("gives no answer: {why}"));
            }
            if fleet.clock_off {
                line(
                    "CLOCK",
                    "the leader's is too far from AWS time; nothing ends because of the time".into(),
                );
            }
            for held in &fleet.held {
                let features = count(held.features.len(), "feature");
                line("GUARD", format!("{} holds {features} back: sprout guards", held.guard.as_str()));
            }
            if !fleet.orphans.is_empty() {
                line("ORPHANS", format!("{}: sprout orphans", fleet.orphans.len()));
            }
        }
        line("STORE", self.store_text());
        lines
    }

    fn leader_line(&self) -> Vec<String> {
        let text = match (&self.leader, &self.silent) {
            (Some(row), _) => {
                format!("{}, under epoch {}", row.holder.as_deref().unwrap_or_default(), row.epoch)
            }
            (None, Some(row)) => format!(
                "nobody; {} held the lease under epoch {} and is silent",
                row.holder.as_deref().unwrap_or_default(),
                row.epoch
            ),
            (None, None) => "nobody".to_owned(),
        };
        vec!["LEADER".to_owned(), text]
    }

    fn turn_text(&self) -> String {
        let Some(turn) = &self.turn else { return "none yet".to_owned() };
        let took = format!("{} ms", turn.took.as_millis());
        format!("{}, took {took}", moment_and_distance(turn.at, self.now))
    }

    fn features_text(&self) -> String {
        let all: usize = self.phases.values().sum();
        let parts: Vec<String> =
            self.phases.iter().map(|(phase, number)| format!("{number} {}", phase.as_str())).collect();
        if parts.is_empty() { "none".to_owned() } else { format!("{all}: {}", parts.join(", ")) }
    }

    fn store_text(&self) -> String {
        let StoreIdentity { store, account, region, installation, .. } = &self.identity;
        let unbound = || "not bound yet".to_owned();
        format!(
            "{}, id {store}, account {}, region {}, installation {}",
            self.place,
            account.clone().unwrap_or_else(unbound),
            region.clone().unwrap_or_else(unbound),
            installation.clone().unwrap_or_else(unbound),
        )
    }

    fn value(&self) -> Value {
        let leader = self.leader.as_ref().map(|row| json!({"holder": row.holder, "epoch": row.epoch}));
        let silent = self.silent.as_ref().map(|row| json!({"holder": row.holder, "epoch": row.epoch}));
        let turn = self.turn.as_ref().map(|turn| {
            json!({
                "at": turn.at,
                "epoch": turn.epoch,
                "milliseconds": i64::try_from(turn.took.as_millis()).unwrap_or(i64::MAX),
                "next": turn.next,
            })
        });
        let phases: BTreeMap<&str, usize> =
            self.phases.iter().map(|(phase, number)| (phase.as_str(), *number)).collect();
        let fleet = self.fleet.as_ref();
        json!({
            "leader": leader,
            "silent": silent,
            "lastTurn": turn,
            "paused": self.paused,
            "features": phases,
            "environments": fleet.map(|fleet| fleet.environments),
            "held": fleet.map(|fleet| &fleet.held),
            "orphans": fleet.map(|fleet| &fleet.orphans),
            "blind": fleet.and_then(|fleet| fleet.blind.as_ref()),
            "clockOff": fleet.map(|fleet| fleet.clock_off),
            "store": {
                "place": self.place,
                "id": self.identity.store,
                "account": self.identity.account,
                "region": self.identity.region,
                "installation": self.identity.installation,
            },
        })
    }
}
