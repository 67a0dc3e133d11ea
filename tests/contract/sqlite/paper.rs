//! What docs/store.md tells people to type.

use beansprout::model::{FeatureName, Phase};
use beansprout::store::{SpecBody, Write};

use super::{Folder, Place};
use crate::contract::{commit, spec_of, status};

const PAPER: &str = include_str!("../../../docs/store.md");

#[tokio::test(start_paused = true)]
async fn the_statements_in_the_paper_do_what_it_says() {
    let folder = Folder::new();
    let store = folder.open().await;
    commit(&*store, vec![Write::PutStatus(Box::new(status("feature/login", Phase::Ready)))]).await.unwrap();
    let hand = folder.by_hand();
    let statements: Vec<&str> =
        PAPER.split("```sql\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [insert, update, whole, delete, select] = statements[..] else {
        panic!("the paper has {} statements", statements.len());
    };

    assert_eq!(hand.execute(insert, []).unwrap(), 1);
    assert_eq!(spec_of(&*store, "feature/login").await, Some((1, "shop-web:login-41".to_owned())));
    assert_eq!(hand.execute(update, []).unwrap(), 1);
    assert_eq!(spec_of(&*store, "feature/login").await, Some((2, "shop-web:login-42".to_owned())));
    assert_eq!(hand.execute(whole, []).unwrap(), 1);
    let rows = store.load().await.unwrap();
    match &rows.specs[&FeatureName::from("feature/checkout")].body {
        SpecBody::Readable { feature, .. } => {
            assert_eq!(feature.metadata.owner.as_deref(), Some("someone@example.com"));
            assert_eq!(feature.spec.image.as_deref(), Some("shop-web:checkout-7"));
        }
        SpecBody::Unreadable { why } => panic!("{why}"),
    }
    assert_eq!(hand.execute(delete, []).unwrap(), 1);
    assert_eq!(spec_of(&*store, "feature/checkout").await, None);
    let shown: (String, String) = hand.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(shown, ("feature/login".to_owned(), "Ready".to_owned()));
}
