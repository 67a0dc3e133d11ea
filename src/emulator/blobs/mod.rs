//! What images are made of: contents by their digest, on disk beside the world's file, else in memory.
//!
//! On disk a content is written under the name of its upload, and renamed once its digest is known to be right; so
//! under a digest there is the whole content or nothing. Which repository holds which content, and for how long, is
//! the registry's affair (`ecr::layers`).

mod draft;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use draft::{Draft, Held};
pub(crate) use draft::{Pen, Unfit};

/// A world without a file holds no more than this, uploads included.
const MEMORY: u64 = 256 << 20;

/// The contents of one world; clones are the same ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blobs {
    shelf: Arc<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    place: Place,
    drafts: Mutex<BTreeMap<String, Slot>>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { place: Place::Memory(Memory::default()), drafts: Mutex::default() }
    }
}

#[derive(Debug)]
enum Place {
    Memory(Memory),
    Disk(PathBuf),
}

#[derive(Debug, Default)]
struct Memory {
    held: Mutex<BTreeMap<String, Bytes>>,
    used: Arc<AtomicU64>,
}

/// An upload: its content, unless somebody writes in it right now, and its size when that was known last.
#[derive(Debug)]
struct Slot {
    size: u64,
    draft: Option<Draft>,
}

/// Why an upload cannot be written in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Untaken {
    #[error("the upload is not there")]
    Missing,
    #[error("another request writes in this upload")]
    Busy,
    #[error("the upload cannot be read")]
    Io(#[from] io::Error),
}

/// A content that is there.
#[derive(Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    Disk(File),
}

impl Blobs {
    /// Contents in a folder, which is made when the first one comes.
    pub(crate) fn on_disk(folder: PathBuf) -> Self {
        let shelf = Shelf { place: Place::Disk(folder), drafts: Mutex::default() };
        Self { shelf: Arc::new(shelf) }
    }

    /// Begins an upload.
    pub(crate) fn begin(&self, upload: &str) -> io::Result<()> {
        let held = match &self.shelf.place {
            Place::Memory(memory) => Held::Memory { bytes: Vec::new(), used: memory.used.clone() },
            Place::Disk(folder) => {
                let path = folder.join("uploads").join(upload);
                made_parent(&path)?;
                File::create(&path)?;
                Held::Disk { path, open: None }
            }
        };
        self.drafts().insert(upload.to_owned(), Slot { size: 0, draft: Some(Draft::new(held)) });
        Ok(())
    }

    /// Takes an upload to write in it; nobody else can meanwhile. One that an earlier process began is read again.
    pub(crate) fn take(&self, upload: &str) -> Result<Pen, Untaken> {
        let known = self.drafts().get_mut(upload).map(|slot| slot.draft.take());
        let draft = match (known, &self.shelf.place) {
            (Some(Some(draft)), _) => draft,
            (Some(None), _) => return Err(Untaken::Busy),
            (None, Place::Memory(_)) => return Err(Untaken::Missing),
            (None, Place::Disk(folder)) => {
                let path = folder.join("uploads").join(upload);
                match Draft::reopen(path) {
                    Ok(draft) => draft,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Untaken::Missing),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        self.drafts().insert(upload.to_owned(), Slot { size: draft.size(), draft: None });
        Ok(Pen::new(self.clone(), upload, draft))
    }

    /// How much of an upload has arrived, as far as that is known.
    pub(crate) fn arrived(&self, upload: &str) -> Option<u64> {
        if let Some(slot) = self.drafts().get(upload) {
            return Some(slot.size);
        }
        match &self.shelf.place {
            Place::Memory(_) => None,
            Place::Disk(folder) => {
                let found = fs::metadata(folder.join("uploads").join(upload)).ok()?;
                Some(found.len())
            }
        }
    }

    /// Drops an upload and what has arrived of it.
    pub(crate) fn discard(&self, upload: &str) {
        self.drafts().remove(upload);
        if let Place::Disk(folder) = &self.shelf.place {
            drop_file(&folder.join("uploads").join(upload));
        }
    }

    /// Puts a content that is known whole, and gives its digest.
    pub(crate) fn put(&self, bytes: &[u8]) -> io::Result<String> {
        let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(bytes)));
        if self.size(&digest).is_none() {
            self.begin(&digest)?;
            let mut pen = self.take(&digest).map_err(io::Error::other)?;
            pen.append(bytes)?;
            pen.finish(&digest).map_err(io::Error::other)?;
        }
        Ok(digest)
    }

    /// The size of a content that is there.
    pub(crate) fn size(&self, digest: &str) -> Option<u64> {
        match &self.shelf.place {
            Place::Memory(memory) => memory.held().get(digest).map(|bytes| bytes.len() as u64),
            Place::Disk(folder) => {
                let found = fs::metadata(blob(folder, digest)?).ok()?;
                Some(found.len())
            }
        }
    }

    /// Opens a content.
    pub(crate) fn open(&self, digest: &str) -> io::Result<Content> {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        match &self.shelf.place {
            Place::Memory(memory) => {
                memory.held().get(digest).cloned().map(Content::Memory).ok_or_else(missing)
            }
            Place::Disk(folder) => {
                let path = blob(folder, digest).ok_or_else(missing)?;
                Ok(Content::Disk(File::open(path)?))
            }
        }
    }

    /// Removes a content. Who reads it at the moment reads it to its end.
    pub(crate) fn remove(&self, digest: &str) {
        match &self.shelf.place {
            Place::Memory(memory) => {
                if let Some(gone) = memory.held().remove(digest) {
                    memory.used.fetch_sub(gone.len() as u64, Ordering::Relaxed);
                }
            }
            Place::Disk(folder) => {
                if let Some(path) = blob(folder, digest) {
                    drop_file(&path);
                }
            }
        }
    }

    /// Removes what an earlier process left that the world does not know: it ended before its file was written.
    pub(crate) fn tidy(&self, uploads: &BTreeSet<&str>, digests: &BTreeSet<&str>) {
        let Place::Disk(folder) = &self.shelf.place else { return };
        let stray = |inner: &str, known: &dyn Fn(&str) -> bool| {
            let Ok(entries) = fs::read_dir(folder.join(inner)) else { return };
            for entry in entries.flatten() {
                if entry.file_name().to_str().is_none_or(|name| !known(name)) {
                    drop_file(&entry.path());
                }
            }
        };
        stray("uploads", &|name| uploads.contains(name));
        stray("blobs/sha256", &|name| digests.contains(format!("sha256:{name}").as_str()));
    }

    fn drafts(&self) -> MutexGuard<'_, BTreeMap<String, Slot>> {
        self.shelf.drafts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this is a digest of the one kind that is kept: SHA-256 in lower-case hexadecimals.
pub(crate) fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Where a content lies; nowhere for what is no digest.
fn blob(folder: &Path, digest: &str) -> Option<PathBuf> {
    let hex = digest.strip_prefix("sha256:").filter(|_| is_sha256(digest))?;
    Some(folder.join("blobs").join("sha256").join(hex))
}

fn made_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

/// What cannot be removed now is removed when the world is opened again.
fn drop_file(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, path = %path.display(), "a file of the registry stays"),
    }
}
