//! The world's file: one JSON document, replaced whole, so that a crash leaves the old or the new one.

use std::path::Path;

use super::world::World;

/// Why a world cannot be kept or found again.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be read.
    #[error("the emulator's state {path} cannot be read")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds no world of this version.
    #[error(
        "the emulator's state {path} holds no world that this version understands; move it away to begin a new one"
    )]
    Content {
        /// The file.
        path: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// The world of a file, or none where there is no file.
pub(crate) fn load(path: &Path) -> Result<Option<World>, StateError> {
    let shown = || path.display().to_string();
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::Read { path: shown(), source }),
    };
    serde_json::from_slice(&text).map(Some).map_err(|source| StateError::Content { path: shown(), source })
}

/// Replaces a file by way of a neighbour.
pub(crate) fn save(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut neighbour = path.as_os_str().to_owned();
    neighbour.push(".new");
    std::fs::write(&neighbour, text)?;
    std::fs::rename(&neighbour, path)
}
