//! From settings to AWS clients and a controller.

use std::sync::Arc;

use crate::aws::{Budget, Clients, Connection, Gate, OpenGate, Origin};
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::controller::{Setup, Switch};
use crate::store::{Access, Store, StoreError, open};

/// The access key id that everything of `sprout dev` signs with.
pub(super) const DEV_KEY: &str = "sprout-dev";

/// Clients for the account of these settings: that of the AWS environment, or
/// the world of the `sprout dev` whose store is in use.
pub(super) async fn connect(config: &Config, gate: Arc<dyn Gate>) -> anyhow::Result<Clients> {
    Ok(Clients::connect(connection(config, gate)).await?)
}

/// The store of these settings. Tables are in the same account; their writes
/// guard themselves, so no gate stands before them.
pub(super) async fn open_store(config: &Config, access: Access) -> Result<Arc<dyn Store>, StoreError> {
    open(&config.store, access, &Entropy::system(), &connection(config, Arc::new(OpenGate))).await
}

/// How to connect by these settings.
pub(super) fn connection(config: &Config, gate: Arc<dyn Gate>) -> Connection {
    let origin = match &config.dev {
        None => Origin::Environment,
        Some(dev) => Origin::Fixed {
            endpoint: dev.endpoint.clone(),
            region: dev.region.clone(),
            access_key: DEV_KEY.to_owned(),
        },
    };
    let budget = Budget::new(config.rates, Entropy::system());
    Connection { origin, gate, budget, clock: Clock::system() }
}

/// What a controller is made of by these settings. `switch` is the gate that
/// the clients were built with; a read-only controller never passes it.
pub(super) fn setup(
    config: &Config,
    store: Arc<dyn Store>,
    clients: Clients,
    switch: Arc<Switch>,
    read_only: bool,
) -> anyhow::Result<Setup> {
    let entropy = Entropy::system();
    Ok(Setup {
        store,
        clients,
        policy: config.policy()?,
        platform: config.platform.clone(),
        bucket: config.bucket.clone(),
        installation: config.installation.clone(),
        holder: holder(&entropy),
        clock: Clock::system(),
        entropy,
        cadence: config.cadence,
        lease: config.lease,
        read_only,
        switch,
    })
}

/// A name for this process that no other has, and that a person can find it
/// by: machine, process, a random word.
pub(super) fn holder(entropy: &Entropy) -> String {
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "machine".to_owned());
    format!("{machine}/{}/{}", std::process::id(), entropy.word(6))
}
