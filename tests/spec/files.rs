//! Whole files: several mistakes, several documents, bytes that are no text.

use beansprout::model::{Variable, duplicates, not_yet, parse_features, refusals, render};

use super::{mistakes, read, with_spec};

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
    assert_eq!(feature.spec.variables["N"], Variable::Text("1.10".to_owned()));
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
    // Beside other mistakes too, so that nobody mends a file twice.
    let errors = mistakes(&with_spec("imge: a/b:1\nheal: recreate"));
    assert!(errors.iter().any(|error| error.field == "spec.heal" && error.line == 7), "{errors:?}");
    assert!(not_yet(&read(&with_spec("image: a/b:1\ntemplate: x\nvariables: {A: 1}"))).is_empty());
}
