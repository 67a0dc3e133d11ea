//! Images out of nothing, for demonstrations and tests.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use jiff::Timestamp;
use serde_json::json;

use super::wire::CreateRepository;
use super::{Image, Registry, images};

impl Registry {
    /// Pushes an invented image under `tag`, making the repository if need be,
    /// and returns its digest.
    ///
    /// It is a real one for linux/amd64 that holds no file, and so can be
    /// pulled but not run; its label `dev.beansprout.invented` says so. It
    /// depends on repository, tag and time alone: pushing the same tag later
    /// moves it to another digest, as a rebuild would.
    pub fn seed_image(&mut self, repository: &str, tag: &str, now: Timestamp) -> String {
        let layer = BASE64.decode(EMPTY_LAYER.as_bytes()).unwrap_or_default();
        let config = config(repository, tag, now);
        // Where they cannot be kept, the image is there all the same and cannot be pulled.
        let [layer, config] = [layer, config.into_bytes()].map(|bytes| {
            let digest = self.blobs.put(&bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "an invented image cannot be kept whole");
                images::digest_of(&bytes)
            });
            (digest, bytes.len() as u64)
        });
        let manifest = manifest(&config, &layer, now);
        let digest = images::digest_of(manifest.as_bytes());
        if !self.repositories.contains_key(repository) {
            let request = CreateRepository {
                registry_id: None,
                repository_name: repository.to_owned(),
                tags: Vec::new(),
                image_tag_mutability: None,
                image_tag_mutability_exclusion_filters: None,
                image_scanning_configuration: None,
                encryption_configuration: None,
            };
            // An illegal name leaves the registry as it was; the digest is right all the same.
            let _ = self.create_repository(request, now);
        }
        if let Some(found) = self.repositories.get_mut(repository) {
            found.images.entry(digest.clone()).or_insert_with(|| Image {
                manifest,
                media_type: Some(MEDIA_TYPE.to_owned()),
                pushed: now,
                size: layer.1 + config.1,
                tags: BTreeSet::new(),
                children: BTreeSet::new(),
                layers: BTreeSet::from([layer.0.clone(), config.0.clone()]),
                artifact: Some(CONFIG_TYPE.to_owned()),
                scanned: None,
                pulled: None,
            });
            found.gain(&layer.0, layer.1, now);
            found.gain(&config.0, config.1, now);
            found.tag(tag, &digest);
        }
        digest
    }
}

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// An archive without a file, as gzip packs its 1024 zeros.
const EMPTY_LAYER: &str = "H4sIAAAAAAAC/2NgGAWjYBSMVAAALq+17wAEAAA=";
/// What the hash of an empty archive is before it is packed.
const EMPTY_ARCHIVE: &str = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

fn config(repository: &str, tag: &str, now: Timestamp) -> String {
    let config = json!({
        "created": now.to_string(),
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": {"dev.beansprout.invented": format!("{repository}:{tag}")}},
        "rootfs": {"type": "layers", "diff_ids": [EMPTY_ARCHIVE]},
        "history": [{"created": now.to_string(), "created_by": "sprout"}],
    });
    config.to_string()
}

fn manifest(
    (config, config_size): &(String, u64),
    (layer, layer_size): &(String, u64),
    now: Timestamp,
) -> String {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {"mediaType": CONFIG_TYPE, "digest": config, "size": config_size},
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": layer,
            "size": layer_size,
        }],
        "annotations": {"org.opencontainers.image.created": now.to_string()},
    });
    manifest.to_string()
}
