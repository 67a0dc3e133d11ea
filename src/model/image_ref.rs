//! Image references, by the grammar of container registries and the narrower
//! one of ECR.

use std::fmt;

use thiserror::Error;

use super::ids::Digest;

/// Longest tag (registry grammar; ECR's API would take more).
const TAG: usize = 128;
/// Longest repository name (AWS API ECR `CreateRepository`).
const REPOSITORY: usize = 256;

/// Which image is meant: a repository, and a tag or a digest or both. With
/// both, the digest decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    /// The registry's host, with a port if it has one; `None` is the own
    /// account's ECR.
    pub registry: Option<String>,
    /// The repository, slashes included.
    pub repository: String,
    /// The tag.
    pub tag: Option<String>,
    /// The digest.
    pub digest: Option<Digest>,
}

/// A text that names no image. The message says what to write.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ImageReferenceError(String);

impl ImageReference {
    /// Reads `repository:tag`, `repository@sha256:…` or either with a
    /// registry's host in front.
    ///
    /// # Errors
    /// Anything else, and a reference with neither tag nor digest: which
    /// image that means would change behind everybody's back.
    pub fn parse(text: &str) -> Result<Self, ImageReferenceError> {
        let wrong = |why: String| Err(ImageReferenceError(why));
        if let Some((scheme, rest)) = text.split_once("://") {
            return wrong(format!("a reference has no `{scheme}://`; write {rest}"));
        }
        if let Some(c) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return wrong(format!("{c:?} cannot be part of an image reference"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(parse_digest(digest)?)),
            None => (text, None),
        };
        let (registry, path) = split_registry(name);
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(parse_tag(tag)?)),
            None => (path, None),
        };
        if let Some(host) = registry {
            check_host(host)?;
        }
        // Without a host the repository is one of ECR.
        check_repository(repository, registry.is_none_or(|host| is_ecr_host(host).is_some()))?;
        if tag.is_none() && digest.is_none() {
            return wrong(format!("it names neither tag nor digest; write {name}:TAG or {name}@sha256:…"));
        }
        Ok(Self { registry: registry.map(str::to_owned), repository: repository.to_owned(), tag, digest })
    }

    /// What is legal and still worth a word.
    pub fn notes(&self) -> Vec<String> {
        if self.digest.is_none() && self.tag.as_deref() == Some("latest") {
            return vec![
                "`latest` moves with every push, so that nobody can say which build is shown; \
                 a tag per build can"
                    .to_owned(),
            ];
        }
        Vec::new()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The first part is a host if it could not be part of a repository, or is
/// `localhost`: the rule by which container engines tell them apart. Only
/// `shop:feature/x` is read as a tag with a slash in it, the likelier slip.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', '['])
                || first
                    .rsplit_once(':')
                    .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
                || (first.contains(|c: char| c.is_ascii_uppercase()) && !first.contains(':')) =>
        {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn check_host(host: &str) -> Result<(), ImageReferenceError> {
    // An IPv6 address stands in brackets; all else is a name or IPv4 address.
    let (name, port) = match host.rfind(']') {
        Some(end) => (&host[..=end], host[end + 1..].strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let name_fits = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(label),
    };
    if name_fits && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Ok(());
    }
    Err(ImageReferenceError(format!("`{host}` is not the host of a registry")))
}

fn check_repository(repository: &str, ecr: bool) -> Result<(), ImageReferenceError> {
    let wrong = |why: &str| Err(ImageReferenceError(format!("repository `{repository}`: {why}")));
    if repository.is_empty() {
        return Err(ImageReferenceError(
            "the repository is missing; write REPOSITORY:TAG, such as shop-web:login-41".to_owned(),
        ));
    }
    if repository.contains(|c: char| c.is_ascii_uppercase()) {
        return wrong(&format!("repositories are lower case; write {}", repository.to_ascii_lowercase()));
    }
    if repository.len() > REPOSITORY || (ecr && repository.len() < 2) {
        return wrong("ECR takes 2 to 256 characters");
    }
    for part in repository.split('/') {
        if part.is_empty() {
            return wrong("there is nothing beside a slash");
        }
        if let Some(c) = part.chars().find(|c| !c.is_ascii_alphanumeric() && !"._-".contains(*c)) {
            return wrong(&format!("{c:?} is not allowed; use a-z, 0-9 and . _ - / between them"));
        }
        if !part.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !part.ends_with(|c: char| c.is_ascii_alphanumeric())
        {
            return wrong("every part begins and ends with a letter or digit");
        }
        if separators(part).any(|run| !separator_fits(run, ecr)) {
            return wrong(if ecr {
                "ECR takes one of . _ - at a time"
            } else {
                "between letters and digits stand one dot, one or two underscores, or hyphens"
            });
        }
    }
    Ok(())
}

fn separators(part: &str) -> impl Iterator<Item = &str> {
    part.split(|c: char| c.is_ascii_alphanumeric()).filter(|run| !run.is_empty())
}

fn separator_fits(run: &str, ecr: bool) -> bool {
    run.len() == 1 || (!ecr && (run == "__" || run.bytes().all(|b| b == b'-')))
}

fn parse_tag(tag: &str) -> Result<String, ImageReferenceError> {
    let wrong = |why: String| Err(ImageReferenceError(why));
    if tag.is_empty() {
        return wrong("the tag after `:` is missing".to_owned());
    }
    if tag.len() > TAG {
        return wrong(format!("the tag has {} characters; {TAG} are possible", tag.len()));
    }
    let inner = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if let Some(c) = tag.chars().find(|c| !inner(*c)) {
        let fit: String = tag.chars().map(|c| if inner(c) { c } else { '-' }).collect();
        let fit = fit.trim_matches(['-', '.']);
        let perhaps = if fit.is_empty() { String::new() } else { format!("; perhaps {fit}") };
        return wrong(format!("{c:?} cannot be part of a tag{perhaps}"));
    }
    if tag.starts_with(['-', '.']) {
        return wrong("a tag begins with a letter, a digit or `_`".to_owned());
    }
    Ok(tag.to_owned())
}

fn parse_digest(digest: &str) -> Result<Digest, ImageReferenceError> {
    let hex = |text: &str| {
        text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    if digest.strip_prefix("sha256:").is_some_and(hex) {
        return Ok(Digest::from(digest));
    }
    Err(ImageReferenceError("a digest is `sha256:` and 64 hexadecimal digits in lower case".to_owned()))
}

/// Account and region of an ECR registry's host, if it is one: public,
/// Chinese, FIPS and dual-stack forms.
pub fn is_ecr_host(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let rest = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."]
        .iter()
        .find_map(|service| rest.strip_prefix(service))?;
    let (region, domain) = rest.split_once('.')?;
    let region_fits = !region.is_empty() && region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let domains = ["amazonaws.com", "amazonaws.com.cn", "on.aws", "on.amazonwebservices.com.cn"];
    (region_fits && domains.contains(&domain)).then_some((account, region))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ImageReference {
        ImageReference::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn hex() -> String {
        "0123456789abcdef".repeat(4)
    }

    #[test]
    fn reads_the_forms_that_people_use() {
        for text in [
            "shop-web:login-41",
            "team/shop_web.x:1.10",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop-web:1",
            "localhost:5000/shop:1",
            "localhost/a:1",
            "[::1]:5000/shop:1",
            "docker.io/library/nginx:1.27",
            "ghcr.io/some__one/a--b:V_1.x",
        ] {
            assert_eq!(parse(text).to_string(), text);
        }
        let reference = parse(&format!("localhost:5000/shop:1@sha256:{}", hex()));
        assert_eq!(reference.registry.as_deref(), Some("localhost:5000"));
        assert_eq!(reference.repository, "shop");
        assert_eq!(reference.tag.as_deref(), Some("1"));
        assert_eq!(reference.digest, Some(Digest::new(format!("sha256:{}", hex()))));
        assert_eq!(parse("a/b:1").registry, None);
    }

    #[test]
    fn says_what_to_write() {
        let long = "x".repeat(129);
        for (text, part) in [
            ("shop-web", "write shop-web:TAG"),
            ("", "REPOSITORY:TAG"),
            (":1", "REPOSITORY:TAG"),
            ("shop:", "tag after"),
            ("Shop:1", "write shop"),
            ("shop:a/b", "perhaps a-b"),
            ("shop:feature/é", "perhaps feature"),
            ("shop:-x", "begins with"),
            (&format!("shop:{long}"), "129 characters"),
            ("https://host.example/shop:1", "write host.example/shop:1"),
            ("shop web:1", "cannot be part"),
            ("shop//web:1", "beside a slash"),
            ("shop..web:1", "one of"),
            ("ghcr.io/a...b:1", "one dot"),
            ("shop-:1", "begins and ends"),
            ("s:1", "2 to 256"),
            ("shop@sha256:abc", "64 hexadecimal"),
            ("shop@sha512:abc", "64 hexadecimal"),
            ("host.example:70000/shop:1", "not the host"),
            ("-host.example/shop:1", "not the host"),
        ] {
            let error = ImageReference::parse(text).expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn latest_is_worth_a_word() {
        assert_eq!(parse("shop:latest").notes().len(), 1);
        assert_eq!(parse(&format!("shop:latest@sha256:{}", hex())).notes().len(), 0);
        assert_eq!(parse("shop:1").notes().len(), 0);
    }

    #[test]
    fn knows_registries_of_ecr() {
        assert_eq!(
            is_ecr_host("123456789012.dkr.ecr.eu-central-1.amazonaws.com"),
            Some(("123456789012", "eu-central-1"))
        );
        assert_eq!(is_ecr_host("123456789012.dkr-ecr.us-west-2.on.aws"), Some(("123456789012", "us-west-2")));
        assert_eq!(
            is_ecr_host("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn"),
            Some(("123456789012", "cn-north-1"))
        );
        for host in [
            "12345678901.dkr.ecr.eu-central-1.amazonaws.com",
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com.example",
            "123456789012.dkr.ecr..amazonaws.com",
            "public.ecr.aws",
            "localhost:5000",
        ] {
            assert_eq!(is_ecr_host(host), None, "{host}");
        }
    }
}
