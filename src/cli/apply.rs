//! `sprout apply`: specifications from files into the store, all or none.

use serde_json::json;

use super::args::{ApplyArgs, Format};
use super::changes::changes;
use super::exit::ExitStatus;
use super::out::Out;
use super::session::Session;
use super::voice::count;
use super::{fleet, print, spec_files};
use crate::model::{Feature, FeatureName, Located, Phase, SpecError, spec_hash};
use crate::store::{BATCH_MOST, Batch, Expect, RecordBody, Rows, SpecBody, Write};

/// What becomes of one feature.
struct Outcome {
    name: FeatureName,
    kind: Kind,
}

enum Kind {
    Created,
    /// What changed, each as a phrase.
    Changed(Vec<String>),
    /// Nothing is written; with why the same specification does nothing here.
    Unchanged(Option<String>),
}

/// How many features are written at once: each is two writes at most.
const AT_ONCE: usize = BATCH_MOST / 2;

pub(super) async fn run(
    args: &ApplyArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let before = session.store.load().await?;
    let features = spec_files::read(&args.files, out, |features| moved(features, &before))?;
    drop(before);
    if features.is_empty() {
        out.say("There is no feature in these files; nothing was written.")?;
        return Ok(ExitStatus::Done);
    }
    let mut outcomes = Vec::new();
    // Everything was read and judged before the first part is written; should
    // a later part fail, applying the same files again writes what is missing.
    for part in features.chunks(AT_ONCE) {
        let decided = session.write(async || {
            let rows = session.store.load().await?;
            let (mut batch, outcomes) = decide(part, &rows);
            if args.dry_run {
                batch.writes.clear();
            }
            Ok((batch, outcomes))
        });
        outcomes.extend(decided.await?);
    }
    report(args, &outcomes, out)?;
    let wrote = outcomes.iter().filter(|outcome| !matches!(outcome.kind, Kind::Unchanged(_))).count();
    let place = session.place().await?;
    match (wrote, args.dry_run) {
        (_, true) => out.say(format_args!("Dry run: nothing was written to {place}."))?,
        (0, false) => out.say(format_args!("Nothing to write to {place}."))?,
        (_, false) => out.say(format_args!("Wrote {} to {place}.", count(wrote, "feature")))?,
    }
    fleet::say_if_idle(session, out).await?;
    if wrote > 0 && !args.dry_run {
        let first = outcomes.iter().find(|outcome| !matches!(outcome.kind, Kind::Unchanged(_)));
        if let Some(first) = first {
            out.say(format_args!("Try: sprout wait {}", first.name))?;
        }
    }
    Ok(ExitStatus::Done)
}

/// A dry run where there is no store yet: everything would be new.
pub(super) fn dry_run_without_store(
    args: &ApplyArgs,
    place: &str,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let features = spec_files::read(&args.files, out, |_| Vec::new())?;
    let new = |located: &Located<Feature>| Outcome {
        name: located.value.metadata.name.clone(),
        kind: Kind::Created,
    };
    report(args, &features.iter().map(new).collect::<Vec<_>>(), out)?;
    out.say(format_args!("Dry run: nothing was written. There is no store at {place} yet; apply makes it."))?;
    Ok(ExitStatus::Done)
}

/// An environment stays in the application that it was made in.
fn moved(features: &[Located<Feature>], rows: &Rows) -> Vec<SpecError> {
    let check = |located: &Located<Feature>| {
        let name = &located.value.metadata.name;
        let wanted = located.value.spec.application.as_ref()?;
        let RecordBody::Readable(record) = &rows.records.get(name)?.body else { return None };
        let fixed = record.identity.application.as_ref().filter(|fixed| *fixed != wanted)?;
        Some(located.error(
            "spec.application",
            format!("the application of {name} cannot change from {fixed} to {wanted}"),
            Some(format!("give the feature in {wanted} another name, such as {name}-{wanted}")),
        ))
    };
    features.iter().filter_map(check).collect()
}

fn decide(features: &[Located<Feature>], rows: &Rows) -> (Batch, Vec<Outcome>) {
    let mut batch = Batch::default();
    let mut outcomes = Vec::new();
    for located in features {
        let feature = &located.value;
        let name = feature.metadata.name.clone();
        let row = rows.specs.get(&name);
        let kind = match row.map(|row| &row.body) {
            None => Kind::Created,
            Some(SpecBody::Unreadable { .. }) => {
                Kind::Changed(vec!["a row that could not be read".to_owned()])
            }
            Some(SpecBody::Readable { hash, .. }) if *hash == spec_hash(feature) => {
                Kind::Unchanged(asleep(&name, rows))
            }
            Some(SpecBody::Readable { feature: before, .. }) => Kind::Changed(changes(before, feature)),
        };
        if !matches!(kind, Kind::Unchanged(_)) {
            batch.writes.push(Write::PutSpec {
                feature: Box::new(feature.clone()),
                origin: row.and_then(|row| row.origin.clone()),
                expect: row.map_or(Expect::Absent, |row| Expect::Version(row.version)),
            });
            batch.writes.extend(call_off_deletion(&name, rows));
        }
        outcomes.push(Outcome { name, kind });
    }
    (batch, outcomes)
}

/// Applying a feature whose deletion was asked for is a new wish.
fn call_off_deletion(name: &FeatureName, rows: &Rows) -> Option<Write> {
    let row = rows.records.get(name)?;
    let RecordBody::Readable(record) = &row.body else { return None };
    record.asks.deletion.as_ref()?;
    let mut record = record.clone();
    record.asks.deletion = None;
    Some(Write::PutRecord { record, expect: Expect::Version(row.version) })
}

/// Why the same specification does nothing for a feature that ended.
fn asleep(name: &FeatureName, rows: &Rows) -> Option<String> {
    let phase = rows.statuses.get(name)?.phase;
    matches!(phase, Phase::Expired | Phase::Deleted).then(|| {
        format!(
            "it is {}, and the same specification does not bring it back; try: sprout renew {name}",
            phase.as_str()
        )
    })
}

fn report(args: &ApplyArgs, outcomes: &[Outcome], out: &mut Out<'_>) -> anyhow::Result<()> {
    let value = |outcome: &Outcome| {
        let (word, changes) = match &outcome.kind {
            Kind::Created => ("created", &[][..]),
            Kind::Changed(changes) => ("changed", &changes[..]),
            Kind::Unchanged(_) => ("unchanged", &[][..]),
        };
        json!({"name": outcome.name, "result": word, "changes": changes, "dryRun": args.dry_run})
    };
    match args.output {
        Format::Table => {
            for outcome in outcomes {
                out.print(line(outcome))?;
            }
        }
        Format::Name => print::names(outcomes.iter().map(|outcome| &outcome.name), out)?,
        Format::Json | Format::Yaml => print::values(args.output, outcomes.iter().map(value).collect(), out)?,
    }
    Ok(())
}

fn line(outcome: &Outcome) -> String {
    let name = &outcome.name;
    match &outcome.kind {
        Kind::Created => format!("{name} created"),
        Kind::Changed(changes) => format!("{name} changed ({})", changes.join("; ")),
        Kind::Unchanged(None) => format!("{name} unchanged"),
        Kind::Unchanged(Some(why)) => format!("{name} unchanged ({why})"),
    }
}
