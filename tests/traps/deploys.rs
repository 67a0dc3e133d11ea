//! Launches and deployments that fail, wait or are overtaken.

use std::time::Duration;

use beansprout::emulator::world::{Breakage, Stage};
use beansprout::emulator::{Fault, Kind};

use super::{HOUR, MINUTE, Trap, during, options};
use crate::sim::world::{Sim, feature};

/// Whether a feature is Ready with this image deployed.
pub(super) async fn runs(sim: &Sim, name: &str, tag: &str) -> bool {
    sim.status(name).await.is_some_and(|status| {
        let image = format!("shop-web:{tag}");
        status.phase.as_str() == "Ready" && status.deployed.is_some_and(|deployed| deployed.image == image)
    })
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_ends_ready_and_red_is_no_success() {
    let trap = Trap::given().await;
    trap.push("broken-1");
    trap.apply(feature("feature/login", "broken-1", "2h")).await;
    trap.until_phase("feature/login", "Failed").await;
    let status = trap.status("feature/login").await.unwrap();
    assert_eq!(status.deployed, None);
    assert!(status.happened.contains("Failed to deploy application."), "{status:?}");
    assert_eq!((trap.applied("CreateEnvironment"), trap.applied("UpdateEnvironment")), (1, 2), "three tries");
    trap.expect_no_call(30 * MINUTE).await;

    trap.apply(feature("feature/login", "login-41", "2h")).await;
    trap.expect("a good image mends it", async |sim: &Sim| runs(sim, "feature/login", "login-41").await)
        .await;
    assert_eq!(trap.aws(|world| world.environments.len()), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_launch_that_never_succeeded_ends_with_its_time_too() {
    let trap = Trap::given().await;
    trap.push("broken-1");
    trap.apply(feature("feature/login", "broken-1", "2h")).await;
    trap.until_phase("feature/login", "Failed").await;
    trap.expect("its time is over", async |sim: &Sim| {
        sim.phase("feature/login").await == "Expired" && sim.live().is_empty()
    })
    .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_keeps_the_old_label_and_going_back_deploys_again() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.push("broken-1");
    let first = trap.environment_of("feature/login").await;
    trap.apply(feature("feature/login", "broken-1", "2d")).await;
    trap.until_phase("feature/login", "Failed").await;
    assert_eq!(trap.environment_of("feature/login").await.shown.label, first.shown.label, "rolled back");
    let deployments = trap.applied("UpdateEnvironment");
    trap.expect_no_call(2 * HOUR).await;

    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("the old tag runs", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    let last = trap.environment_of("feature/login").await;
    assert_eq!(trap.applied("UpdateEnvironment"), deployments + 1, "it was deployed again");
    assert_ne!(last.shown.label, first.shown.label, "under a label of its own");
    assert_eq!(last.id, first.id);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn going_back_with_a_settings_change_in_between_deploys_again() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.push("broken-1");
    let first = trap.environment_of("feature/login").await;
    trap.apply(feature("feature/login", "broken-1", "2d")).await;
    trap.until_phase("feature/login", "Failed").await;
    let mut changed = feature("feature/login", "broken-1", "2d");
    changed.spec.instance_type = Some("t3.small".to_owned());
    trap.apply(changed).await;
    trap.turn(MINUTE).await;
    trap.until_phase("feature/login", "Failed").await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.expect("the old tag runs", async |sim: &Sim| runs(sim, "feature/login", "login-41").await).await;
    let last = trap.environment_of("feature/login").await;
    assert_ne!(last.shown.label, first.shown.label, "the label that was shown all along proved nothing");
    assert!(last.deployed > first.deployed);
    assert_eq!(last.setting("aws:ec2:instances", "InstanceTypes"), None, "and the settings are as before");
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_pre_flight_is_not_tried_again_and_costs_nothing() {
    let mut with = options();
    with.policy.instance_profile = "missing-profile".to_owned();
    let mut trap = Trap::given_with(with).await;
    trap.apply(feature("feature/login", "login-41", "2d")).await;
    trap.until_phase("feature/login", "Failed").await;
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.happened.contains("instance profile missing-profile"), "{status:?}");
    let before = trap.emulator.calls().len();
    trap.expect_no_call(HOUR).await;
    let calls = trap.emulator.calls().len() - before;
    assert!(calls <= 60 + 4 * 60, "{calls} calls in a quiet hour");
    assert_eq!(trap.calls("CreateEnvironment").len(), 1);

    // A person mends the configuration, and somebody pushes.
    trap.stop().await;
    trap.options.policy.instance_profile = "shop-profile".to_owned();
    trap.run().await;
    trap.expect_no_call(HOUR).await;
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.until_phase("feature/login", "Ready").await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_operation_is_waited_for() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let id = trap.environment_of("feature/login").await.id;
    let hand = trap.hand().await;
    let tag = aws_sdk_elasticbeanstalk::types::Tag::builder().key("cost").value("7").build();
    let arn = trap.record("feature/login").await.unwrap().identity.ledger.unwrap().arn.unwrap();
    hand.beanstalk.update_tags_for_resource().resource_arn(arn).tags_to_add(tag).send().await.unwrap();
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.turn(MINUTE).await;
    let status = trap.status("feature/login").await.unwrap();
    assert!(status.happened.contains("Somebody else"), "{status:?}");
    trap.expect("then ours follows", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 1, "none was refused");
    assert_eq!(trap.environment_of("feature/login").await.id, id);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn must_be_ready_is_no_failure_and_no_hot_loop() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let arn = trap.record("feature/login").await.unwrap().identity.ledger.unwrap().arn.unwrap();
    trap.turn(HOUR).await;
    // The listing does not show the operation that refuses ours.
    trap.emulator.faults(vec![Fault::on("DescribeEnvironments", Kind::Stale).by(3000.0)]);
    trap.aws(|world| world.breakages.push(breakage(Stage::Hang, "f-")));
    let tag = aws_sdk_elasticbeanstalk::types::Tag::builder().key("cost").value("7").build();
    let hand = trap.hand().await;
    hand.beanstalk.update_tags_for_resource().resource_arn(arn).tags_to_add(tag).send().await.unwrap();
    trap.aws(|world| world.breakages.clear());
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.turn(25 * MINUTE).await;
    let calls = trap.calls("UpdateEnvironment").len();
    assert!((2..=100).contains(&calls), "{calls} calls in 25 minutes");
    assert_eq!(trap.applied("UpdateEnvironment"), 0);
    trap.turn(10 * MINUTE).await;
    trap.emulator.faults(Vec::new());
    trap.expect("then it goes through", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.applied("UpdateEnvironment"), 1, "{}", trap.account().await);
    trap.end().await;
}

pub(super) fn breakage(stage: Stage, matching: &str) -> Breakage {
    Breakage { stage, matching: matching.to_owned(), times: None }
}

#[tokio::test(start_paused = true)]
async fn of_several_changes_during_an_update_only_the_newest_is_deployed() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let before = trap.environment_of("feature/login").await.id;
    for tag in ["login-42", "login-43", "login-44"] {
        trap.apply(feature("feature/login", tag, "2d")).await;
        trap.turn(Duration::from_secs(15)).await;
    }
    trap.expect("the newest runs", async |sim: &Sim| runs(sim, "feature/login", "login-44").await).await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 2, "the first and the last");
    assert_eq!(trap.environment_of("feature/login").await.id, before);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_not_there_costs_no_environment() {
    let trap = Trap::given().await;
    trap.apply(feature("feature/login", "later", "2d")).await;
    trap.until_phase("feature/login", "Pending").await;
    trap.expect_no_call(HOUR).await;
    trap.push("later");
    trap.until(15 * MINUTE, "it is Ready", async |sim: &Sim| runs(sim, "feature/login", "later").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_is_deployed_and_one_that_goes_disturbs_nothing() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let first = trap.environment_of("feature/login").await;
    let digest = trap.push("login-41");
    trap.expect("the new digest runs", async |sim: &Sim| {
        let status = sim.status("feature/login").await.unwrap();
        let deployed = status.deployed.and_then(|deployed| deployed.digest);
        status.phase.as_str() == "Ready" && deployed.is_some_and(|found| found.as_str() == digest)
    })
    .await;
    let second = trap.environment_of("feature/login").await;
    assert_eq!(second.id, first.id);
    assert_ne!(second.shown.label, first.shown.label);
    assert_eq!(trap.calls("UpdateEnvironment").len(), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up_is_waited_for() {
    let trap = Trap::given().await;
    trap.aws(|world| world.quotas.environments = 1);
    trap.make_ready(&["feature/first"]).await;
    trap.apply(feature("feature/second", "login-41", "2d")).await;
    trap.turn(2 * HOUR).await;
    let status = trap.status("feature/second").await.unwrap();
    assert!(status.happened.contains("You cannot have more than 1"), "{status:?}");
    let calls = trap.calls("CreateEnvironment").len();
    assert!((3..=26).contains(&calls), "{calls} calls in two hours");
    trap.aws(|world| world.quotas.environments = 2);
    trap.until(15 * MINUTE, "it is Ready", async |sim: &Sim| runs(sim, "feature/second", "login-41").await)
        .await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_template_that_is_missing_blocks_until_it_is_there() {
    let trap = Trap::given().await;
    let mut named = feature("feature/file", "login-41", "2d");
    named.spec.dockerrun.template = Some("nowhere.json".to_owned());
    trap.apply(named).await;
    let mut saved = feature("feature/saved", "login-41", "2d");
    saved.spec.template = Some("feature-base".to_owned());
    trap.apply(saved).await;
    trap.until_phase("feature/file", "Blocked").await;
    trap.until_phase("feature/saved", "Blocked").await;
    let status = trap.status("feature/saved").await.unwrap();
    assert!(status.happened.contains("feature-base"), "{status:?}");
    trap.turn(HOUR).await;
    assert!(trap.calls("CreateEnvironment").len() <= 62, "{}", trap.calls("CreateEnvironment").len());
    assert!(trap.live().is_empty());

    let profile = aws_sdk_elasticbeanstalk::types::ConfigurationOptionSetting::builder()
        .namespace("aws:autoscaling:launchconfiguration")
        .option_name("IamInstanceProfile")
        .value("shop")
        .build();
    let hand = trap.hand().await;
    let template = hand.beanstalk.create_configuration_template().application_name("shop");
    let template = template.template_name("feature-base").solution_stack_name(super::DOCKER);
    template.option_settings(profile).send().await.unwrap();
    trap.until(HOUR, "it is made", async |sim: &Sim| runs(sim, "feature/saved", "login-41").await).await;
    assert_eq!(trap.environment_of("feature/saved").await.template.as_deref(), Some("feature-base"));
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_bundle_and_a_version_that_others_deleted_are_made_again() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    let label = trap.versions().remove(0);
    let key = trap.bundles().remove(0);
    let hand = trap.hand().await;
    hand.beanstalk
        .delete_application_version()
        .application_name("shop")
        .version_label(&label)
        .send()
        .await
        .unwrap();
    let bucket =
        trap.aws(|world| format!("elasticbeanstalk-{}-{}", crate::sim::world::REGION, world.account));
    hand.s3.delete_object().bucket(bucket).key(&key).send().await.unwrap();
    trap.expect_no_call(HOUR).await;
    assert_eq!(trap.phase("feature/login").await, "Ready", "what runs needs neither");

    let id = trap.environment_of("feature/login").await.id;
    trap.hand_terminates(&id).await;
    trap.expect("it is healed", async |sim: &Sim| {
        runs(sim, "feature/login", "login-41").await && sim.live().iter().any(|(_, live, _)| *live != id)
    })
    .await;
    assert_eq!((trap.versions().len(), trap.bundles().len()), (1, 1));
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.expect("the next runs", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_version_that_vanishes_between_make_and_use_is_made_again() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    // What is applied nowhere is as good as deleted at once.
    trap.emulator.faults(vec![during(2 * MINUTE, "CreateApplicationVersion", Kind::Denied)]);
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.until_phase("feature/login", "Blocked").await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 0);
    trap.expect("the next runs", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_hangs_is_stalled_and_nothing_is_sent_twice() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.aws(|world| world.breakages.push(breakage(Stage::Hang, "f-")));
    trap.apply(feature("feature/login", "login-42", "2d")).await;
    trap.until_phase("feature/login", "Stalled").await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 1);
    trap.aws(|world| world.breakages.clear());
    trap.expect("it ends at last", async |sim: &Sim| runs(sim, "feature/login", "login-42").await).await;
    assert_eq!(trap.calls("UpdateEnvironment").len(), 1);
    trap.end().await;
}

#[tokio::test(start_paused = true)]
async fn no_answer_about_a_new_image_is_not_ready() {
    let trap = Trap::given_ready(&["feature/login"]).await;
    trap.emulator.faults(vec![during(15 * MINUTE, "BatchGetImage", Kind::Unavailable)]);
    let wanted = feature("feature/login", "login-42", "2d");
    let hash = beansprout::model::spec_hash(&wanted);
    trap.apply(wanted).await;
    trap.expect("the new specification is seen", async |sim: &Sim| {
        sim.status("feature/login").await.unwrap().observed_spec_hash.as_ref() == Some(&hash)
    })
    .await;
    assert_eq!(trap.phase("feature/login").await, "Updating", "what runs is not what is wanted");
    trap.until_phase("feature/login", "Ready").await;
    assert!(runs(&trap, "feature/login", "login-42").await);
    trap.end().await;
}
