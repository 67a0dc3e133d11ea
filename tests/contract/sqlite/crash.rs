//! Processes that are killed while they write.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use beansprout::clock::Entropy;
use beansprout::store::{Access, Expect, SqliteStore};

use super::{Folder, Place};
use crate::contract::{commit, put_record, put_spec, record_of, spec_of};

/// Names the store's file to [`the_writer_that_is_killed`].
const FILE: &str = "SPROUT_TEST_STORE_FILE";

/// Not a test by itself: the process that the next test starts and kills. It
/// writes a specification and a record in one batch, says so, and goes on.
#[tokio::test]
#[ignore = "started by a_killed_writer_leaves_whole_batches"]
async fn the_writer_that_is_killed() {
    let file = std::env::var_os(FILE).expect("started by the test that kills it");
    let store = SqliteStore::open(file, Access::Existing, &Entropy::seeded(5)).await.unwrap();
    for n in 0..u64::MAX {
        let name = format!("f{n}");
        let writes = vec![put_spec(&name, "i:1", Expect::Absent), put_record(&name, n, Expect::Absent)];
        commit(&store, writes).await.unwrap();
        println!("\nwrote {n}");
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_whole_batches() {
    let folder = Folder::new();
    let store = folder.open().await;
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "contract::sqlite::crash::the_writer_that_is_killed"])
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
            assert_eq!(spec_of(&*handle, &name).await, Some((1, "i:1".to_owned())));
            assert_eq!(record_of(&*handle, &name).await, Some((1, n)));
        }
        let rows = handle.load().await.unwrap();
        assert!(rows.specs.keys().eq(rows.records.keys()), "half a batch was left behind");
    }
    commit(&*folder.open().await, vec![put_record("after", 1, Expect::Absent)]).await.unwrap();
}
