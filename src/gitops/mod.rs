//! Sources of specifications: what lies in a folder is what is wanted.

pub mod folder;
