//! The JSON Schema and the examples beside it.

use std::fs;
use std::path::{Path, PathBuf};

use beansprout::bundle::{self, Context};
use beansprout::model::{not_yet, parse_features, render, schema_json};
use serde_json::Value;

fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs")
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&schema_json()).expect("JSON");
    jsonschema::draft7::meta::validate(&schema).expect("a schema");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn examples() -> Vec<(String, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir(specs())
        .expect("specs/")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 2, "{files:?}");
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).expect("an example"));
    files.into_iter().map(read).collect()
}

#[test]
fn the_schema_file_is_current() {
    let path = specs().join("feature.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, schema_json()).expect("specs/feature.schema.json");
    }
    let file = fs::read_to_string(&path).unwrap_or_default();
    assert!(file == schema_json(), "make it anew: UPDATE_SCHEMA=1 cargo test --release schema_file");
}

#[test]
fn every_example_can_be_applied() {
    let mut names = Vec::new();
    for (path, text) in examples() {
        assert!(text.starts_with("# yaml-language-server: $schema=feature.schema.json\n"), "{path}");
        let file = parse_features(&path, text.as_bytes());
        let file = file.unwrap_or_else(|errors| panic!("{}", render(&errors, false)));
        assert_eq!((file.features.len(), file.notes.len()), (1, 0), "{path}: {:?}", file.notes);
        let feature = &file.features[0].value;
        assert!(not_yet(feature).is_empty(), "{path}");
        names.push(feature.metadata.name.clone());
        if let Some(template) = &feature.spec.dockerrun.template {
            let template = fs::read_to_string(specs().join(template)).expect(template);
            let url = "http://login.example.com".to_owned();
            let vars = feature.spec.dockerrun.vars.clone();
            let context = Context { url: url.clone(), vars, ..Context::default() };
            let rendered = bundle::render(Some(&template), &context).expect(&path);
            assert!(rendered.contains(&url), "{rendered}");
        }
        let value: Value = serde_yaml::from_str(&text).expect("YAML");
        if let Err(error) = schema().validate(&value) {
            panic!("{path}: {}: {error}", error.instance_path());
        }
    }
    names.dedup();
    assert_eq!(names.len(), examples().len());
}

#[test]
fn mistakes_do_not_pass_the_schema() {
    let good = "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata: {name: a}\nspec: {image: 'a/b:1'}";
    let passes = |text: &str| schema().is_valid(&serde_yaml::from_str(text).expect("YAML"));
    assert!(passes(good));
    for (right, slip) in [
        ("image:", "imge:"),
        ("'a/b:1'", "a/b"),
        ("'a/b:1'", "'a/b:1', ttl: 3 days"),
        ("'a/b:1'", "'a/b:1', ttl: ''"),
        ("'a/b:1'", "'a/b:1', ttl: ~"),
        ("'a/b:1'", "'a/b:1', protect: 'yes'"),
        ("'a/b:1'", "'a/b:1', bundle: x.zip"),
        ("'a/b:1'", "'a/b:1', template: x, copyFrom: dev1"),
        ("'a/b:1'", "'a/b:1', heal: nver"),
        ("'a/b:1'", "'a/b:1', variables: {SPROUT_URL: x}"),
        ("'a/b:1'", "'a/b:1', variables: {A: null}"),
        ("'a/b:1'", "'a/b:1', variables: {A: {ssn: x}}"),
        ("'a/b:1'", "'a/b:1', settings: [{namespace: 'aws:x', option: y}]"),
        ("'a/b:1'", "'a/b:1', dockerrun: {vars: {a-b: 1}}"),
        ("name: a", "name: feature"),
        ("name: a", "name: -a"),
        ("name: a", "name: a, owner: ~"),
        ("kind: Feature", "kind: Featur"),
        ("v1", "v2"),
        ("metadata: {name: a}", "metadata: {}"),
    ] {
        assert!(!passes(&good.replace(right, slip)), "{slip}");
        assert!(parse_features("f", good.replace(right, slip).as_bytes()).is_err(), "{slip}");
    }
}
