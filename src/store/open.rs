//! Opening a store by its place.

use std::sync::Arc;

use super::{DynamoStore, Pace, SqliteStore, Store, StoreError, dynamodb};
use crate::aws::Connection;
use crate::clock::Entropy;

/// What is done with a store's place when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and write; whatever is not there is made, tables included.
    Create,
    /// Read and write; a file that is not there is made, with its folder, for
    /// it is nothing yet that anybody could miss. Tables are not: they cost
    /// money and are shared, so only [`Access::Create`] makes them.
    Ensure,
    /// Read and write; a store that is not there is an error.
    Existing,
    /// Read only; writes fail with [`StoreError::Unusable`].
    ReadOnly,
}

/// Opens the store at a place as `SPROUT_STORE` names it: `sqlite:PATH` or
/// `dynamodb:TABLE`. A store that is made mints its id from `entropy`, which
/// also spreads out retries. `aws` is used for tables alone.
///
/// # Errors
///
/// [`StoreError::NewerSchema`] for a store of a newer program,
/// [`StoreError::Busy`] if others write without a pause,
/// [`StoreError::Unusable`] for everything else.
pub async fn open(
    place: &str,
    access: Access,
    entropy: &Entropy,
    aws: &Connection,
) -> Result<Arc<dyn Store>, StoreError> {
    match kind(place).map_err(|why| unusable(place, &why))? {
        Kind::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path, access, entropy).await?)),
        Kind::Dynamodb(table) => {
            let store = DynamoStore::open(table, access, entropy, aws.clone(), Pace::default()).await?;
            Ok(Arc::new(store))
        }
    }
}

/// One thing that a store's place is made of and that `sprout init` makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The table.
    pub name: String,
    /// Whether it was there.
    pub state: PartState,
    /// What it lacks that it should have, in sentences.
    pub notes: Vec<String>,
}

/// Whether a part of a store's place is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartState {
    /// It was there.
    There,
    /// It was made.
    Made,
    /// It is not there.
    Missing,
}

/// The tables of a store that has tables, with whether they are there; `make`
/// makes what is missing, and may be repeated.
///
/// # Errors
///
/// [`StoreError::Unusable`].
pub async fn parts(place: &str, make: bool, aws: &Connection) -> Result<Vec<Part>, StoreError> {
    match kind(place).map_err(|why| unusable(place, &why))? {
        Kind::Sqlite(_) => Ok(Vec::new()),
        Kind::Dynamodb(table) => dynamodb::parts(table, make, aws.clone()).await,
    }
}

/// Whether a place is one as far as its name tells.
///
/// # Errors
///
/// What is wrong with it, and what to write.
pub fn check_place(place: &str) -> Result<(), String> {
    kind(place).map(drop)
}

enum Kind<'p> {
    Sqlite(&'p str),
    Dynamodb(&'p str),
}

fn kind(place: &str) -> Result<Kind<'_>, String> {
    match place.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(Kind::Sqlite(path)),
        Some(("dynamodb", table)) => dynamodb::legal_name(table).map(|()| Kind::Dynamodb(table)),
        _ => {
            Err("a place is written sqlite:PATH or dynamodb:TABLE, such as sqlite:.sprout/sprout.db"
                .to_owned())
        }
    }
}

fn unusable(place: &str, why: &str) -> StoreError {
    StoreError::Unusable { place: place.to_owned(), source: why.into() }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::clock::Clock;

    async fn refusal(place: &str) -> String {
        let entropy = Entropy::seeded(1);
        let aws = Connection::from_environment(Clock::system(), &entropy);
        let error = open(place, Access::Create, &entropy, &aws).await.err().unwrap();
        error.source().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_place_that_is_none_is_refused_with_what_to_write() {
        for place in ["", "sqlite", "sqlite:", "store.db", "postgres:x"] {
            assert!(refusal(place).await.contains("sqlite:PATH or dynamodb:TABLE"), "{place}");
        }
        assert!(refusal("dynamodb:").await.contains("dynamodb:TABLE"));
        assert!(refusal("dynamodb:a b").await.contains("may not be in a table's name"));
    }
}
