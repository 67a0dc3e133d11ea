//! Names: legal for AWS, and never the same for two different features.

use std::collections::BTreeMap;
use std::fmt::Debug;

use beansprout::model::names::{
    binding, bundle_key, cname_prefix, environment_name, slug, tag_text, version_label,
};
use beansprout::model::{ApplicationName, EnvironmentName, FeatureName, StoreId};
use proptest::prelude::*;

fn store() -> StoreId {
    StoreId::from("store-1")
}

fn shop() -> ApplicationName {
    ApplicationName::from("shop")
}

fn environment(name: &FeatureName) -> String {
    environment_name("f-", &store(), &shop(), name).as_str().to_owned()
}

/// Letters, digits, single hyphens inside; the length in the given bounds.
fn assert_host_label(text: &str, shortest: usize, longest: usize) {
    assert!((shortest..=longest).contains(&text.len()), "{text:?}");
    assert!(text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{text:?}");
    assert!(!text.starts_with('-') && !text.ends_with('-') && !text.contains("--"), "{text:?}");
}

fn assert_tag_value(text: &str) {
    assert!((1..=255).contains(&text.chars().count()), "{text:?}");
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b" _.:/=+-@".contains(&b)), "{text:?}");
    assert!(!text.starts_with(' ') && !text.ends_with(' '), "{text:?}");
    let lower = text.to_ascii_lowercase();
    assert!(!lower.starts_with("aws:") && !lower.starts_with("elasticbeanstalk:"), "{text:?}");
}

fn assert_all_legal(name: &FeatureName) {
    assert_host_label(&slug(name), 1, 63);
    assert_host_label(&environment(name), 4, 40);
    for n in 0..3 {
        assert_host_label(&cname_prefix(&store(), &shop(), name, n), 4, 63);
    }
    let label = version_label(name, "content", 0);
    assert_host_label(label.as_str(), 1, 100);
    assert_tag_value(&tag_text(name.as_str()));
    let key = bundle_key("inst", &shop(), name, &label);
    assert!(key.len() <= 1024 && key.starts_with("sprout/inst/") && key.ends_with(".zip"), "{key}");
    assert_eq!(key.matches('/').count(), 4, "{key}");
}

/// Fails if two keys lead to one value.
fn assert_injective<K: Debug + Clone, V: Ord + Debug>(pairs: impl IntoIterator<Item = (K, V)>) -> usize {
    let mut seen: BTreeMap<V, K> = BTreeMap::new();
    for (key, value) in pairs {
        if let Some(other) = seen.get(&value) {
            panic!("{other:?} and {key:?} both give {value:?}");
        }
        seen.insert(value, key);
    }
    seen.len()
}

/// All names of one to `longest` characters of the alphabet.
fn all_names(alphabet: &[char], longest: usize) -> Vec<FeatureName> {
    let mut names = Vec::new();
    let mut last = vec![String::new()];
    for _ in 0..longest {
        last = last.iter().flat_map(|name| alphabet.iter().map(move |c| format!("{name}{c}"))).collect();
        names.extend(last.iter().map(|name| FeatureName::from(name.as_str())));
    }
    names
}

#[test]
fn every_short_name_has_its_own_names() {
    // Characters that a slug makes equal or drops.
    let names = all_names(&['a', 'A', '-', '/', 'é', '1'], 5);
    assert_eq!(names.len(), 6 + 36 + 216 + 1296 + 7776);
    for name in &names {
        assert_host_label(&environment(name), 4, 40);
        assert_tag_value(&tag_text(name.as_str()));
    }
    assert_eq!(assert_injective(names.iter().map(|n| (n, environment(n)))), names.len());
    assert_eq!(assert_injective(names.iter().map(|n| (n, tag_text(n.as_str())))), names.len());
    assert_eq!(
        assert_injective(names.iter().map(|n| (n, cname_prefix(&store(), &shop(), n, 0)))),
        names.len()
    );
    assert_eq!(assert_injective(names.iter().map(|n| (n, version_label(n, "c", 0)))), names.len());
    let label = version_label(&names[0], "c", 0);
    assert_eq!(assert_injective(names.iter().map(|n| (n, bundle_key("i", &shop(), n, &label)))), names.len());
}

#[test]
fn every_short_text_has_its_own_tag() {
    // The escape itself, what it is made of, and what AWS reserves.
    let names = all_names(&['=', '3', 'D', ' ', 'a', 'ä'], 5);
    for name in &names {
        assert_tag_value(&tag_text(name.as_str()));
    }
    let texts = names.iter().map(FeatureName::as_str).chain([""]);
    assert_eq!(assert_injective(texts.map(|text| (text, tag_text(text)))), names.len() + 1);
    for text in ["aws:x", "AWS:x", "elasticbeanstalk:y", " x ", ""] {
        assert_tag_value(&tag_text(text));
    }
    assert_eq!(tag_text("feature/login_1.0"), "feature/login_1.0");
}

#[test]
fn store_application_and_number_keep_names_apart() {
    let stores = ["s1", "s2", "s"].map(StoreId::from);
    let applications = ["a", "1a", "shop"].map(ApplicationName::from);
    let features = ["x", "ax", "1ax"].map(FeatureName::from);
    let mut environments = Vec::new();
    let mut cnames = Vec::new();
    let mut bindings = Vec::new();
    for store in &stores {
        for application in &applications {
            for feature in &features {
                let key = (store, application, feature);
                environments.push((key, environment_name("f-", store, application, feature)));
                cnames.extend((0..4).map(|n| ((key, n), cname_prefix(store, application, feature, n))));
                let name = EnvironmentName::from(feature.as_str());
                bindings.push((key, binding(store, application, &name)));
            }
        }
    }
    assert_eq!(assert_injective(environments), 27);
    assert_eq!(assert_injective(cnames), 108);
    bindings.iter().for_each(|(_, value)| assert_tag_value(value));
    assert_eq!(assert_injective(bindings), 27);
}

#[test]
fn labels_change_with_content_and_nonce() {
    let name = FeatureName::from("feature/login");
    let labels = ["a", "b"].into_iter().flat_map(|content| (0..3).map(move |nonce| (content, nonce)));
    assert_eq!(assert_injective(labels.map(|(c, n)| ((c, n), version_label(&name, c, n)))), 6);
}

#[test]
fn hostile_names_give_legal_names() {
    let long = "feature/a-very-long-name-that-many-branches-share/".repeat(4);
    let name = |text: &str| FeatureName::from(text);
    let names: Vec<FeatureName> = [
        "../../etc/passwd",
        "$(reboot)",
        "'; DROP TABLE specs; --",
        "💥💥💥",
        "日本語の枝",
        "xn--80ak6aa92e",
        "---",
        "ÄÖÜß",
        "a\u{0301}",
        "á",
        "İ",
        "\u{202e}moc",
        "",
        " ",
        "%2F",
        "{{ url }}",
        "<script>alert(1)</script>",
    ]
    .iter()
    .map(|text| name(text))
    .chain([name(&long[..199]), name(&format!("{}x", &long[..199])), name(&format!("{}y", &long[..199]))])
    .chain([name(&"ß".repeat(200)), name(&"語".repeat(200)), name(&"=".repeat(200))])
    .collect();
    names.iter().for_each(assert_all_legal);
    assert_eq!(assert_injective(names.iter().map(|n| (n, environment(n)))), names.len());
    assert_eq!(assert_injective(names.iter().map(|n| (n, tag_text(n.as_str())))), names.len());
}

#[test]
fn people_recognise_their_branch() {
    assert_eq!(slug(&FeatureName::from("Feature/Login_Überarbeitung #41")), "feature-login-uberarbeitung-41");
    let login = FeatureName::from("feature/login-redesign");
    assert!(environment(&login).starts_with("f-feature-login-redesign-"), "{}", environment(&login));
    assert!(version_label(&login, "", 0).as_str().starts_with("feature-login-redesign-"));
    assert!(bundle_key("dev", &shop(), &login, &"v1".into()).contains("_feature-login-redesign-"));
}

#[test]
fn prefixes_that_cannot_be_are_bent_until_they_fit() {
    for prefix in ["", "-", "Ä", "f", "0123456789-0123456789-0123456789", "a b/", "F-"] {
        let name = environment_name(prefix, &store(), &shop(), &FeatureName::from("feature/login"));
        assert_host_label(name.as_str(), 4, 40);
    }
    assert!(beansprout::model::names::prefix_problem("f-").is_none());
    assert!(beansprout::model::names::prefix_problem("F-").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_legal_names(text in "\\PC{1,200}") {
        assert_all_legal(&FeatureName::from(text.as_str()));
    }

    #[test]
    fn two_texts_never_share_a_name(a in "\\PC{1,200}", b in "\\PC{1,200}", shared in "\\PC{0,190}") {
        for (a, b) in [(a.clone(), b.clone()), (format!("{shared}{a}"), format!("{shared}{b}"))] {
            if a != b {
                let (x, y) = (FeatureName::from(a.as_str()), FeatureName::from(b.as_str()));
                prop_assert_ne!(environment(&x), environment(&y));
                prop_assert_ne!(tag_text(&a), tag_text(&b));
                prop_assert_ne!(version_label(&x, "c", 0), version_label(&y, "c", 0));
            }
        }
    }
}
