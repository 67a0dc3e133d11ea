//! From a step to the complete AWS request: the one place where neutral words
//! become Elastic Beanstalk's.

use std::collections::BTreeMap;

use super::draft::Draft;
use crate::bundle;
use crate::model::names::{BINDING_TAG, FEATURE_TAG, binding, bundle_key, tag_text};
use crate::model::{
    ApplicationName, Artifact, CreateEnvironment, CreateVersion, EnvironmentName, PutBundle, Snapshot, Wanted,
};

/// The bundle and the version that carry what is wanted. The artifact enters
/// the record here, before either exists.
pub(super) fn version(
    draft: &mut Draft,
    application: &ApplicationName,
    wanted: &Wanted,
    snapshot: &Snapshot,
) -> (PutBundle, CreateVersion) {
    let key = bundle_key(&snapshot.home.installation, application, draft.name, &wanted.label);
    let bucket = snapshot.home.bucket.clone();
    draft.record.artifacts.insert(
        wanted.label.clone(),
        Artifact { application: application.clone(), bucket: bucket.clone(), key: key.clone(), doomed: None },
    );
    let bytes = bundle::zip(&bundle::files(&wanted.dockerrun));
    let put = PutBundle { bucket: bucket.clone(), key: key.clone(), bytes };
    let create = CreateVersion {
        application: application.clone(),
        label: wanted.label.clone(),
        description: description(&format!("{} for {}", wanted.image, draft.name)),
        bucket,
        key,
    };
    (put, create)
}

/// The create request. Tags are sent here once: a tag that changes later is
/// an update of the whole environment.
pub(super) fn create(
    draft: &Draft,
    application: &ApplicationName,
    name: &EnvironmentName,
    cname_prefix: &str,
    wanted: &Wanted,
    snapshot: &Snapshot,
) -> CreateEnvironment {
    let tags = BTreeMap::from([
        (BINDING_TAG.to_owned(), binding(&snapshot.home.store, application, name)),
        (FEATURE_TAG.to_owned(), tag_text(draft.name.as_str())),
        ("beansprout:lifecycle".to_owned(), "temporary".to_owned()),
        ("beansprout:created".to_owned(), snapshot.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    ]);
    CreateEnvironment {
        application: application.clone(),
        name: name.clone(),
        cname_prefix: cname_prefix.to_owned(),
        template: wanted.template.clone(),
        platform: wanted.platform.clone(),
        label: wanted.label.clone(),
        options: wanted.options.clone(),
        tags,
        description: description(&format!(
            "Feature {} of Beansprout {}",
            draft.name, snapshot.home.installation
        )),
    }
}

/// Beanstalk takes descriptions of up to 200 characters.
fn description(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(200).collect()
}
