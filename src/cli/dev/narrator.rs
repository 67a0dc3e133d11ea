//! What happens, told as it happens.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::voice;
use crate::model::{EnvironmentId, FeatureName, Phase, StatusView};
use crate::status::{FLEET_DOCUMENT, FleetView};
use crate::store::{EventRow, Store, StoreError};

/// How many events are looked back at: more than any burst between two looks.
const BACK: usize = 500;

/// Remembers what was told.
#[derive(Debug)]
pub(super) struct Narrator {
    /// The newest events at the last look, newest first.
    events: Vec<EventRow>,
    told: BTreeMap<FeatureName, String>,
    /// The controller that speaks now: what earlier ones said of addresses
    /// may have passed with their world.
    holder: String,
    speaks: bool,
}

impl Narrator {
    /// From here on: what happened before was told before.
    pub(super) async fn new(store: &dyn Store) -> Result<Self, StoreError> {
        let events = store.events(None, BACK).await?;
        Ok(Self { events, told: BTreeMap::new(), holder: String::new(), speaks: false })
    }

    /// Names the controller whose account of features is told.
    pub(super) fn expect(&mut self, holder: &str) {
        holder.clone_into(&mut self.holder);
    }

    /// What happened since the last call, oldest first. `door` knows another
    /// address of an environment, for systems that do not resolve the first.
    pub(super) async fn news(
        &mut self,
        store: &dyn Store,
        door: impl Fn(&EnvironmentId) -> Option<String>,
    ) -> Result<Vec<String>, StoreError> {
        let events = store.events(None, BACK).await?;
        let fresh = fresh(&self.events, &events);
        let mut lines: Vec<String> =
            events[..fresh].iter().rev().map(|event| line(&event.feature, &event.message)).collect();
        self.events = events;
        let Some(now) = self.account(store).await? else { return Ok(lines) };
        let views = store.statuses().await?;
        self.told.retain(|name, _| views.iter().any(|view| view.feature == *name));
        for view in views {
            let Some(text) = standing(&view, now, &door) else {
                self.told.remove(&view.feature);
                continue;
            };
            // What differs only in the time that is left was told already.
            let key = format!("{:?} {:?} {:?} {}", view.phase, view.url, view.deployed, view.happened);
            if self.told.get(&view.feature) != Some(&key) {
                lines.push(line(&view.feature, &text));
                self.told.insert(view.feature.clone(), key);
            }
        }
        Ok(lines)
    }

    /// AWS time, once the expected controller has spoken.
    async fn account(&mut self, store: &dyn Store) -> Result<Option<Timestamp>, StoreError> {
        let document = store.document(FLEET_DOCUMENT).await?;
        let fleet: Option<FleetView> =
            document.and_then(|document| serde_json::from_str(&document.body).ok());
        let Some(fleet) = fleet else { return Ok(None) };
        self.speaks |= fleet.leader.as_ref() == Some(&self.holder);
        Ok(self.speaks.then_some(fleet.at))
    }
}

/// How many of the newest events were not there before.
fn fresh(before: &[EventRow], now: &[EventRow]) -> usize {
    let known = |skip: &usize| {
        let shared = (now.len() - skip).min(before.len());
        shared > 0 && now[*skip..skip + shared] == before[..shared]
    };
    (0..now.len()).find(known).unwrap_or(now.len())
}

/// Where a feature stands, if that is worth a line of its own: what is under
/// way is told by its events.
fn standing(
    view: &StatusView,
    now: Timestamp,
    door: impl Fn(&EnvironmentId) -> Option<String>,
) -> Option<String> {
    match view.phase {
        Phase::Ready => {
            let url = view.url.as_deref()?;
            let runs = view.deployed.as_ref().map(|it| format!(" with {}", it.image)).unwrap_or_default();
            let door = view.environment_id.as_ref().and_then(door);
            let door = door.map(|door| format!(" or {door}")).unwrap_or_default();
            Some(format!("Ready{runs} at {url}{door}"))
        }
        Phase::Degraded | Phase::Failed | Phase::Blocked | Phase::Stalled | Phase::Frozen => {
            Some(aside(view, now))
        }
        // A person can help: an image is awaited.
        Phase::Pending if view.advice.is_some() => Some(aside(view, now)),
        _ => None,
    }
}

fn aside(view: &StatusView, now: Timestamp) -> String {
    format!("{}. {} {}", view.phase.as_str(), view.happened, voice::outlook(view, now, ""))
}

fn line(feature: &FeatureName, text: &str) -> String {
    format!("{feature:<24}  {text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    fn event(number: i64) -> EventRow {
        EventRow {
            feature: FeatureName::from("feature/a"),
            at: Timestamp::from_second(number).unwrap(),
            severity: Severity::Info,
            reason: "Test".to_owned(),
            message: format!("event {number}"),
        }
    }

    fn events(numbers: &[i64]) -> Vec<EventRow> {
        numbers.iter().map(|number| event(*number)).collect()
    }

    #[test]
    fn only_what_was_not_there_is_fresh() {
        for (before, now, wanted) in [
            (&[][..], &[][..], 0),
            (&[], &[2, 1], 2),
            (&[2, 1], &[2, 1], 0),
            (&[2, 1], &[4, 3, 2, 1], 2),
            // The oldest ones fell off the end.
            (&[3, 2, 1], &[5, 4, 3], 2),
            // More came than are looked back at.
            (&[3, 2, 1], &[9, 8, 7], 3),
        ] {
            assert_eq!(fresh(&events(before), &events(now)), wanted, "{before:?} {now:?}");
        }
    }
}
