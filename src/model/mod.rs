//! Nouns: what the user writes, what we remember and what the cloud showed. No I/O, no clock.
