//! Tags of tables.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Tables;
use super::describe::by_arn;
use super::refusal::Refusal;
use super::table::Table;
use super::wire::Body;

/// Tags that a table may bear.
const MOST: usize = 50;

impl Tables {
    fn tagged(&mut self, arn: &str) -> Result<&mut Table, Refusal> {
        let table = self.tables.get_mut(by_arn(arn)?).filter(|table| table.about.arn == arn);
        table.ok_or_else(|| {
            Refusal::new(
                "ResourceNotFoundException",
                format!("Requested resource not found: ResourceArn: {arn} not found"),
            )
        })
    }

    pub(super) fn tag_resource(&mut self, value: &Value) -> Result<Value, Refusal> {
        let body = Body::read(value, &["ResourceArn", "Tags"])?;
        let tags = read(body.need("Tags", body.list("Tags")?)?)?;
        let table = self.tagged(body.required("ResourceArn")?)?;
        let mut all = table.about.tags.clone();
        all.extend(tags);
        check(&all)?;
        table.about.tags = all;
        Ok(json!({}))
    }

    pub(super) fn untag_resource(&mut self, value: &Value) -> Result<Value, Refusal> {
        let body = Body::read(value, &["ResourceArn", "TagKeys"])?;
        let keys = body.need("TagKeys", body.list("TagKeys")?)?;
        let table = self.tagged(body.required("ResourceArn")?)?;
        for key in keys.iter().filter_map(Value::as_str) {
            table.about.tags.remove(key);
        }
        Ok(json!({}))
    }

    /// All fit on one page: there are at most fifty.
    pub(super) fn list_tags(&mut self, value: &Value) -> Result<Value, Refusal> {
        let body = Body::read(value, &["ResourceArn", "NextToken"])?;
        let table = self.tagged(body.required("ResourceArn")?)?;
        let tags = table.about.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
        Ok(json!({"Tags": tags.collect::<Vec<_>>()}))
    }
}

/// Reads a list of tags.
pub(super) fn read(list: &[Value]) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for tag in list {
        let tag = Body::read(tag, &["Key", "Value"])?;
        let (key, value) = (tag.required("Key")?, tag.required("Value")?);
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(Refusal::validation(
                "A tag has a key of 1 to 128 characters and a value of at most 256",
            ));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(Refusal::parameter(format!("Duplicate tag key: {key}")));
        }
    }
    check(&tags)?;
    Ok(tags)
}

fn check(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > MOST {
        return Err(Refusal::parameter("Too many tags: a table bears 50 at most"));
    }
    Ok(())
}
