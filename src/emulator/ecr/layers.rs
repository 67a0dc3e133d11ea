//! Layers: which repository holds which, the uploads that bring them, and how long what nobody names stays.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::{BASE64, HEXLOWER};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::blobs::{Blobs, Pen, Unfit, Untaken, is_sha256};
use super::repositories::check_batch;
use super::wire::{CheckLayers, CompleteUpload, LayerUrl, Named, UploadPart};
use super::{Image, Refusal, Registry, Repository};

/// What no manifest names, and an upload that nobody goes on with, are kept for so long.
const LAG: SignedDuration = SignedDuration::from_hours(24);

/// More uploads are not under way at a time.
const MOST_UPLOADS: usize = 1000;

/// The size of parts that InitiateLayerUpload asks for (API reference: its example).
const PART_SIZE: u64 = 10 << 20;

/// A part that is not the last has this size at least (API reference: LayerPartTooSmallException).
const LEAST_PART: u64 = 5 << 20;

/// How long a link to a layer is good for.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The layers of one repository, configurations of images among them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Layers {
    /// Sizes by digest.
    held: BTreeMap<String, u64>,
    /// Those that no manifest names, and since when: few, and all that time asks about.
    idle: BTreeMap<String, Timestamp>,
}

/// An upload that was begun and not ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Upload {
    repository: String,
    touched: Timestamp,
    /// Its newest part was a small one: no other may follow.
    short: bool,
}

impl Registry {
    pub(super) fn check_layers(&self, request: CheckLayers) -> Result<Value, Refusal> {
        let name = &request.repository_name;
        self.repository(name, request.registry_id.as_deref())?;
        check_batch("layerDigests", request.layer_digests.len())?;
        let (mut layers, mut failures) = (Vec::new(), Vec::new());
        for digest in &request.layer_digests {
            if !is_sha256(digest) {
                let reason = "Invalid request parameters: invalid layer digest";
                failures.push(json!({
                    "layerDigest": digest, "failureCode": "InvalidLayerDigest", "failureReason": reason,
                }));
                continue;
            }
            layers.push(match self.layer(name, digest) {
                Some(size) => json!({
                    "layerDigest": digest, "layerAvailability": "AVAILABLE", "layerSize": size,
                    "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                }),
                None => json!({"layerDigest": digest, "layerAvailability": "UNAVAILABLE"}),
            });
        }
        Ok(json!({"layers": layers, "failures": failures}))
    }

    pub(super) fn initiate_upload(&mut self, request: Named, now: Timestamp) -> Result<Value, Refusal> {
        self.check_registry(request.registry_id.as_deref())?;
        let upload = self.begin_upload(&request.repository_name, now)?;
        Ok(json!({"uploadId": upload, "partSize": PART_SIZE}))
    }

    pub(super) fn upload_part(&mut self, request: UploadPart, now: Timestamp) -> Result<Value, Refusal> {
        let (name, upload) = (request.repository_name, request.upload_id);
        let mut pen = self.take_upload(&name, &upload)?;
        let part = BASE64
            .decode(request.layer_part_blob.as_bytes())
            .map_err(|_| Refusal::invalid("layerPartBlob", "must be in base64"))?;
        if request.part_first_byte != pen.size() {
            return Err(out_of_place(request.part_first_byte, pen.size()));
        }
        if request.part_last_byte + 1 != request.part_first_byte + part.len() as u64 {
            return Err(Refusal::invalid("partLastByte", "must be the place of the part's last byte"));
        }
        let after_short = self.uploads.get(&upload).is_some_and(|upload| upload.short);
        if after_short {
            let message = "Layer parts must be at least 5 MiB in size";
            return Err(Refusal::new("LayerPartTooSmallException", message));
        }
        pen.append(&part).map_err(|error| Refusal::server(&error))?;
        let last = pen.size().saturating_sub(1);
        drop(pen);
        self.touch_upload(&upload, now);
        if let Some(upload) = self.uploads.get_mut(&upload) {
            upload.short = (part.len() as u64) < LEAST_PART;
        }
        Ok(json!({
            "registryId": self.account, "repositoryName": name, "uploadId": upload, "lastByteReceived": last,
        }))
    }

    pub(super) fn complete_upload(
        &mut self,
        request: CompleteUpload,
        now: Timestamp,
    ) -> Result<Value, Refusal> {
        let (name, upload) = (request.repository_name, request.upload_id);
        check_batch("layerDigests", request.layer_digests.len())?;
        let pen = self.take_upload(&name, &upload)?;
        let digest = request.layer_digests[0].clone();
        if self.layer(&name, &digest).is_some() {
            drop(pen);
            self.drop_upload(&upload);
            let message = format!(
                "The layer with digest '{digest}' already exists in the repository with name '{name}' in registry \
                 with id '{}'",
                self.account
            );
            return Err(Refusal::new("LayerAlreadyExistsException", message));
        }
        self.finish_upload(&name, &upload, pen, &digest, now)?;
        Ok(json!({
            "registryId": self.account, "repositoryName": name, "uploadId": upload, "layerDigest": digest,
        }))
    }

    /// The link leads to this process, and bears its own proof: whoever has it may read.
    pub(super) fn layer_url(&self, request: LayerUrl, now: Timestamp) -> Result<Value, Refusal> {
        let (name, digest) = (request.repository_name, request.layer_digest);
        self.repository(&name, request.registry_id.as_deref())?;
        if self.layer(&name, &digest).is_none() {
            return Err(self.layers_missing(&name, &[digest.as_str()]));
        }
        let until = (now + LINK_LIFE).as_second();
        let proof = self.proof(&name, &digest, until);
        let url = format!("{}/v2/{name}/blobs/{digest}?expires={until}&proof={proof}", self.endpoint());
        Ok(json!({"downloadUrl": url, "layerDigest": digest}))
    }

    /// Whether a link of [`Registry::layer_url`] is what it says, and still good.
    pub(crate) fn vouches(&self, name: &str, digest: &str, until: &str, proof: &str, now: Timestamp) -> bool {
        until
            .parse()
            .is_ok_and(|until: i64| until >= now.as_second() && self.proof(name, digest, until) == proof)
    }

    fn proof(&self, name: &str, digest: &str, until: i64) -> String {
        let text = format!("{}/{}/{name}/{digest}/{until}", self.account, self.region);
        HEXLOWER.encode(&Sha256::digest(text))
    }

    /// The size of a layer that a repository holds.
    pub(crate) fn layer(&self, name: &str, digest: &str) -> Option<u64> {
        let size = *self.repositories.get(name)?.layers.held.get(digest)?;
        // The file may be gone, by a hand from outside or by a crash before the world was written.
        self.blobs.size(digest).is_some().then_some(size)
    }

    /// The contents of all repositories.
    pub(crate) fn contents(&self) -> Blobs {
        self.blobs.clone()
    }

    /// Begins an upload and gives its name.
    pub(crate) fn begin_upload(&mut self, name: &str, now: Timestamp) -> Result<String, Refusal> {
        self.repository(name, None)?;
        if self.uploads.len() >= MOST_UPLOADS {
            let message = "Too many layer uploads are under way";
            return Err(Refusal::new("LimitExceededException", message));
        }
        self.tokens += 1;
        let seed = HEXLOWER.encode(&Sha256::digest(format!("{}/upload/{}", self.account, self.tokens)));
        let parts = [&seed[..8], &seed[8..12], &seed[12..16], &seed[16..20], &seed[20..32]];
        let upload = parts.join("-");
        self.blobs.begin(&upload).map_err(|error| Refusal::server(&error))?;
        let begun = Upload { repository: name.to_owned(), touched: now, short: false };
        self.uploads.insert(upload.clone(), begun);
        Ok(upload)
    }

    /// Takes an upload of this repository to write in it.
    pub(crate) fn take_upload(&self, name: &str, upload: &str) -> Result<Pen, Refusal> {
        self.check_upload(name, upload)?;
        self.blobs.take(upload).map_err(|why| match why {
            Untaken::Missing => self.no_upload(name, upload),
            Untaken::Busy => Refusal::new("InvalidLayerPartException", why.to_string()),
            Untaken::Io(error) => Refusal::server(&error),
        })
    }

    /// How much of an upload of this repository has arrived.
    pub(crate) fn arrived(&self, name: &str, upload: &str) -> Result<u64, Refusal> {
        self.check_upload(name, upload)?;
        self.blobs.arrived(upload).ok_or_else(|| self.no_upload(name, upload))
    }

    /// Says that somebody goes on with an upload.
    pub(crate) fn touch_upload(&mut self, upload: &str, now: Timestamp) {
        if let Some(upload) = self.uploads.get_mut(upload) {
            upload.touched = now;
        }
    }

    /// Ends an upload without a result.
    pub(crate) fn cancel_upload(&mut self, name: &str, upload: &str) -> Result<(), Refusal> {
        self.check_upload(name, upload)?;
        self.drop_upload(upload);
        Ok(())
    }

    /// Makes an upload the layer of this digest.
    pub(crate) fn finish_upload(
        &mut self,
        name: &str,
        upload: &str,
        pen: Pen,
        digest: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        // It may be gone, or its repository, since the pen was taken.
        self.check_upload(name, upload)?;
        if pen.size() == 0 {
            let message = "The layer upload does not contain any layer parts";
            return Err(Refusal::new("EmptyUploadException", message));
        }
        let done = pen.finish(digest);
        self.uploads.remove(upload);
        match done {
            Ok(size) => {
                self.repository_mut(name, None)?.gain(digest, size, now);
                Ok(())
            }
            Err(Unfit::Digest(_)) => {
                let message = "None of the provided layer digests match the calculated layer digest";
                Err(Refusal::new("InvalidLayerException", message))
            }
            Err(Unfit::Io(error)) => Err(Refusal::server(&error)),
        }
    }

    /// Takes a layer over from another repository. ECR does so only where the account's setting BLOB_MOUNTING says so
    /// and a manifest of that repository names the layer.
    pub(crate) fn mount(&mut self, name: &str, from: &str, digest: &str, now: Timestamp) -> bool {
        let named = self.repositories.get(from).is_some_and(|from| !from.layers.idle.contains_key(digest));
        let Some(size) = self.layer(from, digest).filter(|_| self.blob_mounting && named) else {
            return false;
        };
        self.repositories.get_mut(name).is_some_and(|repository| {
            repository.gain(digest, size, now);
            true
        })
    }

    /// The layers that an image needs and its repository does not hold.
    pub(super) fn missing_layers(&self, name: &str, image: &Image) -> Vec<String> {
        image.layers.iter().filter(|digest| self.layer(name, digest).is_none()).cloned().collect()
    }

    pub(super) fn layers_missing(&self, name: &str, digests: &[&str]) -> Refusal {
        let message = format!(
            "Layers with digests '[{}]' required for pushing image into repository with name '{name}' in the registry \
             with id '{}' do not exist",
            digests.join(", "),
            self.account
        );
        Refusal::new("LayersNotFoundException", message)
    }

    /// Keeps contents in this place from now on; what lies there and is not known goes.
    pub(crate) fn keep_in(&mut self, blobs: Blobs) {
        let uploads = self.uploads.keys().map(String::as_str).collect();
        let known = self.repositories.values().flat_map(|repository| repository.layers.held.keys());
        blobs.tidy(&uploads, &known.map(String::as_str).collect());
        self.blobs = blobs;
    }

    /// Removes what nobody goes on with and what nobody names, when its time is up.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        let over: Vec<String> = self
            .uploads
            .iter()
            .filter(|(_, upload)| upload.touched + LAG <= now)
            .map(|(name, _)| name.clone())
            .collect();
        for upload in over {
            self.drop_upload(&upload);
        }
        let busy: BTreeSet<String> = self.uploads.values().map(|upload| upload.repository.clone()).collect();
        let mut gone = BTreeSet::new();
        for (name, repository) in &mut self.repositories {
            if repository.layers.idle.is_empty() || busy.contains(name) {
                continue;
            }
            let Layers { held, idle } = &mut repository.layers;
            idle.retain(|digest, since| {
                let kept = *since + LAG > now;
                if !kept {
                    held.remove(digest);
                    gone.insert(digest.clone());
                }
                kept
            });
        }
        self.drop_contents(gone);
    }

    /// When [`Registry::sweep`] has something to do next.
    pub(super) fn sweep_due(&self) -> Option<Timestamp> {
        let uploads = self.uploads.values().map(|upload| upload.touched + LAG);
        let busy: BTreeSet<&String> = self.uploads.values().map(|upload| &upload.repository).collect();
        let quiet = self.repositories.iter().filter(|(name, _)| !busy.contains(name));
        let idle = quiet.flat_map(|(_, repository)| repository.layers.idle.values());
        uploads.chain(idle.map(|since| *since + LAG)).min()
    }

    /// Removes contents that no repository holds any more.
    pub(super) fn drop_contents(&self, digests: BTreeSet<String>) {
        for digest in digests {
            if !self.repositories.values().any(|repository| repository.layers.held.contains_key(&digest)) {
                self.blobs.remove(&digest);
            }
        }
    }

    pub(super) fn drop_uploads_of(&mut self, name: &str) {
        let of_it = |upload: &&Upload| upload.repository == name;
        let names = self.uploads.iter().filter(|(_, upload)| of_it(upload));
        let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
        for upload in names {
            self.drop_upload(&upload);
        }
    }

    fn drop_upload(&mut self, upload: &str) {
        self.uploads.remove(upload);
        self.blobs.discard(upload);
    }

    fn check_upload(&self, name: &str, upload: &str) -> Result<(), Refusal> {
        self.repository(name, None)?;
        let known = self.uploads.get(upload).is_some_and(|upload| upload.repository == name);
        if known { Ok(()) } else { Err(self.no_upload(name, upload)) }
    }

    fn no_upload(&self, name: &str, upload: &str) -> Refusal {
        let message = format!(
            "The layer upload with id '{upload}' does not exist in the repository with name '{name}' in the registry \
             with id '{}'",
            self.account
        );
        Refusal::new("UploadNotFoundException", message)
    }
}

impl Layers {
    /// The digests of all of them, named or not.
    pub(super) fn into_digests(self) -> BTreeSet<String> {
        self.held.into_keys().collect()
    }
}

impl Repository {
    /// Holds a layer from now on. Until a manifest names it, it is on trial.
    pub(super) fn gain(&mut self, digest: &str, size: u64, now: Timestamp) {
        let named = self.images.values().any(|image| image.layers.contains(digest));
        self.layers.held.insert(digest.to_owned(), size);
        if named {
            self.layers.idle.remove(digest);
        } else {
            self.layers.idle.insert(digest.to_owned(), now);
        }
    }

    /// A manifest that names these is there.
    pub(super) fn hold(&mut self, layers: &BTreeSet<String>) {
        for digest in layers {
            self.layers.idle.remove(digest);
        }
    }

    /// A manifest that named these is gone.
    pub(super) fn release(&mut self, layers: &BTreeSet<String>, now: Timestamp) {
        for digest in layers {
            let named = self.images.values().any(|image| image.layers.contains(digest));
            if self.layers.held.contains_key(digest) && !named {
                self.layers.idle.insert(digest.clone(), now);
            }
        }
    }
}

/// A part that does not begin where the former ended, in the words of the registry protocol's refusal.
pub(crate) fn out_of_place(first: u64, wanted: u64) -> Refusal {
    let message = format!("First byte of the layer part is {first} instead of {wanted}");
    Refusal::new("InvalidLayerPartException", message)
}
