//! What registries say of image references: a tag today, a digest to deploy.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecr::types::ImageIdentifier;

use crate::aws::{CallError, Clients, call};
use crate::model::{Digest, ImageAnswer, ImageReference, RefusalClass, is_ecr_host};

/// Most images that one call may name (AWS API ECR `BatchGetImage`).
const BATCH: usize = 100;

/// Kinds of manifests that are taken as they lie in the registry. Without
/// the list ECR converts to the oldest kind, whose digest is another.
const MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Failure codes by which ECR says that the image is not there; the others
/// (key management, upstream registries, …) say that it could not look.
const ABSENT: [&str; 5] = [
    "ImageNotFound",
    "InvalidImageTag",
    "InvalidImageDigest",
    "ImageTagDoesNotMatchDigest",
    "MissingDigestAndTag",
];

/// Where images without a registry's host live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryHome {
    /// The account, where it is known; ECR's answer tells it otherwise.
    pub account: Option<String>,
    /// The region.
    pub region: String,
}

/// Registries that can be asked, which are those of ECR.
#[derive(Clone, Debug)]
pub struct Registry {
    clients: Clients,
    home: RegistryHome,
}

/// One repository: host as written, account, region and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Repository {
    host: Option<String>,
    account: Option<String>,
    region: String,
    name: String,
}

impl Repository {
    /// The host and name under which instances pull.
    fn uri(&self, account: &str) -> String {
        if let Some(host) = &self.host {
            return format!("{host}/{}", self.name);
        }
        let suffix = if self.region.starts_with("cn-") { ".cn" } else { "" };
        format!("{account}.dkr.ecr.{}.amazonaws.com{suffix}/{}", self.region, self.name)
    }
}

/// What a reference asks for within its repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Tag(String),
    Digest(String),
}

impl Wanted {
    fn identifier(&self) -> ImageIdentifier {
        let builder = ImageIdentifier::builder();
        match self {
            Wanted::Tag(tag) => builder.image_tag(tag),
            Wanted::Digest(digest) => builder.image_digest(digest),
        }
        .build()
    }

    fn is_of(&self, id: &ImageIdentifier) -> bool {
        match self {
            Wanted::Tag(tag) => id.image_tag() == Some(tag),
            Wanted::Digest(digest) => id.image_digest() == Some(digest),
        }
    }
}

/// What a reference turns out to be before anybody is asked.
enum Sorted {
    Ask(Repository, Wanted),
    Answered(ImageAnswer),
}

impl Registry {
    /// Over these clients.
    pub fn new(clients: Clients, home: RegistryHome) -> Self {
        Self { clients, home }
    }

    /// Answers every reference, with one call for up to 100 images of a
    /// repository. A registry that is not ECR is not asked; what cannot be
    /// parsed is Absent with the reason.
    pub async fn resolve(&self, references: &[String]) -> BTreeMap<String, ImageAnswer> {
        let mut answers = BTreeMap::new();
        let mut questions: BTreeMap<Repository, BTreeMap<Wanted, BTreeSet<&String>>> = BTreeMap::new();
        for reference in references {
            match self.sort(reference) {
                Sorted::Answered(answer) => {
                    answers.insert(reference.clone(), answer);
                }
                Sorted::Ask(repository, wanted) => {
                    questions.entry(repository).or_default().entry(wanted).or_default().insert(reference);
                }
            }
        }
        for (repository, images) in questions {
            let all: Vec<&Wanted> = images.keys().collect();
            for some in all.chunks(BATCH) {
                let replies = self.ask(&repository, some).await;
                for (wanted, answer) in some.iter().zip(replies) {
                    for reference in &images[*wanted] {
                        answers.insert((*reference).clone(), answer.clone());
                    }
                }
            }
        }
        answers
    }

    fn sort(&self, text: &str) -> Sorted {
        let reference = match ImageReference::parse(text) {
            Ok(reference) => reference,
            Err(error) => return Sorted::Answered(ImageAnswer::Absent { why: error.to_string() }),
        };
        let (account, region) = match &reference.registry {
            None => (self.home.account.clone(), self.home.region.clone()),
            Some(host) => match is_ecr_host(host) {
                Some((account, region)) => (Some(account.to_owned()), region.to_owned()),
                None => {
                    let written = reference.to_string();
                    return Sorted::Answered(ImageAnswer::Unasked { written });
                }
            },
        };
        let wanted = match (reference.digest, reference.tag) {
            (Some(digest), _) => Wanted::Digest(digest.as_str().to_owned()),
            (None, Some(tag)) => Wanted::Tag(tag),
            (None, None) => {
                let why = "it names neither tag nor digest".to_owned();
                return Sorted::Answered(ImageAnswer::Absent { why });
            }
        };
        let host = reference.registry;
        Sorted::Ask(Repository { host, account, region, name: reference.repository }, wanted)
    }

    /// One call; an answer for each image, in order.
    async fn ask(&self, repository: &Repository, images: &[&Wanted]) -> Vec<ImageAnswer> {
        let mut request = self
            .clients
            .ecr
            .batch_get_image()
            .set_registry_id(repository.account.clone())
            .repository_name(&repository.name)
            .set_image_ids(Some(images.iter().map(|image| image.identifier()).collect()));
        for media_type in MEDIA_TYPES {
            request = request.accepted_media_types(media_type);
        }
        let sent = if repository.region == self.clients.region {
            call(request.send()).await
        } else {
            let region = aws_sdk_ecr::config::Region::new(repository.region.clone());
            let there = aws_sdk_ecr::config::Builder::new().region(region);
            call(request.customize().config_override(there).send()).await
        };
        let output = match sent {
            Ok(output) => output.value,
            Err(error) => return vec![failed(&error); images.len()],
        };
        images.iter().map(|image| self.answer(repository, image, &output)).collect()
    }

    fn answer(
        &self,
        repository: &Repository,
        wanted: &Wanted,
        output: &aws_sdk_ecr::operation::batch_get_image::BatchGetImageOutput,
    ) -> ImageAnswer {
        let found = output.images().iter().find(|image| image.image_id().is_some_and(|id| wanted.is_of(id)));
        if let Some(image) = found {
            let account =
                repository.account.as_deref().or(image.registry_id()).or(self.home.account.as_deref());
            let digest = image.image_id().and_then(|id| id.image_digest());
            return match (account, digest) {
                (Some(account), Some(digest)) if digest.starts_with("sha256:") => ImageAnswer::Found {
                    digest: Digest::new(digest),
                    pinned: format!("{}@{digest}", repository.uri(account)),
                },
                _ => ImageAnswer::Gap("the registry's answer names no digest or no account".to_owned()),
            };
        }
        let failure =
            output.failures().iter().find(|failure| failure.image_id().is_none_or(|id| wanted.is_of(id)));
        match failure {
            None => ImageAnswer::Gap("the registry's answer leaves this image out".to_owned()),
            Some(failure) => {
                let code = failure.failure_code().map_or("", |code| code.as_str());
                let why = match failure.failure_reason() {
                    Some(reason) => format!("{code}: {reason}"),
                    None => code.to_owned(),
                };
                if ABSENT.contains(&code) { ImageAnswer::Absent { why } } else { ImageAnswer::Gap(why) }
            }
        }
    }
}

/// A call that failed as a whole: only a repository that is not there is an
/// answer.
fn failed(error: &CallError) -> ImageAnswer {
    if error.is(RefusalClass::NotFound) {
        ImageAnswer::Absent { why: error.to_string() }
    } else {
        ImageAnswer::Gap(error.to_string())
    }
}
