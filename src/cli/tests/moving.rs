//! `sprout store`: shown, exported, imported, copied, claimed; and what other
//! commands do on a store that must be claimed first.

use serde_json::Value;

use super::*;
use crate::store::{Hold, MOVED_DOCUMENT, Scope, Sealed};

/// A store with two features, one of them with an environment.
async fn filled() -> Stage {
    let stage = Stage::led().await;
    let login = feature("feature/login", "shop-web:1");
    stage.put(&login).await;
    stage.put_from(&feature("b", "shop-web:2"), Some("folder:specs/")).await;
    stage.remember(living(&login)).await;
    stage.show(running(&login)).await;
    stage
}

async fn specs(session: &Session) -> Vec<String> {
    session.store.load().await.unwrap().specs.keys().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn store_shows_what_it_is() {
    let stage = filled().await;
    let told = stage.run(&["store"]).await.ok();
    for words in [
        "PLACE         sqlite:store.db",
        "ACCOUNT       not bound yet",
        "STATE         no controller has ever acted on it",
        "LAYOUT        2",
        "ROWS          2 specifications, 1 records, 1 statuses, 0 documents",
        "LEASE         controller, under epoch 1, since 1970-01-01 00:00 UTC",
    ] {
        assert!(told.data.contains(words), "{words}:\n{}", told.data);
    }
    let id = stage.store().identity().await.unwrap().store.to_string();
    assert_eq!(stage.run(&["store", "-o", "name"]).await.ok().data, format!("{id}\n"));
    let value: Value = serde_json::from_str(&stage.run(&["store", "-o", "json"]).await.ok().data).unwrap();
    assert_eq!((&value["rows"]["records"], &value["readOnly"]), (&1.into(), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn an_export_is_whole_and_replaces_no_file_unasked() {
    let stage = filled().await;
    let file = stage.dir.path().join("out.jsonl");
    let path = file.to_str().unwrap();
    let told = stage.run(&["store", "export", "--to", path]).await.ok();
    assert_eq!(told.data, "");
    assert!(told.talk.contains("Exported 4 rows and 0 lines of history"), "{}", told.talk);
    let text = std::fs::read_to_string(&file).unwrap();
    let shown = stage.run(&["store", "export"]).await.ok().data;
    assert_eq!(shown.lines().skip(1).collect::<Vec<_>>(), text.lines().skip(1).collect::<Vec<_>>());
    assert!(crate::store::Dump::from_lines(&text).is_ok());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    std::fs::write(&file, "mine").unwrap();
    let told = stage.run(&["store", "export", "--to", path]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("is there already") && told.talk.contains("--force"), "{}", told.talk);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    stage.run(&["store", "export", "--force", "--to", path]).await.ok();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let nowhere = stage.dir.path().join("no/such/out.jsonl");
    stage.run(&["store", "export", "--to", nowhere.to_str().unwrap()]).await.ended(ExitStatus::Outside);
    let left: Vec<_> =
        std::fs::read_dir(stage.dir.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_exported_is_imported_and_waits_to_be_claimed() {
    let stage = filled().await;
    let file = stage.file("out.jsonl", &stage.run(&["store", "export"]).await.ok().data);
    let other = stage.at("other.db").await;
    let told = stage.run_in(&other, &["store", "import", &file, "--dry-run"]).await.ok();
    assert!(told.data.contains("It would be 4 rows"), "{}", told.data);
    assert_eq!(specs(&other).await, Vec::<String>::new());

    let told = stage.run_in(&other, &["store", "import", &file]).await.ok();
    assert!(told.data.contains("Imported 5 rows and 0 lines of history"), "{}", told.data);
    assert!(told.talk.contains("The contents come from sqlite:store.db."), "{}", told.talk);
    assert!(told.talk.contains("sprout store claim"), "{}", told.talk);
    assert_eq!(other.store.hold().await.unwrap(), Some(Hold::Unclaimed));
    assert_eq!(specs(&other).await, ["b", "feature/login"]);
    let told = stage.run_in(&other, &["store", "import", &file]).await.ok();
    assert!(told.data.contains("Imported 0 rows (5 more were there already)"), "{}", told.data);
    let shown = stage.run_in(&other, &["store"]).await.ok();
    assert!(
        shown.data.contains("STATE         read-only: the store's contents were imported"),
        "{}",
        shown.data
    );
    assert!(shown.data.contains("CAME FROM     sqlite:store.db, imported 2026-01-05 08:00 UTC by anna"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_none_is_refused_with_its_line_and_how_to_mend_it() {
    let stage = filled().await;
    let text = stage.run(&["store", "export"]).await.ok().data;
    let cut = text.lines().take(3).map(|line| format!("{line}\n")).collect::<String>();
    for (name, text, words) in [
        ("cut.jsonl", cut.as_str(), "line 4: the export was cut off"),
        ("torn.jsonl", &text[..text.len() - 20], "line 6"),
        ("spec.yaml", "kind: Feature\n", "line 1: this is no export"),
    ] {
        let file = stage.file(name, text);
        let other = stage.at("other.db").await;
        let told = stage.run_in(&other, &["store", "import", &file]).await.ended(ExitStatus::Usage);
        assert!(told.talk.contains(words) && told.talk.contains(name), "{}", told.talk);
        assert!(told.talk.contains("sprout store export"), "{}", told.talk);
        assert_eq!(specs(&other).await, Vec::<String>::new());
    }
    let missing = stage.dir.path().join("missing.jsonl");
    stage.run(&["store", "import", missing.to_str().unwrap()]).await.ended(ExitStatus::Usage);
    let newer = stage.file("newer.jsonl", &text.replacen("\"schema\":1", "\"schema\":9", 1));
    let told = stage.run(&["store", "import", &newer]).await.ended(ExitStatus::Usage);
    assert!(told.talk.contains("use a newer sprout"), "{}", told.talk);
}

#[tokio::test(start_paused = true)]
async fn an_import_lists_all_that_may_be_newer_and_overwrites_none() {
    let stage = filled().await;
    let file = stage.file("out.jsonl", &stage.run(&["store", "export"]).await.ok().data);
    stage.put(&feature("feature/login", "shop-web:9")).await;
    stage.put(&feature("b", "shop-web:9")).await;
    for line in [&["store", "import", file.as_str()][..], &["store", "import", "--specs", &file]] {
        let told = stage.run(line).await.ended(ExitStatus::Differs);
        assert!(
            told.talk.contains("the specification of b, the specification of feature/login"),
            "{}",
            told.talk
        );
    }
    assert_eq!(stage.spec("b").await.unwrap().spec.image.as_deref(), Some("shop-web:9"));

    let other = stage.at("other.db").await;
    other.store.commit(Batch { fence: None, writes: vec![Write::MarkActed] }).await.unwrap();
    let told = stage.run_in(&other, &["store", "import", &file]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("--specs"), "{}", told.talk);
    stage.run_in(&other, &["store", "import", "--specs", &file]).await.ok();
    assert_eq!(other.store.hold().await.unwrap(), None);
    assert_eq!(specs(&other).await, ["b", "feature/login"]);
    assert_eq!(other.store.document(MOVED_DOCUMENT).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_copy_seals_the_source_and_waits_to_be_claimed() {
    let stage = filled().await;
    let to = stage.place("other.db");
    let told = stage.run(&["store", "copy", "--to", &to]).await.ok();
    assert!(told.data.contains("Copied 5 rows and 0 lines of history"), "{}", told.data);
    assert!(told.data.contains("sprout store claim"), "{}", told.data);
    let told = stage.run(&["apply", "-f", &stage.file("c.yaml", &yaml("c", "  image: a:1\n"))]).await;
    let told = told.ended(ExitStatus::Differs);
    assert!(told.talk.contains("sealed") && told.talk.contains("SPROUT_STORE="), "{}", told.talk);
    let again = stage.run(&["store", "copy", "--to", &to]).await.ok();
    assert!(again.data.contains("(5 of them were there already)"), "{}", again.data);
    let elsewhere = stage.place("third.db");
    stage.run(&["store", "copy", "--to", &elsewhere]).await.ended(ExitStatus::Differs);

    let other = stage.at("other.db").await;
    let told = stage.run_in(&other, &["store", "claim"]).await.ended(ExitStatus::Usage);
    assert!(
        told.talk.contains("stop every controller and command that uses sqlite:store.db"),
        "{}",
        told.talk
    );
    assert!(told.talk.contains("sprout store claim --yes"), "{}", told.talk);
    assert!(other.store.hold().await.unwrap().is_some());
    let told = stage.run_in(&other, &["store", "claim", "--yes"]).await.ok();
    assert!(told.data.contains("is used from sqlite:other.db from now on"), "{}", told.data);
    let told = stage.run_in(&other, &["store", "claim"]).await.ok();
    assert!(told.data.contains("nothing to claim"), "{}", told.data);
    let told = stage.run(&["store", "copy", "--to", &to]).await.ok();
    assert!(told.data.contains("claimed there already"), "{}", told.data);
    stage.run_in(&other, &["protect", "feature/login"]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_a_crash_ended_is_finished_by_the_same_command() {
    let stage = filled().await;
    let (from, to) = (stage.store().clone(), stage.place("other.db"));
    // Sealed, and nothing else.
    let seal = Sealed { to: to.clone(), at: at(NOW), by: "anna".to_owned() };
    from.seal(seal).await.unwrap();
    // Imported, and not all of it.
    let mut part = from.export().await.unwrap();
    part.rows.retain(|row| row.kind == crate::store::RowKind::Spec);
    let other = stage.at("other.db").await;
    other.store.import(&part, Scope::Everything).await.unwrap();
    let told = stage.run(&["store", "copy", "--to", &to]).await.ok();
    assert!(told.data.contains("(2 of them were there already)"), "{}", told.data);
    let (mut one, mut two) = (from.export().await.unwrap(), other.store.export().await.unwrap());
    for dump in [&mut one, &mut two] {
        dump.rows.retain(|row| row.name != MOVED_DOCUMENT);
        dump.rows.iter_mut().for_each(|row| row.version = 0);
    }
    assert_eq!(one.rows, two.rows);
}

#[tokio::test(start_paused = true)]
async fn a_copy_into_a_place_that_cannot_take_it_seals_nothing() {
    let stage = filled().await;
    let used = stage.at("used.db").await;
    let write =
        Write::PutSpec { feature: Box::new(feature("mine", "x:1")), origin: None, expect: Expect::Any };
    used.store.commit(Batch { fence: None, writes: vec![write] }).await.unwrap();
    let told =
        stage.run(&["store", "copy", "--to", &stage.place("used.db")]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("nothing was sealed"), "{}", told.talk);
    let itself =
        stage.run(&["store", "copy", "--to", &stage.place("store.db")]).await.ended(ExitStatus::Usage);
    assert!(itself.talk.contains("is the store itself"), "{}", itself.talk);
    std::os::unix::fs::symlink(stage.dir.path().join("store.db"), stage.dir.path().join("link.db")).unwrap();
    stage.run(&["store", "copy", "--to", &stage.place("link.db")]).await.ended(ExitStatus::Differs);
    assert_eq!(stage.store().hold().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn a_seal_is_broken_only_by_take_back() {
    let stage = filled().await;
    stage.run(&["store", "copy", "--to", &stage.place("other.db")]).await.ok();
    let told = stage.run(&["store", "claim", "--yes"]).await.ended(ExitStatus::Differs);
    assert!(told.talk.contains("--take-back"), "{}", told.talk);
    let told = stage.run(&["store", "claim", "--take-back"]).await.ended(ExitStatus::Usage);
    assert!(told.talk.contains("uses sqlite:other.db"), "{}", told.talk);
    stage.run(&["store", "claim", "--take-back", "--yes"]).await.ok();
    stage.run(&["protect", "feature/login"]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn on_a_store_that_must_be_claimed_first_reading_works_and_writing_is_refused() {
    let stage = filled().await;
    let file = stage.file("out.jsonl", &stage.run(&["store", "export"]).await.ok().data);
    let held = stage.at("other.db").await;
    stage.run_in(&held, &["store", "import", &file]).await.ok();
    let path = stage.file("c.yaml", &yaml("c", "  image: shop-web:1\n  ttl: 3d\n"));
    for line in [
        &["apply", "-f", path.as_str()][..],
        &["delete", "feature/login"],
        &["renew", "feature/login"],
        &["extend", "feature/login", "2d"],
        &["protect", "feature/login"],
        &["forget", "feature/login"],
        &["pause"],
        &["resume"],
        &["approve", "asked"],
    ] {
        let told = stage.run_in(&held, line).await.ended(ExitStatus::Differs);
        assert_eq!(
            told.talk,
            "sprout: the store's contents were imported and nobody claimed them yet. Stop whatever uses the \
             place that they came from, then say: sprout store claim\n",
            "{line:?}"
        );
    }
    for line in [
        &["get"][..],
        &["describe", "feature/login"],
        &["events"],
        &["guards"],
        &["orphans"],
        &["store", "export"],
        &["pause", "--dry-run"],
        &["apply", "--dry-run", "-f", path.as_str()],
    ] {
        let told = stage.run_in(&held, line).await.ok();
        assert!(told.talk.starts_with("Note: the store's contents were imported"), "{line:?}: {}", told.talk);
    }
    assert_eq!(specs(&held).await, ["b", "feature/login"]);
}
