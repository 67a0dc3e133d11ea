//! The planner by itself: every combination of a small world, random larger ones, and its table arm by arm.

mod cases;
mod domains;
mod idempotence;
mod orphans;
mod predicates;
mod small_scope;
mod verdicts;
