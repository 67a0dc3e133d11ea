//! What only the SQLite store promises: rows written by hand, layouts, and
//! processes that die in the middle.

mod crash;
mod hands;
mod moved;
mod paper;
mod place;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use beansprout::clock::Entropy;
use beansprout::store::{Access, SqliteStore, Store};
use rusqlite::Connection;

use super::Place;

/// A folder of its own with one store's file in it.
pub(super) struct Folder(tempfile::TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("store.db")
    }

    /// A connection without any of our code, as the `sqlite3` shell has.
    fn by_hand(&self) -> Connection {
        let connection = Connection::open(self.file()).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        connection
    }
}

#[async_trait]
impl Place for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(self.file(), Access::Create, &Entropy::system()).await.unwrap())
    }
}
