//! Opening: what is made, what is refused, and what is left as it was.

use std::error::Error as _;
use std::time::Duration;

use beansprout::aws::Connection;
use beansprout::clock::{Clock, Entropy};
use beansprout::store::{Access, Expect, SqliteStore, Store, StoreError};
use rusqlite::TransactionBehavior;

use super::{Folder, Place};
use crate::contract::{commit, put_record, put_spec, record_of, spec_of};

async fn open(folder: &Folder, access: Access) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(folder.file(), access, &Entropy::seeded(1)).await
}

/// Why a place cannot be used.
fn why(outcome: Result<SqliteStore, StoreError>) -> String {
    match outcome {
        Err(error @ StoreError::Unusable { .. }) => error.source().unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_folder_is_made_with_the_store() {
    let folder = Folder::new();
    let path = folder.0.path().join("deep/er/store.db");
    let place = format!("sqlite:{}", path.display());
    let entropy = Entropy::seeded(1);
    let aws = Connection::from_environment(Clock::system(), &entropy);
    let store = beansprout::store::open(&place, Access::Ensure, &entropy, &aws).await.unwrap();
    assert_eq!(store.place(), place);
    assert!(path.exists());
    let hand = rusqlite::Connection::open(path).unwrap();
    let pragma =
        |name| hand.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0)).unwrap();
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("user_version"), 2.into());
}

#[tokio::test]
async fn two_stores_are_two_identities() {
    let (one, other) = (Folder::new(), Folder::new());
    let entropy = Entropy::seeded(3);
    let one = SqliteStore::open(one.file(), Access::Create, &entropy).await.unwrap();
    let other = SqliteStore::open(other.file(), Access::Create, &entropy).await.unwrap();
    assert_ne!(one.identity().await.unwrap().store, other.identity().await.unwrap().store);
}

#[tokio::test]
async fn nothing_is_made_where_a_store_is_expected() {
    let folder = Folder::new();
    for access in [Access::Existing, Access::ReadOnly] {
        assert_eq!(why(open(&folder, access).await), "there is no store here yet");
        assert!(!folder.file().exists());
    }
    std::fs::write(folder.file(), "").unwrap();
    for access in [Access::Existing, Access::ReadOnly] {
        assert_eq!(why(open(&folder, access).await), "there is no store here yet");
        assert_eq!(std::fs::metadata(folder.file()).unwrap().len(), 0);
    }
}

#[tokio::test]
async fn a_read_only_handle_reads_what_others_write_and_writes_nothing() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.bind("123456789012", "eu-west-1", "shop").await.unwrap();
    commit(&*store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let reader = open(&folder, Access::ReadOnly).await.unwrap();
    assert_eq!(spec_of(&reader, "a").await, Some((1, "shop-web:1".to_owned())));
    reader.bind("123456789012", "eu-west-1", "shop").await.unwrap();
    let refused = commit(&reader, vec![put_spec("a", "shop-web:2", Expect::Any)]).await;
    assert!(matches!(refused, Err(StoreError::Unusable { .. })), "{refused:?}");
    commit(&*store, vec![put_spec("a", "shop-web:3", Expect::Any)]).await.unwrap();
    assert_eq!(spec_of(&reader, "a").await, Some((2, "shop-web:3".to_owned())));
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    drop(folder.open().await);
    folder.by_hand().pragma_update(None, "user_version", 3).unwrap();
    let before = std::fs::read(folder.file()).unwrap();
    for access in [Access::Create, Access::Existing, Access::ReadOnly] {
        let outcome = open(&folder, access).await;
        assert!(matches!(outcome, Err(StoreError::NewerSchema { found: 3, known: 2 })), "{outcome:?}");
        assert_eq!(std::fs::read(folder.file()).unwrap(), before);
    }
}

#[tokio::test]
async fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    folder.by_hand().execute_batch("CREATE TABLE customers (name TEXT)").unwrap();
    let before = std::fs::read(folder.file()).unwrap();
    assert_eq!(why(open(&folder, Access::Create).await), "the file belongs to another program");
    assert_eq!(std::fs::read(folder.file()).unwrap(), before);

    let text = "This is not a database, and long enough to be none. ".repeat(40);
    std::fs::write(folder.file(), &text).unwrap();
    assert!(why(open(&folder, Access::Create).await).contains("not a database"));
    assert_eq!(std::fs::read_to_string(folder.file()).unwrap(), text);
}

#[tokio::test]
async fn a_file_removed_under_an_open_store_is_noticed() {
    let folder = Folder::new();
    let store = folder.open().await;
    std::fs::remove_file(folder.file()).unwrap();
    let outcome = commit(&*store, vec![put_record("a", 1, Expect::Any)]).await;
    assert!(matches!(outcome, Err(StoreError::Unusable { .. })), "{outcome:?}");
    let _new = folder.open().await;
    assert!(store.revision().await.is_err());
}

#[tokio::test]
async fn many_who_open_an_empty_place_at_once_find_one_store() {
    let folder = Folder::new();
    let file = folder.file();
    let openers: Vec<_> = (0..6)
        .map(|seed| {
            let file = file.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                runtime.block_on(async {
                    let store =
                        SqliteStore::open(file, Access::Create, &Entropy::seeded(seed)).await.unwrap();
                    store.identity().await.unwrap().store
                })
            })
        })
        .collect();
    let ids: std::collections::BTreeSet<_> =
        openers.into_iter().map(|opener| opener.join().unwrap()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_busy_says_so_after_a_while_and_can_be_read_meanwhile() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![put_record("a", 1, Expect::Absent)]).await.unwrap();
    let mut hand = folder.by_hand();
    let held = hand.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    held.execute("DELETE FROM record", []).unwrap();

    let began = tokio::time::Instant::now();
    let outcome = commit(&*store, vec![put_record("a", 2, Expect::Any)]).await;
    assert!(matches!(outcome, Err(StoreError::Busy)), "{outcome:?}");
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(3) && waited < Duration::from_secs(6), "{waited:?}");
    assert_eq!(record_of(&*store, "a").await, Some((1, 1)));

    // Dropped without commit, as by a process that dies: nothing of it stays.
    drop(held);
    commit(&*store, vec![put_record("a", 3, Expect::Version(1))]).await.unwrap();
    assert_eq!(record_of(&*store, "a").await, Some((2, 3)));
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_gets_its_turn() {
    let folder = Folder::new();
    let store = folder.open().await;
    let mut hand = folder.by_hand();
    let (release, released) = tokio::sync::oneshot::channel();
    let holder = async {
        let held = hand.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        release.send(()).unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        held.commit().unwrap();
    };
    let writer = async {
        released.await.unwrap();
        commit(&*store, vec![put_record("a", 1, Expect::Absent)]).await.unwrap();
    };
    futures::join!(holder, writer);
    assert_eq!(record_of(&*store, "a").await, Some((1, 1)));
}
