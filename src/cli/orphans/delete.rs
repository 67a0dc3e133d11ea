//! `sprout orphans delete`: a person names what nobody knows, and the
//! controller ends it.

use super::{Requests, no_orphan, requests, seen, table, unreadable};
use crate::cli::args::Reason;
use crate::cli::consent::agreed;
use crate::cli::exit::{ExitStatus, Stop};
use crate::cli::fleet;
use crate::cli::out::Out;
use crate::cli::session::Session;
use crate::cli::voice::count;
use crate::model::{Attempt, Orphan, OrphanRequest};
use crate::status::ORPHANS_DOCUMENT;
use crate::store::{Batch, Expect, RecordBody, Write};

/// How many requests may be open at once: they stand in one row.
const MOST: usize = 200;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DeleteArgs {
    /// Environments by id, such as e-abcdefghij
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All whose tag fits this store; what another store may have made must be named by id
    #[arg(long)]
    all: bool,
    /// Go on without a question
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) reason: Reason,
}

pub(super) async fn run(
    args: &DeleteArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let chosen = choose(args, session, out).await?;
    let (before, _) = requests(session).await?;
    let now = session.now(session.fleet().await?.as_ref());
    out.say("This ends, for good, with everything in them:")?;
    out.say_text(&table(&chosen, &before, now))?;
    if chosen.iter().any(|orphan| !orphan.fits) {
        out.say(
            "Another store made what does not bear this store's tag. Where that store is in use, \
             its features lose their environments.",
        )?;
    }
    if args.reason.dry_run {
        out.say("Dry run: nothing was written.")?;
        return Ok(ExitStatus::Done);
    }
    agreed(args.yes, session.at_terminal, "repeat the command with --yes", out)?;
    let lines = session
        .write(async || {
            still_shown(&chosen, session).await?;
            let (mut wanted, document) = requests(session).await?;
            let lines: Vec<String> =
                chosen.iter().map(|orphan| enter(&mut wanted, orphan, args, session)).collect();
            if wanted.len() > MOST {
                return Err(Stop::refused(format!(
                    "{} requests at once are too many; {MOST} can be. Nothing was asked for",
                    wanted.len()
                )));
            }
            let write = Write::PutDocument {
                name: ORPHANS_DOCUMENT.to_owned(),
                body: serde_json::to_string(&wanted)?,
                expect: document.map_or(Expect::Absent, |document| Expect::Version(document.version)),
            };
            Ok((Batch { fence: None, writes: vec![write] }, lines))
        })
        .await?;
    for line in lines {
        out.print(line)?;
    }
    out.say("The controller ends them as the guards allow. How it stands: sprout orphans")?;
    fleet::say_if_idle(session, out).await?;
    Ok(ExitStatus::Done)
}

/// The orphans that are meant.
async fn choose(args: &DeleteArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<Vec<Orphan>> {
    if let Some(name) = unreadable(session).await? {
        return Err(Stop::refused(format!(
            "what is remembered of {name} cannot be read, so any orphan may be its environment. \
             Mend or remove that record first: sprout describe {name}. Nothing was asked for"
        )));
    }
    let orphans = not_given(seen(session).await?, args, session).await?;
    if args.all {
        let (ours, others): (Vec<Orphan>, Vec<Orphan>) = orphans.into_iter().partition(|orphan| orphan.fits);
        if !others.is_empty() {
            let ids: Vec<&str> = others.iter().map(|orphan| orphan.id.as_str()).collect();
            out.say(format_args!(
                "Left out: {}, which another store made and may use. To end one all the same, name it: \
                 sprout orphans delete {}",
                count(others.len(), "orphan"),
                ids.join(" ")
            ))?;
        }
        return if ours.is_empty() {
            Err(Stop::refused("there is no orphan whose tag fits this store. Nothing was asked for"))
        } else {
            Ok(ours)
        };
    }
    let mut chosen: Vec<Orphan> = Vec::new();
    for word in &args.ids {
        match orphans.iter().find(|orphan| orphan.id.as_str() == word) {
            Some(orphan) if chosen.contains(orphan) => {}
            Some(orphan) => chosen.push(orphan.clone()),
            None => {
                return Err(match orphans.iter().find(|orphan| orphan.name.as_str() == word) {
                    Some(orphan) => Stop::usage(format!(
                        "names are used again, so only an id will do. {word} is {}. Nothing was asked for",
                        orphan.id
                    )),
                    None => no_orphan(word, session).await,
                });
            }
        }
    }
    Ok(chosen)
}

/// What a feature is to have does not end: it is left out of all, and refused
/// by name.
async fn not_given(
    mut orphans: Vec<Orphan>,
    args: &DeleteArgs,
    session: &Session,
) -> anyhow::Result<Vec<Orphan>> {
    let rows = session.store.load().await?;
    for (name, stored) in &rows.records {
        let RecordBody::Readable(record) = &stored.body else { continue };
        let Some(asked) = &record.asks.adoption else { continue };
        if args.ids.iter().any(|word| word == asked.what.id.as_str()) {
            return Err(Stop::refused(format!(
                "{} is to be that of {name}, as {} asked. To withdraw that: sprout forget {name}. \
                 Nothing was asked for",
                asked.what.id, asked.by
            )));
        }
        orphans.retain(|orphan| orphan.id != asked.what.id);
    }
    Ok(orphans)
}

/// What was agreed to is what was shown.
async fn still_shown(chosen: &[Orphan], session: &Session) -> anyhow::Result<()> {
    let now = seen(session).await?;
    match chosen.iter().find(|orphan| !now.contains(orphan)) {
        None => Ok(()),
        Some(changed) => Err(Stop::refused(format!(
            "{} is not any more as it was shown. Look again: sprout orphans. Nothing was asked for",
            changed.id
        ))),
    }
}

/// Enters one request, unless one is on its way already.
fn enter(wanted: &mut Requests, orphan: &Orphan, args: &DeleteArgs, session: &Session) -> String {
    let what = format!("{} ({})", orphan.id, orphan.name);
    if let Some(request) = wanted.get(&orphan.id)
        && !matches!(request.attempt, Attempt::Failed(_))
    {
        return format!("{what}: {} asked for its end already.", request.ask.by);
    }
    let ask = session.ask(orphan.clone(), args.reason.why.as_deref());
    wanted.insert(orphan.id.clone(), OrphanRequest::new(ask));
    format!("{what}: its end is asked for.")
}
