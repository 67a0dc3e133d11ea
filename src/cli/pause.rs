//! `sprout pause` and `sprout resume`: the switch that stops every change.

use super::args::{PauseArgs, ResumeArgs};
use super::exit::ExitStatus;
use super::fleet;
use super::out::Out;
use super::session::Session;
use crate::status::{PAUSE_DOCUMENT, Pause};
use crate::store::{Batch, Expect, Write};

pub(super) async fn pause(
    args: &PauseArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let why = args.reason.why.clone();
    let before = fleet::paused(session).await?;
    if !args.reason.dry_run {
        let pause = Pause { by: session.by.clone(), at: session.clock.now(), why };
        put(session, Some(&pause)).await?;
    }
    match before {
        Some(before) => {
            out.print(format_args!("Paused already, {}; now {}.", before.sentence(), session.by))?
        }
        None => out.print("Paused.")?,
    }
    out.print("Calls that are under way end by themselves; no new one is made. Go on with: sprout resume")?;
    say_dry(args.reason.dry_run, out)
}

pub(super) async fn resume(
    args: &ResumeArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    match fleet::paused(session).await? {
        Some(before) => {
            if !args.dry_run {
                put(session, None).await?;
            }
            out.print(format_args!("Resumed. It was paused {}.", before.sentence()))?;
        }
        None => out.print("Nothing was paused.")?,
    }
    if !args.dry_run {
        fleet::say_if_idle(session, out).await?;
    }
    say_dry(args.dry_run, out)
}

/// Writes the switch. Off is an empty document: a row that is only ever
/// written tells every reader of the change by its version.
async fn put(session: &Session, pause: Option<&Pause>) -> anyhow::Result<()> {
    let body = serde_json::to_string(&pause)?;
    let write = Write::PutDocument { name: PAUSE_DOCUMENT.to_owned(), body, expect: Expect::Any };
    Ok(session.store.commit(Batch { fence: None, writes: vec![write] }).await?)
}

fn say_dry(dry: bool, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    if dry {
        out.say("Dry run: nothing was written.")?;
    }
    Ok(ExitStatus::Done)
}
