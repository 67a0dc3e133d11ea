//! apply and delete.

use super::*;

#[tokio::test(start_paused = true)]
async fn apply_says_what_became_of_each_feature() {
    let stage = Stage::led().await;
    let file = stage.file("login.yaml", &yaml("feature/login", "  image: shop-web:login-41\n"));
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    feature/login created
    --
    Wrote 1 feature to sqlite:store.db (no account yet: the first `sprout run` binds it).
    Try: sprout wait feature/login
    ");
    stage.file(
        "login.yaml",
        &yaml("feature/login", "  image: shop-web:login-42\n  variables: {PASSWORD: hunter2}\n  ttl: 5d\n"),
    );
    let told = stage.run(&["apply", "-f", &file, "--dry-run"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    feature/login changed (image login-41 → login-42; ttl 5d; variables PASSWORD)
    --
    Dry run: nothing was written to sqlite:store.db (no account yet: the first `sprout run` binds it).
    ");
    assert_eq!(stage.spec("feature/login").await.unwrap().spec.image.as_deref(), Some("shop-web:login-41"));
    stage.run(&["apply", "-f", &file]).await.ok();
    assert_eq!(stage.spec("feature/login").await.unwrap().spec.image.as_deref(), Some("shop-web:login-42"));
    let before = stage.store().revision().await.unwrap();
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    feature/login unchanged
    --
    Nothing to write to sqlite:store.db (no account yet: the first `sprout run` binds it).
    ");
    assert_eq!(stage.store().revision().await.unwrap(), before, "what is unchanged is not written");
}

#[tokio::test(start_paused = true)]
async fn apply_reads_folders_and_hints_when_nobody_acts() {
    let stage = Stage::new().await;
    stage.file("specs/a.yaml", &yaml("a", "  image: shop-web:1\n"));
    stage.file("specs/deep/b.yml", &yaml("b", "  image: shop-web:1\n"));
    stage.file("specs/.hidden/c.yaml", "not: read");
    stage.file("specs/notes.txt", "not: read");
    let folder = stage.dir.path().join("specs").display().to_string();
    let told = stage.run(&["apply", "-f", &folder, "-o", "name"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    a
    b
    --
    Wrote 2 features to sqlite:store.db (no account yet: the first `sprout run` binds it).
    No controller runs on this store. Nothing happens until one does: sprout run
    Try: sprout wait a
    ");
    let told = stage.run(&["apply", "-f", &folder, "-o", "json"]).await.ok();
    let all: serde_json::Value = serde_json::from_str(&told.data).unwrap();
    assert_eq!(
        all[0],
        serde_json::json!({"name": "a", "result": "unchanged", "changes": [], "dryRun": false})
    );
}

#[tokio::test(start_paused = true)]
async fn every_mistake_of_every_file_is_told_and_nothing_applied() {
    let stage = Stage::led().await;
    let good = stage.file("good.yaml", &yaml("good", "  image: shop-web:1\n"));
    let bad = stage.file("bad.yaml", &yaml("bad", "  imagge: shop-web:1\n  ttl: soon\n"));
    let later = stage.file("later.yaml", &yaml("later", "  image: shop-web:1\n  heal: recreate\n"));
    let twin = stage.file("twin.yaml", &yaml("good", "  image: shop-web:2\n"));
    let told = stage
        .run(&["apply", "-f", &good, "-f", &bad, "-f", &later, "-f", &twin])
        .await
        .ended(ExitStatus::Usage);
    insta::assert_snapshot!(told.all(), @r"
    --
    error: spec: unknown field `imagge`
     --> bad.yaml:6:3
      |
    6 |   imagge: shop-web:1
      |   ^^^^^^
      |
      = help: did you mean `image`?

    error: spec.ttl: a whole number is missing before 's'; write it like 90s, 36h, 3d, 2w, 1d12h or never
     --> bad.yaml:7:8
      |
    7 |   ttl: soon
      |        ^^^^

    error: spec.heal: recreating what stays Red is not carried out yet; use `gone` or `never`
     --> later.yaml:7:9
      |
    7 |   heal: recreate
      |         ^^^^^^^^

    error: metadata.name: good is also in good.yaml:4:9
     --> twin.yaml:4:9
      |
    4 |   name: good
      |         ^^^^
      |
      = help: give one of them another name, or remove it
    sprout: 4 mistakes in 3 files. Nothing was written.
    ");
    assert!(stage.store().load().await.unwrap().specs.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_template_file_travels_inside_the_specification() {
    let stage = Stage::led().await;
    let spec = "  image: shop-web:1\n  dockerrun: {template: t/run.json}\n";
    let file = stage.file("specs/a.yaml", &yaml("a", spec));
    let told = stage.run(&["apply", "-f", &file]).await.ended(ExitStatus::Usage);
    assert!(told.talk.contains("specs/a.yaml:7"), "{}", told.talk);
    assert!(told.talk.contains("looked for beside the specification"), "{}", told.talk);
    stage.file("specs/t/run.json", "{\"AWSEBDockerrunVersion\": \"1\"}");
    stage.run(&["apply", "-f", &file]).await.ok();
    let stored = stage.spec("a").await.unwrap();
    assert_eq!(stored.spec.dockerrun.text.as_deref(), Some("{\"AWSEBDockerrunVersion\": \"1\"}"));
    // A changed file is a changed specification.
    stage.file("specs/t/run.json", "{\"AWSEBDockerrunVersion\": \"3\"}");
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    assert!(told.data.contains("a changed (dockerrun)"), "{}", told.data);
    // A plain name is one of the controller's.
    let named = stage.file("b.yaml", &yaml("b", "  image: shop-web:1\n  dockerrun: {template: large}\n"));
    stage.run(&["apply", "-f", &named]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn the_application_of_an_environment_cannot_change() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.remember(living(&login)).await;
    let file = stage.file("login.yaml", &yaml("login", "  application: other\n  image: shop-web:1\n"));
    let told = stage.run(&["apply", "-f", &file]).await.ended(ExitStatus::Usage);
    insta::assert_snapshot!(told.talk, @r"
    error: spec.application: the application of login cannot change from shop to other
     --> login.yaml:6:16
      |
    6 |   application: other
      |                ^^^^^
      |
      = help: give the feature in other another name, such as login-other
    sprout: 1 mistake in 1 file. Nothing was written.
    ");
}

#[tokio::test(start_paused = true)]
async fn what_ended_says_why_the_same_file_does_nothing() {
    let stage = Stage::led().await;
    let file = stage.file("old.yaml", &yaml("old", "  image: shop-web:1\n"));
    stage.run(&["apply", "-f", &file]).await.ok();
    stage.show(view("old", Phase::Expired)).await;
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    old unchanged (it is Expired, and the same specification does not bring it back; try: sprout renew old)
    ");
}

#[tokio::test(start_paused = true)]
async fn deletion_takes_the_row_and_leaves_the_ask_in_one_write() {
    let stage = Stage::led().await;
    let login = feature("login", "shop-web:1");
    stage.put(&login).await;
    stage.remember(living(&login)).await;
    stage.show(running(&login)).await;
    let told = stage.run(&["delete", "login", "--dry-run"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: deletion asked for. Its environment f-login-abcdefghijk is taken down; then nothing of it is left.
    --
    Dry run: nothing was written to sqlite:store.db (no account yet: the first `sprout run` binds it).
    ");
    assert!(stage.spec("login").await.is_some());
    let told = stage.run(&["delete", "login", "--why", "merged"]).await.ok();
    insta::assert_snapshot!(told.all(), @r"
    login: deletion asked for. Its environment f-login-abcdefghijk is taken down; then nothing of it is left.
    --
    Wrote to sqlite:store.db (no account yet: the first `sprout run` binds it).
    Try: sprout wait login --for gone
    ");
    assert!(stage.spec("login").await.is_none());
    let ask = stage.record("login").await.unwrap().asks.deletion.unwrap();
    assert_eq!((ask.by.as_str(), ask.why.as_deref()), ("anna", Some("merged")));
    // Once more changes nothing.
    let before = stage.store().revision().await.unwrap();
    stage.run(&["delete", "login"]).await.ok();
    assert_eq!(stage.store().revision().await.unwrap(), before);
}

#[tokio::test(start_paused = true)]
async fn what_a_source_lists_keeps_its_row() {
    let stage = Stage::led().await;
    stage.put_from(&feature("login", "shop-web:1"), Some("folder:specs")).await;
    let told = stage.run(&["delete", "login"]).await.ok();
    insta::assert_snapshot!(told.data, @r"
    login: deletion asked for. It has no environment. folder:specs still lists it: it stays as Deleted, and a new image or commit there brings it back.
    ");
    assert!(stage.spec("login").await.is_some());
    assert!(stage.record("login").await.unwrap().asks.deletion.is_some());
}

#[tokio::test(start_paused = true)]
async fn protection_refuses_deletion_of_all_that_was_named() {
    let stage = Stage::led().await;
    let mut fixed = feature("fixed", "shop-web:1");
    fixed.spec.protect = true;
    stage.put(&fixed).await;
    stage.put(&feature("free", "shop-web:1")).await;
    let told = stage.run(&["delete", "free", "fixed"]).await.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.all(), @r"
    --
    sprout: fixed is protected (its specification says so). Nothing was deleted. Before that: write protect: false in its file and apply it
    ");
    assert!(stage.spec("free").await.is_some());
    stage.run(&["protect", "free", "--why", "demo"]).await.ok();
    let told = stage.run(&["delete", "free"]).await.ended(ExitStatus::Differs);
    insta::assert_snapshot!(told.all(), @r"
    --
    sprout: free is protected (anna protects it: demo). Nothing was deleted. Before that: sprout protect free --off
    ");
    stage.run(&["protect", "free", "--off"]).await.ok();
    stage.run(&["delete", "free"]).await.ok();
}

#[tokio::test(start_paused = true)]
async fn applying_what_is_to_be_deleted_is_a_new_wish() {
    let stage = Stage::led().await;
    let file = stage.file("login.yaml", &yaml("login", "  image: shop-web:1\n"));
    stage.run(&["apply", "-f", &file]).await.ok();
    stage.run(&["delete", "-f", &file]).await.ok();
    assert!(stage.record("login").await.unwrap().asks.deletion.is_some());
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    assert!(told.data.contains("login created"), "{}", told.data);
    assert!(stage.record("login").await.unwrap().asks.deletion.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_row_that_cannot_be_read_is_mended_by_apply() {
    let stage = Stage::led().await;
    stage.put(&feature("sick", "shop-web:1")).await;
    let raw = rusqlite::Connection::open(stage.dir.path().join("store.db")).unwrap();
    raw.execute("UPDATE spec SET body = '{' WHERE feature = 'sick'", []).unwrap();
    let told = stage.run(&["get"]).await.ok();
    assert!(told.data.contains("Frozen"), "{}", told.data);
    let told = stage.run(&["describe", "sick"]).await.ok();
    assert!(told.data.starts_with("sick: Frozen. Its row cannot be read: "), "{}", told.data);
    let file = stage.file("sick.yaml", &yaml("sick", "  image: shop-web:1\n"));
    let told = stage.run(&["apply", "-f", &file]).await.ok();
    assert!(told.data.contains("sick changed (a row that could not be read)"), "{}", told.data);
    assert!(stage.spec("sick").await.is_some());
}
