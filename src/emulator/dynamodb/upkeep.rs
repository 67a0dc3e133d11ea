//! Times to live, continuous backups, and the restore of a table.
//!
//! Rules: `docs/dynamodb.md`, "Times to live", "Backups".

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::about::{About, Restored, Status, Ttl};
use super::refusal::Refusal;
use super::table::Table;
use super::wire::{Body, moment as seconds, table_name};
use super::{Moment, Tables};

/// Times to live can be changed once in this time.
const TTL_PAUSE: SignedDuration = SignedDuration::from_hours(1);

impl Tables {
    pub(super) fn describe_ttl(&self, value: &Value) -> Result<Value, Refusal> {
        let name = Body::read(value, &["TableName"])?.table()?;
        let table = self.tables.get(name).ok_or_else(|| Refusal::no_table(name))?;
        let ttl = &table.about.ttl;
        let status = match (ttl.enabled, ttl.until.is_some()) {
            (true, true) => "ENABLING",
            (true, false) => "ENABLED",
            (false, true) => "DISABLING",
            (false, false) => "DISABLED",
        };
        let mut shown = json!({"TimeToLiveStatus": status});
        if let Some(name) = &ttl.name {
            shown["AttributeName"] = json!(name);
        }
        Ok(json!({"TimeToLiveDescription": shown}))
    }

    pub(super) fn update_ttl(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let body = Body::read(value, &["TableName", "TimeToLiveSpecification"])?;
        let name = body.table()?;
        let wanted = body.inner("TimeToLiveSpecification", &["Enabled", "AttributeName"])?;
        let wanted = body.need("TimeToLiveSpecification", wanted)?;
        let enabled = wanted.need("Enabled", wanted.flag("Enabled")?)?;
        let attribute = wanted.required("AttributeName")?;
        let delay = self.place.delay;
        let table = self.tables.get_mut(name).ok_or_else(|| Refusal::no_table(name))?;
        if table.about.status == Status::Creating {
            return Err(super::describe::in_use(table.about.status, name));
        }
        let ttl = &table.about.ttl;
        if ttl.changed.is_some_and(|changed| changed + TTL_PAUSE > moment.now) {
            return Err(Refusal::validation(
                "Time to live has been modified multiple times within a fixed interval",
            ));
        }
        if ttl.enabled == enabled {
            let state = if enabled { "enabled" } else { "disabled" };
            return Err(Refusal::validation(format!("TimeToLive is already {state}")));
        }
        if !enabled && ttl.name.as_deref() != Some(attribute) {
            return Err(Refusal::validation(format!(
                "TimeToLive is active on a different AttributeName: current AttributeName is {}",
                ttl.name.as_deref().unwrap_or_default()
            )));
        }
        table.about.ttl = Ttl {
            name: Some(attribute.to_owned()),
            enabled,
            changed: Some(moment.now),
            until: Some(moment.now + delay),
        };
        table.note_expiries(moment.now);
        Ok(json!({"TimeToLiveSpecification": {"Enabled": enabled, "AttributeName": attribute}}))
    }

    pub(super) fn describe_backups(&self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let name = Body::read(value, &["TableName"])?.table()?;
        let table = self.tables.get(name).ok_or_else(|| missing(name))?;
        Ok(json!({"ContinuousBackupsDescription": backups(&table.about, moment.now)}))
    }

    pub(super) fn update_backups(&mut self, value: &Value, moment: &Moment<'_>) -> Result<Value, Refusal> {
        let body = Body::read(value, &["TableName", "PointInTimeRecoverySpecification"])?;
        let name = body.table()?;
        let wanted = body.inner(
            "PointInTimeRecoverySpecification",
            &["PointInTimeRecoveryEnabled", "RecoveryPeriodInDays"],
        )?;
        let wanted = body.need("PointInTimeRecoverySpecification", wanted)?;
        let enabled =
            wanted.need("PointInTimeRecoveryEnabled", wanted.flag("PointInTimeRecoveryEnabled")?)?;
        let days = wanted.number("RecoveryPeriodInDays", 1, 35)?;
        let about = &mut self.tables.get_mut(name).ok_or_else(|| missing(name))?.about;
        if about.backups_from > moment.now {
            return Err(Refusal::new(
                "ContinuousBackupsUnavailableException",
                format!("Backups are being enabled for the table: {name}. Please retry later"),
            ));
        }
        about.recovery = enabled.then(|| about.recovery.unwrap_or(moment.now));
        about.recovery_days = days.map_or(about.recovery_days, |days| days as u64);
        Ok(json!({"ContinuousBackupsDescription": backups(about, moment.now)}))
    }

    pub(super) fn restore_table(&mut self, value: &Value, moment: &mut Moment<'_>) -> Result<Value, Refusal> {
        const KNOWN: [&str; 7] = [
            "SourceTableName",
            "SourceTableArn",
            "TargetTableName",
            "UseLatestRestorableTime",
            "RestoreDateTime",
            "BillingModeOverride",
            "SSESpecificationOverride",
        ];
        let body = Body::read(value, &KNOWN)?;
        let source = match body.text("SourceTableArn")? {
            Some(arn) => super::describe::by_arn(arn)?,
            None => body.table_in("SourceTableName")?,
        };
        let target = table_name(body.required("TargetTableName")?)?;
        let table = self.tables.get(source).filter(|table| table.about.status != Status::Creating);
        let table = table.ok_or_else(|| missing(source))?;
        if table.about.recovery.is_none() {
            return Err(Refusal::new(
                "PointInTimeRecoveryUnavailableException",
                format!("Point in time recovery is not enabled for table '{source}'"),
            ));
        }
        if self.tables.contains_key(target) {
            return Err(Refusal::new(
                "TableAlreadyExistsException",
                format!("Table already exists: {target}"),
            ));
        }
        let past = restore_time(&body, table, moment.now)?;
        let about = About {
            name: target.to_owned(),
            id: moment.ids.uuid(),
            arn: self.arn(target),
            created: moment.now,
            status: Status::Creating,
            until: Some(moment.now + self.place.delay),
            // What has to be set up again (developer guide, "Point-in-time recovery: restoring a table").
            protected: false,
            ttl: Ttl::default(),
            recovery: None,
            recovery_days: 35,
            backups_from: moment.now + self.place.delay + self.place.delay,
            tags: std::collections::BTreeMap::new(),
            restored: Some(Restored { source: table.about.arn.clone(), at: past.unwrap_or(moment.now) }),
            ..table.about.clone()
        };
        let mut restored = Table::new(about);
        for (key, row) in &table.rows(past, None).items {
            restored.write(key, Some(row.clone()), moment.now);
        }
        restored.forget();
        let shown = super::describe::description(&restored, moment.now);
        self.tables.insert(target.to_owned(), restored);
        Ok(json!({"TableDescription": shown}))
    }
}

/// The moment to restore; none is now.
fn restore_time(body: &Body<'_>, table: &Table, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let wanted = body.get("RestoreDateTime").map(|value| {
        let seconds =
            value.as_f64().ok_or_else(|| Refusal::serialization("RestoreDateTime must be a number"))?;
        Timestamp::from_millisecond((seconds * 1000.0) as i64)
            .map_err(|_| Refusal::serialization("RestoreDateTime is no moment"))
    });
    let wanted = wanted.transpose()?;
    match (wanted, body.flag("UseLatestRestorableTime")?.unwrap_or(false)) {
        (None, true) => Ok(None),
        (Some(at), false) if at >= table.memory(now) && at <= now => Ok(Some(at)),
        (Some(_), false) => Err(Refusal::new(
            "InvalidRestoreTimeException",
            "The emulator remembers the last ten minutes of a table",
        )),
        _ => Err(Refusal::validation(
            "One of RestoreDateTime and UseLatestRestorableTime must be specified, and not both",
        )),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::new("TableNotFoundException", format!("Table not found: {name}"))
}

fn backups(about: &About, now: Timestamp) -> Value {
    let mut recovery = json!({"PointInTimeRecoveryStatus": "DISABLED"});
    if let Some(since) = about.recovery {
        recovery = json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": about.recovery_days,
            "EarliestRestorableDateTime": seconds(since),
            "LatestRestorableDateTime": seconds(now),
        });
    }
    json!({"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery})
}
