//! `sprout orphans`: environments that bear our tag and that this store does
//! not know, and what people asked for about them.

mod delete;

use std::collections::BTreeMap;

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::Format;
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::session::Session;
use super::voice::{age, sentence};
use super::{fleet, print};
use crate::model::ttl::human;
use crate::model::{Attempt, EnvironmentId, FeatureName, Orphan, OrphanRequest};
use crate::status::ORPHANS_DOCUMENT;
use crate::store::{Document, RecordBody};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct OrphansArgs {
    #[command(subcommand)]
    pub(super) verb: Option<OrphansVerb>,
    /// How they are printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    output: Format,
}

/// What can be done with orphans.
#[derive(Debug, Subcommand)]
pub(super) enum OrphansVerb {
    /// Ask the controller to end some, by id; nothing else ever ends one
    Delete(delete::DeleteArgs),
}

impl OrphansVerb {
    /// Whether rows are written.
    pub(super) fn writes(&self) -> bool {
        match self {
            OrphansVerb::Delete(args) => !args.reason.dry_run,
        }
    }
}

/// Requests by the environment's id.
pub(super) type Requests = BTreeMap<EnvironmentId, OrphanRequest>;

pub(super) async fn run(
    args: &OrphansArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    match &args.verb {
        None => list(args.output, session, out).await,
        Some(OrphansVerb::Delete(args)) => delete::run(args, session, out).await,
    }
}

async fn list(format: Format, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let view = session.fleet().await?;
    let now = session.now(view.as_ref());
    let orphans = view.map(|view| view.orphans).unwrap_or_default();
    let (requests, _) = requests(session).await?;
    match format {
        Format::Json | Format::Yaml => {
            let values: Result<Vec<Value>, _> =
                orphans.iter().map(|orphan| value(orphan, requests.get(&orphan.id))).collect();
            print::values(format, values?, out)?;
        }
        Format::Name => {
            for orphan in &orphans {
                out.print(&orphan.id)?;
            }
        }
        Format::Table if orphans.is_empty() => {
            out.print("No environment bears our tag that this store does not know.")?;
        }
        Format::Table => {
            out.print_text(&table(&orphans, &requests, now))?;
            out.say("They are only reported. Nothing touches them unasked.")?;
            out.say("To give one to a feature: sprout adopt ID --feature NAME -f FILE")?;
            out.say("To end one: sprout orphans delete ID")?;
            if let Some(name) = unreadable(session).await? {
                out.say(format_args!(
                    "What is remembered of {name} cannot be read, so one of them may be its environment."
                ))?;
            }
        }
    }
    fleet::say_if_idle(session, out).await?;
    Ok(ExitStatus::Done)
}

/// Orphans as people read them.
fn table(orphans: &[Orphan], requests: &Requests, now: Timestamp) -> String {
    let row = |orphan: &Orphan| {
        let asked = requests.get(&orphan.id).map_or_else(|| "-".to_owned(), |request| stands(request, now));
        vec![
            orphan.id.to_string(),
            orphan.name.to_string(),
            orphan.application.to_string(),
            age(orphan.created, now),
            orphan.feature().unwrap_or("-").to_owned(),
            whose(orphan).to_owned(),
            asked,
        ]
    };
    let head = ["ID", "ENVIRONMENT", "APPLICATION", "AGE", "MADE FOR", "WHOSE", "ASKED"];
    print::table(&head, orphans.iter().map(row).collect())
}

/// Whose tag it bears, as far as anybody can tell from it.
fn whose(orphan: &Orphan) -> &'static str {
    if orphan.fits { "this store made it" } else { "another store made it, or its tags were copied" }
}

/// How a request stands, in a phrase.
fn stands(request: &OrphanRequest, now: Timestamp) -> String {
    match &request.attempt {
        Attempt::Idle => format!("its end, by {}: waits", request.ask.by),
        Attempt::Open(_) => "its end: under way".to_owned(),
        Attempt::Failed(failure) => {
            let next = match failure.retry_at {
                None => "ask again to try again".to_owned(),
                Some(at) if at > now => format!("again in {}", human(at.duration_since(now))),
                Some(_) => "again any moment".to_owned(),
            };
            format!("its end failed: {} {}", sentence(&failure.message), sentence(&next))
        }
    }
}

fn value(orphan: &Orphan, request: Option<&OrphanRequest>) -> serde_json::Result<Value> {
    let mut value = serde_json::to_value(orphan)?;
    value["madeFor"] = json!(orphan.feature());
    value["request"] = match request {
        None => Value::Null,
        Some(request) => {
            let (state, message) = match &request.attempt {
                Attempt::Idle => ("requested", None),
                Attempt::Open(_) => ("under-way", None),
                Attempt::Failed(failure) => ("failed", Some(failure.message.as_str())),
            };
            let ask = &request.ask;
            json!({"state": state, "message": message, "by": ask.by, "at": ask.at, "why": ask.why})
        }
    };
    Ok(value)
}

/// People's requests as they stand.
pub(super) async fn requests(session: &Session) -> anyhow::Result<(Requests, Option<Document>)> {
    let document = session.store.document(ORPHANS_DOCUMENT).await?;
    let requests = match &document {
        Some(document) => serde_json::from_str::<Option<Requests>>(&document.body).map_err(|error| {
            Stop::outside(format!("the requests about orphans in the store cannot be read: {error}"))
        })?,
        None => None,
    };
    Ok((requests.unwrap_or_default(), document))
}

/// A feature whose record cannot be read, if there is one: any orphan may be
/// its environment.
pub(super) async fn unreadable(session: &Session) -> anyhow::Result<Option<FeatureName>> {
    let rows = session.store.load().await?;
    let mut records = rows.records.iter();
    let found = records.find(|(_, stored)| matches!(stored.body, RecordBody::Unreadable { .. }));
    Ok(found.map(|(name, _)| name.clone()))
}

/// The orphans that a controller saw; a refusal where none has looked.
pub(super) async fn seen(session: &Session) -> anyhow::Result<Vec<Orphan>> {
    match session.fleet().await? {
        Some(view) => Ok(view.orphans),
        None => Err(Stop::refused(
            "no controller has looked at the account yet, so no orphan is known. Start one: sprout run",
        )),
    }
}

/// The refusal of what is no orphan, with what it is instead.
pub(super) async fn no_orphan(word: &str, session: &Session) -> anyhow::Error {
    let rows = match session.store.load().await {
        Ok(rows) => rows,
        Err(error) => return error.into(),
    };
    let owner = rows.records.iter().find(|(_, stored)| match &stored.body {
        RecordBody::Readable(record) => record.identity.ledger.as_ref().is_some_and(|ledger| {
            ledger.name.as_str() == word || ledger.id.as_ref().is_some_and(|id| id.as_str() == word)
        }),
        RecordBody::Unreadable { .. } => false,
    });
    match owner {
        Some((name, _)) => Stop::refused(format!(
            "{word} is no orphan: it belongs to {name}. To end that feature: sprout delete {name}. \
             Nothing was asked for"
        )),
        None => Stop::refused(format!(
            "{word} is no orphan that the controller sees. All of them: sprout orphans. Nothing was asked for"
        )),
    }
}
