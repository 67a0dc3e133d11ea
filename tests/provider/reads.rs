//! Questions and their answers.

use std::collections::BTreeMap;

use beansprout::emulator::{Fault, Kind};
use beansprout::model::names::BINDING_TAG;
use beansprout::model::{EnvironmentId, EnvironmentStatus, Health, OptionKey, VersionLabel};

use super::{Rig, STACK, create, shop};

#[tokio::test(start_paused = true)]
async fn a_listing_has_everything_and_the_service_s_own_time() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    rig.beanstalk.create_environment(&create("f-two")).await.unwrap();
    let listing = rig.beanstalk.listing().await.unwrap();
    let date = listing.date.expect("a Date header");
    assert_eq!(date.as_second(), rig.emulator.now().as_second());
    let environments = listing.value.environments;
    assert_eq!(environments.len(), 2);
    assert_eq!(environments[&one.id], one);
    assert_eq!(one.application, shop());
    assert_eq!(one.label, Some(VersionLabel::new("v1")));
    assert!(one.arn.as_deref().is_some_and(|arn| arn.starts_with("arn:aws:elasticbeanstalk:eu-central-1:")));
    let two = environments.values().find(|one| one.name.as_str() == "f-two").unwrap();
    assert_eq!((&two.status, two.health), (&EnvironmentStatus::Launching, Health::Grey));
    assert_eq!(rig.calls("DescribeEnvironments").last().unwrap().params["MaxRecords"], "1000");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_changes_neither_calls_nor_their_date() {
    let rig = Rig::new().await;
    rig.emulator.jump(jiff::SignedDuration::from_hours(3));
    let date = rig.beanstalk.listing().await.unwrap().date.unwrap();
    assert_eq!(date.as_second(), rig.emulator.now().as_second());
}

#[tokio::test(start_paused = true)]
async fn what_was_terminated_is_found_by_id_and_what_never_was_is_not() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    let stranger = EnvironmentId::new("e-zzzzzzzzzz");
    let found = rig.beanstalk.by_ids(&[one.id.clone(), stranger.clone()]).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), [&one.id]);
    assert_eq!(rig.beanstalk.by_id(&stranger).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn tags_options_and_events_of_an_environment() {
    let rig = Rig::new().await;
    let start = rig.emulator.now();
    let one = rig.ready("f-one").await;
    let arn = one.arn.clone().unwrap();
    assert_eq!(rig.beanstalk.tags(&arn).await.unwrap()[BINDING_TAG], "binding-of-f-one");
    assert_eq!(rig.beanstalk.tags(&arn).await.unwrap()["beansprout:lifecycle"], "temporary");
    let options = rig.beanstalk.options(&shop(), &one.name).await.unwrap();
    assert_eq!(options[&OptionKey::new("aws:elasticbeanstalk:application:environment", "COLOUR")], "red");
    let events = rig.beanstalk.events_since(start).await.unwrap();
    assert!(events.iter().any(|event| event.message.contains("Successfully launched environment")));
    assert!(events.iter().all(|event| event.request.is_some()), "{events:?}");
    assert!(events.is_sorted_by(|a, b| a.at >= b.at));
    let later = rig.emulator.now() + jiff::SignedDuration::from_secs(1);
    assert_eq!(rig.beanstalk.events_since(later).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn addresses_platforms_and_who_we_are() {
    let rig = Rig::new().await;
    let address = rig.beanstalk.address("f-one-cname").await.unwrap();
    assert!(address.available);
    rig.ready("f-one").await;
    let taken = rig.beanstalk.address("f-one-cname").await.unwrap();
    assert_eq!((taken.available, taken.host), (false, address.host));
    let stack = rig.beanstalk.resolve_platform("Docker on AL2023").await.unwrap();
    assert!(stack.starts_with("64bit Amazon Linux 2023 v") && stack.ends_with(" running Docker"), "{stack}");
    assert_eq!(rig.beanstalk.resolve_platform(STACK).await.unwrap(), STACK);
    assert!(rig.beanstalk.resolve_platform("Fortran on AL2023").await.is_err());
    let caller = rig.clients.caller().await.unwrap().value;
    assert_eq!(caller.account, rig.emulator.with(|world| world.account.clone()));
    assert!(rig.beanstalk.application_exists(&shop()).await.unwrap());
    assert!(!rig.beanstalk.application_exists(&"shoe".into_name()).await.unwrap());
}

/// Shorter names for the test above.
trait IntoName {
    fn into_name(self) -> beansprout::model::ApplicationName;
}

impl IntoName for &str {
    fn into_name(self) -> beansprout::model::ApplicationName {
        self.into()
    }
}

#[tokio::test(start_paused = true)]
async fn versions_tell_where_their_bundles_lie() {
    let rig = Rig::new().await;
    rig.make_version("v1").await;
    rig.make_version("v2").await;
    let all = rig.beanstalk.versions(&shop(), &[]).await.unwrap();
    assert_eq!(all.len(), 2);
    let some =
        rig.beanstalk.versions(&shop(), &[VersionLabel::new("v2"), VersionLabel::new("v9")]).await.unwrap();
    assert_eq!(some.len(), 1);
    let source = &some[&VersionLabel::new("v2")];
    assert_eq!(source.bucket.as_ref(), Some(&rig.bucket));
    assert_eq!(source.key.as_deref(), Some("sprout/v2.zip"));
}

#[tokio::test(start_paused = true)]
async fn a_listing_with_an_unknown_status_keeps_the_word() {
    let rig = Rig::new().await;
    let one = rig.ready("f-one").await;
    rig.emulator.faults(vec![Fault::on("DescribeEnvironments", Kind::UnknownStatus)]);
    let listing = rig.beanstalk.listing().await.unwrap().value;
    let shown = &listing.environments[&one.id];
    assert!(matches!(shown.status, EnvironmentStatus::Other(_)), "{shown:?}");
    assert_eq!(shown.health, Health::Unknown);
}

#[tokio::test(start_paused = true)]
async fn settings_are_validated_on_top_of_a_saved_configuration() {
    let rig = Rig::new().await;
    // Nothing of ours makes saved configurations yet: the plain SDK does.
    let config = aws_sdk_elasticbeanstalk::Config::builder()
        .behavior_version(aws_sdk_elasticbeanstalk::config::BehaviorVersion::latest())
        .region(aws_sdk_elasticbeanstalk::config::Region::new("eu-central-1"))
        .credentials_provider(aws_sdk_elasticbeanstalk::config::Credentials::new(
            "A", "B", None, None, "test",
        ))
        .http_client(rig.emulator.http_client())
        .build();
    let plain = aws_sdk_elasticbeanstalk::Client::from_conf(config);
    let template = plain.create_configuration_template().application_name("shop").template_name("base");
    template.solution_stack_name(STACK).send().await.expect("a saved configuration");
    let good = BTreeMap::from([(
        OptionKey::new("aws:elasticbeanstalk:application:environment", "X"),
        "1".to_owned(),
    )]);
    assert_eq!(rig.beanstalk.validate(&shop(), "base", &good).await.unwrap(), Vec::<String>::new());
    let bad = BTreeMap::from([(OptionKey::new("aws:no:such", "Thing"), "1".to_owned())]);
    let errors = match rig.beanstalk.validate(&shop(), "base", &bad).await {
        Ok(errors) => errors,
        Err(error) => vec![error.to_string()],
    };
    assert!(errors.len() == 1 && errors[0].contains("aws:no:such"), "{errors:?}");
}
