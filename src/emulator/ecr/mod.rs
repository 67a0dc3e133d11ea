//! The registry: repositories, images and the rules that expire them.
//!
//! Plain state, moved by [`Registry::call`], by the registry protocol in front of it (`distribution`) and by time
//! through [`Registry::advance`]. Contents alone lie outside, in `blobs`. Each rule stands, with its public source, in
//! `docs/registry-and-bundles.md`.

pub(crate) mod access;
mod images;
pub(crate) mod layers;
mod manifest;
mod policy;
pub(crate) mod protocol;
mod repositories;
mod seed;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blobs::Blobs;
use layers::{Layers, Upload};
use wire::parse;

/// Lifecycle rules are looked at this often. The service promises a day; an
/// hour of world time keeps a demo watchable without being immediate.
const POLICY_PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// A request that the registry turned down.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: u16,
    /// Error type on the wire, such as `RepositoryNotFoundException`.
    pub code: &'static str,
    /// What the caller is told.
    pub message: String,
}

impl Refusal {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status: 400, code, message }
    }

    /// The machine under the emulator does not do what it should, such as a disk that is full.
    fn server(error: &std::io::Error) -> Self {
        let status = if error.kind() == std::io::ErrorKind::StorageFull { 507 } else { 500 };
        Self { status, code: "ServerException", message: format!("The registry cannot keep this: {error}") }
    }

    fn invalid(parameter: &str, constraint: impl AsRef<str>) -> Self {
        let constraint = constraint.as_ref();
        Self::new(
            "InvalidParameterException",
            format!("Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"),
        )
    }
}

/// What AWS does not say, with the readings that clients must both survive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SameDigest {
    /// Putting the same manifest under the immutable tag that it already has is
    /// answered like on a mutable one: `ImageAlreadyExistsException`.
    #[default]
    ImageExists,
    /// The tag is looked at first: `ImageTagAlreadyExistsException`.
    TagExists,
}

/// The private registry of one account in one region.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Registry {
    account: String,
    region: String,
    repositories: BTreeMap<String, Repository>,
    /// Passwords and uploads handed out so far; makes each one differ.
    tokens: u64,
    /// Passwords, and until when each is good.
    #[serde(default)]
    passwords: BTreeMap<String, Timestamp>,
    /// Uploads under way, by their id.
    #[serde(default)]
    uploads: BTreeMap<String, Upload>,
    /// The account's setting BLOB_MOUNTING.
    #[serde(default)]
    blob_mounting: bool,
    /// What the layers of all repositories consist of.
    #[serde(skip)]
    blobs: Blobs,
    /// Where the registry protocol is served on this machine.
    #[serde(skip)]
    served: Option<SocketAddr>,
    /// Reading of the one rule that is not documented.
    pub same_digest: SameDigest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Repository {
    created: Timestamp,
    mutability: Mutability,
    scan_on_push: bool,
    encryption: Value,
    labels: BTreeMap<String, String>,
    images: BTreeMap<String, Image>,
    /// Tag to digest. The tags of an image are the inverse of this, kept in
    /// the image itself.
    tags: BTreeMap<String, String>,
    policy: Option<StoredPolicy>,
    /// Layers and configurations that were pushed to this repository.
    #[serde(default)]
    layers: Layers,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Image {
    manifest: String,
    media_type: Option<String>,
    pushed: Timestamp,
    size: u64,
    tags: BTreeSet<String>,
    /// Digests that this image's manifest list names; empty for an image proper.
    children: BTreeSet<String>,
    /// Layers and configuration that the manifest names.
    #[serde(default)]
    layers: BTreeSet<String>,
    /// Media type of the configuration.
    #[serde(default)]
    artifact: Option<String>,
    /// When it was scanned, where its repository scans what is pushed.
    #[serde(default)]
    scanned: Option<Timestamp>,
    /// When it was pulled last.
    #[serde(default)]
    pulled: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct StoredPolicy {
    text: String,
    evaluated: Option<Timestamp>,
    due: Timestamp,
}

/// Whether a tag may move, and which tags are spared from that rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Mutability {
    immutable: bool,
    /// Wildcard filters of the `…_WITH_EXCLUSION` modes; `None` in the plain modes.
    excluded: Option<Vec<String>>,
}

impl Mutability {
    fn locks(&self, tag: &str) -> bool {
        let spared = self.excluded.iter().flatten().any(|filter| policy::wildcard(filter, tag));
        self.immutable != spared
    }

    fn name(&self) -> &'static str {
        match (self.immutable, self.excluded.is_some()) {
            (false, false) => "MUTABLE",
            (true, false) => "IMMUTABLE",
            (false, true) => "MUTABLE_WITH_EXCLUSION",
            (true, true) => "IMMUTABLE_WITH_EXCLUSION",
        }
    }
}

impl Registry {
    /// An empty registry. `account` is the twelve digits that its host name starts with.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            repositories: BTreeMap::new(),
            tokens: 0,
            passwords: BTreeMap::new(),
            uploads: BTreeMap::new(),
            blob_mounting: false,
            blobs: Blobs::default(),
            served: None,
            same_digest: SameDigest::default(),
        }
    }

    /// Host name of the registry as AWS forms it, without scheme.
    pub fn host(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    /// Carries out one operation of the ECR API (`X-Amz-Target` without its
    /// prefix) on its decoded JSON body and returns the JSON of the answer.
    ///
    /// # Errors
    /// The service's own refusals, in its words and with its codes. An
    /// operation that is not built is `InvalidAction`, and a member that the
    /// operation does not know is refused, so that a misspelt one shows.
    pub fn call(&mut self, operation: &str, body: &Value, now: Timestamp) -> Result<Value, Refusal> {
        self.advance(now);
        match operation {
            "CreateRepository" => self.create_repository(parse(body)?, now),
            "DescribeRepositories" => self.describe_repositories(parse(body)?),
            "DeleteRepository" => self.delete_repository(parse(body)?),
            "PutImageTagMutability" => self.put_image_tag_mutability(parse(body)?),
            "PutImageScanningConfiguration" => self.put_scanning(parse(body)?),
            "TagResource" => self.tag_resource(parse(body)?),
            "ListTagsForResource" => self.list_tags_for_resource(parse(body)?),
            "PutImage" => self.put_image(parse(body)?, now),
            "BatchGetImage" => self.batch_get_image(parse(body)?),
            "DescribeImages" => self.describe_images(parse(body)?),
            "ListImages" => self.list_images(parse(body)?),
            "BatchDeleteImage" => self.batch_delete_image(parse(body)?, now),
            "BatchCheckLayerAvailability" => self.check_layers(parse(body)?),
            "InitiateLayerUpload" => self.initiate_upload(parse(body)?, now),
            "UploadLayerPart" => self.upload_part(parse(body)?, now),
            "CompleteLayerUpload" => self.complete_upload(parse(body)?, now),
            "GetDownloadUrlForLayer" => self.layer_url(parse(body)?, now),
            "GetAccountSetting" => self.get_account_setting(parse(body)?),
            "PutAccountSetting" => self.put_account_setting(parse(body)?),
            "PutLifecyclePolicy" => self.put_lifecycle_policy(parse(body)?, now),
            "GetLifecyclePolicy" => self.get_lifecycle_policy(parse(body)?),
            "DeleteLifecyclePolicy" => self.delete_lifecycle_policy(parse(body)?),
            "GetAuthorizationToken" => self.get_authorization_token(parse(body)?, now),
            other => Err(Refusal::new(
                "InvalidAction",
                format!("Could not find operation {other} for ECR in this emulator"),
            )),
        }
    }

    /// Lets lifecycle rules take effect that have come due by `now`, and removes layers and uploads that nobody needs.
    pub fn advance(&mut self, now: Timestamp) {
        for repository in self.repositories.values_mut() {
            repository.apply_policy(now);
        }
        self.sweep(now);
    }

    /// The next moment at which time alone may change something: a lifecycle
    /// rule, a layer or an upload whose time is up.
    pub fn next_due(&self) -> Option<Timestamp> {
        let policies =
            self.repositories.values().filter_map(|repository| Some(repository.policy.as_ref()?.due));
        policies.chain(self.sweep_due()).min()
    }

    /// The tags that an image bears now, in order; empty for an unknown image.
    pub fn tags_of(&self, repository: &str, digest: &str) -> Vec<String> {
        let image = self.repositories.get(repository).and_then(|found| found.images.get(digest));
        image.map(|image| image.tags.iter().cloned().collect()).unwrap_or_default()
    }

    /// The digest that a tag names now.
    pub fn resolve(&self, repository: &str, tag: &str) -> Option<String> {
        self.repositories.get(repository)?.tags.get(tag).cloned()
    }

    /// Whether the image can be pulled by this digest.
    pub fn exists(&self, repository: &str, digest: &str) -> bool {
        self.repositories.get(repository).is_some_and(|found| found.images.contains_key(digest))
    }

    fn repository(&self, name: &str, registry: Option<&str>) -> Result<&Repository, Refusal> {
        self.check_name(name)?;
        let registry = registry.unwrap_or(&self.account);
        let found = self.repositories.get(name).filter(|_| registry == self.account);
        found.ok_or_else(|| unknown_repository(name, registry))
    }

    fn repository_mut(&mut self, name: &str, registry: Option<&str>) -> Result<&mut Repository, Refusal> {
        self.check_name(name)?;
        let registry = registry.unwrap_or(&self.account);
        let found = self.repositories.get_mut(name).filter(|_| registry == self.account);
        found.ok_or_else(|| unknown_repository(name, registry))
    }
}

impl Repository {
    /// Gives `tag` to an image and takes it from whichever had it.
    fn tag(&mut self, tag: &str, digest: &str) {
        self.untag(tag);
        if let Some(image) = self.images.get_mut(digest) {
            image.tags.insert(tag.to_owned());
            self.tags.insert(tag.to_owned(), digest.to_owned());
        }
    }

    fn untag(&mut self, tag: &str) {
        if let Some(holder) = self.tags.remove(tag)
            && let Some(image) = self.images.get_mut(&holder)
        {
            image.tags.remove(tag);
        }
    }

    /// Takes an image out with all its tags. Its layers stay for a while.
    fn remove(&mut self, digest: &str, now: Timestamp) -> Option<Image> {
        let image = self.images.remove(digest)?;
        for tag in &image.tags {
            self.tags.remove(tag);
        }
        self.release(&image.layers, now);
        Some(image)
    }

    /// Whether a manifest list that is still there names this image.
    fn is_referenced(&self, digest: &str) -> bool {
        self.images.values().any(|image| image.children.contains(digest))
    }
}

fn unknown_repository(name: &str, registry: &str) -> Refusal {
    Refusal::new(
        "RepositoryNotFoundException",
        format!("The repository with name '{name}' does not exist in the registry with id '{registry}'"),
    )
}
