//! Fields as people write them: what is read, and what is said when they slip.

use beansprout::model::{Feature, Scalar, Ttl, Variable, render};
use jiff::SignedDuration;

use super::{mistakes, read, with_spec};

/// The one mistake of a spec with these lines: its field, and all it says.
fn mistake(lines: &str) -> (String, String) {
    let errors = mistakes(&with_spec(lines));
    assert_eq!(errors.len(), 1, "{lines}\n{}", render(&errors, false));
    (errors[0].field.clone(), errors[0].to_string())
}

fn variable(feature: &Feature, name: &str) -> Variable {
    feature.spec.variables.get(name).unwrap_or_else(|| panic!("{name} of {feature:?}")).clone()
}

#[test]
fn everything_that_can_be_said_is_read() {
    let feature = read(
        r##"
apiVersion: beansprout.dev/v1
kind: Feature
metadata:
  name: feature/Überarbeitung
  owner: someone@example.com
  labels: {team: growth, app.kubernetes.io/part-of: shop}
  source: {repository: shop/web, branch: feature/x, commit: 0123e45, pullRequest: 41}
spec:
  application: shop
  image: shop-web:1.10
  ttl: 1d12h
  ttlFrom: deploy
  template: feature-base
  instanceType: t3.small
  variables: {A: 1, DB: {ssm: /shop/dev/db}, KEY: {secret: "arn:aws:secretsmanager:eu-central-1:1:secret:x"}}
  settings:
    - {namespace: "aws:elasticbeanstalk:environment", option: EnvironmentType, value: LoadBalanced}
    - {namespace: "aws:autoscaling:asg", option: MaxSize, value: 2}
  dockerrun:
    template: Dockerrun.json
    vars: {memory: 512, on: true, ratio: 1.50, port: 0080, big: 99999999999999999999, text: "512"}
  notify: {slack: "#qa"}
  protect: true
  heal: never
"##,
    );
    let spec = &feature.spec;
    assert_eq!(feature.metadata.name.as_str(), "feature/Überarbeitung");
    assert_eq!(feature.metadata.labels["app.kubernetes.io/part-of"], "shop");
    let source = feature.metadata.source.clone().expect("a source");
    assert_eq!((source.commit.as_deref(), source.pull_request), (Some("0123e45"), Some(41)));
    assert_eq!(spec.image.as_deref(), Some("shop-web:1.10"));
    assert_eq!(spec.ttl, Some(Ttl::For(SignedDuration::from_hours(36))));
    assert_eq!(variable(&feature, "DB"), Variable::Ssm("/shop/dev/db".to_owned()));
    let options: Vec<&str> = spec.settings.iter().map(|setting| setting.option.as_str()).collect();
    assert_eq!(options, ["MaxSize", "EnvironmentType"], "settings are a set and come sorted");
    assert_eq!(spec.settings[0].value, "2");
    let vars: Vec<(&str, Scalar)> =
        spec.dockerrun.vars.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let text = |text: &str| Scalar::Text(text.to_owned());
    assert_eq!(
        vars,
        [
            ("big", text("99999999999999999999")),
            ("memory", Scalar::Int(512)),
            ("on", Scalar::Bool(true)),
            ("port", text("0080")),
            ("ratio", text("1.50")),
            ("text", text("512")),
        ]
    );
    assert!(spec.protect);
}

#[test]
fn variables_are_the_text_that_was_written() {
    for written in [
        "1.10",
        "0123",
        "on",
        "yes",
        "No",
        "1e3",
        "0x1F",
        "2026-11-23",
        "true",
        "FALSE",
        "1_000",
        ".5",
        "+1",
        "12:30:45",
        "0o17",
        ".inf",
        "a b",
        "a#b",
        "http://x:1/?a=b",
        "é",
        "-1",
        "1,5",
        "y",
    ] {
        let feature = read(&with_spec(&format!("image: a/b:1\nvariables:\n  X: {written}")));
        assert_eq!(variable(&feature, "X"), Variable::Text(written.to_owned()));
    }
    for (written, meant) in [
        ("'1.10'", "1.10"),
        ("\"on\"", "on"),
        ("\"~\"", "~"),
        ("'null'", "null"),
        ("\"\"", ""),
        ("\"#qa\"", "#qa"),
        ("\"a\\tb\\u00e9\"", "a\tbé"),
        ("'it''s'", "it's"),
        ("!!str 7", "7"),
        ("!!str null", "null"),
        ("|\n    one\n    two", "one\ntwo\n"),
        ("|-\n    one\n    two", "one\ntwo"),
        (">-\n    one\n    two", "one two"),
        ("one\n    two", "one two"),
    ] {
        let feature = read(&with_spec(&format!("image: a/b:1\nvariables:\n  X: {written}")));
        assert_eq!(variable(&feature, "X"), Variable::Text(meant.to_owned()), "{written}");
    }
}

#[test]
fn a_variable_without_a_value_is_refused_with_help() {
    for written in ["", "~", "null", "Null", "NULL"] {
        let (field, said) = mistake(&format!("image: a/b:1\nvariables:\n  X: {written}"));
        assert_eq!(field, "spec.variables.X");
        assert!(said.contains("no value") && said.contains("\"\""), "{said}");
    }
    let (_, said) = mistake("image: a/b:1\nnotify:\n  slack: #qa");
    assert!(said.contains("comment") && said.contains("quotes"), "{said}");
}

#[test]
fn only_true_and_false_are_truth_values() {
    assert!(read(&with_spec("image: a/b:1\nprotect: true")).spec.protect);
    assert!(!read(&with_spec("image: a/b:1\nprotect: false")).spec.protect);
    for (written, help) in [
        ("yes", "write true"),
        ("on", "write true"),
        ("True", "write true"),
        ("\"true\"", "without quotes"),
        ("no", "write false"),
        ("0", "write false"),
        ("maybe", "true or false"),
    ] {
        let (field, said) = mistake(&format!("image: a/b:1\nprotect: {written}"));
        assert_eq!(field, "spec.protect");
        assert!(said.contains(help), "{said}");
    }
}

#[test]
fn each_slip_is_named_once_with_its_place_and_a_way_out() {
    for (lines, field, said) in [
        ("imagee: a/b:1", "spec", "did you mean `image`?"),
        ("image: a/b:1\nttl_from: deploy", "spec", "did you mean `ttlFrom`?"),
        ("image: a/b:1\nowner: me", "spec", "belongs under `metadata`"),
        ("image: a/b:1\ncommit: abc", "spec", "belongs under `metadata.source`"),
        ("image: a/b:1\nzzz: 1", "spec", "known here: application, image"),
        ("ttl: 3d", "spec", "neither `image` nor `bundle`"),
        ("image: a/b:1\nbundle: x.zip", "spec.bundle", "exclude each other"),
        ("image: a/b:1\ntemplate: x\ncopyFrom: dev1", "spec.copyFrom", "exclude each other"),
        ("image: shop", "spec.image", "write shop:TAG"),
        ("image: [a]", "spec.image", "expected text, found a list"),
        ("image: a/b:1\nttl: 3", "spec.ttl", "3 has no unit"),
        ("image: a/b:1\nttlFrom: deployment", "spec.ttlFrom", "write one of create, deploy"),
        ("image: a/b:1\nheal: nver", "spec.heal", "did you mean `never`?"),
        ("image: a/b:1\napplication: a/b", "spec.application", "slash"),
        ("image: a/b:1\ninstanceType: small", "spec.instanceType", "t3.small"),
        ("bundle: app.tar", "spec.bundle", "s3://bucket/key"),
        ("image: a/b:1\ncopyFrom: -x", "spec.copyFrom", "4 to 40"),
        ("image: a/b:1\nvariables: [A]", "spec.variables", "found a list"),
        ("image: a/b:1\nvariables: {1A: x}", "spec.variables.1A", "do not begin with a digit"),
        ("image: a/b:1\nvariables: {SPROUT_URL: x}", "spec.variables.SPROUT_URL", "set by sprout"),
        ("image: a/b:1\nvariables: {A: [x]}", "spec.variables.A", "expected text, found a list"),
        ("image: a/b:1\nvariables: {A: {ssn: /x}}", "spec.variables.A", "did you mean `ssm`?"),
        ("image: a/b:1\nvariables: {A: {}}", "spec.variables.A", "write {ssm: /name}"),
        ("image: a/b:1\nvariables: {A: {secret: x}}", "spec.variables.A.secret", "arn:aws:secretsmanager"),
        ("image: a/b:1\nvariables: {A: \"\\0\"}", "spec.variables.A", "not possible"),
        ("image: a/b:1\nsettings: {}", "spec.settings", "expected a list"),
        (
            "image: a/b:1\nsettings: [{namespace: 'aws:x', value: 1}]",
            "spec.settings[0]",
            "`option` is missing",
        ),
        ("image: a/b:1\nsettings: [{namespace: x, option: y, value: 1}]", "spec.settings[0]", "no namespace"),
        ("image: a/b:1\ndockerrun: {vars: {a-b: 1}}", "spec.dockerrun.vars.a-b", "cannot name"),
        ("image: a/b:1\ndockerrun: {vars: {a: [1]}}", "spec.dockerrun.vars.a", "found a list"),
        ("image: a/b:1\n? [x]\n: y", "spec", "a key must be text"),
        ("image: a/b:1\nttl: 3d\nttl: 4d", "spec.ttl", "twice, first in line 7"),
        ("image: a/b:1\nvariables:\n  A: 1\n  A: 2", "spec.variables.A", "twice, first in line 8"),
        ("image: !!int shop:1", "spec.image", "tag `!!int`"),
        ("image: a/b:1\nvariables: {A: &x 1, B: *x}", "spec.variables.B", "aliases"),
        ("image: a/b:1\nvariables: {<<: {A: 1}, B: 1}", "spec.variables", "merge keys"),
    ] {
        let (found_field, found) = mistake(lines);
        assert!(found.contains(said), "{lines}\n{found}");
        if !found.contains("merge keys") && !found.contains("tag `") {
            assert_eq!(found_field, field, "{lines}\n{found}");
        }
    }
}

#[test]
fn settings_with_a_field_of_their_own_name_it() {
    for (namespace, option, said) in [
        ("aws:elasticbeanstalk:application:environment", "PORT", "`spec.variables`: PORT"),
        ("aws:elasticbeanstalk:application:environmentsecrets", "KEY", "{ssm: …}"),
        ("aws:autoscaling:launchconfiguration", "InstanceType", "`spec.instanceType`"),
        ("aws:ec2:instances", "InstanceTypes", "`spec.instanceType`"),
        ("aws:elasticbeanstalk:environment", "ServiceRole", "configuration"),
    ] {
        let (field, found) = mistake(&format!(
            "image: a/b:1\nsettings:\n- {{namespace: \"{namespace}\", option: {option}, value: x}}"
        ));
        assert_eq!(field, "spec.settings[0]");
        assert!(found.contains(said), "{found}");
    }
    let twice = "- {namespace: 'aws:ec2:vpc', option: Subnets, value: a}\n";
    let (field, found) = mistake(&format!("image: a/b:1\nsettings:\n{twice}{twice}"));
    assert_eq!(field, "spec.settings[1]");
    assert!(found.contains("settings[0]"), "{found}");
}

#[test]
fn names_that_would_mislead_are_refused() {
    let of = |name: &str| {
        format!(
            "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata: {{name: {name}}}\nspec: {{image: a/b:1}}\n"
        )
    };
    let long = "é".repeat(200);
    for name in ["feature/login", "feature/x", "\"日本語 枝\"", "Feature", "123", &long, "\"a: b #c\""] {
        assert_eq!(read(&of(name)).metadata.name.as_str(), name.trim_matches('"'));
    }
    for (name, said) in [
        ("feature", "word of the command line"),
        ("\"\"", "empty"),
        ("\"-x\"", "hyphen"),
        ("\" x\"", "space"),
        ("\"a\\nb\"", "not possible"),
        ("\"a\\u202eb\"", "not possible"),
        (&"é".repeat(201), "201 characters; 200"),
        ("~", "no value"),
    ] {
        let errors = mistakes(&of(name));
        assert_eq!(errors.len(), 1, "{name}: {errors:?}");
        assert_eq!(errors[0].field, "metadata.name");
        assert!(errors[0].to_string().contains(said), "{}", errors[0]);
    }
}

#[test]
fn the_size_of_variables_is_counted() {
    let fill =
        |bytes: usize| with_spec(&format!("image: a/b:1\nvariables:\n  AB: {}", "x".repeat(bytes - 2)));
    assert_eq!(read(&fill(4096)).spec.variables.len(), 1);
    let errors = mistakes(&fill(4097));
    assert!(errors[0].message.contains("4097 bytes"), "{}", errors[0]);
    assert_eq!(errors[0].field, "spec.variables");
}
