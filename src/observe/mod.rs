//! Reads everything into one snapshot: live state first, desired state
//! second, and then exactly what the planner will want to know. In this order
//! nothing that was made meanwhile can look like an orphan.

mod answers;
mod entries;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::aws::Clients;
use crate::clock::Clock;
use crate::model::{Answer, Environment, EnvironmentId, Feature, GuardLedger, Home, Snapshot};
use crate::plan::{Policy, Questions, questions};
use crate::provider::{Beanstalk, Registry, RegistryHome};
use crate::status::{GUARDS_DOCUMENT, ORPHANS_DOCUMENT, PAUSE_DOCUMENT, Pause};
use crate::store::{Rows, Store, StoreError};

use answers::{Memory, TagQuestions};

/// What one observation brought.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The planner's input.
    pub snapshot: Snapshot,
    /// The store's rows that it was made from.
    pub rows: std::sync::Arc<Rows>,
    /// Whether something of ours is under way.
    pub under_way: bool,
}

/// How the controller leads that observes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lead {
    /// The epoch that a plan may be carried out under.
    pub epoch: Option<u64>,
    /// After a take-over: how much longer nothing may be destroyed, seen from
    /// before the listing.
    pub quiet: Option<Duration>,
}

/// Why there is no snapshot. Gaps in the cloud's answers are part of a
/// snapshot; only the store's silence leaves nothing to decide on.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The store did not answer.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
    /// A document that decisions rest on cannot be read.
    #[error("the store's document {name:?} cannot be read; nothing is decided without it")]
    Document {
        /// Which.
        name: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads; and remembers answers that need not be asked for each turn.
#[derive(Debug)]
pub struct Observer {
    beanstalk: Beanstalk,
    registry: Registry,
    home: Home,
    platform: String,
    clock: Clock,
    memory: Memory,
    /// Local clock minus AWS time, as last seen.
    skew: SignedDuration,
    /// The end of the quiet after a take-over, by its epoch: told once, in AWS
    /// time, so that it does not wander with each look.
    quiet: Option<(u64, Timestamp)>,
}

impl Observer {
    /// An observer of one account and region. `images` is how often an image
    /// reference is looked up again.
    pub fn new(clients: Clients, home: Home, platform: String, images: Duration, clock: Clock) -> Self {
        let registry_home = RegistryHome { account: home.account.clone(), region: home.region.clone() };
        Self {
            beanstalk: Beanstalk::new(clients.clone()),
            registry: Registry::new(clients, registry_home),
            home,
            platform,
            memory: Memory::new(images),
            clock,
            skew: SignedDuration::ZERO,
            quiet: None,
        }
    }

    /// Who this installation is.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// One snapshot. `overlay` are specifications that are looked at as if
    /// they stood in the store already, for `sprout diff`.
    pub async fn observe(
        &mut self,
        store: &dyn Store,
        policy: &Policy,
        lead: Lead,
        overlay: &[Feature],
    ) -> Result<Observed, ObserveError> {
        let (fleet, now) = self.fleet().await;
        let rows = store.load().await?;
        let guards: GuardLedger = document(&rows, GUARDS_DOCUMENT)?.unwrap_or_default();
        let pause: Option<Pause> = document(&rows, PAUSE_DOCUMENT)?;
        let orphans = document(&rows, ORPHANS_DOCUMENT)?.unwrap_or_default();
        let features = entries::entries(&rows, overlay);
        let asked = questions(&self.home.store, policy, &features, &orphans, fleet.known());
        let mut snapshot = Snapshot {
            now,
            skew: self.skew,
            home: self.home.clone(),
            epoch: lead.epoch,
            quiet: self.quiet(lead, now),
            fleet,
            features,
            images: BTreeMap::new(),
            bindings: BTreeMap::new(),
            tags: BTreeMap::new(),
            missing: BTreeMap::new(),
            options: BTreeMap::new(),
            events: Answer::Known(Vec::new()),
            addresses: BTreeMap::new(),
            platform: Answer::Gap("the platform is not looked up yet".to_owned()),
            orphans,
            guards,
            paused: pause.map(|pause| pause.sentence()),
        };
        self.answer(&asked, &mut snapshot).await;
        Ok(Observed { snapshot, rows, under_way: asked.under_way })
    }

    fn quiet(&mut self, lead: Lead, now: Timestamp) -> Option<Timestamp> {
        let (epoch, left) = (lead.epoch?, lead.quiet?);
        match self.quiet {
            Some((known, until)) if known == epoch => Some(until),
            _ => {
                let until = now.checked_add(left).unwrap_or(Timestamp::MAX);
                self.quiet = Some((epoch, until));
                Some(until)
            }
        }
    }

    /// The one listing of a turn, and AWS time.
    async fn fleet(&mut self) -> (Answer<BTreeMap<EnvironmentId, Environment>>, Timestamp) {
        match self.beanstalk.listing().await {
            Ok(listing) => {
                let local = self.clock.now();
                let now = listing.date.unwrap_or(local - self.skew);
                self.skew = local.duration_since(now);
                (Answer::Known(listing.value.environments), now)
            }
            Err(error) => (Answer::Gap(error.to_string()), self.clock.now() - self.skew),
        }
    }

    /// Answers the planner's questions, each from memory where that is fresh
    /// enough.
    async fn answer(&mut self, asked: &Questions, snapshot: &mut Snapshot) {
        let at = self.clock.monotonic();
        snapshot.images = self.memory.images(&self.registry, &asked.images, at).await;
        if asked.platform {
            snapshot.platform = self.memory.platform(&self.beanstalk, &self.platform, at).await;
        }
        if snapshot.fleet.known().is_none() {
            return;
        }
        let arns =
            |ids: &BTreeSet<EnvironmentId>, snapshot: &Snapshot| -> BTreeMap<EnvironmentId, Option<String>> {
                let known = snapshot.fleet.known();
                ids.iter().map(|id| (id.clone(), known.and_then(|all| all.get(id)?.arn.clone()))).collect()
            };
        let questions = TagQuestions {
            unproven: arns(&asked.bindings, snapshot),
            urgent: arns(&asked.tags, snapshot),
            curious: arns(&asked.strangers, snapshot),
        };
        snapshot.tags = self.memory.tags(&self.beanstalk, &questions, at).await;
        snapshot.bindings =
            snapshot.tags.iter().map(|(id, tags)| (id.clone(), answers::binding_of(tags))).collect();
        snapshot.missing = answers::missing(&self.beanstalk, &asked.missing).await;
        snapshot.options = answers::options(&self.beanstalk, &asked.options).await;
        let ready = asked
            .addresses
            .iter()
            .filter(|(_, image)| answers::is_there(&snapshot.images, image.as_deref()))
            .map(|(prefix, _)| prefix.clone())
            .collect();
        snapshot.addresses = self.memory.addresses(&self.beanstalk, &ready, at).await;
        if let Some(since) = asked.events_since {
            snapshot.events = match self.beanstalk.events_since(since).await {
                Ok(events) => Answer::Known(events),
                Err(error) => Answer::Gap(error.to_string()),
            };
        }
    }
}

/// A document that decisions rest on; an empty one (`null`) says the same as
/// none, because documents are written and never removed.
fn document<T: serde::de::DeserializeOwned>(
    rows: &Rows,
    name: &'static str,
) -> Result<Option<T>, ObserveError> {
    rows.documents
        .get(name)
        .map(|document| serde_json::from_str::<Option<T>>(&document.body))
        .transpose()
        .map(Option::flatten)
        .map_err(|source| ObserveError::Document { name, source })
}
