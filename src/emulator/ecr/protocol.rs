//! What the registry protocol asks for, in the terms of ECR's own operations.

use jiff::Timestamp;

use super::images::{digest_of, is_digest, is_tag};
use super::wire::{BatchDelete, ImageId, PutImage};
use super::{Refusal, Registry};

/// A manifest as it was put.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) digest: String,
    pub(crate) media_type: String,
    pub(crate) text: String,
}

/// Some entries of a sorted list, and whether there are more.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) names: Vec<String>,
    pub(crate) more: bool,
}

impl Registry {
    /// The refusal that a repository is not there, if it is not.
    pub(crate) fn check_repository(&self, name: &str) -> Result<(), Refusal> {
        self.repository(name, None).map(|_| ())
    }

    /// The manifest of a tag or a digest.
    pub(crate) fn manifest(&self, name: &str, reference: &str) -> Result<Manifest, Refusal> {
        let repository = self.repository(name, None)?;
        let digest = if is_digest(reference) { Some(reference) } else { self.tagged(name, reference) };
        let found = digest.and_then(|digest| repository.images.get_key_value(digest));
        let (digest, image) = found.ok_or_else(not_found)?;
        Ok(Manifest {
            digest: digest.clone(),
            media_type: image.media_type.clone().unwrap_or_default(),
            text: image.manifest.clone(),
        })
    }

    /// Notes that somebody pulled this manifest.
    pub(crate) fn pulled(&mut self, name: &str, digest: &str, now: Timestamp) {
        let images = self.repositories.get_mut(name).map(|repository| &mut repository.images);
        if let Some(image) = images.and_then(|images| images.get_mut(digest)) {
            image.pulled = Some(now);
        }
    }

    /// Puts a manifest under a tag or under its digest alone, and gives its digest. What is there already is no
    /// refusal here: whoever pushes the same again succeeds.
    pub(crate) fn push(
        &mut self,
        name: &str,
        reference: &str,
        media_type: Option<String>,
        manifest: String,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let by_digest = is_digest(reference);
        let digest = digest_of(&manifest);
        let request = PutImage {
            repository_name: name.to_owned(),
            image_manifest: manifest,
            image_manifest_media_type: media_type,
            image_tag: Some(reference.to_owned()).filter(|_| !by_digest),
            image_digest: Some(reference.to_owned()).filter(|_| by_digest),
            ..PutImage::default()
        };
        match self.put_image(request, now) {
            Err(refusal) if refusal.code == "ImageAlreadyExistsException" => Ok(digest),
            Err(refusal) if refusal.code == "ImageDigestDoesNotMatchException" => Err(Refusal {
                message: format!(
                    "The image with digest '{reference}' in repository '{name}' and registry ID '{}' does not match \
                     the image digest that Amazon ECR has calculated.",
                    self.account
                ),
                ..refusal
            }),
            Err(refusal) => Err(refusal),
            Ok(_) => Ok(digest),
        }
    }

    /// Takes a tag away, or an image with all its tags.
    pub(crate) fn erase(&mut self, name: &str, reference: &str, now: Timestamp) -> Result<(), Refusal> {
        let by_digest = is_digest(reference);
        let id = ImageId {
            image_digest: Some(reference.to_owned()).filter(|_| by_digest),
            image_tag: Some(reference.to_owned()).filter(|_| !by_digest),
        };
        let request =
            BatchDelete { registry_id: None, repository_name: name.to_owned(), image_ids: vec![id] };
        let answer = self.batch_delete_image(request, now)?;
        match answer["failures"][0]["failureCode"].as_str() {
            None => Ok(()),
            Some("ImageReferencedByManifestList") => {
                let reason = answer["failures"][0]["failureReason"].as_str().unwrap_or_default();
                Err(Refusal::new("ImageReferencedByManifestList", reason))
            }
            Some(_) => Err(not_found()),
        }
    }

    /// The tags of a repository after one of them.
    pub(crate) fn tags_after(&self, name: &str, last: Option<&str>, most: usize) -> Result<Part, Refusal> {
        let repository = self.repository(name, None)?;
        Ok(part(repository.tags.keys(), last, most))
    }

    /// The repositories after one of them.
    pub(crate) fn names_after(&self, last: Option<&str>, most: usize) -> Part {
        part(self.repositories.keys(), last, most)
    }

    fn tagged(&self, name: &str, tag: &str) -> Option<&str> {
        self.repositories.get(name)?.tags.get(tag).filter(|_| is_tag(tag)).map(String::as_str)
    }
}

/// How many entries a list of the protocol shows, in the words of ECR's own listings.
pub(crate) fn page_size(asked: Option<&str>) -> Result<usize, Refusal> {
    match asked.map(str::parse) {
        None => Ok(100),
        Some(Ok(size @ 1..=1000)) => Ok(size),
        Some(Ok(0)) => {
            Err(Refusal::invalid("maxResults", "Member must have value greater than or equal to 1"))
        }
        Some(_) => Err(Refusal::invalid("maxResults", "Member must have value less than or equal to 1000")),
    }
}

fn part<'a>(all: impl Iterator<Item = &'a String>, last: Option<&str>, most: usize) -> Part {
    let mut rest = all.filter(|name| last.is_none_or(|last| name.as_str() > last)).cloned();
    let names = rest.by_ref().take(most).collect();
    Part { names, more: rest.next().is_some() }
}

fn not_found() -> Refusal {
    Refusal::new("ImageNotFoundException", "Requested image not found")
}
