//! What people are told about a feature, derived from a snapshot and a plan.
