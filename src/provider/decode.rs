//! From the SDK's types, in which everything is optional, to our nouns. What
//! lacks something that decisions rest on is an error, never a default.

use std::collections::BTreeMap;

use aws_sdk_elasticbeanstalk::types::{
    ConfigurationOptionSetting, ConfigurationSettingsDescription, EnvironmentDescription, EventDescription,
    OptionSpecification, Tag,
};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use crate::model::{
    Environment, EnvironmentId, EnvironmentStatus, Health, OptionKey, ServiceEvent, Severity,
};

/// An SDK time; `None` where it cannot be one of ours.
pub(super) fn time(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).ok()?;
    Timestamp::new(time.secs(), nanoseconds).ok()
}

/// One member of a listing; the error names what is missing.
pub(super) fn environment(member: &EnvironmentDescription) -> Result<Environment, String> {
    let id = member.environment_id().filter(|id| !id.is_empty());
    let need = |field: Option<&str>, what: &str| match field {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!("environment {} came without {what}", id.unwrap_or("of unknown id"))),
    };
    let status = need(member.status().map(|status| status.as_str()), "status")?;
    Ok(Environment {
        id: EnvironmentId::new(need(id, "id")?),
        arn: member.environment_arn().map(str::to_owned),
        name: need(member.environment_name(), "name")?.as_str().into(),
        application: need(member.application_name(), "application")?.as_str().into(),
        status: status_word(&status),
        health: health(member.health().map(|health| health.as_str())),
        label: member.version_label().filter(|label| !label.is_empty()).map(Into::into),
        cname: member.cname().filter(|cname| !cname.is_empty()).map(str::to_owned),
        created: member.date_created().and_then(time),
        updated: member.date_updated().and_then(time),
    })
}

fn status_word(word: &str) -> EnvironmentStatus {
    match word {
        "Launching" => EnvironmentStatus::Launching,
        "Updating" => EnvironmentStatus::Updating,
        "Ready" => EnvironmentStatus::Ready,
        "Terminating" => EnvironmentStatus::Terminating,
        "Terminated" => EnvironmentStatus::Terminated,
        other => EnvironmentStatus::Other(other.to_owned()),
    }
}

fn health(colour: Option<&str>) -> Health {
    match colour {
        Some("Green") => Health::Green,
        Some("Yellow") => Health::Yellow,
        Some("Red") => Health::Red,
        Some("Grey") => Health::Grey,
        _ => Health::Unknown,
    }
}

/// One event; one without time or words tells nothing and is left out.
pub(super) fn event(member: &EventDescription) -> Option<ServiceEvent> {
    Some(ServiceEvent {
        at: time(member.event_date()?)?,
        environment: member.environment_name().map(Into::into),
        request: member.request_id().map(Into::into),
        severity: match member.severity().map(|severity| severity.as_str()) {
            Some("TRACE") => Severity::Trace,
            Some("DEBUG") => Severity::Debug,
            Some("WARN") => Severity::Warn,
            Some("ERROR") => Severity::Error,
            Some("FATAL") => Severity::Fatal,
            _ => Severity::Info,
        },
        message: member.message()?.to_owned(),
    })
}

/// The options of the set that is in force: a draft that failed to deploy
/// stays listed beside it (AWS API `DescribeConfigurationSettings`).
pub(super) fn deployed(
    sets: &[ConfigurationSettingsDescription],
) -> Result<BTreeMap<OptionKey, String>, String> {
    let status = |set: &ConfigurationSettingsDescription| {
        set.deployment_status().map(|status| status.as_str().to_owned())
    };
    let set = match sets {
        [] => return Err("no settings came".to_owned()),
        [only] => only,
        many => many
            .iter()
            .find(|set| status(set).as_deref() == Some("deployed"))
            .ok_or("several sets of settings came, and none of them is deployed")?,
    };
    // Scheduled actions are the one namespace where a name occurs once per
    // resource.
    let ours =
        |option: &&ConfigurationOptionSetting| option.namespace() != Some("aws:autoscaling:scheduledaction");
    let pair = |option: &ConfigurationOptionSetting| {
        let key = OptionKey::new(option.namespace()?, option.option_name()?);
        Some((key, option.value()?.to_owned()))
    };
    Ok(set.option_settings().iter().filter(ours).filter_map(pair).collect())
}

/// Options as a request has them.
pub(super) fn settings(options: &BTreeMap<OptionKey, String>) -> Option<Vec<ConfigurationOptionSetting>> {
    let one = |(key, value): (&OptionKey, &String)| {
        ConfigurationOptionSetting::builder()
            .namespace(&key.namespace)
            .option_name(&key.name)
            .value(value)
            .build()
    };
    (!options.is_empty()).then(|| options.iter().map(one).collect())
}

/// Options that a request removes.
pub(super) fn removals<'a>(keys: impl Iterator<Item = &'a OptionKey>) -> Option<Vec<OptionSpecification>> {
    let list: Vec<_> = keys
        .map(|key| OptionSpecification::builder().namespace(&key.namespace).option_name(&key.name).build())
        .collect();
    (!list.is_empty()).then_some(list)
}

/// Tags as a request has them.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Option<Vec<Tag>> {
    let one = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    (!tags.is_empty()).then(|| tags.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticbeanstalk::types::{
        ConfigurationDeploymentStatus, EnvironmentHealth, EnvironmentStatus as SdkStatus,
    };

    use super::*;

    fn member() -> aws_sdk_elasticbeanstalk::types::builders::EnvironmentDescriptionBuilder {
        EnvironmentDescription::builder()
            .environment_id("e-abcdefghij")
            .environment_name("f-login")
            .application_name("shop")
            .status(SdkStatus::Ready)
            .health(EnvironmentHealth::Green)
    }

    #[test]
    fn a_member_becomes_an_environment() {
        let made = environment(
            &member().version_label("v1").date_updated(DateTime::from_secs_and_nanos(7, 5)).build(),
        )
        .unwrap();
        assert_eq!(made.id.as_str(), "e-abcdefghij");
        assert_eq!((made.status, made.health), (EnvironmentStatus::Ready, Health::Green));
        assert_eq!(made.label.unwrap().as_str(), "v1");
        assert_eq!(made.updated, Timestamp::new(7, 5).ok());
        assert_eq!(made.cname, None);
    }

    #[test]
    fn a_member_without_what_decisions_rest_on_is_an_error() {
        let cases = [
            (member().set_environment_id(None), "id"),
            (member().environment_id(""), "id"),
            (member().set_environment_name(None), "name"),
            (member().set_application_name(None), "application"),
            (member().set_status(None), "status"),
        ];
        for (broken, what) in cases {
            let why = environment(&broken.build()).unwrap_err();
            assert!(why.ends_with(&format!("without {what}")), "{why}");
        }
    }

    #[test]
    fn a_status_that_nobody_knows_is_kept_as_a_word() {
        let made = environment(&member().status("Pondering".into()).build()).unwrap();
        assert_eq!(made.status, EnvironmentStatus::Other("Pondering".to_owned()));
        let made = environment(&member().status(SdkStatus::Aborting).build()).unwrap();
        assert_eq!(made.status, EnvironmentStatus::Other("Aborting".to_owned()));
    }

    #[test]
    fn the_deployed_set_wins_over_a_failed_draft() {
        let set = |status: ConfigurationDeploymentStatus, value: &str| {
            ConfigurationSettingsDescription::builder()
                .deployment_status(status)
                .option_settings(
                    ConfigurationOptionSetting::builder()
                        .namespace("a:b")
                        .option_name("C")
                        .value(value)
                        .build(),
                )
                .build()
        };
        let both = [
            set(ConfigurationDeploymentStatus::Failed, "draft"),
            set(ConfigurationDeploymentStatus::Deployed, "real"),
        ];
        assert_eq!(deployed(&both).unwrap()[&OptionKey::new("a:b", "C")], "real");
        assert!(deployed(&[]).is_err());
        assert!(deployed(&[both[0].clone(), both[0].clone()]).is_err());
    }

    #[test]
    fn an_event_without_words_is_left_out() {
        assert_eq!(event(&EventDescription::builder().message("x").build()), None);
        let made = event(
            &EventDescription::builder()
                .message("x")
                .event_date(DateTime::from_secs(1))
                .severity("ERROR".into())
                .request_id("r")
                .build(),
        )
        .unwrap();
        assert_eq!(made.severity, Severity::Error);
        assert_eq!(made.request.unwrap().as_str(), "r");
    }
}
