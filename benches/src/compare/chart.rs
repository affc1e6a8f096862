//! The results as a chart: for every row, how the peers' figures compare to
//! gort's, on a scale of powers of ten.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::peers::{FLOOR, Peer};
use super::results::Results;
use super::{OURS, table};
use crate::rows::Row;

/// Ratios beyond these are drawn as these, with their number beside them.
const LEAST: f64 = 0.1;
const MOST: f64 = 1000.0;

/// Sizes in pixels.
const WIDTH: u32 = 1000;
const LEFT: u32 = 160;
const RIGHT: u32 = 60;
const TOP: u32 = 74;
const BOTTOM: u32 = 40;
const BAR: u32 = 8;
const GAP: u32 = 9;
/// What a row's name needs, however few its bars.
const LINE: u32 = 14;

/// One colour a peer, in the order of `peers::NAMES` without gort: told apart
/// by people who do not see all colours, too.
const COLOURS: &[(&str, RGBColor)] = &[
    ("go", RGBColor(0, 114, 178)),
    ("may", RGBColor(213, 94, 0)),
    ("tokio", RGBColor(0, 158, 115)),
    ("threads", RGBColor(150, 150, 150)),
    ("flume", RGBColor(204, 121, 167)),
    ("rayon", RGBColor(230, 159, 0)),
];

const INK: RGBColor = RGBColor(40, 40, 40);
const RULE: RGBColor = RGBColor(215, 215, 215);

/// A row with the ratios of the peers that have a figure.
type Group = (&'static str, Vec<(&'static str, f64)>);

/// The text of the SVG file.
pub(super) fn svg(results: &Results, peers: &[Peer]) -> Result<String, String> {
    let groups: Vec<Group> = results.rows().filter_map(|row| group(results, row, peers)).collect();
    let mut svg = String::new();
    draw(&mut svg, &groups).map_err(|error| error.to_string())?;
    Ok(svg)
}

/// What the peers' figures are as multiples of gort's.
fn group(results: &Results, row: &'static Row, peers: &[Peer]) -> Option<Group> {
    let others = peers.iter().map(|peer| peer.name).filter(|name| *name != OURS && *name != FLOOR);
    let ratio = |name| results.ratio(row, &row.metrics[0], name).filter(|ratio| *ratio > 0.0);
    let ratios: Vec<_> = others.filter_map(|name| Some((name, 1.0 / ratio(name)?))).collect();
    (!ratios.is_empty()).then_some((row.name, ratios))
}

fn height(group: &Group) -> u32 {
    (group.1.len() as u32 * BAR).max(LINE) + GAP
}

fn draw(svg: &mut String, groups: &[Group]) -> Result<(), Box<dyn std::error::Error>> {
    let plot_height: u32 = groups.iter().map(height).sum();
    let (bottom, right) = (TOP + plot_height, WIDTH - RIGHT);
    let root = SVGBackend::with_string(svg, (WIDTH, bottom + BOTTOM)).into_drawing_area();
    root.fill(&WHITE)?;
    let scale: LogCoord<f64> = (LEAST..MOST).log_scale().into();
    let x = |ratio: f64| scale.map(&ratio.clamp(LEAST, MOST), (LEFT as i32, right as i32));
    let text = |size: u32, colour: RGBColor, pos: HPos| {
        ("sans-serif", size).into_font().color(&colour).pos(Pos::new(pos, VPos::Center))
    };

    let title = "Time, memory or CPU of each peer as a multiple of gort's (right of 1×: gort is ahead)";
    root.draw_text(title, &text(16, INK, HPos::Left), (LEFT as i32, 18))?;
    for (i, (name, colour)) in COLOURS.iter().enumerate() {
        let left = (LEFT + 90 * i as u32) as i32;
        root.draw(&Rectangle::new([(left, 37), (left + 12, 49)], colour.filled()))?;
        root.draw_text(name, &text(13, INK, HPos::Left), (left + 18, 43))?;
    }
    for power in -1..=3 {
        let ratio = 10_f64.powi(power);
        let colour = if power == 0 { INK } else { RULE };
        root.draw(&PathElement::new(vec![(x(ratio), TOP as i32 - 4), (x(ratio), bottom as i32)], colour))?;
        for y in [TOP as i32 - 12, bottom as i32 + 14] {
            let label = format!("{ratio}×");
            root.draw_text(&label, &text(12, INK, HPos::Center), (x(ratio), y))?;
        }
    }

    let mut top = TOP;
    for group in groups {
        let (name, ratios) = group;
        let middle = top + (height(group) - GAP) / 2 + GAP / 2;
        root.draw_text(name, &text(13, INK, HPos::Right), (LEFT as i32 - 40, middle as i32))?;
        for (i, &(peer, ratio)) in ratios.iter().enumerate() {
            let bar = middle - ratios.len() as u32 * BAR / 2 + i as u32 * BAR;
            let colour = COLOURS.iter().find(|(known, _)| *known == peer).map_or(INK, |(_, colour)| *colour);
            let corners = [(x(1.0), bar as i32), (x(ratio), (bar + BAR - 1) as i32)];
            root.draw(&Rectangle::new(corners, colour.filled()))?;
            let (end, pos) =
                if ratio < 1.0 { (x(ratio) - 4, HPos::Right) } else { (x(ratio) + 4, HPos::Left) };
            let label = table::figure(ratio);
            root.draw_text(&label, &text(9, INK, pos), (end, (bar + BAR / 2) as i32))?;
        }
        top += height(group);
    }
    root.present()?;
    Ok(())
}
