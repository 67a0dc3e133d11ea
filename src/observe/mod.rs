//! Reads everything into one snapshot.
