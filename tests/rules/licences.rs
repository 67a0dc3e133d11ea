//! Everything that is linked in may be given away. `deny.toml` holds the list;
//! cargo-deny reads the same one where it is installed.

use std::process::Command;

use figment::Figment;
use figment::providers::{Format, Toml};

use super::assert_kept;
use super::source::root;

/// A package as `cargo metadata` names it.
struct Package {
    name: String,
    licence: Option<String>,
}

/// Whether an SPDX expression can be met by allowed licences alone. The old
/// form `MIT/Apache-2.0` means OR.
fn met(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let tokens: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    any_of(&tokens, &mut at, allowed) && at == tokens.len()
}

fn any_of(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut result = all_of(tokens, at, allowed);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        result |= all_of(tokens, at, allowed);
    }
    result
}

fn all_of(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let mut result = one(tokens, at, allowed);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        result &= one(tokens, at, allowed);
    }
    result
}

fn one(tokens: &[&str], at: &mut usize, allowed: &[String]) -> bool {
    let Some(&first) = tokens.get(*at) else { return false };
    *at += 1;
    if first == "(" {
        let result = any_of(tokens, at, allowed);
        let closed = tokens.get(*at) == Some(&")");
        *at += usize::from(closed);
        return result && closed;
    }
    let mut licence = first.to_owned();
    if tokens.get(*at) == Some(&"WITH") {
        licence = format!("{first} WITH {}", tokens.get(*at + 1).copied().unwrap_or_default());
        *at += 2;
    }
    allowed.contains(&licence)
}

fn violations(packages: &[Package], allowed: &[String], banned: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for Package { name, licence } in packages {
        match licence {
            None => found.push(format!("{name}: names no licence")),
            Some(licence) if !met(licence, allowed) => {
                found.push(format!("{name}: {licence}"));
            }
            Some(_) => {}
        }
        if banned.contains(name) {
            found.push(format!("{name}: banned by deny.toml"));
        }
    }
    found
}

/// Every package of Cargo.lock; where those of other systems were never
/// downloaded, every package of this one.
fn packages() -> Vec<Package> {
    let metadata = metadata(&[]).or_else(|_| metadata(&["--filter-platform", &host()]));
    let metadata = metadata.expect("cargo metadata without the network: the build has downloaded everything");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let package = |package: &serde_json::Value| Package {
        name: text(&package["name"]).expect("a package has a name"),
        licence: text(&package["license"]),
    };
    packages.iter().map(package).collect()
}

fn metadata(arguments: &[&str]) -> Result<serde_json::Value, String> {
    let run = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(arguments)
        .current_dir(root())
        .output()
        .map_err(|error| error.to_string())?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into_owned());
    }
    serde_json::from_slice(&run.stdout).map_err(|error| error.to_string())
}

fn host() -> String {
    let run = Command::new("rustc").arg("-vV").output().expect("rustc is beside cargo");
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

#[test]
fn every_dependency_is_permissive() {
    let deny = Figment::from(Toml::file_exact(root().join("deny.toml")));
    let allowed: Vec<String> = deny.extract_inner("licenses.allow").expect("deny.toml allows licences");
    let bans: Vec<serde_json::Value> = deny.extract_inner("bans.deny").expect("deny.toml bans packages");
    let banned: Vec<String> =
        bans.iter().map(|ban| ban["crate"].as_str().expect("a ban names a crate").to_owned()).collect();
    let packages = packages();
    assert!(packages.len() > 100, "cargo metadata shows {} packages", packages.len());
    assert_kept("every dependency is permissive", &violations(&packages, &allowed, &banned));
}

#[test]
fn licence_expressions_are_read_as_spdx_means_them() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for met_by_these in
        ["MIT", "GPL-3.0 OR MIT", "MIT/GPL-3.0", "(GPL-3.0 OR MIT) AND ISC", "MIT OR X WITH Y"]
    {
        assert!(met(met_by_these, &allowed), "{met_by_these}");
    }
    assert!(met("Apache-2.0 WITH LLVM-exception", &allowed));
    for unmet in ["GPL-3.0", "MIT AND GPL-3.0", "(GPL-3.0 OR MIT) AND X", "Apache-2.0", "(MIT", "MIT MIT", ""]
    {
        assert!(!met(unmet, &allowed), "{unmet}");
    }
}

#[test]
fn a_licence_that_is_not_allowed_is_caught() {
    let package = |name: &str, licence: Option<&str>| Package {
        name: name.to_owned(),
        licence: licence.map(str::to_owned),
    };
    let packages = [
        package("a", Some("GPL-3.0")),
        package("b", None),
        package("c", Some("MIT")),
        package("d", Some("MIT")),
    ];
    let found = violations(&packages, &["MIT".to_owned()], &["d".to_owned()]);
    assert_eq!(found, ["a: GPL-3.0", "b: names no licence", "d: banned by deny.toml"]);
}
