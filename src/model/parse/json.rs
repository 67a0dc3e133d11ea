//! The JSON form of a feature, as stores keep it and as hashes see it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::Problem;
use super::feature;
use super::node::from_json_value;
use super::reader::Report;
use crate::model::{
    Dockerrun, Feature, FeatureSpec, Heal, Metadata, Scalar, Setting, Source, TtlFrom, Variable,
};

/// `apiVersion` of the resource.
pub(super) const API_VERSION: &str = "beansprout.dev/v1";
/// `kind` of the resource.
pub(super) const KIND: &str = "Feature";

/// The full resource form, without what stands at its default: a field that
/// a later version adds does not change what is written today. Settings are
/// a set and come sorted.
pub fn to_json(feature: &Feature) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(&feature.metadata),
        "spec": spec(&feature.spec),
    })
}

/// An object that leaves out what is not said.
struct Object(Map<String, Value>);

impl Object {
    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    fn object(&mut self, key: &str, value: Map<String, Value>) {
        if !value.is_empty() {
            self.put(key, value);
        }
    }
}

fn metadata(metadata: &Metadata) -> Map<String, Value> {
    let mut out = Object(Map::new());
    out.put("name", metadata.name.as_str());
    out.text("owner", metadata.owner.as_deref());
    out.object("labels", metadata.labels.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect());
    if let Some(source) = &metadata.source {
        out.object("source", origin(source));
    }
    out.0
}

fn origin(source: &Source) -> Map<String, Value> {
    let mut out = Object(Map::new());
    out.text("repository", source.repository.as_deref());
    out.text("branch", source.branch.as_deref());
    out.text("commit", source.commit.as_deref());
    if let Some(number) = source.pull_request {
        out.put("pullRequest", number);
    }
    out.0
}

fn spec(spec: &FeatureSpec) -> Map<String, Value> {
    let mut out = Object(Map::new());
    out.text("application", spec.application.as_ref().map(AsRef::as_ref));
    out.text("image", spec.image.as_deref());
    out.text("bundle", spec.bundle.as_deref());
    if let Some(ttl) = spec.ttl {
        out.put("ttl", ttl.to_string());
    }
    if spec.ttl_from == TtlFrom::Deploy {
        out.put("ttlFrom", "deploy");
    }
    out.text("template", spec.template.as_deref());
    out.text("copyFrom", spec.copy_from.as_deref());
    out.text("instanceType", spec.instance_type.as_deref());
    out.object("variables", variables(&spec.variables));
    let mut settings: Vec<&Setting> = spec.settings.iter().collect();
    settings.sort();
    if !settings.is_empty() {
        out.put("settings", settings.into_iter().map(setting).collect::<Vec<_>>());
    }
    out.object("dockerrun", dockerrun(&spec.dockerrun));
    if let Some(slack) = &spec.notify.slack {
        out.put("notify", json!({"slack": slack}));
    }
    if spec.protect {
        out.put("protect", true);
    }
    match spec.heal {
        Heal::Gone => {}
        Heal::Recreate => out.put("heal", "recreate"),
        Heal::Never => out.put("heal", "never"),
    }
    out.0
}

fn setting(setting: &Setting) -> Value {
    json!({"namespace": setting.namespace, "option": setting.option, "value": setting.value})
}

fn variables(variables: &BTreeMap<String, Variable>) -> Map<String, Value> {
    let value = |variable: &Variable| match variable {
        Variable::Text(text) => Value::from(text.as_str()),
        Variable::Ssm(name) => json!({"ssm": name}),
        Variable::Secret(arn) => json!({"secret": arn}),
    };
    variables.iter().map(|(name, variable)| (name.clone(), value(variable))).collect()
}

fn dockerrun(dockerrun: &Dockerrun) -> Map<String, Value> {
    let mut out = Object(Map::new());
    out.text("template", dockerrun.template.as_deref());
    out.text("text", dockerrun.text.as_deref());
    let value = |scalar: &Scalar| match scalar {
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Int(value) => Value::from(*value),
        Scalar::Text(value) => Value::from(value.as_str()),
    };
    out.object("vars", dockerrun.vars.iter().map(|(name, scalar)| (name.clone(), value(scalar))).collect());
    out.0
}

/// Reads what a store keeps: the resource form, or the flat one of a row
/// written by hand (`feature`, `image`, `ttl` and so on, side by side).
///
/// # Errors
/// All mistakes in one text, each with its field.
pub fn from_json(value: &Value) -> Result<Feature, String> {
    let node = from_json_value(value, String::new());
    let mut report = Report::default();
    let feature = if value.get("feature").is_some() {
        feature::flat(&mut report, &node)
    } else {
        feature::resource(&mut report, &node)
    };
    feature.ok_or_else(|| {
        let said: Vec<String> = report.problems.iter().map(in_words).collect();
        said.join("; ")
    })
}

fn in_words(problem: &Problem) -> String {
    let Problem { path, message, help, .. } = problem;
    let field = if path.is_empty() { String::new() } else { format!("{path}: ") };
    match help {
        Some(help) => format!("{field}{message} ({help})"),
        None => format!("{field}{message}"),
    }
}

/// The resource form as YAML, which [`super::parse_features`] reads back as
/// the same feature.
pub fn to_yaml(feature: &Feature) -> String {
    let json = to_json(feature);
    // A tree of texts, numbers and truth values has nothing that YAML lacks.
    let yaml = serde_yaml::to_string(&json).unwrap_or_default();
    // The writer follows YAML 1.1, where these end a line; version 1.2, which
    // is read, says that they do not. JSON is YAML that both agree on.
    if yaml.contains(['\u{85}', '\u{2028}', '\u{2029}']) { format!("{json:#}\n") } else { yaml }
}
