//! Decisions: a pure function from a snapshot to a complete plan.
