//! `sprout diff`: what applying files would do, and why. It never changes
//! anything.

use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::args::{DiffArgs, Format};
use super::changes::changes;
use super::cloud::{connect, setup};
use super::exit::ExitStatus;
use super::out::Out;
use super::session::Session;
use super::spec_files;
use super::{print, voice};
use crate::clock::Clock;
use crate::controller::{Controller, Switch};
use crate::model::{Feature, FeatureName, Phase, Snapshot, StatusView};
use crate::plan::{Action, Plan};
use crate::status;
use crate::store::{Rows, SpecBody};

/// What applying one feature would do.
struct Difference {
    feature: FeatureName,
    /// Whether the store does not have it.
    new: bool,
    /// What the file says otherwise than the store, and what that does.
    fields: Vec<(String, &'static str)>,
    /// What the controller would do at once.
    act: Option<&'static str>,
    view: Option<StatusView>,
}

impl Difference {
    fn is_one(&self) -> bool {
        self.new || !self.fields.is_empty() || self.act.is_some()
    }
}

/// Prints the differences; exit status 1 says that there are some.
pub(super) async fn run(args: &DiffArgs, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let features = spec_files::read(&args.files, out, |_| Vec::new())?;
    let features: Vec<Feature> = features.into_iter().map(|located| located.value).collect();
    let switch = Switch::shut(Clock::system(), "`sprout diff` changes nothing");
    let clients = connect(&session.config, switch.clone()).await?;
    let setup = setup(&session.config, Arc::clone(&session.store), clients, switch, true)?;
    let policy = setup.policy.clone();
    let mut controller = Controller::start(setup).await?;
    let seen = controller.preview(features.clone()).await.context("nothing could be compared")?;
    let rows = session.store.load().await?;
    let views = status::derive(&seen.0, &seen.1, &policy, &rows.statuses);
    let found: Vec<Difference> = features
        .iter()
        .map(|feature| difference(feature, &rows, &seen.1, views.get(&feature.metadata.name)))
        .collect();
    show(args.output, &found, &seen.0, out)?;
    Ok(if found.iter().any(Difference::is_one) { ExitStatus::Differs } else { ExitStatus::Done })
}

fn difference(feature: &Feature, rows: &Rows, plan: &Plan, view: Option<&StatusView>) -> Difference {
    let name = &feature.metadata.name;
    let stored = rows.specs.get(name);
    let before = match stored.map(|stored| &stored.body) {
        Some(SpecBody::Readable { feature, .. }) => Some(&**feature),
        _ => None,
    };
    let fields = before.map(|before| changes(before, feature)).unwrap_or_default();
    let action = plan.steps.get(name).and_then(|step| step.action.as_ref());
    // What is swept up goes whether the file is applied or not.
    let action = action.filter(|action| !matches!(action, Action::Tidy(_)));
    Difference {
        feature: name.clone(),
        new: before.is_none(),
        fields: fields.into_iter().map(with_effect).collect(),
        act: action.map(act),
        view: view.cloned(),
    }
}

/// A change with what it does; the field is the phrase's first word.
fn with_effect(phrase: String) -> (String, &'static str) {
    let effect = match phrase.split(' ').next().unwrap_or_default() {
        "application" => "cannot change; give the feature another name",
        "image" | "bundle" | "dockerrun" => "deploys again, into the same environment",
        "variables" | "settings" | "instanceType" => "changes the environment in place, then deploys again",
        "template" | "copyFrom" => {
            "changes the environment in place where Beanstalk allows it, else it must be made anew"
        }
        "ttl" | "ttlFrom" => "moves its end; the environment stays as it is",
        "source" => "brings it back if it has ended; the environment stays as it is",
        _ => "the environment stays as it is",
    };
    (phrase, effect)
}

/// What goes out at once.
fn act(action: &Action) -> &'static str {
    match action {
        Action::Launch(..) => "its environment would be made",
        Action::Configure(_) => "its settings would be changed, its version would follow",
        Action::Deploy(..) => "a new version would be deployed",
        Action::Destroy(_) => "its environment would be taken down",
        Action::Adopt(_) => "the environment that a person named would be taken for it",
        Action::Tidy(_) => "versions that nobody runs would be removed",
    }
}

fn show(format: Format, found: &[Difference], snapshot: &Snapshot, out: &mut Out<'_>) -> anyhow::Result<()> {
    match format {
        Format::Json | Format::Yaml => print::values(format, found.iter().map(value).collect(), out),
        Format::Name => {
            for difference in found.iter().filter(|difference| difference.is_one()) {
                out.print(&difference.feature)?;
            }
            Ok(())
        }
        Format::Table => {
            for difference in found {
                tell(difference, snapshot, out)?;
            }
            if !found.iter().any(Difference::is_one) {
                out.say("Nothing differs.")?;
            }
            Ok(())
        }
    }
}

fn tell(difference: &Difference, snapshot: &Snapshot, out: &mut Out<'_>) -> std::io::Result<()> {
    let Difference { feature, new, fields, act, view } = difference;
    let head = match (new, fields.is_empty(), act) {
        (true, ..) => "is new",
        (false, false, _) => "changes",
        (false, true, Some(_)) => "is as applied, and not yet as wanted",
        (false, true, None) => "stays as it is",
    };
    out.print(format_args!("{feature} {head}."))?;
    for (phrase, effect) in fields {
        out.print(format_args!("  {phrase}: {effect}"))?;
    }
    match (act, view) {
        (Some(act), _) => out.print(format_args!("  At once: {act}.")),
        (None, Some(view)) if difference.is_one() && view.phase != Phase::Ready => out.print(format_args!(
            "  Not at once: {} {}",
            view.happened,
            voice::outlook(view, snapshot.now, "")
        )),
        _ => Ok(()),
    }
}

fn value(difference: &Difference) -> Value {
    let change = match (difference.new, difference.fields.is_empty()) {
        (true, _) => "create",
        (false, false) => "change",
        (false, true) => "none",
    };
    let fields: Vec<Value> = difference
        .fields
        .iter()
        .map(|(phrase, effect)| json!({"change": phrase, "effect": effect}))
        .collect();
    let view = difference.view.as_ref();
    json!({
        "feature": difference.feature,
        "differs": difference.is_one(),
        "change": change,
        "fields": fields,
        "action": difference.act,
        "phase": view.map(|view| view.phase.as_str()),
        "happened": view.map(|view| view.happened.clone()),
        "next": view.map(|view| view.next.clone()),
    })
}
