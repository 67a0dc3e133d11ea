//! The command line as typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::adopt::AdoptArgs;
use super::dev::DevArgs;
use super::emulator::EmulatorArgs;
use super::orphans::OrphansArgs;
use super::store::StoreArgs;
use crate::model::{Guard, Ttl};

/// An environment on AWS Elastic Beanstalk for every feature branch, and its
/// removal when its time is up
#[derive(Debug, Parser)]
#[command(name = "sprout", version, about, arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) verb: Verb,
}

/// What may stand before and after every verb.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Global {
    /// The store, as sqlite:PATH [env: SPROUT_STORE]
    #[arg(long, global = true, value_name = "PLACE", help_heading = "Everywhere")]
    pub(crate) store: Option<String>,
    /// The settings file [env: SPROUT_CONFIG] [default: sprout.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Everywhere"
    )]
    pub(crate) log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// The verbs, in the order in which help lists them.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Write features from files into the store
    Apply(ApplyArgs),
    /// List features and where they stand
    #[command(alias = "ls")]
    Get(GetArgs),
    /// Tell everything about features: what happened, what is true, what comes next
    Describe(NamesArgs),
    /// Say who leads, since when, and what the last turn saw; exit status 1 when nobody leads
    Status(ListArgs),
    /// Show what happened to features, oldest first
    Events(EventsArgs),
    /// Wait until features are ready, gone or expired
    Wait(WaitArgs),
    /// End features and their environments
    Delete(DeleteArgs),
    /// Start the time of features again; brings back what expired
    Renew(AskArgs),
    /// Move the end of features: sprout extend NAME... TIME
    Extend(ExtendArgs),
    /// Keep features from expiring and from deletion
    Protect(ProtectArgs),
    /// Drop the memory of environments that nobody can see any more; touches nothing
    Forget(AskArgs),
    /// Let the controller change nothing until `resume`
    Pause(PauseArgs),
    /// Let the controller go on
    Resume(ResumeArgs),
    /// Show what the guards hold back, and their budgets
    Guards(ListArgs),
    /// Let what a guard holds back now pass, once
    Approve(ApproveArgs),
    /// List environments that bear our tag and that this store does not know; delete some
    Orphans(OrphansArgs),
    /// Give an environment that this store does not know to a feature
    Adopt(AdoptArgs),
    /// Show the store, or move it: export, import, copy, claim
    Store(StoreArgs),
    /// Show what applying files would do, and why; changes nothing
    Diff(DiffArgs),
    /// Make what a controller needs: application, bucket, store; safe to repeat
    Init(InitArgs),
    /// Run the controller
    Run(RunArgs),
    /// Run everything on this machine, without AWS: built-in cloud, store, controller, specs/
    Dev(DevArgs),
    /// Serve a built-in AWS: Elastic Beanstalk, ECR, S3, DynamoDB and STS, for any SDK or tool
    Emulator(EmulatorArgs),
}

/// What a command does with the store's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Reads,
    Writes,
    /// It is about the store as a whole, and looks for itself.
    Itself,
}

impl Verb {
    /// What it does with the store's rows; a dry run only reads.
    pub(super) fn use_of_store(&self) -> Use {
        let writes = |dry_run: bool| if dry_run { Use::Reads } else { Use::Writes };
        match self {
            Verb::Apply(args) => writes(args.dry_run),
            Verb::Delete(args) => writes(args.dry_run),
            Verb::Renew(args) | Verb::Forget(args) => writes(args.reason.dry_run),
            Verb::Extend(args) => writes(args.reason.dry_run),
            Verb::Protect(args) => writes(args.reason.dry_run),
            Verb::Pause(args) => writes(args.reason.dry_run),
            Verb::Resume(args) => writes(args.dry_run),
            Verb::Approve(args) => writes(args.reason.dry_run),
            Verb::Adopt(args) => writes(args.reason.dry_run),
            Verb::Orphans(args) => writes(args.verb.as_ref().is_none_or(|verb| !verb.writes())),
            Verb::Store(args) if args.only_reads() => Use::Reads,
            Verb::Store(_) => Use::Itself,
            Verb::Get(_)
            | Verb::Describe(_)
            | Verb::Status(_)
            | Verb::Events(_)
            | Verb::Wait(_)
            | Verb::Guards(_)
            | Verb::Diff(_) => Use::Reads,
            // They open the store for themselves.
            Verb::Init(_) | Verb::Run(_) | Verb::Dev(_) | Verb::Emulator(_) => Use::Itself,
        }
    }
}

/// How what was asked for is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
    /// Names only, one on a line.
    Name,
}

#[derive(Debug, clap::Args)]
pub(super) struct ApplyArgs {
    /// A file, a folder (all *.yaml and *.yml below it) or - for standard input; may be repeated
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How the outcome is printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct GetArgs {
    /// Features; without names all
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// How they are printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct NamesArgs {
    /// Features
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// Features; without names all
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,
    /// Go on showing what happens
    #[arg(short, long)]
    pub(super) watch: bool,
    /// How many at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub(super) limit: usize,
    /// How they are printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Awaited {
    /// The specification as it stands now runs.
    Ready,
    /// The environment is terminated: expired or deleted.
    Gone,
    /// The time is over and the environment is terminated.
    Expired,
}

#[derive(Debug, clap::Args)]
pub(super) struct WaitArgs {
    /// Features
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
    /// What is waited for
    #[arg(long = "for", value_enum, value_name = "STATE", default_value = "ready")]
    pub(super) awaited: Awaited,
    /// How long at most
    #[arg(long, value_name = "TIME", default_value = "40m", value_parser = read_time)]
    pub(super) timeout: SignedDuration,
    /// With --for ready: the image that must run, by tag or digest
    #[arg(long, value_name = "IMAGE")]
    pub(super) image: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct DeleteArgs {
    /// Features
    #[arg(value_name = "NAME", required_unless_present = "files")]
    pub(super) names: Vec<String>,
    /// All features of these files; a folder or - as with apply
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    pub(super) files: Vec<PathBuf>,
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    pub(super) why: Option<String>,
    /// Come back only when their environments are gone
    #[arg(long)]
    pub(super) wait: bool,
    /// How long --wait waits at most
    #[arg(long, value_name = "TIME", default_value = "40m", value_parser = read_time)]
    pub(super) timeout: SignedDuration,
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct AskArgs {
    /// Features
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
    #[command(flatten)]
    pub(super) reason: Reason,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExtendArgs {
    /// Features, and last the time by which their end is moved, such as 2d
    #[arg(value_name = "NAME... TIME", required = true, num_args = 2..)]
    pub(super) words: Vec<String>,
    #[command(flatten)]
    pub(super) reason: Reason,
}

#[derive(Debug, clap::Args)]
pub(super) struct ProtectArgs {
    /// Features
    #[arg(value_name = "NAME", required = true)]
    pub(super) names: Vec<String>,
    /// Protect them no longer
    #[arg(long)]
    pub(super) off: bool,
    #[command(flatten)]
    pub(super) reason: Reason,
}

/// What every ask can say.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Reason {
    /// Why, for those who ask later
    #[arg(long, value_name = "TEXT")]
    pub(super) why: Option<String>,
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    #[command(flatten)]
    pub(super) reason: Reason,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResumeArgs {
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// How it is printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    /// The guard
    #[arg(value_name = "GUARD", value_parser = guards())]
    pub(super) guard: Guard,
    #[command(flatten)]
    pub(super) reason: Reason,
}

#[derive(Debug, clap::Args)]
pub(super) struct DiffArgs {
    /// A file, a folder (all *.yaml and *.yml below it) or - for standard input; may be repeated
    #[arg(short = 'f', long = "file", value_name = "PATH", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// How it is printed
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Format,
}

#[derive(Debug, clap::Args)]
pub(super) struct InitArgs {
    /// The Beanstalk application to be made; may be repeated [default: that of the settings]
    #[arg(long = "application", value_name = "NAME")]
    pub(super) applications: Vec<String>,
    /// Say what would be made, and make nothing
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// Go on without a question on a store that no controller ever acted on
    #[arg(long)]
    pub(super) yes: bool,
    /// Look, and change nothing: neither AWS nor the store
    #[arg(long)]
    pub(super) read_only: bool,
    /// Serve /healthz, /readyz and /metrics there, such as 127.0.0.1:9600
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<std::net::SocketAddr>,
}

fn guards() -> impl clap::builder::TypedValueParser<Value = Guard> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(Guard::ALL.map(Guard::as_str))
        .map(|name| Guard::ALL.into_iter().find(|guard| guard.as_str() == name).unwrap_or(Guard::Asked))
}

/// Reads a length of time as specifications write it.
pub(super) fn read_time(text: &str) -> Result<SignedDuration, String> {
    match text.parse() {
        Ok(Ttl::For(time)) => Ok(time),
        Ok(Ttl::Never) => Err("it must have an end; write it like 90s, 40m or 3d".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_tree_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn flags_may_stand_before_and_after_the_verb() {
        for line in [["sprout", "--store", "x", "get"], ["sprout", "get", "--store", "x"]] {
            let args = Args::try_parse_from(line).unwrap();
            assert_eq!(args.global.store.as_deref(), Some("x"));
        }
    }

    #[test]
    fn a_mistyped_guard_is_told_the_nearest() {
        let error = Args::try_parse_from(["sprout", "approve", "create"]).unwrap_err();
        assert!(error.to_string().contains("'creates'"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn times_are_written_as_in_specifications() {
        assert_eq!(read_time("1d12h"), Ok(SignedDuration::from_hours(36)));
        assert!(read_time("never").unwrap_err().contains("40m"));
        assert!(read_time("40").unwrap_err().contains("no unit"));
    }
}
