//! Questions to Elastic Beanstalk.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{decode, platform};
use crate::aws::{CallError, Clients, Dated, call, refused};
use crate::model::{
    Address, ApplicationName, Environment, EnvironmentId, EnvironmentName, OptionKey, RefusalClass,
    ServiceEvent, VersionLabel,
};

/// Most records that one page may have (AWS API `DescribeEnvironments`).
const PAGE: i32 = 1000;
/// Most pages of a listing that are followed: a million environments are a
/// loop, not an account.
const MOST_PAGES: usize = 1000;
/// Most pages of events that are read at once.
const EVENT_PAGES: usize = 3;

/// Elastic Beanstalk in one account and region.
#[derive(Clone, Debug)]
pub struct Beanstalk {
    pub(super) clients: Clients,
}

/// Every environment that the account shows, with those terminated of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// By id: of one name there may be a live one and terminated ones.
    pub environments: BTreeMap<EnvironmentId, Environment>,
}

/// Where an application version's bundle lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionSource {
    /// Bucket, if the version has a bundle at all.
    pub bucket: Option<String>,
    /// Key.
    pub key: Option<String>,
}

impl Beanstalk {
    /// Over these clients.
    pub fn new(clients: Clients) -> Self {
        Self { clients }
    }

    /// One unfiltered listing, all pages of it. The date is that of the first
    /// page: nothing in the listing is older. A page that fails or repeats a
    /// token, a member that cannot be read or an id that comes twice makes
    /// the whole listing an error, because what it lacks would look gone.
    pub async fn listing(&self) -> Result<Dated<Listing>, CallError> {
        let mut environments = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut date = None;
        let mut token: Option<String> = None;
        for page in 0..MOST_PAGES {
            let answer = call(
                self.clients
                    .beanstalk
                    .describe_environments()
                    .max_records(PAGE)
                    .set_next_token(token.take())
                    .send(),
            )
            .await?;
            if page == 0 {
                date = answer.date;
            }
            for member in answer.value.environments() {
                let environment = decode::environment(member).map_err(unreadable)?;
                let id = environment.id.clone();
                if environments.insert(id.clone(), environment).is_some() {
                    return Err(unreadable(format!("environment {id} came twice in one listing")));
                }
            }
            match answer.value.next_token.filter(|next| !next.is_empty()) {
                None => return Ok(Dated { value: Listing { environments }, date }),
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(unreadable("the listing's pages go in circles")),
            }
        }
        Err(unreadable("the listing does not end"))
    }

    /// One environment by id, deleted ones included; `None`: the answer came
    /// and does not have it, which proves nothing (AWS leaves out what the
    /// caller may not see).
    pub async fn by_id(&self, id: &EnvironmentId) -> Result<Option<Environment>, CallError> {
        Ok(self.by_ids(std::slice::from_ref(id)).await?.remove(id))
    }

    /// Environments by id, deleted ones included; ids that the answer lacks
    /// are left out of the map.
    pub async fn by_ids(
        &self,
        ids: &[EnvironmentId],
    ) -> Result<BTreeMap<EnvironmentId, Environment>, CallError> {
        let mut found = BTreeMap::new();
        for some in ids.chunks(100) {
            let request = self
                .clients
                .beanstalk
                .describe_environments()
                .include_deleted(true)
                .set_environment_ids(Some(some.iter().map(ToString::to_string).collect()));
            let answer = call(request.send()).await?.value;
            for member in answer.environments() {
                let environment = decode::environment(member).map_err(unreadable)?;
                // An answer about somebody else is no answer.
                if some.contains(&environment.id) {
                    found.insert(environment.id.clone(), environment);
                }
            }
        }
        Ok(found)
    }

    /// All tags of a resource. They may lag a minute behind a change, and
    /// are empty for a caller who may not see them.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
        let request = self.clients.beanstalk.list_tags_for_resource().resource_arn(arn);
        let answer = call(request.send()).await?.value;
        let pair = |tag: &aws_sdk_elasticbeanstalk::types::Tag| {
            Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
        };
        Ok(answer.resource_tags().iter().filter_map(pair).collect())
    }

    /// Events of all environments since a time (inclusive), newest first:
    /// the newest 3,000 at most. They may come late, twice and out of order.
    pub async fn events_since(&self, since: Timestamp) -> Result<Vec<ServiceEvent>, CallError> {
        let start = aws_smithy_types::DateTime::from_secs_and_nanos(
            since.as_second(),
            u32::try_from(since.subsec_nanosecond()).unwrap_or(0),
        );
        let mut events = Vec::new();
        let mut token = None;
        for _ in 0..EVENT_PAGES {
            let request = self
                .clients
                .beanstalk
                .describe_events()
                .start_time(start)
                .max_records(PAGE)
                .set_next_token(token);
            let answer = call(request.send()).await?.value;
            events.extend(answer.events().iter().filter_map(decode::event));
            token = answer.next_token.filter(|next| !next.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(events)
    }

    /// The options in force on an environment. They hold the variables'
    /// values: never to be shown or logged.
    pub async fn options(
        &self,
        application: &ApplicationName,
        environment: &EnvironmentName,
    ) -> Result<BTreeMap<OptionKey, String>, CallError> {
        let request = self
            .clients
            .beanstalk
            .describe_configuration_settings()
            .application_name(application.as_str())
            .environment_name(environment.as_str());
        let answer = call(request.send()).await?.value;
        decode::deployed(answer.configuration_settings()).map_err(unreadable)
    }

    /// The errors that Beanstalk would have with these options on top of a
    /// saved configuration; warnings are left out. There is no dry run of
    /// options on a bare platform.
    pub async fn validate(
        &self,
        application: &ApplicationName,
        template: &str,
        options: &BTreeMap<OptionKey, String>,
    ) -> Result<Vec<String>, CallError> {
        let request = self
            .clients
            .beanstalk
            .validate_configuration_settings()
            .application_name(application.as_str())
            .template_name(template)
            .set_option_settings(Some(decode::settings(options).unwrap_or_default()));
        let answer = call(request.send()).await?.value;
        let error = |message: &aws_sdk_elasticbeanstalk::types::ValidationMessage| {
            let is_error = message.severity().is_some_and(|severity| severity.as_str() == "error");
            is_error.then(|| {
                let place = match (message.namespace(), message.option_name()) {
                    (Some(namespace), Some(name)) => format!("{namespace} {name}: "),
                    _ => String::new(),
                };
                format!("{place}{}", message.message().unwrap_or("refused without a reason"))
            })
        };
        Ok(answer.messages().iter().filter_map(error).collect())
    }

    /// Whether a CNAME prefix is free, and the full name that it gives. All
    /// AWS customers of the region share the prefixes, so the answer is
    /// advice.
    pub async fn address(&self, prefix: &str) -> Result<Address, CallError> {
        let request = self.clients.beanstalk.check_dns_availability().cname_prefix(prefix);
        let answer = call(request.send()).await?.value;
        match (answer.available, answer.fully_qualified_cname) {
            (Some(available), Some(host)) if !host.is_empty() => Ok(Address { available, host }),
            _ => Err(unreadable("the answer about the address is incomplete")),
        }
    }

    /// Turns what the settings call a platform into what a request takes: an
    /// ARN or a solution stack's name stays, a branch such as `Docker on
    /// AL2023` becomes its newest solution stack.
    pub async fn resolve_platform(&self, wanted: &str) -> Result<String, CallError> {
        if wanted.starts_with("arn:") {
            return Ok(wanted.to_owned());
        }
        let answer = call(self.clients.beanstalk.list_available_solution_stacks().send()).await?;
        platform::pick(wanted, answer.value.solution_stacks())
            .map_err(|why| refused(RefusalClass::Invalid, why))
    }

    /// Whether an application is there, or is not to be seen.
    pub async fn application_exists(&self, name: &ApplicationName) -> Result<bool, CallError> {
        let request = self.clients.beanstalk.describe_applications().application_names(name.as_str());
        let answer = call(request.send()).await?.value;
        Ok(answer.applications().iter().any(|one| one.application_name() == Some(name.as_str())))
    }

    /// Versions by label, with where their bundles lie; labels that are not
    /// there are left out. All versions of the application for no labels.
    pub async fn versions(
        &self,
        application: &ApplicationName,
        labels: &[VersionLabel],
    ) -> Result<BTreeMap<VersionLabel, VersionSource>, CallError> {
        let mut found = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut token: Option<String> = None;
        let wanted = (!labels.is_empty()).then(|| labels.iter().map(ToString::to_string).collect());
        loop {
            let request = self
                .clients
                .beanstalk
                .describe_application_versions()
                .application_name(application.as_str())
                .set_version_labels(wanted.clone())
                .max_records(PAGE)
                .set_next_token(token.take());
            let answer = call(request.send()).await?.value;
            for version in answer.application_versions() {
                let Some(label) = version.version_label() else { continue };
                let bundle = version.source_bundle();
                let source = VersionSource {
                    bucket: bundle.and_then(|bundle| bundle.s3_bucket()).map(str::to_owned),
                    key: bundle.and_then(|bundle| bundle.s3_key()).map(str::to_owned),
                };
                found.insert(VersionLabel::new(label), source);
            }
            match answer.next_token.filter(|next| !next.is_empty()) {
                None => return Ok(found),
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(unreadable("the versions' pages go in circles")),
            }
        }
    }
}

/// The answer came and cannot be used.
pub(super) fn unreadable(why: impl Into<String>) -> CallError {
    CallError::Unknown { why: why.into() }
}
