//! `sprout dev`: the whole product on this machine, without AWS. Its world,
//! its store and its controller live in `.sprout/`, and nothing is read from
//! outside: no profile, no metadata service, no settings file.

mod narrator;
mod place;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cloud::{connect, open_store, setup};
use super::emulator::read_time;
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use super::signals::until_signal;
use crate::aws::{Rate, Rates};
use crate::clock::Clock;
use crate::config::{Config, DevWorld};
use crate::controller::{Cadence, Controller, Switch};
use crate::gitops::folder::Folder;
use crate::model::{ApplicationName, EnvironmentId, FeatureName};
use crate::plan::Guards;
use crate::store::{Access, Store};
use narrator::Narrator;
use place::Place;
use world::World;

/// The application of specifications that name none.
const APPLICATION: &str = "shop";
/// How often people are told what happened.
const TELL: Duration = Duration::from_millis(250);
/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Run everything on this machine, without AWS: built-in cloud, store, controller, specs/
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DevArgs {
    /// Folder of specifications that is followed
    #[arg(long, value_name = "FOLDER", default_value = "specs")]
    specs: PathBuf,
    /// How long an environment takes to be made
    #[arg(long, value_name = "TIME", default_value = "8s", value_parser = read_time)]
    launch: Duration,
    /// How long a deployment or a change of settings takes
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = read_time)]
    update: Duration,
    /// How long an environment takes to be taken down
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = read_time)]
    terminate: Duration,
}

/// Runs until a signal ends it; the world is kept for the next start.
pub(super) async fn run(args: DevArgs, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let place = Place::take(Path::new(""))?;
    let ended = until_signal(|stop| work(&args, &place, out, stop)).await;
    match ended.context("signals cannot be listened to")? {
        Some(ended) => ended.map(|()| ExitStatus::Done),
        None => Err(Stop::outside("stopped at once; the next start finds what was under way")),
    }
}

/// The settings of everything that runs here: short pauses and a short grace,
/// so that a person can watch; the guards' numbers are the usual ones.
fn config(world: DevWorld) -> Config {
    let usual = Config::default();
    let fast = Rate { per_second: 20.0, burst: 40 };
    Config {
        store: world.store.clone(),
        dev: Some(world),
        application: Some(ApplicationName::from(APPLICATION)),
        guards: Guards { grace: SignedDuration::from_secs(10), ..usual.guards.clone() },
        cadence: Cadence {
            busy: Duration::from_secs(1),
            calm: Duration::from_secs(2),
            idle: Duration::from_secs(5),
            images: Duration::from_secs(5),
            ..usual.cadence
        },
        rates: Rates { beanstalk: fast, others: fast, ..Rates::default() },
        lease: SignedDuration::from_secs(5),
        ..usual
    }
}

async fn work(
    args: &DevArgs,
    place: &Place,
    out: &mut Out<'_>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (mut world, listener) = World::open(place, args).await?;
    let closing = CancellationToken::new();
    let (emulator, closed) = (world.emulator().clone(), closing.clone());
    let serving = tokio::spawn(async move { emulator.serve(listener, closed).await });
    let announced = DevWorld {
        store: place.store(),
        endpoint: world.endpoint().to_owned(),
        region: world.region().to_owned(),
        pid: std::process::id(),
    };
    let config = config(announced.clone());
    let store = open_store(&config, Access::Ensure).await?;
    // Such as after the folder was moved: then its other copy may be in use.
    if let Some(hold) = store.hold().await? {
        let place = &config.store;
        return Err(Stop::refused(format!("{hold} (here: sprout store claim --store {place})")));
    }
    out.print(world.greeting())?;
    world.connect(&config).await?;
    let mut day = Day {
        folder: Folder::new(&args.specs, Clock::system()),
        narrator: Narrator::new(store.as_ref()).await?,
        store: store.clone(),
        world,
    };
    let first = day.look(out).await?;
    let switch = Switch::new(Clock::system());
    let clients = connect(&config, switch.clone()).await?;
    let setup = setup(&config, store, clients, switch, false)?;
    day.narrator.expect(&setup.holder);
    let controller = Controller::start(setup).await?;
    place.announce(&announced)?;
    guide(args, &announced, first.as_ref(), out)?;
    let turning = tokio::spawn(controller.run(stop.clone()));
    let told = day.go_on(out, &stop).await;
    // Whatever ended the day ends the controller, and that before its world.
    stop.cancel();
    let turned = turning.await.context("the controller fell over")?;
    closing.cancel();
    let served = serving.await.context("the built-in cloud fell over")?;
    told?;
    turned?;
    served.context("the world cannot be kept")?;
    out.print("Stopped. The world stays in .sprout/, and the next start goes on from here.")?;
    Ok(())
}

/// What is looked after while everything runs.
struct Day {
    folder: Folder,
    narrator: Narrator,
    store: Arc<dyn Store>,
    world: World,
}

impl Day {
    /// Follows the folder and tells what happens until told to stop.
    async fn go_on(&mut self, out: &mut Out<'_>, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(TELL) => {}
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look(out).await?;
            }
            let door = |id: &EnvironmentId| self.world.door(id);
            for line in self.narrator.news(self.store.as_ref(), door).await? {
                out.print(line)?;
            }
        }
    }

    /// Looks at the folder once. The images that are named come first: a
    /// controller that asks for them a moment later finds them. Answers some
    /// feature's name.
    async fn look(&mut self, out: &mut Out<'_>) -> anyhow::Result<Option<FeatureName>> {
        let reading = self.folder.read();
        let first = reading.features.first().map(|feature| feature.value.metadata.name.clone());
        if !self.folder.is_news(&reading) {
            return Ok(first);
        }
        for line in self.world.provide(&reading.features).await? {
            out.print(line)?;
        }
        for news in self.folder.carry_out(&reading, self.store.as_ref()).await? {
            out.print(news)?;
        }
        Ok(first)
    }
}

/// What one can do from here.
fn guide(
    args: &DevArgs,
    world: &DevWorld,
    feature: Option<&FeatureName>,
    out: &mut Out<'_>,
) -> std::io::Result<()> {
    let typed = std::env::args().next().unwrap_or_default();
    let sprout = if typed.is_empty() { "sprout" } else { &typed };
    let specs = args.specs.display();
    match feature {
        Some(name) => {
            out.print(format_args!(
                "\nEdit, add or remove files in {specs}/ and watch. Worth trying in a second terminal, in this folder:"
            ))?;
            out.print(format_args!("  {sprout} get"))?;
            out.print(format_args!("  {sprout} describe {name}"))?;
            out.print(format_args!("  {sprout} extend {name} 2d"))?;
        }
        None => out.print(format_args!(
            "\nThere is no feature in {specs}/ yet. Write one into {specs}/login.yaml, such as:\n\n\
             apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata: {{name: feature/login}}\n\
             spec: {{application: {APPLICATION}, image: shop-web:login-1}}"
        ))?,
    }
    out.print(format_args!(
        "The AWS CLI sees the same world with: --endpoint-url {} --region {}\n",
        world.endpoint, world.region
    ))
}
