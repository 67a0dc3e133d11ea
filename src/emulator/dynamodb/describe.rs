//! DescribeTable, ListTables, UpdateTable, DeleteTable.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::about::{Billing, Index, Shown, Status};
use super::create::billing;
use super::key::{KeyAttr, Schema};
use super::refusal::Refusal;
use super::table::Table;
use super::wire::{Body, moment as seconds, table_name};
use super::{Moment, Tables};

impl Tables {
    pub(super) fn describe_table(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let name = Body::read(value, &["TableName"])?.table()?;
        let table = self.tables.get(name).ok_or_else(|| Refusal::no_table(name))?;
        // This, too, is an eventually consistent read.
        if moment.past(false).is_some_and(|past| table.about.created > past) {
            return Err(Refusal::no_table(name));
        }
        Ok(json!({"Table": description(table, moment.now)}))
    }

    pub(super) fn list_tables(&self, value: &Value) -> Result<Value, Refusal> {
        let body = Body::read(value, &["ExclusiveStartTableName", "Limit"])?;
        let limit = body.number("Limit", 1, 100)?.unwrap_or(100);
        let after = body.text("ExclusiveStartTableName")?;
        let mut rest =
            self.tables.keys().skip_while(|name| after.is_some_and(|after| name.as_str() <= after));
        let shown: Vec<&String> = rest.by_ref().take(limit).collect();
        let mut answer = json!({"TableNames": shown});
        if let (Some(last), Some(_)) = (shown.last(), rest.next()) {
            answer["LastEvaluatedTableName"] = json!(last);
        }
        Ok(answer)
    }

    pub(super) fn update_table(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        const KNOWN: [&str; 7] = [
            "TableName",
            "AttributeDefinitions",
            "BillingMode",
            "ProvisionedThroughput",
            "DeletionProtectionEnabled",
            "TableClass",
            "SSESpecification",
        ];
        let body = Body::read(value, &KNOWN)?;
        let name = body.table()?;
        let encryption = body.get("SSESpecification").map(|_| self.encryption(&body)).transpose()?;
        let class = body.choice("TableClass", &["STANDARD", "STANDARD_INFREQUENT_ACCESS"])?;
        let (paid, protected) = (billing(&body, moment)?, body.flag("DeletionProtectionEnabled")?);
        if body.text("BillingMode")? == Some("PROVISIONED") && paid.is_none() {
            return Err(Refusal::parameter(
                "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
            ));
        }
        if encryption.is_none() && class.is_none() && paid.is_none() && protected.is_none() {
            return Err(Refusal::validation(
                "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates \
                 or SSESpecification or ReplicaUpdates is required",
            ));
        }
        let delay = self.place.delay;
        let table = self.tables.get_mut(name).ok_or_else(|| Refusal::no_table(name))?;
        let about = &mut table.about;
        if about.status != Status::Active {
            return Err(in_use(about.status, name));
        }
        if let Some(paid) = paid {
            about.billing = match (&about.billing, paid) {
                (Billing::PerRequest(since), Billing::PerRequest(_)) => Billing::PerRequest(*since),
                (_, paid) => paid,
            };
        }
        about.protected = protected.unwrap_or(about.protected);
        about.class = class.map(str::to_owned).or(about.class.take());
        about.encryption = encryption.unwrap_or_else(|| about.encryption.take());
        about.turn(Status::Updating, moment.now, delay);
        Ok(json!({"TableDescription": description(table, moment.now)}))
    }

    pub(super) fn delete_table(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let name = Body::read(value, &["TableName"])?.table()?;
        let delay = self.place.delay;
        let table = self.tables.get_mut(name).ok_or_else(|| Refusal::no_table(name))?;
        let about = &mut table.about;
        match about.status {
            Status::Deleting => {}
            Status::Creating | Status::Updating => return Err(in_use(about.status, name)),
            Status::Active if about.protected => {
                return Err(Refusal::validation(
                    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion \
                     protection first.",
                ));
            }
            Status::Active => about.turn(Status::Deleting, moment.now, delay),
        }
        Ok(json!({"TableDescription": description(table, moment.now)}))
    }
}

/// A table that is about to be something else cannot be changed.
pub(super) fn in_use(status: Status, name: &str) -> Refusal {
    let doing = match status {
        Status::Creating => "created",
        Status::Deleting => "deleted",
        Status::Updating | Status::Active => "updated",
    };
    Refusal::new(
        "ResourceInUseException",
        format!("Attempt to change a resource which is still in use: Table is being {doing}: {name}"),
    )
}

/// A table as answers show it. Sizes and counts are exact; the service's are hours old.
pub(super) fn description(table: &Table, now: Timestamp) -> Value {
    let about = &table.about;
    let mut shown = json!({
        "TableName": about.name,
        "TableArn": about.arn,
        "TableId": about.id,
        "TableStatus": about.status.as_str(),
        "CreationDateTime": seconds(about.created),
        "KeySchema": key_schema(&about.schema.hash, about.schema.sort.as_ref()),
        "AttributeDefinitions": about.definitions.iter()
            .map(|(name, kind)| json!({"AttributeName": name, "AttributeType": kind.as_str()}))
            .collect::<Vec<_>>(),
        "TableSizeBytes": table.bytes,
        "ItemCount": table.rows.items.len(),
        "DeletionProtectionEnabled": about.protected,
    });
    let (read, write) = match about.billing {
        Billing::PerRequest(since) => {
            shown["BillingModeSummary"] = json!({
                "BillingMode": "PAY_PER_REQUEST",
                "LastUpdateToPayPerRequestDateTime": seconds(since),
            });
            (0, 0)
        }
        Billing::Provisioned(read, write) => (read, write),
    };
    shown["ProvisionedThroughput"] =
        json!({"NumberOfDecreasesToday": 0, "ReadCapacityUnits": read, "WriteCapacityUnits": write});
    if !about.indexes.is_empty() {
        let all = about.indexes.iter().map(|(name, index)| show_index(table, name, index));
        shown["LocalSecondaryIndexes"] = all.collect();
    }
    if let Some(key) = &about.encryption {
        shown["SSEDescription"] = json!({"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key});
    }
    if let Some(class) = &about.class {
        shown["TableClassSummary"] = json!({"TableClass": class});
    }
    if let Some(restored) = &about.restored {
        shown["RestoreSummary"] = json!({
            "SourceTableArn": restored.source,
            "RestoreDateTime": seconds(restored.at),
            "RestoreInProgress": about.status == Status::Creating && about.until.is_some_and(|until| until > now),
        });
    }
    shown
}

fn key_schema(hash: &KeyAttr, sort: Option<&KeyAttr>) -> Value {
    let element = |attr: &KeyAttr, kind: &str| json!({"AttributeName": attr.name, "KeyType": kind});
    let sort = sort.map(|attr| element(attr, "RANGE"));
    std::iter::once(element(hash, "HASH")).chain(sort).collect()
}

fn show_index(table: &Table, name: &str, index: &Index) -> Value {
    let Schema { hash, .. } = &table.about.schema;
    let entries = table.rows.indexes.get(name);
    let rows = entries.into_iter().flatten().filter_map(|entry| table.rows.items.get(&entry.primary()));
    let projection = match &index.projection {
        Shown::All => json!({"ProjectionType": "ALL"}),
        Shown::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
        Shown::Include(names) => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names}),
    };
    json!({
        "IndexName": name,
        "IndexArn": format!("{}/index/{name}", table.about.arn),
        "KeySchema": key_schema(hash, Some(&index.sort)),
        "Projection": projection,
        "IndexSizeBytes": rows.map(|row| row.size).sum::<usize>(),
        "ItemCount": entries.map_or(0, std::collections::BTreeSet::len),
    })
}

/// The name of a table by its ARN, for calls that take nothing else.
pub(super) fn by_arn(arn: &str) -> Result<&str, Refusal> {
    if !arn.starts_with("arn:") {
        return Err(Refusal::validation(format!(
            "Invalid TableArn: Invalid ResourceArn provided as input {arn}"
        )));
    }
    table_name(arn)
}
