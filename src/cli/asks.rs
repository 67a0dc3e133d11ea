//! What people ask for apart from the specification, so that no sync of a
//! file takes it back: renew, extend, protect, forget.

use jiff::SignedDuration;

use super::args::{AskArgs, ExtendArgs, ProtectArgs, Reason, read_time};
use super::exit::{ExitStatus, Stop};
use super::fleet;
use super::out::Out;
use super::session::{Session, some_names};
use super::voice::moment_and_distance;
use crate::model::ttl::human;
use crate::model::{FeatureName, IntentKind, Life, Phase, Record, Ttl};
use crate::store::{Batch, Expect, FeatureRows, RecordBody, SpecBody, Write};

pub(super) async fn renew(
    args: &AskArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let why = args.reason.why.as_deref();
    let ask = |name: &FeatureName, rows: &FeatureRows, record: &mut Record| {
        if rows.spec.is_none() {
            return Err(Stop::refused(format!(
                "{name} was deleted, and its specification with it. Nothing is left to renew. \
                 To have it again, apply its file: sprout apply -f FILE"
            )));
        }
        refuse_teardown(name, record, "renewed")?;
        record.asks.renewals += 1;
        // The time starts again from nothing; an extension that is asked for
        // after this one counts on top.
        record.asks.extension = None;
        record.asks.renewal = Some(session.ask((), why));
        record.asks.deletion = None;
        Ok(match record.life {
            Life::Wanted { since: Some(_), .. } | Life::Ending { since: Some(_), .. } => {
                format!("{name}: renewed. Its time starts again{}.", length(rows))
            }
            Life::Wanted { .. } | Life::Ending { .. } => {
                format!("{name}: renewed. Its time has not begun; it does when it is ready{}.", length(rows))
            }
            Life::Expired { .. } | Life::Deleted { .. } => {
                format!("{name}: renewed. It comes back: its environment is made anew{}.", length(rows))
            }
        })
    };
    change(&args.names, &args.reason, ask, session, out).await
}

pub(super) async fn extend(
    args: &ExtendArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let Some((time, words)) = args.words.split_last() else {
        return Err(Stop::usage("which feature, and by how much? sprout extend NAME TIME"));
    };
    let by = read_time(time).map_err(|why| {
        Stop::usage(format!("{time:?} is no time to extend by ({why}). Usage: sprout extend NAME... TIME"))
    })?;
    let fleet = session.fleet().await?;
    let now = session.now(fleet.as_ref());
    let ask = |name: &FeatureName, rows: &FeatureRows, record: &mut Record| {
        refuse_teardown(name, record, "extended")?;
        refuse_without_end(name, rows, record)?;
        let so_far = record.asks.extension.as_ref().map_or(SignedDuration::ZERO, |ask| ask.what);
        let Some(all) = so_far.checked_add(by) else {
            return Err(Stop::usage(format!("{name} cannot be extended by that much")));
        };
        record.asks.extension = Some(session.ask(all, args.reason.why.as_deref()));
        let end = rows.status.as_ref().and_then(|view| view.expires_at);
        let end = end.and_then(|end| end.checked_add(by).ok());
        let to = end.map_or_else(String::new, |end| format!(", to {}", moment_and_distance(end, now)));
        Ok(format!("{name}: its end is moved by {}{to}.", human(by)))
    };
    change(words, &args.reason, ask, session, out).await
}

pub(super) async fn protect(
    args: &ProtectArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let why = args.reason.why.as_deref();
    let ask = |name: &FeatureName, rows: &FeatureRows, record: &mut Record| {
        if args.off {
            record.asks.protection = Some(session.ask(false, why));
            let by_spec = matches!(
                rows.spec.as_ref().map(|row| &row.body),
                Some(SpecBody::Readable { feature, .. }) if feature.spec.protect
            );
            return Ok(if by_spec {
                format!(
                    "{name}: no person protects it any more, but its specification does. \
                     To end that, write protect: false in its file and apply it."
                )
            } else {
                format!("{name}: protected no longer. Its time counts as if it never had been.")
            });
        }
        refuse_teardown(name, record, "protected")?;
        refuse_ended(name, record, "protected")?;
        record.asks.protection = Some(session.ask(true, why));
        Ok(format!(
            "{name}: protected. It does not expire, and deletion is refused, until: sprout protect {name} --off"
        ))
    };
    change(&args.names, &args.reason, ask, session, out).await
}

pub(super) async fn forget(
    args: &AskArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let why = args.reason.why.as_deref();
    let ask = |name: &FeatureName, _: &FeatureRows, record: &mut Record| {
        let Some(ledger) = &record.identity.ledger else {
            if let Some(asked) = record.asks.adoption.take() {
                return Ok(format!(
                    "{name}: it is not to have {} any more. One is made for it, as its specification says.",
                    asked.what.id
                ));
            }
            return Err(Stop::refused(format!("{name} has no environment. There is nothing to forget")));
        };
        let id = ledger.id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
        let text = format!(
            "{name}: the environment {}{id} is forgotten, if Beanstalk still does not show it. \
             Nothing is deleted: should it exist after all, it stays, and costs, until you terminate it.",
            ledger.name
        );
        record.asks.forget = Some(session.ask((), why));
        Ok(text)
    };
    change(&args.names, &args.reason, ask, session, out).await
}

/// Changes the asks of features, all or none, and prints what each means.
async fn change(
    words: &[String],
    reason: &Reason,
    ask: impl Fn(&FeatureName, &FeatureRows, &mut Record) -> anyhow::Result<String>,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let named = some_names(words)?;
    let lines = session
        .write(async || {
            let (mut batch, mut lines) = (Batch::default(), Vec::new());
            for name in &named {
                let rows = session.store.feature(name).await?;
                if rows.spec.is_none() && rows.record.is_none() {
                    return Err(session.unknown(name).await);
                }
                let (mut record, expect) = record_of(name, &rows)?;
                lines.push(ask(name, &rows, &mut record)?);
                batch.writes.push(Write::PutRecord { record: Box::new(record), expect });
            }
            if reason.dry_run {
                batch.writes.clear();
            }
            Ok((batch, lines))
        })
        .await?;
    for line in lines {
        out.print(line)?;
    }
    if reason.dry_run {
        out.say("Dry run: nothing was written.")?;
    } else {
        fleet::say_if_idle(session, out).await?;
    }
    Ok(ExitStatus::Done)
}

/// The record of a feature, or a blank one, with what the write expects.
fn record_of(name: &FeatureName, rows: &FeatureRows) -> anyhow::Result<(Record, Expect)> {
    match &rows.record {
        None => Ok((Record::new(name.clone()), Expect::Absent)),
        Some(row) => match &row.body {
            RecordBody::Readable(record) => Ok(((**record).clone(), Expect::Version(row.version))),
            RecordBody::Unreadable { why } => Err(Stop::refused(format!(
                "what is remembered of {name} cannot be read: {why}. Nothing was changed"
            ))),
        },
    }
}

/// Beanstalk does not take a termination back.
fn refuse_teardown(name: &FeatureName, record: &Record, what: &str) -> anyhow::Result<()> {
    let under_way = record.open().is_some_and(|intent| intent.kind == IntentKind::Terminate);
    if !under_way {
        return Ok(());
    }
    Err(Stop::refused(format!(
        "{name} cannot be {what}: its environment is being taken down, and Beanstalk does not take that back. \
         When it is gone, it can come back: sprout wait {name} --for gone, then: sprout renew {name}"
    )))
}

fn refuse_ended(name: &FeatureName, record: &Record, what: &str) -> anyhow::Result<()> {
    let phase = match record.life {
        Life::Expired { .. } => Phase::Expired,
        Life::Deleted { .. } => Phase::Deleted,
        Life::Wanted { .. } | Life::Ending { .. } => return Ok(()),
    };
    Err(Stop::refused(format!(
        "{name} is {} and cannot be {what}. To have it back: sprout renew {name}",
        phase.as_str()
    )))
}

/// Only an end can be moved.
fn refuse_without_end(name: &FeatureName, rows: &FeatureRows, record: &Record) -> anyhow::Result<()> {
    refuse_ended(name, record, "extended")?;
    match rows.spec.as_ref().map(|row| &row.body) {
        Some(SpecBody::Readable { feature, .. }) if feature.spec.ttl == Some(Ttl::Never) => {
            Err(Stop::refused(format!("{name} has no end that could be moved (ttl: never)")))
        }
        _ if record.asks.deletion.is_some() => Err(Stop::refused(format!(
            "{name} is to be deleted, so its end cannot be moved. To keep it: sprout renew {name}"
        ))),
        _ => Ok(()),
    }
}

/// How long a life is, where the specification says it.
fn length(rows: &FeatureRows) -> String {
    match rows.spec.as_ref().map(|row| &row.body) {
        Some(SpecBody::Readable { feature, .. }) => match feature.spec.ttl {
            Some(Ttl::For(time)) => format!(", for {}", human(time)),
            Some(Ttl::Never) | None => String::new(),
        },
        _ => String::new(),
    }
}
