//! Configuration options: the ones we know, their defaults, and what is refused about the rest.
//!
//! Real platforms know hundreds; these are the ones that test environments set, each with its documented default
//! (developer guide, "General options for all environments" and "Platform specific options").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire::{Form, Refusal, Xml};

/// Environment variables of the application: any name is an option here.
pub(crate) const VARIABLES: &str = "aws:elasticbeanstalk:application:environment";
const SECRETS: &str = "aws:elasticbeanstalk:application:environmentsecrets";
const SCHEDULED: &str = "aws:autoscaling:scheduledaction";
/// Namespace of instances: profile, type, key.
pub(crate) const LAUNCH: &str = "aws:autoscaling:launchconfiguration";
/// Namespace of the environment itself: type, service role.
pub(crate) const ENVIRONMENT: &str = "aws:elasticbeanstalk:environment";
/// Longest sum of names and values of variables (developer guide, "Environment properties and other software settings").
const VARIABLES_LIMIT: usize = 4096;

/// Namespace, name, default: what a platform has when nobody says otherwise. An empty default is not listed.
const KNOWN: &[(&str, &str, &str)] = &[
    ("aws:autoscaling:asg", "Availability Zones", "Any"),
    ("aws:autoscaling:asg", "Cooldown", "360"),
    ("aws:autoscaling:asg", "Custom Availability Zones", ""),
    ("aws:autoscaling:asg", "MaxSize", "4"),
    ("aws:autoscaling:asg", "MinSize", "1"),
    (LAUNCH, "BlockDeviceMappings", ""),
    (LAUNCH, "DisableIMDSv1", "true"),
    (LAUNCH, "EC2KeyName", ""),
    (LAUNCH, "IamInstanceProfile", ""),
    (LAUNCH, "ImageId", ""),
    (LAUNCH, "InstanceType", "t3.micro"),
    (LAUNCH, "MonitoringInterval", "5 minute"),
    (LAUNCH, "RootVolumeSize", ""),
    (LAUNCH, "RootVolumeType", ""),
    (LAUNCH, "SSHSourceRestriction", "tcp,22,22,0.0.0.0/0"),
    (LAUNCH, "SecurityGroups", ""),
    (LAUNCH, "LaunchTemplateTagPropagationEnabled", "false"),
    ("aws:autoscaling:trigger", "BreachDuration", "5"),
    ("aws:autoscaling:trigger", "LowerThreshold", "2000000"),
    ("aws:autoscaling:trigger", "MeasureName", "NetworkOut"),
    ("aws:autoscaling:trigger", "UpperThreshold", "6000000"),
    ("aws:autoscaling:updatepolicy:rollingupdate", "RollingUpdateEnabled", "false"),
    ("aws:autoscaling:updatepolicy:rollingupdate", "RollingUpdateType", "Time"),
    ("aws:ec2:instances", "EnableSpot", "false"),
    ("aws:ec2:instances", "InstanceTypes", "t3.micro,t3.small"),
    ("aws:ec2:instances", "SupportedArchitectures", ""),
    ("aws:ec2:vpc", "AssociatePublicIpAddress", ""),
    ("aws:ec2:vpc", "DBSubnets", ""),
    ("aws:ec2:vpc", "ELBScheme", "public"),
    ("aws:ec2:vpc", "ELBSubnets", ""),
    ("aws:ec2:vpc", "Subnets", ""),
    ("aws:ec2:vpc", "VPCId", ""),
    ("aws:elasticbeanstalk:application", "Application Healthcheck URL", ""),
    ("aws:elasticbeanstalk:cloudwatch:logs", "DeleteOnTerminate", "false"),
    ("aws:elasticbeanstalk:cloudwatch:logs", "RetentionInDays", "7"),
    ("aws:elasticbeanstalk:cloudwatch:logs", "StreamLogs", "false"),
    ("aws:elasticbeanstalk:command", "BatchSize", "100"),
    ("aws:elasticbeanstalk:command", "BatchSizeType", "Percentage"),
    ("aws:elasticbeanstalk:command", "DeploymentPolicy", "AllAtOnce"),
    ("aws:elasticbeanstalk:command", "IgnoreHealthCheck", "false"),
    ("aws:elasticbeanstalk:command", "Timeout", "600"),
    ("aws:elasticbeanstalk:control", "DefaultSSHPort", "22"),
    ("aws:elasticbeanstalk:control", "LaunchTimeout", "0"),
    ("aws:elasticbeanstalk:control", "RollbackLaunchOnFailure", "false"),
    (ENVIRONMENT, "EnvironmentType", "LoadBalanced"),
    (ENVIRONMENT, "ExternalExtensionsS3Bucket", ""),
    (ENVIRONMENT, "LoadBalancerIsShared", "false"),
    (ENVIRONMENT, "LoadBalancerType", "classic"),
    (ENVIRONMENT, "ServiceRole", ""),
    ("aws:elasticbeanstalk:environment:process:default", "HealthCheckPath", "/"),
    ("aws:elasticbeanstalk:environment:process:default", "Port", "80"),
    ("aws:elasticbeanstalk:environment:process:default", "Protocol", "HTTP"),
    ("aws:elasticbeanstalk:environment:proxy", "ProxyServer", "nginx"),
    ("aws:elasticbeanstalk:healthreporting:system", "ConfigDocument", ""),
    ("aws:elasticbeanstalk:healthreporting:system", "HealthCheckSuccessThreshold", "Ok"),
    ("aws:elasticbeanstalk:healthreporting:system", "SystemType", "enhanced"),
    ("aws:elasticbeanstalk:hostmanager", "LogPublicationControl", "false"),
    ("aws:elasticbeanstalk:managedactions", "ManagedActionsEnabled", "false"),
    ("aws:elasticbeanstalk:managedactions", "PreferredStartTime", ""),
    ("aws:elasticbeanstalk:managedactions:platformupdate", "UpdateLevel", ""),
    ("aws:elasticbeanstalk:sns:topics", "Notification Endpoint", ""),
    ("aws:elasticbeanstalk:sns:topics", "Notification Protocol", "email"),
    ("aws:elasticbeanstalk:sns:topics", "Notification Topic ARN", ""),
    ("aws:elasticbeanstalk:xray", "XRayEnabled", "false"),
    ("aws:elb:policies", "ConnectionDrainingEnabled", "false"),
    ("aws:elbv2:listener:default", "ListenerEnabled", "true"),
    ("aws:elbv2:listener:443", "ListenerEnabled", "true"),
    ("aws:elbv2:listener:443", "Protocol", ""),
    ("aws:elbv2:listener:443", "SSLCertificateArns", ""),
    ("aws:elbv2:loadbalancer", "SecurityGroups", ""),
    ("aws:elbv2:loadbalancer", "SharedLoadBalancer", ""),
    ("aws:rds:dbinstance", "DBEngine", ""),
    ("aws:rds:dbinstance", "DBInstanceClass", ""),
    ("aws:rds:dbinstance", "DBPassword", ""),
    ("aws:rds:dbinstance", "DBUser", ""),
    ("aws:rds:dbinstance", "HasCoupledDatabase", "false"),
];

/// Namespace, name and, for scheduled actions alone, the resource that an option belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OptionKey {
    /// Such as `aws:autoscaling:launchconfiguration`.
    pub namespace: String,
    /// Such as `InstanceType`.
    pub name: String,
    /// ResourceName.
    pub resource: Option<String>,
}

/// Settings by option, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options(#[serde(with = "super::pairs")] BTreeMap<OptionKey, String>);

impl Options {
    /// The value of an option that is no scheduled action's.
    pub fn get(&self, namespace: &str, name: &str) -> Option<&str> {
        let key = OptionKey { namespace: namespace.to_owned(), name: name.to_owned(), resource: None };
        self.0.get(&key).map(String::as_str)
    }

    /// The names and values of the application's variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter(|(key, _)| key.namespace == VARIABLES)
            .map(|(key, value)| (key.name.as_str(), value.as_str()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over all of `other`, which wins.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            self.0.insert(key.clone(), value.clone());
        }
    }

    /// Drops options, which go back to their defaults.
    pub(crate) fn remove(&mut self, keys: &[OptionKey]) {
        for key in keys {
            self.0.remove(key);
        }
    }

    /// These settings over the platform's defaults, as DescribeConfigurationSettings shows them.
    pub(crate) fn over_defaults(&self) -> Self {
        let mut all = Self::default();
        for (namespace, name, value) in KNOWN.iter().filter(|(_, _, value)| !value.is_empty()) {
            let key =
                OptionKey { namespace: (*namespace).to_owned(), name: (*name).to_owned(), resource: None };
            all.0.insert(key, (*value).to_owned());
        }
        all.merge(self);
        all
    }

    /// Reads `OptionSettings` and refuses what no platform knows.
    pub(crate) fn read(form: &Form) -> Result<Self, Refusal> {
        let mut options = BTreeMap::new();
        for prefix in form.members("OptionSettings") {
            let key = read_key(form, &prefix)?;
            let value = form.fields().get(&format!("{prefix}.Value")).cloned().unwrap_or_default();
            check(&key, &value)?;
            options.insert(key, value);
        }
        Ok(Self(options))
    }

    /// Reads `OptionsToRemove`, which must not name what `OptionSettings` sets.
    pub(crate) fn read_removals(form: &Form, set: &Self) -> Result<Vec<OptionKey>, Refusal> {
        let mut keys = Vec::new();
        for prefix in form.members("OptionsToRemove") {
            let key = read_key(form, &prefix)?;
            check(&key, "")?;
            if set.0.contains_key(&key) {
                return Err(Refusal::value(format!(
                    "Invalid option specification (Namespace: '{}', OptionName: '{}'): You cannot set and remove an option in one call.",
                    key.namespace, key.name
                )));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// Refuses variables that are too long together.
    pub(crate) fn check_size(&self) -> Result<(), Refusal> {
        let size: usize = self.variables().map(|(name, value)| name.len() + value.len()).sum();
        if size <= VARIABLES_LIMIT {
            return Ok(());
        }
        Err(Refusal::value(format!(
            "Invalid option value: The combined size of the environment properties is {size} bytes; the limit is {VARIABLES_LIMIT}."
        )))
    }

    /// Writes the list `OptionSettings`.
    pub(crate) fn write(&self, xml: &mut Xml) {
        xml.list("OptionSettings", &self.0, |xml, (key, value)| {
            xml.put_some("ResourceName", key.resource.as_deref());
            xml.put("Namespace", &key.namespace);
            xml.put("OptionName", &key.name);
            xml.put("Value", value);
        });
    }
}

/// Writes the list `Options` of DescribeConfigurationOptions.
pub(crate) fn write_known(xml: &mut Xml) {
    xml.list("Options", KNOWN, |xml, (namespace, name, value)| {
        xml.put("Namespace", namespace);
        xml.put("Name", name);
        if !value.is_empty() {
            xml.put("DefaultValue", value);
        }
        xml.put("ChangeSeverity", if *namespace == LAUNCH { "RestartEnvironment" } else { "NoInterruption" });
        xml.put("UserDefined", "false");
        xml.put("ValueType", "Scalar");
    });
}

/// What ValidateConfigurationSettings would say of each setting of a request: none, or the refusal's message.
pub(crate) fn complaints(form: &Form) -> Result<Vec<(OptionKey, String)>, Refusal> {
    let mut found = Vec::new();
    for prefix in form.members("OptionSettings") {
        let key = read_key(form, &prefix)?;
        let value = form.fields().get(&format!("{prefix}.Value")).cloned().unwrap_or_default();
        if let Err(refusal) = check(&key, &value) {
            found.push((key, refusal.message));
        }
    }
    Ok(found)
}

fn read_key(form: &Form, prefix: &str) -> Result<OptionKey, Refusal> {
    Ok(OptionKey {
        namespace: form.required(&format!("{prefix}.Namespace"))?.to_owned(),
        name: form.required(&format!("{prefix}.OptionName"))?.to_owned(),
        resource: form.text(&format!("{prefix}.ResourceName")),
    })
}

fn check(key: &OptionKey, value: &str) -> Result<(), Refusal> {
    let OptionKey { namespace, name, .. } = key;
    let open = [VARIABLES, SECRETS, SCHEDULED].contains(&namespace.as_str());
    if !open && !KNOWN.iter().any(|(n, o, _)| n == namespace && o == name) {
        return Err(Refusal::value(format!(
            "Invalid option specification (Namespace: '{namespace}', OptionName: '{name}'): Unknown configuration setting."
        )));
    }
    let choices: &[&str] = match (namespace.as_str(), name.as_str()) {
        (ENVIRONMENT, "EnvironmentType") => &["LoadBalanced", "SingleInstance"],
        (ENVIRONMENT, "LoadBalancerType") => &["classic", "application", "network"],
        ("aws:elasticbeanstalk:healthreporting:system", "SystemType") => &["basic", "enhanced"],
        ("aws:elasticbeanstalk:command", "DeploymentPolicy") => {
            &["AllAtOnce", "Rolling", "RollingWithAdditionalBatch", "Immutable", "TrafficSplitting"]
        }
        _ => return check_numbers(key, value),
    };
    if value.is_empty() || choices.contains(&value) {
        return Ok(());
    }
    Err(Refusal::value(format!(
        "Invalid option value: '{value}' (Namespace: '{namespace}', OptionName: '{name}'): Value is not one of the allowed values: [{}]",
        choices.join(", ")
    )))
}

fn check_numbers(key: &OptionKey, value: &str) -> Result<(), Refusal> {
    let (least, most) = match (key.namespace.as_str(), key.name.as_str()) {
        ("aws:elasticbeanstalk:command", "Timeout") => (1, 3600),
        ("aws:autoscaling:asg", "MinSize" | "MaxSize") => (1, 10_000),
        _ => return Ok(()),
    };
    if value.is_empty() || value.parse::<u32>().is_ok_and(|number| (least..=most).contains(&number)) {
        return Ok(());
    }
    Err(Refusal::value(format!(
        "Invalid option value: '{value}' (Namespace: '{}', OptionName: '{}'): Value must be a number from {least} to {most}",
        key.namespace, key.name
    )))
}
