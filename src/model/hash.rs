//! Hashes over structured input: every part carries its length, so that no
//! two different lists of parts feed the same bytes to the hash.

use data_encoding::BASE32_NOPAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::feature::Feature;
use super::ids::SpecHash;
use super::parse::to_json;

/// Version of the canonical form. It changes when the form changes, so that
/// an upgrade is told apart from a change that a person made.
const SPEC_HASH_VERSION: &str = "v1";

/// What of a feature's `spec` reaches the environment or decides about its
/// life; with `metadata.source.commit` it is what wakes a tombstone.
const DEPLOYABLE: [&str; 11] = [
    "application",
    "bundle",
    "copyFrom",
    "dockerrun",
    "image",
    "instanceType",
    "settings",
    "template",
    "ttl",
    "ttlFrom",
    "variables",
];

/// SHA-256 over a domain and a list of parts, each framed by its length.
///
/// The domain says what the hash is for; the same parts in two domains give
/// unrelated digests.
pub fn digest(domain: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut frame = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    frame(domain.as_bytes());
    for part in parts {
        frame(part);
    }
    hasher.finalize().into()
}

/// The first `chars` characters of a digest in lower-case base32 (`a–z2–7`),
/// five bits each; at most 51, which is the whole digest.
pub fn short(digest: &[u8; 32], chars: usize) -> String {
    let mut text = BASE32_NOPAD.encode(digest).to_ascii_lowercase();
    text.truncate(chars);
    text
}

/// Hash of the whole feature: it differs whenever anything that its writer
/// can say differs, and does not depend on the order or the notation in which
/// it was said (`72h` is `3d`; settings are a set).
pub fn spec_hash(feature: &Feature) -> SpecHash {
    of_value("spec", &to_json(feature))
}

/// Hash of the deployable part: what must change before a feature that ended
/// comes back. Labels, owner, notify, protect and heal do not count.
pub fn deployable_hash(feature: &Feature) -> SpecHash {
    let mut kept = Map::new();
    if let Some(commit) = feature.metadata.source.as_ref().and_then(|source| source.commit.as_deref()) {
        kept.insert("commit".to_owned(), Value::from(commit));
    }
    let whole = to_json(feature);
    for field in DEPLOYABLE {
        if let Some(value) = whole["spec"].get(field) {
            kept.insert(field.to_owned(), value.clone());
        }
    }
    of_value("deployable", &Value::Object(kept))
}

fn of_value(domain: &str, value: &Value) -> SpecHash {
    let mut bytes = String::new();
    canonical(value, &mut bytes);
    let hash = short(&digest(domain, &[bytes.as_bytes()]), 32);
    SpecHash::new(format!("{SPEC_HASH_VERSION}:{hash}"))
}

/// Writes a value as JSON with sorted keys and no white space. The order is
/// made here, because the map behind `serde_json` keeps insertion order when
/// any crate of the build asks for that.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{ApplicationName, FeatureName, Heal, Setting, Source, Variable};

    fn sample() -> Feature {
        let mut feature = Feature::new(FeatureName::from("feature/login"));
        feature.spec.application = Some(ApplicationName::from("shop"));
        feature.spec.image = Some("shop-web:login-41".to_owned());
        feature.spec.ttl = Some("3d".parse().expect("a time to live"));
        feature.spec.settings = vec![setting("A", "1"), setting("B", "2")];
        feature
    }

    fn setting(option: &str, value: &str) -> Setting {
        Setting { namespace: "aws:ec2:vpc".to_owned(), option: option.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn where_one_part_ends_and_the_next_begins_counts() {
        assert_ne!(digest("x", &[b"ab", b"c"]), digest("x", &[b"a", b"bc"]));
        assert_ne!(digest("x", &[b"abc"]), digest("x", &[b"abc", b""]));
        assert_ne!(digest("xa", &[b"b"]), digest("x", &[b"ab"]));
        assert_eq!(short(&digest("x", &[]), 11).len(), 11);
    }

    #[test]
    fn keys_are_sorted_whatever_the_map_does() {
        let mut out = String::new();
        canonical(&json!({"b": [1, {"d": null, "c": "\""}], "a": true}), &mut out);
        assert_eq!(out, r#"{"a":true,"b":[1,{"c":"\"","d":null}]}"#);
    }

    #[test]
    fn notation_and_order_do_not_count() {
        let feature = sample();
        let mut other = sample();
        other.spec.ttl = Some("72h".parse().expect("a time to live"));
        other.spec.settings.reverse();
        assert_eq!(spec_hash(&feature), spec_hash(&other));
        assert_eq!(deployable_hash(&feature), deployable_hash(&other));
    }

    #[test]
    fn what_people_are_told_does_not_wake_a_tombstone() {
        let feature = sample();
        let changes: [fn(&mut Feature); 7] = [
            |f| f.metadata.owner = Some("someone@example.com".to_owned()),
            |f| drop(f.metadata.labels.insert("team".to_owned(), "growth".to_owned())),
            |f| f.spec.notify.slack = Some("#qa".to_owned()),
            |f| f.spec.protect = true,
            |f| f.spec.heal = Heal::Never,
            |f| f.metadata.source = Some(Source { branch: Some("b".to_owned()), ..Source::default() }),
            |f| f.metadata.source = Some(Source { pull_request: Some(4), ..Source::default() }),
        ];
        for change in changes {
            let mut other = feature.clone();
            change(&mut other);
            assert_eq!(deployable_hash(&feature), deployable_hash(&other), "{other:?}");
            assert_ne!(spec_hash(&feature), spec_hash(&other), "{other:?}");
        }
    }

    #[test]
    fn what_reaches_the_environment_wakes_it() {
        let feature = sample();
        let changes: [fn(&mut Feature); 8] = [
            |f| f.spec.image = Some("shop-web:login-42".to_owned()),
            |f| f.spec.ttl = None,
            |f| f.spec.template = Some("feature-base".to_owned()),
            |f| f.spec.instance_type = Some("t3.small".to_owned()),
            |f| drop(f.spec.variables.insert("A".to_owned(), Variable::Text(String::new()))),
            |f| f.spec.settings[0].value = "3".to_owned(),
            |f| f.spec.dockerrun.text = Some("{}".to_owned()),
            |f| f.metadata.source = Some(Source { commit: Some("9f2c1ab".to_owned()), ..Source::default() }),
        ];
        for change in changes {
            let mut other = feature.clone();
            change(&mut other);
            assert_ne!(deployable_hash(&feature), deployable_hash(&other), "{other:?}");
        }
    }

    #[test]
    fn the_form_of_version_one_stands_still() {
        // A change here rolls nothing by itself, but it must be meant: raise
        // the version with it.
        assert_eq!(spec_hash(&sample()).as_str(), "v1:e4nyzw2t7f5ww3ez5ms2txi6nml4p26t");
        assert_eq!(deployable_hash(&sample()).as_str(), "v1:ugf5iu5u2bfvgako6d2zedjodkirqzhg");
    }
}
