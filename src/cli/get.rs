//! `sprout get`: features and where they stand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{Format, GetArgs};
use super::exit::ExitStatus;
use super::out::Out;
use super::pending::{UNSEEN, unseen};
use super::session::{Session, names};
use super::voice;
use super::{fleet, print};
use crate::model::{Feature, FeatureName, Phase, StatusView, to_json};
use crate::store::{Rows, SpecBody, StoredRecord, StoredSpec};

/// A feature as its rows show it.
struct Shown<'a> {
    name: &'a FeatureName,
    spec: Option<&'a StoredSpec>,
    record: Option<&'a StoredRecord>,
    view: Option<&'a StatusView>,
}

pub(super) async fn run(args: &GetArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let named = names(&args.names);
    let rows = session.store.load().await?;
    let all: BTreeSet<&FeatureName> =
        rows.specs.keys().chain(rows.records.keys()).chain(rows.statuses.keys()).collect();
    if let Some(missing) = named.iter().find(|name| !all.contains(name)) {
        return Err(session.unknown(missing).await);
    }
    let chosen =
        || if named.is_empty() { all.iter().copied().collect() } else { named.iter().collect::<Vec<_>>() };
    let shown: Vec<Shown<'_>> = chosen().into_iter().map(|name| Shown::new(name, &rows)).collect();
    let view = session.fleet().await?;
    let now = session.now(view.as_ref());
    match args.output {
        Format::Table if shown.is_empty() => {
            fleet::say(session, view.as_ref(), out).await?;
            out.say("There is no feature yet. Try: sprout apply -f FILE")?;
        }
        Format::Table => {
            let head = ["NAME", "PHASE", "AGE", "LEFT", "DEPLOYED", "URL", "NEXT"];
            let table = print::table(&head, shown.iter().map(|shown| shown.row(now)).collect());
            fleet::say(session, view.as_ref(), out).await?;
            out.print_text(&table)?;
        }
        Format::Name => print::names(shown.iter().map(|shown| shown.name), out)?,
        Format::Json | Format::Yaml => {
            print::values(args.output, shown.iter().map(Shown::resource).collect(), out)?;
        }
    }
    Ok(ExitStatus::Done)
}

impl<'a> Shown<'a> {
    fn new(name: &'a FeatureName, rows: &'a Rows) -> Self {
        Self {
            name,
            spec: rows.specs.get(name),
            record: rows.records.get(name),
            view: rows.statuses.get(name),
        }
    }

    fn feature(&self) -> Option<&'a Feature> {
        match self.spec.map(|row| &row.body) {
            Some(SpecBody::Readable { feature, .. }) => Some(feature),
            Some(SpecBody::Unreadable { .. }) | None => None,
        }
    }

    /// Why the specification's row cannot be read.
    fn unreadable(&self) -> Option<&'a str> {
        match self.spec.map(|row| &row.body) {
            Some(SpecBody::Unreadable { why }) => Some(why),
            Some(SpecBody::Readable { .. }) | None => None,
        }
    }

    /// What is newer than the status.
    fn unseen(&self) -> Option<&'static str> {
        unseen(self.spec, self.record, self.view?)
    }

    fn row(&self, now: Timestamp) -> Vec<String> {
        let wanted = self.feature().and_then(|feature| feature.spec.image.as_deref());
        let Some(view) = self.view else {
            let (phase, next) = match self.unreadable() {
                Some(why) => (Phase::Frozen, format!("its row cannot be read: {why}")),
                None => (Phase::Pending, UNSEEN.to_owned()),
            };
            let deployed = voice::deployed(None, wanted, None);
            let phase = phase.as_str().to_owned();
            return self.cells([phase, voice::dash(), voice::dash(), deployed, voice::dash(), next]);
        };
        let ended = matches!(view.phase, Phase::Expired | Phase::Deleted);
        let unseen = self.unseen();
        let digest = view.wanted_digest.as_ref().filter(|_| unseen.is_none());
        let wanted = wanted.or(view.wanted_image.as_deref()).filter(|_| !ended || unseen.is_some());
        let next = unseen.map_or_else(|| voice::next(view, now), str::to_owned);
        self.cells([
            view.phase.as_str().to_owned(),
            voice::age(view.created_at, now),
            voice::left(view, self.feature(), now),
            voice::deployed(view.deployed.as_ref(), wanted, digest),
            view.url.clone().unwrap_or_else(voice::dash),
            next,
        ])
    }

    fn cells(&self, rest: [String; 6]) -> Vec<String> {
        [self.name.to_string()].into_iter().chain(rest).collect()
    }

    /// The resource with its status, in the form of specification files.
    fn resource(&self) -> Value {
        let mut value = self.feature().map_or_else(|| self.blank(), to_json);
        let mut status = match self.view {
            None => json!({"phase": Phase::Pending, "next": UNSEEN}),
            Some(view) => serde_json::to_value(view).unwrap_or_default(),
        };
        if let Some(status) = status.as_object_mut() {
            status.remove("feature");
            status.insert("upToDate".to_owned(), Value::from(self.view.is_some() && self.unseen().is_none()));
            if let Some(why) = self.unreadable() {
                status.insert("unreadable".to_owned(), Value::from(why));
            }
        }
        value["status"] = status;
        value
    }

    /// The form of every feature where only its name is known.
    fn blank(&self) -> Value {
        let mut value = to_json(&Feature::new(self.name.clone()));
        value["spec"] = Value::Null;
        value
    }
}
