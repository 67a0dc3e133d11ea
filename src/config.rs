//! Settings: defaults, file, environment and flags, in rising order.
