//! An upload under way, and the one hand that writes in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Blobs, MEMORY, Place, blob, made_parent};

/// What has arrived of a content, and its hash so far.
#[derive(Debug)]
pub(super) struct Draft {
    hash: Sha256,
    size: u64,
    held: Held,
}

#[derive(Debug)]
pub(super) enum Held {
    Memory { bytes: Vec<u8>, used: Arc<AtomicU64> },
    Disk { path: PathBuf, open: Option<File> },
}

/// Why an upload does not become the content that it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// Its digest is another one. It is dropped.
    #[error("the content's digest is {0}")]
    Digest(String),
    #[error("the content cannot be kept")]
    Io(#[from] io::Error),
}

impl Draft {
    pub(super) fn new(held: Held) -> Self {
        Self { hash: Sha256::new(), size: 0, held }
    }

    /// An upload that an earlier process began.
    pub(super) fn reopen(path: PathBuf) -> io::Result<Self> {
        let mut file = File::open(&path)?;
        let (mut hash, mut size) = (Sha256::new(), 0);
        let mut some = vec![0; 1 << 16];
        loop {
            match file.read(&mut some)? {
                0 => return Ok(Self { hash, size, held: Held::Disk { path, open: None } }),
                read => {
                    hash.update(&some[..read]);
                    size += read as u64;
                }
            }
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn append(&mut self, more: &[u8]) -> io::Result<()> {
        match &mut self.held {
            Held::Memory { bytes, used } => {
                let added = more.len() as u64;
                if used.fetch_add(added, Ordering::Relaxed) + added > MEMORY {
                    used.fetch_sub(added, Ordering::Relaxed);
                    return Err(io::Error::new(io::ErrorKind::StorageFull, "the registry's memory is full"));
                }
                bytes.extend_from_slice(more);
            }
            Held::Disk { path, open } => {
                if open.is_none() {
                    *open = Some(OpenOptions::new().append(true).open(path)?);
                }
                let Some(file) = open else { return Ok(()) };
                if let Err(error) = file.write_all(more) {
                    // What arrived before stays good: the next try goes on from there.
                    let _ = file.set_len(self.size);
                    return Err(error);
                }
            }
        }
        self.hash.update(more);
        self.size += more.len() as u64;
        Ok(())
    }

    fn digest(&self) -> String {
        format!("sha256:{}", HEXLOWER.encode(&self.hash.clone().finalize()))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::Memory { bytes, used } = self {
            used.fetch_sub(bytes.len() as u64, Ordering::Relaxed);
        }
    }
}

/// The right to write in an upload, until it is dropped.
#[derive(Debug)]
pub(crate) struct Pen {
    blobs: Blobs,
    upload: String,
    draft: Option<Draft>,
}

impl Pen {
    pub(super) fn new(blobs: Blobs, upload: &str, draft: Draft) -> Self {
        Self { blobs, upload: upload.to_owned(), draft: Some(draft) }
    }

    /// How much has arrived.
    pub(crate) fn size(&self) -> u64 {
        self.draft.as_ref().map_or(0, Draft::size)
    }

    /// Whether writing touches no file, and so may be done anywhere.
    pub(crate) fn is_in_memory(&self) -> bool {
        matches!(&self.blobs.shelf.place, Place::Memory(_))
    }

    /// Writes the next bytes, all of them or none.
    pub(crate) fn append(&mut self, more: &[u8]) -> io::Result<()> {
        self.draft.as_mut().map_or(Ok(()), |draft| draft.append(more))
    }

    /// Makes the upload the content of this digest, and gives its size. It is an upload no more, whatever comes of it.
    pub(crate) fn finish(mut self, digest: &str) -> Result<u64, Unfit> {
        let Some(draft) = self.draft.take() else { return Ok(0) };
        let done = self.keep(draft, digest);
        self.blobs.discard(&self.upload);
        done
    }

    fn keep(&self, mut draft: Draft, digest: &str) -> Result<u64, Unfit> {
        let found = draft.digest();
        if found != digest {
            return Err(Unfit::Digest(found));
        }
        match (&mut draft.held, &self.blobs.shelf.place) {
            (Held::Memory { bytes, .. }, Place::Memory(memory)) => {
                let kept = Bytes::from(std::mem::take(bytes));
                if let Some(same) = memory.held().insert(found, kept) {
                    memory.used.fetch_sub(same.len() as u64, Ordering::Relaxed);
                }
            }
            (Held::Disk { path, open }, Place::Disk(folder)) => {
                // Closed first: an error of the last write shows in what the file holds.
                drop(open.take());
                if fs::metadata(&*path)?.len() != draft.size {
                    return Err(io::Error::from(io::ErrorKind::StorageFull).into());
                }
                if let Some(to) = blob(folder, &found) {
                    made_parent(&to)?;
                    fs::rename(path, to)?;
                }
            }
            _ => {}
        }
        Ok(draft.size)
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        let Some(mut draft) = self.draft.take() else { return };
        if let Held::Disk { open, .. } = &mut draft.held {
            *open = None;
        }
        // One that was discarded meanwhile does not come back.
        if let Some(slot) = self.blobs.drafts().get_mut(&self.upload) {
            slot.size = draft.size;
            slot.draft = Some(draft);
        }
    }
}
