//! The main life under every reading of what nobody verified (docs/beanstalk.md, "What nobody verified").

use std::time::Duration;

use beansprout::emulator::Readings;
use beansprout::emulator::environment::Environment;

use super::deploys::runs;
use super::{HOUR, Trap, options};
use crate::sim::world::{Sim, feature};

/// Each switch with all its values.
const SWITCHES: [(&str, &[&str]); 18] = [
    ("namesake", &["taken", "free"]),
    ("terminate-again", &["refused", "accepted"]),
    ("failed-launch", &["red", "grey", "terminated"]),
    ("failed-update", &["green", "red", "grey"]),
    ("failed-terminate", &["grey", "red", "green"]),
    ("same-label", &["runs", "short", "refused"]),
    ("empty-update", &["short", "runs", "refused"]),
    ("version-with-settings", &["true", "false"]),
    ("tags-in-progress", &["true", "false"]),
    ("lingers", &["true", "false"]),
    ("hides-fresh", &["true", "false"]),
    ("delete-missing-version", &["true", "false"]),
    ("early-cname", &["true", "false"]),
    ("open-platform-arn", &["true", "false"]),
    ("grey-updates", &["true", "false"]),
    ("basic-health", &["true", "false"]),
    ("platforms-combination", &["true", "false"]),
    ("order", &["id", "newest"]),
];

/// Create, update, failed deployment, revert, a failed launch, healing, a failed termination, the end.
async fn life(what: &str, readings: Readings) {
    let mut with = options();
    with.settings.readings = readings;
    with.settings.launch = Duration::from_secs(200);
    let trap = Trap::given_with(with).await;
    trap.push("broken-1");
    trap.apply(feature("feature/login", "login-41", "4h")).await;
    trap.apply(feature("feature/broken", "broken-1", "9h")).await;
    trap.until_phase("feature/login", "Ready").await;
    let mut second = feature("feature/login", "login-42", "4h");
    second.spec.instance_type = Some("t3.small".to_owned());
    trap.apply(second).await;
    trap.expect(what, async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.apply(feature("feature/login", "broken-1", "4h")).await;
    trap.until_phase("feature/login", "Failed").await;
    trap.apply(feature("feature/login", "login-42", "4h")).await;
    trap.expect(what, async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.until_phase("feature/broken", "Failed").await;
    assert!(trap.status("feature/broken").await.unwrap().deployed.is_none(), "{what}");
    trap.apply(feature("feature/broken", "login-41", "9h")).await;
    trap.expect(what, async |sim: &Sim| runs(sim, "feature/broken", "login-41").await).await;

    let gone = trap.environment_of("feature/broken").await.id;
    trap.hand_terminates(&gone).await;
    trap.expect(what, async |sim: &Sim| {
        let other = sim.live().iter().all(|(_, id, _)| *id != gone);
        other && runs(sim, "feature/broken", "login-41").await
    })
    .await;
    trap.aws(|world| {
        world.breakages.push(beansprout::emulator::world::Breakage {
            stage: beansprout::emulator::world::Stage::Terminate,
            matching: "f-feature-login".to_owned(),
            times: Some(1),
        });
    });
    trap.until(6 * HOUR, what, async |sim: &Sim| sim.phase("feature/login").await == "Expired").await;
    trap.delete("feature/broken").await;
    trap.expect(what, async |sim: &Sim| {
        sim.live().is_empty() && sim.versions().is_empty() && sim.bundles().is_empty()
    })
    .await;
    let lives = |name: &str| {
        let count = |environment: &&Environment| environment.name.contains(name);
        trap.aws(|world| world.environments.values().filter(count).count())
    };
    assert_eq!(lives("login"), 1, "{what}: one environment for the whole life");
    assert!(lives("broken") <= 5, "{what}");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_main_life_is_the_same_under_every_reading_of_every_switch() {
    for (switch, values) in SWITCHES {
        for value in values.iter().skip(usize::from(switch != "order")) {
            let readings = Readings::default().with(switch, value).unwrap();
            life(&format!("{switch} {value}"), readings).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_main_life_is_the_same_under_readings_drawn_together() {
    for seed in 0..8 {
        life(&format!("readings of seed {seed}"), Readings::drawn(seed)).await;
    }
}
