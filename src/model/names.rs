//! Names in AWS, made from a feature's name. Every one of them carries a hash
//! over all that must keep it apart, so that no two features, applications or
//! stores ever mean the same thing; the slug in front is for people.
//!
//! A character of a hash is five bits. Names of environments have eleven of
//! them (55 bits): among ten thousand features the chance of one collision is
//! about one in a thousand million.

use deunicode::deunicode;

use super::hash::{digest, short};
use super::ids::{ApplicationName, EnvironmentName, FeatureName, StoreId, VersionLabel};

/// Characters of the hash in environment names and CNAME prefixes.
const HASH: usize = 11;
/// Characters of the hash where there is room.
const LONG_HASH: usize = 26;
/// Longest environment name (AWS API `CreateEnvironment`).
const ENVIRONMENT_NAME: usize = 40;
/// Longest prefix of an environment name that leaves a slug to be seen.
const PREFIX: usize = 20;
/// Longest label of a host name (RFC 1035), which bounds CNAME prefixes, and
/// slugs because they may stand in a host name of their own.
const HOST_LABEL: usize = 63;
/// Part of a version label that the slug may fill; 100 are allowed.
const LABEL_SLUG: usize = 60;
/// Part of an S3 key that one slug may fill.
const KEY_SLUG: usize = 40;
/// Longest tag value: the API allows 256, the Beanstalk guide speaks of 255.
const TAG_VALUE: usize = 255;

/// The name as people still recognise it: ASCII lower case letters, digits
/// and single hyphens, none at the edges, 1 to 63 characters. Different names
/// may have the same slug.
pub fn slug(name: &FeatureName) -> String {
    slug_of(name.as_str(), HOST_LABEL)
}

fn slug_of(text: &str, longest: usize) -> String {
    let mut slug = String::new();
    for c in deunicode(text).chars() {
        if slug.len() == longest {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() {
        slug.push('x');
    }
    slug
}

/// The name of a feature's environment: prefix, slug and hash; 4 to 40 of
/// `a–z`, `0–9`, `-` with no hyphen at the edges (AWS API
/// `CreateEnvironment`), lower case because names are compared without case.
///
/// A prefix that [`prefix_problem`] refuses is bent until it fits, because a
/// name must be legal; the configuration is the place to refuse it.
pub fn environment_name(
    prefix: &str,
    store: &StoreId,
    application: &ApplicationName,
    feature: &FeatureName,
) -> EnvironmentName {
    let hash = scoped("environment", store, application, feature, &[]);
    let prefix = if prefix_problem(prefix).is_none() {
        prefix.to_owned()
    } else {
        format!("{}-", slug_of(prefix, PREFIX - 1))
    };
    let slug = slug_of(feature.as_str(), ENVIRONMENT_NAME - prefix.len() - 1 - HASH);
    EnvironmentName::new(format!("{prefix}{slug}-{hash}"))
}

/// Why a text cannot be the prefix of environment names, if so.
pub fn prefix_problem(prefix: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some(c) = prefix.chars().find(|c| !legal(*c)) {
        return Some(format!("{c:?} is not allowed; use lower case letters, digits and hyphens"));
    }
    if prefix.starts_with('-') {
        return Some("environment names cannot begin with a hyphen".to_owned());
    }
    (prefix.len() > PREFIX).then(|| format!("{} characters leave no room; {PREFIX} at most", prefix.len()))
}

/// The `n`th CNAME prefix of a feature: slug and hash, 4 to 63 characters
/// (AWS API `CreateEnvironment`). The prefix is shared by all AWS customers
/// of a region; when one is taken, the next of this fixed series is tried.
pub fn cname_prefix(store: &StoreId, application: &ApplicationName, feature: &FeatureName, n: u32) -> String {
    let hash = scoped("cname", store, application, feature, &n.to_be_bytes());
    format!("{}-{hash}", slug_of(feature.as_str(), HOST_LABEL - 1 - HASH))
}

fn scoped(
    domain: &str,
    store: &StoreId,
    application: &ApplicationName,
    feature: &FeatureName,
    more: &[u8],
) -> String {
    let parts =
        [store.as_str().as_bytes(), application.as_str().as_bytes(), feature.as_str().as_bytes(), more];
    short(&digest(domain, &parts), HASH)
}

/// The label of an application version: slug and hash over the feature's
/// full name, `content_hash` and `nonce`; at most 100 characters, no slash
/// (AWS API `CreateApplicationVersion`).
///
/// Labels are unique per application, so `content_hash` must cover whatever
/// else keeps two versions apart, the store's id included. A nonce above 0
/// gives the same content a fresh label.
pub fn version_label(feature: &FeatureName, content_hash: &str, nonce: u32) -> VersionLabel {
    let parts = [feature.as_str().as_bytes(), content_hash.as_bytes(), &nonce.to_be_bytes()];
    let hash = short(&digest("label", &parts), LONG_HASH);
    VersionLabel::new(format!("{}-{hash}", slug_of(feature.as_str(), LABEL_SLUG)))
}

/// The tag whose value proves an environment ours.
pub const BINDING_TAG: &str = "beansprout:binding";

/// The tag that says which feature an environment was made for.
pub const FEATURE_TAG: &str = "beansprout:feature";

/// Whether a tag is one of those that we put on environments.
pub fn is_our_tag(key: &str) -> bool {
    key.starts_with("beansprout:")
}

/// The value of the tag that binds an environment to a store: a hash that
/// fits only the environment of this very name, so that a copied tag proves
/// nothing. Letters and digits only.
pub fn binding(store: &StoreId, application: &ApplicationName, environment: &EnvironmentName) -> String {
    let parts = [store.as_str(), application.as_str(), environment.as_str()].map(str::as_bytes);
    short(&digest("binding", &parts), 32)
}

/// A text as a tag value: 1 to 255 characters that every AWS service accepts
/// in tags. Different texts give different values.
///
/// What is not allowed becomes `=` and two hexadecimal digits a byte, `=`
/// itself included; so do a leading or trailing space and the first letter of
/// the prefixes that AWS reserves. The empty text is a lone `=`. What is too
/// long is cut and ends in `==` and a hash, which nothing else does.
pub fn tag_text(text: &str) -> String {
    if text.is_empty() {
        return "=".to_owned();
    }
    let lower = text.get(..17).unwrap_or(text).to_ascii_lowercase();
    let reserved = lower.starts_with("aws:") || lower.starts_with("elasticbeanstalk:");
    let mut value = String::with_capacity(text.len());
    // Where the value may be cut without tearing an escape.
    let mut cut = 0;
    for (at, byte) in text.bytes().enumerate() {
        let edge = at == 0 || at + 1 == text.len();
        let plain = byte.is_ascii_alphanumeric() || b"_.:/+-@".contains(&byte) || (byte == b' ' && !edge);
        if plain && !(reserved && at == 0) {
            value.push(char::from(byte));
        } else {
            value.push_str(&format!("={byte:02X}"));
        }
        if value.len() <= TAG_VALUE - 2 - LONG_HASH {
            cut = value.len();
        }
    }
    if value.len() > TAG_VALUE {
        value.truncate(cut);
        value.push_str("==");
        value.push_str(&short(&digest("tag", &[text.as_bytes()]), LONG_HASH));
    }
    value
}

/// The S3 key of a version's bundle, far below the 1024 bytes that S3 allows
/// and made of characters that need no escaping anywhere:
/// `sprout/<installation>/<application>/<feature>/<label>.zip`.
pub fn bundle_key(
    installation: &str,
    application: &ApplicationName,
    feature: &FeatureName,
    label: &VersionLabel,
) -> String {
    let installation = as_it_stands(installation).unwrap_or_else(|| key_part("installation", installation));
    let application = key_part("application", application.as_str());
    let feature = key_part("feature", feature.as_str());
    let label = as_it_stands(label.as_str()).unwrap_or_else(|| key_part("label", label.as_str()));
    format!("sprout/{installation}/{application}/{feature}/{label}.zip")
}

/// A text that may be part of a key unchanged. It never begins with the `_`
/// of a [`key_part`].
fn as_it_stands(text: &str) -> Option<String> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=100).contains(&text.len()) && text.bytes().all(legal);
    (fits && text.as_bytes()[0].is_ascii_alphanumeric()).then(|| text.to_owned())
}

fn key_part(domain: &str, text: &str) -> String {
    let hash = short(&digest(domain, &[text.as_bytes()]), LONG_HASH);
    format!("_{}-{hash}", slug_of(text, KEY_SLUG))
}
