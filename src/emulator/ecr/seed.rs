//! Images out of nothing, for demonstrations and tests.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::wire::CreateRepository;
use super::{Image, Registry, images};

impl Registry {
    /// Pushes an invented image under `tag`, making the repository if need be,
    /// and returns its digest.
    ///
    /// The manifest has the form of a real one for linux/amd64. It depends on
    /// repository, tag and time alone: pushing the same tag later moves it to
    /// another digest, as a rebuild would.
    pub fn seed_image(&mut self, repository: &str, tag: &str, now: Timestamp) -> String {
        let manifest = manifest(repository, tag, now);
        let digest = images::digest_of(&manifest);
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
                size: LAYER_SIZE + CONFIG_SIZE,
                tags: Default::default(),
                children: Default::default(),
            });
            found.tag(tag, &digest);
        }
        digest
    }
}

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const LAYER_SIZE: u64 = 31_457_280;
const CONFIG_SIZE: u64 = 1_469;

fn manifest(repository: &str, tag: &str, now: Timestamp) -> String {
    let blob = |part: &str| {
        format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(format!("{part} {repository}:{tag} {now}"))))
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": blob("config"),
            "size": CONFIG_SIZE,
        },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "digest": blob("layer"),
            "size": LAYER_SIZE,
        }],
        "annotations": {"org.opencontainers.image.created": now.to_string()},
    });
    manifest.to_string()
}
