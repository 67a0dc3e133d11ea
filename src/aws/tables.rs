//! DynamoDB: the client of a store's tables, and how its calls end. A
//! condition that did not hold is an answer here, and comes with the row that
//! was found.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation as op;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;

use super::call::sorted;
use super::connect::{AwsError, Connection, endpoint, governed};
use super::errors::{CallError, classify};
use super::governed::Governor;
use crate::model::{RefusalClass, RequestId};

/// The longest that one call may take with its retries. Much shorter than
/// elsewhere: whoever waits here holds a lease.
const OPERATION: Duration = Duration::from_secs(30);

/// An item of a table, by attribute.
pub type Item = BTreeMap<String, AttributeValue>;

/// The client of a store's tables. Clones share everything.
#[derive(Clone)]
pub struct TableClient {
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// The region that requests are signed for.
    pub region: String,
    /// The endpoint, where one is set instead of AWS's own.
    pub endpoint: Option<String>,
}

impl fmt::Debug for TableClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableClient")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl TableClient {
    /// Builds the client; nothing is called yet. The connection's gate is
    /// asked like everywhere, so a store hands over an open one: its writes
    /// are guarded by their own conditions.
    ///
    /// # Errors
    ///
    /// [`AwsError::NoRegion`].
    pub async fn connect(connection: Connection) -> Result<Self, AwsError> {
        let (base, region) = governed(connection).await?;
        let partition =
            RetryPartition::custom("beansprout-dynamodb").token_bucket(TokenBucket::default()).build();
        let config = aws_sdk_dynamodb::config::Builder::from(&base)
            .retry_partition(partition)
            .timeout_config(TimeoutConfig::builder().operation_timeout(OPERATION).build())
            .interceptor(Governor)
            .build();
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(config),
            endpoint: endpoint(&base, "DynamoDB"),
            region,
        })
    }
}

/// How a call ended that was not carried out, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Conditions did not hold; nothing was written. By the position of the
    /// action, with the row that was found where the service tells it.
    #[error("a condition on a row does not hold")]
    Unmet(BTreeMap<usize, Option<Item>>),
    /// Throttled, or another write of the same rows is under way; nothing was
    /// written.
    #[error("{0}")]
    Busy(String),
    /// The table is not there.
    #[error("{0}")]
    Missing(String),
    /// Anything else.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What an operation's error says of conditions.
pub trait Conditional {
    /// Code and row of each action, where the operation was refused because
    /// of them.
    fn reasons(&self) -> Option<Vec<(String, Option<Item>)>> {
        None
    }
}

/// The code of a condition that did not hold, among a transaction's reasons.
const UNMET: &str = "ConditionalCheckFailed";

macro_rules! conditional {
    ($($error:ty),*) => {$(
        impl Conditional for $error {
            fn reasons(&self) -> Option<Vec<(String, Option<Item>)>> {
                match self {
                    Self::ConditionalCheckFailedException(refused) => {
                        let found = refused.item.clone().map(|item| item.into_iter().collect());
                        Some(vec![(UNMET.to_owned(), found)])
                    }
                    _ => None,
                }
            }
        }
    )*};
}

macro_rules! unconditional {
    ($($error:ty),*) => {$(impl Conditional for $error {})*};
}

conditional!(op::put_item::PutItemError, op::delete_item::DeleteItemError, op::update_item::UpdateItemError);
unconditional!(
    op::batch_get_item::BatchGetItemError,
    op::batch_write_item::BatchWriteItemError,
    op::create_table::CreateTableError,
    op::describe_continuous_backups::DescribeContinuousBackupsError,
    op::describe_table::DescribeTableError,
    op::describe_time_to_live::DescribeTimeToLiveError,
    op::get_item::GetItemError,
    op::query::QueryError,
    op::scan::ScanError,
    op::update_continuous_backups::UpdateContinuousBackupsError,
    op::update_table::UpdateTableError,
    op::update_time_to_live::UpdateTimeToLiveError
);

impl Conditional for op::transact_write_items::TransactWriteItemsError {
    fn reasons(&self) -> Option<Vec<(String, Option<Item>)>> {
        let Self::TransactionCanceledException(canceled) = self else { return None };
        let reasons = canceled.cancellation_reasons.clone().unwrap_or_default();
        let told = |reason: aws_sdk_dynamodb::types::CancellationReason| {
            let found = reason.item.map(|item| item.into_iter().collect::<Item>());
            (reason.code.unwrap_or_default(), found.filter(|item| !item.is_empty()))
        };
        Some(reasons.into_iter().map(told).collect())
    }
}

/// Carries out one request on a table and sorts its error.
///
/// # Errors
///
/// [`TableError`].
pub async fn table_call<T, E>(
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, TableError>
where
    E: StdError + ProvideErrorMetadata + Conditional + Send + Sync + 'static,
{
    // The SDK's futures have tens of kilobytes, and stores call from deep down.
    sorted(Box::pin(request), sort).await.map(|answer| answer.value)
}

fn sort<E>(error: &SdkError<E, HttpResponse>, sent: bool, request: Option<RequestId>) -> TableError
where
    E: StdError + ProvideErrorMetadata + Conditional + Send + Sync + 'static,
{
    let sorted = classify(error, sent, request);
    let SdkError::ServiceError(service) = error else { return TableError::Call(sorted) };
    if let Some(reasons) = service.err().reasons() {
        return by_reasons(reasons, sorted);
    }
    match service.err().code().unwrap_or_default() {
        // The rest of this class mends itself in other ways: credentials that
        // ran out, a clock that differs.
        "TransactionInProgressException"
        | "TransactionConflictException"
        | "ReplicatedWriteConflictException"
        | "ResourceInUseException"
        | "ContinuousBackupsUnavailableException"
        | "LimitExceededException" => TableError::Busy(sorted.to_string()),
        code if super::errors::throttles(code) => TableError::Busy(sorted.to_string()),
        _ if sorted.is(RefusalClass::NotFound) => TableError::Missing(sorted.to_string()),
        _ => TableError::Call(sorted),
    }
}

/// Why a transaction was cancelled. A condition that did not hold is the
/// stronger reason: it will not hold a moment later either.
fn by_reasons(reasons: Vec<(String, Option<Item>)>, sorted: CallError) -> TableError {
    let codes: Vec<String> = reasons
        .iter()
        .map(|(code, _)| code.clone())
        .filter(|code| !["", "None"].contains(&code.as_str()))
        .collect();
    let unmet: BTreeMap<usize, Option<Item>> = reasons
        .into_iter()
        .enumerate()
        .filter(|(_, (code, _))| code == UNMET)
        .map(|(position, (_, found))| (position, found))
        .collect();
    if !unmet.is_empty() {
        return TableError::Unmet(unmet);
    }
    let passes = |code: &String| {
        ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].contains(&code.as_str())
    };
    if !codes.is_empty() && codes.iter().all(passes) {
        return TableError::Busy(format!("the transaction was cancelled: {}", codes.join(", ")));
    }
    TableError::Call(sorted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(codes: &[&str]) -> TableError {
        let reasons = codes.iter().map(|code| ((*code).to_owned(), None)).collect();
        by_reasons(reasons, CallError::Unknown { why: "cancelled".to_owned() })
    }

    #[test]
    fn a_cancelled_transaction_is_told_by_its_reasons() {
        let unmet = sorted(&["None", UNMET, "TransactionConflict", UNMET]);
        assert!(matches!(&unmet, TableError::Unmet(at) if at.keys().eq([&1, &3])), "{unmet:?}");
        for busy in
            [&["None", "TransactionConflict"][..], &["ThrottlingError"], &["ProvisionedThroughputExceeded"]]
        {
            assert!(matches!(sorted(busy), TableError::Busy(_)), "{busy:?}");
        }
        for other in
            [&["ValidationError", "TransactionConflict"][..], &["ItemCollectionSizeLimitExceeded"], &[]]
        {
            assert!(matches!(sorted(other), TableError::Call(_)), "{other:?}");
        }
    }
}
