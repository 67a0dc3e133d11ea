//! Opening a store by its place.

use std::sync::Arc;

use super::{SqliteStore, Store, StoreError};
use crate::clock::Entropy;

/// What is done with a store's place when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read and write; a store that is not there is made, with its folder.
    Create,
    /// Read and write; a store that is not there is an error.
    Existing,
    /// Read only; writes fail with [`StoreError::Unusable`].
    ReadOnly,
}

/// Opens the store at a place as `SPROUT_STORE` names it: `sqlite:PATH`, or
/// `dynamodb:TABLE`, which this version refuses. A store that is made mints
/// its id from `entropy`, which also spreads out retries.
///
/// # Errors
///
/// [`StoreError::NewerSchema`] for a store of a newer program,
/// [`StoreError::Busy`] if others write without a pause,
/// [`StoreError::Unusable`] for everything else.
pub async fn open(place: &str, access: Access, entropy: &Entropy) -> Result<Arc<dyn Store>, StoreError> {
    match place.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => {
            Ok(Arc::new(SqliteStore::open(path, access, entropy).await?))
        }
        Some(("dynamodb", _)) => Err(unusable(
            place,
            "this version keeps stores in SQLite only, and DynamoDB comes later; use sqlite:PATH",
        )),
        _ => Err(unusable(place, "a place is written sqlite:PATH, such as sqlite:.sprout/sprout.db")),
    }
}

fn unusable(place: &str, why: &str) -> StoreError {
    StoreError::Unusable { place: place.to_owned(), source: why.into() }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    async fn refusal(place: &str) -> String {
        let error = open(place, Access::Create, &Entropy::seeded(1)).await.err().unwrap();
        error.source().unwrap().to_string()
    }

    #[tokio::test]
    async fn a_place_that_is_none_is_refused_with_what_to_write() {
        for place in ["", "sqlite", "sqlite:", "store.db", "postgres:x"] {
            assert!(refusal(place).await.contains("sqlite:PATH"), "{place}");
        }
        assert!(refusal("dynamodb:features").await.contains("comes later"));
    }
}
