//! The results as a table: Markdown that reads well on a terminal, too.

use super::OURS;
use super::peers::Peer;
use super::results::{Cell, Results};
use crate::rows::{Metric, Row, Target};

/// The table, below it why some cells have no figure, and the tally.
pub(super) fn show(results: &Results, peers: &[Peer]) -> String {
    let ours = peers.iter().any(|peer| peer.name == OURS) && peers.len() > 1;
    let mut lines = vec![header(peers, ours)];
    let mut notes = String::new();
    for row in results.rows() {
        for metric in row.metrics {
            lines.push(line(results, row, metric, peers, ours));
        }
        for peer in peers {
            if let Some(trouble) = results.cell(row, peer.name).and_then(|c| c.trouble.as_ref()) {
                notes += &format!("- {}, {}: {}: {}\n", row.name, peer.name, trouble.word, trouble.why);
            }
        }
    }
    let mut text = format!("\n{}", align(&lines));
    if !notes.is_empty() {
        text += &format!("\n{notes}");
    }
    if ours {
        text += &format!("\n{}\n", tally(results));
    }
    text
}

fn header(peers: &[Peer], ours: bool) -> Vec<String> {
    let mut header = vec!["row".to_string(), "n".to_string(), "unit".to_string()];
    header.extend(peers.iter().map(|peer| peer.name.to_string()));
    if ours {
        header.extend([format!("{OURS}/go"), format!("{OURS}/best"), "expected".to_string()]);
    }
    header
}

fn line(results: &Results, row: &Row, metric: &Metric, peers: &[Peer], ours: bool) -> Vec<String> {
    let cells: Vec<Option<&Cell>> = peers.iter().map(|peer| results.cell(row, peer.name)).collect();
    // The row's own N is what those do that need no smaller one.
    let n = cells.iter().flatten().map(|cell| cell.n).max().unwrap_or(0);
    let name = match metric.aside {
        Some(aside) => format!("{}: {aside}", row.name),
        None => row.name.to_string(),
    };
    let mut line = vec![name, thousands(n), metric.unit.to_string()];
    line.extend(cells.into_iter().map(|cell| entry(cell, metric, n)));
    if ours {
        let to_go = results.ratio(row, metric, "go").map(ratio);
        let to_best = results.best(row, metric).map(|(peer, value)| format!("{} {peer}", ratio(value)));
        let expected: Vec<_> = metric.targets.iter().map(|&t| expectation(results, row, metric, t)).collect();
        line.extend([to_go, to_best].map(|text| text.unwrap_or("–".to_string())));
        line.push(expected.join(", "));
    }
    line
}

pub(super) fn ratio(value: f64) -> String {
    format!("{value:.3}")
}

fn expectation(results: &Results, row: &Row, metric: &Metric, target: Target) -> String {
    let what = match target {
        Target::OfGo(share) => format!("{share} of go"),
        Target::Best => "1 of best".to_string(),
        Target::AtMost(limit) => format!("{} {}", figure(limit), metric.unit),
    };
    match results.met(row, metric, target) {
        Some(true) => format!("≤ {what}: met"),
        Some(false) => format!("≤ {what}: not met"),
        None => format!("≤ {what}: ?"),
    }
}

/// In how many rows gort is first by the figure that counts, and how many
/// expectations it meets.
fn tally(results: &Results) -> String {
    let ratios: Vec<f64> =
        results.rows().filter_map(|row| Some(results.best(row, &row.metrics[0])?.1)).collect();
    let first = ratios.iter().filter(|ratio| **ratio < 1.0).count();
    let met: Vec<bool> = results
        .rows()
        .flat_map(|row| row.metrics.iter().map(move |metric| (row, metric)))
        .flat_map(|(row, metric)| metric.targets.iter().filter_map(move |&t| results.met(row, metric, t)))
        .collect();
    let reached = met.iter().filter(|met| **met).count();
    format!(
        "gort is first in {first} of {} rows and meets {reached} of {} expectations.",
        ratios.len(),
        met.len()
    )
}

/// The median, with the N behind it where that is not the row's.
pub(super) fn entry(cell: Option<&Cell>, metric: &Metric, n: u64) -> String {
    let Some(cell) = cell else {
        return "–".to_string();
    };
    match (&cell.trouble, cell.median(metric)) {
        (Some(trouble), _) => trouble.word.to_string(),
        (None, None) => "–".to_string(),
        (None, Some(median)) if cell.n == n => figure(median),
        (None, Some(median)) => format!("{} (n={})", figure(median), thousands(cell.n)),
    }
}

/// Three digits or more, no fractions of large numbers.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        small if small < 9.995 => format!("{value:.2}"),
        middling if middling < 99.95 => format!("{value:.1}"),
        _ if value < 0.0 => format!("-{}", thousands(-value as u64)),
        _ => thousands(value.round() as u64),
    }
}

pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Lays the lines out in columns: the first to the left, the others right.
pub(super) fn align(lines: &[Vec<String>]) -> String {
    let chars = |text: &String| text.chars().count();
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| chars(&line[column])).max().unwrap())
        .collect();
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            text += &match column {
                0 => format!("| {cell:<width$} "),
                _ => format!("| {cell:>width$} "),
            };
        }
        text += "|\n";
        if number == 0 {
            text += &format!("|{}", "-".repeat(widths[0] + 2));
            for width in &widths[1..] {
                text += &format!("|{}:", "-".repeat(width + 1));
            }
            text += "|\n";
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures() {
        let check = |value, expected| assert_eq!(figure(value), expected);
        check(0.0, "0.00");
        check(9.999, "10.0");
        check(99.99, "100");
        check(837.4, "837");
        check(87_000.0, "87,000");
        check(1_234_567.0, "1,234,567");
        check(-4096.0, "-4,096");
    }

    #[test]
    fn columns_line_up() {
        let lines = [["row", "go"], ["spawn", "1"]].map(|line| line.map(String::from).to_vec());
        assert_eq!(align(&lines), "| row   | go |\n|-------|---:|\n| spawn |  1 |\n");
    }
}
