//! A value behind a lock, as JSON: the value alone.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    shared: &Arc<Mutex<T>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    shared.lock().unwrap_or_else(PoisonError::into_inner).serialize(to)
}

pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<Arc<Mutex<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(from).map(|value| Arc::new(Mutex::new(value)))
}
