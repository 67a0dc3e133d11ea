//! What people write, and the names that are made of it.

mod files;
mod names;
mod read;
mod round_trip;
mod schema;

use beansprout::model::{Feature, SpecError, parse_features, render};

/// A feature with these lines in its spec, each indented by two spaces.
fn with_spec(lines: &str) -> String {
    let lines: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: beansprout.dev/v1\nkind: Feature\nmetadata:\n  name: feature/login\nspec:\n{lines}")
}

fn read(text: &str) -> Feature {
    let file = parse_features("f.yaml", text.as_bytes());
    let file = file.unwrap_or_else(|errors| panic!("{text}\n{}", render(&errors, false)));
    assert_eq!(file.features.len(), 1, "{text}");
    file.features.into_iter().next().expect("one feature").value
}

fn mistakes(text: &str) -> Vec<SpecError> {
    match parse_features("f.yaml", text.as_bytes()) {
        Ok(file) => panic!("{text}\nread as {file:?}"),
        Err(errors) => errors,
    }
}
