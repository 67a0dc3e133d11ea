//! Simulations: everything in one process, on paused time.

mod life;
pub(crate) mod world;
