//! Tables that are missing, made, somebody else's, of a newer program, or
//! restored.

use std::error::Error as _;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use beansprout::store::{
    Access, DynamoStore, Expect, Hold, PartState, Scope, Sealed, Store, StoreError, Write, parts,
};
use jiff::SignedDuration;

use super::{Served, dynalite, moto, quick};
use crate::contract::history::event;
use crate::contract::{Place, commit, image_of, moment, put_record, put_spec};

const LENGTH: SignedDuration = SignedDuration::from_secs(15);

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn why<T: std::fmt::Debug>(outcome: Result<T, StoreError>) -> String {
    match outcome {
        Err(error @ StoreError::Unusable { .. }) => error.source().unwrap().to_string(),
        other => panic!("{other:?}"),
    }
}

impl Served {
    async fn is_there(&self, table: &str) -> bool {
        self.by_hand().describe_table().table_name(table).send().await.is_ok()
    }

    async fn make_by_hand(&self, table: &str, keys: &[&str]) {
        let mut request =
            self.by_hand().create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
        for (key, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
            let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind).build().unwrap();
            let of =
                AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
            request = request.key_schema(element).attribute_definitions(of.build().unwrap());
        }
        request.send().await.unwrap();
    }

    async fn remove_by_hand(&self, table: &str) {
        let hand = self.by_hand();
        let open = hand.update_table().table_name(table).deletion_protection_enabled(false);
        open.send().await.unwrap();
        hand.delete_table().table_name(table).send().await.unwrap();
    }

    /// What a backup that was restored under the same name ends in: the same
    /// rows in another table.
    async fn restore_by_hand(&self) {
        for (table, keys) in [(self.table.clone(), &["feature"][..]), (self.state(), &["kind", "name"])] {
            let items = self.by_hand().scan().table_name(&table).send().await.unwrap().items.unwrap();
            self.remove_by_hand(&table).await;
            self.make_by_hand(&table, keys).await;
            for item in items {
                self.by_hand().put_item().table_name(&table).set_item(Some(item)).send().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn tables_are_made_by_init_alone() {
    for tables in [moto(), dynalite()].into_iter().flatten() {
        for access in [Access::Ensure, Access::Existing, Access::ReadOnly] {
            let why = why(tables.open_as(access, quick()).await);
            assert_eq!(
                why,
                format!("there is no table {}. Make what is missing with: sprout init", tables.table)
            );
        }
        let place = format!("dynamodb:{}", tables.table);
        let look = parts(&place, false, &tables.connection()).await.unwrap();
        assert!(look.iter().all(|part| part.state == PartState::Missing), "{look:?}");
        assert!(!tables.is_there(&tables.table).await && !tables.is_there(&tables.state()).await);

        // With one of them gone, the other is no store.
        tables.make_by_hand(&tables.table, &["feature"]).await;
        let told = why(tables.open_as(Access::Existing, quick()).await);
        assert!(told.contains(&format!("there is no table {}", tables.state())), "{told}");
        let made = parts(&place, true, &tables.connection()).await.unwrap();
        assert_eq!(
            made.iter().map(|part| part.state).collect::<Vec<_>>(),
            [PartState::There, PartState::Made]
        );
        let told = why(tables.open_as(Access::Existing, quick()).await);
        assert!(told.contains("has no store in it"), "{told}");
        let store = tables.open_as(Access::Create, quick()).await.unwrap();
        assert_eq!(store.place(), place);
        assert_eq!(tables.open_as(Access::Ensure, quick()).await.unwrap().hold().await.unwrap(), None);
        let again = parts(&place, true, &tables.connection()).await.unwrap();
        assert!(again.iter().all(|part| part.state == PartState::There), "{again:?}");
    }
}

#[tokio::test]
async fn what_is_made_is_kept_from_being_lost() {
    let Some(tables) = moto() else { return };
    let place = format!("dynamodb:{}", tables.table);
    let made = parts(&place, true, &tables.connection()).await.unwrap();
    assert!(made.iter().all(|part| part.notes.is_empty()), "{made:?}");
    let hand = tables.by_hand();
    for table in [tables.table.clone(), tables.state()] {
        let about = hand.describe_table().table_name(&table).send().await.unwrap().table.unwrap();
        assert_eq!(about.deletion_protection_enabled, Some(true));
        assert_eq!(about.billing_mode_summary.unwrap().billing_mode, Some(BillingMode::PayPerRequest));
        assert_eq!(about.sse_description.unwrap().status.unwrap().as_str(), "ENABLED");
        let backups = hand.describe_continuous_backups().table_name(&table).send().await.unwrap();
        let backups =
            backups.continuous_backups_description.unwrap().point_in_time_recovery_description.unwrap();
        assert_eq!(backups.point_in_time_recovery_status.unwrap().as_str(), "ENABLED");
        let expiry = hand.describe_time_to_live().table_name(&table).send().await.unwrap();
        let expiry = expiry.time_to_live_description.unwrap();
        let expires = expiry.attribute_name.as_deref() == Some("expires");
        // Never a specification.
        assert_eq!(expires, table == tables.state(), "{expiry:?}");
    }
    // One that was made without is given it.
    hand.update_table().table_name(&tables.table).deletion_protection_enabled(false).send().await.unwrap();
    parts(&place, true, &tables.connection()).await.unwrap();
    let about = hand.describe_table().table_name(&tables.table).send().await.unwrap().table.unwrap();
    assert_eq!(about.deletion_protection_enabled, Some(true));
}

#[tokio::test]
async fn what_a_server_does_not_have_is_told_and_stands_in_nobodys_way() {
    let Some(tables) = dynalite() else { return };
    let place = format!("dynamodb:{}", tables.table);
    let made = parts(&place, true, &tables.connection()).await.unwrap();
    assert!(made.iter().all(|part| part.state == PartState::Made), "{made:?}");
    let notes = made.iter().flat_map(|part| &part.notes).cloned().collect::<Vec<_>>().join("\n");
    assert!(notes.contains("point-in-time recovery could not be turned on for"), "{notes}");
    assert!(tables.open_as(Access::Create, quick()).await.is_ok());
}

#[tokio::test]
async fn of_several_who_make_a_store_all_get_the_same() {
    for tables in [moto(), dynalite()].into_iter().flatten() {
        let opened = (0..4).map(|_| tables.open_as(Access::Create, quick()));
        let stores: Vec<DynamoStore> = futures::future::try_join_all(opened).await.unwrap();
        let first = stores[0].identity().await.unwrap();
        for store in &stores {
            assert_eq!(store.identity().await.unwrap(), first);
            assert_eq!(store.hold().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn tables_of_another_program_are_refused_and_left_as_they_are() {
    let Some(tables) = moto() else { return };
    tables.make_by_hand(&tables.table, &["id"]).await;
    for access in [Access::Create, Access::Ensure, Access::Existing, Access::ReadOnly] {
        let told = why(tables.open_as(access, quick()).await);
        assert!(told.contains("belongs to another program"), "{told}");
    }
    assert!(!tables.is_there(&tables.state()).await);

    let Some(tables) = moto() else { return };
    tables.make_by_hand(&tables.table, &["feature"]).await;
    tables.make_by_hand(&tables.state(), &["kind", "name"]).await;
    let hand = tables.by_hand();
    let put = |kind: &str, name: &str| {
        hand.put_item().table_name(tables.state()).item("kind", s(kind)).item("name", s(name))
    };
    // Rows without a head row: the identity is lost, and another one would
    // make all environments somebody else's.
    put("record", "a").send().await.unwrap();
    let told = why(tables.open_as(Access::Create, quick()).await);
    assert!(told.contains("none that says which store it is"), "{told}");
    put("store", "head").item("owner", s("somebody")).send().await.unwrap();
    for access in [Access::Create, Access::Existing] {
        let told = why(tables.open_as(access, quick()).await);
        assert!(told.contains("belongs to another program"), "{told}");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    commit(&store, vec![put_record("a", 1, Expect::Absent)]).await.unwrap();
    let lease = store.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap();
    let newer = tables.by_hand().update_item().table_name(tables.state());
    newer
        .key("kind", s("store"))
        .key("name", s("head"))
        .update_expression("SET #s = :two, novel = :x")
        .expression_attribute_names("#s", "schema")
        .expression_attribute_values(":two", AttributeValue::N("2".to_owned()))
        .expression_attribute_values(":x", s("as never before"))
        .send()
        .await
        .unwrap();
    for access in [Access::Create, Access::Ensure, Access::Existing, Access::ReadOnly] {
        let refused = tables.open_as(access, quick()).await;
        assert!(matches!(refused, Err(StoreError::NewerSchema { found: 2, known: 1 })), "{refused:?}");
    }
    // Whoever had it open when it was brought up stops, too.
    for writes in [
        vec![put_record("a", 2, Expect::Any)],
        vec![put_record("a", 2, Expect::Any), put_record("b", 2, Expect::Any)],
        vec![Write::MarkActed],
    ] {
        let refused = commit(&store, writes).await;
        assert!(matches!(refused, Err(StoreError::NewerSchema { .. })), "{refused:?}");
    }
    assert!(matches!(store.renew(&lease).await, Err(StoreError::NewerSchema { .. })));
    assert!(matches!(store.claim().await, Err(StoreError::NewerSchema { .. })));
    let seal = Sealed { to: "sqlite:/x".to_owned(), at: moment(), by: "alex".to_owned() };
    assert!(matches!(store.seal(seal).await, Err(StoreError::NewerSchema { .. })));
}

#[tokio::test]
async fn a_table_that_was_restored_is_read_only_until_it_is_claimed() {
    let Some(tables) = moto() else { return };
    let before = tables.open_quickly().await;
    commit(&before, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let old = before.acquire("one", LENGTH, moment(), None).await.unwrap().unwrap();
    tables.restore_by_hand().await;

    let store = tables.open_as(Access::Existing, quick()).await.unwrap();
    let hold = store.hold().await.unwrap();
    assert!(matches!(hold, Some(Hold::Elsewhere { .. })), "{hold:?}");
    assert_eq!(image_of(&store, "a").await.as_deref(), Some("shop-web:1"));
    let refused = commit(&store, vec![put_record("a", 2, Expect::Any)]).await;
    assert!(matches!(refused, Err(StoreError::Held(Hold::Elsewhere { .. }))), "{refused:?}");
    let two = vec![put_record("a", 2, Expect::Any), Write::AddEvent(event("a", 1))];
    assert!(matches!(commit(&store, two).await, Err(StoreError::Held(_))));
    assert!(matches!(store.acquire("two", LENGTH, moment(), None).await, Err(StoreError::Held(_))));
    store.claim().await.unwrap();
    commit(&store, vec![put_record("a", 2, Expect::Any)]).await.unwrap();
    assert_eq!(store.renew(&old).await.unwrap(), None);
    let lease = store.acquire("two", LENGTH, moment(), None).await.unwrap().unwrap();
    assert!(lease.epoch > old.epoch);
}

#[tokio::test]
async fn whoever_had_a_table_open_when_it_was_removed_does_not_go_on_with_another() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    commit(&store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    tables.remove_by_hand(&tables.state()).await;
    assert!(matches!(store.load().await, Err(StoreError::Unusable { .. })));
    tables.make_by_hand(&tables.state(), &["kind", "name"]).await;
    let other = tables.open_as(Access::Create, quick()).await.unwrap();
    assert!(why(store.load().await).contains("removed while it was in use"));
    let refused = commit(&store, vec![put_record("a", 1, Expect::Any)]).await;
    assert!(why(refused).contains("removed while it was in use"));
    assert!(other.load().await.unwrap().records.is_empty());
}

#[tokio::test]
async fn a_store_opened_for_reading_writes_nothing() {
    let Some(tables) = moto() else { return };
    let store = tables.open_quickly().await;
    let bound = store.bind("123456789012", "eu-west-1", "shop").await.unwrap();
    commit(&store, vec![put_spec("a", "shop-web:1", Expect::Absent)]).await.unwrap();
    let reader = tables.open_as(Access::ReadOnly, quick()).await.unwrap();
    assert_eq!(reader.load().await.unwrap().specs.len(), 1);
    assert_eq!(reader.bind("123456789012", "eu-west-1", "shop").await.unwrap(), bound);
    let told = "it was opened for reading only";
    assert_eq!(why(commit(&reader, vec![put_record("a", 1, Expect::Any)]).await), told);
    assert_eq!(why(reader.acquire("one", LENGTH, moment(), None).await), told);
    assert_eq!(why(reader.claim().await), told);
}

#[tokio::test]
async fn an_import_that_did_not_end_holds_the_store_until_it_is_repeated() {
    let Some(source) = moto() else { return };
    let from = source.open().await;
    let writes = (0..40).map(|n| put_spec(&format!("feature/{n}"), "shop-web:1", Expect::Absent));
    commit(&*from, writes.collect()).await.unwrap();
    let dump = from.export().await.unwrap();

    let Some(tables) = moto() else { return };
    let (store, wire) = tables.open_on_a_wire().await;
    wire.trouble("PutItem", super::wire::Trouble::Refuse("ValidationException"));
    assert!(matches!(store.import(&dump, Scope::Everything).await, Err(StoreError::Unusable { .. })));
    let other = tables.open_as(Access::Existing, quick()).await.unwrap();
    assert_eq!(other.hold().await.unwrap(), Some(Hold::Unfinished));
    let refused = commit(&other, vec![put_record("a", 1, Expect::Any)]).await;
    assert!(matches!(refused, Err(StoreError::Held(Hold::Unfinished))), "{refused:?}");
    assert!(matches!(other.claim().await, Err(StoreError::Held(Hold::Unfinished))));
    let told = store.import(&dump, Scope::Everything).await.unwrap();
    assert!(told.same < 40 && told.same + told.written == 40, "{told:?}");
    assert_eq!(other.hold().await.unwrap(), Some(Hold::Unclaimed));
    other.claim().await.unwrap();
    assert_eq!(other.load().await.unwrap().specs.len(), 40);
}
