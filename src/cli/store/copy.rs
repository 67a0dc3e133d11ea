//! `sprout store copy`: the store moves to another place. It is sealed here
//! before it is read, so that nothing that is written is left behind; after a
//! crash anywhere the same command goes on from where it was.

use std::time::Duration;

use crate::cli::exit::{ExitStatus, Stop};
use crate::cli::out::Out;
use crate::cli::session::Session;
use crate::cli::voice::count;
use crate::store::{Hold, Moved, Scope, Sealed, Store, StoreError};

/// How long the seal stands before the store is read: a write that looked
/// just before it may still be under way.
const WRITES_END: Duration = Duration::from_secs(2);

/// How much of what a copy lacks is listed.
const LISTED: usize = 20;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CopyArgs {
    /// Where it goes on, as SPROUT_STORE says it; an empty place
    #[arg(long, value_name = "PLACE")]
    to: String,
}

pub(super) async fn run(args: &CopyArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let source = &session.store;
    let target = session.other(&args.to).await?;
    let (from, to) = (source.place(), target.place());
    if is_done(source.as_ref(), target.as_ref()).await? {
        out.print(format_args!("{from} was copied to {to} and claimed there already."))?;
        return Ok(ExitStatus::Done);
    }
    check(source.as_ref(), target.as_ref()).await?;
    source.seal(Sealed { to: to.clone(), at: session.clock.now(), by: session.by.clone() }).await?;
    out.say(format_args!(
        "{from} is sealed: nobody writes to it any more. If this stops half-way, repeat it."
    ))?;
    tokio::time::sleep(WRITES_END).await;
    let moved = Moved { from: from.clone(), at: session.clock.now(), by: session.by.clone() };
    let dump = source.export().await?.noting(&moved);
    let told = target.import(&dump, Scope::Everything).await?;
    let missing = dump.missing_in(&target.export().await?);
    if !missing.is_empty() {
        return Err(Stop::outside(differs(&missing, &from, &to)));
    }
    let there = match told.same {
        0 => String::new(),
        same => format!(" ({same} of them were there already)"),
    };
    out.print(format_args!(
        "Copied {}{there} and {} of history from {from} to {to}, and compared them.",
        count(told.written + told.same, "row"),
        count(dump.events.len(), "line"),
    ))?;
    out.print(format_args!(
        "Next: stop whatever uses {from}, set SPROUT_STORE={to} everywhere, then say: sprout store claim"
    ))?;
    Ok(ExitStatus::Done)
}

/// Whether the copy was made and is in use.
async fn is_done(source: &dyn Store, target: &dyn Store) -> Result<bool, StoreError> {
    let to = target.place();
    let sealed = matches!(source.hold().await?, Some(Hold::Sealed(sealed)) if sealed.to == to);
    let same = source.identity().await?.store == target.identity().await?.store;
    Ok(sealed && same && target.hold().await?.is_none())
}

/// Everything that can be known before the seal.
async fn check(source: &dyn Store, target: &dyn Store) -> anyhow::Result<()> {
    let to = target.place();
    match source.hold().await? {
        None => {}
        // What a crash ended.
        Some(Hold::Sealed(sealed)) if sealed.to == to => {}
        Some(hold) => return Err(StoreError::Held(hold).into()),
    }
    if source.place() == to {
        return Err(Stop::usage(format!("{to} is the store itself. Name another place: --to PLACE")));
    }
    let same = source.identity().await?.store == target.identity().await?.store;
    match target.hold().await? {
        None if !same => {}
        Some(Hold::Unclaimed) if same => {}
        Some(Hold::Unfinished) => {}
        None => {
            return Err(Stop::refused(format!(
                "{to} is this very store already, and in use from there: {} is a copy of it, or the same file by \
                 another path. Nothing was copied",
                source.place()
            )));
        }
        Some(hold) => {
            return Err(anyhow::Error::new(StoreError::Held(hold))
                .context(format!("{to} cannot take the copy; choose an empty place")));
        }
    }
    let preview = source.export().await?.preview(&target.export().await?, Scope::Everything);
    preview.map(drop).map_err(|error| {
        anyhow::Error::new(error).context(format!("{to} cannot take the copy, and nothing was sealed"))
    })
}

fn differs(missing: &[String], from: &str, to: &str) -> String {
    let mut listed: Vec<&str> = missing.iter().take(LISTED).map(String::as_str).collect();
    let more = format!("and {} more", missing.len().saturating_sub(LISTED));
    if missing.len() > LISTED {
        listed.push(&more);
    }
    format!(
        "{to} does not say the same as {from}: {}. {from} stays sealed; repeat the copy into an empty place, \
         or go on with it: sprout store claim --take-back",
        listed.join("; ")
    )
}
