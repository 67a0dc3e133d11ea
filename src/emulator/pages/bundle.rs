//! Which images a source bundle asks for.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use serde_json::Value;

use super::PageImage;
use crate::emulator::ecr::Registry;

/// Files that name images, in the order in which Beanstalk's Docker platforms
/// look for them.
const COMPOSE: [&str; 2] = ["docker-compose.yml", "docker-compose.yaml"];
const DOCKERRUN: &str = "Dockerrun.aws.json";

/// No file of a bundle that is read here is larger; the rest is cut off.
const LONGEST: u64 = 1 << 20;

/// The images of a bundle, each once and in order: `Image.Name` of a
/// Dockerrun file of version 1, `containerDefinitions[].image` of version 2,
/// `services.*.image` of a compose file. What `registry` knows of them is
/// filled in. A bundle that cannot be read names none.
pub fn images_of(bundle: &[u8], registry: &Registry) -> Vec<PageImage> {
    let references: BTreeSet<String> = references(bundle).unwrap_or_default().into_iter().collect();
    references.into_iter().map(|reference| complete(reference, registry)).collect()
}

fn references(bundle: &[u8]) -> Option<Vec<String>> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bundle)).ok()?;
    for name in COMPOSE {
        if let Some(text) = read(&mut archive, name) {
            let compose: Value = serde_yaml::from_str(&text).ok()?;
            let services = compose["services"].as_object()?.values();
            return Some(
                services.filter_map(|service| Some(service["image"].as_str()?.to_owned())).collect(),
            );
        }
    }
    let dockerrun: Value = serde_json::from_str(&read(&mut archive, DOCKERRUN)?).ok()?;
    let single = dockerrun["Image"]["Name"].as_str();
    let several = dockerrun["containerDefinitions"].as_array().into_iter().flatten();
    let several = several.filter_map(|container| container["image"].as_str());
    Some(single.into_iter().chain(several).map(str::to_owned).collect())
}

fn read(archive: &mut zip::ZipArchive<Cursor<&[u8]>>, name: &str) -> Option<String> {
    let mut text = String::new();
    archive.by_name(name).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

fn complete(reference: String, registry: &Registry) -> PageImage {
    let (before, digest) = match reference.split_once('@') {
        Some((before, digest)) => (before, Some(digest.to_owned())),
        None => (reference.as_str(), None),
    };
    // A colon before the last slash belongs to the port of a registry.
    let (path, tag) = match before.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (before, None),
    };
    let host = format!("{}/", registry.host());
    let repository = path.strip_prefix(&host).unwrap_or(path).to_owned();
    let digest = digest.or_else(|| registry.resolve(&repository, tag.unwrap_or("latest")));
    let mut tags = digest.as_ref().map(|digest| registry.tags_of(&repository, digest)).unwrap_or_default();
    if let Some(tag) = tag.filter(|tag| !tags.iter().any(|known| known == tag)) {
        tags.push(tag.to_owned());
    }
    PageImage { reference, repository, digest, tags }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn bundle(name: &str, text: &str) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn a_digest_is_shown_with_the_tags_it_bears() {
        let mut registry = Registry::new("123456789012", "eu-central-1");
        let now = "2025-03-01T00:00:00Z".parse().unwrap();
        let digest = registry.seed_image("shop/web", "login-42", now);
        let reference = format!("{}/shop/web@{digest}", registry.host());
        let text = format!(r#"{{"AWSEBDockerrunVersion": "1", "Image": {{"Name": "{reference}"}}}}"#);
        let images = images_of(&bundle("Dockerrun.aws.json", &text), &registry);
        assert_eq!(
            images,
            [PageImage {
                reference,
                repository: "shop/web".into(),
                digest: Some(digest),
                tags: vec!["login-42".into()],
            }]
        );
    }

    #[test]
    fn every_container_counts_and_tags_are_looked_up() {
        let mut registry = Registry::new("123456789012", "eu-central-1");
        let digest = registry.seed_image("shop", "v1", "2025-03-01T00:00:00Z".parse().unwrap());
        let own = format!("{}/shop:v1", registry.host());
        let containers =
            format!(r#"[{{"image": "localhost:5000/nginx"}}, {{"image": "{own}"}}, {{"name": "x"}}]"#);
        let text = format!(r#"{{"AWSEBDockerrunVersion": 2, "containerDefinitions": {containers}}}"#);
        let images = images_of(&bundle("Dockerrun.aws.json", &text), &registry);
        assert_eq!(
            (images[0].digest.as_ref(), images[0].tags.as_slice()),
            (Some(&digest), ["v1".into()].as_slice())
        );
        assert_eq!((images[1].repository.as_str(), &images[1].digest), ("localhost:5000/nginx", &None));
    }

    #[test]
    fn compose_files_are_read() {
        let registry = Registry::new("123456789012", "eu-central-1");
        let text = "services:\n  web:\n    image: nginx:1.27\n  db:\n    build: .\n";
        let images = images_of(&bundle("docker-compose.yml", text), &registry);
        assert_eq!(images.len(), 1);
        assert_eq!(
            (images[0].repository.as_str(), images[0].tags.as_slice()),
            ("nginx", ["1.27".into()].as_slice())
        );
    }

    #[test]
    fn what_is_no_bundle_names_nothing() {
        let registry = Registry::new("123456789012", "eu-central-1");
        assert!(images_of(b"not a zip", &registry).is_empty());
        assert!(images_of(&bundle("index.html", "hello"), &registry).is_empty());
        assert!(images_of(&bundle("Dockerrun.aws.json", "{"), &registry).is_empty());
    }
}
