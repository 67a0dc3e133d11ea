use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::aws::Connection;
use crate::clock::Entropy;
use crate::model::{Asks, Record};
use crate::store::{Access, Batch, Expect, RecordBody, Rows, Write, open};

/// A folder and a store.
struct Desk {
    dir: TempDir,
    store: Arc<dyn Store>,
    folder: Folder,
}

impl Desk {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let specs = dir.path().join("specs");
        fs::create_dir(&specs).unwrap();
        let place = format!("sqlite:{}", dir.path().join("store.db").display());
        let entropy = Entropy::seeded(1);
        let aws = Connection::from_environment(Clock::system(), &entropy);
        let store = open(&place, Access::Ensure, &entropy, &aws).await.unwrap();
        let start = "2026-01-05T08:00:00Z".parse().unwrap();
        let folder = Folder::new(&specs, Clock::starting_at(start));
        Self { dir, store, folder }
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join("specs").join(file), text).unwrap();
    }

    fn remove(&self, file: &str) {
        fs::remove_file(self.dir.path().join("specs").join(file)).unwrap();
    }

    /// Looks once; the folder's own path is left out of what it says.
    async fn look(&mut self) -> Vec<String> {
        let reading = self.folder.read();
        let news = self.folder.carry_out(&reading, self.store.as_ref()).await.unwrap();
        let path = format!("{}/", self.dir.path().display());
        news.iter().map(|news| news.to_string().replace(&path, "")).collect()
    }

    async fn rows(&self) -> Arc<Rows> {
        self.store.load().await.unwrap()
    }

    async fn names(&self) -> Vec<String> {
        self.rows().await.specs.keys().map(ToString::to_string).collect()
    }

    /// What a controller remembers of a feature once it has seen it.
    async fn remember(&self, name: &str, change: impl FnOnce(&mut Record)) {
        let mut record = Record::new(FeatureName::from(name));
        change(&mut record);
        let write = Write::PutRecord { record: Box::new(record), expect: Expect::Any };
        self.store.commit(Batch { fence: None, writes: vec![write] }).await.unwrap();
    }

    async fn asks(&self, name: &str) -> Asks {
        match &self.rows().await.records[&FeatureName::from(name)].body {
            RecordBody::Readable(record) => record.asks.clone(),
            RecordBody::Unreadable { why } => panic!("{why}"),
        }
    }
}

fn spec(name: &str, image: &str) -> String {
    format!(
        "apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: {name}\nspec:\n  application: shop\n  image: {image}\n"
    )
}

#[tokio::test(start_paused = true)]
async fn files_are_applied_and_changes_are_told() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    assert_eq!(desk.look().await, ["feature/a is wanted by specs/a.yaml."]);
    assert_eq!(desk.look().await, Vec::<String>::new());
    assert!(!desk.folder.is_news(&desk.folder.read()));
    desk.write("a.yaml", &spec("feature/a", "shop-web:2"));
    assert!(desk.folder.is_news(&desk.folder.read()));
    assert_eq!(desk.look().await, ["feature/a was changed in specs/a.yaml: image shop-web:1 → shop-web:2."]);
    let rows = desk.rows().await;
    let origin = rows.specs[&FeatureName::from("feature/a")].origin.clone().unwrap();
    assert!(origin.starts_with("folder:") && origin.ends_with("specs"), "{origin}");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_goes_is_announced_and_then_its_feature_is_deleted() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    desk.look().await;
    desk.remember("feature/a", |_| ()).await;
    desk.remove("a.yaml");
    assert_eq!(
        desk.look().await,
        ["feature/a is no longer in specs/a.yaml. It is deleted in 3 s unless it returns."]
    );
    assert_eq!(desk.names().await, ["feature/a"]);
    tokio::time::advance(GRACE).await;
    assert_eq!(desk.look().await, ["feature/a is deleted now, because its file is gone."]);
    assert_eq!(desk.names().await, Vec::<String>::new());
    let deletion = desk.asks("feature/a").await.deletion.unwrap();
    assert_eq!(deletion.why.as_deref(), Some("its file is gone"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_returns_in_time_changes_nothing() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    desk.look().await;
    desk.remove("a.yaml");
    desk.look().await;
    desk.write("b.yaml", &spec("feature/a", "shop-web:1"));
    tokio::time::advance(GRACE).await;
    assert_eq!(desk.look().await, ["feature/a is in a file again; it stays."]);
    assert_eq!(desk.names().await, ["feature/a"]);
}

#[tokio::test(start_paused = true)]
async fn a_mistake_is_told_once_and_changes_nothing() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    desk.look().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:2").replace("image", "imgae"));
    desk.write("b.yaml", &spec("feature/b", "shop-web:1"));
    let news = desk.look().await;
    assert_eq!(news.len(), 2, "{news:?}");
    assert!(news[0].contains("specs/a.yaml:7") && news[0].contains("image"), "{}", news[0]);
    assert_eq!(news[1], "feature/b is wanted by specs/b.yaml.");
    tokio::time::advance(GRACE * 2).await;
    assert_eq!(desk.look().await, Vec::<String>::new());
    assert_eq!(desk.names().await, ["feature/a", "feature/b"], "nothing goes while a file is wrong");
    desk.write("a.yaml", &spec("feature/a", "shop-web:2"));
    assert_eq!(desk.look().await, ["feature/a was changed in specs/a.yaml: image shop-web:1 → shop-web:2."]);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_gone_removes_nothing() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    desk.look().await;
    fs::rename(desk.dir.path().join("specs"), desk.dir.path().join("elsewhere")).unwrap();
    let news = desk.look().await;
    assert!(news.len() == 1 && news[0].starts_with("specs cannot be read"), "{news:?}");
    tokio::time::advance(GRACE * 2).await;
    assert_eq!(desk.look().await, Vec::<String>::new());
    assert_eq!(desk.names().await, ["feature/a"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_protected_stays_and_says_so() {
    let mut desk = Desk::new().await;
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    desk.look().await;
    desk.remember("feature/a", |record| record.spec_protected = true).await;
    desk.remove("a.yaml");
    let news = desk.look().await;
    assert!(news.len() == 1 && news[0].contains("protected"), "{news:?}");
    tokio::time::advance(GRACE * 2).await;
    assert_eq!(desk.look().await, Vec::<String>::new());
    assert_eq!(desk.names().await, ["feature/a"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_brought_is_neither_changed_nor_removed() {
    let mut desk = Desk::new().await;
    let other = crate::model::parse_features("x", spec("feature/a", "shop-web:9").as_bytes()).unwrap();
    let put = |name: &str, origin: Option<&str>| {
        let mut feature = other.features[0].value.clone();
        feature.metadata.name = FeatureName::from(name);
        Write::PutSpec {
            feature: Box::new(feature),
            origin: origin.map(str::to_owned),
            expect: Expect::Absent,
        }
    };
    let writes = vec![put("feature/a", Some("git:shop")), put("feature/hand", None)];
    desk.store.commit(Batch { fence: None, writes }).await.unwrap();
    desk.write("a.yaml", &spec("feature/a", "shop-web:1"));
    let news = desk.look().await;
    assert_eq!(news, ["feature/a: git:shop brings it too, so specs/a.yaml does not touch it."]);
    desk.remove("a.yaml");
    tokio::time::advance(GRACE * 2).await;
    assert_eq!(desk.look().await, Vec::<String>::new());
    assert_eq!(desk.names().await, ["feature/a", "feature/hand"]);
}
