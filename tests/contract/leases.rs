//! Clauses on the lease and the fence.

use beansprout::model::FeatureName;
use beansprout::store::{Batch, Expect, Fence, Lease, LeaseRow, Store, StoreError};
use jiff::SignedDuration;

use super::{Place, generation_of, put_record, record_of};

const LENGTH: SignedDuration = SignedDuration::from_secs(15);

async fn grant(store: &dyn Store, holder: &str, seen: Option<&LeaseRow>) -> Option<Lease> {
    store.acquire(holder, LENGTH, super::moment(), seen).await.unwrap()
}

pub(super) async fn a_free_lease_is_granted(place: &dyn Place) {
    let store = place.open().await;
    assert_eq!(store.lease().await.unwrap(), None);
    let lease = grant(&*store, "one", None).await.unwrap();
    assert_eq!((lease.holder.as_str(), lease.length), ("one", LENGTH));
    let row = place.open().await.lease().await.unwrap().unwrap();
    assert_eq!(row.holder.as_deref(), Some("one"));
    assert_eq!((row.epoch, row.beat, row.length), (lease.epoch, lease.beat, LENGTH));

    store.release(&lease).await.unwrap();
    let free = store.lease().await.unwrap().unwrap();
    assert_eq!((free.holder, free.epoch), (None, lease.epoch));
    assert_eq!(grant(&*store, "two", None).await.unwrap().holder, "two");
}

pub(super) async fn a_held_lease_is_not_granted_to_who_has_not_watched_it(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let lease = grant(&*one, "one", None).await.unwrap();
    assert_eq!(grant(&*other, "two", None).await, None);
    // Nor to a process of the same name: it may be a second one.
    assert_eq!(grant(&*other, "one", None).await, None);
    assert_eq!(one.lease().await.unwrap().unwrap().epoch, lease.epoch);
}

pub(super) async fn a_renewal_defeats_who_watched_the_beat_before(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let lease = grant(&*one, "one", None).await.unwrap();
    let seen = other.lease().await.unwrap().unwrap();
    let renewed = one.renew(&lease).await.unwrap().unwrap();
    assert!(renewed.beat > lease.beat);
    assert_eq!((renewed.epoch, renewed.length), (lease.epoch, LENGTH));
    assert_eq!(grant(&*other, "two", Some(&seen)).await, None);
    assert!(one.renew(&renewed).await.unwrap().is_some());
}

pub(super) async fn an_unchanged_lease_can_be_taken_over_once(place: &dyn Place) {
    let (one, other, third) = (place.open().await, place.open().await, place.open().await);
    let lease = grant(&*one, "one", None).await.unwrap();
    let seen = other.lease().await.unwrap().unwrap();
    let taken = grant(&*other, "two", Some(&seen)).await.unwrap();
    assert!(taken.epoch > lease.epoch);
    assert_eq!(grant(&*third, "three", Some(&seen)).await, None);
    assert_eq!(one.lease().await.unwrap().unwrap().holder.as_deref(), Some("two"));
}

pub(super) async fn after_a_take_over_the_old_holder_cannot_renew_or_release(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let old = grant(&*one, "one", None).await.unwrap();
    let seen = other.lease().await.unwrap();
    let new = grant(&*other, "two", seen.as_ref()).await.unwrap();
    assert_eq!(one.renew(&old).await.unwrap(), None);
    one.release(&old).await.unwrap();
    let row = other.lease().await.unwrap().unwrap();
    assert_eq!((row.holder.as_deref(), row.epoch), (Some("two"), new.epoch));

    // The same holder under a new epoch is another leader than under the old.
    let seen = one.lease().await.unwrap();
    let back = grant(&*one, "one", seen.as_ref()).await.unwrap();
    assert_eq!(one.renew(&old).await.unwrap(), None);
    assert!(one.renew(&back).await.unwrap().is_some());
}

pub(super) async fn a_renewal_whose_answer_was_lost_can_be_repeated(place: &dyn Place) {
    let store = place.open().await;
    let lease = grant(&*store, "one", None).await.unwrap();
    let first = store.renew(&lease).await.unwrap().unwrap();
    let second = store.renew(&lease).await.unwrap().unwrap();
    assert!(second.beat > first.beat);
}

pub(super) async fn epochs_grow_with_every_grant(place: &dyn Place) {
    let store = place.open().await;
    let mut last = 0;
    for turn in 0..6 {
        let seen = store.lease().await.unwrap();
        let lease = grant(&*store, "one", seen.as_ref()).await.unwrap();
        assert!(lease.epoch > last, "epoch {} after {last}", lease.epoch);
        last = lease.epoch;
        if turn % 2 == 0 {
            store.release(&lease).await.unwrap();
        }
    }
}

pub(super) async fn a_fence_holds_while_the_lease_row_names_it(place: &dyn Place) {
    let (one, other) = (place.open().await, place.open().await);
    let name = FeatureName::from("a");
    let fenced = |lease: &Lease, generation, expect| Batch {
        fence: Some(Fence { holder: lease.holder.clone(), epoch: lease.epoch }),
        writes: vec![put_record(name.as_str(), generation, expect)],
    };
    let nobody =
        Lease { holder: "one".to_owned(), epoch: 1, beat: 1, length: LENGTH, since: super::moment() };
    assert!(matches!(one.commit(fenced(&nobody, 1, Expect::Any)).await, Err(StoreError::Fenced)));

    let old = grant(&*one, "one", None).await.unwrap();
    one.commit(fenced(&old, 1, Expect::Absent)).await.unwrap();
    let renewed = one.renew(&old).await.unwrap().unwrap();
    let (first, _) = record_of(&*one, "a").await.unwrap();
    one.commit(fenced(&renewed, 2, Expect::Version(first))).await.unwrap();
    let (second, _) = record_of(&*one, "a").await.unwrap();

    let seen = other.lease().await.unwrap();
    let new = grant(&*other, "two", seen.as_ref()).await.unwrap();
    // Fenced even where the row itself would let the write through.
    assert!(matches!(one.commit(fenced(&old, 3, Expect::Version(second))).await, Err(StoreError::Fenced)));
    let nothing = Batch { writes: Vec::new(), ..fenced(&old, 3, Expect::Any) };
    assert!(matches!(one.commit(nothing).await, Err(StoreError::Fenced)));
    assert_eq!(record_of(&*other, "a").await, Some((second, 2)));
    other.commit(fenced(&new, 4, Expect::Version(second))).await.unwrap();

    other.release(&new).await.unwrap();
    assert!(matches!(other.commit(fenced(&new, 5, Expect::Any)).await, Err(StoreError::Fenced)));
    assert_eq!(generation_of(&*one, "a").await, Some(4));
}
