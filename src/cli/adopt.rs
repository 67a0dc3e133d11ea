//! `sprout adopt`: a person gives an environment that nobody knows to a
//! feature, and the controller takes it.

use std::path::PathBuf;

use super::args::Reason;
use super::consent::agreed;
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::session::Session;
use super::{fleet, orphans, spec_files};
use crate::model::{
    ApplicationName, Attempt, Feature, FeatureName, Life, Orphan, Record, not_yet, spec_hash,
};
use crate::store::{Batch, Expect, FeatureRows, RecordBody, SpecBody, Write};

#[derive(Debug, clap::Args)]
pub(super) struct AdoptArgs {
    /// The environment that `sprout orphans` lists, by id or name
    #[arg(value_name = "ENVIRONMENT")]
    environment: String,
    /// The feature that is to have it
    #[arg(long, value_name = "NAME")]
    feature: String,
    /// The feature's file, applied in the same step, so that nothing is made for it meanwhile
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    file: Option<PathBuf>,
    /// Also take what another store made, and may use
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(super) reason: Reason,
}

pub(super) async fn run(
    args: &AdoptArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let name = FeatureName::new(args.feature.as_str());
    let file = match &args.file {
        Some(path) => Some(of_file(path, &name, out)?),
        None => None,
    };
    let orphan = find(&args.environment, session).await?;
    // Everything is looked at before a person is asked, and again when it is
    // written.
    decide(args, &name, file.as_ref(), &orphan, session).await?;
    tell(&orphan, &name, out)?;
    if args.reason.dry_run {
        out.say("Dry run: nothing was written.")?;
        return Ok(ExitStatus::Done);
    }
    if !orphan.fits {
        agreed(args.yes, session.at_terminal, "repeat the command with --yes", out)?;
    }
    session
        .write(async || {
            if !orphans::seen(session).await?.contains(&orphan) {
                return Err(Stop::refused(format!(
                    "{} is not any more as it was shown. Look again: sprout orphans. Nothing was written",
                    orphan.id
                )));
            }
            Ok((decide(args, &name, file.as_ref(), &orphan, session).await?, ()))
        })
        .await?;
    out.print(format_args!(
        "{name}: it is to have {} ({}). Its settings are changed to what is wanted, then its version.",
        orphan.name, orphan.id
    ))?;
    out.say(format_args!("Try: sprout wait {name}"))?;
    fleet::say_if_idle(session, out).await?;
    Ok(ExitStatus::Done)
}

/// The feature of a file that may hold others.
fn of_file(path: &std::path::Path, name: &FeatureName, out: &mut Out<'_>) -> anyhow::Result<Feature> {
    let features = spec_files::read(&[path.to_owned()], out, |_| Vec::new())?;
    let found = features.into_iter().map(|located| located.value).find(|one| one.metadata.name == *name);
    found.ok_or_else(|| {
        Stop::usage(format!("{} does not say what {name} is. Nothing was written", path.display()))
    })
}

/// The orphan of this id or name.
async fn find(word: &str, session: &Session) -> anyhow::Result<Orphan> {
    let mut found = orphans::seen(session).await?;
    found.retain(|orphan| orphan.id.as_str() == word || orphan.name.as_str() == word);
    match found.pop() {
        Some(orphan) if found.is_empty() => Ok(orphan),
        Some(_) => Err(Stop::usage(format!("{word} are several. Give its id: sprout orphans"))),
        None => Err(orphans::no_orphan(word, session).await),
    }
}

/// Whose it is and what becomes of it.
fn tell(orphan: &Orphan, name: &FeatureName, out: &mut Out<'_>) -> anyhow::Result<()> {
    let made_for = orphan.feature().map_or_else(String::new, |feature| format!(", made for {feature}"));
    let Orphan { id, name: environment, application, .. } = orphan;
    out.say(format_args!(
        "{environment} ({id}) of application {application}{made_for}, becomes that of {name}."
    ))?;
    if !orphan.fits {
        out.say(format_args!(
            "Its tag beansprout:binding ({}) is not this store's: another store made it, or its tags were copied. \
             That tag and beansprout:feature are overwritten. Where that store is in use, its feature loses the \
             environment, so stop that controller or delete that feature first.",
            orphan.binding().unwrap_or("none")
        ))?;
    }
    Ok(())
}

/// What is written, or why nothing can be.
async fn decide(
    args: &AdoptArgs,
    name: &FeatureName,
    file: Option<&Feature>,
    orphan: &Orphan,
    session: &Session,
) -> anyhow::Result<Batch> {
    refuse_elsewhere_named(orphan, name, session).await?;
    let rows = session.store.feature(name).await?;
    let mut writes = Vec::new();
    let feature = wanted(name, file, &rows, orphan)?;
    if rows.spec.is_none() {
        let feature = Box::new(feature.clone());
        writes.push(Write::PutSpec { feature, origin: None, expect: Expect::Absent });
    }
    refuse_other_application(feature.spec.application.as_ref(), orphan, name, session)?;
    if let Some((field, why)) = not_yet(&feature).into_iter().next() {
        return Err(Stop::refused(format!(
            "its field {field} is not carried out: {why}. Nothing was written"
        )));
    }
    let (mut record, expect) = match &rows.record {
        None => (Record::new(name.clone()), Expect::Absent),
        Some(row) => match &row.body {
            RecordBody::Readable(record) => ((**record).clone(), Expect::Version(row.version)),
            RecordBody::Unreadable { why } => {
                return Err(Stop::refused(format!(
                    "what is remembered of {name} cannot be read: {why}. Nothing was written"
                )));
            }
        },
    };
    refuse_busy(name, &record, orphan)?;
    record.asks.adoption = Some(session.ask(orphan.clone(), args.reason.why.as_deref()));
    writes.push(Write::PutRecord { record: Box::new(record), expect });
    Ok(Batch { fence: None, writes })
}

/// The specification that counts: that of the store, which the file must not
/// contradict, or that of the file.
fn wanted(
    name: &FeatureName,
    file: Option<&Feature>,
    rows: &FeatureRows,
    orphan: &Orphan,
) -> anyhow::Result<Feature> {
    match (rows.spec.as_ref().map(|row| &row.body), file) {
        (None, Some(file)) => Ok(file.clone()),
        (None, None) => Err(Stop::refused(format!(
            "there is no specification of {name}, so nobody says what is to run there. Apply its file in the same \
             step, so that no other environment is made for it meanwhile: \
             sprout adopt {} --feature {name} -f FILE",
            orphan.id
        ))),
        (Some(SpecBody::Unreadable { why }), _) => Err(Stop::refused(format!(
            "the specification of {name} cannot be read: {why}. Mend it first: sprout apply -f FILE"
        ))),
        (Some(SpecBody::Readable { hash, .. }), Some(file)) if *hash != spec_hash(file) => {
            Err(Stop::refused(format!(
                "the store has another specification of {name} than the file. Leave -f out, or apply the file first: \
                 sprout apply -f FILE. Nothing was written"
            )))
        }
        (Some(SpecBody::Readable { feature, .. }), _) => Ok((**feature).clone()),
    }
}

/// An environment stays in the application that it was made in.
fn refuse_other_application(
    wanted: Option<&ApplicationName>,
    orphan: &Orphan,
    name: &FeatureName,
    session: &Session,
) -> anyhow::Result<()> {
    match wanted.or(session.config.application.as_ref()) {
        Some(wanted) if *wanted != orphan.application => Err(Stop::refused(format!(
            "{} is of application {}, and {name} is to be of {wanted}; environments do not change theirs. \
             Nothing was written",
            orphan.id, orphan.application
        ))),
        _ => Ok(()),
    }
}

/// A feature has one environment, and one wish at a time.
fn refuse_busy(name: &FeatureName, record: &Record, orphan: &Orphan) -> anyhow::Result<()> {
    if let Some(ledger) = &record.identity.ledger {
        return Err(Stop::refused(format!(
            "{name} has the environment {} already. Give {} to a feature without one, or end that first: \
             sprout delete {name} --wait. Nothing was written",
            ledger.name, orphan.id
        )));
    }
    if let Some(asked) = record.asks.adoption.as_ref().filter(|asked| asked.what.id != orphan.id) {
        return Err(Stop::refused(format!(
            "{name} is to have {} already, as {} asked. To withdraw that: sprout forget {name}. \
             Nothing was written",
            asked.what.id, asked.by
        )));
    }
    if record.open().is_some() {
        return Err(Stop::refused(format!(
            "a call for {name} is under way. When it has ended, repeat this: sprout describe {name}"
        )));
    }
    if record.asks.deletion.is_some() || !matches!(record.life, Life::Wanted { .. }) {
        return Err(Stop::refused(format!(
            "{name} has ended or is to end. To have it back first: sprout renew {name}. Nothing was written"
        )));
    }
    Ok(())
}

/// What another feature is to have, what is to end, and what a record that
/// cannot be read may name, is given to nobody.
async fn refuse_elsewhere_named(
    orphan: &Orphan,
    name: &FeatureName,
    session: &Session,
) -> anyhow::Result<()> {
    if let Some(other) = orphans::unreadable(session).await? {
        return Err(Stop::refused(format!(
            "what is remembered of {other} cannot be read, so {} may be its environment. Mend or remove that \
             record first: sprout describe {other}. Nothing was written",
            orphan.id
        )));
    }
    let (requests, _) = orphans::requests(session).await?;
    if let Some(request) = requests.get(&orphan.id)
        && !matches!(&request.attempt, Attempt::Failed(failure) if failure.retry_at.is_none())
    {
        return Err(Stop::refused(format!(
            "{} is to be ended, as {} asked. Nothing was written",
            orphan.id, request.ask.by
        )));
    }
    let rows = session.store.load().await?;
    let given = rows.records.iter().find(|(other, stored)| {
        let RecordBody::Readable(record) = &stored.body else { return false };
        *other != name && record.asks.adoption.as_ref().is_some_and(|asked| asked.what.id == orphan.id)
    });
    match given {
        None => Ok(()),
        Some((other, _)) => Err(Stop::refused(format!(
            "{} is to be that of {other} already. To withdraw that: sprout forget {other}. Nothing was written",
            orphan.id
        ))),
    }
}
