//! The operations of the S3 API that are built; every other one answers
//! `NotImplemented` by itself.

use std::sync::MutexGuard;

use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use futures::TryStreamExt;
use jiff::Timestamp;
use s3s::crypto::{Checksum, Sha256};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use super::rules::{Listing, check_conditions, check_sums, malformed, no_such_key, stamp};
use super::{Handle, Moment, Object, Objects, Sum};

/// What `s3s` calls for each operation.
pub(super) struct Front {
    objects: Handle,
}

impl Front {
    pub(super) fn new(objects: Handle) -> Self {
        Self { objects }
    }

    fn lock(&self) -> MutexGuard<'_, Objects> {
        // A panic elsewhere leaves plain data behind, which is still whole.
        self.objects.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

type Answer<T> = S3Result<S3Response<T>>;

#[async_trait::async_trait]
impl S3 for Front {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> Answer<CreateBucketOutput> {
        let now = moment(&request);
        let input = request.input;
        let asked =
            input.create_bucket_configuration.and_then(|configuration| configuration.location_constraint);
        let location =
            self.lock().create_bucket(&input.bucket, asked.as_ref().map(|region| region.as_str()), now)?;
        done(CreateBucketOutput { location: Some(location) })
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> Answer<HeadBucketOutput> {
        let input = request.input;
        let objects = self.lock();
        let bucket = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        done(HeadBucketOutput { bucket_region: Some(bucket.region.clone()), ..Default::default() })
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> Answer<DeleteBucketOutput> {
        let input = request.input;
        self.lock().delete_bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        done(DeleteBucketOutput::default())
    }

    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> Answer<ListBucketsOutput> {
        let objects = self.lock();
        let prefix = request.input.prefix.unwrap_or_default();
        let own = objects
            .buckets
            .iter()
            .filter(|(name, bucket)| bucket.owner == objects.account && name.starts_with(&prefix));
        let buckets = own.map(|(name, bucket)| s3s::dto::Bucket {
            bucket_region: Some(bucket.region.clone()),
            creation_date: Some(stamp(bucket.created)),
            name: Some(name.clone()),
        });
        let owner = Owner { display_name: None, id: Some(owner_id(&objects.account)) };
        done(ListBucketsOutput { buckets: Some(buckets.collect()), owner: Some(owner), ..Default::default() })
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> Answer<GetBucketLocationOutput> {
        let input = request.input;
        let objects = self.lock();
        let region = &objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?.region;
        // us-east-1 is the region that has no constraint (API reference: GetBucketLocation).
        let constraint = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.clone()));
        done(GetBucketLocationOutput { location_constraint: constraint })
    }

    async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> Answer<PutBucketPolicyOutput> {
        let input = request.input;
        if serde_json::from_str::<serde_json::Value>(&input.policy).is_err() {
            return Err(s3_error!(MalformedPolicy, "This policy contains invalid Json"));
        }
        let mut objects = self.lock();
        objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?.policy =
            Some(input.policy);
        done(PutBucketPolicyOutput::default())
    }

    async fn get_bucket_policy(
        &self,
        request: S3Request<GetBucketPolicyInput>,
    ) -> Answer<GetBucketPolicyOutput> {
        let input = request.input;
        let objects = self.lock();
        let policy = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?.policy.clone();
        let policy =
            policy.ok_or_else(|| s3_error!(NoSuchBucketPolicy, "The bucket policy does not exist"))?;
        done(GetBucketPolicyOutput { policy: Some(policy) })
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        request: S3Request<PutBucketLifecycleConfigurationInput>,
    ) -> Answer<PutBucketLifecycleConfigurationOutput> {
        let input = request.input;
        let mut objects = self.lock();
        let bucket = objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        bucket.lifecycle = input.lifecycle_configuration;
        done(PutBucketLifecycleConfigurationOutput::default())
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        request: S3Request<GetBucketLifecycleConfigurationInput>,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        let input = request.input;
        let objects = self.lock();
        let stored = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?.lifecycle.clone();
        let missing =
            || s3_error!(NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist");
        let rules = Some(stored.ok_or_else(missing)?.rules);
        done(GetBucketLifecycleConfigurationOutput { rules, ..Default::default() })
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Answer<PutObjectOutput> {
        let now = moment(&request);
        let mut input = request.input;
        let body = match input.body.take() {
            Some(stream) => stream.try_fold(Vec::new(), gather).await.map_err(broken_off)?,
            None => Vec::new(),
        };
        let mut object = Object::new(Bytes::from(body), now);
        if let Some(sent) = check_sums(&input, &object.body)? {
            object.checksum = sent;
        }
        object.content_type = input.content_type.take();
        object.metadata = input.metadata.take().unwrap_or_default().into_iter().collect();
        let mut objects = self.lock();
        let bucket = objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        check_conditions(&input, bucket.objects.get(&input.key))?;
        let mut output =
            PutObjectOutput { e_tag: Some(ETag::Strong(object.etag.clone())), ..Default::default() };
        match object.checksum.clone() {
            Sum::Crc32(sum) => output.checksum_crc32 = Some(sum),
            Sum::Crc32c(sum) => output.checksum_crc32c = Some(sum),
            Sum::Crc64Nvme(sum) => output.checksum_crc64nvme = Some(sum),
            Sum::Sha1(sum) => output.checksum_sha1 = Some(sum),
            Sum::Sha256(sum) => output.checksum_sha256 = Some(sum),
        }
        bucket.objects.insert(input.key, object);
        done(output)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Answer<GetObjectOutput> {
        let input = request.input;
        let objects = self.lock();
        let bucket = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let object = bucket.objects.get(&input.key).ok_or_else(no_such_key)?;
        let full = object.body.len() as u64;
        let (body, content_range) = match &input.range {
            None => (object.body.clone(), None),
            Some(range) => {
                let unsatisfiable = |_| s3_error!(InvalidRange, "The requested range is not satisfiable");
                let span = range.check(full).map_err(unsatisfiable)?;
                let shown = format!("bytes {}-{}/{full}", span.start, span.end.saturating_sub(1));
                (object.body.slice(span.start as usize..span.end as usize), Some(shown))
            }
        };
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(body.len() as i64),
            content_type: Some(object.shown_type()),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(stamp(object.modified)),
            metadata: Some(object.metadata.clone().into_iter().collect()),
            ..Default::default()
        };
        if content_range.is_none() && input.checksum_mode.is_some() {
            match object.checksum.clone() {
                Sum::Crc32(sum) => output.checksum_crc32 = Some(sum),
                Sum::Crc32c(sum) => output.checksum_crc32c = Some(sum),
                Sum::Crc64Nvme(sum) => output.checksum_crc64nvme = Some(sum),
                Sum::Sha1(sum) => output.checksum_sha1 = Some(sum),
                Sum::Sha256(sum) => output.checksum_sha256 = Some(sum),
            }
        }
        output.content_range = content_range;
        output.body = Some(StreamingBlob::from(s3s::Body::from(body)));
        done(output)
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Answer<HeadObjectOutput> {
        let input = request.input;
        let objects = self.lock();
        let bucket = objects.bucket(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let object = bucket.objects.get(&input.key).ok_or_else(no_such_key)?;
        done(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(object.body.len() as i64),
            content_type: Some(object.shown_type()),
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(stamp(object.modified)),
            metadata: Some(object.metadata.clone().into_iter().collect()),
            ..Default::default()
        })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Answer<DeleteObjectOutput> {
        let input = request.input;
        let mut objects = self.lock();
        let bucket = objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        bucket.objects.remove(&input.key);
        done(DeleteObjectOutput::default())
    }

    async fn delete_objects(&self, request: S3Request<DeleteObjectsInput>) -> Answer<DeleteObjectsOutput> {
        let input = request.input;
        if !(1..=1000).contains(&input.delete.objects.len()) {
            return Err(malformed("between 1 and 1000 objects can be deleted in one request"));
        }
        let mut objects = self.lock();
        let bucket = objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        let mut deleted = Vec::new();
        for object in input.delete.objects {
            bucket.objects.remove(&object.key);
            deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
        }
        let deleted = (!input.delete.quiet.unwrap_or(false)).then_some(deleted);
        done(DeleteObjectsOutput { deleted, ..Default::default() })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Answer<CopyObjectOutput> {
        let now = moment(&request);
        let input = request.input;
        let CopySource::Bucket { bucket: from, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "Copying from an access point is not built here"));
        };
        let mut objects = self.lock();
        let source = objects.bucket(from, input.expected_source_bucket_owner.as_deref())?;
        let mut object = source.objects.get(&**key).cloned().ok_or_else(no_such_key)?;
        if input.metadata_directive.as_ref().is_some_and(|asked| asked.as_str() == MetadataDirective::REPLACE)
        {
            object.metadata = input.metadata.unwrap_or_default().into_iter().collect();
            object.content_type = input.content_type;
        }
        object.modified = now;
        let result = CopyObjectResult {
            e_tag: Some(ETag::Strong(object.etag.clone())),
            last_modified: Some(stamp(now)),
            ..Default::default()
        };
        let target = objects.bucket_mut(&input.bucket, input.expected_bucket_owner.as_deref())?;
        target.objects.insert(input.key, object);
        done(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }

    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Answer<ListObjectsV2Output> {
        let input = request.input;
        let token = input.continuation_token.as_deref().map(read_token).transpose()?;
        let after = token.or_else(|| input.start_after.clone());
        let listing = Listing::of(&self.lock(), &input, after)?;
        let next = listing.next.as_ref().map(|key| BASE64.encode(key.as_bytes()));
        done(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            delimiter: input.delimiter,
            start_after: input.start_after,
            continuation_token: input.continuation_token,
            max_keys: Some(listing.size),
            key_count: Some((listing.contents.len() + listing.prefixes.len()) as i32),
            is_truncated: Some(next.is_some()),
            next_continuation_token: next,
            contents: Some(listing.contents),
            common_prefixes: Some(listing.prefixes),
            ..Default::default()
        })
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> Answer<ListObjectsOutput> {
        let marker = request.input.marker.clone();
        let input = ListObjectsV2Input::from(request.input);
        let listing = Listing::of(&self.lock(), &input, marker.clone())?;
        done(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix,
            marker: Some(marker.unwrap_or_default()),
            max_keys: Some(listing.size),
            is_truncated: Some(listing.next.is_some()),
            // Without a delimiter clients go on from the last key (API reference: ListObjects).
            next_marker: listing.next.filter(|_| input.delimiter.is_some()),
            delimiter: input.delimiter,
            contents: Some(listing.contents),
            common_prefixes: Some(listing.prefixes),
            ..Default::default()
        })
    }
}

fn moment<T>(request: &S3Request<T>) -> Timestamp {
    request.extensions.get::<Moment>().map_or(Timestamp::UNIX_EPOCH, |moment| moment.0)
}

fn done<T>(output: T) -> Answer<T> {
    Ok(S3Response::new(output))
}

async fn gather(mut all: Vec<u8>, chunk: Bytes) -> Result<Vec<u8>, s3s::StdError> {
    all.extend_from_slice(&chunk);
    Ok(all)
}

/// The canonical user id stands for an account in listings.
fn owner_id(account: &str) -> String {
    HEXLOWER.encode(&Sha256::checksum(account.as_bytes()))
}

fn read_token(token: &str) -> S3Result<String> {
    let bytes = BASE64.decode(token.as_bytes()).ok();
    let key = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

fn broken_off(source: s3s::StdError) -> S3Error {
    S3Error::with_source(s3s::S3ErrorCode::IncompleteBody, source)
}
