//! How failures look, and faults.

use super::*;
use crate::emulator::settings::FailedLaunch;
use crate::emulator::world::{Breakage, Stage};
use crate::emulator::{Fault, Kind, Outcome, Readings};

fn broken(stage: Stage, matching: &str, times: Option<u32>) -> Breakage {
    Breakage { stage, matching: matching.to_owned(), times }
}

#[tokio::test(start_paused = true)]
async fn without_an_instance_profile_a_launch_ends_within_seconds() {
    let rig = Rig::new().await;
    let made = rig.create("f-login").set_option_settings(None).send().await.expect("an accepted create");
    let id = made.environment_id.expect("an id");
    rig.later(10).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Terminated");
    let messages = rig.messages(&id).await;
    assert_eq!(
        messages[..2],
        ["Failed to launch environment.", "Environment must have instance profile associated with it."]
    );
    rig.create("f-login").send().await.expect("the name is free again");
}

#[tokio::test(start_paused = true)]
async fn a_failed_deployment_keeps_the_old_label() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.emulator.with(|world| world.breakages.push(broken(Stage::Deploy, "bad", None)));
    rig.version("bad-1").await;
    rig.deploy(&id, "bad-1").await;
    rig.later(UPDATE).await;
    let after = rig.one(&id).await;
    assert_eq!((state(&after)[0], after.version_label.as_deref()), ("Ready", Some("v1")));
    let messages = rig.messages(&id).await;
    assert!(messages[0].starts_with("Update environment operation is complete, but with errors."));
    assert_eq!(messages[1], "Failed to deploy application.");
}

#[tokio::test(start_paused = true)]
async fn a_failed_first_deployment_ends_as_the_reading_says() {
    for (reading, expected) in [
        (FailedLaunch::Red, ["Ready", "Red", "Severe"]),
        (FailedLaunch::Grey, ["Ready", "Grey", "No Data"]),
        (FailedLaunch::Terminated, ["Terminated", "Grey", "Unknown"]),
    ] {
        let readings = Readings { failed_launch: reading, ..Readings::default() };
        let rig = Rig::with(Settings { readings, ..Settings::default() }).await;
        rig.emulator.with(|world| world.breakages.push(broken(Stage::Deploy, "v1", None)));
        let id = rig.launched("f-login").await;
        assert_eq!(state(&rig.one(&id).await), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_termination_may_fail_once_and_work_the_next_time() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.emulator.with(|world| world.breakages.push(broken(Stage::Terminate, "f-login", Some(1))));
    rig.terminate(&id).await;
    rig.later(TERMINATE).await;
    assert_eq!(state(&rig.one(&id).await), ["Ready", "Grey", "No Data"]);
    rig.terminate(&id).await;
    rig.later(TERMINATE).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Terminated");
}

#[tokio::test(start_paused = true)]
async fn a_wedged_environment_shows_ready_and_refuses_until_it_is_mended() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.emulator.control("break wedge f-login");
    let terminate = || rig.aws.terminate_environment().environment_id(&id).send();
    let update = || rig.aws.update_environment().environment_id(&id).version_label("v1").send();
    assert!(refusal(update().await).1.ends_with("Must be Ready."));
    assert!(refusal(terminate().await).1.ends_with("pending deployment."));
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
    rig.emulator.control("mend");
    update().await.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn a_hung_launch_cannot_be_ended_for_half_an_hour() {
    let rig = Rig::new().await;
    rig.emulator.control("break hang f-login 1");
    let id = rig.launched("f-login").await;
    rig.later(1500).await;
    let refused = rig.aws.terminate_environment().environment_id(&id).send().await;
    assert!(refusal(refused).1.ends_with("pending creation."));
    rig.later(60).await;
    rig.terminate(&id).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_a_broken_connection_and_an_applied_call() {
    let rig = Rig::new().await;
    rig.emulator.faults(vec![Fault::on("CreateEnvironment", Kind::Lost).once()]);
    let lost = rig.create("f-login").send().await;
    assert!(matches!(lost, Err(SdkError::DispatchFailure(_))));
    assert_eq!(rig.list().await.len(), 1);
    let calls = rig.emulator.calls();
    let create = calls.iter().find(|call| call.operation == "CreateEnvironment").expect("recorded");
    assert_eq!((&create.outcome, create.struck), (&Outcome::Applied, Some(Kind::Lost)));
    assert_eq!(create.environment, rig.list().await[0].environment_id);
}

#[tokio::test(start_paused = true)]
async fn a_late_call_takes_effect_after_its_sender_gave_up() {
    let rig = Rig::new().await;
    rig.emulator.faults(vec![Fault::on("mutating", Kind::Late).by(60.0).once()]);
    let waited = tokio::time::timeout(Duration::from_secs(5), rig.create("f-login").send()).await;
    assert!(waited.is_err());
    assert_eq!(rig.list().await.len(), 0);
    rig.later(60).await;
    assert_eq!(rig.list().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn faults_before_the_call_apply_nothing() {
    let rig = Rig::new().await;
    for (kind, code) in [
        (Kind::Throttle, "Throttling"),
        (Kind::Unavailable, "ServiceUnavailable"),
        (Kind::Denied, "AccessDenied"),
        (Kind::Expired, "ExpiredToken"),
        (Kind::Refused, ""),
    ] {
        rig.emulator.faults(vec![Fault::on("CreateEnvironment", kind).once()]);
        assert_eq!(refusal(rig.create("f-login").send().await).0, code);
    }
    rig.emulator.faults(vec![Fault::on("CreateEnvironment", Kind::Broken).once()]);
    assert_eq!(refusal(rig.create("f-login").send().await).0, "InternalFailure");
    assert_eq!(rig.list().await.len(), 1, "only the last was applied");
}

#[tokio::test(start_paused = true)]
async fn listings_can_lie() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    for n in 0..7 {
        rig.launched(&format!("f-env-{n}")).await;
    }
    let under = async |fault: Fault| {
        rig.emulator.faults(vec![fault]);
        rig.list().await
    };
    assert_eq!(under(Fault::on("*", Kind::Empty)).await.len(), 0);
    let some = under(Fault::on("*", Kind::Partial)).await.len();
    assert!((1..8).contains(&some), "{some} of 8");
    let strange = under(Fault::on("*", Kind::UnknownStatus)).await;
    assert_eq!(strange.iter().filter(|e| state(e)[0] == "Reticulating").count(), 1);
    rig.terminate(&id).await;
    rig.later(TERMINATE).await;
    let stale = under(Fault::on("*", Kind::Stale).by(TERMINATE as f64 + 1.0)).await;
    assert!(stale.iter().all(|e| state(e)[0] == "Ready"), "as it was before the termination");
    rig.emulator.faults(vec![Fault::on("*", Kind::Page)]);
    let first = rig.aws.describe_environments().max_records(5).send().await.expect("the first page");
    let second = rig.aws.describe_environments().max_records(5).set_next_token(first.next_token).send().await;
    assert_eq!(refusal(second).0, "InternalFailure");
}

#[tokio::test(start_paused = true)]
async fn three_busy_reads_share_a_token_bucket() {
    let rig = Rig::with(Settings { rate: Some((2.0, 3)), ..Settings::default() }).await;
    for _ in 0..3 {
        rig.list().await;
    }
    let refused = rig.aws.describe_events().send().await;
    assert_eq!(refusal(refused), ("Throttling".to_owned(), "Rate exceeded".to_owned()));
    let other = rig.aws.describe_account_attributes().send().await;
    assert!(other.is_ok(), "another bucket");
    rig.later(1).await;
    assert_eq!((rig.list().await.len(), rig.list().await.len()), (0, 0));
}
