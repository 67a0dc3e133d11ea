//! `sprout events`: what happened, oldest first.

use std::time::Duration;

use jiff::Timestamp;

use super::args::{EventsArgs, Format};
use super::exit::ExitStatus;
use super::out::Out;
use super::print;
use super::session::{Session, names};
use super::voice::age;
use crate::model::{FeatureName, Severity};
use crate::store::{EventRow, StoreError};

/// How often `--watch` looks.
const PAUSE: Duration = Duration::from_millis(500);

pub(super) async fn run(
    args: &EventsArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let named = names(&args.names);
    let shown = history(session, &named, args.limit).await?;
    if shown.is_empty() {
        for name in &named {
            let rows = session.store.feature(name).await?;
            if rows.spec.is_none() && rows.record.is_none() {
                return Err(session.unknown(name).await);
            }
        }
    }
    let fleet = session.fleet().await?;
    let now = session.now(fleet.as_ref());
    match args.output {
        Format::Json | Format::Yaml => {
            let values: Result<Vec<_>, _> = shown.iter().map(serde_json::to_value).collect();
            print::values(args.output, values?, out)?;
        }
        Format::Name => {
            for event in &shown {
                out.print(&event.reason)?;
            }
        }
        Format::Table if shown.is_empty() => out.say("Nothing happened yet.")?,
        Format::Table => out.print_text(&table(&shown, now))?,
    }
    if args.watch {
        follow(&named, args.limit, shown, session, out).await?;
    }
    Ok(ExitStatus::Done)
}

/// Shows what happens from here on, until somebody ends it.
async fn follow(
    named: &[FeatureName],
    limit: usize,
    mut shown: Vec<EventRow>,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(PAUSE).await;
        let fresh = history(session, named, limit.max(50)).await?;
        for event in fresh.iter().filter(|event| !shown.contains(event)) {
            out.print(format_args!("{}  {}  {}", event.at, event.feature, event.message))?;
        }
        shown = fresh;
    }
}

/// Events of these features, or of all, oldest first.
pub(super) async fn history(
    session: &Session,
    named: &[FeatureName],
    limit: usize,
) -> Result<Vec<EventRow>, StoreError> {
    let mut events = Vec::new();
    if named.is_empty() {
        events = session.store.events(None, limit).await?;
        events.reverse();
        return Ok(events);
    }
    for name in named {
        let mut own = session.store.events(Some(name), limit).await?;
        own.reverse();
        events.extend(own);
    }
    // Stable: what happened at one moment keeps its order.
    events.sort_by_key(|event| event.at);
    Ok(events)
}

/// Events as a table; what is grave says so.
pub(super) fn table(events: &[EventRow], now: Timestamp) -> String {
    let row = |event: &EventRow| {
        let grave = match event.severity {
            Severity::Error | Severity::Fatal => "error: ",
            Severity::Warn => "warning: ",
            Severity::Trace | Severity::Debug | Severity::Info => "",
        };
        let ago = age(Some(event.at), now);
        vec![format!("{ago} ago"), event.feature.to_string(), format!("{grave}{}", event.message)]
    };
    print::table(&["WHEN", "NAME", "WHAT HAPPENED"], events.iter().map(row).collect())
}
