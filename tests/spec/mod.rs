//! What people write, and the names that are made of it.

mod names;
mod read;
mod round_trip;
mod schema;
