//! Reading specifications from files, folders and standard input: all of
//! them, with every mistake of every file, before anything is done.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::Stop;
use super::out::Out;
use super::voice::count;
use crate::model::{Feature, Located, SpecError, SpecFile, duplicates, parse_features, refusals, render};

/// Deepest folder below the one that was named.
const DEPTH: usize = 16;

/// Reads every feature of these paths. Texts of Dockerrun templates come
/// along. Mistakes are printed, all of them, and end the command: then
/// nothing of any file is to be used. `later` adds mistakes that only the
/// caller can see.
pub(crate) fn read(
    paths: &[PathBuf],
    out: &mut Out<'_>,
    later: impl FnOnce(&[Located<Feature>]) -> Vec<SpecError>,
) -> anyhow::Result<Vec<Located<Feature>>> {
    let mut reading = Reading::default();
    for path in paths {
        reading.path(path)?;
    }
    let Reading { mut features, mut errors, notes, .. } = reading;
    errors.extend(templates(&mut features));
    errors.extend(refusals(&features));
    errors.extend(duplicates(&features));
    errors.extend(later(&features));
    for note in notes {
        out.say(format_args!("note: {note}"))?;
    }
    if errors.is_empty() {
        return Ok(features);
    }
    errors.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    out.say_text(&render(&errors, out.colour))?;
    let wrong: BTreeSet<&str> = errors.iter().map(|error| error.file.as_str()).collect();
    let of = if wrong.len() == 1 { "1 file".to_owned() } else { format!("{} files", wrong.len()) };
    Err(Stop::usage(format!("{} in {of}. Nothing was written.", count(errors.len(), "mistake"))))
}

#[derive(Default)]
struct Reading {
    features: Vec<Located<Feature>>,
    errors: Vec<SpecError>,
    notes: Vec<String>,
    /// By their own path, so that none is read twice.
    files: BTreeSet<PathBuf>,
}

impl Reading {
    fn path(&mut self, path: &Path) -> anyhow::Result<()> {
        if path == Path::new("-") {
            let mut text = Vec::new();
            std::io::stdin().read_to_end(&mut text).context("standard input cannot be read")?;
            self.files.insert(path.to_owned());
            self.text("standard input", &text);
            return Ok(());
        }
        let shown = path.display();
        let kind = std::fs::metadata(path)
            .map_err(|error| Stop::usage(format!("{shown} cannot be read: {error}")))?;
        if !kind.is_dir() {
            return self.file(path);
        }
        let files = specs_below(path, 0)?;
        if files.is_empty() {
            self.notes.push(format!("{shown}: there is no *.yaml or *.yml file in it"));
        }
        files.iter().try_for_each(|file| self.file(file))
    }

    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let own = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if !self.files.insert(own) {
            return Ok(());
        }
        let shown = path.display().to_string();
        let text =
            std::fs::read(path).map_err(|error| Stop::usage(format!("{shown} cannot be read: {error}")))?;
        self.text(&shown, &text);
        Ok(())
    }

    fn text(&mut self, shown: &str, text: &[u8]) {
        match parse_features(shown, text) {
            Ok(SpecFile { features, notes }) => {
                self.features.extend(features);
                self.notes.extend(notes);
            }
            Err(errors) => self.errors.extend(errors),
        }
    }
}

/// The specification files below a folder, sorted; nothing hidden.
fn specs_below(folder: &Path, depth: usize) -> anyhow::Result<Vec<PathBuf>> {
    let shown = folder.display();
    let cannot = |error: std::io::Error| Stop::usage(format!("{shown} cannot be read: {error}"));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // Links to folders are not followed: they may lead round in circles.
        let folder = entry.file_type().map_err(cannot)?.is_dir();
        if folder && depth < DEPTH {
            files.extend(specs_below(&path, depth + 1)?);
        } else if !folder && path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads the template files that specifications name, relative to their own
/// file, into them: a controller never needs a client's disk. A name that no
/// file has, and that does not look like a file's, is one of the controller's
/// settings.
fn templates(features: &mut [Located<Feature>]) -> Vec<SpecError> {
    let mut errors = Vec::new();
    for feature in features {
        let dockerrun = &feature.value.spec.dockerrun;
        let Some(name) = dockerrun.template.clone().filter(|_| dockerrun.text.is_none()) else { continue };
        let folder = Path::new(&feature.file).parent().unwrap_or(Path::new(""));
        match std::fs::read_to_string(folder.join(&name)) {
            Ok(text) => feature.value.spec.dockerrun.text = Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !name.contains(['.', '/']) => {}
            Err(error) => errors.push(feature.error(
                "spec.dockerrun.template",
                format!("{} cannot be read: {error}", folder.join(&name).display()),
                Some("the file is looked for beside the specification".to_owned()),
            )),
        }
    }
    errors
}
