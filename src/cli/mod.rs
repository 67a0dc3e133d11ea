//! The command line: arguments in, words and exit statuses out.

mod emulator;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// How a command ended, for the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done.
    Done = 0,
    /// Something differs, or the awaited did not come about.
    Differs = 1,
    /// Wrong usage or input.
    Usage = 2,
    /// Time ran out.
    TimedOut = 3,
    /// The outside failed: AWS, the store, the machine.
    Outside = 4,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

#[derive(Debug, Parser)]
#[command(name = "sprout", version, about)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Emulator(emulator::EmulatorArgs),
}

/// Reads the arguments, carries the command out and says how it ended.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(async {
                match args.verb {
                    Verb::Emulator(args) => emulator::run(args).await,
                }
            });
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(error.into()),
    };
    ended
        .unwrap_or_else(|error| {
            eprintln!("sprout: {error:#}");
            ExitStatus::Outside
        })
        .into()
}
