//! `sprout run`: the controller.

use std::io::IsTerminal as _;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::args::RunArgs;
use super::cloud::{connect, open_store, setup};
use super::consent::agreed;
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::service;
use super::signals::until_signal;
use super::voice::count;
use crate::aws::Clients;
use crate::clock::Clock;
use crate::config::Config;
use crate::controller::{Controller, Introduction, Switch};
use crate::plan::{Action, Plan};
use crate::store::{Access, Store};
use crate::web::{Watched, serve};

/// Why a mutating call does not go out.
const READ_ONLY: &str = "`sprout run --read-only` changes nothing";
const ASKING: &str = "nobody has agreed yet";

/// Runs the controller until a signal ends it.
pub(super) async fn run(args: &RunArgs, config: Config, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let access = if args.read_only { Access::ReadOnly } else { Access::Ensure };
    let store = open_store(&config, access).await?;
    if !args.read_only && !store.identity().await?.acted {
        first_time(args, &config, &store, out).await?;
    }
    let clock = Clock::system();
    let switch = if args.read_only { Switch::shut(clock, READ_ONLY) } else { Switch::new(clock) };
    let listener = listen(args.listen).await?;
    let clients = connect(&config, switch.clone()).await?;
    let (budget, shown) = (clients.budget.clone(), switch.clone());
    let controller =
        Controller::start(setup(&config, store.clone(), clients, switch, args.read_only)?).await?;
    greet(controller.introduction(), args.read_only, out)?;
    if let Some(hold) = &controller.introduction().hold {
        let what = if args.read_only { "Note" } else { "Waiting, and changing nothing" };
        out.say(format_args!("{what}: {hold}"))?;
    }
    if let Some(listener) = &listener {
        out.say(format_args!("Listening on http://{}.", listener.local_addr()?))?;
    }
    let watched = Watched { vitals: controller.vitals(), budget, switch: shown, store };
    let ended = until_signal(|stop| async move {
        let watchers = watch(watched, listener, stop.clone());
        let ended = controller.run(stop).await;
        drop(watchers);
        ended
    });
    match ended.await.context("signals cannot be listened to")? {
        Some(ended) => ended?,
        None => return Err(Stop::outside("stopped at once; the next start finds what was under way")),
    }
    out.say("Stopped. What was under way goes on in AWS, and the next start follows it.")?;
    Ok(ExitStatus::Done)
}

/// Takes the address before anything else is done: a controller that cannot
/// be watched as asked does not start.
async fn listen(address: Option<std::net::SocketAddr>) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    Ok(Some(listener))
}

/// Starts those who watch the controller, until they are dropped. They outlive
/// the stop by what the controller needs to end.
fn watch(
    watched: Watched,
    listener: Option<TcpListener>,
    stop: CancellationToken,
) -> Vec<AbortOnDropHandle<()>> {
    let mut watchers = Vec::new();
    if let Some(listener) = listener {
        let watched = watched.clone();
        watchers.push(AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = serve(listener, watched, CancellationToken::new()).await {
                tracing::warn!(%error, "the web front ended; the controller goes on");
            }
        })));
    }
    if service::is_there() {
        watchers.push(AbortOnDropHandle::new(tokio::spawn(service::tell(watched, stop))));
    }
    watchers
}

fn greet(who: &Introduction, read_only: bool, out: &mut Out<'_>) -> std::io::Result<()> {
    let endpoint = who.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    let mode = if read_only { ", read-only: it looks and changes nothing" } else { "" };
    out.say(format_args!(
        "Controller of installation {} for account {} in {}{endpoint}{mode}. The store is {}.",
        who.installation, who.account, who.region, who.store
    ))
}

/// Before a store's first act: a person, `--yes` or an endpoint override says
/// that this is the account that is meant. Nothing is bound or changed before.
async fn first_time(
    args: &RunArgs,
    config: &Config,
    store: &Arc<dyn Store>,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    let switch = Switch::shut(Clock::system(), ASKING);
    let clients = connect(config, switch.clone()).await?;
    if args.yes || clients.endpoint.is_some() {
        return Ok(());
    }
    introduce(config, store, clients, switch, out).await?;
    let at_terminal = std::io::stdin().is_terminal();
    agreed(args.yes, at_terminal, "start it with: sprout run --yes", out)
}

/// Says whose account this is and what would be done there.
async fn introduce(
    config: &Config,
    store: &Arc<dyn Store>,
    clients: Clients,
    switch: Arc<Switch>,
    out: &mut Out<'_>,
) -> anyhow::Result<()> {
    let mut controller = Controller::start(setup(config, store.clone(), clients, switch, true)?).await?;
    let who = controller.introduction().clone();
    let (_, plan) = controller.preview(Vec::new()).await?;
    out.say("No controller has ever acted on this store. From now on one would, with:")?;
    for (label, value) in [
        ("account", who.account.as_str()),
        ("region", &who.region),
        ("installation", &who.installation),
        ("bucket", &who.bucket),
        ("store", &who.store),
    ] {
        out.say(format_args!("  {label:<13} {value}"))?;
    }
    out.say(format_args!(
        "It would own environments that it makes itself, named {}… and tagged beansprout:binding, and no others.",
        config.prefix
    ))?;
    out.say(would_begin(&plan))?;
    Ok(())
}

fn would_begin(plan: &Plan) -> String {
    let launched = |name: &&crate::model::FeatureName| {
        plan.steps.get(*name).is_some_and(|step| matches!(step.action, Some(Action::Launch(..))))
    };
    let features = plan.report.features.len();
    let launches: Vec<String> =
        plan.report.features.keys().filter(launched).map(ToString::to_string).collect();
    match (features, launches.len()) {
        (0, _) => "There is no feature in the store yet.".to_owned(),
        (_, 0) => {
            format!("There is {} in the store; nothing is to be made at once.", count(features, "feature"))
        }
        (_, made) => {
            format!("It would begin by making {}: {}.", count(made, "environment"), launches.join(", "))
        }
    }
}
