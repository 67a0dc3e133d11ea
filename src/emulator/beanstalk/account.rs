//! What belongs to the account: DNS names, the storage bucket, quotas.

use super::{Outcome, check_length};
use crate::emulator::requests::Request;
use crate::emulator::wire::{Refusal, Xml};
use crate::emulator::world::World;

/// Refuses a CNAME prefix that no DNS name can have.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Refusal> {
    check_length("cNAMEPrefix", prefix, 4, 63)?;
    let legal = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    if prefix.chars().all(legal) && !prefix.starts_with('-') && !prefix.ends_with('-') {
        return Ok(());
    }
    Err(Refusal::value(format!(
        "Value {prefix} at 'CNAMEPrefix' failed to satisfy constraint: Member must contain only letters, digits, and the dash character and may not start or end with a dash"
    )))
}

/// Whether nobody in the region, we included, holds a CNAME prefix.
pub(super) fn is_free(world: &World, prefix: &str) -> bool {
    !world.strangers.contains(prefix) && !world.prefixes.contains_key(prefix)
}

pub(super) fn check_dns(world: &mut World, request: &mut Request) -> Outcome {
    let prefix = request.form.required("CNAMEPrefix")?.to_lowercase();
    check_prefix(&prefix)?;
    let mut xml = Xml::new();
    xml.put("Available", if is_free(world, &prefix) { "true" } else { "false" });
    xml.put("FullyQualifiedCNAME", &world.cname(&prefix));
    Ok(Some(xml))
}

pub(super) fn create_storage(world: &mut World, _: &mut Request) -> Outcome {
    let now = world.now();
    let bucket = world.with_objects(|objects| objects.create_storage_bucket(now));
    let mut xml = Xml::new();
    xml.put("S3Bucket", &bucket);
    Ok(Some(xml))
}

pub(super) fn attributes(world: &mut World, _: &mut Request) -> Outcome {
    let quotas = world.quotas;
    let mut xml = Xml::new();
    xml.element("ResourceQuotas", |xml| {
        for (name, maximum) in [
            ("ApplicationQuota", quotas.applications),
            ("ApplicationVersionQuota", quotas.versions),
            ("EnvironmentQuota", quotas.environments),
            ("ConfigurationTemplateQuota", quotas.templates),
            ("CustomPlatformQuota", 50),
        ] {
            xml.element(name, |xml| xml.put("Maximum", &maximum.to_string()));
        }
    });
    Ok(Some(xml))
}
