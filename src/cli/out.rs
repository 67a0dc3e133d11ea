//! Where a command writes: data on one side, talk on the other.

use std::fmt::Display;
use std::io::{IsTerminal as _, Result, Write};

/// The two outputs of a command.
pub(crate) struct Out<'a> {
    data: &'a mut dyn Write,
    talk: &'a mut dyn Write,
    /// Whether talk may be coloured.
    pub(crate) colour: bool,
}

impl<'a> Out<'a> {
    /// Outputs of any kind, without colour.
    #[cfg(test)]
    pub(crate) fn new(data: &'a mut dyn Write, talk: &'a mut dyn Write) -> Self {
        Self { data, talk, colour: false }
    }

    /// The process's own.
    pub(super) fn standard(data: &'a mut std::io::Stdout, talk: &'a mut std::io::Stderr) -> Self {
        let colour = talk.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { data, talk, colour }
    }

    /// Prints a line of what was asked for.
    pub(crate) fn print(&mut self, line: impl Display) -> Result<()> {
        writeln!(self.data, "{line}")
    }

    /// Says a line to whoever reads along.
    pub(crate) fn say(&mut self, line: impl Display) -> Result<()> {
        writeln!(self.talk, "{line}")
    }

    /// Prints text that ends its own lines.
    pub(crate) fn print_text(&mut self, text: &str) -> Result<()> {
        self.data.write_all(text.as_bytes())
    }

    /// Says text that ends its own lines.
    pub(crate) fn say_text(&mut self, text: &str) -> Result<()> {
        self.talk.write_all(text.as_bytes())
    }
}
