use super::*;

const HELLO: &str = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// The same in memory and on disk.
fn both(check: impl Fn(Blobs)) {
    let folder = tempfile::tempdir().unwrap();
    check(Blobs::default());
    check(Blobs::on_disk(folder.path().join("world.d")));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

#[test]
fn a_content_comes_in_pieces_and_is_there_when_its_digest_fits() {
    both(|blobs| {
        blobs.begin("u").unwrap();
        for (piece, before) in [("he", 0), ("llo", 2)] {
            let mut pen = blobs.take("u").unwrap();
            assert_eq!(pen.size(), before);
            pen.append(piece.as_bytes()).unwrap();
        }
        assert_eq!((blobs.arrived("u"), blobs.size(HELLO)), (Some(5), None));
        assert_eq!(blobs.take("u").unwrap().finish(HELLO).unwrap(), 5);
        assert_eq!((blobs.arrived("u"), blobs.size(HELLO)), (None, Some(5)));
        let read = match blobs.open(HELLO).unwrap() {
            Content::Memory(bytes) => bytes.to_vec(),
            Content::Disk(mut file) => {
                let mut bytes = Vec::new();
                io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                bytes
            }
        };
        assert_eq!(read, b"hello");
        blobs.remove(HELLO);
        assert!(blobs.size(HELLO).is_none() && blobs.open(HELLO).is_err());
    });
}

#[test]
fn a_digest_that_does_not_fit_leaves_nothing() {
    both(|blobs| {
        blobs.begin("u").unwrap();
        let mut pen = blobs.take("u").unwrap();
        pen.append(b"hallo").unwrap();
        assert!(
            matches!(pen.finish(HELLO), Err(Unfit::Digest(found)) if found.starts_with("sha256:d3751d33"))
        );
        assert!(blobs.size(HELLO).is_none());
        assert!(matches!(blobs.take("u"), Err(Untaken::Missing)));
        if let Place::Disk(folder) = &blobs.shelf.place {
            assert_eq!(files(folder), [] as [PathBuf; 0]);
        }
    });
}

#[test]
fn one_hand_writes_at_a_time() {
    both(|blobs| {
        blobs.begin("u").unwrap();
        let pen = blobs.take("u").unwrap();
        assert!(matches!(blobs.take("u"), Err(Untaken::Busy)));
        drop(pen);
        blobs.take("u").unwrap();
        let pen = blobs.take("u").unwrap();
        blobs.discard("u");
        drop(pen);
        assert!(matches!(blobs.take("u"), Err(Untaken::Missing)), "what was discarded stays away");
    });
}

#[test]
fn an_upload_goes_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let first = Blobs::on_disk(folder.path().to_owned());
    first.begin("u").unwrap();
    first.take("u").unwrap().append(b"hel").unwrap();
    drop(first);
    let second = Blobs::on_disk(folder.path().to_owned());
    assert_eq!(second.arrived("u"), Some(3));
    let mut pen = second.take("u").unwrap();
    pen.append(b"lo").unwrap();
    assert_eq!(pen.finish(HELLO).unwrap(), 5);
}

#[test]
fn what_the_world_does_not_know_goes_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::on_disk(folder.path().to_owned());
    let other = blobs.put(b"other").unwrap();
    blobs.put(b"hello").unwrap();
    blobs.begin("kept").unwrap();
    blobs.begin("stray").unwrap();
    blobs.tidy(&BTreeSet::from(["kept"]), &BTreeSet::from([HELLO]));
    assert_eq!((blobs.size(HELLO), blobs.size(&other)), (Some(5), None));
    assert_eq!(files(folder.path()).len(), 2);
}

#[test]
fn memory_has_an_end_and_is_given_back() {
    let blobs = Blobs::default();
    let some = vec![0; 64 << 20];
    blobs.begin("u").unwrap();
    let mut pen = blobs.take("u").unwrap();
    for _ in 0..4 {
        pen.append(&some).unwrap();
    }
    assert_eq!(pen.append(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(pen.size(), 256 << 20);
    drop(pen);
    blobs.discard("u");
    let digest = blobs.put(b"hello").unwrap();
    assert_eq!(digest, HELLO);
    blobs.put(b"hello").unwrap();
    blobs.remove(HELLO);
    let Place::Memory(memory) = &blobs.shelf.place else { panic!("in memory") };
    assert_eq!(memory.used.load(Ordering::Relaxed), 0);
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_no_half_content() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::on_disk(folder.path().to_owned());
    blobs.begin("u").unwrap();
    // The device that is always full stands for the disk.
    let path = folder.path().join("uploads/u");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut pen = blobs.take("u").unwrap();
    assert_eq!(pen.append(b"hello").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(pen.size(), 0);
    assert!(pen.finish(HELLO).is_err());
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
}

#[test]
fn only_digests_lead_to_files() {
    assert!(is_sha256(HELLO));
    for wrong in ["sha256:..", "sha256:2CF2", "../../etc/passwd", &HELLO[7..], &HELLO.to_uppercase()] {
        assert!(!is_sha256(wrong), "{wrong}");
    }
    let blobs = Blobs::on_disk(PathBuf::from("/"));
    assert!(blobs.open("sha256:../../etc/passwd").is_err());
}
