//! The built-in cloud of `sprout dev`, with what the specifications need.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::super::cloud::connect;
use super::super::init::{Made, application_there};
use super::place::Place;
use super::{APPLICATION, DevArgs};
use crate::aws::{Clients, OpenGate};
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::emulator::{Emulator, Settings};
use crate::model::{ApplicationName, EnvironmentId, Feature, ImageReference, Located, is_ecr_host};
use crate::provider::Beanstalk;

const REGION: &str = "us-east-1";

/// The emulator, and a person's clients to it: they make what `sprout init`
/// would make.
pub(super) struct World {
    emulator: Emulator,
    endpoint: String,
    region: String,
    /// Before [`World::connect`] there are none.
    clients: Option<Clients>,
    applications: BTreeSet<ApplicationName>,
}

impl World {
    /// The world that is kept at this place, or a new one, and where it is to
    /// be served: at the port of the last time, or else at any free one.
    pub(super) async fn open(place: &Place, args: &DevArgs) -> anyhow::Result<(Self, TcpListener)> {
        let listener = listen(place).await.context("no port of 127.0.0.1 is free")?;
        let address = listener.local_addr().context("the listening socket has no address")?;
        place.keep_port(address.port());
        let settings = Settings {
            seed: Entropy::system().number(),
            start: Clock::system().now(),
            region: REGION.to_owned(),
            launch: args.launch,
            update: args.update,
            terminate: args.terminate,
            host: Some(address),
            ..Settings::default()
        };
        let emulator = Emulator::open(settings, &place.world())?;
        emulator.open_ports();
        let region = emulator.with(|world| world.region.clone());
        let endpoint = format!("http://{address}");
        let applications = BTreeSet::new();
        Ok((Self { emulator, endpoint, region, clients: None, applications }, listener))
    }

    pub(super) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn region(&self) -> &str {
        &self.region
    }

    pub(super) fn greeting(&self) -> String {
        let account = self.emulator.with(|world| world.account.clone());
        format!(
            "A built-in cloud runs at {}: account {account}, {}. Everything stays on this machine, in .sprout/.",
            self.endpoint, self.region
        )
    }

    /// Connects to the served world and makes what every controller needs.
    pub(super) async fn connect(&mut self, config: &Config) -> anyhow::Result<()> {
        let clients = connect(config, std::sync::Arc::new(OpenGate)).await?;
        Beanstalk::new(clients.clone()).storage_location().await?;
        application_there(&clients, &ApplicationName::from(APPLICATION), false).await?;
        self.applications.insert(ApplicationName::from(APPLICATION));
        self.clients = Some(clients);
        Ok(())
    }

    /// Makes the applications and the images that these features name and
    /// that are not there, and says so. Images of other registries are other
    /// people's.
    pub(super) async fn provide(&mut self, features: &[Located<Feature>]) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        for feature in features {
            let spec = &feature.value.spec;
            if let Some(application) = &spec.application
                && let Some(clients) = &self.clients
                && self.applications.insert(application.clone())
                && application_there(clients, application, false).await? == Made::Now
            {
                lines.push(format!("The cloud now has the application {application}."));
            }
            if let Some((repository, tag)) = spec.image.as_deref().and_then(|image| self.ours(image)) {
                let pushed = self.emulator.with(|world| {
                    let missing = world.registry.resolve(&repository, &tag).is_none();
                    let now = world.now();
                    missing.then(|| world.registry.seed_image(&repository, &tag, now))
                });
                if pushed.is_some() {
                    lines.push(format!(
                        "The registry now has {repository}:{tag}, because {} names it.",
                        feature.file
                    ));
                }
            }
        }
        Ok(lines)
    }

    /// The address of an environment by a port of its own.
    pub(super) fn door(&self, id: &EnvironmentId) -> Option<String> {
        self.emulator.with(|world| world.ports.as_ref()?.url_for(id.as_str()))
    }

    /// Repository and tag of an image of this world's registry.
    fn ours(&self, image: &str) -> Option<(String, String)> {
        let reference = ImageReference::parse(image).ok()?;
        let host = self.emulator.with(|world| world.registry.host());
        let ours = match &reference.registry {
            None => true,
            Some(registry) => is_ecr_host(registry).is_some() && *registry == host,
        };
        let tag = reference.tag?;
        ours.then_some((reference.repository, tag))
    }
}

async fn listen(place: &Place) -> std::io::Result<TcpListener> {
    if let Some(port) = place.port()
        && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
