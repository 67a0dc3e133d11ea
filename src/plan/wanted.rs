//! What is to be deployed: computed once, kept in the record, and computed
//! anew only when something that can change an environment differs.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::policy::Policy;
use super::report::Situation;
use crate::bundle;
use crate::model::hash::{digest, short};
use crate::model::names::{cname_prefix, environment_name, slug, version_label};
use crate::model::{
    ApplicationName, Digest, Feature, ImageAnswer, OptionKey, Snapshot, SpecHash, Ttl, TtlFrom, Variable,
    Wanted, deployable_hash,
};

/// Namespace of an application's variables.
pub(super) const VARIABLES: &str = "aws:elasticbeanstalk:application:environment";

/// The application that a specification means.
pub(super) fn application(feature: &Feature, policy: &Policy) -> Option<ApplicationName> {
    feature.spec.application.clone().or_else(|| policy.application.clone())
}

/// Brings [`crate::model::Record::wanted`] up to date. Answers with what the
/// registry still owes, if it owes something: that holds up a deployment and
/// disturbs nothing that runs.
pub(super) fn refresh(
    draft: &mut Draft,
    feature: &Feature,
    application: &ApplicationName,
    snapshot: &Snapshot,
    policy: &Policy,
) -> Result<Option<Situation>, Situation> {
    let Some(image) = feature.spec.image.clone() else {
        return Err(blocked("NoImage", "The specification names no image."));
    };
    let url = address(draft, application, snapshot);
    let basis = basis(feature, application, &url);
    let (deploy_image, digest) = match resolved(&image, snapshot) {
        Ok(resolved) => resolved,
        Err(situation) => return owed(draft, &basis, situation),
    };
    if let Some(wanted) = &draft.record.wanted
        && wanted.basis == basis
        && wanted.digest == digest
        && wanted.deploy_image == deploy_image
    {
        return Ok(None);
    }
    let wanted = compute(
        draft,
        feature,
        application,
        snapshot,
        policy,
        Inputs { image, deploy_image, digest, url, basis },
    )?;
    draft.record.wanted = Some(wanted);
    Ok(None)
}

/// An image as it is deployed, with its digest where the registry told it; or
/// what the registry still owes.
pub(super) fn resolved(image: &str, snapshot: &Snapshot) -> Result<(String, Option<Digest>), Situation> {
    match snapshot.images.get(image) {
        Some(ImageAnswer::Found { digest, pinned }) => Ok((pinned.clone(), Some(digest.clone()))),
        Some(ImageAnswer::Unasked { written }) => Ok((written.clone(), None)),
        Some(ImageAnswer::Absent { why }) => Err(Situation::AwaitsImage { why: why.clone() }),
        Some(ImageAnswer::Gap(why)) => Err(Situation::NoAnswer { why: why.clone() }),
        None => Err(Situation::NoAnswer { why: format!("{image} is being looked up") }),
    }
}

/// What enters a computation beside the specification.
struct Inputs {
    image: String,
    deploy_image: String,
    digest: Option<Digest>,
    url: String,
    basis: SpecHash,
}

/// The registry owes an answer. What was wanted before stands if nothing
/// else changed.
fn owed(draft: &Draft, basis: &SpecHash, situation: Situation) -> Result<Option<Situation>, Situation> {
    match &draft.record.wanted {
        Some(wanted) if wanted.basis == *basis => Ok(Some(situation)),
        _ => Err(situation),
    }
}

/// Gives the wanted state a label that was never used: after a failed or
/// uncertain deployment the shown label proves nothing.
pub(super) fn mint_label(draft: &mut Draft, snapshot: &Snapshot) {
    draft.record.labels += 1;
    let count = draft.record.labels;
    let feature = draft.name.clone();
    if let Some(wanted) = &mut draft.record.wanted {
        wanted.label = fresh_label(&feature, &wanted.content, count, snapshot);
    }
}

fn fresh_label(
    feature: &crate::model::FeatureName,
    content: &str,
    count: u32,
    snapshot: &Snapshot,
) -> crate::model::VersionLabel {
    // Labels are unique per application, which other stores may use too; and
    // the moment enters, so that a store that was emptied and filled again
    // does not mint a label that an earlier life used.
    let store = snapshot.home.store.as_str();
    let moment = snapshot.now.as_second().to_string();
    let hash = digest("label", &[store.as_bytes(), content.as_bytes(), moment.as_bytes()]);
    version_label(feature, &short(&hash, 16), count)
}

fn compute(
    draft: &mut Draft,
    feature: &Feature,
    application: &ApplicationName,
    snapshot: &Snapshot,
    policy: &Policy,
    inputs: Inputs,
) -> Result<Wanted, Situation> {
    let platform = match &feature.spec.template {
        Some(_) => None,
        None => match (&draft.record.wanted, snapshot.platform.known()) {
            (_, Some(platform)) => Some(platform.clone()),
            (Some(wanted), None) => wanted.platform.clone(),
            (None, None) => {
                let why = snapshot.platform.gap().unwrap_or("the platform is not resolved yet").to_owned();
                return Err(Situation::NoAnswer { why });
            }
        },
    };
    let context = context(feature, application, snapshot, policy, &inputs, draft);
    let template = match template(feature, policy)? {
        Some(text) => text,
        None => bundle::builtin(platform.as_deref().unwrap_or_default()),
    };
    let dockerrun = bundle::render(Some(template), &context).map_err(|error| {
        blocked("TemplateInvalid", format!("The Dockerrun template cannot be rendered: {error}"))
    })?;
    let options = options(feature, policy, &inputs.url);
    let content = bundle::content_hash(&bundle::files(&dockerrun), &options, inputs.digest.as_ref());
    let deployed = draft.record.deployed.as_ref();
    let label = match deployed {
        Some(deployed) if deployed.content == content && still_good(draft, &deployed.label) => {
            deployed.label.clone()
        }
        _ => {
            draft.record.labels += 1;
            fresh_label(draft.name, &content, draft.record.labels, snapshot)
        }
    };
    Ok(Wanted {
        generation: draft.record.generation,
        basis: inputs.basis,
        image: inputs.image,
        deploy_image: inputs.deploy_image,
        digest: inputs.digest,
        label,
        content,
        dockerrun,
        url: inputs.url,
        options,
        template: feature.spec.template.clone(),
        platform,
        commit: feature.metadata.source.as_ref().and_then(|source| source.commit.clone()),
    })
}

/// Whether a label that was deployed before may be meant again.
fn still_good(draft: &Draft, label: &crate::model::VersionLabel) -> bool {
    draft.record.artifacts.get(label).is_some_and(|artifact| artifact.doomed.is_none())
}

/// The template's text: the specification's own, one of the configuration,
/// or the built-in (`None`).
fn template<'a>(feature: &'a Feature, policy: &'a Policy) -> Result<Option<&'a str>, Situation> {
    match (&feature.spec.dockerrun.text, &feature.spec.dockerrun.template) {
        (Some(text), _) => Ok(Some(text)),
        (None, None) => Ok(None),
        (None, Some(name)) => match policy.templates.get(name) {
            Some(text) => Ok(Some(text)),
            None => {
                let names = policy.templates.keys().cloned().collect::<Vec<_>>().join(", ");
                let there = if names.is_empty() { "the configuration has none".to_owned() } else { names };
                Err(blocked("TemplateMissing", format!("There is no template {name:?}; there are: {there}.")))
            }
        },
    }
}

/// The address: the one that the environment shows, else the expected one.
fn address(draft: &Draft, application: &ApplicationName, snapshot: &Snapshot) -> String {
    if let Some(url) = draft.record.identity.ledger.as_ref().and_then(|ledger| ledger.url.clone()) {
        return url;
    }
    let prefix =
        cname_prefix(&snapshot.home.store, application, draft.name, draft.record.identity.cname_series);
    match snapshot.addresses.get(&prefix).and_then(|answer| answer.known()) {
        Some(address) => format!("http://{}", address.host),
        None => format!("http://{prefix}.{}.elasticbeanstalk.com", snapshot.home.region),
    }
}

/// Hash of all that can change an environment. Time to live, owner, labels
/// and commit cannot, though a template may show them.
fn basis(feature: &Feature, application: &ApplicationName, url: &str) -> SpecHash {
    let mut bare = feature.clone();
    bare.spec.application = Some(application.clone());
    bare.spec.ttl = Some(Ttl::Never);
    bare.spec.ttl_from = TtlFrom::Create;
    bare.metadata.source = None;
    let hash = deployable_hash(&bare);
    SpecHash::new(format!("v1:{}", short(&digest("basis", &[hash.as_str().as_bytes(), url.as_bytes()]), 26)))
}

/// Our options: what the specification says, and what every environment
/// without a template needs.
fn options(feature: &Feature, policy: &Policy, url: &str) -> BTreeMap<OptionKey, String> {
    let mut options = BTreeMap::new();
    let mut set = |namespace: &str, name: &str, value: &str| {
        options.insert(OptionKey::new(namespace, name), value.to_owned());
    };
    if feature.spec.template.is_none() {
        set("aws:elasticbeanstalk:environment", "EnvironmentType", "SingleInstance");
        set("aws:elasticbeanstalk:environment", "ServiceRole", &policy.service_role);
        set("aws:autoscaling:launchconfiguration", "IamInstanceProfile", &policy.instance_profile);
        set("aws:elasticbeanstalk:command", "Timeout", "600");
    }
    if let Some(kind) = &feature.spec.instance_type {
        set("aws:ec2:instances", "InstanceTypes", kind);
    }
    set(VARIABLES, "SPROUT_FEATURE", feature.metadata.name.as_str());
    set(VARIABLES, "SPROUT_URL", url);
    for (name, value) in &feature.spec.variables {
        if let Variable::Text(text) = value {
            set(VARIABLES, name, text);
        }
    }
    for setting in &feature.spec.settings {
        set(&setting.namespace, &setting.option, &setting.value);
    }
    options
}

/// What templates see.
fn context(
    feature: &Feature,
    application: &ApplicationName,
    snapshot: &Snapshot,
    policy: &Policy,
    inputs: &Inputs,
    draft: &Draft,
) -> bundle::Context {
    let environment = match &draft.record.identity.ledger {
        Some(ledger) => ledger.name.clone(),
        None => environment_name(&policy.prefix, &snapshot.home.store, application, draft.name),
    };
    let source = feature.metadata.source.clone().unwrap_or_default();
    bundle::Context {
        feature: draft.name.as_str().to_owned(),
        slug: slug(draft.name),
        environment: environment.as_str().to_owned(),
        url: inputs.url.clone(),
        cname: inputs.url.trim_start_matches("http://").to_owned(),
        image: inputs.deploy_image.clone(),
        digest: inputs.digest.as_ref().map(|digest| digest.as_str().to_owned()).unwrap_or_default(),
        application: application.as_str().to_owned(),
        region: snapshot.home.region.clone(),
        account: snapshot.home.account.clone().unwrap_or_default(),
        owner: feature.metadata.owner.clone().unwrap_or_default(),
        source,
        labels: feature.metadata.labels.clone(),
        vars: feature.spec.dockerrun.vars.clone(),
    }
}

pub(super) fn blocked(reason: &'static str, why: impl Into<String>) -> Situation {
    Situation::Blocked { reason, why: why.into() }
}
