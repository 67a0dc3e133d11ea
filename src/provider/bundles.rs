//! Source bundles in S3: one version, one key, never overwritten. A version
//! only points to its bundle, and instances fetch it whenever they start.

use aws_smithy_types::byte_stream::ByteStream;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::aws::{CallError, Clients, call};
use crate::model::{PutBundle, RefusalClass};

/// The object's own content hash, kept as metadata so that what is already
/// there can be compared without fetching it.
const CONTENT: &str = "content-sha256";

/// Bundles in one account and region.
#[derive(Clone, Debug)]
pub struct Bundles {
    clients: Clients,
    /// Who must own the bucket, so that a bundle never lands with somebody
    /// who took the name first.
    owner: Option<String>,
}

impl Bundles {
    /// Over these clients; `owner` is the account that must own the buckets,
    /// where it is known.
    pub fn new(clients: Clients, owner: Option<String>) -> Self {
        Self { clients, owner }
    }

    /// Stores a bundle. A key that is taken is a success if it holds the same
    /// bytes, and `Invalid` otherwise.
    pub async fn put(&self, wanted: &PutBundle) -> Result<(), CallError> {
        let content = HEXLOWER.encode(&Sha256::digest(&wanted.bytes));
        let request = self
            .clients
            .s3
            .put_object()
            .bucket(&wanted.bucket)
            .key(&wanted.key)
            .if_none_match("*")
            .content_type("application/zip")
            .metadata(CONTENT, &content)
            .set_expected_bucket_owner(self.owner.clone())
            .body(ByteStream::from(wanted.bytes.clone()));
        let error = match call(request.send()).await {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        let taken = |message: &str| message.contains("PreconditionFailed") || message.contains("412");
        if !error.refusal().is_some_and(|refusal| taken(&refusal.message)) {
            return Err(error);
        }
        match self.head(&wanted.bucket, &wanted.key).await? {
            Some((length, kept)) => {
                let same_length = u64::try_from(wanted.bytes.len()).is_ok_and(|ours| ours == length);
                let same = kept.map_or(same_length, |kept| kept == content && same_length);
                if same { Ok(()) } else { Err(error) }
            }
            None => Err(error),
        }
    }

    /// Whether there is an object under this key.
    pub async fn exists(&self, bucket: &str, key: &str) -> Result<bool, CallError> {
        Ok(self.head(bucket, key).await?.is_some())
    }

    /// Deletes a bundle; one that is gone is a success.
    pub async fn delete(&self, bucket: &str, key: &str) -> Result<(), CallError> {
        let request = self
            .clients
            .s3
            .delete_object()
            .bucket(bucket)
            .key(key)
            .set_expected_bucket_owner(self.owner.clone());
        match call(request.send()).await {
            Ok(_) => Ok(()),
            Err(error) if error.is(RefusalClass::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the bucket is there and ours to use.
    pub async fn bucket_exists(&self, bucket: &str) -> Result<bool, CallError> {
        let request =
            self.clients.s3.head_bucket().bucket(bucket).set_expected_bucket_owner(self.owner.clone());
        match call(request.send()).await {
            Ok(_) => Ok(true),
            Err(error) if error.is(RefusalClass::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Length and recorded content hash of an object.
    async fn head(&self, bucket: &str, key: &str) -> Result<Option<(u64, Option<String>)>, CallError> {
        let request = self
            .clients
            .s3
            .head_object()
            .bucket(bucket)
            .key(key)
            .set_expected_bucket_owner(self.owner.clone());
        match call(request.send()).await {
            Ok(answer) => {
                let length = answer.value.content_length.unwrap_or_default();
                let content = answer.value.metadata.and_then(|mut all| all.remove(CONTENT));
                Ok(Some((u64::try_from(length).unwrap_or_default(), content)))
            }
            Err(error) if error.is(RefusalClass::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
