//! `sprout guards` and `sprout approve`: what waits for a person.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::args::{ApproveArgs, Format, ListArgs};
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::session::Session;
use super::voice::count;
use super::{fleet, print};
use crate::model::ttl::human;
use crate::model::{FeatureName, Guard, GuardLedger};
use crate::plan::{Guards, Held};
use crate::status::GUARDS_DOCUMENT;
use crate::store::{Batch, Document, Expect, Write};

pub(super) async fn list(
    args: &ListArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let view = session.fleet().await?;
    let (ledger, _) = ledger(session).await?;
    let now = session.now(view.as_ref());
    let held = view.as_ref().map(|view| view.held.as_slice()).unwrap_or_default();
    let of = |guard: Guard| held.iter().find(|held| held.guard == guard);
    if args.output != Format::Table {
        let value = |guard: Guard| value(guard, of(guard), &ledger);
        if args.output == Format::Name {
            for held in held {
                out.print(held.guard.as_str())?;
            }
        } else {
            print::values(args.output, Guard::ALL.into_iter().map(value).collect(), out)?;
        }
        return Ok(ExitStatus::Done);
    }
    let environments = view.as_ref().map_or(0, |view| view.environments);
    let rows = Guard::ALL
        .into_iter()
        .map(|guard| {
            let holds = of(guard).map_or(0, |held| held.features.len());
            let used = used(guard, &ledger, &session.config.guards, environments, now);
            vec![guard.as_str().to_owned(), holds.to_string(), used, about(guard, &session.config.guards)]
        })
        .collect();
    out.print_text(&print::table(&["GUARD", "HOLDS", "USED", "LIMITS"], rows))?;
    for held in held {
        out.print("")?;
        out.print(held_back(held, &ledger, now))?;
    }
    fleet::say_if_idle(session, out).await?;
    Ok(ExitStatus::Done)
}

fn value(guard: Guard, held: Option<&Held>, ledger: &GuardLedger) -> Value {
    json!({
        "guard": guard.as_str(),
        "held": held.map(|held| held.features.clone()).unwrap_or_default(),
        "frees": held.and_then(|held| held.frees),
        "approved": ledger.approved.get(&guard).cloned().unwrap_or_default(),
    })
}

fn held_back(held: &Held, ledger: &GuardLedger, now: Timestamp) -> String {
    let guard = held.guard.as_str();
    let (approved, waiting): (Vec<&FeatureName>, Vec<_>) = held
        .features
        .iter()
        .partition(|name| ledger.approved.get(&held.guard).is_some_and(|names| names.contains(name)));
    let list = |names: &[&FeatureName]| names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    if waiting.is_empty() {
        return format!(
            "{guard} held {} back: {}. They are approved and pass now.",
            count(approved.len(), "feature"),
            list(&approved)
        );
    }
    let next = match held.frees {
        Some(at) if at > now => format!("There is room again in {}.", human(at.duration_since(now))),
        Some(_) => "There is room again any moment.".to_owned(),
        None => "Time alone does not free them.".to_owned(),
    };
    format!(
        "{guard} holds {} back: {}.\n{next} To let exactly these pass, once: sprout approve {guard}",
        count(waiting.len(), "feature"),
        list(&waiting)
    )
}

/// How much of a guard's budget is used.
fn used(guard: Guard, ledger: &GuardLedger, guards: &Guards, environments: usize, now: Timestamp) -> String {
    let recent = |marks: &[Timestamp], window: SignedDuration| {
        marks.iter().filter(|mark| now.duration_since(**mark) < window).count()
    };
    match guard {
        Guard::Asked => format!("{} of {}", recent(&ledger.asked, guards.window), guards.asked),
        Guard::Creates => format!("{} of {}", recent(&ledger.creates, guards.window), guards.creates),
        Guard::Inferred => {
            let limit = guards.inferred_floor.max(environments * guards.inferred_percent / 100);
            format!("{} of {limit}", recent(&ledger.inferred, SignedDuration::from_hours(1)))
        }
        Guard::Cap => {
            guards.cap.map_or_else(|| "no cap".to_owned(), |cap| format!("{environments} of {cap}"))
        }
        Guard::MassVanish | Guard::Flap => "-".to_owned(),
    }
}

fn about(guard: Guard, guards: &Guards) -> String {
    match guard {
        Guard::Asked => format!("deletions that were asked for, in {}", human(guards.window)),
        Guard::Creates => format!("environments made, in {}", human(guards.window)),
        Guard::Inferred => "deletions of features whose rows vanished, in an hour".to_owned(),
        Guard::MassVanish => "deletions while over half of all rows vanished at once".to_owned(),
        Guard::Cap => "environments at a time".to_owned(),
        Guard::Flap => format!("one feature made more than {} times in an hour", guards.flap),
    }
}

pub(super) async fn approve(
    args: &ApproveArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let guard = args.guard;
    let passing = session
        .write(async || {
            let view = session.fleet().await?;
            let held = view.and_then(|view| view.held.into_iter().find(|held| held.guard == guard));
            let Some(held) = held else {
                return Err(Stop::refused(format!(
                    "guard {} holds nothing back. Nothing was approved. What is held: sprout guards",
                    guard.as_str()
                )));
            };
            let (mut ledger, document) = ledger(session).await?;
            let approved = ledger.approved.entry(guard).or_default();
            let new: Vec<FeatureName> =
                held.features.iter().filter(|name| !approved.contains(name)).cloned().collect();
            approved.extend(new);
            let write = Write::PutDocument {
                name: GUARDS_DOCUMENT.to_owned(),
                body: serde_json::to_string(&ledger)?,
                expect: document.map_or(Expect::Absent, |document| Expect::Version(document.version)),
            };
            let writes = if args.reason.dry_run { Vec::new() } else { vec![write] };
            Ok((Batch { fence: None, writes }, held.features))
        })
        .await?;
    for name in &passing {
        out.print(name)?;
    }
    let what = count(passing.len(), "feature");
    if args.reason.dry_run {
        out.say(format_args!(
            "Dry run: nothing was approved. For guard {} it would be {what}.",
            guard.as_str()
        ))?;
    } else {
        out.say(format_args!("Approved for guard {}, once: exactly {what}.", guard.as_str()))?;
        fleet::say_if_idle(session, out).await?;
    }
    Ok(ExitStatus::Done)
}

/// The guards' marks as they stand.
async fn ledger(session: &Session) -> anyhow::Result<(GuardLedger, Option<Document>)> {
    let document = session.store.document(GUARDS_DOCUMENT).await?;
    let ledger = match &document {
        Some(document) => serde_json::from_str(&document.body).map_err(|error| {
            Stop::outside(format!("the guards' marks in the store cannot be read: {error}"))
        })?,
        None => GuardLedger::default(),
    };
    Ok((ledger, document))
}
