//! What is written is read back as the same.

use std::collections::BTreeMap;

use beansprout::model::{
    ApplicationName, Dockerrun, Feature, FeatureName, FeatureSpec, Heal, Metadata, Notify, Scalar, Setting,
    Source, TtlFrom, Variable, deployable_hash, from_json, parse_features, schema_json, spec_hash, to_json,
    to_yaml,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;

/// Texts that YAML would take for something else, and any other ones.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "1.10",
            "0123",
            "on",
            "yes",
            "~",
            "null",
            "1e3",
            "0x1F",
            "2026-11-23",
            "true",
            "- a",
            "a: b",
            "# x",
            "*x",
            "&x",
            "!x",
            "|",
            ">",
            "%x",
            "@x",
            "{a: b}",
            "[a]",
            "'",
            "\"",
            "---",
            "...",
            "<<",
            "=",
            "a\nb",
            "a\n",
            "\n",
            " a",
            "a ",
            "\t",
            "\u{2028}  ",
            "a\u{2029} b",
            "a\r\nb",
            "\u{feff}",
            "é",
            "💥",
            "\\",
            "{{ x }}",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,30}",
    ]
}

fn line() -> impl Strategy<Value = String> {
    text().prop_filter("one line, not empty", |text| {
        !text.is_empty()
            && !text.chars().any(|c| {
                c.is_control() || "\u{200b}\u{feff}".contains(c) || ('\u{2028}'..='\u{2069}').contains(&c)
            })
    })
}

fn name() -> impl Strategy<Value = FeatureName> {
    line()
        .prop_filter("a name", |text| text.trim() == text && !text.starts_with('-') && text != "feature")
        .prop_map(FeatureName::new)
}

fn source() -> impl Strategy<Value = Source> {
    (of(line()), of(line()), of(line()), any::<u64>()).prop_map(|(repository, branch, commit, number)| {
        Source { repository, branch, commit, pull_request: Some(number) }
    })
}

fn variable() -> impl Strategy<Value = Variable> {
    prop_oneof![
        text().prop_map(Variable::Text),
        "/[a-z/]{1,20}".prop_map(Variable::Ssm),
        "arn:aws:secretsmanager:[a-z0-9:]{1,20}".prop_map(Variable::Secret),
    ]
}

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<bool>().prop_map(Scalar::Bool),
        any::<i64>().prop_map(Scalar::Int),
        text().prop_map(Scalar::Text)
    ]
}

fn settings() -> impl Strategy<Value = Vec<Setting>> {
    btree_map(("aws:ec2:[a-z:]{1,9}", "[A-Z][a-z]{1,9}"), text(), 0..4).prop_map(|settings| {
        settings
            .into_iter()
            .map(|((namespace, option), value)| Setting { namespace, option, value })
            .collect()
    })
}

fn spec() -> impl Strategy<Value = FeatureSpec> {
    let life = (
        prop::sample::select(vec![None, Some("never"), Some("90s"), Some("1d12h"), Some("2w")]),
        prop::sample::select(vec![TtlFrom::Create, TtlFrom::Deploy]),
        prop::sample::select(vec![Heal::Gone, Heal::Recreate, Heal::Never]),
        any::<bool>(),
    );
    let what = (
        of("[a-zA-Z0-9 _.-]{1,20}").prop_map(|name| name.map(ApplicationName::new)),
        prop::sample::select(vec![(Some("shop-web:1.10"), None), (None, Some("s3://b/k.zip"))]),
        prop::sample::select(vec![(None, None), (Some("base 1"), None), (None, Some("dev1"))]),
        of(Just("t3.small".to_owned())),
    );
    let dockerrun = (of(line()), of(text()), btree_map("[a-z_]{1,6}", scalar(), 0..4));
    (life, what, btree_map("[A-Z_]{1,6}", variable(), 0..5), settings(), dockerrun, of(line())).prop_map(
        |((ttl, ttl_from, heal, protect), what, variables, settings, (template, text, vars), slack)| {
            let (application, (image, bundle), (base, copy_from), instance_type) = what;
            FeatureSpec {
                application,
                image: image.map(str::to_owned),
                bundle: bundle.map(str::to_owned),
                ttl: ttl.map(|ttl| ttl.parse().expect("a time to live")),
                ttl_from,
                template: base.map(str::to_owned),
                copy_from: copy_from.map(str::to_owned),
                instance_type,
                variables,
                settings,
                dockerrun: Dockerrun { template, text, vars },
                notify: Notify { slack },
                protect,
                heal,
            }
        },
    )
}

fn feature() -> impl Strategy<Value = Feature> {
    let labels = btree_map("[a-z./_-]{1,9}", line(), 0..4);
    (name(), of(line()), labels, of(source()), spec()).prop_map(|(name, owner, labels, source, spec)| {
        Feature { metadata: Metadata { name, owner, labels, source }, spec }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_and_yaml_keep_a_feature(feature in feature()) {
        let json = to_json(&feature);
        prop_assert_eq!(from_json(&json), Ok(feature.clone()));
        // Through text, as a store keeps it.
        let text = json.to_string();
        let again = serde_json::from_str(&text).expect("JSON");
        prop_assert_eq!(from_json(&again), Ok(feature.clone()));
        for written in [to_yaml(&feature), text] {
            match parse_features("f", written.as_bytes()) {
                Ok(file) => prop_assert_eq!(&file.features[0].value, &feature, "{}", written),
                Err(errors) => prop_assert!(false, "{}\n{}", written, errors[0]),
            }
        }
    }

    #[test]
    fn the_schema_takes_what_the_reader_takes(feature in feature()) {
        let schema: serde_json::Value = serde_json::from_str(&schema_json()).expect("JSON");
        let schema = jsonschema::validator_for(&schema).expect("a schema");
        let json = to_json(&feature);
        if let Err(error) = schema.validate(&json) {
            prop_assert!(false, "{}: {}", error.instance_path(), error);
        }
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "[ -~\n\t\u{85}é]{0,200}", bytes in vec(any::<u8>(), 0..100)) {
        for bytes in [text.as_bytes(), &bytes] {
            if let Err(errors) = parse_features("f", bytes) {
                prop_assert!(!errors.is_empty());
                let shown = beansprout::model::render(&errors, false);
                prop_assert!(errors.iter().all(|error| shown.contains(&format!("f:{}:", error.line))), "{}", shown);
            }
        }
    }

    #[test]
    fn different_features_have_different_hashes(a in feature(), b in feature()) {
        prop_assert_eq!(spec_hash(&a) == spec_hash(&b), a == b);
        let again = from_json(&to_json(&a)).expect("legal");
        prop_assert_eq!(deployable_hash(&a), deployable_hash(&again));
    }
}

#[test]
fn a_row_written_by_hand_is_read() {
    let row = json!({"feature": "feature/login", "image": "shop-web:login-41", "ttl": "3d", "owner": "me"});
    let feature = from_json(&row).expect("a feature");
    assert_eq!(feature.metadata.name.as_str(), "feature/login");
    assert_eq!(feature.metadata.owner.as_deref(), Some("me"));
    assert_eq!(feature.spec.image.as_deref(), Some("shop-web:login-41"));
    assert_eq!(from_json(&to_json(&feature)), Ok(feature));
}

#[test]
fn a_row_with_mistakes_tells_them_all() {
    let row =
        json!({"feature": "feature", "imgae": "x:1", "ttl": 3, "protect": "yes", "variables": {"A": null}});
    let said = from_json(&row).expect_err("mistakes");
    for part in [
        "feature: `feature` is a word",
        "did you mean `image`?",
        "ttl: 3 has no unit",
        "protect: `yes` is neither",
        "variables.A: it has no value",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(said.matches("; ").count(), said.matches("; write").count() + 4, "{said}");
    for row in [json!(null), json!([]), json!("x"), json!({}), json!(1)] {
        assert!(from_json(&row).is_err(), "{row}");
    }
}

#[test]
fn what_is_not_said_is_not_written() {
    let mut feature = Feature::new(FeatureName::from("a"));
    feature.spec.image = Some("shop:1".to_owned());
    assert_eq!(
        to_json(&feature),
        json!({
            "apiVersion": "beansprout.dev/v1",
            "kind": "Feature",
            "metadata": {"name": "a"},
            "spec": {"image": "shop:1"},
        })
    );
    let empty: BTreeMap<String, Variable> = BTreeMap::new();
    assert_eq!(feature.spec.variables, empty);
}
