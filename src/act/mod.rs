//! Carries out a plan; chooses nothing.
