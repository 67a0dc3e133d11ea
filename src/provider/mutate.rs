//! Requests to Elastic Beanstalk that change something. Each is complete when
//! it comes here and is sent once.

use std::collections::BTreeMap;

use aws_sdk_elasticbeanstalk::types::S3Location;
use aws_types::request_id::RequestId as _;

use super::beanstalk::{Beanstalk, VersionSource};
use super::decode;
use super::proof::{AdoptableOrphan, MayEnd};
use crate::aws::{CallError, call};
use crate::model::{
    ApplicationName, Configure, CreateEnvironment, CreateVersion, Deploy, EnvironmentId, RefusalClass,
    RequestId, VersionLabel,
};

/// A request that was accepted; what becomes of it shows later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The request id, which the operation's events carry.
    pub request: Option<RequestId>,
    /// The environment that it speaks of, where the reply named one.
    pub environment: Option<EnvironmentId>,
    /// Its ARN.
    pub arn: Option<String>,
}

impl Beanstalk {
    /// AWS API `TerminateEnvironment`, by id, with its resources and never
    /// by force.
    pub async fn terminate(&self, proof: impl Into<MayEnd>) -> Result<Accepted, CallError> {
        let id = proof.into().into_id();
        let request = self
            .clients
            .beanstalk
            .terminate_environment()
            .environment_id(id.as_str())
            .terminate_resources(true);
        let reply = call(request.send()).await?.value;
        Ok(Accepted {
            request: reply.request_id().map(Into::into),
            environment: Some(id),
            arn: reply.environment_arn,
        })
    }

    /// AWS API `CreateApplicationVersion`. "Already exists" counts as done
    /// only if the version has our bundle.
    pub async fn create_version(&self, wanted: &CreateVersion) -> Result<Accepted, CallError> {
        let bundle = S3Location::builder().s3_bucket(&wanted.bucket).s3_key(&wanted.key).build();
        let request = self
            .clients
            .beanstalk
            .create_application_version()
            .application_name(wanted.application.as_str())
            .version_label(wanted.label.as_str())
            .description(&wanted.description)
            .source_bundle(bundle)
            .auto_create_application(false)
            .process(false);
        let error = match call(request.send()).await {
            Ok(reply) => {
                let request = reply.value.request_id().map(Into::into);
                return Ok(Accepted { request, ..Accepted::default() });
            }
            Err(error) => error,
        };
        if !error.refusal().is_some_and(|refusal| refusal.message.contains("already exists")) {
            return Err(error);
        }
        let label = std::slice::from_ref(&wanted.label);
        let ours = VersionSource { bucket: Some(wanted.bucket.clone()), key: Some(wanted.key.clone()) };
        match self.versions(&wanted.application, label).await?.get(&wanted.label) {
            Some(source) if *source == ours => Ok(Accepted::default()),
            _ => Err(error),
        }
    }

    /// AWS API `CreateEnvironment`.
    pub async fn create_environment(&self, wanted: &CreateEnvironment) -> Result<Accepted, CallError> {
        let request = self
            .clients
            .beanstalk
            .create_environment()
            .application_name(wanted.application.as_str())
            .environment_name(wanted.name.as_str())
            .cname_prefix(&wanted.cname_prefix)
            .version_label(wanted.label.as_str())
            .description(&wanted.description)
            .set_option_settings(decode::settings(&wanted.options))
            .set_tags(decode::tags(&wanted.tags));
        let request = match (&wanted.template, &wanted.platform) {
            (Some(template), None) => request.template_name(template),
            (None, Some(arn)) if arn.starts_with("arn:") => request.platform_arn(arn),
            (None, Some(stack)) => request.solution_stack_name(stack),
            (Some(_), Some(_)) | (None, None) => {
                return Err(CallError::NotSent {
                    why: "an environment is made from a template or on a platform, one of them".to_owned(),
                });
            }
        };
        let reply = call(request.send()).await?.value;
        Ok(Accepted {
            request: reply.request_id().map(Into::into),
            environment: reply.environment_id.map(EnvironmentId::new),
            arn: reply.environment_arn,
        })
    }

    /// AWS API `UpdateEnvironment` with options alone: with a version in the
    /// same call the deployment would not follow the deployment policy.
    pub async fn configure(&self, wanted: &Configure) -> Result<Accepted, CallError> {
        let removed = wanted.remove.iter().filter(|key| !wanted.set.contains_key(*key));
        let removed = decode::removals(removed);
        if wanted.set.is_empty() && removed.is_none() {
            return Err(CallError::NotSent { why: "there is no option to change".to_owned() });
        }
        let request = self
            .clients
            .beanstalk
            .update_environment()
            .environment_id(wanted.id.as_str())
            .set_option_settings(decode::settings(&wanted.set))
            .set_options_to_remove(removed);
        let reply = call(request.send()).await?.value;
        Ok(Accepted {
            request: reply.request_id().map(Into::into),
            environment: Some(wanted.id.clone()),
            arn: reply.environment_arn,
        })
    }

    /// AWS API `UpdateEnvironment` with a version label alone.
    pub async fn deploy(&self, wanted: &Deploy) -> Result<Accepted, CallError> {
        let request = self
            .clients
            .beanstalk
            .update_environment()
            .environment_id(wanted.id.as_str())
            .version_label(wanted.label.as_str());
        let reply = call(request.send()).await?.value;
        Ok(Accepted {
            request: reply.request_id().map(Into::into),
            environment: Some(wanted.id.clone()),
            arn: reply.environment_arn,
        })
    }

    /// AWS API `UpdateTagsForResource`: the one change of tags, of an orphan
    /// that a person gave to a feature. Beanstalk shows Updating meanwhile, and
    /// calls a set that changes nothing an error.
    pub async fn adopt(
        &self,
        proof: AdoptableOrphan,
        tags: &BTreeMap<String, String>,
    ) -> Result<Accepted, CallError> {
        let request = self
            .clients
            .beanstalk
            .update_tags_for_resource()
            .resource_arn(proof.arn())
            .set_tags_to_add(decode::tags(tags));
        let reply = call(request.send()).await?.value;
        Ok(Accepted { request: reply.request_id().map(Into::into), ..Accepted::default() })
    }

    /// AWS API `DeleteApplicationVersion`, the bundle left alone. One that is
    /// gone is a success; that nobody uses it is for the caller to know,
    /// because Beanstalk deletes versions in use.
    pub async fn delete_version(
        &self,
        application: &ApplicationName,
        label: &VersionLabel,
    ) -> Result<(), CallError> {
        let request = self
            .clients
            .beanstalk
            .delete_application_version()
            .application_name(application.as_str())
            .version_label(label.as_str())
            .delete_source_bundle(false);
        match call(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(RefusalClass::NotFound) => Ok(()),
            // The version is gone, only the object stayed, and that is ours.
            Err(error)
                if error
                    .refusal()
                    .is_some_and(|refusal| refusal.message.starts_with("SourceBundleDeletion")) =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// AWS API `CreateApplication`, for `sprout init`; one that is there is a
    /// success.
    pub async fn create_application(
        &self,
        name: &ApplicationName,
        description: &str,
    ) -> Result<(), CallError> {
        let request = self
            .clients
            .beanstalk
            .create_application()
            .application_name(name.as_str())
            .description(description);
        match call(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) if self.application_exists(name).await? => {
                tracing::debug!(%name, %error, "the application is already there");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// AWS API `CreateStorageLocation`, for `sprout init`: the account's
    /// Beanstalk bucket of this region, made if need be.
    pub async fn storage_location(&self) -> Result<String, CallError> {
        let reply = call(self.clients.beanstalk.create_storage_location().send()).await?.value;
        reply
            .s3_bucket
            .filter(|bucket| !bucket.is_empty())
            .ok_or_else(|| super::beanstalk::unreadable("CreateStorageLocation named no bucket"))
    }
}
