//! Data in its forms: tables for people, JSON, YAML and names for machines.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::args::Format;
use super::out::Out;
use crate::model::FeatureName;

/// Prints values as one JSON or YAML document: a list.
pub(super) fn values(format: Format, values: Vec<Value>, out: &mut Out<'_>) -> anyhow::Result<()> {
    let list = Value::Array(values);
    match format {
        Format::Yaml => out.print_text(&serde_yaml::to_string(&list)?)?,
        Format::Json | Format::Table | Format::Name => out.print(format_args!("{list:#}"))?,
    }
    Ok(())
}

/// Prints names, one on a line.
pub(super) fn names<'a>(
    names: impl Iterator<Item = &'a FeatureName>,
    out: &mut Out<'_>,
) -> std::io::Result<()> {
    names.into_iter().try_for_each(|name| out.print(name))
}

/// Columns two spaces apart, without lines and without blanks at the ends.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !head.is_empty() {
        table.set_header(head.to_vec());
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if lines.is_empty() { String::new() } else { lines.join("\n") + "\n" }
}
