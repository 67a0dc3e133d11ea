//! A store in one SQLite file, which several processes use at once.
//!
//! Calls run inline and never wait inside SQLite: where another process is
//! writing, the call gives way to other tasks and tries again. The lock on
//! the connection is never held across an await.

mod layout;
mod lease;
mod moves;
mod read;
mod write;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use backon::{ExponentialBuilder, Retryable};
use rusqlite::{Connection, ErrorCode};

use super::{
    Access, Batch, Document, Dump, EventRow, FeatureRows, Hold, Imported, Lease, LeaseRow, Rows, Scope,
    Sealed, Store, StoreError, StoreIdentity,
};
use crate::clock::Entropy;
use crate::model::{FeatureName, StatusView};

/// How long a call keeps trying while others write, before it says
/// [`StoreError::Busy`].
const PATIENCE: Duration = Duration::from_secs(5);

/// A store in one SQLite file (`sqlite:PATH`).
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    file: FileId,
    /// Where the file lies, as its identity is bound to it.
    here: String,
    entropy: Entropy,
    state: Mutex<State>,
}

/// What the lock guards.
#[derive(Debug)]
struct State {
    connection: Connection,
    /// Rows as last read, so that only what changed since is read again.
    cache: Option<read::Cache>,
}

/// What went wrong inside, before it is told as a [`StoreError`].
#[derive(Debug)]
enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Failure {
    fn other(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Failure::Other(why.into())
    }

    fn told(self, path: &Path) -> StoreError {
        let source = match self {
            Failure::Store(error) => return error,
            // The third is what SQLite says after many races for the lock on
            // the log, such as with a process that opens or closes the file.
            Failure::Sqlite(error)
                if matches!(
                    error.sqlite_error_code(),
                    Some(
                        ErrorCode::DatabaseBusy
                            | ErrorCode::DatabaseLocked
                            | ErrorCode::FileLockingProtocolFailed
                    )
                ) =>
            {
                return StoreError::Busy;
            }
            Failure::Sqlite(error) => error.into(),
            Failure::Other(source) => source,
        };
        StoreError::Unusable { place: place(path), source }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

fn place(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

impl SqliteStore {
    /// Opens the store in this file; [`super::open()`] tells the rest.
    ///
    /// # Errors
    ///
    /// As [`super::open()`].
    pub async fn open(path: impl AsRef<Path>, access: Access, entropy: &Entropy) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let path = std::path::absolute(path).map_err(|error| Failure::other(error).told(path))?;
        let connection =
            patiently(entropy, || layout::connect(&path, access, entropy).map_err(|f| f.told(&path))).await?;
        let file = FileId::of(&path);
        let here = file.bound(&path);
        let state = Mutex::new(State { connection, cache: None });
        Ok(Self { path, file, here, entropy: entropy.clone(), state })
    }

    /// Runs one piece of work on the connection, again and again while the
    /// file is busy.
    async fn run<T>(
        &self,
        mut work: impl FnMut(&mut State) -> Result<T, Failure> + Send,
    ) -> Result<T, StoreError> {
        patiently(&self.entropy, || {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            self.same_file().and_then(|()| work(&mut state)).map_err(|failure| failure.told(&self.path))
        })
        .await
    }

    /// An open file outlives its removal. Whoever went on with it would act
    /// on what nobody else can see, beside a new store of the same place.
    fn same_file(&self) -> Result<(), Failure> {
        if FileId::of(&self.path) == self.file {
            Ok(())
        } else {
            Err(Failure::other("the file was removed or replaced while it was open"))
        }
    }
}

/// Tries until the answer is another one than busy, or [`PATIENCE`] is over.
async fn patiently<T>(
    entropy: &Entropy,
    mut work: impl FnMut() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match work() {
        Err(StoreError::Busy) => {}
        outcome => return outcome,
    }
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(1))
        .with_factor(1.6)
        .with_max_delay(Duration::from_millis(100))
        .without_max_times()
        .with_total_delay(Some(PATIENCE))
        .with_jitter()
        .with_jitter_seed(entropy.number());
    (|| std::future::ready(work())).retry(pauses).when(|error| matches!(error, StoreError::Busy)).await
}

/// Which file a path names: device and inode where the system has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(Option<(u64, u64)>);

impl FileId {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Self {
        Self(std::fs::metadata(path).ok().map(|_| (0, 0)))
    }

    /// Where this file lies, in the words that a store is bound by. The
    /// device's number is left out: it may change when a machine starts.
    fn bound(self, path: &Path) -> String {
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        match self.0 {
            Some((_, inode)) => format!("sqlite:{} (file {inode})", path.display()),
            None => place(&path),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn place(&self) -> String {
        place(&self.path)
    }

    fn layout(&self) -> u32 {
        layout::LAYOUT
    }

    async fn identity(&self) -> Result<StoreIdentity, StoreError> {
        self.run(|state| read::identity(&state.connection)).await
    }

    async fn bind(
        &self,
        account: &str,
        region: &str,
        installation: &str,
    ) -> Result<StoreIdentity, StoreError> {
        self.run(|state| write::bind(&mut state.connection, account, region, installation, &self.here)).await
    }

    async fn load(&self) -> Result<Arc<Rows>, StoreError> {
        self.run(read::load).await
    }

    async fn feature(&self, name: &FeatureName) -> Result<FeatureRows, StoreError> {
        self.run(|state| read::feature(&mut state.connection, name)).await
    }

    async fn statuses(&self) -> Result<Vec<StatusView>, StoreError> {
        self.run(|state| read::statuses(&state.connection)).await
    }

    async fn document(&self, name: &str) -> Result<Option<Document>, StoreError> {
        self.run(|state| read::document(&state.connection, name)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.run(|state| write::commit(&mut state.connection, &batch, &self.here)).await
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        self.run(|state| read::counter(&state.connection, "revision")).await
    }

    async fn acquire(
        &self,
        holder: &str,
        length: jiff::SignedDuration,
        at: jiff::Timestamp,
        seen: Option<&LeaseRow>,
    ) -> Result<Option<Lease>, StoreError> {
        self.run(|state| lease::acquire(&mut state.connection, holder, length, at, seen, &self.here)).await
    }

    async fn renew(&self, lease: &Lease) -> Result<Option<Lease>, StoreError> {
        self.run(|state| lease::renew(&mut state.connection, lease, &self.here)).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.run(|state| lease::release(&mut state.connection, lease)).await
    }

    async fn lease(&self) -> Result<Option<LeaseRow>, StoreError> {
        self.run(|state| lease::read(&state.connection)).await
    }

    async fn events(&self, feature: Option<&FeatureName>, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.run(|state| read::events(&state.connection, feature, limit)).await
    }

    async fn hold(&self) -> Result<Option<Hold>, StoreError> {
        Ok(self.identity().await?.hold(&self.here))
    }

    async fn export(&self) -> Result<Dump, StoreError> {
        let from = self.place();
        self.run(|state| moves::export(&mut state.connection, &from)).await
    }

    async fn import(&self, dump: &Dump, scope: Scope) -> Result<Imported, StoreError> {
        let from = self.place();
        self.run(|state| moves::import(&mut state.connection, dump, scope, &from, &self.here)).await
    }

    async fn seal(&self, seal: Sealed) -> Result<(), StoreError> {
        self.run(|state| moves::seal(&mut state.connection, &seal)).await
    }

    async fn claim(&self) -> Result<StoreIdentity, StoreError> {
        self.run(|state| moves::claim(&mut state.connection, &self.here)).await
    }
}
