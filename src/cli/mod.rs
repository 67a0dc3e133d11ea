//! The command line: arguments in, words and exit statuses out.
//!
//! Data goes to standard output, talk to standard error. The commands over
//! the store never call AWS: they write what is wanted and read what the
//! controller says.

mod adopt;
mod apply;
mod args;
mod asks;
mod changes;
mod cloud;
mod consent;
mod delete;
mod describe;
mod dev;
mod diff;
mod emulator;
mod events;
mod exit;
mod fleet;
mod get;
mod guards;
mod init;
mod orphans;
mod out;
mod pause;
mod pending;
mod print;
mod run;
mod service;
mod session;
mod signals;
mod spec_files;
mod status;
mod store;
mod voice;
mod wait;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Global, Use, Verb};
use out::Out;
use session::Session;

use crate::config::{Config, Flags};
use crate::store::StoreError;
use crate::telemetry;

pub use exit::ExitStatus;

/// Reads the arguments, carries the command out and says how it ended. A
/// command line that is not understood ends the process with status 2.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let (mut data, mut talk) = (std::io::stdout(), std::io::stderr());
    let mut out = Out::standard(&mut data, &mut talk);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(args, &mut out));
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(error.into()),
    };
    let status = ended.unwrap_or_else(|error| told(&error, &mut out));
    status.into()
}

/// Prints an error with its causes, once, and finds its status.
fn told(error: &anyhow::Error, out: &mut Out<'_>) -> ExitStatus {
    let status = exit::status_of(error);
    if status != ExitStatus::Done {
        // Where not even that can be written, the status still tells.
        let _ = out.say(format_args!("sprout: {error:#}"));
    }
    status
}

async fn run(args: Args, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    let Args { global, verb } = args;
    start_logging(&global, &verb)?;
    match verb {
        Verb::Emulator(args) => emulator::run(args).await,
        Verb::Dev(args) => dev::run(args, out).await,
        Verb::Init(args) => init::run(&args, settings(&global)?, out).await,
        Verb::Run(args) => run::run(&args, settings(&global)?, out).await,
        verb => {
            let config = settings(&global)?;
            if let Verb::Apply(args) = &verb
                && args.dry_run
                && !session::is_there(&config.store)
            {
                return apply::dry_run_without_store(args, &config.store, out);
            }
            if let Verb::Store(args) = &verb
                && !session::is_there(&config.store)
                && let Some(ended) = store::dry_import_without_store(args, &config.store, out)
            {
                return ended;
            }
            let makes = match &verb {
                Verb::Apply(_) => true,
                Verb::Store(args) => args.verb.as_ref().is_some_and(store::StoreVerb::makes),
                _ => false,
            };
            let session = Session::open(config, makes, out).await?;
            over_store(verb, &session, out).await
        }
    }
}

/// What runs for long tells its log more than what answers at once.
fn start_logging(global: &Global, verb: &Verb) -> anyhow::Result<()> {
    let style = match global.log_format {
        args::LogFormat::Text => telemetry::Style::Text,
        args::LogFormat::Json => telemetry::Style::Json,
    };
    // The SDK warns of each settings file and metadata service that is not
    // there.
    let level = match verb {
        Verb::Run(_) => "info,aws_runtime=error,aws_config=error",
        _ => "warn,aws_runtime=error,aws_config=error",
    };
    telemetry::start(style, level).map_err(|error| exit::Stop::usage(error.to_string()))
}

/// The settings under the flags that every verb has.
fn settings(global: &Global) -> anyhow::Result<Config> {
    let flags = Flags { config: global.config.clone(), store: global.store.clone(), ..Flags::default() };
    Ok(Config::load(&flags)?)
}

/// The commands that read and write nothing but the store.
async fn over_store(verb: Verb, session: &Session, out: &mut Out<'_>) -> anyhow::Result<ExitStatus> {
    heed_hold(&verb, session, out).await?;
    match verb {
        Verb::Apply(args) => apply::run(&args, session, out).await,
        Verb::Get(args) => get::run(&args, session, out).await,
        Verb::Describe(args) => describe::run(&args, session, out).await,
        Verb::Status(args) => status::run(&args, session, out).await,
        Verb::Events(args) => events::run(&args, session, out).await,
        Verb::Wait(args) => wait::run(&args, session, out).await,
        Verb::Delete(args) => delete::run(&args, session, out).await,
        Verb::Renew(args) => asks::renew(&args, session, out).await,
        Verb::Extend(args) => asks::extend(&args, session, out).await,
        Verb::Protect(args) => asks::protect(&args, session, out).await,
        Verb::Forget(args) => asks::forget(&args, session, out).await,
        Verb::Pause(args) => pause::pause(&args, session, out).await,
        Verb::Resume(args) => pause::resume(&args, session, out).await,
        Verb::Guards(args) => guards::list(&args, session, out).await,
        Verb::Approve(args) => guards::approve(&args, session, out).await,
        Verb::Adopt(args) => adopt::run(&args, session, out).await,
        Verb::Orphans(args) => orphans::run(&args, session, out).await,
        Verb::Store(args) => store::run(&args, session, out).await,
        Verb::Diff(args) => diff::run(&args, session, out).await,
        Verb::Init(_) | Verb::Run(_) | Verb::Dev(_) | Verb::Emulator(_) => {
            unreachable!("carried out without a session")
        }
    }
}

/// Refuses what would write to a store that is read-only as it stands, before
/// anything else is looked at; what reads goes on and says so.
async fn heed_hold(verb: &Verb, session: &Session, out: &mut Out<'_>) -> anyhow::Result<()> {
    let Some(hold) = session.store.hold().await? else { return Ok(()) };
    match verb.use_of_store() {
        Use::Writes => Err(StoreError::Held(hold).into()),
        Use::Reads => Ok(out.say(format_args!("Note: {hold}"))?),
        Use::Itself => Ok(()),
    }
}
