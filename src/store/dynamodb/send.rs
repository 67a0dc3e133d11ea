//! Sending: one action by itself, or several as one transaction, again and
//! again while it is not certain what became of them.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, Update,
};
use backon::{BackoffBuilder, ExponentialBuilder};

use super::DynamoStore;
use super::expression::Expression;
use super::layout::{RowName, Table, VERSION};
use crate::aws::{CallError, Item, TableError, table_call};
use crate::store::StoreError;

/// One action on one item.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) table: Table,
    pub(super) does: Does,
    /// What must hold of the item, and an update's assignments.
    pub(super) expression: Expression,
    /// The row that it is about, where it is one with a name.
    pub(super) row: Option<RowName>,
}

/// What is done with the item.
#[derive(Clone, Debug)]
pub(super) enum Does {
    /// Written as a whole.
    Put(Item),
    /// Removed, by its key.
    Delete(Item),
    /// Changed, by its key.
    Update(Item),
    /// Only looked at, by its key.
    Check(Item),
}

/// How actions ended.
#[derive(Debug)]
pub(super) enum Ended {
    Done,
    /// Conditions that did not hold, by the action's position, with the item
    /// as it was found.
    Unmet(BTreeMap<usize, Option<Item>>),
}

impl DynamoStore {
    /// Carries the actions out: a single one by itself, several as one
    /// transaction. Whatever is asked again is the same request: a
    /// transaction by its token, a single write by the version that it
    /// writes, which is found again where the first one arrived after all.
    pub(super) async fn carry_out(&self, actions: &[Action]) -> Result<Ended, StoreError> {
        let token = self.entropy.word(32);
        let mut doubtful = false;
        let mut pauses = self.pauses();
        loop {
            let error = match self.send(actions, &token).await {
                Ok(()) => return Ok(Ended::Done),
                Err(TableError::Unmet(unmet)) => {
                    let unmet = self.found(actions, unmet).await?;
                    if doubtful && self.is_done(actions).await? {
                        return Ok(Ended::Done);
                    }
                    return Ok(Ended::Unmet(unmet));
                }
                Err(error @ TableError::Busy(_)) => error,
                Err(error @ TableError::Call(CallError::Unknown { .. })) => {
                    doubtful = true;
                    error
                }
                Err(error) if !doubtful => return Err(self.told(error)),
                Err(error) => error,
            };
            match pauses.next() {
                Some(pause) => tokio::time::sleep(pause).await,
                None if doubtful && self.is_done(actions).await? => return Ok(Ended::Done),
                None => return Err(self.told(error)),
            }
        }
    }

    /// Asks again while the answer is "busy" or makes no sense, as long as
    /// patience lasts. Only for what may be carried out twice.
    pub(super) async fn patiently<T, F>(&self, mut work: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, TableError>>,
    {
        let mut pauses = self.pauses();
        loop {
            match work().await {
                Ok(value) => return Ok(value),
                Err(error) => match (&error, pauses.next()) {
                    // An answer that makes no sense is none: it is asked for again.
                    (TableError::Busy(_) | TableError::Call(CallError::Unknown { .. }), Some(pause)) => {
                        tokio::time::sleep(pause).await;
                    }
                    _ => return Err(self.told(error)),
                },
            }
        }
    }

    /// The pauses between tries, until patience ends.
    pub(super) fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_factor(1.7)
            .with_max_delay(Duration::from_millis(400))
            .without_max_times()
            .with_total_delay(Some(self.pace.patience))
            .with_jitter()
            .with_jitter_seed(self.entropy.number())
            .build()
    }

    async fn send(&self, actions: &[Action], token: &str) -> Result<(), TableError> {
        if let [action] = actions {
            return self.send_one(action).await;
        }
        let _alone = self.transaction.lock().await;
        let items = actions.iter().map(|action| self.transacted(action)).collect::<Result<Vec<_>, _>>()?;
        let request = self.tables.client.transact_write_items();
        table_call(request.set_transact_items(Some(items)).client_request_token(token).send()).await.map(drop)
    }

    async fn send_one(&self, action: &Action) -> Result<(), TableError> {
        let (client, table) = (&self.tables.client, self.tables.name(action.table));
        let Action { does, expression, .. } = action;
        match does {
            Does::Put(item) => {
                let request = client
                    .put_item()
                    .table_name(table)
                    .set_item(Some(item.clone().into_iter().collect()))
                    .set_condition_expression(expression.condition())
                    .set_expression_attribute_names(expression.names())
                    .set_expression_attribute_values(expression.values())
                    .return_values_on_condition_check_failure(OnFailure::AllOld);
                table_call(request.send()).await.map(drop)
            }
            Does::Delete(key) => {
                let request = client
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(key.clone().into_iter().collect()))
                    .set_condition_expression(expression.condition())
                    .set_expression_attribute_names(expression.names())
                    .set_expression_attribute_values(expression.values())
                    .return_values_on_condition_check_failure(OnFailure::AllOld);
                table_call(request.send()).await.map(drop)
            }
            Does::Update(key) => self.send_update(table, key, expression).await.map(drop),
            // A look alone changes nothing; whoever asks for it reads.
            Does::Check(_) => Ok(()),
        }
    }

    /// One update; answers the item as it is afterwards.
    pub(super) async fn send_update(
        &self,
        table: &str,
        key: &Item,
        expression: &Expression,
    ) -> Result<Item, TableError> {
        let request = self
            .tables
            .client
            .update_item()
            .table_name(table)
            .set_key(Some(key.clone().into_iter().collect()))
            .update_expression(expression.update())
            .set_condition_expression(expression.condition())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values(aws_sdk_dynamodb::types::ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        let answer = table_call(request.send()).await?;
        Ok(answer.attributes.unwrap_or_default().into_iter().collect())
    }

    fn transacted(&self, action: &Action) -> Result<TransactWriteItem, TableError> {
        let table = self.tables.name(action.table);
        let Action { does, expression, .. } = action;
        let built = match does {
            Does::Put(item) => Put::builder()
                .table_name(table)
                .set_item(Some(item.clone().into_iter().collect()))
                .set_condition_expression(expression.condition())
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|put| TransactWriteItem::builder().put(put)),
            Does::Delete(key) => Delete::builder()
                .table_name(table)
                .set_key(Some(key.clone().into_iter().collect()))
                .set_condition_expression(expression.condition())
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|delete| TransactWriteItem::builder().delete(delete)),
            Does::Update(key) => Update::builder()
                .table_name(table)
                .set_key(Some(key.clone().into_iter().collect()))
                .update_expression(expression.update())
                .set_condition_expression(expression.condition())
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|update| TransactWriteItem::builder().update(update)),
            Does::Check(key) => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key.clone().into_iter().collect()))
                .set_condition_expression(expression.condition())
                .set_expression_attribute_names(expression.names())
                .set_expression_attribute_values(expression.values())
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build()
                .map(|check| TransactWriteItem::builder().condition_check(check)),
        };
        // Nothing is missing from what is built here.
        let built = built.map_err(|error| CallError::NotSent { why: error.to_string() })?;
        Ok(built.build())
    }

    /// The items of conditions that did not hold, read where the service does
    /// not tell them.
    async fn found(
        &self,
        actions: &[Action],
        unmet: BTreeMap<usize, Option<Item>>,
    ) -> Result<BTreeMap<usize, Option<Item>>, StoreError> {
        let mut found = BTreeMap::new();
        for (position, item) in unmet {
            let item = match (item, actions.get(position)) {
                (Some(item), _) => Some(item),
                (None, Some(action)) => self.get(action.table, action.key()).await?,
                (None, None) => None,
            };
            found.insert(position, item);
        }
        Ok(found)
    }

    /// Whether what may have been carried out was: all of it is done when a
    /// row bears the version that we minted for it. Where no row of ours is
    /// written, it is done when everything is as wanted: nothing can rest on
    /// who made it so.
    async fn is_done(&self, actions: &[Action]) -> Result<bool, StoreError> {
        let ours = actions.iter().find_map(|action| match &action.does {
            Does::Put(item) => Some((action, item.get(VERSION)?)),
            _ => None,
        });
        if let Some((action, version)) = ours {
            let found = self.get(action.table, action.key()).await?;
            return Ok(found.is_some_and(|found| found.get(VERSION) == Some(version)));
        }
        let mut writes = false;
        for action in actions {
            let wanted = match &action.does {
                Does::Put(item) => Some(item),
                Does::Delete(_) => None,
                Does::Update(_) | Does::Check(_) => continue,
            };
            writes = true;
            if self.get(action.table, action.key()).await?.as_ref() != wanted {
                return Ok(false);
            }
        }
        Ok(writes)
    }
}

impl Action {
    /// The key of the item that it is about.
    pub(super) fn key(&self) -> Item {
        match &self.does {
            Does::Delete(key) | Does::Update(key) | Does::Check(key) => key.clone(),
            Does::Put(item) => {
                let names: &[&str] = match self.table {
                    Table::Spec => &[super::layout::FEATURE],
                    Table::State => &[super::layout::KIND, super::layout::NAME],
                };
                item.iter()
                    .filter(|(name, _)| names.contains(&name.as_str()))
                    .map(|(name, value)| (name.clone(), value.clone()))
                    .collect()
            }
        }
    }
}
