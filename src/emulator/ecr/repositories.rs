//! Repositories: their making, settings, labels, policies and the way in.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::layers::Layers;
use super::wire::{
    CreateRepository, DeleteRepository, DescribeRepositories, ExclusionFilter, Label, Named, PutMutability,
    PutPolicy, PutScanning, Resource, TagResource, moment, page, with_token,
};
use super::{Mutability, POLICY_PERIOD, Refusal, Registry, Repository, StoredPolicy, policy};

const NAME_RULE: &str = "must satisfy regular expression \
     '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'";

impl Registry {
    pub(super) fn create_repository(
        &mut self,
        request: CreateRepository,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let name = request.repository_name;
        self.check_name(&name)?;
        self.check_registry(request.registry_id.as_deref())?;
        if self.repositories.contains_key(&name) {
            return Err(Refusal::new(
                "RepositoryAlreadyExistsException",
                format!(
                    "The repository with name '{name}' already exists in the registry with id '{}'",
                    self.account
                ),
            ));
        }
        let mode = request.image_tag_mutability.as_deref().unwrap_or("MUTABLE");
        let repository = Repository {
            created: now,
            mutability: mutability(mode, request.image_tag_mutability_exclusion_filters)?,
            scan_on_push: request.image_scanning_configuration.unwrap_or_default().scan_on_push,
            encryption: request
                .encryption_configuration
                .unwrap_or_else(|| json!({"encryptionType": "AES256"})),
            labels: labels(request.tags)?,
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            policy: None,
            layers: Layers::default(),
        };
        let shown = self.show(&name, &repository);
        self.repositories.insert(name, repository);
        Ok(json!({"repository": shown}))
    }

    pub(super) fn describe_repositories(&self, request: DescribeRepositories) -> Result<Value, Refusal> {
        self.check_registry(request.registry_id.as_deref())?;
        if let Some(names) = request.repository_names.filter(|names| !names.is_empty()) {
            if request.max_results.is_some() || request.next_token.is_some() {
                return Err(Refusal::invalid(
                    "maxResults",
                    "must not be given together with repositoryNames",
                ));
            }
            check_batch("repositoryNames", names.len())?;
            let shown = names.iter().map(|name| Ok(self.show(name, self.repository(name, None)?)));
            return Ok(json!({"repositories": shown.collect::<Result<Vec<_>, Refusal>>()?}));
        }
        let all =
            self.repositories.iter().map(|(name, repository)| (name.clone(), self.show(name, repository)));
        let (shown, next) = page(all, request.next_token.as_deref(), request.max_results)?;
        Ok(with_token(json!({"repositories": shown}), next))
    }

    pub(super) fn delete_repository(&mut self, request: DeleteRepository) -> Result<Value, Refusal> {
        let name = request.repository_name;
        let repository = self.repository(&name, request.registry_id.as_deref())?;
        if !repository.images.is_empty() && !request.force {
            return Err(Refusal::new(
                "RepositoryNotEmptyException",
                format!(
                    "The repository with name '{name}' in registry with id '{}' cannot be deleted because it still \
                     contains images",
                    self.account
                ),
            ));
        }
        let shown = self.show(&name, repository);
        let gone = self.repositories.remove(&name);
        self.drop_uploads_of(&name);
        if let Some(gone) = gone {
            self.drop_contents(gone.layers.into_digests());
        }
        Ok(json!({"repository": shown}))
    }

    pub(super) fn put_image_tag_mutability(&mut self, request: PutMutability) -> Result<Value, Refusal> {
        let wanted =
            mutability(&request.image_tag_mutability, request.image_tag_mutability_exclusion_filters)?;
        let account = self.account.clone();
        let repository = self.repository_mut(&request.repository_name, request.registry_id.as_deref())?;
        repository.mutability = wanted;
        Ok(json!({
            "registryId": account,
            "repositoryName": request.repository_name,
            "imageTagMutability": repository.mutability.name(),
        }))
    }

    pub(super) fn put_scanning(&mut self, request: PutScanning) -> Result<Value, Refusal> {
        let account = self.account.clone();
        let repository = self.repository_mut(&request.repository_name, request.registry_id.as_deref())?;
        repository.scan_on_push = request.image_scanning_configuration.scan_on_push;
        Ok(json!({
            "registryId": account,
            "repositoryName": request.repository_name,
            "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
        }))
    }

    pub(super) fn tag_resource(&mut self, request: TagResource) -> Result<Value, Refusal> {
        let wanted = labels(request.tags)?;
        let name = self.name_of(&request.resource_arn)?;
        self.repository_mut(&name, None)?.labels.extend(wanted);
        Ok(json!({}))
    }

    pub(super) fn list_tags_for_resource(&self, request: Resource) -> Result<Value, Refusal> {
        let repository = self.repository(&self.name_of(&request.resource_arn)?, None)?;
        let tags = repository.labels.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        Ok(json!({"tags": tags.collect::<Vec<_>>()}))
    }

    pub(super) fn put_lifecycle_policy(
        &mut self,
        request: PutPolicy,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let account = self.account.clone();
        let repository = self.repository_mut(&request.repository_name, request.registry_id.as_deref())?;
        let text = request.lifecycle_policy_text;
        policy::parse(&text).map_err(|reason| {
            Refusal::invalid("LifecyclePolicyText", format!("Lifecycle policy validation failure: {reason}"))
        })?;
        repository.policy =
            Some(StoredPolicy { text: text.clone(), evaluated: None, due: now + POLICY_PERIOD });
        Ok(json!({
            "registryId": account,
            "repositoryName": request.repository_name,
            "lifecyclePolicyText": text,
        }))
    }

    pub(super) fn get_lifecycle_policy(&self, request: Named) -> Result<Value, Refusal> {
        let repository = self.repository(&request.repository_name, request.registry_id.as_deref())?;
        let stored = repository.policy.as_ref().ok_or_else(|| self.no_policy(&request.repository_name))?;
        Ok(self.show_policy(&request.repository_name, stored))
    }

    pub(super) fn delete_lifecycle_policy(&mut self, request: Named) -> Result<Value, Refusal> {
        let refusal = self.no_policy(&request.repository_name);
        let repository = self.repository_mut(&request.repository_name, request.registry_id.as_deref())?;
        let stored = repository.policy.take().ok_or(refusal)?;
        Ok(self.show_policy(&request.repository_name, &stored))
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let length = name.chars().count();
        if !(2..=256).contains(&length) || !is_repository_name(name) {
            return Err(Refusal::invalid("repositoryName", NAME_RULE));
        }
        Ok(())
    }

    pub(super) fn check_registry(&self, registry: Option<&str>) -> Result<(), Refusal> {
        if registry.is_some_and(|registry| registry != self.account) {
            return Err(Refusal::invalid("registryId", "must be the registry of the caller's account"));
        }
        Ok(())
    }

    fn name_of(&self, arn: &str) -> Result<String, Refusal> {
        let prefix = format!("arn:aws:ecr:{}:{}:repository/", self.region, self.account);
        let name = arn.strip_prefix(&prefix).map(str::to_owned);
        name.ok_or_else(|| Refusal::invalid("resourceArn", "Invalid ARN"))
    }

    fn no_policy(&self, name: &str) -> Refusal {
        Refusal::new(
            "LifecyclePolicyNotFoundException",
            format!(
                "Lifecycle policy does not exist for the repository with name '{name}' in the registry with id '{}'",
                self.account
            ),
        )
    }

    fn show_policy(&self, name: &str, stored: &StoredPolicy) -> Value {
        let mut shown = json!({
            "registryId": self.account,
            "repositoryName": name,
            "lifecyclePolicyText": stored.text,
        });
        if let Some(evaluated) = stored.evaluated {
            shown["lastEvaluatedAt"] = moment(evaluated);
        }
        shown
    }

    fn show(&self, name: &str, repository: &Repository) -> Value {
        let mut shown = json!({
            "repositoryArn": format!("arn:aws:ecr:{}:{}:repository/{name}", self.region, self.account),
            "registryId": self.account,
            "repositoryName": name,
            "repositoryUri": format!("{}/{name}", self.host()),
            "createdAt": moment(repository.created),
            "imageTagMutability": repository.mutability.name(),
            "imageScanningConfiguration": {"scanOnPush": repository.scan_on_push},
            "encryptionConfiguration": repository.encryption,
        });
        if let Some(filters) = &repository.mutability.excluded {
            let filters = filters.iter().map(|filter| json!({"filterType": "WILDCARD", "filter": filter}));
            shown["imageTagMutabilityExclusionFilters"] = filters.collect();
        }
        shown
    }
}

/// Lists in one request hold at most a hundred entries (API reference: array
/// members of BatchGetImage, BatchDeleteImage, DescribeImages, DescribeRepositories).
pub(super) fn check_batch(parameter: &str, length: usize) -> Result<(), Refusal> {
    if !(1..=100).contains(&length) {
        return Err(Refusal::invalid(parameter, "Member must have length between 1 and 100"));
    }
    Ok(())
}

fn is_repository_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.split('/').all(|part| {
        part.starts_with(plain)
            && part.ends_with(plain)
            && part.chars().all(|c| plain(c) || "._-".contains(c))
            && !part.as_bytes().windows(2).any(|pair| pair.iter().all(|byte| b"._-".contains(byte)))
    })
}

fn mutability(mode: &str, filters: Option<Vec<ExclusionFilter>>) -> Result<Mutability, Refusal> {
    let (immutable, excluding) = match mode {
        "MUTABLE" => (false, false),
        "IMMUTABLE" => (true, false),
        "MUTABLE_WITH_EXCLUSION" => (false, true),
        "IMMUTABLE_WITH_EXCLUSION" => (true, true),
        _ => {
            let known = "Member must satisfy enum value set: \
                 [MUTABLE, IMMUTABLE, IMMUTABLE_WITH_EXCLUSION, MUTABLE_WITH_EXCLUSION]";
            return Err(Refusal::invalid("imageTagMutability", known));
        }
    };
    let filters = filters.unwrap_or_default();
    if excluding == filters.is_empty() || filters.len() > 5 {
        let rule =
            "one to five filters are needed by the modes with exclusion, and none is taken by the others";
        return Err(Refusal::invalid("imageTagMutabilityExclusionFilters", rule));
    }
    if filters.iter().any(|filter| filter.filter_type != "WILDCARD") {
        return Err(Refusal::invalid("filterType", "Member must satisfy enum value set: [WILDCARD]"));
    }
    let excluded = excluding.then(|| filters.into_iter().map(|filter| filter.filter).collect());
    Ok(Mutability { immutable, excluded })
}

fn labels(tags: Vec<Label>) -> Result<BTreeMap<String, String>, Refusal> {
    if tags.len() > 50 {
        return Err(Refusal::new("TooManyTagsException", "A repository can have at most 50 tags"));
    }
    if let Some(bad) = tags.iter().find(|tag| tag.key.is_empty() || tag.key.starts_with("aws:")) {
        return Err(Refusal::new(
            "InvalidTagParameterException",
            format!("Tag key '{}' is not allowed", bad.key),
        ));
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
