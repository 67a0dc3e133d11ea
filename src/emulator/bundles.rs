//! What the world knows of source bundles and of the images that they name.

use std::io::{Cursor, Read};

use bytes::Bytes;

use super::s3::Objects;
use super::world::World;

/// Largest description file that is read from a bundle.
const LARGEST: u64 = 1 << 20;

/// The image references in a bundle: of a Dockerrun file of version 1 (`Image.Name`) or 2
/// (`containerDefinitions[].image`), or of a compose file. `None`, when the bundle is no zip.
pub(crate) fn images(bundle: &Bytes) -> Option<Vec<String>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bundle)).ok()?;
    let mut text = |name: &str| {
        let file = archive.by_name(name).ok()?;
        let mut text = String::new();
        file.take(LARGEST).read_to_string(&mut text).ok()?;
        Some(text)
    };
    let dockerrun = text("Dockerrun.aws.json");
    let compose = text("docker-compose.yml").or_else(|| text("docker-compose.yaml"));
    let mut found = dockerrun.map(|text| dockerrun_images(&text)).unwrap_or_default();
    found.extend(compose.map(|text| compose_images(&text)).unwrap_or_default());
    Some(found)
}

fn dockerrun_images(text: &str) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let containers = json["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let several = containers.iter().map(|container| &container["image"]);
    std::iter::once(&json["Image"]["Name"])
        .chain(several)
        .filter_map(|image| image.as_str().map(str::to_owned))
        .collect()
}

fn compose_images(text: &str) -> Vec<String> {
    let yaml: serde_json::Value = serde_yaml::from_str(text).unwrap_or_default();
    let services = yaml["services"].as_object().cloned().unwrap_or_default();
    services.values().filter_map(|service| service["image"].as_str().map(str::to_owned)).collect()
}

/// Repository and rest (`:tag` or `@digest`, without its sign) of an image in a registry.
struct Reference<'a> {
    host: &'a str,
    repository: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn read(image: &'a str) -> Self {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        let (host, path) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) => (host, path),
            _ => ("", name),
        };
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        Self { host, repository, tag, digest }
    }
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
        let Some(images) = images(&bundle) else {
            return Err("Failed to unzip the source bundle.".to_owned());
        };
        let mut names = Vec::new();
        for image in images {
            names.extend(self.names_of(&image)?);
            names.push(image);
        }
        Ok(names)
    }

    /// The tags of an image in our registry; images elsewhere are believed to be there.
    fn names_of(&self, image: &str) -> Result<Vec<String>, String> {
        let Reference { host, repository, tag, digest } = Reference::read(image);
        if host != self.registry.host() {
            return Ok(Vec::new());
        }
        let resolved = match digest {
            Some(digest) => self.registry.exists(repository, digest).then(|| digest.to_owned()),
            None => self.registry.resolve(repository, tag.unwrap_or("latest")),
        };
        match resolved {
            Some(digest) => Ok(self.registry.tags_of(repository, &digest)),
            None => Err(format!("Failed to pull Docker image {image}: manifest unknown.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_every_kind_of_description() {
        let one = r#"{"AWSEBDockerrunVersion":"1","Image":{"Name":"a:1"}}"#;
        let two =
            r#"{"AWSEBDockerrunVersion":2,"containerDefinitions":[{"image":"b@sha256:0"},{"name":"c"}]}"#;
        assert_eq!(dockerrun_images(one), ["a:1"]);
        assert_eq!(dockerrun_images(two), ["b@sha256:0"]);
        assert_eq!(compose_images("services: {web: {image: d}, db: {build: .}}"), ["d"]);
        assert_eq!(images(&Bytes::from_static(b"no zip")), None);
    }

    #[test]
    fn references_fall_into_their_parts() {
        let full = Reference::read("1.dkr.ecr.eu-central-1.amazonaws.com/team/shop:v1@sha256:0");
        assert_eq!((full.host, full.repository), ("1.dkr.ecr.eu-central-1.amazonaws.com", "team/shop"));
        assert_eq!((full.tag, full.digest), (Some("v1"), Some("sha256:0")));
        let short = Reference::read("team/shop");
        assert_eq!((short.host, short.repository, short.tag), ("", "team/shop", None));
    }
}
