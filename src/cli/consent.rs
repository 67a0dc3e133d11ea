//! Asking a person before something that cannot be taken back.

use std::io::BufRead as _;

use anyhow::Context as _;

use super::exit::Stop;
use super::out::Out;

/// Goes on when `--yes` was said or when whoever sits at the terminal agrees;
/// where nobody sits there it says how to go on: `otherwise` is a clause such
/// as `start it with: sprout run --yes`.
pub(super) fn agreed(yes: bool, at_terminal: bool, otherwise: &str, out: &mut Out<'_>) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !at_terminal {
        return Err(Stop::usage(format!(
            "nobody is here to agree, so nothing was changed. If this is right, {otherwise}"
        )));
    }
    out.say("Go on? Type yes:")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("the answer cannot be read")?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Stop::refused("not agreed; nothing was changed"))
    }
}
