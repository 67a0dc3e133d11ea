//! `sprout store claim`: a store that lies elsewhere than it is bound to is
//! used from there once a person says so.

use super::{came_from, moved};
use crate::cli::consent::agreed;
use crate::cli::exit::{ExitStatus, Stop};
use crate::cli::fleet;
use crate::cli::out::Out;
use crate::cli::session::Session;
use crate::cli::voice::{count, moment};
use crate::store::{Hold, Moved, StoreError};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ClaimArgs {
    /// Also break a seal: nobody claimed the place that the store was copied to, and nobody will
    #[arg(long)]
    take_back: bool,
    /// Whatever used the other place is stopped
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(
    args: &ClaimArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let store = &session.store;
    let place = store.place();
    let Some(hold) = store.hold().await? else {
        out.print(format_args!("{place} is in use from where it lies. There is nothing to claim."))?;
        return Ok(ExitStatus::Done);
    };
    match &hold {
        Hold::Unfinished => return Err(StoreError::Held(hold).into()),
        Hold::Sealed(sealed) if !args.take_back => {
            return Err(Stop::refused(format!(
                "{} copied this store to {to}, which is the one to use: SPROUT_STORE={to}. If nobody claimed \
                 that one, and nobody will: sprout store claim --take-back. Nothing was changed",
                sealed.by,
                to = sealed.to
            )));
        }
        Hold::Sealed(_) | Hold::Elsewhere { .. } | Hold::Unclaimed => {}
    }
    let rows = store.load().await?;
    let identity = store.identity().await?;
    out.say(format_args!(
        "{place} holds store {}, with {} and {}.",
        identity.store,
        count(rows.specs.len(), "specification"),
        count(rows.records.len(), "record"),
    ))?;
    let (came, stop) = origin(&hold, moved(session).await?.as_ref());
    out.say(came)?;
    out.say(format_args!(
        "Before you go on, stop {stop}. Two controllers on two copies take each other's environments for their own."
    ))?;
    let flags = if args.take_back { "--take-back --yes" } else { "--yes" };
    agreed(args.yes, session.at_terminal, &format!("say so: sprout store claim {flags}"), out)?;
    let claimed = store.claim().await?;
    out.print(format_args!("Claimed. Store {} is used from {place} from now on.", claimed.store))?;
    fleet::say_if_idle(session, out).await?;
    Ok(ExitStatus::Done)
}

/// From where the contents come, and what must not use them any more.
fn origin(hold: &Hold, moved: Option<&Moved>) -> (String, String) {
    match (hold, moved) {
        (Hold::Elsewhere { bound, here }, _) => (
            format!(
                "It was bound to {bound} and is now at {here}: it was moved, copied, or restored from a backup. \
                 What happened since a backup was made it does not know: environments made since are reported as \
                 orphans, and those that ended since are noted."
            ),
            format!("every controller and command that uses {bound}"),
        ),
        (Hold::Sealed(sealed), _) => (
            format!("It was copied to {} {} by {}.", sealed.to, moment(sealed.at), sealed.by),
            format!("every controller and command that uses {}", sealed.to),
        ),
        (Hold::Unclaimed | Hold::Unfinished, Some(moved)) => (
            format!("Its contents came from {}.", came_from(moved)),
            format!("every controller and command that uses {}", moved.from),
        ),
        (Hold::Unclaimed | Hold::Unfinished, None) => (
            "Its contents were imported; from where is not written down.".to_owned(),
            "every controller and command that uses the place that they came from".to_owned(),
        ),
    }
}
