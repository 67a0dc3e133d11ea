//! The JSON Schema of the resource, for editors: `specs/feature.schema.json`
//! is this, and a test keeps it so.
//!
//! The types here mirror the nouns as they are written. They are never made;
//! only their schema is wanted. What a schema cannot say (how many bytes all
//! variables have together, which settings have a field of their own) is said
//! by the reader alone; what it says, the reader says too.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

/// A feature: one environment on AWS Elastic Beanstalk, and its end.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Feature {
    /// Version of this format.
    #[schemars(extend("const" = "beansprout.dev/v1"))]
    api_version: String,
    /// Kind of resource.
    #[schemars(extend("const" = "Feature"))]
    kind: String,
    metadata: Metadata,
    spec: Spec,
    /// What `sprout get` adds; ignored when applied.
    status: Option<Value>,
}

/// Who the feature is and where it comes from.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Metadata {
    /// The feature's name: any branch-like text, such as feature/login.
    #[schemars(length(min = 1, max = 200), regex(pattern = r"^[^-\s]"))]
    #[schemars(extend("not" = {"const": "feature"}))]
    name: String,
    /// Who is told, and may be mentioned.
    owner: Option<String>,
    /// Free labels, shown and usable in templates.
    #[schemars(default, schema_with = "labels")]
    labels: Option<BTreeMap<String, String>>,
    source: Option<Source>,
}

/// What CI knows of the build.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Source {
    /// Repository, as a URL or owner/name.
    repository: Option<String>,
    /// Branch.
    branch: Option<String>,
    /// Commit. A new one brings a feature back that had its time.
    #[schemars(default, schema_with = "as_written")]
    commit: Option<String>,
    /// Number of the pull request.
    pull_request: Option<u64>,
}

/// What is wanted.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["image"]}, {"required": ["bundle"]}]))]
#[schemars(extend("not" = {"required": ["template", "copyFrom"]}))]
#[expect(dead_code, reason = "only its schema is used")]
struct Spec {
    /// Beanstalk application; cannot change. Omitted: the configured one.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[^/]+$"))]
    application: Option<String>,
    /// repository:tag, repository@sha256:… or a full URI.
    #[schemars(regex(pattern = r"^[^\s]+[:@][^\s/]+$"))]
    image: Option<String>,
    /// A source bundle instead of an image: s3://bucket/key, or a local .war, .zip or .jar. Not carried out yet.
    #[schemars(regex(pattern = r"^s3://[^/]+/.+|\.(war|zip|jar)$"))]
    bundle: Option<String>,
    /// How long the feature lives: 90s, 36h, 3d, 2w, 1d12h, or never. Omitted: the configured time.
    #[schemars(regex(pattern = r"^(never|(?=.)(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?)$"))]
    ttl: Option<String>,
    /// What the time to live counts from.
    ttl_from: Option<TtlFrom>,
    /// Name of a saved configuration of the application.
    #[schemars(length(min = 1, max = 100), regex(pattern = "^[^/]+$"))]
    template: Option<String>,
    /// Name of a live environment whose settings are copied. Not carried out yet.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9-]{2,38}[A-Za-z0-9]$"))]
    copy_from: Option<String>,
    /// EC2 instance type, such as t3.small.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"))]
    instance_type: Option<String>,
    /// The application's environment variables, as text: 1.10 stays 1.10.
    #[schemars(default, schema_with = "variables")]
    variables: Option<BTreeMap<String, String>>,
    /// Raw Beanstalk options, for what has no field of its own.
    settings: Option<Vec<Setting>>,
    dockerrun: Option<Dockerrun>,
    notify: Option<Notify>,
    /// Never expired, never pruned, deletion refused.
    protect: Option<bool>,
    /// What is done about an environment that went away or stays ill.
    heal: Option<Heal>,
}

/// What the time to live counts from.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum TtlFrom {
    /// The first successful create of this life (the default).
    Create,
    /// The last successful deployment.
    Deploy,
}

/// What is done about an environment that went away or stays ill.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is used")]
enum Heal {
    /// Recreate what was terminated from outside (the default).
    Gone,
    /// Also recreate what stays Red. Not carried out yet.
    Recreate,
    /// Report only.
    Never,
}

/// One raw Beanstalk option.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Setting {
    /// Such as aws:elasticbeanstalk:environment.
    #[schemars(regex(pattern = "^aws:"))]
    namespace: String,
    /// Such as EnvironmentType.
    #[schemars(length(min = 1, max = 200))]
    option: String,
    /// The value, as text.
    #[schemars(schema_with = "as_written")]
    value: String,
}

/// How the Dockerrun file is made.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Dockerrun {
    /// A template's file, relative to this one, or its name in the controller's configuration.
    #[schemars(length(min = 1, max = 500))]
    template: Option<String>,
    /// The template itself.
    text: Option<String>,
    /// Values for the template.
    #[schemars(default, schema_with = "vars")]
    vars: Option<BTreeMap<String, String>>,
}

/// Who is told what, beside the configured receivers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct Notify {
    /// A Slack channel, in quotes: "#qa".
    slack: Option<String>,
}

/// A scalar whose text counts, whatever YAML would take it for.
fn as_written(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "boolean"]})
}

fn labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 50,
        "propertyNames": {"pattern": "^[A-Za-z0-9._/-]{1,100}$"},
        "additionalProperties": {"type": ["string", "number", "boolean"], "maxLength": 200},
    })
}

fn vars(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {"type": ["string", "number", "boolean"]},
    })
}

fn variables(_: &mut SchemaGenerator) -> Schema {
    let kept_elsewhere = |name: &str, description: &str| {
        json_schema!({
            "type": "object",
            "description": description,
            "properties": {name: {"type": "string"}},
            "required": [name],
            "additionalProperties": false,
        })
    };
    json_schema!({
        "type": "object",
        "propertyNames": {"pattern": "^(?!SPROUT_)[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                kept_elsewhere("ssm", "Name of an SSM parameter. Not carried out yet."),
                kept_elsewhere("secret", "ARN of a secret. Not carried out yet."),
            ],
        },
    })
}

/// The JSON Schema (draft 7, which editors know best), ending with a new
/// line.
pub fn schema_json() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Feature>();
    let mut value = schema.to_value();
    without_null(&mut value);
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

/// A field that may be left out may not be `null` instead: the reader takes
/// that for a value that was forgotten.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            if map.get("default") == Some(&Value::Null) {
                map.remove("default");
            }
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|choice| choice["type"] != "null");
                if let [only] = choices.as_slice() {
                    // Draft 7 reads nothing beside a `$ref`; `allOf` keeps both.
                    let only = vec![only.clone()];
                    map.remove("anyOf");
                    map.insert("allOf".to_owned(), Value::Array(only));
                }
            }
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::parse::known_fields;
    use super::schema_json;

    #[test]
    fn it_knows_the_fields_that_the_reader_knows() {
        let schema: Value = serde_json::from_str(&schema_json()).expect("JSON");
        for (kind, fields) in known_fields() {
            let object = if kind == "Feature" { &schema } else { &schema["definitions"][kind] };
            let said: BTreeSet<&str> =
                object["properties"].as_object().expect(kind).keys().map(String::as_str).collect();
            assert_eq!(said, fields.iter().copied().collect(), "{kind}");
            assert_eq!(object["additionalProperties"], Value::Bool(false), "{kind}");
        }
    }
}
