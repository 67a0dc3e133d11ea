//! The desired-state store: what is wanted, what we remember, what we show.
