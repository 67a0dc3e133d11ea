//! A store in two DynamoDB tables, which many processes on many machines use
//! at once: `TABLE` with the specifications alone, and `TABLE-state` with
//! everything else.
//!
//! Every write is conditional, and says itself whether the store may be
//! written to as it stands. Nothing rests on clocks of hosts, on the order in
//! which answers come, or on an answer at all: what may have been written is
//! asked for again.

mod attribute;
mod blobs;
mod commit;
mod expression;
mod head;
mod history;
mod layout;
mod lease;
mod load;
mod moves;
mod pulse;
mod read;
mod send;
mod specs;
mod tables;
mod texts;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{
    Access, Batch, Document, Dump, EventRow, FeatureRows, Hold, Imported, Lease, LeaseRow, Part, Rows, Scope,
    Sealed, Store, StoreError, StoreIdentity,
};
use crate::aws::{CallError, Connection, TableClient, TableError};
use crate::clock::{Clock, Entropy};
use crate::model::{FeatureName, RefusalClass, StatusView};
use expression::Expression;
use layout::{KIND, Table};
use send::{Action, Does};
use tables::{Tables, Unfit};

pub(crate) use tables::legal_name;

/// How often a store looks, and how long it tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two readings of all specifications, for writers
    /// who say nothing.
    pub specs: Duration,
    /// The most that it grows to with the fleet.
    pub specs_at_most: Duration,
    /// The least time between two readings of everything, for writers who did
    /// not live to say something.
    pub all: Duration,
    /// The most that it grows to with the fleet.
    pub all_at_most: Duration,
    /// What each of the two readings may cost, in read units a second. Their
    /// pauses grow with the fleet so that it stays so, within their bounds.
    pub units: u32,
    /// How long until texts that no row names are looked for, and how often.
    pub tidy: Duration,
    /// How long a call keeps trying while it is throttled, collides with
    /// others or gets no answer.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            specs: Duration::from_secs(12),
            specs_at_most: Duration::from_secs(60),
            all: Duration::from_secs(60),
            all_at_most: Duration::from_secs(300),
            units: 10,
            tidy: Duration::from_secs(3600),
            patience: Duration::from_secs(5),
        }
    }
}

/// A store in two DynamoDB tables (`dynamodb:TABLE`).
#[derive(Debug)]
pub struct DynamoStore {
    /// As `SPROUT_STORE` says it.
    place: String,
    /// Where the tables are, as the identity is bound to it.
    here: String,
    tables: Tables,
    writable: bool,
    /// Whether a table was seen to be gone. One of the same name may come,
    /// and would be another one.
    gone: AtomicBool,
    pace: Pace,
    clock: Clock,
    entropy: Entropy,
    cache: Mutex<Option<load::Cache>>,
    /// Held by the transaction that is under way: all of them look at the
    /// head row, and two at once would only send each other back.
    transaction: Mutex<()>,
}

impl DynamoStore {
    /// Opens the store in this table; [`super::open()`] tells the rest.
    ///
    /// # Errors
    ///
    /// As [`super::open()`].
    pub async fn open(
        table: &str,
        access: Access,
        entropy: &Entropy,
        connection: Connection,
        pace: Pace,
    ) -> Result<Self, StoreError> {
        let place = format!("dynamodb:{table}");
        let clock = connection.clock.clone();
        let tables = connect(table, connection).await?;
        if access == Access::Create {
            tables.make().await.map_err(|unfit| told_unfit(&place, unfit))?;
        }
        let here = tables.here().await.map_err(|unfit| told_unfit(&place, unfit))?;
        let store = Self {
            place,
            here,
            tables,
            writable: access != Access::ReadOnly,
            gone: AtomicBool::new(false),
            pace,
            clock,
            entropy: entropy.clone(),
            cache: Mutex::new(None),
            transaction: Mutex::new(()),
        };
        if access == Access::Create {
            store.mint_identity().await?;
        }
        store.head().await?;
        Ok(store)
    }

    /// Mints the identity, unless there is one. A table that has rows and no
    /// head row has lost it; another identity would make all its environments
    /// somebody else's.
    async fn mint_identity(&self) -> Result<(), StoreError> {
        if self.get(Table::State, head::key()).await?.is_some() {
            return Ok(());
        }
        let answer = self
            .patiently(|| {
                let request = self.tables.client.scan().table_name(&self.tables.state);
                crate::aws::table_call(request.consistent_read(true).limit(1).send())
            })
            .await?;
        if answer.items.is_some_and(|items| !items.is_empty())
            && self.get(Table::State, head::key()).await?.is_none()
        {
            return Err(self.unusable(format!(
                "the table {} has rows, and none that says which store it is; restore it, or use another table",
                self.tables.state
            )));
        }
        let mut expression = Expression::default();
        expression.absent(KIND);
        let item = head::first(&self.entropy.word(16), &self.here);
        let mint = Action { table: Table::State, does: Does::Put(item), expression, row: None };
        // Of several processes one mints, and all use what it minted.
        self.carry_out(&[mint]).await.map(drop)
    }

    /// Refuses a call after a table was seen to be gone: whoever went on
    /// would act on a table that only bears the same name.
    fn alive(&self) -> Result<(), StoreError> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(self.unusable("a table was removed while it was in use; start again".to_owned()));
        }
        Ok(())
    }

    fn may_write(&self) -> Result<(), StoreError> {
        if self.writable {
            return Ok(());
        }
        Err(self.unusable("it was opened for reading only".to_owned()))
    }

    fn unusable(&self, why: String) -> StoreError {
        StoreError::Unusable { place: self.place.clone(), source: why.into() }
    }

    /// A call's error as the store's.
    fn told(&self, error: TableError) -> StoreError {
        if matches!(error, TableError::Missing(_)) {
            self.gone.store(true, Ordering::Relaxed);
        }
        told(&self.place, error)
    }
}

async fn connect(table: &str, connection: Connection) -> Result<Tables, StoreError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| StoreError::Unusable {
        place: format!("dynamodb:{table}"),
        source,
    };
    legal_name(table).map_err(|why| unusable(why.into()))?;
    let client = TableClient::connect(connection).await.map_err(|error| unusable(error.into()))?;
    Ok(Tables::new(client, table))
}

/// What is there of a store's tables; with `make`, what is missing is made.
pub(super) async fn parts(table: &str, make: bool, connection: Connection) -> Result<Vec<Part>, StoreError> {
    let tables = connect(table, connection).await?;
    let parts = if make { tables.make().await } else { tables.look().await };
    parts.map_err(|unfit| told_unfit(&format!("dynamodb:{table}"), unfit))
}

fn told_unfit(place: &str, unfit: Unfit) -> StoreError {
    match unfit {
        Unfit::Call(error) => told(place, error),
        unfit => StoreError::Unusable { place: place.to_owned(), source: unfit.into() },
    }
}

/// What a person must do about a refusal is said with it.
#[derive(Debug, thiserror::Error)]
#[error("{error}. The rights that a store needs are listed in docs/store.md")]
struct Denied {
    error: CallError,
}

fn told(place: &str, error: TableError) -> StoreError {
    let place = place.to_owned();
    match error {
        TableError::Busy(why) => {
            tracing::debug!(%why, "the store is busy");
            StoreError::Busy
        }
        TableError::Call(error) if error.is(RefusalClass::Denied) => {
            StoreError::Unusable { place, source: Denied { error }.into() }
        }
        TableError::Call(error) => StoreError::Unusable { place, source: error.into() },
        error @ (TableError::Missing(_) | TableError::Unmet(_)) => {
            StoreError::Unusable { place, source: error.into() }
        }
    }
}

/// An error with its causes in one line, for the log.
fn in_one_line(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[async_trait]
impl Store for DynamoStore {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn layout(&self) -> u32 {
        layout::LAYOUT
    }

    async fn identity(&self) -> Result<StoreIdentity, StoreError> {
        self.alive()?;
        Ok(self.head().await?.identity)
    }

    async fn bind(
        &self,
        account: &str,
        region: &str,
        installation: &str,
    ) -> Result<StoreIdentity, StoreError> {
        self.alive()?;
        self.bind_to(account, region, installation).await
    }

    async fn load(&self) -> Result<Arc<Rows>, StoreError> {
        self.alive()?;
        self.load_rows().await
    }

    async fn feature(&self, name: &FeatureName) -> Result<FeatureRows, StoreError> {
        self.alive()?;
        self.feature_rows(name).await
    }

    async fn statuses(&self) -> Result<Vec<StatusView>, StoreError> {
        self.alive()?;
        self.status_rows().await
    }

    async fn document(&self, name: &str) -> Result<Option<Document>, StoreError> {
        self.alive()?;
        self.document_row(name).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.alive()?;
        self.commit_batch(batch).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        self.alive()?;
        self.revision_now().await
    }

    async fn acquire(
        &self,
        holder: &str,
        length: jiff::SignedDuration,
        at: jiff::Timestamp,
        seen: Option<&LeaseRow>,
    ) -> Result<Option<Lease>, StoreError> {
        self.alive()?;
        self.grant(holder, length, at, seen).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Option<Lease>, StoreError> {
        self.alive()?;
        self.renewed(lease).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.alive()?;
        self.give_back(lease).await
    }

    async fn lease(&self) -> Result<Option<LeaseRow>, StoreError> {
        self.alive()?;
        Ok(self.head().await?.lease)
    }

    async fn events(&self, feature: Option<&FeatureName>, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.alive()?;
        self.read_events(feature, limit).await
    }

    async fn hold(&self) -> Result<Option<Hold>, StoreError> {
        self.alive()?;
        Ok(self.head().await?.identity.hold(&self.here))
    }

    async fn export(&self) -> Result<Dump, StoreError> {
        self.alive()?;
        self.export_all().await
    }

    async fn import(&self, dump: &Dump, scope: Scope) -> Result<Imported, StoreError> {
        self.alive()?;
        self.import_all(dump, scope).await
    }

    async fn seal(&self, seal: Sealed) -> Result<(), StoreError> {
        self.alive()?;
        self.seal_for(&seal).await
    }

    async fn claim(&self) -> Result<StoreIdentity, StoreError> {
        self.alive()?;
        self.claim_here().await
    }
}
