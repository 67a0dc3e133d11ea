//! What the service manager is told: that we are up, how we stand, that the
//! loop still moves, that we end. Elsewhere than under systemd nothing is.

use std::time::Duration;

use sd_notify::{NotifyState, notify, watchdog_enabled};
use tokio_util::sync::CancellationToken;

use crate::controller::Standing;
use crate::web::Watched;

/// How often the line of the service's status is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Whether a service manager listens.
pub(super) fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Tells until dropped. The watchdog is fed only while the loop moves: one
/// that hangs is restarted.
pub(super) async fn tell(watched: Watched, stop: CancellationToken) {
    let pause = watchdog_enabled().map_or(LOOK, |limit| LOOK.min(limit / 3));
    let mut told = String::new();
    say(&[NotifyState::Ready]);
    loop {
        match watched.vitals.pulse().stuck() {
            None => say(&[NotifyState::Watchdog]),
            Some(why) => tracing::error!(why, "the watchdog is not fed"),
        }
        let status = status(&watched).await;
        if status != told {
            say(&[NotifyState::Status(&status)]);
            told = status;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    say(&[NotifyState::Stopping, NotifyState::Status("Ending; the lease is given back.")]);
    std::future::pending().await
}

/// What `systemctl status` shows.
async fn status(watched: &Watched) -> String {
    let features: u64 = watched.vitals.pulse().fleet.phases.values().sum();
    match watched.switch.standing() {
        Standing::Leads { epoch, .. } => format!("Leads under epoch {epoch}; {features} features."),
        Standing::Follows => match watched.hold().await {
            Some(hold) => format!("Waits: {hold}"),
            None => "Stands by; another process leads.".to_owned(),
        },
        Standing::Shut(why) => format!("Looks only: {why}."),
    }
}

fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
