//! Files that were moved, copied, restored, or are of an older layout.

use beansprout::clock::Entropy;
use beansprout::store::{Access, Expect, Hold, Scope, SqliteStore, Store, StoreError};
use jiff::SignedDuration;

use super::{Folder, Place};
use crate::contract::{commit, image_of, moment, put_record, put_spec};

async fn open(file: impl AsRef<std::path::Path>) -> SqliteStore {
    SqliteStore::open(file, Access::Existing, &Entropy::seeded(1)).await.unwrap()
}

/// That it can be read and not be written to, until somebody claims it.
async fn is_held_until_claimed(store: &dyn Store) {
    let hold = store.hold().await.unwrap();
    assert!(matches!(hold, Some(Hold::Elsewhere { .. })), "{hold:?}");
    assert_eq!(image_of(store, "a").await.as_deref(), Some("shop-web:1"));
    let refused = commit(store, vec![put_record("a", 2, Expect::Any)]).await;
    assert!(matches!(refused, Err(StoreError::Held(Hold::Elsewhere { .. }))), "{refused:?}");
    let length = SignedDuration::from_secs(15);
    assert!(matches!(store.acquire("two", length, moment(), None).await, Err(StoreError::Held(_))));
    store.claim().await.unwrap();
    commit(store, vec![put_record("a", 2, Expect::Any)]).await.unwrap();
    assert!(store.acquire("two", length, moment(), None).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_moved_is_read_only_until_it_is_claimed() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    drop(store);
    let moved = folder.0.path().join("moved.db");
    std::fs::rename(folder.file(), &moved).unwrap();
    is_held_until_claimed(&open(&moved).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_takes_the_files_place_is_read_only_until_it_is_claimed() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let length = SignedDuration::from_secs(15);
    let old = store.acquire("one", length, moment(), None).await.unwrap().unwrap();
    let copy = folder.0.path().join("copy.db");
    folder.by_hand().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    is_held_until_claimed(&open(&copy).await).await;

    // A backup put back in place of the file.
    let backup = folder.0.path().join("backup.db");
    folder.by_hand().execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    drop(store);
    std::fs::rename(&backup, folder.file()).unwrap();
    let _ = std::fs::remove_file(folder.file().with_extension("db-wal"));
    let restored = open(folder.file()).await;
    is_held_until_claimed(&restored).await;
    assert_eq!(restored.renew(&old).await.unwrap(), None);
    assert!(restored.lease().await.unwrap().unwrap().epoch > old.epoch);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_the_file_is_no_other_place() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let link = folder.0.path().join("link.db");
    std::os::unix::fs::symlink(folder.file(), &link).unwrap();
    assert_eq!(open(&link).await.hold().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_file_of_layout_1_is_brought_up_and_loses_nothing() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let length = SignedDuration::from_secs(15);
    let lease = store.acquire("one", length, moment(), None).await.unwrap().unwrap();
    let identity = store.identity().await.unwrap();
    drop(store);
    folder
        .by_hand()
        .execute_batch(
            "ALTER TABLE identity DROP COLUMN place; ALTER TABLE identity DROP COLUMN sealed_to;
             ALTER TABLE identity DROP COLUMN sealed_at; ALTER TABLE identity DROP COLUMN sealed_by;
             ALTER TABLE lease DROP COLUMN since; PRAGMA user_version = 1;",
        )
        .unwrap();
    let reader = SqliteStore::open(folder.file(), Access::ReadOnly, &Entropy::seeded(1)).await;
    assert!(matches!(reader, Err(StoreError::Unusable { .. })), "{reader:?}");

    let store = open(folder.file()).await;
    assert_eq!(store.identity().await.unwrap(), identity);
    assert_eq!(store.hold().await.unwrap(), None);
    assert_eq!(image_of(&store, "a").await.as_deref(), Some("shop-web:1"));
    assert!(store.renew(&lease).await.unwrap().is_some());
    let version: i64 = folder.by_hand().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_features_move_at_once() {
    let (folder, target) = (Folder::new(), Folder::new());
    let store = folder.open().await;
    folder
        .by_hand()
        .execute_batch(
            r#"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 10000)
               INSERT INTO spec (feature, body) SELECT 'f' || n, '{"image": "shop-web:' || n || '"}' FROM n"#,
        )
        .unwrap();
    let dump = store.export().await.unwrap();
    let target = target.open().await;
    assert_eq!(target.import(&dump, Scope::Everything).await.unwrap().written, 10_000);
    assert_eq!(target.import(&dump, Scope::Everything).await.unwrap().same, 10_000);
    assert_eq!(image_of(&*target, "f9999").await.as_deref(), Some("shop-web:9999"));
}
