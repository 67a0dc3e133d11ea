//! CreateTable: what a table is to be.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::about::{About, Billing, Index, Shown, Status, Ttl};
use super::key::{KeyAttr, Scalar, Schema};
use super::refusal::Refusal;
use super::table::Table;
use super::wire::{Body, table_name};
use super::{Moment, Tables};

/// Local indexes that a table may have.
const INDEXES: usize = 5;

impl Tables {
    pub(super) fn create_table(&mut self, value: &Value, moment: &mut Moment<'_>) -> Result<Value, Refusal> {
        const KNOWN: [&str; 13] = [
            "TableName",
            "AttributeDefinitions",
            "KeySchema",
            "LocalSecondaryIndexes",
            "GlobalSecondaryIndexes",
            "BillingMode",
            "ProvisionedThroughput",
            "StreamSpecification",
            "SSESpecification",
            "TableClass",
            "DeletionProtectionEnabled",
            "Tags",
            "OnDemandThroughput",
        ];
        let body = Body::read(value, &KNOWN)?;
        let name = table_name(body.required("TableName")?)?;
        refuse_missing_parts(&body)?;
        let definitions = definitions(&body)?;
        let schema = schema(&body, &definitions)?;
        let indexes = indexes(&body, &definitions, &schema)?;
        let used = schema.attrs().chain(indexes.values().map(|index| &index.sort)).map(|attr| &attr.name);
        let used: std::collections::BTreeSet<&String> = used.collect();
        if used.len() < definitions.len() {
            return Err(Refusal::parameter(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in \
                 AttributeDefinitions",
            ));
        }
        let billing = billing(&body, moment)?.ok_or_else(|| {
            Refusal::parameter(
                "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
            )
        })?;
        if self.tables.contains_key(name) {
            return Err(Refusal::new("ResourceInUseException", format!("Table already exists: {name}")));
        }
        let about = About {
            name: name.to_owned(),
            id: moment.ids.uuid(),
            arn: self.arn(name),
            created: moment.now,
            status: Status::Creating,
            until: Some(moment.now + self.place.delay),
            definitions,
            schema,
            indexes,
            billing,
            encryption: self.encryption(&body)?,
            class: body.choice("TableClass", &["STANDARD", "STANDARD_INFREQUENT_ACCESS"])?.map(str::to_owned),
            protected: body.flag("DeletionProtectionEnabled")?.unwrap_or(false),
            ttl: Ttl::default(),
            recovery: None,
            recovery_days: 35,
            backups_from: moment.now + self.place.delay + self.place.delay,
            tags: super::tags::read(body.list("Tags")?.unwrap_or_default())?,
            restored: None,
        };
        let table = Table::new(about);
        let shown = super::describe::description(&table, moment.now);
        self.tables.insert(name.to_owned(), table);
        Ok(json!({"TableDescription": shown}))
    }

    /// The key that encrypts a table: none where the service's own does.
    pub(super) fn encryption(&self, body: &Body<'_>) -> Result<Option<String>, Refusal> {
        let Some(wanted) = body.inner("SSESpecification", &["Enabled", "SSEType", "KMSMasterKeyId"])? else {
            return Ok(None);
        };
        wanted.choice("SSEType", &["AES256", "KMS"])?;
        if !wanted.flag("Enabled")?.unwrap_or(false) {
            return Ok(None);
        }
        let key = wanted.text("KMSMasterKeyId")?.unwrap_or("alias/aws/dynamodb");
        let arn = format!("arn:aws:kms:{}:{}:{key}", self.place.region, self.place.account);
        Ok(Some(if key.starts_with("arn:") { key.to_owned() } else { arn }))
    }
}

/// What tables here do not have is refused, not forgotten.
fn refuse_missing_parts(body: &Body<'_>) -> Result<(), Refusal> {
    if body.list("GlobalSecondaryIndexes")?.is_some_and(|indexes| !indexes.is_empty()) {
        return Err(Refusal::validation("Global secondary indexes are not part of this emulator"));
    }
    let stream = body.inner("StreamSpecification", &["StreamEnabled", "StreamViewType"])?;
    if stream.map(|stream| stream.flag("StreamEnabled")).transpose()?.flatten() == Some(true) {
        return Err(Refusal::validation("Streams are not part of this emulator"));
    }
    if body.get("OnDemandThroughput").is_some() {
        return Err(Refusal::validation("OnDemandThroughput is not part of this emulator"));
    }
    Ok(())
}

/// How the table is paid for; none where a number is missing.
pub(super) fn billing(body: &Body<'_>, moment: &Moment<'_>) -> Result<Option<Billing>, Refusal> {
    let mode = body.choice("BillingMode", &["PROVISIONED", "PAY_PER_REQUEST"])?;
    let bought = body.inner("ProvisionedThroughput", &["ReadCapacityUnits", "WriteCapacityUnits"])?;
    if mode == Some("PAY_PER_REQUEST") {
        if bought.is_some() {
            return Err(Refusal::parameter(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
                 PAY_PER_REQUEST",
            ));
        }
        return Ok(Some(Billing::PerRequest(moment.now)));
    }
    let Some(bought) = bought else {
        return Ok(None);
    };
    let units = |name: &str| bought.need(name, bought.number(name, 1, i64::MAX)?);
    Ok(Some(Billing::Provisioned(units("ReadCapacityUnits")? as u64, units("WriteCapacityUnits")? as u64)))
}

fn definitions(body: &Body<'_>) -> Result<BTreeMap<String, Scalar>, Refusal> {
    let list = body.need("AttributeDefinitions", body.list("AttributeDefinitions")?)?;
    let definitions = list.iter().map(|definition| {
        let definition = Body::read(definition, &["AttributeName", "AttributeType"])?;
        definition.choice("AttributeType", &["B", "N", "S"])?;
        let kind = Scalar::read(definition.required("AttributeType")?);
        let kind = kind.ok_or_else(|| Refusal::validation("AttributeType must be one of B, N, S"))?;
        Ok((definition.required("AttributeName")?.to_owned(), kind))
    });
    definitions.collect()
}

/// Reads a key schema: partition key first, then perhaps the sort key.
fn schema(body: &Body<'_>, definitions: &BTreeMap<String, Scalar>) -> Result<Schema, Refusal> {
    let list = body.need("KeySchema", body.list("KeySchema")?)?;
    let elements = list.iter().map(|element| {
        let element = Body::read(element, &["AttributeName", "KeyType"])?;
        let kind = element.choice("KeyType", &["HASH", "RANGE"])?;
        Ok((element.required("AttributeName")?, element.need("KeyType", kind)?))
    });
    let elements = elements.collect::<Result<Vec<(&str, &str)>, Refusal>>()?;
    let attr = |name: &str| {
        let kind = definitions.get(name).copied().ok_or_else(|| {
            let defined: Vec<&str> = definitions.keys().map(String::as_str).collect();
            Refusal::parameter(format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{name}], \
                 AttributeDefinitions: [{}]",
                defined.join(", ")
            ))
        })?;
        Ok(KeyAttr { name: name.to_owned(), kind })
    };
    match elements.as_slice() {
        [(_, "RANGE"), ..] | [] => {
            Err(Refusal::validation("Invalid KeySchema: The first KeySchemaElement is not a HASH key type"))
        }
        [_, (_, "HASH"), ..] => {
            Err(Refusal::validation("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type"))
        }
        [(hash, _)] => Ok(Schema { hash: attr(hash)?, sort: None }),
        [(hash, _), (sort, _)] if hash == sort => Err(Refusal::validation(
            "Both the Hash Key and the Range Key element in the KeySchema have the same name",
        )),
        [(hash, _), (sort, _)] => Ok(Schema { hash: attr(hash)?, sort: Some(attr(sort)?) }),
        _ => Err(Refusal::constraint(
            "'[KeySchema]'",
            "keySchema",
            "Member must have length less than or equal to 2",
        )),
    }
}

fn indexes(
    body: &Body<'_>,
    definitions: &BTreeMap<String, Scalar>,
    table: &Schema,
) -> Result<BTreeMap<String, Index>, Refusal> {
    let Some(list) = body.list("LocalSecondaryIndexes")? else {
        return Ok(BTreeMap::new());
    };
    if table.sort.is_none() {
        return Err(Refusal::parameter(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex",
        ));
    }
    if list.len() > INDEXES {
        return Err(Refusal::parameter("Number of LocalSecondaryIndexes exceeds per-table limit of 5"));
    }
    let mut indexes = BTreeMap::new();
    for index in list {
        let index = Body::read(index, &["IndexName", "KeySchema", "Projection"])?;
        let name = index.required("IndexName")?;
        let keys = schema(&index, definitions)?;
        if keys.hash != table.hash {
            return Err(Refusal::parameter(format!(
                "Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. index \
                 hash key: {}, table hash key: {}",
                keys.hash.name, table.hash.name
            )));
        }
        let sort = keys.sort.ok_or_else(|| {
            Refusal::parameter(format!("Index KeySchema does not have a range key for index: {name}"))
        })?;
        let projection = projection(&index)?;
        if indexes.insert(name.to_owned(), Index { sort, projection }).is_some() {
            return Err(Refusal::parameter(format!("Duplicate index name: {name}")));
        }
    }
    Ok(indexes)
}

fn projection(index: &Body<'_>) -> Result<Shown, Refusal> {
    let projection = index.inner("Projection", &["ProjectionType", "NonKeyAttributes"])?;
    let projection = index.need("Projection", projection)?;
    let kind = projection.choice("ProjectionType", &["ALL", "INCLUDE", "KEYS_ONLY"])?;
    let more = projection.list("NonKeyAttributes")?;
    let names = more.unwrap_or_default().iter().filter_map(Value::as_str).map(str::to_owned);
    match (kind, more) {
        (Some("INCLUDE"), Some(_)) => Ok(Shown::Include(names.collect())),
        (Some("INCLUDE"), None) => {
            Err(Refusal::parameter("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
        }
        (None, _) => Err(Refusal::parameter("Unknown ProjectionType: null")),
        (Some(kind), Some(_)) => {
            Err(Refusal::parameter(format!("ProjectionType is {kind}, but NonKeyAttributes is specified")))
        }
        (Some("ALL"), None) => Ok(Shown::All),
        (Some(_), None) => Ok(Shown::KeysOnly),
    }
}
