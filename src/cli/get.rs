//! `sprout get`: features and where they stand.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{Format, GetArgs};
use super::exit::ExitStatus;
use super::out::Out;
use super::session::{Session, names};
use super::voice::{self, UNSEEN, UNSEEN_CHANGE};
use super::{fleet, print};
use crate::model::{Feature, FeatureName, Phase, SpecHash, StatusView, to_json};
use crate::store::{Rows, SpecBody};

/// A feature as its rows show it.
struct Shown<'a> {
    name: &'a FeatureName,
    spec: Spec<'a>,
    view: Option<&'a StatusView>,
}

/// Its specification's row.
enum Spec<'a> {
    Absent,
    Readable(&'a Feature, &'a SpecHash),
    Unreadable(&'a str),
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
        Format::Table if shown.is_empty() => out.say("There is no feature yet. Try: sprout apply -f FILE")?,
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
        let spec = match rows.specs.get(name).map(|row| &row.body) {
            None => Spec::Absent,
            Some(SpecBody::Readable { feature, hash, .. }) => Spec::Readable(feature, hash),
            Some(SpecBody::Unreadable { why }) => Spec::Unreadable(why),
        };
        Self { name, spec, view: rows.statuses.get(name) }
    }

    fn feature(&self) -> Option<&'a Feature> {
        match self.spec {
            Spec::Readable(feature, _) => Some(feature),
            Spec::Absent | Spec::Unreadable(_) => None,
        }
    }

    /// Whether the controller has yet to look at the specification as it is.
    fn is_unseen(&self, view: &StatusView) -> bool {
        matches!(self.spec, Spec::Readable(_, hash) if view.observed_spec_hash.as_ref() != Some(hash))
    }

    fn row(&self, now: Timestamp) -> Vec<String> {
        let wanted = self.feature().and_then(|feature| feature.spec.image.as_deref());
        let Some(view) = self.view else {
            let (phase, next) = match self.spec {
                Spec::Unreadable(why) => (Phase::Frozen, format!("its row cannot be read: {why}")),
                _ => (Phase::Pending, UNSEEN.to_owned()),
            };
            let deployed = voice::deployed(None, wanted, None);
            return self.cells([
                phase.as_str().to_owned(),
                voice::dash(),
                voice::dash(),
                deployed,
                voice::dash(),
                next,
            ]);
        };
        let ended = matches!(view.phase, Phase::Expired | Phase::Deleted);
        let unseen = self.is_unseen(view);
        let digest = view.wanted_digest.as_ref().filter(|_| !unseen);
        let wanted = wanted.or(view.wanted_image.as_deref()).filter(|_| !ended || unseen);
        let next = if unseen { UNSEEN_CHANGE.to_owned() } else { voice::next(view, now) };
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
        let mut value = match self.spec {
            Spec::Readable(feature, _) => to_json(feature),
            Spec::Absent | Spec::Unreadable(_) => {
                // The form is that of every feature; only what it says is not known.
                let mut value = to_json(&Feature::new(self.name.clone()));
                value["spec"] = Value::Null;
                value
            }
        };
        value["status"] = match self.view {
            None => json!({"phase": Phase::Pending, "next": UNSEEN}),
            Some(view) => {
                let mut status = serde_json::to_value(view).unwrap_or_default();
                if let Some(status) = status.as_object_mut() {
                    status.remove("feature");
                }
                status
            }
        };
        if let (Spec::Unreadable(why), Some(status)) = (&self.spec, value["status"].as_object_mut()) {
            status.insert("unreadable".to_owned(), Value::from(*why));
        }
        value
    }
}
