//! Files as people write them: what is read, and what is said when they slip.

use beansprout::model::{
    Feature, Scalar, SpecError, Ttl, Variable, duplicates, not_yet, parse_features, refusals, render,
};
use jiff::SignedDuration;

/// A feature with these lines in its spec, each indented by two spaces.
fn with_spec(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: feature/login\nspec:\n{lines}")
}

fn read(text: &str) -> Feature {
    let file = parse_features("f.yaml", text.as_bytes());
    let file = file.unwrap_or_else(|errors| panic!("{text}\n{}", render(&errors, false)));
    assert_eq!(file.features.len(), 1, "{text}");
    file.features.into_iter().next().expect("one feature").value
}

fn mistakes(text: &str) -> Vec<SpecError> {
    match parse_features("f.yaml", text.as_bytes()) {
        Ok(file) => panic!("{text}\nread as {file:?}"),
        Err(errors) => errors,
    }
}

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
        ("image: a/b:1\nvariables: &v {A: 1}\nlabels: *v", "spec", "belongs under `metadata`"),
        ("image: a/b:1\nvariables: {A: &x 1, B: *x}", "spec.variables.B", "aliases"),
        ("image: a/b:1\nvariables: {<<: {A: 1}, B: 1}", "spec.variables", "merge keys"),
    ] {
        if lines.contains("labels: *v") {
            // The alias is one mistake, the field that it stands in another.
            assert_eq!(mistakes(&with_spec(lines)).len(), 2);
            continue;
        }
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

const FIVE: &str = "\
# five mistakes
apiVersion: beansprout.dev/v1
kind: Feature
metadata:
  name: feature/login
spec:
  imge: shop-web:login-41
  ttl: 3 days
  protect: yes
---
apiVersion: beansprout.dev/v1
kind: Featur
metadata:
  name: feature/checkout
spec:
  image: shop-web:é
";

#[test]
fn five_mistakes_are_told_at_once_in_order() {
    let places: Vec<(usize, usize)> = mistakes(FIVE).iter().map(|error| (error.line, error.column)).collect();
    assert_eq!(places, [(7, 3), (8, 8), (9, 12), (12, 7), (16, 10)]);
}

#[test]
fn mistakes_are_shown_in_their_line() {
    insta::assert_snapshot!(render(&mistakes(FIVE), false), @r"
    error: spec: unknown field `imge`
     --> f.yaml:7:3
      |
    7 |   imge: shop-web:login-41
      |   ^^^^
      |
      = help: did you mean `image`?

    error: spec.ttl: spaces are not possible; write it like 90s, 36h, 3d, 2w, 1d12h or never
     --> f.yaml:8:8
      |
    8 |   ttl: 3 days
      |        ^^^^^^

    error: spec.protect: `yes` is neither true nor false
     --> f.yaml:9:12
      |
    9 |   protect: yes
      |            ^^^
      |
      = help: write true, without quotes

    error: kind: `Featur` is not possible here
      --> f.yaml:12:7
       |
    12 | kind: Featur
       |       ^^^^^^
       |
       = help: did you mean `Feature`?

    error: spec.image: 'é' cannot be part of a tag
      --> f.yaml:16:10
       |
    16 |   image: shop-web:é
       |          ^^^^^^^^^^
    ");
    assert!(render(&mistakes(FIVE), true).contains("\u{1b}["));
    assert_eq!(render(&[], false), "");
}

#[test]
fn a_document_that_is_not_yaml_does_not_hide_the_others() {
    let broken = format!("a: [1\n---\n{}", with_spec("image: shop"));
    let errors = mistakes(&broken);
    assert_eq!(errors.len(), 2, "{}", render(&errors, false));
    assert!(errors[0].message.contains("not YAML") && errors[0].line == 1);
    assert!(errors[1].field == "spec.image" && errors[1].line == 8, "{}", errors[1]);
    let errors = mistakes("a:\n\t- 1\n");
    assert_eq!((errors.len(), errors[0].line), (1, 2));
    assert!(errors[0].to_string().contains("indent with spaces"), "{}", errors[0]);
    for (text, said) in [
        ("a: b: c\n", "quotes"),
        ("a: @b\n", "quotes"),
        ("a: 'b\n", "not YAML"),
        ("just text\n", "expected fields with values"),
        ("- a\n", "expected fields with values"),
        ("{}\n", "`apiVersion` is missing"),
        ("image: {{ tag }}\n", "placeholder"),
    ] {
        let errors = mistakes(text);
        assert!(
            errors.iter().any(|error| error.to_string().contains(said)),
            "{text}{}",
            render(&errors, false)
        );
    }
}

#[test]
fn bytes_that_are_no_plain_text_are_dealt_with() {
    let plain = with_spec("image: shop\nttl: 3d");
    // A mark at the beginning and Windows line ends move no place.
    let marked = format!("\u{feff}{}", plain.replace('\n', "\r\n"));
    let (a, b) = (mistakes(&plain), mistakes(&marked));
    assert_eq!((a[0].line, a[0].column), (b[0].line, b[0].column));
    assert_eq!(render(&a, false), render(&b, false));
    assert_eq!(read(&marked.replace("shop", "shop:1")), read(&plain.replace("shop", "shop:1")));

    let latin = parse_features("f.yaml", b"apiVersion: x\nkind: \xe9\n").expect_err("not UTF-8");
    assert!(latin[0].message.contains("not UTF-8") && latin[0].line == 2, "{}", latin[0]);
    let utf16: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(parse_features("f.yaml", &utf16).is_err());
    let huge = vec![b'a'; 1024 * 1024 + 1];
    assert!(parse_features("f.yaml", &huge).expect_err("huge")[0].message.contains("1048577 bytes"));
    let deep = "[".repeat(100_000);
    assert!(!mistakes(&deep).is_empty());
}

#[test]
fn a_file_without_features_is_worth_a_word() {
    for text in ["", "\n", "# nothing\n", "---\n", "---\n# x\n---\n...\n", "\u{feff}"] {
        let file = parse_features("f.yaml", text.as_bytes()).unwrap_or_else(|e| panic!("{text:?}: {e:?}"));
        assert!(file.features.is_empty(), "{text:?}");
        assert_eq!(file.notes, ["f.yaml: there is no feature in it"]);
    }
    let some = format!("---\n# empty\n---\n{}---\n", with_spec("image: shop:latest"));
    let file = parse_features("f.yaml", some.as_bytes()).expect("one feature");
    assert_eq!(file.features.len(), 1);
    assert_eq!(file.notes.len(), 1);
    assert!(file.notes[0].starts_with("f.yaml:9:10: `latest`"), "{:?}", file.notes);
}

#[test]
fn json_is_read_as_well_and_a_status_is_read_over() {
    let json = "{\n\t\"apiVersion\": \"beansprout.dev/v1\", \"kind\": \"Feature\",\n\t\"metadata\": {\"name\": \"a\\/b \\ud83d\\ude00\"},\n\t\"spec\": {\"image\": \"a/b:1\", \"protect\": true, \"variables\": {\"N\": 1.10}},\n\t\"status\": {\"phase\": \"Ready\", \"x\": [1]}\n}";
    let feature = read(json);
    assert_eq!(feature.metadata.name.as_str(), "a/b 😀");
    assert_eq!(variable(&feature, "N"), Variable::Text("1.10".to_owned()));
}

#[test]
fn one_name_twice_names_both_places() {
    let one = with_spec("image: a/b:1");
    let errors = mistakes(&format!("{one}---\n{one}"));
    assert_eq!(errors.len(), 1);
    assert_eq!((errors[0].line, errors[0].column), (11, 9));
    assert!(errors[0].message.contains("f.yaml:4:9"), "{}", errors[0]);

    let mut all = parse_features("a.yaml", one.as_bytes()).expect("a feature").features;
    all.extend(parse_features("b.yaml", one.as_bytes()).expect("a feature").features);
    let errors = duplicates(&all);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().starts_with("b.yaml:4:9: ") && errors[0].message.contains("a.yaml:4:9"));
}

#[test]
fn what_is_not_carried_out_yet_is_refused_where_it_stands() {
    let text = with_spec(
        "bundle: app.zip\ncopyFrom: dev1\nheal: recreate\nvariables:\n  A: 1\n  DB: {ssm: /x}\n  K: {secret: 'arn:aws:secretsmanager:r:1:secret:x'}",
    );
    let file = parse_features("f.yaml", text.as_bytes()).expect("legal");
    let refused = refusals(&file.features);
    let found: Vec<(&str, usize)> = refused.iter().map(|error| (error.field.as_str(), error.line)).collect();
    assert_eq!(
        found,
        [
            ("spec.bundle", 6),
            ("spec.copyFrom", 7),
            ("spec.heal", 8),
            ("spec.variables.DB", 11),
            ("spec.variables.K", 12)
        ]
    );
    assert!(not_yet(&read(&with_spec("image: a/b:1\ntemplate: x\nvariables: {A: 1}"))).is_empty());
}
