//! From settings to a controller that knows who it is.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::{Cadence, Controller, Switch, Vitals};
use crate::act::Actor;
use crate::aws::Clients;
use crate::clock::{Clock, Entropy};
use crate::model::{Home, StoreId};
use crate::observe::Observer;
use crate::plan::Policy;
use crate::store::{Batch, Hold, Store, StoreError, Write};

/// The store's document with the name of the bucket that `sprout init` was
/// given by CreateStorageLocation, as a JSON string. Without it the name that
/// Beanstalk uses by convention is taken.
pub const BUCKET_DOCUMENT: &str = "bucket";

/// Everything that a controller is made of.
pub struct Setup {
    /// The desired-state store.
    pub store: Arc<dyn Store>,
    /// AWS, built with [`Setup::switch`] as its gate.
    pub clients: Clients,
    /// What the planner may do.
    pub policy: Policy,
    /// The platform as configured: a stack's name, an ARN or a branch.
    pub platform: String,
    /// The bucket of bundles, where one is configured.
    pub bucket: Option<String>,
    /// The installation's name, where one is configured.
    pub installation: Option<String>,
    /// Who holds the lease: unique for each process.
    pub holder: String,
    /// Local time.
    pub clock: Clock,
    /// For names that are minted.
    pub entropy: Entropy,
    /// How often to look.
    pub cadence: Cadence,
    /// How long the lease lasts without renewal.
    pub lease: SignedDuration,
    /// Whether nothing is ever changed, in the cloud or in the store.
    pub read_only: bool,
    /// What mutating calls must pass.
    pub switch: Arc<Switch>,
}

/// Who a controller is, for the question before its first act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The store's place.
    pub store: String,
    /// The store's id.
    pub store_id: StoreId,
    /// Account, or the endpoint where STS does not answer.
    pub account: String,
    /// Region.
    pub region: String,
    /// Installation.
    pub installation: String,
    /// The bucket of bundles.
    pub bucket: String,
    /// The endpoint, where one is set instead of AWS's own.
    pub endpoint: Option<String>,
    /// Whether a controller ever acted on this store.
    pub acted: bool,
    /// Why the store is read-only as it stands, if it is: the controller
    /// waits until it is claimed.
    pub hold: Option<Hold>,
}

/// Why there is no controller.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The store did not answer, or belongs to somebody else.
    #[error("the store cannot be used by this controller")]
    Store(#[from] StoreError),
    /// The store is another one than the one that this process started on.
    #[error("the store at {place} was store {before} and is now store {now}; start again")]
    Exchanged {
        /// Where it is.
        place: String,
        /// Its id at the start.
        before: StoreId,
        /// Its id now.
        now: StoreId,
    },
    /// Nobody says whose account this is.
    #[error("AWS does not say whose account this is: {0}. Check the credentials and the region")]
    Account(String),
}

impl Controller {
    /// Waits until the store may be written to, and takes possession of it;
    /// `false` when told to stop before. A store that lies elsewhere than it
    /// is bound to may be a copy of one that another controller acts on, so
    /// that meanwhile neither a lease is asked for nor a call made.
    pub(super) async fn take_possession(&self, stop: &CancellationToken) -> Result<bool, ControllerError> {
        let mut told = false;
        loop {
            self.vitals.moved();
            match self.store.hold().await {
                Ok(None) => break,
                Ok(Some(hold)) if !told => {
                    tracing::warn!(%hold, "the store is read-only as it stands; waiting until it is claimed");
                    told = true;
                }
                Ok(Some(_)) => {}
                Err(error) if told => tracing::warn!(%error, "the store did not answer"),
                Err(error) => return Err(error.into()),
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(false),
                () = tokio::time::sleep(self.cadence.store) => {}
            }
        }
        let Introduction { store_id, account, region, installation, .. } = &self.introduction;
        let now = self.store.bind(account, region, installation).await?;
        if now.store != *store_id {
            let (place, before) = (self.store.place(), store_id.clone());
            return Err(ControllerError::Exchanged { place, before, now: now.store });
        }
        if told {
            tracing::info!("the store may be written to; going on");
        }
        if !now.acted {
            self.store.commit(Batch { fence: None, writes: vec![Write::MarkActed] }).await?;
        }
        Ok(true)
    }

    /// Reads who we are, binds the store to it, and stands ready. Nothing is
    /// changed in the cloud.
    pub async fn start(setup: Setup) -> Result<Controller, ControllerError> {
        let region = setup.clients.region.clone();
        let endpoint = setup.clients.endpoint.clone();
        let caller = setup.clients.caller().await;
        let (account, told) = match (caller, &endpoint) {
            (Ok(caller), _) => (Some(caller.value.account.clone()), caller.value.account),
            // An emulator without STS is known by where it is.
            (Err(error), Some(endpoint)) => {
                tracing::warn!(%error, "STS does not answer; the endpoint stands for the account");
                (None, endpoint.clone())
            }
            (Err(error), None) => return Err(ControllerError::Account(error.to_string())),
        };
        let identity = setup.store.identity().await?;
        let installation =
            setup.installation.or(identity.installation.clone()).unwrap_or_else(|| minted(&identity.store));
        let identity = if setup.read_only && identity.account.is_none() {
            identity
        } else {
            match setup.store.bind(&told, &region, &installation).await {
                // Bound before the first turn, when it is claimed.
                Err(StoreError::Held(_)) => identity,
                bound => bound?,
            }
        };
        let hold = setup.store.hold().await?;
        let kept = setup.store.document(BUCKET_DOCUMENT).await?;
        let kept = kept.and_then(|document| serde_json::from_str::<String>(&document.body).ok());
        let bucket = setup.bucket.or(kept).unwrap_or_else(|| match &account {
            Some(account) => format!("elasticbeanstalk-{region}-{account}"),
            None => format!("elasticbeanstalk-{region}-beansprout"),
        });
        let home = Home {
            store: identity.store.clone(),
            installation: installation.clone(),
            account: account.clone(),
            region: region.clone(),
            bucket: bucket.clone(),
        };
        let introduction = Introduction {
            store: setup.store.place(),
            store_id: identity.store,
            account: told,
            region,
            installation,
            bucket,
            endpoint,
            acted: identity.acted,
            hold,
        };
        let vitals = Vitals::new(setup.clock.clone());
        Ok(Controller {
            observer: Observer::new(
                setup.clients.clone(),
                home,
                setup.platform,
                setup.cadence.images,
                setup.clock.clone(),
            ),
            budget: setup.clients.budget.clone(),
            actor: Actor::new(
                setup.clients,
                account,
                setup.store.clone(),
                setup.clock.clone(),
                setup.switch.clone(),
            ),
            store: setup.store,
            policy: setup.policy,
            cadence: setup.cadence,
            clock: setup.clock,
            switch: setup.switch,
            holder: setup.holder,
            lease: setup.lease,
            read_only: setup.read_only,
            introduction,
            vitals,
        })
    }
}

/// The installation's name where nobody gives one. It follows from the store,
/// so that controllers that start at once on a new one say the same.
fn minted(store: &StoreId) -> String {
    format!("sprout-{}", store.as_str().chars().take(6).collect::<String>())
}
