//! Simulations: everything in one process, on paused time.

mod fleet;
mod life;
mod week;
pub(crate) mod world;
