//! The rules of buckets and objects, apart from how requests spell them.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use jiff::Timestamp;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::{
    self, CommonPrefix, ETag, ETagCondition, ListObjectsV2Input, ObjectStorageClass, PutObjectInput,
};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::{Bucket, Object, Objects, Sum};

impl Objects {
    pub(super) fn bucket(&self, name: &str, expected_owner: Option<&str>) -> S3Result<&Bucket> {
        let bucket = self.buckets.get(name).ok_or_else(no_such_bucket)?;
        check_owner(bucket, expected_owner)?;
        Ok(bucket)
    }

    pub(super) fn bucket_mut(&mut self, name: &str, expected_owner: Option<&str>) -> S3Result<&mut Bucket> {
        let bucket = self.buckets.get_mut(name).ok_or_else(no_such_bucket)?;
        check_owner(bucket, expected_owner)?;
        Ok(bucket)
    }

    /// Names are unique over all accounts; the region must be said as the
    /// endpoint wants it, and not at all in us-east-1.
    pub(super) fn create_bucket(
        &mut self,
        name: &str,
        asked: Option<&str>,
        now: Timestamp,
    ) -> S3Result<String> {
        let classic = self.region == "us-east-1";
        match asked {
            Some("us-east-1") => {
                return Err(s3_error!(
                    InvalidLocationConstraint,
                    "The specified location-constraint is not valid"
                ));
            }
            None if classic => {}
            Some(region) if region == self.region => {}
            other => {
                let said = other.unwrap_or("unspecified");
                return Err(S3Error::with_message(
                    S3ErrorCode::IllegalLocationConstraintException,
                    format!(
                        "The {said} location constraint is incompatible for the region specific endpoint this \
                         request was sent to."
                    ),
                ));
            }
        }
        match self.buckets.get(name) {
            Some(bucket) if bucket.owner != self.account => {
                let message = "The requested bucket name is not available. The bucket namespace is shared by all \
                     users of the system. Please select a different name and try again.";
                return Err(s3_error!(BucketAlreadyExists, "{message}"));
            }
            // Kept from old times: in us-east-1 making one's own bucket again succeeds.
            Some(_) if !classic => {
                let message =
                    "Your previous request to create the named bucket succeeded and you already own it.";
                return Err(s3_error!(BucketAlreadyOwnedByYou, "{message}"));
            }
            Some(_) => {}
            None => {
                let bucket = Bucket::new(self.account.clone(), self.region.clone(), now);
                self.buckets.insert(name.to_owned(), bucket);
            }
        }
        Ok(format!("/{name}"))
    }

    pub(super) fn delete_bucket(&mut self, name: &str, expected_owner: Option<&str>) -> S3Result<()> {
        let bucket = self.bucket(name, expected_owner)?;
        if bucket.owner != self.account || bucket.is_delete_denied() {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        if !bucket.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        self.buckets.remove(name);
        Ok(())
    }
}

impl Object {
    pub(super) fn shown_type(&self) -> String {
        self.content_type.clone().unwrap_or_else(|| "binary/octet-stream".to_owned())
    }
}

/// One page of a bucket's keys.
pub(super) struct Listing {
    pub(super) contents: Vec<dto::Object>,
    pub(super) prefixes: Vec<CommonPrefix>,
    pub(super) size: i32,
    /// The last key or common prefix of this page, where another page follows.
    pub(super) next: Option<String>,
}

impl Listing {
    pub(super) fn of(objects: &Objects, input: &ListObjectsV2Input, after: Option<String>) -> S3Result<Self> {
        let bucket = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let size = input.max_keys.unwrap_or(1000).clamp(0, 1000);
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
        let after = after.unwrap_or_default();
        let mut page = Self { contents: Vec::new(), prefixes: Vec::new(), size, next: None };
        let mut seen = BTreeSet::new();
        let mut last = String::new();
        for (key, object) in bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            let cut = delimiter.and_then(|delimiter| Some((delimiter, key[prefix.len()..].find(delimiter)?)));
            let common = cut.map(|(delimiter, at)| &key[..prefix.len() + at + delimiter.len()]);
            let shown = common.unwrap_or(key);
            if shown <= after.as_str() || seen.contains(shown) {
                continue;
            }
            if seen.len() == size as usize {
                page.next = (size > 0).then_some(last);
                break;
            }
            seen.insert(shown);
            shown.clone_into(&mut last);
            match common {
                Some(common) => page.prefixes.push(CommonPrefix { prefix: Some(common.to_owned()) }),
                None => page.contents.push(list_entry(key, object)),
            }
        }
        Ok(page)
    }
}

fn list_entry(key: &str, object: &Object) -> dto::Object {
    dto::Object {
        e_tag: Some(ETag::Strong(object.etag.clone())),
        key: Some(key.to_owned()),
        last_modified: Some(stamp(object.modified)),
        size: Some(object.body.len() as i64),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Default::default()
    }
}

/// Compares every checksum that came along; answers the one to keep.
pub(super) fn check_sums(input: &PutObjectInput, body: &[u8]) -> S3Result<Option<Sum>> {
    let md5 = BASE64.encode(&Md5::checksum(body));
    if input.content_md5.as_ref().is_some_and(|sent| *sent != md5) {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
    }
    let mut kept = None;
    let mut check = |name: &str, sent: &Option<String>, sum: &dyn Fn() -> String, wrap: fn(String) -> Sum| {
        let Some(sent) = sent else { return Ok(()) };
        if *sent != sum() {
            return Err(s3_error!(
                BadDigest,
                "The {name} you specified did not match the calculated checksum."
            ));
        }
        kept = Some(wrap(sent.clone()));
        Ok(())
    };
    check("CRC32", &input.checksum_crc32, &|| BASE64.encode(&Crc32::checksum(body)), Sum::Crc32)?;
    check("CRC32C", &input.checksum_crc32c, &|| BASE64.encode(&Crc32c::checksum(body)), Sum::Crc32c)?;
    check(
        "CRC64NVME",
        &input.checksum_crc64nvme,
        &|| BASE64.encode(&Crc64Nvme::checksum(body)),
        Sum::Crc64Nvme,
    )?;
    check("SHA1", &input.checksum_sha1, &|| BASE64.encode(&Sha1::checksum(body)), Sum::Sha1)?;
    check("SHA256", &input.checksum_sha256, &|| BASE64.encode(&Sha256::checksum(body)), Sum::Sha256)?;
    Ok(kept)
}

/// Conditional writes ("How to prevent object overwrites with conditional writes").
pub(super) fn check_conditions(input: &PutObjectInput, there: Option<&Object>) -> S3Result<()> {
    let failed =
        || s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold");
    match (&input.if_none_match, there) {
        (Some(ETagCondition::Any), Some(_)) => return Err(failed()),
        (Some(ETagCondition::ETag(_)), _) => {
            return Err(s3_error!(NotImplemented, "If-None-Match takes only * when an object is written"));
        }
        _ => {}
    }
    match (&input.if_match, there) {
        (Some(_), None) => Err(no_such_key()),
        (Some(ETagCondition::ETag(wanted)), Some(object)) if wanted.value() != object.etag => Err(failed()),
        _ => Ok(()),
    }
}

fn check_owner(bucket: &Bucket, expected: Option<&str>) -> S3Result<()> {
    if expected.is_some_and(|expected| expected != bucket.owner) {
        return Err(s3_error!(AccessDenied, "Access Denied"));
    }
    Ok(())
}

fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(super) fn malformed(reason: &str) -> S3Error {
    s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate: {reason}")
}

pub(super) fn stamp(at: Timestamp) -> dto::Timestamp {
    let since = std::time::Duration::try_from(at.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
    dto::Timestamp::from(std::time::SystemTime::UNIX_EPOCH + since)
}
