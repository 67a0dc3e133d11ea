//! The one place that reads the operating system's clock and randomness.
