//! What lies in a folder, at one moment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::model::{
    Feature, Located, SpecError, SpecFile, duplicates, hash, parse_features, refusals, render,
};

/// Deepest folder below the one that is read.
const DEPTH: usize = 16;

/// All of a folder at one moment.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The features of files without a mistake.
    pub features: Vec<Located<Feature>>,
    /// The mistakes of each other file, as shown to people. While there are
    /// any, nobody knows what those files want, and nothing is removed.
    pub mistakes: Vec<String>,
    /// Hash over the names and contents of everything that was read.
    pub(super) content: [u8; 32],
}

impl Reading {
    pub(super) fn of(folder: &Path) -> Self {
        let mut gathered = Gathered::default();
        match specs_below(folder) {
            Ok(files) => files.iter().for_each(|file| gathered.file(file)),
            Err(mistake) => gathered.mistake(mistake),
        }
        gathered.finish()
    }
}

#[derive(Default)]
struct Gathered {
    features: Vec<Located<Feature>>,
    errors: Vec<SpecError>,
    mistakes: Vec<String>,
    content: Vec<Vec<u8>>,
}

impl Gathered {
    fn mistake(&mut self, mistake: String) {
        self.content.push(mistake.clone().into_bytes());
        self.mistakes.push(mistake);
    }

    fn file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let text = match std::fs::read(path) {
            Ok(text) => text,
            // It went between the listing and now.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.mistake(format!("{shown} cannot be read: {error}")),
        };
        match parse_features(&shown, &text) {
            Ok(SpecFile { features, .. }) => {
                for mut feature in features {
                    self.template(&mut feature);
                    self.features.push(feature);
                }
            }
            Err(errors) => self.errors.extend(errors),
        }
        self.content.extend([shown.into_bytes(), text]);
    }

    fn template(&mut self, feature: &mut Located<Feature>) {
        match read_template(feature) {
            Ok(Some(part)) => self.content.extend(part.map(String::into_bytes)),
            Ok(None) => {}
            Err(error) => self.errors.push(error),
        }
    }

    fn finish(mut self) -> Reading {
        self.errors.extend(refusals(&self.features));
        self.errors.extend(duplicates(&self.features));
        let mut by_file: BTreeMap<String, Vec<SpecError>> = BTreeMap::new();
        for error in self.errors {
            by_file.entry(error.file.clone()).or_default().push(error);
        }
        let wrong: BTreeSet<&String> = by_file.keys().collect();
        self.features.retain(|feature| !wrong.contains(&feature.file));
        for errors in by_file.values_mut() {
            errors.sort_by_key(|error| (error.line, error.column));
            self.mistakes.push(render(errors, false));
        }
        let parts: Vec<&[u8]> = self.content.iter().map(Vec::as_slice).collect();
        let content = hash::digest("folder", &parts);
        Reading { features: self.features, mistakes: self.mistakes, content }
    }
}

/// Reads the template that a specification names, relative to its own file,
/// into it, and gives its name and text. A name that no file has, and that
/// does not look like a file's, is one of the controller's settings.
///
/// # Errors
///
/// The mistake, with its place, where the file cannot be read.
pub fn read_template(feature: &mut Located<Feature>) -> Result<Option<[String; 2]>, SpecError> {
    let dockerrun = &feature.value.spec.dockerrun;
    let Some(name) = dockerrun.template.clone().filter(|_| dockerrun.text.is_none()) else { return Ok(None) };
    let path = Path::new(&feature.file).parent().unwrap_or(Path::new("")).join(&name);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            feature.value.spec.dockerrun.text = Some(text.clone());
            Ok(Some([name, text]))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !name.contains(['.', '/']) => Ok(None),
        Err(error) => Err(feature.error(
            "spec.dockerrun.template",
            format!("{} cannot be read: {error}", path.display()),
            Some("the file is looked for beside the specification".to_owned()),
        )),
    }
}

/// The specification files (`*.yaml`, `*.yml`) below a folder, sorted; nothing
/// hidden.
///
/// # Errors
///
/// In words, where a folder cannot be read.
pub fn specs_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    below(folder, 0)
}

fn below(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, String> {
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // Links to folders are not followed: they may lead round in circles.
        let is_folder = entry.file_type().map_err(cannot)?.is_dir();
        if is_folder && depth < DEPTH {
            files.extend(below(&path, depth + 1)?);
        } else if !is_folder && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
