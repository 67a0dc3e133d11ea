//! Images: putting, reading, listing and deleting them.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::manifest::read_manifest;
use super::repositories::check_batch;
use super::wire::{
    BatchDelete, BatchGet, DescribeImages, ImageId, ListImages, PutImage, TagStatus, image_id, moment, page,
    with_token,
};
use super::{Image, Refusal, Registry, Repository, SameDigest};

/// Why one entry of a batch came to nothing, beside others that succeeded.
struct Failure {
    code: &'static str,
    reason: &'static str,
}

const NOT_FOUND: Failure = Failure { code: "ImageNotFound", reason: "Requested image not found" };

impl Registry {
    pub(super) fn put_image(&mut self, request: PutImage, now: Timestamp) -> Result<Value, Refusal> {
        let (account, reading) = (self.account.clone(), self.same_digest);
        let name = request.repository_name;
        let repository = self.repository(&name, request.registry_id.as_deref())?;
        let mut image = read_manifest(request.image_manifest, request.image_manifest_media_type, now)?;
        let digest = digest_of(&image.manifest);
        if request.image_digest.as_ref().is_some_and(|said| *said != digest) {
            let message = "The provided digest does not match the digest calculated by the registry";
            return Err(Refusal::new("ImageDigestDoesNotMatchException", message));
        }
        let tag = request.image_tag.as_deref();
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(Refusal::invalid("imageTag", format!("'{tag}' is not a valid tag")));
        }
        check_put(repository, &name, &account, &digest, tag, reading)?;
        if let Some(missing) = image.children.iter().find(|child| !repository.images.contains_key(*child)) {
            let message = format!(
                "Images with digests '[{missing}]' required for pushing image into repository with name '{name}' in the registry with id '{account}' do not exist"
            );
            return Err(Refusal::new("ReferencedImagesNotFoundException", message));
        }
        let known = repository.images.contains_key(&digest);
        let missing = if known { Vec::new() } else { self.missing_layers(&name, &image) };
        if !missing.is_empty() {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            return Err(self.layers_missing(&name, &missing));
        }
        let repository = self.repository_mut(&name, request.registry_id.as_deref())?;
        image.scanned = Some(now).filter(|_| repository.scan_on_push && image.children.is_empty());
        repository.hold(&image.layers);
        // A manifest that is there already keeps its first push time: a further
        // tag does not make an image younger in the eyes of lifecycle rules.
        let media_type = image.media_type.clone();
        let kept = repository.images.entry(digest.clone()).or_insert(image);
        let manifest = kept.manifest.clone();
        if let Some(tag) = tag {
            repository.tag(tag, &digest);
        }
        Ok(json!({"image": {
            "registryId": account,
            "repositoryName": name,
            "imageId": image_id(Some(&digest), tag),
            "imageManifest": manifest,
            "imageManifestMediaType": media_type,
        }}))
    }

    pub(super) fn batch_get_image(&self, request: BatchGet) -> Result<Value, Refusal> {
        let repository = self.repository(&request.repository_name, request.registry_id.as_deref())?;
        check_batch("imageIds", request.image_ids.len())?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in &request.image_ids {
            match repository.find(id) {
                Ok((digest, image)) => images.push(json!({
                    "registryId": self.account,
                    "repositoryName": request.repository_name,
                    "imageId": image_id(Some(digest), id.image_tag.as_deref()),
                    "imageManifest": image.manifest,
                    "imageManifestMediaType": image.media_type,
                })),
                Err(failure) => failures.push(show_failure(id, &failure)),
            }
        }
        Ok(json!({"images": images, "failures": failures}))
    }

    pub(super) fn describe_images(&self, request: DescribeImages) -> Result<Value, Refusal> {
        let name = &request.repository_name;
        let repository = self.repository(name, request.registry_id.as_deref())?;
        let show = |digest: &str, image: &Image| self.show_image(name, digest, image);
        if let Some(ids) = request.image_ids.filter(|ids| !ids.is_empty()) {
            if request.max_results.is_some() || request.next_token.is_some() {
                return Err(Refusal::invalid("maxResults", "must not be given together with imageIds"));
            }
            check_batch("imageIds", ids.len())?;
            let details = ids.iter().map(|id| match repository.find(id) {
                Ok((digest, image)) => Ok(show(digest, image)),
                Err(failure) => Err(self.image_refusal(name, id, &failure)),
            });
            return Ok(json!({"imageDetails": details.collect::<Result<Vec<_>, _>>()?}));
        }
        let wanted = request.filter.unwrap_or_default().tag_status;
        let all = repository.images.iter().filter(|(_, image)| fits(image, wanted));
        let all = all.map(|(digest, image)| (digest.clone(), show(digest, image)));
        let (details, next) = page(all, request.next_token.as_deref(), request.max_results)?;
        Ok(with_token(json!({"imageDetails": details}), next))
    }

    pub(super) fn list_images(&self, request: ListImages) -> Result<Value, Refusal> {
        let repository = self.repository(&request.repository_name, request.registry_id.as_deref())?;
        let wanted = request.filter.unwrap_or_default().tag_status;
        let all =
            repository.images.iter().filter(|(_, image)| fits(image, wanted)).flat_map(|(digest, image)| {
                let tags = image
                    .tags
                    .iter()
                    .map(|tag| (format!("{digest} {tag}"), image_id(Some(digest), Some(tag))));
                let bare = image.tags.is_empty().then(|| (digest.clone(), image_id(Some(digest), None)));
                tags.chain(bare).collect::<Vec<_>>()
            });
        let (ids, next) = page(all, request.next_token.as_deref(), request.max_results)?;
        Ok(with_token(json!({"imageIds": ids}), next))
    }

    pub(super) fn batch_delete_image(
        &mut self,
        request: BatchDelete,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let repository = self.repository_mut(&request.repository_name, request.registry_id.as_deref())?;
        check_batch("imageIds", request.image_ids.len())?;
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for id in &request.image_ids {
            match repository.delete(id, now) {
                Ok(gone) => deleted.extend(gone),
                Err(failure) => failures.push(show_failure(id, &failure)),
            }
        }
        Ok(json!({"imageIds": deleted, "failures": failures}))
    }

    fn show_image(&self, name: &str, digest: &str, image: &Image) -> Value {
        let mut shown = json!({
            "registryId": self.account,
            "repositoryName": name,
            "imageDigest": digest,
            "imageSizeInBytes": image.size,
            "imagePushedAt": moment(image.pushed),
            "imageManifestMediaType": image.media_type,
            "imageStatus": "ACTIVE",
        });
        if let Some(artifact) = &image.artifact {
            shown["artifactMediaType"] = json!(artifact);
        }
        if let Some(pulled) = image.pulled {
            shown["lastRecordedPullTime"] = moment(pulled);
        }
        // Nothing here looks into images: a scan is done at once and finds nothing.
        if let Some(scanned) = image.scanned {
            shown["imageScanStatus"] = json!({
                "status": "COMPLETE", "description": "The scan was completed successfully.",
            });
            shown["imageScanFindingsSummary"] = json!({
                "imageScanCompletedAt": moment(scanned),
                "vulnerabilitySourceUpdatedAt": moment(scanned),
                "findingSeverityCounts": {},
            });
        }
        if !image.tags.is_empty() {
            shown["imageTags"] = image.tags.iter().cloned().collect();
        }
        shown
    }

    /// DescribeImages knows no partial success: its first missing image fails it.
    fn image_refusal(&self, name: &str, id: &ImageId, failure: &Failure) -> Refusal {
        if failure.code != NOT_FOUND.code && failure.code != "ImageTagDoesNotMatchDigest" {
            return Refusal::invalid("imageIds", failure.reason);
        }
        let or_null = |member: &Option<String>| member.clone().unwrap_or_else(|| "null".to_owned());
        Refusal::new(
            "ImageNotFoundException",
            format!(
                "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
                 name '{name}' in the registry with id '{}'",
                or_null(&id.image_digest),
                or_null(&id.image_tag),
                self.account
            ),
        )
    }
}

impl Repository {
    fn find(&self, id: &ImageId) -> Result<(&str, &Image), Failure> {
        let by_tag = match &id.image_tag {
            Some(tag) if !is_tag(tag) => {
                return Err(Failure {
                    code: "InvalidImageTag",
                    reason: "Invalid request parameters: invalid image tag",
                });
            }
            Some(tag) => Some(self.tags.get(tag).ok_or(NOT_FOUND)?),
            None => None,
        };
        let digest = match (&id.image_digest, by_tag) {
            (None, None) => {
                let reason = "Invalid request parameters: both tag and digest cannot be null";
                return Err(Failure { code: "MissingDigestAndTag", reason });
            }
            (Some(digest), _) if !is_digest(digest) => {
                let reason = "Invalid request parameters: image digest should satisfy the regex \
                     '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
                return Err(Failure { code: "InvalidImageDigest", reason });
            }
            (Some(digest), Some(tagged)) if digest != tagged => {
                let reason = "The image tag does not match the image digest";
                return Err(Failure { code: "ImageTagDoesNotMatchDigest", reason });
            }
            (Some(digest), _) | (None, Some(digest)) => digest,
        };
        let (digest, image) = self.images.get_key_value(digest).ok_or(NOT_FOUND)?;
        Ok((digest, image))
    }

    /// Takes the tag away, or with its last tag or by digest the image itself;
    /// answers every identifier that went.
    fn delete(&mut self, id: &ImageId, now: Timestamp) -> Result<Vec<Value>, Failure> {
        let (digest, image) = self.find(id)?;
        let digest = digest.to_owned();
        if let Some(tag) = id.image_tag.as_deref().filter(|_| image.tags.len() > 1) {
            self.untag(tag);
            return Ok(vec![image_id(Some(&digest), Some(tag))]);
        }
        if self.is_referenced(&digest) {
            let reason = "Requested image referenced by manifest list";
            return Err(Failure { code: "ImageReferencedByManifestList", reason });
        }
        let Some(gone) = self.remove(&digest, now) else { return Err(NOT_FOUND) };
        if gone.tags.is_empty() {
            return Ok(vec![image_id(Some(&digest), None)]);
        }
        Ok(gone.tags.iter().map(|tag| image_id(Some(&digest), Some(tag))).collect())
    }
}

/// The two "already there" answers of PutImage, and which comes when.
fn check_put(
    repository: &Repository,
    name: &str,
    account: &str,
    digest: &str,
    tag: Option<&str>,
    reading: SameDigest,
) -> Result<(), Refusal> {
    let holder = tag.and_then(|tag| repository.tags.get(tag));
    let unchanged = match tag {
        Some(_) => holder.is_some_and(|holder| holder == digest),
        None => repository.images.contains_key(digest),
    };
    let locked = tag.filter(|tag| holder.is_some() && repository.mutability.locks(tag));
    if let Some(tag) = locked.filter(|_| !unchanged || reading == SameDigest::TagExists) {
        return Err(Refusal::new(
            "ImageTagAlreadyExistsException",
            format!(
                "The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because \
                 the tag is immutable."
            ),
        ));
    }
    if unchanged {
        let tag = tag.unwrap_or("null");
        return Err(Refusal::new(
            "ImageAlreadyExistsException",
            format!(
                "Image with digest '{digest}' and tag '{tag}' already exists in the repository with name '{name}' in \
                 registry with id '{account}'"
            ),
        ));
    }
    Ok(())
}

/// A manifest is named by the SHA-256 of its bytes as they were put.
pub(super) fn digest_of(manifest: impl AsRef<[u8]>) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(manifest)))
}

fn show_failure(id: &ImageId, failure: &Failure) -> Value {
    json!({"imageId": id.to_json(), "failureCode": failure.code, "failureReason": failure.reason})
}

fn fits(image: &Image, wanted: TagStatus) -> bool {
    match wanted {
        TagStatus::Any => true,
        TagStatus::Tagged => !image.tags.is_empty(),
        TagStatus::Untagged => image.tags.is_empty(),
    }
}

/// The grammar of registries (OCI distribution specification), which is
/// narrower than the API's own limit of 300 characters.
pub(super) fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

pub(super) fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hex)| {
        !algorithm.is_empty()
            && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || "-_+.".contains(c))
            && !hex.is_empty()
            && hex.chars().all(|c| c.is_ascii_hexdigit())
    })
}
