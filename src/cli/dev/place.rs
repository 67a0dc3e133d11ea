//! `.sprout/`: where a folder's world is kept, for one `sprout dev` at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::super::exit::Stop;
use crate::config::{DEV_FILE, DevWorld};

/// A folder's `.sprout/`, held as long as this value lives.
#[derive(Debug)]
pub(super) struct Place {
    /// Absolute, so that commands in other folders can be pointed at it.
    folder: PathBuf,
    announcement: PathBuf,
    /// The operating system lets go of it when the process ends, however.
    _lock: File,
}

impl Place {
    /// Takes the place below a folder, which is made if need be.
    pub(super) fn take(below: &Path) -> anyhow::Result<Self> {
        let announcement = below.join(DEV_FILE);
        let folder = below.join(".sprout");
        let cannot = || format!("{} cannot be used", folder.display());
        fs::create_dir_all(&folder).with_context(cannot)?;
        let folder = folder.canonicalize().with_context(cannot)?;
        let lock = File::create(folder.join("dev.lock")).with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(taken(&announcement)),
            Err(TryLockError::Error(error)) => return Err(error).with_context(cannot),
        }
        Ok(Self { folder, announcement, _lock: lock })
    }

    /// The port that the world was served at last: with it, addresses that
    /// were given out stay good.
    pub(super) fn port(&self) -> Option<u16> {
        fs::read_to_string(self.folder.join("port")).ok()?.trim().parse().ok()
    }

    /// Remembers the port for the next start, which can do without.
    pub(super) fn keep_port(&self, port: u16) {
        if let Err(error) = fs::write(self.folder.join("port"), format!("{port}\n")) {
            tracing::debug!(%error, "the port is not remembered");
        }
    }

    /// Where the emulator keeps its world.
    pub(super) fn world(&self) -> PathBuf {
        self.folder.join("world.json")
    }

    /// The store, as `SPROUT_STORE` would say it.
    pub(super) fn store(&self) -> String {
        format!("sqlite:{}", self.folder.join("dev.db").display())
    }

    /// Tells other commands in this folder how to reach what runs here.
    pub(super) fn announce(&self, world: &DevWorld) -> anyhow::Result<()> {
        let shown = self.announcement.display();
        let text = serde_json::to_string_pretty(world)?;
        fs::write(&self.announcement, text).with_context(|| format!("{shown} cannot be written"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Not there is what is wanted; anything else is found stale by its readers.
        let _ = fs::remove_file(&self.announcement);
    }
}

/// Another one runs here.
fn taken(announcement: &Path) -> anyhow::Error {
    let text = fs::read_to_string(announcement).unwrap_or_default();
    let process = match serde_json::from_str::<DevWorld>(&text) {
        Ok(world) => format!(" (process {})", world.pid),
        Err(_) => String::new(),
    };
    Stop::refused(format!(
        "another `sprout dev` runs in this folder{process}. Use that one, or stop it first; \
         in another folder there can be another one"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> DevWorld {
        DevWorld {
            store: "sqlite:x".to_owned(),
            endpoint: "http://127.0.0.1:1".to_owned(),
            region: "us-east-1".to_owned(),
            pid: 4711,
        }
    }

    #[test]
    fn a_place_is_held_by_one_and_then_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::take(dir.path()).unwrap();
        place.announce(&world()).unwrap();
        let refusal = Place::take(dir.path()).unwrap_err().to_string();
        assert!(refusal.contains("process 4711"), "{refusal}");
        assert!(dir.path().join(DEV_FILE).exists(), "who is refused takes nothing away");
        drop(place);
        assert!(!dir.path().join(DEV_FILE).exists());
        Place::take(dir.path()).unwrap();
    }
}
