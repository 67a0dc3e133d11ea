//! Processes that are killed while they write.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use beansprout::clock::Entropy;
use beansprout::store::{Access, Expect, SqliteStore};

use super::{Folder, Place};
use crate::contract::{commit, put_record, put_spec, record_of, spec_of};

/// Names the store's file to the process that is to be killed.
const FILE: &str = "SPROUT_TEST_STORE_FILE";

/// Writes specification and record of one feature in one batch, and says so;
/// again and again, up to `limit`.
async fn write_on(file: PathBuf, limit: u64) {
    let store = SqliteStore::open(file, Access::Existing, &Entropy::seeded(5)).await.unwrap();
    for n in 0..limit {
        let name = format!("f{n}");
        let writes =
            vec![put_spec(&name, "shop-web:1", Expect::Absent), put_record(&name, n, Expect::Absent)];
        commit(&store, writes).await.unwrap();
        println!("\nwrote {n}");
    }
}

/// The writer by itself; and, with the file's name in its environment, the
/// process that the next test kills.
#[tokio::test]
async fn a_writer_left_alone_writes_every_batch() {
    if let Some(file) = std::env::var_os(FILE) {
        return write_on(file.into(), u64::MAX).await;
    }
    let folder = Folder::new();
    let store = folder.open().await;
    write_on(folder.file(), 3).await;
    let rows = store.load().await.unwrap();
    assert_eq!((rows.specs.len(), rows.records.len()), (3, 3));
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_batches() {
    let folder = Folder::new();
    let store = folder.open().await;
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "contract::sqlite::crash::a_writer_left_alone_writes_every_batch"])
        .env(FILE, folder.file())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Kept until the end: a closed pipe would stop the writer before we do.
    let mut said = BufReader::new(writer.stdout.take().unwrap())
        .lines()
        .filter_map(|line| line.unwrap().strip_prefix("wrote ").map(|n| n.parse().unwrap()));
    let last: u64 = said.find(|n| *n >= 20).expect("the writer wrote twenty batches");
    // SIGKILL, most likely inside the next batch.
    writer.kill().unwrap();
    writer.wait().unwrap();

    for handle in [store, folder.open().await] {
        for n in 0..=last {
            let name = format!("f{n}");
            assert_eq!(spec_of(&*handle, &name).await, Some((1, "shop-web:1".to_owned())));
            assert_eq!(record_of(&*handle, &name).await, Some((1, n)));
        }
        let rows = handle.load().await.unwrap();
        assert!(rows.specs.keys().eq(rows.records.keys()), "half a batch was left behind");
    }
    commit(&*folder.open().await, vec![put_record("after", 1, Expect::Absent)]).await.unwrap();
}
