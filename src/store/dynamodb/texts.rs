//! Large texts lie beside their row, by the hash of their content: an item
//! ends at 400 KB, and whoever reads all rows reads all of them.
//!
//! A text is written before the row that names it and never changed. One that
//! no row names any more is marked with the time at which DynamoDB may remove
//! it; the mark is taken off when a row names it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::HEXLOWER;

use super::attribute::{self, bytes_of, from_json, size, text, to_json};
use super::layout::{BLOBS, BODY, FEATURE, KIND, NAME, ORIGIN};
use crate::aws::Item;
use crate::model::hash::digest;

/// A row that is larger has its largest attributes beside it. Small enough
/// that [`crate::store::BATCH_MOST`] rows fit into the 4 MB of a transaction.
pub(super) const LARGE: usize = 40 * 1024;

/// A piece of a text; with its key well below what an item may have.
pub(super) const PIECE_BYTES: usize = 300 * 1024;

/// Texts by their hash. What is not there is missing.
pub(super) type Texts = BTreeMap<String, Arc<[u8]>>;

/// The hash that a text is known by.
pub(super) fn hash_of(bytes: &[u8]) -> String {
    HEXLOWER.encode(&digest("text", &[bytes]))
}

/// The hashes that a row names.
pub(super) fn named_by(item: &Item) -> BTreeSet<String> {
    let Some(AttributeValue::M(named)) = item.get(BLOBS) else { return BTreeSet::new() };
    BTreeMap::from_iter(named).into_values().filter_map(|hash| hash.as_s().ok().cloned()).collect()
}

/// Moves the largest attributes out of a row that is too large; answers them
/// by their hash.
pub(super) fn move_out(item: &mut Item) -> Texts {
    let (mut texts, mut named) = (Texts::new(), BTreeMap::new());
    while size(item) > LARGE {
        let stays = |name: &String| [FEATURE, ORIGIN, KIND, NAME].contains(&name.as_str());
        let largest = item
            .iter()
            .filter(|(name, _)| !stays(name))
            .max_by_key(|(_, value)| size(&Item::from([(String::new(), (*value).clone())])))
            .map(|(name, _)| name.clone());
        let Some((name, value)) = largest.and_then(|name| item.remove_entry(&name)) else { break };
        let bytes = if name == BODY {
            bytes_of(&value).unwrap_or_default().to_vec()
        } else {
            // Fields come from JSON, so they have a form there.
            to_json(&value).unwrap_or_default().to_string().into_bytes()
        };
        let hash = hash_of(&bytes);
        named.insert(name, text(&hash));
        texts.insert(hash, bytes.into());
    }
    if !named.is_empty() {
        item.insert(BLOBS.to_owned(), AttributeValue::M(named.into_iter().collect()));
    }
    texts
}

/// The row as it was before [`move_out`]. An attribute that stands in the row
/// itself counts, for a person wrote it there later.
pub(super) fn resolve(item: &Item, texts: &Texts) -> Result<Item, String> {
    let mut whole = item.clone();
    let Some(named) = whole.remove(BLOBS) else { return Ok(whole) };
    let AttributeValue::M(named) = named else { return Err(format!("`{BLOBS}` is no map")) };
    for (name, hash) in BTreeMap::from_iter(named) {
        if whole.contains_key(&name) {
            continue;
        }
        let hash = hash.as_s().map_err(|_| format!("`{BLOBS}` names no hash for `{name}`"))?;
        let bytes = texts.get(hash).ok_or_else(|| format!("the text of `{name}` is missing ({hash})"))?;
        let value = if name == BODY {
            attribute::bytes(bytes)
        } else {
            let value = serde_json::from_slice(bytes);
            from_json(&value.map_err(|error| format!("the text of `{name}` cannot be read: {error}"))?)
        };
        whole.insert(name, value);
    }
    Ok(whole)
}

/// The body of a record, a status or a document.
pub(super) fn body_of(item: &Item, texts: &Texts) -> Result<Vec<u8>, String> {
    let whole = resolve(item, texts)?;
    match whole.get(BODY) {
        None => Ok(Vec::new()),
        Some(value) => bytes_of(value).map(<[u8]>::to_vec).ok_or_else(|| format!("`{BODY}` is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn large(pairs: &[(&str, AttributeValue)]) -> Item {
        let mut item =
            Item::from([(FEATURE.to_owned(), text("a")), ("image".to_owned(), text("shop-web:1"))]);
        item.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        item
    }

    #[test]
    fn what_is_large_goes_out_and_comes_back() {
        let long = "é".repeat(LARGE);
        let dockerrun = from_json(&serde_json::json!({"text": long, "vars": {"memory": 512}}));
        let whole = large(&[("dockerrun", dockerrun), ("body", attribute::bytes(&[0xff; 2 * LARGE]))]);
        let mut row = whole.clone();
        let texts = move_out(&mut row);
        assert!(size(&row) < LARGE && texts.len() == 2, "{row:?}");
        assert_eq!(row["image"], text("shop-web:1"));
        assert_eq!(named_by(&row), texts.keys().cloned().collect());
        assert_eq!(resolve(&row, &texts), Ok(whole));

        let lost = resolve(&row, &Texts::new()).unwrap_err();
        assert!(lost.contains("is missing"), "{lost}");
        row.insert("dockerrun".to_owned(), from_json(&serde_json::json!({"text": "short"})));
        assert_eq!(resolve(&row, &texts).unwrap()["dockerrun"], row["dockerrun"]);
    }

    #[test]
    fn what_is_small_stays_in_its_row() {
        let mut row = large(&[]);
        assert!(move_out(&mut row).is_empty());
        assert_eq!(row, large(&[]));
    }
}
