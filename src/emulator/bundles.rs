//! What the world knows of source bundles and of the images that they name.

use std::io::Cursor;

use bytes::Bytes;

use super::holdings::VersionStatus;
use super::pages::images_of;
use super::s3::Objects;
use super::world::World;

/// Whether a bundle is an archive at all.
pub(crate) fn is_archive(bundle: &Bytes) -> bool {
    zip::ZipArchive::new(Cursor::new(bundle)).is_ok()
}

impl World {
    /// Locked for one look; nothing else is locked meanwhile.
    pub(crate) fn with_objects<R>(&self, look: impl FnOnce(&mut Objects) -> R) -> R {
        look(&mut self.objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The content of a version's bundle as it is now; none for the sample application.
    pub fn bundle(&self, application: &str, label: &str) -> Option<Bytes> {
        let (bucket, key) = self.version(application, label)?.bundle.as_ref()?;
        self.with_objects(|objects| objects.get(bucket, key))
    }

    /// All that a version's images are called: the references in its bundle and the tags that their digests bear now.
    ///
    /// # Errors
    /// What an instance would report: the bundle is gone or no archive, an image is not in the registry.
    pub(crate) fn pull(&self, application: &str, label: &str) -> Result<Vec<String>, String> {
        let Some(version) = self.version(application, label) else {
            return Err(format!("The application version {label} no longer exists."));
        };
        let Some((bucket, key)) = &version.bundle else {
            return Ok(Vec::new());
        };
        let Some(bundle) = self.with_objects(|objects| objects.get(bucket, key)) else {
            return Err(format!(
                "Unable to download from S3 location (Bucket: {bucket}  Key: {key}). Reason: Not Found"
            ));
        };
        if !is_archive(&bundle) {
            return Err("Failed to unzip the source bundle.".to_owned());
        }
        let host = self.registry.host();
        let mut names = Vec::new();
        for image in images_of(&bundle, &self.registry) {
            let known =
                image.digest.as_ref().is_some_and(|digest| self.registry.exists(&image.repository, digest));
            // Images of other registries are believed to be there.
            if image.reference.starts_with(&host) && !known {
                return Err(format!("Failed to pull Docker image {}: manifest unknown.", image.reference));
            }
            names.extend(image.tags);
            names.push(image.reference);
        }
        Ok(names)
    }

    /// The end of a version's validation: a bundle that is no archive fails it.
    pub(crate) fn end_processing(&mut self, application: &str, label: &str) {
        let Some(version) = self.version(application, label) else {
            return;
        };
        let legible = version.bundle.is_none()
            || self.bundle(application, label).is_some_and(|bundle| is_archive(&bundle));
        let owner = self.applications.get_mut(application);
        if let Some(version) = owner.and_then(|owner| owner.versions.get_mut(label)) {
            version.status = if legible { VersionStatus::Processed } else { VersionStatus::Failed };
        }
    }
}
