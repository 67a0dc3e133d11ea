//! Reading specifications from files, folders and standard input: all of
//! them, with every mistake of every file, before anything is done.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::exit::Stop;
use super::out::Out;
use super::voice::count;
use crate::gitops::folder::{read_template, specs_below};
use crate::model::{Feature, Located, SpecError, SpecFile, duplicates, parse_features, refusals, render};

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
    errors.extend(features.iter_mut().filter_map(|feature| read_template(feature).err()));
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
        let files = specs_below(path).map_err(Stop::usage)?;
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
