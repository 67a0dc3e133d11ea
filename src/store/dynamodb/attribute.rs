//! Attributes as JSON and back, their size, and the hash by which a row is
//! its own version.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::BASE64;
use serde_json::{Number, Value, json};
use sha2::{Digest, Sha256};

use crate::aws::Item;

/// A text attribute.
pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes: as text where they are text, so that people can read them.
pub(super) fn bytes(value: &[u8]) -> AttributeValue {
    match std::str::from_utf8(value) {
        Ok(value) => text(value),
        Err(_) => AttributeValue::B(Blob::new(value)),
    }
}

/// The text of an attribute, if it is one.
pub(super) fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The number of an attribute, if it is one of this type.
pub(super) fn number_of<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Bytes of an attribute that holds text or bytes.
pub(super) fn bytes_of(value: &AttributeValue) -> Option<&[u8]> {
    match value {
        AttributeValue::S(text) => Some(text.as_bytes()),
        AttributeValue::B(blob) => Some(blob.as_ref()),
        _ => None,
    }
}

/// An attribute as JSON. The error says what it is that JSON has no form for.
pub(super) fn to_json(value: &AttributeValue) -> Result<Value, &'static str> {
    Ok(match value {
        AttributeValue::S(text) => Value::from(text.as_str()),
        AttributeValue::Bool(truth) => Value::from(*truth),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::N(digits) => {
            let number: Result<Number, _> = serde_json::from_str(digits);
            Value::Number(number.map_err(|_| "a number that is too large")?)
        }
        AttributeValue::L(values) => Value::Array(values.iter().map(to_json).collect::<Result<_, _>>()?),
        AttributeValue::M(fields) => {
            let fields = BTreeMap::from_iter(fields);
            let mut object = serde_json::Map::new();
            for (name, value) in fields {
                object.insert(name.clone(), to_json(value)?);
            }
            Value::Object(object)
        }
        AttributeValue::B(_) => return Err("bytes"),
        AttributeValue::Ss(_) | AttributeValue::Ns(_) | AttributeValue::Bs(_) => return Err("a set"),
        _ => return Err("of a type that this program does not know"),
    })
}

/// JSON as an attribute.
pub(super) fn from_json(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(truth) => AttributeValue::Bool(*truth),
        Value::Number(digits) => number(digits),
        Value::String(value) => text(value),
        Value::Array(values) => AttributeValue::L(values.iter().map(from_json).collect()),
        Value::Object(fields) => {
            AttributeValue::M(fields.iter().map(|(name, value)| (name.clone(), from_json(value))).collect())
        }
    }
}

/// An attribute in DynamoDB's own JSON (`{"S": "text"}`), which loses nothing
/// and is the same for the same value.
pub(super) fn tagged(value: &AttributeValue) -> Value {
    let sorted = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        texts
    };
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(digits) => json!({"N": digits}),
        AttributeValue::Bool(truth) => json!({"BOOL": truth}),
        AttributeValue::Null(_) => json!({"NULL": true}),
        AttributeValue::B(blob) => json!({"B": BASE64.encode(blob.as_ref())}),
        AttributeValue::L(values) => json!({"L": values.iter().map(tagged).collect::<Vec<_>>()}),
        AttributeValue::M(fields) => {
            let fields = BTreeMap::from_iter(fields);
            json!({"M": fields.into_iter().map(|(name, value)| (name.clone(), tagged(value))).collect::<BTreeMap<_, _>>()})
        }
        AttributeValue::Ss(texts) => json!({"SS": sorted(texts)}),
        AttributeValue::Ns(digits) => json!({"NS": sorted(digits)}),
        AttributeValue::Bs(blobs) => {
            let blobs: Vec<String> = blobs.iter().map(|blob| BASE64.encode(blob.as_ref())).collect();
            json!({"BS": sorted(&blobs)})
        }
        _ => Value::Null,
    }
}

/// A whole item in DynamoDB's own JSON.
pub(super) fn tagged_item(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), tagged(value))).collect()
}

/// A number that is another one for another content, whoever wrote it.
pub(super) fn fingerprint(item: &Item) -> u64 {
    let hash = Sha256::digest(tagged_item(item).to_string());
    u64::from_be_bytes(std::array::from_fn(|at| hash[at]))
}

/// Bytes that DynamoDB counts for an item: names and values (developer guide,
/// "item sizes and formats"; numbers are estimated).
pub(super) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + size_of_value(value)).sum()
}

fn size_of_value(value: &AttributeValue) -> usize {
    /// A list or map, and each value in it, is marked.
    const CONTAINER: usize = 3;
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::L(values) => {
            CONTAINER + values.iter().map(|value| 1 + size_of_value(value)).sum::<usize>()
        }
        AttributeValue::M(fields) => {
            let fields = BTreeMap::from_iter(fields);
            CONTAINER
                + fields.iter().map(|(name, value)| 1 + name.len() + size_of_value(value)).sum::<usize>()
        }
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Bs(blobs) => blobs.iter().map(|blob| blob.as_ref().len()).sum(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_in_and_out_as_it_is() {
        let value = json!({
            "text": "1.10", "empty": "", "int": 41, "less": -7, "float": 1.5, "truth": true, "none": null,
            "list": ["a", {"deep": [1, false]}], "map": {"b": {}, "a": []},
        });
        assert_eq!(to_json(&from_json(&value)), Ok(value));
    }

    #[test]
    fn what_json_lacks_is_named() {
        assert_eq!(to_json(&AttributeValue::B(Blob::new([0xff]))), Err("bytes"));
        assert_eq!(to_json(&AttributeValue::L(vec![AttributeValue::Ss(vec!["a".to_owned()])])), Err("a set"));
        assert_eq!(to_json(&number("1e400")), Err("a number that is too large"));
    }

    #[test]
    fn a_fingerprint_tells_every_difference_and_no_order() {
        let item = |pairs: &[(&str, AttributeValue)]| -> Item {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
        };
        let one = item(&[("a", text("1")), ("b", number(1))]);
        let set = |texts: [&str; 2]| AttributeValue::Ss(texts.map(str::to_owned).to_vec());
        assert_eq!(
            fingerprint(&item(&[("s", set(["x", "y"]))])),
            fingerprint(&item(&[("s", set(["y", "x"]))]))
        );
        for other in [
            item(&[("a", number(1)), ("b", text("1"))]),
            item(&[("a", text("1")), ("b", number(1)), ("c", AttributeValue::Null(true))]),
            item(&[("a", text("1"))]),
            item(&[("a", text("1")), ("b", bytes(&[0xff]))]),
        ] {
            assert_ne!(fingerprint(&one), fingerprint(&other), "{other:?}");
        }
    }
}
