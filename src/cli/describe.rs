//! `sprout describe`: everything about a feature, in the order in which it is
//! asked: what happened, what comes next, and then the details.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use super::args::NamesArgs;
use super::events;
use super::exit::ExitStatus;
use super::out::Out;
use super::pending::{UNSEEN, readable, unseen};
use super::session::{Session, some_names};
use super::voice;
use super::{fleet, print};
use crate::model::ttl::human;
use crate::model::{
    Ask, Asks, DeployedView, Feature, FeatureName, Heal, Orphan, StatusView, Truth, Ttl, TtlFrom, Variable,
};
use crate::store::{FeatureRows, SpecBody};

/// How many of the last events are shown.
const EVENTS: usize = 10;

pub(super) async fn run(
    args: &NamesArgs,
    session: &Session,
    out: &mut Out<'_>,
) -> anyhow::Result<ExitStatus> {
    let view = session.fleet().await?;
    let now = session.now(view.as_ref());
    fleet::say(session, view.as_ref(), out).await?;
    for (at, name) in some_names(&args.names)?.iter().enumerate() {
        let rows = session.store.feature(name).await?;
        if rows.spec.is_none() && rows.record.is_none() && rows.status.is_none() {
            return Err(session.unknown(name).await);
        }
        if at > 0 {
            out.print("")?;
        }
        out.print_text(&text(name, &rows, now))?;
        let events = events::history(session, std::slice::from_ref(name), EVENTS).await?;
        if !events.is_empty() {
            out.print("\nEvents, the last ones")?;
            out.print_text(&indented(&events::table(&events, now)))?;
        }
    }
    Ok(ExitStatus::Done)
}

/// The account of a feature, without its events.
fn text(name: &FeatureName, rows: &FeatureRows, now: Timestamp) -> String {
    let feature = match rows.spec.as_ref().map(|row| &row.body) {
        Some(SpecBody::Readable { feature, .. }) => Some(&**feature),
        _ => None,
    };
    let mut text = head(name, rows, now);
    if let Some(feature) = feature {
        section(&mut text, "Specification", specification(feature, rows));
    }
    if let Some(view) = &rows.status {
        section(&mut text, "Environment", environment(view, feature, now));
    }
    if let Some(record) = readable(rows.record.as_ref()) {
        section(&mut text, "Asked for", asked_for(&record.asks, now));
    }
    if let Some(view) = rows.status.as_ref().filter(|view| !view.conditions.is_empty()) {
        let _ = write!(text, "\nConditions\n{}", indented(&conditions(view, now)));
    }
    text
}

/// The two lines that answer most questions.
fn head(name: &FeatureName, rows: &FeatureRows, now: Timestamp) -> String {
    let speaking = format!("sprout describe {name}");
    let body = rows.spec.as_ref().map(|row| &row.body);
    match (&rows.status, body) {
        (None, Some(SpecBody::Unreadable { why })) => format!(
            "{name}: Frozen. Its row cannot be read: {why}.\n\
             Nothing happens to it until it can. Try: sprout apply -f FILE (with {name} in it)\n"
        ),
        (None, _) => format!("{name}: Pending. It is {UNSEEN}.\n"),
        (Some(view), _) => {
            let next = match unseen(rows.spec.as_ref(), rows.record.as_ref(), view) {
                Some(unseen) => voice::sentence(unseen),
                None => voice::outlook(view, now, &speaking),
            };
            format!("{}\n{next}\n", voice::headline(view))
        }
    }
}

type Lines = Vec<(&'static str, String)>;

fn section(text: &mut String, title: &str, lines: Lines) {
    if lines.is_empty() {
        return;
    }
    let rows = lines.into_iter().map(|(key, value)| vec![key.to_owned(), value]).collect();
    let _ = write!(text, "\n{title}\n{}", indented(&print::table(&[], rows)));
}

fn indented(table: &str) -> String {
    table.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  {line}");
        text
    })
}

fn specification(feature: &Feature, rows: &FeatureRows) -> Lines {
    let spec = &feature.spec;
    let mut lines: Lines = Vec::new();
    let mut put = |key, value: Option<String>| lines.extend(value.map(|value| (key, value)));
    put("image", spec.image.clone());
    put("bundle", spec.bundle.clone());
    put("application", spec.application.as_ref().map(ToString::to_string));
    put("ttl", spec.ttl.map(|ttl| life(ttl, spec.ttl_from)));
    put("template", spec.template.clone());
    put("instanceType", spec.instance_type.clone());
    // Names only: what is in a variable is nobody's business here.
    let name = |(name, variable): (&String, &Variable)| match variable {
        Variable::Text(_) => name.clone(),
        Variable::Ssm(_) | Variable::Secret(_) => format!("{name} (secret)"),
    };
    put("variables", joined(spec.variables.iter().map(name)));
    put(
        "settings",
        joined(spec.settings.iter().map(|setting| format!("{} {}", setting.namespace, setting.option))),
    );
    put("dockerrun", spec.dockerrun.template.clone());
    put("heal", (spec.heal != Heal::Gone).then(|| format!("{:?}", spec.heal).to_lowercase()));
    put("protect", spec.protect.then(|| "true".to_owned()));
    put("owner", feature.metadata.owner.clone());
    put("labels", joined(feature.metadata.labels.iter().map(|(key, value)| format!("{key}={value}"))));
    if let Some(source) = &feature.metadata.source {
        let pull_request = source.pull_request.map(|number| format!("pull request {number}"));
        let parts = [source.repository.clone(), source.branch.clone(), source.commit.clone(), pull_request];
        put("source", joined(parts.into_iter().flatten()));
    }
    put("brought by", rows.spec.as_ref().and_then(|row| row.origin.clone()));
    lines
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn life(ttl: Ttl, from: TtlFrom) -> String {
    match (ttl, from) {
        (Ttl::Never, _) => "never ends".to_owned(),
        (Ttl::For(_), TtlFrom::Create) => format!("{ttl}, from when it was made"),
        (Ttl::For(_), TtlFrom::Deploy) => format!("{ttl}, from the last deployment"),
    }
}

fn environment(view: &StatusView, feature: Option<&Feature>, now: Timestamp) -> Lines {
    let mut lines: Lines = Vec::new();
    let mut put = |key, value: Option<String>| lines.extend(value.map(|value| (key, value)));
    put("url", view.url.clone());
    let id = view.environment_id.as_ref().map_or_else(String::new, |id| format!(" ({id})"));
    put("name", view.environment.as_ref().map(|name| format!("{name}{id}")));
    put("deployed", view.deployed.as_ref().map(|deployed| what_runs(deployed, now)));
    let moves =
        voice::deployed(view.deployed.as_ref(), view.wanted_image.as_deref(), view.wanted_digest.as_ref());
    put("wanted", view.wanted_image.clone().filter(|_| moves.contains('→')));
    put("version", view.version_label.as_ref().map(ToString::to_string));
    put("made", view.created_at.map(|at| voice::moment_and_distance(at, now)));
    let protected = view.protected.then(|| "not while it is protected".to_owned());
    let never = || {
        let never = feature.is_some_and(|feature| feature.spec.ttl == Some(Ttl::Never));
        never.then(|| "never".to_owned())
    };
    let end = || view.expires_at.map(|at| voice::moment_and_distance(at, now));
    put("ends", protected.or_else(end).or_else(never));
    lines
}

fn what_runs(deployed: &DeployedView, now: Timestamp) -> String {
    let mut text = deployed.image.clone();
    if let Some(digest) = deployed.digest.as_ref().filter(|digest| !deployed.image.contains(digest.as_str()))
    {
        let _ = write!(text, " ({})", voice::short_digest(digest.as_str()));
    }
    if let Some(commit) = &deployed.commit {
        let _ = write!(text, ", commit {commit}");
    }
    let ago = human(now.duration_since(deployed.at).max(SignedDuration::ZERO));
    let _ = write!(text, ", {ago} ago");
    text
}

fn asked_for(asks: &Asks, now: Timestamp) -> Lines {
    let mut lines: Lines = Vec::new();
    let mut put = |key, value: Option<String>| lines.extend(value.map(|value| (key, value)));
    put("extension", asks.extension.as_ref().map(|ask| format!("{}, {}", human(ask.what), said(ask, now))));
    put("renewal", asks.renewal.as_ref().map(|ask| said(ask, now)));
    put("protection", asks.protection.as_ref().filter(|ask| ask.what).map(|ask| said(ask, now)));
    put("deletion", asks.deletion.as_ref().map(|ask| said(ask, now)));
    let taken = |ask: &Ask<Orphan>| format!("{} ({}), {}", ask.what.name, ask.what.id, said(ask, now));
    put("environment", asks.adoption.as_ref().map(taken));
    put("forgetting", asks.forget.as_ref().map(|ask| said(ask, now)));
    lines
}

fn said<T>(ask: &Ask<T>, now: Timestamp) -> String {
    let ago = human(now.duration_since(ask.at).max(SignedDuration::ZERO));
    let why = ask.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
    format!("by {}, {ago} ago{why}", ask.by)
}

fn conditions(view: &StatusView, now: Timestamp) -> String {
    let rows = view.conditions.iter().map(|condition| {
        let status = match condition.status {
            Truth::True => "True",
            Truth::False => "False",
            Truth::Unknown => "Unknown",
        };
        let since = voice::age(Some(condition.last_transition_time), now);
        vec![format!("{:?}", condition.kind), status.to_owned(), since, condition.reason.clone()]
    });
    print::table(&["TYPE", "STATUS", "SINCE", "REASON"], rows.collect())
}
