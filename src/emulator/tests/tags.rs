//! Tags, saved configurations, settings, quotas and whatever belongs to the account.

use super::*;
use aws_sdk_elasticbeanstalk::types::Tag;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

impl Rig {
    async fn arn(&self, id: &str) -> String {
        self.one(id).await.environment_arn.expect("an ARN")
    }

    async fn tags(&self, arn: &str) -> Vec<(String, String)> {
        let listed = self.aws.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
        let pair = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
        listed.resource_tags.unwrap_or_default().into_iter().map(pair).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn an_environment_bears_its_own_tags_and_three_of_the_service() {
    let rig = Rig::new().await;
    let made = rig.create("f-login").tags(tag("beansprout:feature", "login")).send().await.expect("made");
    let id = made.environment_id.expect("an id");
    let tags = rig.tags(&rig.arn(&id).await).await;
    let pairs: Vec<_> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("Name", "f-login"),
            ("beansprout:feature", "login"),
            ("elasticbeanstalk:environment-id", id.as_str()),
            ("elasticbeanstalk:environment-name", "f-login"),
        ]
    );
    assert_eq!(refusal(rig.create("f-other").tags(tag("Name", "x")).send().await).0, "InvalidParameterValue");
    assert_eq!(
        refusal(rig.create("f-other").tags(tag("aws:x", "x")).send().await).0,
        "InvalidParameterValue"
    );
    let many = (0..48).map(|n| tag(&format!("key-{n}"), "x")).collect();
    assert_eq!(refusal(rig.create("f-other").set_tags(Some(many)).send().await).0, "TooManyTagsException");
    let none = rig.aws.list_tags_for_resource().resource_arn("arn:aws:elasticbeanstalk:x").send().await;
    assert_eq!(refusal(none).0, "ResourceNotFoundException");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_tags_is_an_update_and_an_idle_one_ends_with_an_error() {
    let rig = Rig::with(Settings { tag_lag: Duration::from_secs(60), ..Settings::default() }).await;
    let id = rig.launched("f-login").await;
    let arn = rig.arn(&id).await;
    let update =
        || rig.aws.update_tags_for_resource().resource_arn(&arn).tags_to_add(tag("owner", "me")).send();
    update().await.expect("accepted");
    assert_eq!(state(&rig.one(&id).await)[0], "Updating");
    assert_eq!(refusal(update().await).0, "OperationInProgressFailure");
    rig.later(UPDATE).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
    let owned = |tags: Vec<(String, String)>| tags.iter().any(|(key, _)| key == "owner");
    assert!(!owned(rig.tags(&arn).await), "the listing lags");
    rig.later(60).await;
    assert!(owned(rig.tags(&arn).await));
    update().await.expect("accepted");
    rig.later(UPDATE).await;
    assert_eq!(rig.messages(&id).await[0], "Environment tag update failed.");
    let nothing = rig.aws.update_tags_for_resource().resource_arn(&arn).send().await;
    assert_eq!(refusal(nothing).0, "MissingRequiredParameter");
}

#[tokio::test(start_paused = true)]
async fn an_environment_gets_a_copy_of_a_saved_configuration() {
    let rig = Rig::new().await;
    let launch = "aws:autoscaling:launchconfiguration";
    let create = || {
        let call = rig.aws.create_configuration_template().application_name("shop").template_name("base");
        call.solution_stack_name(STACK)
            .option_settings(setting(launch, "IamInstanceProfile", "ec2-role"))
            .option_settings(setting(launch, "InstanceType", "t3.small"))
            .tags(tag("team", "growth"))
            .send()
    };
    create().await.expect("a template");
    assert_eq!(refusal(create().await).1, "Configuration Template base already exists.");
    let call = rig.aws.create_environment().application_name("shop").environment_name("f-login");
    let made = call.template_name("base").version_label("v1").send().await.expect("made");
    let id = made.environment_id.expect("an id");
    rig.aws
        .delete_configuration_template()
        .application_name("shop")
        .template_name("base")
        .send()
        .await
        .expect("gone");
    rig.later(LAUNCH).await;
    assert_eq!(state(&rig.one(&id).await)[0], "Ready");
    assert!(rig.tags(&rig.arn(&id).await).await.contains(&("team".to_owned(), "growth".to_owned())));
    let described =
        rig.aws.describe_configuration_settings().application_name("shop").environment_name("f-login");
    let described = described.send().await.expect("settings");
    let [set] = described.configuration_settings() else { panic!("one set") };
    let value = |name: &str| {
        let found = set.option_settings().iter().find(|option| option.option_name() == Some(name));
        found.and_then(|option| option.value()).map(str::to_owned)
    };
    assert_eq!(value("InstanceType").as_deref(), Some("t3.small"));
    assert_eq!(value("DeploymentPolicy").as_deref(), Some("AllAtOnce"), "defaults are listed too");
    let missing =
        rig.aws.describe_configuration_settings().application_name("shop").template_name("base").send().await;
    assert_eq!(refusal(missing).1, "No Configuration Template named 'shop/base' found.");
}

#[tokio::test(start_paused = true)]
async fn settings_are_pending_then_deployed_and_a_failed_draft_stays() {
    use crate::emulator::world::{Breakage, Stage};
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    let variable = |value: &str| setting("aws:elasticbeanstalk:application:environment", "FLAGS", value);
    let update = |value: &str| {
        rig.aws.update_environment().environment_id(&id).option_settings(variable(value)).send()
    };
    let states = async || {
        let call =
            rig.aws.describe_configuration_settings().application_name("shop").environment_name("f-login");
        let described = call.send().await.expect("settings");
        let word = |set: &aws_sdk_elasticbeanstalk::types::ConfigurationSettingsDescription| {
            set.deployment_status().map_or("", |status| status.as_str()).to_owned()
        };
        described.configuration_settings().iter().map(word).collect::<Vec<_>>()
    };
    update("a").await.expect("accepted");
    assert_eq!(states().await, ["deployed", "pending"]);
    rig.later(UPDATE).await;
    assert_eq!(states().await, ["deployed"]);
    let breakage = Breakage { stage: Stage::Configure, matching: "f-login".to_owned(), times: Some(1) };
    rig.emulator.with(|world| world.breakages.push(breakage));
    update("b").await.expect("accepted");
    rig.later(UPDATE).await;
    assert_eq!(states().await, ["deployed", "failed"]);
    let kept = rig.emulator.with(|world| {
        let environment = &world.environments[&id];
        environment.settings.variables().map(|(_, value)| value.to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(kept, ["a"]);
    let call =
        rig.aws.delete_environment_configuration().application_name("shop").environment_name("f-login");
    call.send().await.expect("the draft is gone");
    assert_eq!(states().await, ["deployed"]);
    let removal = aws_sdk_elasticbeanstalk::types::OptionSpecification::builder()
        .namespace("aws:elasticbeanstalk:application:environment")
        .option_name("FLAGS")
        .build();
    let both = rig.aws.update_environment().environment_id(&id).option_settings(variable("c"));
    assert_eq!(refusal(both.options_to_remove(removal).send().await).0, "InvalidParameterValue");
}

#[tokio::test(start_paused = true)]
async fn settings_can_be_validated_before_they_are_sent() {
    let rig = Rig::new().await;
    let call = rig.aws.validate_configuration_settings().application_name("shop");
    let answer = call
        .option_settings(setting("aws:elasticbeanstalk:command", "Timeout", "1800"))
        .option_settings(setting("aws:elasticbeanstalk:command", "Timout", "1800"))
        .option_settings(setting("aws:elasticbeanstalk:command", "DeploymentPolicy", "Hope"))
        .send()
        .await
        .expect("an answer");
    let wrong: Vec<_> = answer.messages().iter().filter_map(|message| message.option_name()).collect();
    assert_eq!(wrong, ["Timout", "DeploymentPolicy"]);
}

#[tokio::test(start_paused = true)]
async fn quotas_bind_and_applications_go_only_when_nothing_runs_in_them() {
    let rig = Rig::new().await;
    let id = rig.launched("f-login").await;
    rig.emulator.with(|world| world.quotas.environments = 1);
    assert_eq!(refusal(rig.create("f-other").send().await).0, "TooManyEnvironmentsException");
    let quotas = rig.aws.describe_account_attributes().send().await.expect("quotas").resource_quotas;
    let quota = quotas.and_then(|quotas| quotas.environment_quota).and_then(|quota| quota.maximum);
    assert_eq!(quota, Some(1));
    let delete =
        |force| rig.aws.delete_application().application_name("shop").terminate_env_by_force(force).send();
    assert_eq!(refusal(delete(false).await).0, "InvalidParameterValue");
    delete(true).await.expect("accepted");
    assert_eq!(state(&rig.one(&id).await)[0], "Terminating");
    assert_eq!(rig.aws.describe_applications().send().await.expect("a listing").applications().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn platforms_are_found_by_branch() {
    let rig = Rig::new().await;
    let filter = |kind: &str, value: &str| {
        let filter = aws_sdk_elasticbeanstalk::types::PlatformFilter::builder();
        filter.r#type(kind).operator("=").values(value).build()
    };
    let call = rig.aws.list_platform_versions();
    let found = call
        .filters(filter("PlatformBranchName", "Docker running on 64bit Amazon Linux 2023"))
        .filters(filter("PlatformLifecycleState", "Recommended"))
        .send()
        .await
        .expect("platforms");
    let [newest] = found.platform_summary_list() else { panic!("one recommended version of a branch") };
    let arn = newest.platform_arn().expect("an ARN");
    assert!(arn.ends_with("platform/Docker running on 64bit Amazon Linux 2023/4.7.0"), "{arn}");
    let made =
        rig.create("f-login").set_solution_stack_name(None).platform_arn(arn).send().await.expect("made");
    assert_eq!(made.solution_stack_name.as_deref(), Some(STACK));
    let stacks = rig.aws.list_available_solution_stacks().send().await.expect("stacks");
    assert!(stacks.solution_stacks().iter().any(|stack| stack == STACK));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_an_invalid_action_and_misspelt_members_are_refused() {
    let rig = Rig::new().await;
    let absent = rig.aws.describe_environment_health().environment_name("f-login").send().await;
    assert_eq!(refusal(absent).0, "InvalidAction");
    let answer = async |body: &'static [u8]| {
        let request = http::Request::post("http://elasticbeanstalk.eu-central-1.amazonaws.com/")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKID/20260105/eu-central-1/elasticbeanstalk/aws4_request",
            )
            .body(bytes::Bytes::from_static(body))
            .expect("a request");
        let answer = rig.emulator.handle(request).await.expect("an answer");
        let date = answer.headers()["date"].to_str().expect("a date").to_owned();
        (String::from_utf8_lossy(answer.body()).into_owned(), date)
    };
    let (text, date) = answer(b"Action=DescribeEnvironments&EnvironmentName=x").await;
    assert!(text.contains("<Code>ValidationError</Code>") && text.contains("EnvironmentName"), "{text}");
    assert_eq!(date, "Mon, 05 Jan 2026 09:00:00 GMT");
}

#[tokio::test(start_paused = true)]
async fn sts_says_who_one_is() {
    let rig = Rig::new().await;
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(aws_sdk_sts::config::BehaviorVersion::latest())
        .region(aws_sdk_sts::config::Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDTEST", "secret", None, None, "test"))
        .http_client(rig.emulator.http_client())
        .build();
    let who = aws_sdk_sts::Client::from_conf(config).get_caller_identity().send().await.expect("an identity");
    let account = rig.emulator.with(|world| world.account.clone());
    assert_eq!(who.account.as_deref(), Some(account.as_str()));
    assert_eq!(account.len(), 12);
}
