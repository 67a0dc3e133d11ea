//! `sprout init`: what must be there before a controller can act. It only
//! adds what is missing, so it is safe to repeat.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;

use super::args::InitArgs;
use super::cloud::{connect, connection, open_store};
use super::exit::{ExitStatus, Stop};
use super::out::Out;
use crate::aws::{CallError, Clients, Gate, OpenGate, ShutGate};
use crate::config::Config;
use crate::controller::BUCKET_DOCUMENT;
use crate::model::{ApplicationName, RefusalClass};
use crate::provider::{Beanstalk, Bundles};
use crate::store::{Access, Batch, Expect, PartState, Write, parts};

/// Whether something was there, was made, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    There,
    Now,
    Would,
}

impl Made {
    fn words(self) -> &'static str {
        match self {
            Made::There => "there already",
            Made::Now => "made",
            Made::Would => "would be made",
        }
    }
}

/// Shows what is there and makes the rest.
pub(super) async fn run(args: &InitArgs, config: Config, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let applications = applications(args, &config)?;
    let gate: Arc<dyn Gate> = match args.dry_run {
        true => Arc::new(ShutGate("--dry-run makes nothing".to_owned())),
        false => Arc::new(OpenGate),
    };
    let clients = connect(&config, gate).await?;
    let account = account(&clients).await?;
    out.print(format_args!("{:<12} {account} in {}", "account", clients.region))?;
    for application in &applications {
        let made = application_there(&clients, application, args.dry_run).await?;
        out.print(format_args!("{:<12} {application}: {}", "application", made.words()))?;
    }
    let (bucket, made) = bucket(&clients, &config, &account, args.dry_run).await?;
    out.print(format_args!("{:<12} {bucket}: {}", "bucket", made.words()))?;
    let made = store(&config, &bucket, args.dry_run, out).await?;
    out.print(format_args!("{:<12} {}: {}", "store", config.store, made.words()))?;
    out.say(if args.dry_run { "Nothing was made. Try: sprout init" } else { "Next: sprout run" })?;
    Ok(ExitStatus::Done)
}

fn applications(args: &InitArgs, config: &Config) -> anyhow::Result<Vec<ApplicationName>> {
    let mut names: Vec<ApplicationName> =
        args.applications.iter().map(|name| ApplicationName::new(name.as_str())).collect();
    if names.is_empty() {
        names.extend(config.application.clone());
    }
    if names.is_empty() {
        return Err(Stop::usage(
            "which Beanstalk application shall hold the environments? Say --application NAME, \
             set SPROUT_APPLICATION, or write application = \"NAME\" in sprout.toml",
        ));
    }
    Ok(names)
}

/// The account, or the endpoint where STS does not answer.
async fn account(clients: &Clients) -> anyhow::Result<String> {
    match (clients.caller().await, &clients.endpoint) {
        (Ok(caller), _) => Ok(caller.value.account),
        (Err(_), Some(endpoint)) => Ok(endpoint.clone()),
        (Err(error), None) => {
            Err(error).context("AWS does not say whose account this is; check credentials and region")
        }
    }
}

/// An application, made if need be.
pub(super) async fn application_there(
    clients: &Clients,
    name: &ApplicationName,
    dry_run: bool,
) -> anyhow::Result<Made> {
    let beanstalk = Beanstalk::new(clients.clone());
    let there = beanstalk.application_exists(name).await;
    if there.with_context(|| format!("cannot see whether application {name} is there"))? {
        return Ok(Made::There);
    }
    if dry_run {
        return Ok(Made::Would);
    }
    let made = beanstalk.create_application(name, "Environments of feature branches").await;
    made.with_context(|| format!("cannot make application {name}"))?;
    Ok(Made::Now)
}

/// The bucket of the bundles: one that was named must be there, else it is
/// Beanstalk's own of this region.
async fn bucket(
    clients: &Clients,
    config: &Config,
    account: &str,
    dry_run: bool,
) -> anyhow::Result<(String, Made)> {
    let there = |bucket: String| async move {
        let owner = Some(account.to_owned()).filter(|account| account.bytes().all(|c| c.is_ascii_digit()));
        let there = Bundles::new(clients.clone(), owner).bucket_exists(&bucket).await;
        (bucket, there)
    };
    if let Some(named) = &config.bucket {
        return match there(named.clone()).await {
            (bucket, Ok(true)) => Ok((bucket, Made::There)),
            (bucket, Ok(false)) => Err(Stop::outside(format!(
                "there is no bucket {bucket} in this account. Make it, or unset SPROUT_BUCKET: \
                 then Beanstalk's own is used"
            ))),
            (bucket, Err(error)) => {
                Err(anyhow::Error::new(error)).with_context(|| format!("bucket {bucket} cannot be used"))
            }
        };
    }
    let expected = format!("elasticbeanstalk-{}-{account}", clients.region);
    let before = match there(expected.clone()).await.1 {
        // Where S3 does not let us look, making it is harmless all the same.
        Err(error) if !error.is(RefusalClass::Denied) => return Err(unseen(error, &expected)),
        before => before.unwrap_or(false),
    };
    if dry_run {
        return Ok((expected, if before { Made::There } else { Made::Would }));
    }
    let bucket = Beanstalk::new(clients.clone()).storage_location().await;
    let bucket = bucket.context("Beanstalk gives no bucket (CreateStorageLocation)")?;
    let made = if before && bucket == expected { Made::There } else { Made::Now };
    Ok((bucket, made))
}

fn unseen(error: CallError, bucket: &str) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("cannot see whether bucket {bucket} is there"))
}

/// The tables of a store that has some, made if need be.
async fn tables(config: &Config, dry_run: bool, out: &mut Out<'_>) -> anyhow::Result<Made> {
    let aws = connection(config, Arc::new(OpenGate));
    let mut made = Made::There;
    for part in parts(&config.store, !dry_run, &aws).await? {
        let state = match part.state {
            PartState::There => Made::There,
            PartState::Made => Made::Now,
            PartState::Missing => Made::Would,
        };
        if state != Made::There {
            made = state;
        }
        out.print(format_args!("{:<12} {}: {}", "table", part.name, state.words()))?;
        for note in part.notes {
            out.say(format_args!("warning: {note}"))?;
        }
    }
    Ok(made)
}

/// The store, made if need be, which then knows the bucket.
async fn store(config: &Config, bucket: &str, dry_run: bool, out: &mut Out<'_>) -> anyhow::Result<Made> {
    let made = match config.store.strip_prefix("sqlite:") {
        Some(path) if Path::new(path).exists() => Made::There,
        Some(_) if dry_run => Made::Would,
        Some(_) => Made::Now,
        None => tables(config, dry_run, out).await?,
    };
    if dry_run {
        return Ok(made);
    }
    let store = open_store(config, Access::Create).await?;
    let body = serde_json::to_string(bucket)?;
    if store.document(BUCKET_DOCUMENT).await?.is_none_or(|known| known.body != body) {
        let write = Write::PutDocument { name: BUCKET_DOCUMENT.to_owned(), body, expect: Expect::Any };
        store.commit(Batch { fence: None, writes: vec![write] }).await?;
    }
    Ok(made)
}
