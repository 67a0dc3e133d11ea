//! Rows as text, and text as rows. What cannot be read says why; it never
//! becomes an absent row.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{RecordBody, SpecBody};
use crate::model::{Feature, FeatureName, RECORD_SCHEMA, Record, StatusView};

/// A specification as it is kept.
pub(super) fn spec_text(feature: &Feature) -> String {
    crate::model::to_json(feature).to_string()
}

/// Reads a specification. The row's name is the feature's: a body may leave
/// it out, and must not contradict it.
pub(super) fn read_spec(name: &FeatureName, body: &[u8]) -> SpecBody {
    match serde_json::from_slice(body) {
        Ok(value) => read_spec_value(name, value),
        Err(error) => SpecBody::Unreadable { why: not_json(body, &error) },
    }
}

/// The same for a body that is JSON already.
pub(super) fn read_spec_value(name: &FeatureName, value: Value) -> SpecBody {
    match parse_spec(name, value) {
        Ok(feature) => SpecBody::Readable {
            hash: crate::model::spec_hash(&feature),
            deployable: crate::model::deployable_hash(&feature),
            feature: Box::new(feature),
        },
        Err(why) => SpecBody::Unreadable { why },
    }
}

fn parse_spec(name: &FeatureName, mut value: Value) -> Result<Feature, String> {
    if let Some(fields) = value.as_object_mut() {
        name_it(fields, name);
    }
    let feature = crate::model::from_json(&value)?;
    if feature.metadata.name != *name {
        return Err(format!("the row is named {name}, and its body says {}", feature.metadata.name));
    }
    Ok(feature)
}

/// Puts the row's name where the body says none, in either form: the whole
/// resource, or its fields side by side.
fn name_it(fields: &mut serde_json::Map<String, Value>, name: &FeatureName) {
    let name = Value::from(name.as_str());
    if !["metadata", "spec", "apiVersion", "kind"].iter().any(|key| fields.contains_key(*key)) {
        fields.entry("feature").or_insert(name);
    } else if let Value::Object(metadata) = fields.entry("metadata").or_insert_with(|| json!({})) {
        metadata.entry("name").or_insert(name);
    }
}

/// The one field that every layout of a record has.
#[derive(Deserialize)]
struct Layout {
    schema: u32,
}

/// Whether a newer program wrote this record, so that it must stay as it is
/// whatever a write expects.
pub(super) fn is_newer_record(body: &[u8]) -> bool {
    serde_json::from_slice::<Layout>(body).is_ok_and(|layout| layout.schema > RECORD_SCHEMA)
}

/// Reads a record; one of a newer layout is not touched.
pub(super) fn read_record(name: &FeatureName, body: &[u8]) -> RecordBody {
    let unreadable = |why: String| RecordBody::Unreadable { why };
    match serde_json::from_slice::<Record>(body) {
        Ok(record) if record.schema <= RECORD_SCHEMA && record.feature == *name => {
            RecordBody::Readable(Box::new(record))
        }
        Ok(record) if record.schema <= RECORD_SCHEMA => {
            unreadable(format!("the row is named {name}, and its body says {}", record.feature))
        }
        outcome => match (serde_json::from_slice::<Layout>(body), outcome) {
            (Ok(layout), _) if layout.schema > RECORD_SCHEMA => unreadable(format!(
                "a newer sprout wrote it (layout {}; this one knows layouts up to {RECORD_SCHEMA})",
                layout.schema
            )),
            (_, Err(error)) => unreadable(not_json(body, &error)),
            (_, Ok(_)) => unreadable("its layout is not known".to_owned()),
        },
    }
}

/// Reads a status. It is derived, so one that cannot be read counts as none.
pub(super) fn read_status(name: &FeatureName, body: &[u8]) -> Option<StatusView> {
    serde_json::from_slice::<StatusView>(body).ok().filter(|view| view.feature == *name)
}

fn not_json(body: &[u8], error: &serde_json::Error) -> String {
    if body.iter().all(u8::is_ascii_whitespace) {
        return "the body is empty".to_owned();
    }
    format!("the body cannot be read: {error}")
}
