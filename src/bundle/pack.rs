//! The source bundle, byte for byte the same for the same files.

use std::collections::BTreeMap;
use std::io::{Cursor, Write as _};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::model::hash::{digest, short};
use crate::model::{Digest, OptionKey};

/// Version of [`content_hash`]; another one makes every feature outdated.
const CONTENT_VERSION: &str = "v1";
/// Readable by all, written by the owner.
const PLAIN: u32 = 0o644;

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileEntry {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Unix permissions; platform hooks must be executable.
    pub mode: u32,
}

/// Files of a bundle by path, with forward slashes and no leading one.
pub type Files = BTreeMap<String, FileEntry>;

/// The bundle of a feature that is deployed from an image: the Dockerrun
/// file alone.
pub fn files(dockerrun: &str) -> Files {
    let entry = FileEntry { bytes: dockerrun.as_bytes().to_vec(), mode: PLAIN };
    Files::from([("Dockerrun.aws.json".to_owned(), entry)])
}

/// The files as a zip archive: sorted by path, dated 1980-01-01, with the
/// permissions given. They are stored, not compressed: compressors pick their
/// matches by the processor's features, and what we pack is small.
///
/// # Panics
/// A path of more than 65,535 bytes, or more than 4 GB in one file.
pub fn zip(files: &Files) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (path, entry) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(DateTime::default())
            .unix_permissions(entry.mode);
        writer.start_file(path.as_str(), options).expect("a path fits a zip archive");
        writer.write_all(&entry.bytes).expect("memory takes every write");
    }
    writer.finish().expect("memory takes every write").into_inner()
}

/// Hash over everything that reaches an environment: paths, permissions and
/// contents before they are packed, our options, and the image's digest.
pub fn content_hash(files: &Files, options: &BTreeMap<OptionKey, String>, image: Option<&Digest>) -> String {
    let contents: Vec<_> = files
        .iter()
        .map(|(path, entry)| {
            let content = digest("file", &[&entry.bytes]);
            digest("entry", &[path.as_bytes(), &entry.mode.to_be_bytes(), &content])
        })
        .collect();
    let options: Vec<_> = options
        .iter()
        .map(|(key, value)| {
            digest("option", &[key.namespace.as_bytes(), key.name.as_bytes(), value.as_bytes()])
        })
        .collect();
    let all =
        |hashes: &[[u8; 32]]| digest("list", &hashes.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>());
    let image = image.map_or("", Digest::as_str);
    let hash = digest("content", &[&all(&contents), &all(&options), image.as_bytes()]);
    format!("{CONTENT_VERSION}:{}", short(&hash, 51))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use data_encoding::HEXLOWER;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn sample() -> Files {
        let mut sample = files("{\"AWSEBDockerrunVersion\": \"1\"}\n");
        let hook = FileEntry { bytes: b"#!/bin/sh\nexit 0\n".to_vec(), mode: 0o755 };
        sample.insert(".platform/hooks/predeploy/10-check.sh".to_owned(), hook);
        sample
    }

    #[test]
    fn the_archive_never_changes_unnoticed() {
        assert_eq!(
            HEXLOWER.encode(&Sha256::digest(zip(&sample()))),
            "e13c76690d4bdb003d91f1ba8b9414f30baeef9d462c50550343d4b79498c553",
            "other bytes for the same files: every bundle would be stored anew"
        );
    }

    #[test]
    fn the_content_hash_never_changes_unnoticed() {
        let options = BTreeMap::from([(OptionKey::new("aws:a", "B"), "c".to_owned())]);
        let image = Digest::new("sha256:00");
        assert_eq!(
            content_hash(&sample(), &options, Some(&image)),
            "v1:ewtjbz3yd6ws7hhs5a52lddpnckrejoornkaos3dyt7af75sk2z",
            "another hash for the same content: every feature would be deployed anew"
        );
    }

    #[test]
    fn the_archive_reads_back_with_permissions_and_fixed_times() {
        let mut archive = zip::ZipArchive::new(Cursor::new(zip(&sample()))).unwrap();
        assert_eq!(archive.len(), 2);
        let mut hook = archive.by_name(".platform/hooks/predeploy/10-check.sh").unwrap();
        assert_eq!(hook.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(hook.last_modified().map(|time| time.year()), Some(1980));
        let mut text = String::new();
        hook.read_to_string(&mut text).unwrap();
        assert_eq!(text, "#!/bin/sh\nexit 0\n");
    }

    #[test]
    fn whatever_reaches_the_environment_changes_the_hash() {
        let none = BTreeMap::new();
        let base = content_hash(&sample(), &none, None);
        let mut mode = sample();
        mode.get_mut("Dockerrun.aws.json").unwrap().mode = 0o600;
        let mut bytes = sample();
        bytes.get_mut("Dockerrun.aws.json").unwrap().bytes.push(b' ');
        let mut path = sample();
        let entry = path.remove("Dockerrun.aws.json").unwrap();
        path.insert("dockerrun.aws.json".to_owned(), entry);
        let option = BTreeMap::from([(OptionKey::new("aws:a", "B"), "c".to_owned())]);
        // The border between name and value counts.
        let moved = BTreeMap::from([(OptionKey::new("aws:a", "Bc"), String::new())]);
        let others = [
            content_hash(&mode, &none, None),
            content_hash(&bytes, &none, None),
            content_hash(&path, &none, None),
            content_hash(&sample(), &option, None),
            content_hash(&sample(), &moved, None),
            content_hash(&sample(), &none, Some(&Digest::new("sha256:00"))),
        ];
        let all: std::collections::BTreeSet<_> = others.iter().chain([&base]).collect();
        assert_eq!(all.len(), others.len() + 1);
    }
}
