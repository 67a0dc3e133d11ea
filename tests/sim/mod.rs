//! Simulations: everything in one process, on paused time.

mod life;
mod world;
