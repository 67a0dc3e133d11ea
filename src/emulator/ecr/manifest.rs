//! Manifests: which forms are taken, and what one names.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Image, Refusal};

const OCI: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"];
const DOCKER: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The members that matter here; a manifest may have others (OCI image specification, "Image Manifest").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: i64,
    media_type: Option<String>,
    config: Option<Part>,
    layers: Option<Vec<Part>>,
    manifests: Option<Vec<Part>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    media_type: Option<String>,
    digest: String,
    #[serde(default)]
    size: u64,
    /// A layer that lies elsewhere is not pushed.
    #[serde(default)]
    urls: Vec<String>,
}

/// Reads a manifest or a list of them.
///
/// `said` is the media type beside the manifest; without it the manifest's own counts, and without that its form.
pub(super) fn read_manifest(
    manifest: String,
    said: Option<String>,
    now: Timestamp,
) -> Result<Image, Refusal> {
    let wrong = |why: &str| Refusal::invalid("ImageManifest", why);
    let parsed: Manifest = serde_json::from_str(&manifest).map_err(|_| wrong("Invalid JSON syntax"))?;
    if parsed.schema_version != 2 {
        return Err(wrong("manifests of schema version 2 are taken and no others"));
    }
    let is_list = parsed.manifests.is_some();
    if is_list == parsed.layers.is_some() {
        return Err(wrong("a manifest has layers, and a list of manifests has manifests"));
    }
    if let (Some(said), Some(own)) = (&said, &parsed.media_type)
        && said != own
    {
        return Err(wrong("the manifest's media type is not the one that it is sent with"));
    }
    let media_type = said.or(parsed.media_type).unwrap_or_else(|| OCI[usize::from(is_list)].to_owned());
    if ![OCI[usize::from(is_list)], DOCKER[usize::from(is_list)]].contains(&media_type.as_str()) {
        return Err(wrong("the media type is none of a manifest of this form"));
    }
    let children = parsed.manifests.unwrap_or_default().into_iter().map(|child| child.digest).collect();
    let parts: Vec<&Part> = parsed.config.iter().chain(parsed.layers.iter().flatten()).collect();
    Ok(Image {
        media_type: Some(media_type),
        pushed: now,
        size: parts.iter().map(|part| part.size).sum(),
        tags: BTreeSet::new(),
        children,
        layers: parts.iter().filter(|part| part.urls.is_empty()).map(|part| part.digest.clone()).collect(),
        artifact: parsed.config.as_ref().and_then(|config| config.media_type.clone()),
        scanned: None,
        pulled: None,
        manifest,
    })
}
