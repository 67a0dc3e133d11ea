//! `sprout`: the command line of Beansprout.

use std::process::ExitCode;

fn main() -> ExitCode {
    beansprout::cli::main()
}
