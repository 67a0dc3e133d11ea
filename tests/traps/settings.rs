//! Settings: first, confirmed, and only ours.

use beansprout::emulator::world::Stage;
use beansprout::model::{Feature, Setting, Variable};

use super::deploys::{breakage, runs};
use super::{HOUR, Trap};
use crate::sim::world::{Sim, feature};

const VARIABLES: &str = "aws:elasticbeanstalk:application:environment";

fn with_variables(tag: &str, variables: &[(&str, &str)]) -> Feature {
    let mut wanted = feature("feature/login", tag, "2d");
    let variables =
        variables.iter().map(|(name, value)| ((*name).to_owned(), Variable::Text((*value).to_owned())));
    wanted.spec.variables = variables.collect();
    wanted
}

#[tokio::test(start_paused = true)]
async fn settings_go_first_and_the_label_follows() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let first = trap.environment_of("feature/login").await;
    trap.apply(with_variables("login-42", &[("VERSION", "1.10")])).await;
    trap.expect("both are there", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    let updates = trap.calls("UpdateEnvironment");
    assert_eq!(updates.len(), 2);
    assert!(updates[0].params.keys().any(|key| key.starts_with("OptionSettings")), "{:?}", updates[0]);
    assert!(updates[1].params.contains_key("VersionLabel"), "{:?}", updates[1]);
    let set = |call: &beansprout::emulator::Call| {
        call.params.iter().filter(|(key, _)| key.ends_with("OptionName")).count()
    };
    assert_eq!(set(&updates[0]), 1, "differences alone");
    let last = trap.environment_of("feature/login").await;
    assert_eq!(last.setting(VARIABLES, "VERSION"), Some("1.10"));
    assert_eq!(last.id, first.id);
    trap.expect_no_call(HOUR).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_change_of_settings_alone_ends_with_a_new_label() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let first = trap.environment_of("feature/login").await.shown.label;
    trap.apply(with_variables("login-41", &[("FLAGS", "on")])).await;
    trap.expect("the flag is there under a new label", async |sim: &Sim| {
        let live = sim.live();
        runs(sim, "feature/login", "login-41").await && live[0].2 != first
    })
    .await;
    assert_eq!(trap.environment_of("feature/login").await.setting(VARIABLES, "FLAGS"), Some("on"));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_we_once_set_is_removed_and_what_others_set_stays() {
    let trap = Trap::given().await;
    let mut wanted = with_variables("login-41", &[("FLAGS", "on"), ("KEEP", "1")]);
    wanted.spec.settings = vec![Setting {
        namespace: "aws:autoscaling:asg".to_owned(),
        option: "MaxSize".to_owned(),
        value: "1".to_owned(),
    }];
    trap.apply(wanted).await;
    trap.until_phase("feature/login", "Ready").await;
    let id = trap.environment_of("feature/login").await.id;
    assert_eq!(
        trap.environment_of("feature/login").await.setting("aws:autoscaling:asg", "MaxSize"),
        Some("1")
    );
    let other = aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting::builder()
        .namespace(VARIABLES)
        .option_name("THEIRS")
        .value("2")
        .build();
    let hand = trap.hand().await;
    hand.beanstalk.update_environment().environment_id(&id).option_settings(other).send().await.unwrap();
    trap.turn(super::MINUTE * 5).await;

    trap.apply(with_variables("login-41", &[("KEEP", "1")])).await;
    trap.expect("ours are gone", async |sim: &Sim| {
        let gone = sim.emulator.with(|world| world.environments[&id].setting(VARIABLES, "FLAGS").is_none());
        gone && runs(sim, "feature/login", "login-41").await
    })
    .await;
    let last = trap.environment_of("feature/login").await;
    assert_eq!(last.setting("aws:autoscaling:asg", "MaxSize"), None);
    assert_eq!((last.setting(VARIABLES, "KEEP"), last.setting(VARIABLES, "THEIRS")), (Some("1"), Some("2")));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn settings_that_fail_are_reverted_told_and_tried_three_times() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.aws(|world| world.breakages.push(breakage(Stage::Configure, "f-")));
    trap.apply(with_variables("login-42", &[("FLAGS", "on")])).await;
    trap.until_phase("feature/login", "Failed").await;
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.happened.contains("settings"), "{status:?}");
    assert_eq!(trap.applied("UpdateEnvironment"), 3);
    trap.expect_no_call(HOUR).await;
    trap.aws(|world| world.breakages.clear());

    trap.apply(with_variables("login-41", &[])).await;
    trap.expect("back to the old", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    assert_eq!(trap.environment_of("feature/login").await.setting(VARIABLES, "FLAGS"), None);
    trap.apply(with_variables("login-42", &[("FLAGS", "on")])).await;
    trap.expect("and on to the new", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.environment_of("feature/login").await.setting(VARIABLES, "FLAGS"), Some("on"));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_fails_is_not_taken_for_done() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.apply(with_variables("login-41", &[("FLAGS", "on")])).await;
    let id = trap.environment_of("feature/login").await.id;
    trap.expect("the flag is there", async |sim: &Sim| {
        let flag = sim.emulator.with(|world| world.environments[&id].setting(VARIABLES, "FLAGS").is_some());
        flag && runs(sim, "feature/login", "login-41").await
    })
    .await;

    // Nothing is set, so all that is wanted is shown, whatever became of the update.
    trap.aws(|world| world.breakages.push(breakage(Stage::Configure, "f-")));
    trap.apply(with_variables("login-42", &[])).await;
    trap.expect("it is told", async |sim: &Sim| {
        sim.status("feature/login").await.unwrap().happened.contains("settings")
    })
    .await;
    trap.aws(|world| world.breakages.clear());
    trap.expect("the new image", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.environment_of("feature/login").await.setting(VARIABLES, "FLAGS"), None);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_option_that_no_platform_knows_is_refused_for_good() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let mut wanted = feature("feature/login", "login-41", "2d");
    wanted.spec.settings = vec![Setting {
        namespace: "aws:autoscaling:asg".to_owned(),
        option: "NoSuch".to_owned(),
        value: "1".to_owned(),
    }];
    trap.apply(wanted).await;
    trap.until_phase("feature/login", "Failed").await;
    assert!(trap.status("feature/login").await.unwrap().stuck);
    trap.expect_no_call(2 * HOUR).await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 1);
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_application_that_was_changed_by_hand_blocks() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let mut moved = feature("feature/login", "login-42", "2d");
    moved.spec.application = Some("other".into());
    trap.apply(moved).await;
    trap.until_phase("feature/login", "Blocked").await;
    trap.expect_no_call(HOUR).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.expect("back again", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn labels_owner_and_time_touch_no_environment() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let mut wanted = feature("feature/login", "login-41", "30d");
    wanted.metadata.owner = Some("somebody@example.com".to_owned());
    wanted.metadata.labels.insert("team".to_owned(), "growth".to_owned());
    wanted.spec.notify.slack = Some("#qa".to_owned());
    trap.apply(wanted).await;
    trap.expect_no_call(HOUR).await;
    assert_eq!(trap.phase("feature/login").await, "Ready");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn another_template_never_replaces_an_environment_unasked() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let mut other = feature("feature/login", "login-41", "2d");
    other.spec.template = Some("feature-base".to_owned());
    trap.apply(other).await;
    trap.expect("it says that it must be made anew", async |sim: &Sim| {
        let view = sim.status("feature/login").await.unwrap();
        view.stuck && view.happened.contains("feature-base")
    })
    .await;
    trap.expect_no_call(HOUR).await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("the former template is right again", async |sim: &Sim| {
        sim.phase("feature/login").await == "Ready"
    })
    .await;
    assert!(trap.calls("UpdateEnvironment").is_empty());
    trap.end().await;
}
