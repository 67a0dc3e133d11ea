//! What environments answer to those who visit them: found by Host name, or by a port of their own.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};

use super::pages::{self, PageFacts, Ports};
use super::world::World;
use super::{Emulator, lock};

impl World {
    /// All that the page of an environment says; none for one that is not there or Terminated.
    pub fn facts(&self, id: &str) -> Option<PageFacts> {
        let environment = self.environments.get(id).filter(|environment| environment.is_live())?;
        let label = environment.shown.label.as_deref();
        let bundle = label.and_then(|label| self.bundle(&environment.application, label));
        let variables: Vec<(&str, &str)> = environment.settings.variables().collect();
        let feature = variables.iter().find(|(name, _)| *name == "SPROUT_FEATURE");
        Some(PageFacts {
            feature: feature.map(|(_, value)| (*value).to_owned()),
            feature_tag: environment.tags.get("beansprout:feature").cloned(),
            application: environment.application.clone(),
            environment: environment.name.clone(),
            id: environment.id.clone(),
            status: environment.shown.status.as_str().to_owned(),
            health: environment.shown.health.colour().to_owned(),
            version: environment.shown.label.clone(),
            images: bundle.map(|bundle| pages::images_of(&bundle, &self.registry)).unwrap_or_default(),
            variables: variables.iter().map(|(name, _)| (*name).to_owned()).collect(),
            deployed_at: environment.deployed,
        })
    }

    /// The environment whose CNAME a Host header names: its first label or labels are the prefix.
    fn visited(&self, host: &str) -> Option<&str> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_lowercase();
        let aws = format!(".{}.elasticbeanstalk.com", self.settings.region);
        let prefix = name.strip_suffix(".localhost").or_else(|| name.strip_suffix(&aws))?;
        self.prefixes.get(prefix).map(String::as_str)
    }
}

impl Emulator {
    /// A request that nobody signed is a visit to an environment.
    pub(crate) fn visit(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let header = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = header.or_else(|| request.uri().host()).unwrap_or_default();
        let json = pages::wants_json(request.uri().path(), request.headers());
        let inside = self.lock();
        let world = &inside.world;
        let mut response = match world.visited(host).and_then(|id| world.facts(id)) {
            Some(facts) => pages::render(&facts, json),
            None => pages::nobody(host, json),
        };
        if let Ok(date) = world.http_date().parse() {
            response.headers_mut().insert(http::header::DATE, date);
        }
        response
    }

    /// From now on each environment answers at a port of its own too, shown as its EndpointURL and opened when that
    /// is first shown; fifty at most, the rest keep the address by name. For systems that resolve no `*.localhost`.
    pub fn open_ports(&self) {
        let inside = Arc::downgrade(&self.inner.inside);
        let ports = Ports::new(move |id| {
            let inside = inside.upgrade()?;
            let inside = lock(&inside);
            inside.world.facts(id)
        });
        self.lock().world.ports = Some(ports);
    }
}
