//! Clauses on many writers at once.

use std::sync::Arc;

use beansprout::store::{Expect, Store, StoreError};

use super::{Place, commit, generation_of, put_record, record_of};

const WRITERS: usize = 4;
const WRITES: usize = 12;

/// Adds one to the record's generation, reading again after each conflict.
async fn add_one(store: &dyn Store) {
    loop {
        let (expect, generation) = match record_of(store, "counter").await {
            None => (Expect::Absent, 0),
            Some((version, generation)) => (Expect::Version(version), generation),
        };
        match commit(store, vec![put_record("counter", generation + 1, expect)]).await {
            Ok(()) => return,
            Err(StoreError::Conflict { .. } | StoreError::Busy) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Handles of their own, each in a thread of its own: what happens between
/// two statements of one writer, the others may do meanwhile.
async fn in_threads<F>(place: &dyn Place, work: F)
where
    F: Fn(usize, Arc<dyn Store>) -> futures::future::BoxFuture<'static, ()> + Sync,
{
    // Opened where they are used: a connection lives in the runtime that made
    // it, and opening may wait for a thread that writes, which this test's
    // paused clock does not.
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let work = &work;
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async { work(writer, place.open().await).await });
            });
        }
    });
}

pub(super) async fn every_one_of_many_writers_counts(place: &dyn Place) {
    in_threads(place, |_, store| {
        Box::pin(async move {
            for _ in 0..WRITES {
                add_one(&*store).await;
            }
        })
    })
    .await;
    let total = u64::try_from(WRITERS * WRITES).unwrap();
    assert_eq!(generation_of(&*place.open().await, "counter").await, Some(total));
}

pub(super) async fn one_of_many_writers_makes_the_row(place: &dyn Place) {
    let winners = Arc::new(std::sync::Mutex::new(Vec::new()));
    let won = Arc::clone(&winners);
    in_threads(place, move |writer, store| {
        let won = Arc::clone(&won);
        Box::pin(async move {
            let generation = u64::try_from(writer).unwrap();
            match commit(&*store, vec![put_record("one", generation, Expect::Absent)]).await {
                Ok(()) => won.lock().unwrap().push(generation),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        })
    })
    .await;
    let winners = winners.lock().unwrap().clone();
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(generation_of(&*place.open().await, "one").await, Some(winners[0]));
}
