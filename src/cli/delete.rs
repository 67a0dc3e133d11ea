//! `sprout delete`: features end, with their environments.

use super::args::{Awaited, DeleteArgs};
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::pending::readable;
use super::session::{Session, names};
use super::{fleet, spec_files, wait};
use crate::model::{FeatureName, Record};
use crate::store::{Batch, Expect, FeatureRows, RecordBody, SpecBody, Write};

pub(super) async fn run(
    args: &DeleteArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let mut named = names(&args.names);
    if !args.files.is_empty() {
        let features = spec_files::read(&args.files, out, |_| Vec::new())?;
        named.extend(features.into_iter().map(|located| located.value.metadata.name));
    }
    if named.is_empty() {
        return Err(Stop::usage("which feature? Names: sprout get"));
    }
    named.sort();
    named.dedup();
    let lines = session
        .write(async || {
            let (mut batch, mut lines) = (Batch::default(), Vec::new());
            for name in &named {
                let rows = session.store.feature(name).await?;
                if rows.spec.is_none() && rows.record.is_none() {
                    return Err(session.unknown(name).await);
                }
                lines.push(what_happens(name, &rows));
                batch.writes.extend(writes(name, &rows, session, args.why.as_deref())?);
            }
            if args.dry_run {
                batch.writes.clear();
            }
            Ok((batch, lines))
        })
        .await?;
    for line in lines {
        out.print(line)?;
    }
    let place = session.place().await?;
    if args.dry_run {
        out.say(format_args!("Dry run: nothing was written to {place}."))?;
        return Ok(ExitStatus::Done);
    }
    out.say(format_args!("Wrote to {place}."))?;
    fleet::say_if_idle(session, out).await?;
    if args.wait {
        return wait::until(&named, Awaited::Gone, None, args.timeout, session, out).await;
    }
    out.say(format_args!("Try: sprout wait {} --for gone", named[0]))?;
    Ok(ExitStatus::Done)
}

/// The writes of one deletion: the ask, and the row where no source would
/// bring it back.
fn writes(
    name: &FeatureName,
    rows: &FeatureRows,
    session: &Session,
    why: Option<&str>,
) -> anyhow::Result<Vec<Write>> {
    let mut writes = Vec::new();
    let (mut record, expect) = match &rows.record {
        None => (Record::new(name.clone()), Expect::Absent),
        Some(row) => match &row.body {
            RecordBody::Readable(record) => ((**record).clone(), Expect::Version(row.version)),
            RecordBody::Unreadable { why } => {
                return Err(Stop::refused(format!(
                    "{name} cannot be deleted, because what is remembered of it cannot be read: {why}. \
                     Nothing was deleted"
                )));
            }
        },
    };
    refuse_protected(name, rows, &record)?;
    if record.asks.deletion.is_none() {
        record.asks.deletion = Some(session.ask((), why));
        writes.push(Write::PutRecord { record: Box::new(record), expect });
    }
    if let Some(spec) = rows.spec.as_ref().filter(|spec| spec.origin.is_none()) {
        writes.push(Write::DeleteSpec { feature: name.clone(), expect: Expect::Version(spec.version) });
    }
    Ok(writes)
}

/// Protection is there to be taken off on purpose, not to be overlooked.
fn refuse_protected(name: &FeatureName, rows: &FeatureRows, record: &Record) -> anyhow::Result<()> {
    let by_ask = record.asks.protection.as_ref().filter(|ask| ask.what);
    let by_spec = match rows.spec.as_ref().map(|row| &row.body) {
        Some(SpecBody::Readable { feature, .. }) => feature.spec.protect,
        // What cannot be read, or is gone, is judged by what it last said.
        Some(SpecBody::Unreadable { .. }) | None => record.spec_protected,
    };
    let (because, mend) = match (by_ask, by_spec) {
        (Some(ask), _) => {
            let why = ask.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            (format!("{} protects it{why}", ask.by), format!("sprout protect {name} --off"))
        }
        (None, true) => (
            "its specification says so".to_owned(),
            "write protect: false in its file and apply it".to_owned(),
        ),
        (None, false) => return Ok(()),
    };
    Err(Stop::refused(format!("{name} is protected ({because}). Nothing was deleted. Before that: {mend}")))
}

fn what_happens(name: &FeatureName, rows: &FeatureRows) -> String {
    let environment =
        readable(rows.record.as_ref()).and_then(|record| Some(&record.identity.ledger.as_ref()?.name));
    let first = match environment {
        Some(environment) => {
            format!("{name}: deletion asked for. Its environment {environment} is taken down")
        }
        None => format!("{name}: deletion asked for. It has no environment"),
    };
    match rows.spec.as_ref().and_then(|row| row.origin.as_ref()) {
        None => format!("{first}; then nothing of it is left."),
        Some(origin) => format!(
            "{first}. {origin} still lists it: it stays as Deleted, and a new image or commit there brings it back."
        ),
    }
}
