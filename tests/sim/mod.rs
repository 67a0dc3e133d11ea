//! Simulations: everything in one process, on paused time.

mod crew;
mod fleet;
mod leaders;
mod life;
mod week;
pub(crate) mod world;
