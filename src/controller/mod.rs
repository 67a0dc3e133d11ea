//! The loop: lease, wake-ups, cadence, turns.
