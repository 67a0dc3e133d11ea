//! Several controllers of one installation, each with a key and a clock of its own.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use beansprout::clock::Clock;
use beansprout::controller::Controller;
use beansprout::emulator::{Call, Outcome};
use beansprout::store::LeaseRow;
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use super::world::{Options, Sim};

/// Controllers by the key that they sign with.
pub(crate) struct Crew {
    sim: Sim,
    running: BTreeMap<String, (CancellationToken, tokio::task::JoinHandle<()>)>,
}

impl Deref for Crew {
    type Target = Sim;

    fn deref(&self) -> &Sim {
        &self.sim
    }
}

impl DerefMut for Crew {
    fn deref_mut(&mut self) -> &mut Sim {
        &mut self.sim
    }
}

impl Crew {
    /// A cloud with the image `v1`, and nobody who runs yet.
    pub(crate) async fn new(options: Options) -> Self {
        let sim = Sim::new(options).await;
        sim.push("v1");
        Self { sim, running: BTreeMap::new() }
    }

    /// Starts a controller of this name.
    pub(crate) async fn start(&mut self, name: &str) {
        self.start_ahead(name, SignedDuration::ZERO).await;
    }

    /// The same with a wall clock that is this far ahead of everybody else's.
    pub(crate) async fn start_ahead(&mut self, name: &str, ahead: SignedDuration) {
        let clock = Clock::starting_at(self.clock.now() + ahead);
        let setup = self.sim.setup(name, &clock).await;
        let controller = Controller::start(setup).await.unwrap();
        let stop = CancellationToken::new();
        let token = stop.clone();
        let task = tokio::spawn(async move { controller.run(token).await.unwrap() });
        assert!(self.running.insert(name.to_owned(), (stop, task)).is_none(), "{name} runs already");
    }

    /// Asks it to stop, as SIGTERM does; answers before it has.
    pub(crate) fn ask_to_stop(&mut self, name: &str) -> tokio::task::JoinHandle<()> {
        let (stop, task) = self.running.remove(name).expect("it runs");
        stop.cancel();
        task
    }

    /// Drops it in the middle of whatever it does, as a crash does.
    pub(crate) async fn kill(&mut self, name: &str) {
        let (_, task) = self.running.remove(name).expect("it runs");
        task.abort();
        let _ = task.await;
    }

    pub(crate) async fn lease(&self) -> LeaseRow {
        self.store.lease().await.unwrap().expect("somebody led")
    }

    /// Who leads, by name.
    pub(crate) async fn leader(&self) -> Option<String> {
        let holder = self.store.lease().await.unwrap()?.holder?;
        holder.rsplit_once('-').map(|(name, _)| name.to_owned())
    }

    /// Waits until somebody of this name leads; answers how long that took, by a look each few milliseconds.
    pub(crate) async fn until_led_by(&self, name: &str, within: Duration) -> Duration {
        let began = tokio::time::Instant::now();
        while self.leader().await.as_deref() != Some(name) {
            let waited = began.elapsed();
            assert!(waited <= within, "{name} does not lead after {waited:?}: {:?}", self.lease().await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        began.elapsed()
    }

    /// Calls on environments that were applied, whoever made them.
    pub(crate) fn changes(&self) -> Vec<Call> {
        let changes = ["CreateEnvironment", "UpdateEnvironment", "TerminateEnvironment"];
        let mut calls = self.emulator.calls();
        calls.retain(|call| changes.contains(&call.operation.as_str()) && call.outcome == Outcome::Applied);
        calls
    }

    /// Applied calls of one operation.
    pub(crate) fn applied(&self, operation: &str) -> Vec<Call> {
        let mut calls = self.changes();
        calls.retain(|call| call.operation == operation);
        calls
    }
}
