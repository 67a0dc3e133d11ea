//! Specifications as rows: the fields of the resource side by side, as people
//! write them with `aws dynamodb put-item`, and nothing of ours.

use serde_json::{Map, Value};

use super::attribute::{bytes, bytes_of, fingerprint, from_json, tagged_item, text, text_of, to_json};
use super::layout::{BLOBS, BODY, FEATURE, ORIGIN};
use super::texts::{Texts, resolve};
use crate::aws::Item;
use crate::model::{Feature, FeatureName};
use crate::store::{DumpRow, RowBody, SpecBody, StoredSpec, codec};

/// All attributes that mean something in a specification's row. That none
/// beyond those that were read stands there is part of "as it was read".
pub(super) fn known() -> Vec<&'static str> {
    let mut known = crate::model::flat_fields();
    known.extend([ORIGIN, BLOBS, BODY, "apiVersion", "kind", "metadata", "spec", "status"]);
    known
}

/// A feature as a row.
pub(super) fn item_of(feature: &Feature, origin: Option<&str>) -> Item {
    let mut item = named(&feature.metadata.name, origin);
    let json = crate::model::to_json(feature);
    for part in ["metadata", "spec"] {
        let fields = json.get(part).and_then(Value::as_object).into_iter().flatten();
        for (name, value) in fields.filter(|(name, _)| *name != "name") {
            item.insert(name.clone(), from_json(value));
        }
    }
    item
}

/// A row of an export. What cannot be read is kept as the text that it is.
pub(super) fn item_of_dump(row: &DumpRow) -> Item {
    let name = FeatureName::new(row.name.as_str());
    let body = row.body.bytes();
    match codec::read_spec(&name, &body) {
        SpecBody::Readable { feature, .. } => item_of(&feature, row.origin.as_deref()),
        SpecBody::Unreadable { .. } => {
            let mut item = named(&name, row.origin.as_deref());
            item.insert(BODY.to_owned(), bytes(&body));
            item
        }
    }
}

fn named(name: &FeatureName, origin: Option<&str>) -> Item {
    let mut item = Item::from([(FEATURE.to_owned(), text(name.as_str()))]);
    if let Some(origin) = origin {
        item.insert(ORIGIN.to_owned(), text(origin));
    }
    item
}

/// A row as a specification. It is its own version: hands count nothing.
pub(super) fn read(name: &FeatureName, item: &Item, texts: &Texts) -> StoredSpec {
    let body = match value_of(item, texts) {
        Ok(Body::Text(bytes)) => codec::read_spec(name, &bytes),
        Ok(Body::Fields(fields)) => codec::read_spec_value(name, Value::Object(fields)),
        Err(why) => SpecBody::Unreadable { why },
    };
    let origin = text_of(item, ORIGIN).filter(|origin| !origin.is_empty()).map(str::to_owned);
    StoredSpec { version: fingerprint(item), body, origin }
}

enum Body {
    /// One attribute with the whole, as the other kind of store has it.
    Text(Vec<u8>),
    /// Fields side by side.
    Fields(Map<String, Value>),
}

fn value_of(item: &Item, texts: &Texts) -> Result<Body, String> {
    let item = resolve(item, texts)?;
    if item.get(ORIGIN).is_some_and(|origin| origin.as_s().is_err()) {
        return Err(format!("`{ORIGIN}` is no text"));
    }
    let said: Vec<_> = item.iter().filter(|(name, _)| ![FEATURE, ORIGIN].contains(&name.as_str())).collect();
    if let [(name, value)] = said.as_slice()
        && *name == BODY
    {
        return match bytes_of(value) {
            Some(bytes) => Ok(Body::Text(bytes.to_vec())),
            None => Err(format!("`{BODY}` is no text")),
        };
    }
    let field = |(name, value): (&String, &_)| match to_json(value) {
        Ok(value) => Ok((name.clone(), value)),
        Err(what) => Err(format!("`{name}` is {what}, which no field is")),
    };
    Ok(Body::Fields(said.into_iter().map(field).collect::<Result<_, _>>()?))
}

/// The body that an export has. What JSON has no form for is written in
/// DynamoDB's own, so that it stays what it is: unreadable, and complete.
pub(super) fn dump_body(name: &FeatureName, item: &Item, texts: &Texts) -> RowBody {
    if let SpecBody::Readable { feature, .. } = read(name, item, texts).body {
        return RowBody::Text(codec::spec_text(&feature));
    }
    match value_of(item, texts) {
        Ok(Body::Text(bytes)) => RowBody::of(bytes),
        Ok(Body::Fields(fields)) => RowBody::Text(Value::Object(fields).to_string()),
        Err(_) => RowBody::Text(tagged_item(item).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::super::attribute::number;
    use super::*;

    fn row(pairs: &[(&str, AttributeValue)]) -> Item {
        let mut item = named(&FeatureName::from("a"), None);
        item.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        item
    }

    fn read_row(pairs: &[(&str, AttributeValue)]) -> Result<Feature, String> {
        match read(&FeatureName::from("a"), &row(pairs), &Texts::default()).body {
            SpecBody::Readable { feature, .. } => Ok(*feature),
            SpecBody::Unreadable { why } => Err(why),
        }
    }

    #[test]
    fn three_attributes_are_a_feature() {
        let feature = read_row(&[("image", text("shop-web:1")), ("ttl", text("3d"))]).unwrap();
        assert_eq!(feature.spec.image.as_deref(), Some("shop-web:1"));
        let whole = serde_json::json!({"image": "shop-web:1"});
        let head = [("apiVersion", text("beansprout.dev/v1")), ("kind", text("Feature"))];
        let feature = read_row(&[head[0].clone(), head[1].clone(), ("spec", from_json(&whole))]).unwrap();
        assert_eq!(feature.metadata.name, FeatureName::from("a"));
        assert!(read_row(&[("body", text(r#"{"image": "shop-web:1"}"#))]).is_ok());
    }

    #[test]
    fn what_is_no_field_is_named() {
        let image = ("image", text("shop-web:1"));
        for (pair, told) in [
            (("imag", text("x")), "imag"),
            (("labels", AttributeValue::Ss(vec!["a".to_owned()])), "`labels` is a set, which no field is"),
            (("owner", AttributeValue::B(Blob::new([1]))), "`owner` is bytes, which no field is"),
            (("origin", number(1)), "`origin` is no text"),
            (("body", text("{}")), "body"),
        ] {
            let why = read_row(&[image.clone(), pair]).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn a_variable_stays_the_text_that_it_is() {
        let feature = read_row(&[
            ("image", text("shop-web:1")),
            ("variables", from_json(&serde_json::json!({"VERSION": "1.10"}))),
        ]);
        let item = item_of(&feature.unwrap(), Some("folder:specs/"));
        assert_eq!(item["variables"], from_json(&serde_json::json!({"VERSION": "1.10"})));
        assert_eq!(item[ORIGIN], text("folder:specs/"));
        assert!(item.keys().all(|name| known().contains(&name.as_str())), "{item:?}");
    }
}
