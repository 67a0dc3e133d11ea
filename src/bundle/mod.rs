//! Dockerrun rendering and the deterministic source bundle.
