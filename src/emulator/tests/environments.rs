//! States, names, listings.

use aws_sdk_elasticbeanstalk::operation::RequestId;

use super::*;
use crate::emulator::settings::{Again, Namesake, NoChange};
use crate::emulator::{Outcome, Readings};

fn value(message: &str) -> (String, String) {
    ("InvalidParameterValue".to_owned(), message.to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_environment_launches_deploys_and_ends_by_time() {
    let rig = Rig::new().await;
    let made = rig.create("f-login").send().await.expect("an environment");
    assert_eq!(made.status.as_ref().map(|status| status.as_str()), Some("Launching"));
    assert_eq!(made.health.as_ref().map(|health| health.as_str()), Some("Grey"));
    assert_eq!(made.cname, None);
    let id = made.environment_id.expect("an id");
    rig.later(LAUNCH - 1).await;
    assert_eq!(state(&rig.one(&id).await), ["Launching", "Grey", "Pending"]);
    rig.later(1).await;
    assert_eq!(state(&rig.one(&id).await), ["Ready", "Grey", "Pending"], "Ready precedes Green");
    rig.later(5).await;
    let up = rig.one(&id).await;
    assert_eq!(state(&up), ["Ready", "Green", "Ok"]);
    assert!(up.cname.is_some_and(|cname| cname.starts_with("f-login.eba-")));

    rig.version("v2").await;
    rig.deploy(&id, "v2").await;
    let busy = rig.one(&id).await;
    assert_eq!((state(&busy)[0], busy.version_label.as_deref()), ("Updating", Some("v1")));
    assert_eq!(busy.abortable_operation_in_progress, Some(true));
    rig.later(UPDATE).await;
    let done = rig.one(&id).await;
    assert_eq!((state(&done)[0], done.version_label.as_deref()), ("Ready", Some("v2")));
    assert!(done.date_updated > busy.date_updated, "DateUpdated moves at the end too");

    rig.terminate(&id).await;
    rig.later(TERMINATE).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Terminated");
}

#[tokio::test(start_paused = true)]
async fn outside_ready_nothing_is_changed() {
    let rig = Rig::new().await;
    let id = rig.create("f-login").send().await.expect("made").environment_id.expect("an id");
    let terminate = || rig.aws.terminate_environment().environment_id(&id).send();
    let update = || rig.aws.update_environment().environment_id(&id).version_label("v1").send();
    let must = value("Environment named f-login is in an invalid state for this operation. Must be Ready.");
    assert_eq!(refusal(update().await), must);
    let pending = "Cannot terminate environment named f-login. It is currently pending creation.";
    assert_eq!(refusal(terminate().await), value(pending));
    rig.later(LAUNCH).await;
    update().await.expect("an update in Ready");
    assert_eq!(refusal(update().await), must);
    let (_, message) = refusal(terminate().await);
    assert!(message.ends_with("It is currently pending deployment."), "{message}");
    let abort = || rig.aws.abort_environment_update().environment_id(&id).send();
    abort().await.expect("an abort while Updating");
    assert_eq!(state(&rig.one(&id).await)[0], "Aborting");
    rig.later(UPDATE).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
    let (_, message) = refusal(abort().await);
    assert!(message.ends_with("Must be pending deployment."), "{message}");
}

#[tokio::test(start_paused = true)]
async fn names_are_unique_over_applications_until_terminated_and_twins_are_listed() {
    let rig = Rig::new().await;
    let old = rig.launched("f-login").await;
    rig.aws.create_application().application_name("other").send().await.expect("an application");
    let elsewhere = || rig.create("f-login").application_name("other").set_version_label(None).send();
    assert_eq!(refusal(elsewhere().await), value("Environment f-login already exists."));
    rig.terminate(&old).await;
    assert_eq!(refusal(elsewhere().await).1, "Environment f-login already exists.", "still Terminating");
    rig.later(TERMINATE).await;
    let new = elsewhere().await.expect("a free name").environment_id.expect("an id");
    let mut seen: Vec<_> =
        rig.list().await.iter().map(|e| (e.environment_id.clone(), state(e)[0].to_owned())).collect();
    seen.sort_by_key(|(_, status)| status.clone());
    assert_eq!(seen, [(Some(new), "Launching".to_owned()), (Some(old.clone()), "Terminated".to_owned())]);
    let again = rig.aws.terminate_environment().environment_id(&old).send().await;
    assert_eq!(refusal(again), value(&format!("No Environment found for EnvironmentId = '{old}'.")));
}

#[tokio::test(start_paused = true)]
async fn the_dead_linger_for_an_hour_unless_hidden_and_are_known_for_six_weeks() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.terminate(&id).await;
    rig.later(TERMINATE + 1).await;
    let hidden = rig.aws.describe_environments().include_deleted(false).send().await.expect("a listing");
    assert_eq!((rig.list().await.len(), hidden.environments().len()), (1, 0));
    rig.later(3600).await;
    assert_eq!(rig.list().await.len(), 0);
    assert_eq!(state(&rig.one(&id).await)[0], "Terminated");
    rig.later(42 * 24 * 3600).await;
    let forgotten = rig.aws.describe_environments().include_deleted(true).send().await.expect("a listing");
    assert_eq!(forgotten.environments().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn cnames_are_shared_with_strangers() {
    let rig = Rig::new().await;
    rig.emulator.with(|world| world.strangers.insert("taken".to_owned()));
    let answer = rig.aws.check_dns_availability().cname_prefix("taken").send().await.expect("an answer");
    assert_eq!(answer.available, Some(false));
    assert_eq!(answer.fully_qualified_cname.as_deref(), Some("taken.eu-central-1.elasticbeanstalk.com"));
    let message = "DNS name (taken.eu-central-1.elasticbeanstalk.com) is not available.";
    assert_eq!(refusal(rig.create("f-login").cname_prefix("taken").send().await), value(message));
    rig.create("f-login").cname_prefix("mine").send().await.expect("a free prefix");
    assert_eq!(refusal(rig.create("f-other").cname_prefix("mine").send().await).0, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_refused_with_its_own_words() {
    let rig = Rig::new().await;
    let message = |result| refusal(result).1;
    assert_eq!(
        message(rig.create("f-login").application_name("none").send().await),
        "No Application named 'none' found."
    );
    assert_eq!(
        message(rig.create("f-login").version_label("v9").send().await),
        "No Application Version named 'v9' found."
    );
    assert_eq!(
        message(rig.create("f-login").set_solution_stack_name(None).send().await),
        "Unable to determine base for template pack (no solution stack)"
    );
    let two = rig.create("f-login").platform_arn("arn:x").send().await;
    assert_eq!(refusal(two).0, "InvalidParameterCombination");
    let short = rig.create("f-x").send().await;
    assert_eq!(refusal(short).0, "ValidationError");
    let edge = rig.create("-login").send().await;
    assert!(message(edge).contains("may not start or end with a dash"));
    let option = rig.create("f-login").option_settings(setting("aws:x", "Y", "1")).send().await;
    assert_eq!(
        message(option),
        "Invalid option specification (Namespace: 'aws:x', OptionName: 'Y'): Unknown configuration setting."
    );
    let neither = rig.aws.terminate_environment().send().await;
    assert_eq!(refusal(neither).0, "MissingRequiredParameter");
    let tier = rig.launched("f-login").await;
    let worker =
        aws_sdk_elasticbeanstalk::types::EnvironmentTier::builder().name("Worker").r#type("SQS/HTTP").build();
    let changed = rig.aws.update_environment().environment_id(&tier).tier(worker).send().await;
    assert_eq!(refusal(changed), value("Cannot change environment tier"));
}

#[tokio::test(start_paused = true)]
async fn without_a_version_the_sample_application_runs() {
    let rig = Rig::new().await;
    let id = rig
        .create("f-login")
        .set_version_label(None)
        .send()
        .await
        .expect("made")
        .environment_id
        .expect("an id");
    rig.later(LAUNCH).await;
    let up = rig.one(&id).await;
    assert_eq!((state(&up)[0], up.version_label.as_deref()), ("Ready", None));
}

#[tokio::test(start_paused = true)]
async fn listings_come_in_pages_with_the_same_parameters() {
    let rig = Rig::new().await;
    for n in 0..5 {
        rig.create(&format!("f-env-{n}")).send().await.expect("made");
    }
    let first = rig.aws.describe_environments().max_records(2).send().await.expect("a page");
    assert_eq!(first.environments().len(), 2);
    let token = first.next_token().expect("a token");
    let next = |most| rig.aws.describe_environments().max_records(most).next_token(token).send();
    assert_eq!(refusal(next(3).await).0, "InvalidParameterValue");
    let second = next(2).await.expect("a page");
    let last = rig.aws.describe_environments().max_records(2).set_next_token(second.next_token).send().await;
    let last = last.expect("a page");
    assert_eq!((last.environments().len(), last.next_token()), (1, None));
}

#[tokio::test(start_paused = true)]
async fn keys_that_may_see_nothing_get_empty_successes() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.emulator
        .with(|world| world.sights.insert("AKIDBLIND".to_owned(), crate::emulator::world::Sight::Nothing));
    let blind = client(&rig.emulator, "AKIDBLIND");
    let listed = blind.describe_environments().environment_ids(&id).send().await.expect("a success");
    assert_eq!(listed.environments().len(), 0);
    assert_eq!(rig.list().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_new_environment_may_stay_unlisted_for_a_while() {
    let settings = Settings { invisible: Duration::from_secs(20), ..Settings::default() };
    let rig = Rig::with(settings).await;
    rig.create("f-login").send().await.expect("made");
    rig.later(19).await;
    assert_eq!(rig.list().await.len(), 0);
    rig.later(1).await;
    assert_eq!(rig.list().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn events_are_newest_first_and_bear_the_id_of_their_call() {
    let rig = Rig::new().await;
    let made = rig.create("f-login").send().await.expect("made");
    let request = made.request_id().expect("a request id").to_owned();
    let id = made.environment_id.expect("an id");
    rig.later(LAUNCH + 10).await;
    rig.version("v2").await;
    rig.deploy(&id, "v2").await;
    rig.later(UPDATE).await;
    let of = |severity: &str| {
        let call = rig.aws.describe_events().request_id(&request);
        call.severity(severity.into()).send()
    };
    let told = of("INFO").await.expect("events");
    let messages: Vec<_> = told.events().iter().filter_map(|event| event.message()).collect();
    assert_eq!(messages.first(), Some(&"Successfully launched environment: f-login"));
    assert_eq!(messages.last(), Some(&"createEnvironment is starting."));
    assert!(told.events().is_sorted_by(|newer, older| newer.event_date() >= older.event_date()));
    assert_eq!(of("ERROR").await.expect("events").events().len(), 0);
    let moment = *told.events()[0].event_date().expect("a date");
    let since =
        rig.aws.describe_events().environment_id(&id).start_time(moment).send().await.expect("events");
    let messages: Vec<_> = since.events().iter().filter_map(|event| event.message()).collect();
    assert!(messages.contains(&"Successfully launched environment: f-login"), "StartTime is inclusive");
    assert!(!messages.contains(&"createEnvironment is starting."));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_verified_can_be_read_otherwise() {
    let readings = Readings {
        namesake: Namesake::Free,
        terminate_again: Again::Accepted,
        same_label: NoChange::Refused,
        early_cname: true,
        delete_missing_version: false,
        version_with_settings: false,
        ..Readings::default()
    };
    let rig = Rig::with(Settings { readings, ..Settings::default() }).await;
    let made = rig.create("f-login").send().await.expect("made");
    assert!(made.cname.is_some());
    let id = made.environment_id.expect("an id");
    rig.later(LAUNCH).await;
    let update = || rig.aws.update_environment().environment_id(&id).version_label("v1");
    assert_eq!(refusal(update().send().await).0, "InvalidParameterCombination");
    let both = update().option_settings(setting("aws:elasticbeanstalk:command", "Timeout", "60"));
    assert_eq!(refusal(both.send().await).0, "InvalidParameterCombination");
    let missing =
        rig.aws.delete_application_version().application_name("shop").version_label("v9").send().await;
    assert_eq!(refusal(missing).0, "InvalidParameterValue");
    rig.terminate(&id).await;
    rig.terminate(&id).await;
    rig.create("f-login").send().await.expect("a name that is free while its holder leaves");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_and_calls_give_the_same_world() {
    async fn story() -> (Vec<String>, Vec<String>, Vec<crate::emulator::Call>) {
        let rig = Rig::new().await;
        let id = rig.launched("f-login").await;
        rig.terminate(&id).await;
        rig.later(TERMINATE).await;
        let ids = rig.list().await.into_iter().filter_map(|e| e.environment_id).collect();
        (ids, rig.messages(&id).await, rig.emulator.calls())
    }
    let (first, second) = (story().await, story().await);
    assert_eq!(first, second);
    assert!(first.2.iter().all(|call| call.outcome == Outcome::Applied));
}

#[tokio::test(start_paused = true)]
async fn what_ended_can_be_rebuilt_under_its_id_and_is_then_remembered_from_its_new_end() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.terminate(&id).await;
    rig.later(40 * 24 * 3600).await;
    let rebuild = || rig.aws.rebuild_environment().environment_id(&id).send();
    let other = rig.launched("f-login").await;
    assert_eq!(refusal(rebuild().await), value("Environment f-login already exists."));
    rig.terminate(&other).await;
    rig.later(TERMINATE).await;
    rebuild().await.expect("a free name");
    rig.later(LAUNCH).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
    rig.terminate(&id).await;
    rig.later(10 * 24 * 3600).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Terminated", "fifty days after its first end");
}

#[test]
fn readings_are_drawn_from_a_seed() {
    assert_eq!(Readings::drawn(7), Readings::drawn(7));
    let drawn: Vec<Readings> = (0..64).map(Readings::drawn).collect();
    let both = |switch: fn(&Readings) -> bool| drawn.iter().any(switch) && !drawn.iter().all(switch);
    assert!(both(|readings| readings.lingers) && both(|readings| readings.namesake == Namesake::Free));
    assert!(both(|readings| readings.same_label == NoChange::Refused));
}

#[tokio::test(start_paused = true)]
async fn two_environments_in_ready_can_swap_their_addresses() {
    let rig = Rig::new().await;
    let (one, other) = (rig.launched("f-one").await, rig.launched("f-other").await);
    let address = async |id: &str| rig.one(id).await.cname.expect("a CNAME");
    let (first, second) = (address(&one).await, address(&other).await);
    let call =
        rig.aws.swap_environment_cnames().source_environment_id(&one).destination_environment_name("f-other");
    call.send().await.expect("swapped");
    assert_eq!((address(&one).await, address(&other).await), (second, first));
}

#[tokio::test(start_paused = true)]
async fn success_may_be_told_before_the_status_follows() {
    let rig = Rig::with(Settings { flip: Duration::from_secs(20), ..Settings::default() }).await;
    let id = rig.create("f-login").send().await.expect("made").environment_id.expect("an id");
    rig.later(LAUNCH).await;
    assert_eq!(rig.messages(&id).await[0], "Successfully launched environment: f-login");
    assert_eq!(state(&rig.one(&id).await)[0], "Launching");
    let early = rig.aws.terminate_environment().environment_id(&id).send().await;
    assert!(refusal(early).1.ends_with("pending creation."));
    rig.later(20).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
}
