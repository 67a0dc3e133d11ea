//! Elastic Beanstalk's operations, version 2010-12-01, one table: name, the members that its request may have, handler.
//!
//! Members follow the API reference of each operation. A member that is not in the table is refused, so that a
//! misspelt request shows; an operation that is not in it is `InvalidAction`, never a success.

mod account;
mod applications;
mod create;
mod describe;
mod events;
mod page;
mod platforms;
mod tags;
mod templates;
mod update;
mod versions;

use super::requests::Request;
use super::wire::{Refusal, Xml};
use super::world::World;

/// What a handler gives: the inside of the result element, or nothing for operations without output.
pub(crate) type Outcome = Result<Option<Xml>, Refusal>;
type Handler = fn(&mut World, &mut Request) -> Outcome;

const SETTING: [&str; 4] = [
    "OptionSettings.member.*.ResourceName",
    "OptionSettings.member.*.Namespace",
    "OptionSettings.member.*.OptionName",
    "OptionSettings.member.*.Value",
];
const REMOVAL: [&str; 3] = [
    "OptionsToRemove.member.*.ResourceName",
    "OptionsToRemove.member.*.Namespace",
    "OptionsToRemove.member.*.OptionName",
];
const TAGS: [&str; 2] = ["Tags.member.*.Key", "Tags.member.*.Value"];
const TIER: [&str; 3] = ["Tier.Name", "Tier.Type", "Tier.Version"];
const BUNDLE: [&str; 2] = ["SourceBundle.S3Bucket", "SourceBundle.S3Key"];
const ONE: [&str; 2] = ["EnvironmentId", "EnvironmentName"];
const PAGES: [&str; 2] = ["MaxRecords", "NextToken"];

/// The operation's handler and the groups of members that it takes.
fn operation(name: &str) -> Option<(Handler, Vec<&'static [&'static str]>)> {
    Some(match name {
        "CreateApplication" => (applications::create, vec![&["ApplicationName", "Description"], &TAGS]),
        "DescribeApplications" => (applications::describe, vec![&["ApplicationNames.member.*"]]),
        "DeleteApplication" => (applications::delete, vec![&["ApplicationName", "TerminateEnvByForce"]]),
        "CreateApplicationVersion" => (
            versions::create,
            vec![
                &["ApplicationName", "VersionLabel", "Description", "AutoCreateApplication", "Process"],
                &BUNDLE,
                &TAGS,
            ],
        ),
        "DescribeApplicationVersions" => {
            (versions::describe, vec![&["ApplicationName", "VersionLabels.member.*"], &PAGES])
        }
        "DeleteApplicationVersion" => {
            (versions::delete, vec![&["ApplicationName", "VersionLabel", "DeleteSourceBundle"]])
        }
        "CreateEnvironment" => (
            create::create,
            vec![
                &["ApplicationName", "EnvironmentName", "GroupName", "Description", "CNAMEPrefix"],
                &["VersionLabel", "TemplateName", "SolutionStackName", "PlatformArn"],
                &TIER,
                &TAGS,
                &SETTING,
                &REMOVAL,
            ],
        ),
        "UpdateEnvironment" => (
            update::update,
            vec![
                &["ApplicationName", "GroupName", "Description"],
                &["VersionLabel", "TemplateName", "SolutionStackName", "PlatformArn"],
                &ONE,
                &TIER,
                &SETTING,
                &REMOVAL,
            ],
        ),
        "TerminateEnvironment" => (update::terminate, vec![&["TerminateResources", "ForceTerminate"], &ONE]),
        "AbortEnvironmentUpdate" => (update::abort, vec![&ONE]),
        "RestartAppServer" => (update::restart, vec![&ONE]),
        "RebuildEnvironment" => (update::rebuild, vec![&ONE]),
        "SwapEnvironmentCNAMEs" => (
            update::swap,
            vec![&[
                "SourceEnvironmentId",
                "SourceEnvironmentName",
                "DestinationEnvironmentId",
                "DestinationEnvironmentName",
            ]],
        ),
        "DescribeEnvironments" => (
            describe::describe,
            vec![
                &["ApplicationName", "VersionLabel", "IncludeDeleted", "IncludedDeletedBackTo"],
                &["EnvironmentIds.member.*", "EnvironmentNames.member.*"],
                &PAGES,
            ],
        ),
        "DescribeEvents" => (
            events::describe,
            vec![
                &["ApplicationName", "VersionLabel", "TemplateName", "PlatformArn", "RequestId"],
                &["Severity", "StartTime", "EndTime"],
                &ONE,
                &PAGES,
            ],
        ),
        _ => return configuration(name),
    })
}

/// Tags, configuration and what belongs to the account.
fn configuration(name: &str) -> Option<(Handler, Vec<&'static [&'static str]>)> {
    Some(match name {
        "ListTagsForResource" => (tags::list, vec![&["ResourceArn"]]),
        "UpdateTagsForResource" => (
            tags::update,
            vec![&[
                "ResourceArn",
                "TagsToAdd.member.*.Key",
                "TagsToAdd.member.*.Value",
                "TagsToRemove.member.*",
            ]],
        ),
        "CreateConfigurationTemplate" => (
            templates::create,
            vec![
                &["ApplicationName", "TemplateName", "SolutionStackName", "PlatformArn", "EnvironmentId"],
                &["Description", "SourceConfiguration.ApplicationName", "SourceConfiguration.TemplateName"],
                &SETTING,
                &TAGS,
            ],
        ),
        "DeleteConfigurationTemplate" => (templates::delete, vec![&["ApplicationName", "TemplateName"]]),
        "DescribeConfigurationSettings" => {
            (templates::describe, vec![&["ApplicationName", "TemplateName", "EnvironmentName"]])
        }
        "DescribeConfigurationOptions" => (
            templates::options,
            vec![&[
                "ApplicationName",
                "TemplateName",
                "EnvironmentName",
                "SolutionStackName",
                "PlatformArn",
                "Options.member.*.Namespace",
                "Options.member.*.OptionName",
                "Options.member.*.ResourceName",
            ]],
        ),
        "ValidateConfigurationSettings" => {
            (templates::validate, vec![&["ApplicationName", "TemplateName", "EnvironmentName"], &SETTING])
        }
        "DeleteEnvironmentConfiguration" => {
            (templates::delete_draft, vec![&["ApplicationName", "EnvironmentName"]])
        }
        "CheckDNSAvailability" => (account::check_dns, vec![&["CNAMEPrefix"]]),
        "CreateStorageLocation" => (account::create_storage, vec![]),
        "ListAvailableSolutionStacks" => (platforms::stacks, vec![]),
        "ListPlatformVersions" => (
            platforms::versions,
            vec![
                &["Filters.member.*.Type", "Filters.member.*.Operator", "Filters.member.*.Values.member.*"],
                &PAGES,
            ],
        ),
        "DescribeAccountAttributes" => (account::attributes, vec![]),
        _ => return None,
    })
}

/// Carries out one call.
pub(crate) fn dispatch(world: &mut World, request: &mut Request) -> Outcome {
    let Some((handler, groups)) = operation(&request.operation) else {
        return Err(Refusal::new(
            "InvalidAction",
            format!("Could not find operation {} for version 2010-12-01", request.operation),
        ));
    };
    let known: Vec<&str> = groups.into_iter().flatten().copied().collect();
    if let Some(stranger) = request.form.stranger(&known) {
        return Err(Refusal::validation(format!(
            "{} does not take the member '{stranger}'.",
            request.operation
        )));
    }
    handler(world, request)
}

/// A name of 1 to 100 characters without a slash: applications, versions and templates alike.
fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    if name.chars().count() <= 100 && !name.contains('/') {
        return Ok(());
    }
    Err(Refusal::value(format!(
        "Value {name} at '{field}' failed to satisfy constraint: Member must have 1 to 100 characters and no '/'"
    )))
}

/// A length that the model bounds.
fn check_length(field: &str, text: &str, least: usize, most: usize) -> Result<(), Refusal> {
    let length = text.chars().count();
    let bound = if length < least {
        format!("greater than or equal to {least}")
    } else if length > most {
        format!("less than or equal to {most}")
    } else {
        return Ok(());
    };
    Err(Refusal::validation(format!(
        "1 validation error detected: Value '{text}' at '{field}' failed to satisfy constraint: Member must have length {bound}"
    )))
}
