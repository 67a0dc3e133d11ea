//! Requests of the ECR API as they come in, and the forms its answers share.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Refusal;

/// Decodes a request body; an empty one counts as an empty object.
pub(super) fn parse<T: DeserializeOwned>(body: &Value) -> Result<T, Refusal> {
    let body = if body.is_null() { json!({}) } else { body.clone() };
    serde_json::from_value(body)
        .map_err(|error| Refusal::new("InvalidParameterException", format!("Invalid request: {error}")))
}

/// Moments are numbers of seconds since 1970 in the JSON 1.1 protocol.
pub(super) fn moment(at: Timestamp) -> Value {
    json!(at.as_millisecond() as f64 / 1000.0)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateRepository {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    #[serde(default)]
    pub(super) tags: Vec<Label>,
    pub(super) image_tag_mutability: Option<String>,
    pub(super) image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
    pub(super) image_scanning_configuration: Option<Scanning>,
    pub(super) encryption_configuration: Option<Value>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Label {
    pub(super) key: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ExclusionFilter {
    pub(super) filter_type: String,
    pub(super) filter: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Scanning {
    #[serde(default)]
    pub(super) scan_on_push: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeRepositories {
    pub(super) registry_id: Option<String>,
    pub(super) repository_names: Option<Vec<String>>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DeleteRepository {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    #[serde(default)]
    pub(super) force: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutMutability {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_tag_mutability: String,
    pub(super) image_tag_mutability_exclusion_filters: Option<Vec<ExclusionFilter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutScanning {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_scanning_configuration: Scanning,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagResource {
    pub(super) resource_arn: String,
    pub(super) tags: Vec<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Resource {
    pub(super) resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Authorization {
    #[serde(default)]
    pub(super) registry_ids: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutImage {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_manifest: String,
    pub(super) image_manifest_media_type: Option<String>,
    pub(super) image_tag: Option<String>,
    pub(super) image_digest: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CheckLayers {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) layer_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UploadPart {
    #[serde(default, rename = "registryId")]
    pub(super) _registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) upload_id: String,
    pub(super) part_first_byte: u64,
    pub(super) part_last_byte: u64,
    pub(super) layer_part_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CompleteUpload {
    #[serde(default, rename = "registryId")]
    pub(super) _registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) upload_id: String,
    pub(super) layer_digests: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LayerUrl {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) layer_digest: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// A digest, a tag, or both, which then must fit each other.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImageId {
    pub(super) image_digest: Option<String>,
    pub(super) image_tag: Option<String>,
}

impl ImageId {
    pub(super) fn to_json(&self) -> Value {
        image_id(self.image_digest.as_deref(), self.image_tag.as_deref())
    }
}

/// The wire form of an image identifier; absent members are left out.
pub(super) fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let mut id = serde_json::Map::new();
    id.extend(digest.map(|digest| ("imageDigest".to_owned(), json!(digest))));
    id.extend(tag.map(|tag| ("imageTag".to_owned(), json!(tag))));
    Value::Object(id)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGet {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_ids: Vec<ImageId>,
    /// Asked for by clients that can convert; manifests are stored in one form only.
    #[serde(default, rename = "acceptedMediaTypes")]
    pub(super) _accepted_media_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchDelete {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_ids: Vec<ImageId>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum TagStatus {
    Tagged,
    Untagged,
    #[default]
    Any,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImageFilter {
    #[serde(default)]
    pub(super) tag_status: TagStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeImages {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) image_ids: Option<Vec<ImageId>>,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
    pub(super) filter: Option<ImageFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListImages {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) next_token: Option<String>,
    pub(super) max_results: Option<i64>,
    pub(super) filter: Option<ImageFilter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutPolicy {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
    pub(super) lifecycle_policy_text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    pub(super) registry_id: Option<String>,
    pub(super) repository_name: String,
}

/// One page of `all`, and the token for the next one.
///
/// A token names the last key that was shown, so that a page stays right when
/// entries come and go between two calls.
pub(super) fn page<T>(
    all: impl Iterator<Item = (String, T)>,
    token: Option<&str>,
    size: Option<i64>,
) -> Result<(Vec<T>, Option<String>), Refusal> {
    let size = match size {
        None => 100,
        Some(asked @ 1..=1000) => asked as usize,
        Some(_) => return Err(Refusal::invalid("maxResults", "Member must be between 1 and 1000")),
    };
    let after = token.map(decode_token).transpose()?;
    let mut rest = all.skip_while(|(key, _)| after.as_ref().is_some_and(|after| key <= after)).peekable();
    let mut shown = Vec::new();
    let mut last = String::new();
    while shown.len() < size
        && let Some((key, entry)) = rest.next()
    {
        shown.push(entry);
        last = key;
    }
    let next = rest.peek().is_some().then(|| data_encoding::BASE64URL.encode(last.as_bytes()));
    Ok((shown, next))
}

fn decode_token(token: &str) -> Result<String, Refusal> {
    let bytes = data_encoding::BASE64URL.decode(token.as_bytes()).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| Refusal::invalid("nextToken", "Invalid token"))
}

/// Adds `nextToken` to an answer when there is a further page.
pub(super) fn with_token(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}
