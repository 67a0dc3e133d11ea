//! Stands in for the model's own JSON form until that is there: some fields
//! of a specification only.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{
    Dockerrun, Feature, FeatureName, FeatureSpec, Heal, Metadata, Notify, SpecHash, Ttl, TtlFrom,
};

pub(super) fn to_json(feature: &Feature) -> Value {
    let ttl = match feature.spec.ttl {
        Some(Ttl::For(time)) => Some(time.as_secs()),
        _ => None,
    };
    json!({
        "feature": feature.metadata.name,
        "owner": feature.metadata.owner,
        "labels": feature.metadata.labels,
        "application": feature.spec.application,
        "image": feature.spec.image,
        "ttl": ttl,
        "protect": feature.spec.protect,
    })
}

pub(super) fn from_json(value: &Value) -> Result<Feature, String> {
    let fields = value.as_object().ok_or("not an object")?;
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let labels: BTreeMap<String, String> = fields
        .get("labels")
        .map(|labels| serde_json::from_value(labels.clone()))
        .transpose()
        .map_err(|error| error.to_string())?
        .unwrap_or_default();
    Ok(Feature {
        metadata: Metadata {
            name: FeatureName::new(text("feature").ok_or("no feature")?),
            owner: text("owner"),
            labels,
            source: None,
        },
        spec: FeatureSpec {
            application: text("application").as_deref().map(Into::into),
            image: Some(text("image").ok_or("no image")?),
            bundle: None,
            ttl: fields
                .get("ttl")
                .and_then(Value::as_i64)
                .map(|secs| Ttl::For(jiff::SignedDuration::from_secs(secs))),
            ttl_from: TtlFrom::Create,
            template: None,
            copy_from: None,
            instance_type: None,
            variables: BTreeMap::new(),
            settings: Vec::new(),
            dockerrun: Dockerrun::default(),
            notify: Notify::default(),
            protect: fields.get("protect").and_then(Value::as_bool).unwrap_or_default(),
            heal: Heal::default(),
        },
    })
}

pub(super) fn spec_hash(feature: &Feature) -> SpecHash {
    SpecHash::new(format!("v0:{}", to_json(feature)))
}

pub(super) fn deployable_hash(feature: &Feature) -> SpecHash {
    spec_hash(feature)
}
