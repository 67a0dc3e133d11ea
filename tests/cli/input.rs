//! Specifications on their way in.

use super::{Folder, spec};

#[test]
fn standard_input_is_a_file_too() {
    let folder = Folder::new();
    let told = folder.fed(&["apply", "-f", "-"], &spec("a", "shop-web:1")).ok();
    assert_eq!(told.stdout, "a created\n");
    let told = folder.fed(&["apply", "-f", "-"], "kind: Feature\n").ended(2);
    assert!(told.stderr.contains("standard input:"), "{told}");
    let told = folder.fed(&["delete", "-f", "-"], &spec("a", "shop-web:1")).ok();
    assert!(told.stdout.starts_with("a: deletion asked for."), "{told}");
}

#[test]
fn mistakes_of_all_files_are_told_with_their_places() {
    let folder = Folder::new();
    folder.write("specs/good.yaml", &spec("good", "shop-web:1"));
    folder.write("specs/one.yaml", &spec("one", "shop-web:1").replace("image", "imagge"));
    folder.write("specs/two.yaml", &format!("{}  ttl: soon\n  protect: maybe\n", spec("two", "shop-web:1")));
    let told = folder.sprout(&["apply", "-f", "specs"]).ended(2);
    for place in ["specs/one.yaml:6:3", "specs/two.yaml:7:", "specs/two.yaml:8:"] {
        assert!(told.stderr.contains(place), "{place} is not told: {told}");
    }
    assert!(told.stderr.contains("did you mean `image`?"), "{told}");
    assert!(told.stderr.ends_with("mistakes in 2 files. Nothing was written.\n"), "{told}");
    assert!(told.stdout.is_empty(), "{told}");
    assert_eq!(folder.sprout(&["get", "-o", "name"]).ok().stdout, "");
    folder.sprout(&["apply", "-f", "nowhere"]).ended(2);
}

#[test]
fn several_hands_apply_at_once() {
    let folder = Folder::new();
    folder
        .sprout(&["apply", "-f", &folder.write("0.yaml", &spec("a0", "shop-web:1")).to_string_lossy()])
        .ok();
    let files: Vec<String> = (1..6)
        .map(|at| {
            let text = format!(
                "{}---\n{}",
                spec(&format!("a{at}"), "shop-web:1"),
                spec("shared", &format!("shop-web:{at}"))
            );
            folder.write(&format!("{at}.yaml"), &text).to_string_lossy().into_owned()
        })
        .collect();
    std::thread::scope(|scope| {
        for file in &files {
            scope.spawn(|| folder.sprout(&["apply", "-f", file]).ok());
        }
    });
    assert_eq!(folder.sprout(&["get", "-o", "name"]).ok().stdout, "a0\na1\na2\na3\na4\na5\nshared\n");
}
