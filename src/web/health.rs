//! Whether a controller does its work.

use std::time::Duration;

use serde_json::{Value, json};

use crate::controller::{Pulse, Standing};
use crate::store::{Hold, LeaseRow};

/// How much later than planned a turn may begin.
const LATE: Duration = Duration::from_secs(60);

/// Whether a controller does its work, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether nothing stands in [`Readiness::why`].
    pub ready: bool,
    /// `leader`, `standby`, `read-only`, or `waiting` for a store that must be
    /// claimed first.
    pub role: &'static str,
    /// Who leads, as the store has it.
    pub leader: Option<String>,
    /// Under which epoch.
    pub epoch: Option<u64>,
    /// Everything that is in the way.
    pub why: Vec<String>,
}

impl Readiness {
    /// The same for programs.
    pub fn to_json(&self) -> Value {
        json!({
            "ready": self.ready,
            "role": self.role,
            "leader": self.leader,
            "epoch": self.epoch,
            "why": self.why,
        })
    }
}

/// Whether a process of this standing does its work. A standby does while
/// somebody leads; a leader does while its turns end well and in time. AWS
/// that does not answer is no reason: turns go on, and the metrics tell it.
pub fn readiness(standing: &Standing, pulse: &Pulse, store: &Result<Option<LeaseRow>, String>) -> Readiness {
    let mut why: Vec<String> = pulse.stuck().into_iter().collect();
    if let Err(error) = store {
        why.push(format!("the store: {error}"));
    }
    let row = store.as_ref().ok().and_then(Option::as_ref);
    let role = match standing {
        Standing::Leads { .. } => {
            why.extend(behind(pulse));
            "leader"
        }
        Standing::Shut(_) => {
            why.extend(behind(pulse));
            "read-only"
        }
        Standing::Follows => {
            if store.is_ok() && row.is_none_or(|row| row.holder.is_none()) {
                why.push("nobody leads".to_owned());
            }
            "standby"
        }
    };
    Readiness {
        ready: why.is_empty(),
        role,
        leader: row.and_then(|row| row.holder.clone()),
        epoch: row.map(|row| row.epoch),
        why,
    }
}

impl Readiness {
    /// The same of a process whose store is read-only as it stands: it waits
    /// for a person, and nobody leads because of that.
    pub fn waiting_for(self, hold: &Hold) -> Self {
        Self { ready: false, role: "waiting", why: vec![hold.to_string()], ..self }
    }
}

/// What is wrong with the turns of a process that should take them.
fn behind(pulse: &Pulse) -> Option<String> {
    let Some((ago, last)) = &pulse.last else {
        return Some("no turn has ended yet".to_owned());
    };
    if let Some(failure) = &last.failure {
        return Some(format!("the last turn failed: {failure}"));
    }
    let late = pulse.turning.is_none() && *ago > last.pause + LATE;
    late.then(|| format!("the last turn ended {} s ago", ago.as_secs()))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;
    use crate::controller::{FleetCounts, LastTurn};

    fn pulse(ago: u64, failure: Option<&str>) -> Pulse {
        let last = LastTurn {
            at: Timestamp::UNIX_EPOCH,
            took: Duration::from_secs(1),
            pause: Duration::from_secs(15),
            failure: failure.map(str::to_owned),
        };
        Pulse {
            still: Duration::ZERO,
            turning: None,
            last: Some((Duration::from_secs(ago), last)),
            turns: std::collections::BTreeMap::new(),
            acts: std::collections::BTreeMap::new(),
            fleet: FleetCounts::default(),
        }
    }

    fn row(holder: Option<&str>) -> Result<Option<LeaseRow>, String> {
        Ok(Some(LeaseRow {
            holder: holder.map(str::to_owned),
            epoch: 4,
            beat: 1,
            length: SignedDuration::from_secs(15),
            since: jiff::Timestamp::UNIX_EPOCH,
        }))
    }

    const LEADS: Standing = Standing::Leads { epoch: 4, left: Duration::from_secs(9) };

    #[test]
    fn a_leader_is_ready_while_its_turns_end_well_and_in_time() {
        let store = row(Some("us"));
        assert!(readiness(&LEADS, &pulse(75, None), &store).ready);
        let late = readiness(&LEADS, &pulse(76, None), &store);
        assert_eq!(late.why, ["the last turn ended 76 s ago"]);
        let turning = Pulse { turning: Some(Duration::from_secs(5)), ..pulse(76, None) };
        assert!(readiness(&LEADS, &turning, &store).ready);
        let failed = readiness(&LEADS, &pulse(1, Some("no store")), &store);
        assert_eq!(failed.why, ["the last turn failed: no store"]);
        let fresh = Pulse { last: None, ..pulse(0, None) };
        assert_eq!(readiness(&LEADS, &fresh, &store).why, ["no turn has ended yet"]);
    }

    #[test]
    fn a_standby_is_ready_while_somebody_leads() {
        let fresh = Pulse { last: None, ..pulse(0, None) };
        let ready = readiness(&Standing::Follows, &fresh, &row(Some("them")));
        assert_eq!((ready.ready, ready.role, ready.leader.as_deref()), (true, "standby", Some("them")));
        assert_eq!(readiness(&Standing::Follows, &fresh, &row(None)).why, ["nobody leads"]);
        assert_eq!(readiness(&Standing::Follows, &fresh, &Ok(None)).why, ["nobody leads"]);
    }

    #[test]
    fn who_waits_for_a_store_to_be_claimed_is_not_ready_and_says_what_to_do() {
        let fresh = Pulse { last: None, ..pulse(0, None) };
        let waits = readiness(&Standing::Follows, &fresh, &Ok(None)).waiting_for(&Hold::Unclaimed);
        assert_eq!((waits.ready, waits.role), (false, "waiting"));
        assert!(waits.why.len() == 1 && waits.why[0].ends_with("sprout store claim"), "{waits:?}");
    }

    #[test]
    fn everything_that_is_in_the_way_is_named() {
        let stuck = Pulse { still: Duration::from_secs(500), ..pulse(500, None) };
        let told = readiness(&LEADS, &stuck, &Err("gone".to_owned()));
        assert_eq!(
            told.why,
            ["the loop has not moved for 500 s", "the store: gone", "the last turn ended 500 s ago"]
        );
        assert_eq!(told.to_json()["ready"], false);
    }
}
