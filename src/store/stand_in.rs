//! Reads the model's JSON form until the model does it itself, with better
//! words and every check.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::model::{
    Dockerrun, Feature, FeatureName, FeatureSpec, Heal, Metadata, Notify, Scalar, Setting, Source, TtlFrom,
    Variable,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whole {
    #[serde(rename = "apiVersion")]
    _api: String,
    #[serde(rename = "kind")]
    _kind: String,
    metadata: Meta,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    name: FeatureName,
    owner: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    source: Option<Source>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[derive(Default)]
struct Spec {
    feature: Option<FeatureName>,
    application: Option<String>,
    image: Option<String>,
    bundle: Option<String>,
    ttl: Option<String>,
    ttl_from: TtlFrom,
    template: Option<String>,
    copy_from: Option<String>,
    instance_type: Option<String>,
    variables: BTreeMap<String, Var>,
    settings: Vec<Setting>,
    dockerrun: Docker,
    notify: Notify,
    protect: bool,
    heal: Heal,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Var {
    Text(String),
    Ssm { ssm: String },
    Secret { secret: String },
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Docker {
    template: Option<String>,
    text: Option<String>,
    vars: BTreeMap<String, Scalar>,
}

pub(super) fn from_json(value: &Value) -> Result<Feature, String> {
    let told = |error: serde_json::Error| error.to_string();
    let (metadata, spec) = if value.get("metadata").is_some() {
        let whole = Whole::deserialize(value).map_err(told)?;
        let meta = whole.metadata;
        let metadata =
            Metadata { name: meta.name, owner: meta.owner, labels: meta.labels, source: meta.source };
        (metadata, whole.spec)
    } else {
        let spec = Spec::deserialize(value).map_err(told)?;
        let name = spec.feature.clone().ok_or("no feature")?;
        (Metadata { name, owner: None, labels: BTreeMap::new(), source: None }, spec)
    };
    if spec.image.is_none() && spec.bundle.is_none() {
        return Err("it names neither an image nor a bundle".to_owned());
    }
    let variables = spec.variables.into_iter().map(|(name, value)| {
        let value = match value {
            Var::Text(text) => Variable::Text(text),
            Var::Ssm { ssm } => Variable::Ssm(ssm),
            Var::Secret { secret } => Variable::Secret(secret),
        };
        (name, value)
    });
    Ok(Feature {
        metadata,
        spec: FeatureSpec {
            application: spec.application.as_deref().map(Into::into),
            image: spec.image,
            bundle: spec.bundle,
            ttl: spec.ttl.map(|ttl| ttl.parse()).transpose().map_err(|error| format!("ttl: {error}"))?,
            ttl_from: spec.ttl_from,
            template: spec.template,
            copy_from: spec.copy_from,
            instance_type: spec.instance_type,
            variables: variables.collect(),
            settings: spec.settings,
            dockerrun: Dockerrun {
                template: spec.dockerrun.template,
                text: spec.dockerrun.text,
                vars: spec.dockerrun.vars,
            },
            notify: spec.notify,
            protect: spec.protect,
            heal: spec.heal,
        },
    })
}
