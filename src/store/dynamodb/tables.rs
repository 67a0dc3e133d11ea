//! The two tables: their names, whether they are there and whose they are,
//! and how they are made.

use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, SseSpecification, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};

use super::layout::{EXPIRES, FEATURE, KIND, NAME, Table};
use crate::aws::{CallError, TableClient, TableError, table_call};
use crate::store::{Part, PartState};

/// How long a table may take to be made; it is seconds.
const MAKING: Duration = Duration::from_secs(120);

/// The pause between two looks at a table that is being made.
const LOOK: Duration = Duration::from_millis(500);

/// The tables of one store.
#[derive(Clone, Debug)]
pub(super) struct Tables {
    pub(super) client: aws_sdk_dynamodb::Client,
    region: String,
    endpoint: Option<String>,
    pub(super) spec: String,
    pub(super) state: String,
}

/// The name of the table of everything but specifications.
const SUFFIX: &str = "-state";

/// The longest name of a table (AWS API `CreateTable`).
const LONGEST: usize = 255;

/// What is wrong with a table's name, if anything.
pub(crate) fn legal_name(name: &str) -> Result<(), String> {
    let most = LONGEST - SUFFIX.len();
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if let Some(c) = name.chars().find(|c| !legal(*c)) {
        return Err(format!(
            "{c:?} may not be in a table's name, which has letters, digits, `_`, `-` and `.` alone"
        ));
    }
    match name.len() {
        0 => Err("a DynamoDB store is written dynamodb:TABLE, such as dynamodb:features".to_owned()),
        1..3 => Err(format!("{name:?} is too short: a table's name has at least 3 characters")),
        length if length > most => Err(format!(
            "a name of {length} characters is too long: at most {most} leave room for {SUFFIX:?} behind it"
        )),
        _ => Ok(()),
    }
}

/// Why tables cannot be used as they are.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("there is no table {0}. Make what is missing with: sprout init")]
    Missing(String),
    #[error("the table {0} belongs to another program: its key is not ours")]
    Foreign(String),
    #[error("the table {table} cannot be used: it is {status}")]
    Status { table: String, status: String },
    #[error(transparent)]
    Call(#[from] TableError),
}

impl Tables {
    pub(super) fn new(client: TableClient, table: &str) -> Self {
        let TableClient { dynamodb, region, endpoint } = client;
        let state = format!("{table}{SUFFIX}");
        Self { client: dynamodb, region, endpoint, spec: table.to_owned(), state }
    }

    pub(super) fn name(&self, table: Table) -> &str {
        match table {
            Table::Spec => &self.spec,
            Table::State => &self.state,
        }
    }

    /// The attributes that make up the key.
    fn key(table: Table) -> &'static [(&'static str, KeyType)] {
        match table {
            Table::Spec => &[(FEATURE, KeyType::Hash)],
            Table::State => &[(KIND, KeyType::Hash), (NAME, KeyType::Range)],
        }
    }

    /// Where the tables are, in the words that a store is bound by: a table
    /// that was restored or made anew under the same name has another id.
    pub(super) async fn here(&self) -> Result<String, Unfit> {
        let mut ids = Vec::new();
        let mut place = String::new();
        for table in [Table::Spec, Table::State] {
            let about = self.usable(table).await?;
            let made = || about.creation_date_time.map(|at| format!("made {}", at.as_secs_f64()));
            ids.push(about.table_id.clone().or_else(made).unwrap_or_else(|| "no id".to_owned()));
            if table == Table::Spec {
                place = about.table_arn.unwrap_or_else(|| {
                    let server = self.endpoint.as_deref().unwrap_or(&self.region);
                    format!("{server}/{}", self.spec)
                });
            }
        }
        Ok(format!("dynamodb:{place} ({})", ids.join(", ")))
    }

    /// A table's description, once it can be used.
    async fn usable(&self, table: Table) -> Result<TableDescription, Unfit> {
        let name = self.name(table).to_owned();
        let deadline = tokio::time::Instant::now() + MAKING;
        loop {
            let about = self.describe(table).await?.ok_or_else(|| Unfit::Missing(name.clone()))?;
            match &about.table_status {
                Some(TableStatus::Creating) if tokio::time::Instant::now() < deadline => {}
                None | Some(TableStatus::Active | TableStatus::Updating) => {
                    return if is_ours(table, &about) { Ok(about) } else { Err(Unfit::Foreign(name)) };
                }
                Some(status) => return Err(Unfit::Status { table: name, status: status.to_string() }),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn describe(&self, table: Table) -> Result<Option<TableDescription>, TableError> {
        match table_call(self.client.describe_table().table_name(self.name(table)).send()).await {
            Ok(answer) => Ok(answer.table),
            Err(TableError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is there of the tables.
    pub(super) async fn look(&self) -> Result<Vec<Part>, Unfit> {
        let mut parts = Vec::new();
        for table in [Table::Spec, Table::State] {
            let state = match self.describe(table).await? {
                Some(about) if is_ours(table, &about) => PartState::There,
                Some(_) => return Err(Unfit::Foreign(self.name(table).to_owned())),
                None => PartState::Missing,
            };
            parts.push(Part { name: self.name(table).to_owned(), state, notes: Vec::new() });
        }
        Ok(parts)
    }

    /// Makes what is missing, and makes sure of what keeps it from being
    /// lost. It may be repeated and may race with another process.
    pub(super) async fn make(&self) -> Result<Vec<Part>, Unfit> {
        let mut parts = self.look().await?;
        for (part, table) in parts.iter_mut().zip([Table::Spec, Table::State]) {
            if part.state == PartState::Missing {
                self.create(table).await?;
                part.state = PartState::Made;
            }
        }
        for (part, table) in parts.iter_mut().zip([Table::Spec, Table::State]) {
            let about = self.usable(table).await?;
            if about.deletion_protection_enabled != Some(true) {
                self.protect(table, part).await;
            }
            self.back_up(table, part).await;
            if table == Table::State {
                self.let_expire(part).await;
            }
        }
        Ok(parts)
    }

    async fn create(&self, table: Table) -> Result<(), Unfit> {
        let mut request = self
            .client
            .create_table()
            .table_name(self.name(table))
            .billing_mode(BillingMode::PayPerRequest)
            .deletion_protection_enabled(true)
            .sse_specification(SseSpecification::builder().enabled(true).build());
        for (attribute, key_type) in Self::key(table) {
            // All that such a part needs is given.
            let element =
                KeySchemaElement::builder().attribute_name(*attribute).key_type(key_type.clone()).build();
            let definition = AttributeDefinition::builder()
                .attribute_name(*attribute)
                .attribute_type(ScalarAttributeType::S)
                .build();
            if let (Ok(element), Ok(definition)) = (element, definition) {
                request = request.key_schema(element).attribute_definitions(definition);
            }
        }
        match table_call(request.send()).await {
            // Another process makes it in this moment; or this call's answer
            // was lost, and looking tells.
            Ok(_) | Err(TableError::Busy(_) | TableError::Call(CallError::Unknown { .. })) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletion protection of a table that was made without it.
    async fn protect(&self, table: Table, part: &mut Part) {
        let request =
            || self.client.update_table().table_name(self.name(table)).deletion_protection_enabled(true);
        note(part, "deletion protection", insist(|| table_call(request().send())).await);
    }

    /// Point-in-time recovery.
    async fn back_up(&self, table: Table, part: &mut Part) {
        let name = self.name(table);
        let asked =
            insist(|| table_call(self.client.describe_continuous_backups().table_name(name).send())).await;
        let on = asked.as_ref().ok().and_then(|answer| {
            let about = answer.continuous_backups_description.as_ref()?;
            about.point_in_time_recovery_description.as_ref()?.point_in_time_recovery_status.clone()
        });
        if on == Some(PointInTimeRecoveryStatus::Enabled) {
            return;
        }
        let wanted = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
        let Ok(wanted) = wanted else { return };
        let request = || {
            let request = self.client.update_continuous_backups().table_name(name);
            table_call(request.point_in_time_recovery_specification(wanted.clone()).send())
        };
        note(part, "point-in-time recovery", insist(request).await);
    }

    /// The removal of rows that say when they are over.
    async fn let_expire(&self, part: &mut Part) {
        let name = &self.state;
        let asked = table_call(self.client.describe_time_to_live().table_name(name).send()).await;
        let status = asked.ok().and_then(|answer| answer.time_to_live_description?.time_to_live_status);
        if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
            return;
        }
        let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(EXPIRES).build();
        let Ok(wanted) = wanted else { return };
        let request = || {
            let request = self.client.update_time_to_live().table_name(name);
            table_call(request.time_to_live_specification(wanted.clone()).send())
        };
        note(part, "time to live", insist(request).await);
    }
}

/// Whether a table has the key that ours has.
fn is_ours(table: Table, about: &TableDescription) -> bool {
    let found = about.key_schema.as_deref().unwrap_or_default();
    let key: Vec<(&str, &KeyType)> =
        found.iter().map(|element| (element.attribute_name.as_str(), &element.key_type)).collect();
    let wanted: Vec<(&str, &KeyType)> = Tables::key(table).iter().map(|(name, kind)| (*name, kind)).collect();
    let types = about.attribute_definitions.as_deref().unwrap_or_default();
    let text = |name: &str| {
        types.iter().any(|of| of.attribute_name == name && of.attribute_type == ScalarAttributeType::S)
    };
    key == wanted && wanted.iter().all(|(name, _)| text(name))
}

/// Asks again while the table is busy, such as with what was asked before.
async fn insist<T, F>(mut work: impl FnMut() -> F) -> Result<T, TableError>
where
    F: Future<Output = Result<T, TableError>>,
{
    let deadline = tokio::time::Instant::now() + MAKING;
    loop {
        match work().await {
            Err(TableError::Busy(_)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(LOOK).await;
            }
            outcome => return outcome,
        }
    }
}

/// What a server does not have, or does not let us have, is told and does not
/// stand in the way.
fn note<T>(part: &mut Part, what: &str, outcome: Result<T, TableError>) {
    if let Err(error) = outcome {
        part.notes.push(format!("{what} could not be turned on for {}: {error}", part.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_none_say_what_is_wrong() {
        for name in ["abc", "features", "Team.features_2-x", &"x".repeat(249)] {
            assert_eq!(legal_name(name), Ok(()));
        }
        for (name, told) in [
            ("", "dynamodb:TABLE"),
            ("ab", "at least 3"),
            ("a/b", "'/'"),
            ("täbel", "'ä'"),
            (&"x".repeat(250), "at most 249"),
        ] {
            let why = legal_name(name).unwrap_err();
            assert!(why.contains(told), "{why}");
        }
    }
}
