//! What is true of the whole installation, said beside what was asked for.

use jiff::Timestamp;

use super::out::Out;
use super::session::Session;
use super::voice::count;
use crate::model::ttl::human;
use crate::status::{FleetView, PAUSE_DOCUMENT, Pause};
use crate::store::StoreError;

/// Says what keeps the whole fleet from moving, and what waits for a person.
pub(super) async fn say(
    session: &Session,
    fleet: Option<&FleetView>,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    say_if_idle(session, out).await?;
    let Some(fleet) = fleet else { return Ok(()) };
    for line in lines(fleet, session.now(Some(fleet))) {
        out.say(line)?;
    }
    Ok(())
}

/// Says so when nobody will act on what was written.
pub(super) async fn say_if_idle(session: &Session, out: &mut Out<'_>) -> anyhow::Result<()> {
    if let Some(pause) = paused(session).await? {
        out.say(format_args!("Paused {}. Nothing is changed on AWS until: sprout resume", pause.sentence()))?;
    }
    if !session.is_led().await? {
        out.say("No controller runs on this store. Nothing happens until one does: sprout run")?;
    }
    Ok(())
}

/// The pause, while there is one.
pub(super) async fn paused(session: &Session) -> Result<Option<Pause>, StoreError> {
    let document = session.store.document(PAUSE_DOCUMENT).await?;
    Ok(document.and_then(|document| serde_json::from_str::<Option<Pause>>(&document.body).ok().flatten()))
}

fn lines(fleet: &FleetView, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(why) = &fleet.blind {
        lines.push(format!(
            "AWS gives no answer: {why}. What is shown may be old. Nothing is deleted until it answers."
        ));
    }
    if fleet.clock_off {
        lines.push(
            "The controller's clock is too far from AWS time. Nothing is ended because of the time until it is set."
                .to_owned(),
        );
    }
    for held in &fleet.held {
        let room = match held.frees {
            Some(at) if at > now => format!(" There is room again in {}.", human(at.duration_since(now))),
            _ => String::new(),
        };
        lines.push(format!(
            "Guard {} holds {} back.{room} See: sprout guards",
            held.guard.as_str(),
            count(held.features.len(), "feature")
        ));
    }
    match fleet.orphans.len() {
        0 => {}
        1 => lines.push(
            "1 environment bears our tag and is not known to this store. See: sprout orphans".to_owned(),
        ),
        more => lines.push(format!(
            "{more} environments bear our tag and are not known to this store. See: sprout orphans"
        )),
    }
    lines
}
