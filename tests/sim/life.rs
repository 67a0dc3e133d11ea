//! A feature's life, from its row to gone, on paused time.

use std::time::Duration;

use beansprout::controller::Cadence;

use super::world::{Keep, Options, Sim, feature};

pub(super) async fn a_feature_comes_changes_expires_and_leaves_nothing(keep: Keep) {
    let cadence = Cadence { store: Duration::from_secs(5), ..Cadence::default() };
    let mut sim = Sim::new(Options { keep, cadence, ..Options::default() }).await;
    sim.push("login-41");
    sim.push("login-42");
    sim.run().await;
    sim.apply(feature("feature/login", "login-41", "2h")).await;
    sim.until_phase("feature/login", "Ready").await;
    let first = sim.live();
    assert_eq!(first.len(), 1, "{first:?}");

    sim.apply(feature("feature/login", "login-42", "2h")).await;
    sim.until_phase("feature/login", "Updating").await;
    sim.until_phase("feature/login", "Ready").await;
    let second = sim.live();
    assert_eq!((second.len(), &second[0].1), (1, &first[0].1), "the same environment");
    assert_ne!(second[0].2, first[0].2, "another version");

    sim.until(Duration::from_secs(3 * 3600), "Expired", async |sim: &Sim| {
        sim.phase("feature/login").await == "Expired"
    })
    .await;
    sim.until(Duration::from_secs(600), "nothing is left", async |sim: &Sim| {
        sim.live().is_empty() && sim.versions().is_empty() && sim.bundles().is_empty()
    })
    .await;
    assert_eq!(sim.calls("CreateEnvironment").len(), 1);
    assert_eq!(sim.calls("TerminateEnvironment").len(), 1);
    sim.stop().await;
}
