//! What an edited specification changes, for people: names, never values that
//! may be secret.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::voice;
use crate::model::{Feature, to_json};

/// The changes from one specification to another, each as a phrase such as
/// `image login-41 → login-42` or `variables PORT, VERSION`.
pub(crate) fn changes(from: &Feature, to: &Feature) -> Vec<String> {
    let (from, to) = (to_json(from), to_json(to));
    let mut found = Vec::new();
    for part in ["spec", "metadata"] {
        let (from, to) = (object(&from[part]), object(&to[part]));
        for field in differing(from, to) {
            found.push(phrase(&field, from.get(&field), to.get(&field)));
        }
    }
    // What people look for first comes first.
    found.sort_by_key(|phrase| !phrase.starts_with("image "));
    found
}

fn object(value: &Value) -> &Map<String, Value> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE)
}

fn differing(from: &Map<String, Value>, to: &Map<String, Value>) -> BTreeSet<String> {
    from.keys().chain(to.keys()).filter(|key| from.get(*key) != to.get(*key)).cloned().collect()
}

fn phrase(field: &str, from: Option<&Value>, to: Option<&Value>) -> String {
    match (field, from, to) {
        ("image", Some(Value::String(from)), Some(Value::String(to))) => {
            format!("image {}", voice::change(from, to))
        }
        ("variables" | "labels" | "source", from, to) => {
            let names = differing(object(from.unwrap_or(&Value::Null)), object(to.unwrap_or(&Value::Null)));
            format!("{field} {}", names.into_iter().collect::<Vec<_>>().join(", "))
        }
        // Settings may hold passwords, and a template's text is long.
        ("settings" | "dockerrun" | "notify", ..) => field.to_owned(),
        (_, Some(from), Some(to)) => format!("{field} {} → {}", plain(from), plain(to)),
        (_, None, Some(to)) => format!("{field} {}", plain(to)),
        (_, Some(from), None) => format!("{field} no longer {}", plain(from)),
        (_, None, None) => field.to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FeatureName, Setting, Source, Variable};

    #[test]
    fn changes_are_named_and_values_that_may_be_secret_are_not_shown() {
        let mut from = Feature::new(FeatureName::from("a"));
        from.spec.image = Some("shop-web:login-41".to_owned());
        from.spec.instance_type = Some("t3.small".to_owned());
        from.spec.variables.insert("KEPT".to_owned(), Variable::Text("1".to_owned()));
        from.spec.variables.insert("PASSWORD".to_owned(), Variable::Text("hunter2".to_owned()));
        let mut to = from.clone();
        assert_eq!(changes(&from, &to), Vec::<String>::new());
        to.spec.image = Some("shop-web:login-42".to_owned());
        to.spec.instance_type = None;
        to.spec.ttl = Some("3d".parse().unwrap());
        to.spec.variables.insert("PASSWORD".to_owned(), Variable::Text("hunter3".to_owned()));
        to.spec.variables.insert("PORT".to_owned(), Variable::Text("80".to_owned()));
        to.spec.settings.push(Setting {
            namespace: "aws:ec2:vpc".to_owned(),
            option: "VPCId".to_owned(),
            value: "vpc-1".to_owned(),
        });
        to.metadata.source = Some(Source { commit: Some("9f2c1ab".to_owned()), ..Source::default() });
        assert_eq!(
            changes(&from, &to),
            [
                "image login-41 → login-42",
                "instanceType no longer t3.small",
                "settings",
                "ttl 3d",
                "variables PASSWORD, PORT",
                "source commit",
            ]
        );
    }
}
