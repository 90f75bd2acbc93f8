//! Line charts as SVG, drawn on the server: colours come from the style sheet, and lines differ in their dashes too.

use crate::texts::Lang;
use askama::Template;
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 8.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;
/// How many labels stand below the chart, about.
const LABELS: usize = 6;

/// A line: its name, and its value at each moment, where there is one.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Option<f64>>,
}

/// A chart with its table.
#[derive(Template)]
#[template(path = "chart.html")]
pub(crate) struct Chart {
    pub(crate) l: Lang,
    /// Unique on its page.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The moments in words: `09:30`.
    pub(crate) moments: Vec<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) decimals: usize,
}

impl Chart {
    fn is_empty(&self) -> bool {
        self.lines.iter().all(|line| line.values.iter().all(|value| value.unwrap_or(0.0) == 0.0))
    }

    /// What the table shows of a line at a moment.
    fn cell(&self, line: &Line, moment: &usize) -> String {
        let value = line.values.get(*moment).copied().flatten();
        value.map_or_else(|| "–".to_owned(), |value| self.l.decimals(value, self.decimals))
    }

    /// The largest value of the scale: 1, 2 or 5 times a power of ten.
    fn top(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| line.values.iter().flatten());
        nice(values.fold(0.0_f64, |max, value| max.max(*value)))
    }

    /// The drawing: numbers and our own words alone.
    fn svg(&self) -> String {
        let top = self.top();
        let mut svg = String::new();
        for part in [0.0, 0.5, 1.0] {
            let y = y_of(part * top, top);
            let value = part * top;
            let label = self.l.decimals(
                value,
                if value.fract() == 0.0 {
                    0
                } else if top < 1.0 {
                    2
                } else {
                    1
                },
            );
            let _ = write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            );
        }
        self.draw_moments(&mut svg);
        for (n, line) in self.lines.iter().enumerate() {
            let _ = write!(svg, "<path class=\"line line{n}\" d=\"{}\"/>", self.path(line, top));
        }
        svg
    }

    fn draw_moments(&self, svg: &mut String) {
        let step = self.moments.len().div_ceil(LABELS).max(1);
        for (n, label) in self.moments.iter().enumerate().step_by(step) {
            let x = self.x_of(n);
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>", HEIGHT - 6.0);
        }
    }

    /// The line, with a gap where there is no value.
    fn path(&self, line: &Line, top: f64) -> String {
        let mut path = String::new();
        let mut pen_is_down = false;
        for (n, value) in line.values.iter().enumerate() {
            if let Some(value) = value {
                let letter = if pen_is_down { 'L' } else { 'M' };
                let _ = write!(path, "{letter}{:.1} {:.1}", self.x_of(n), y_of(*value, top));
                // A line without length is drawn as a dot, so that a lone value is seen.
                let is_alone = !pen_is_down && line.values.get(n + 1).copied().flatten().is_none();
                path.push_str(if is_alone { "h0" } else { "" });
            }
            pen_is_down = value.is_some();
        }
        path
    }

    fn x_of(&self, n: usize) -> f64 {
        let steps = as_float(self.moments.len().saturating_sub(1).max(1));
        LEFT + 14.0 + (WIDTH - LEFT - RIGHT - 28.0) * as_float(n) / steps
    }
}

fn y_of(value: f64, top: f64) -> f64 {
    HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value / top).clamp(0.0, 1.0)
}

fn nice(max: f64) -> f64 {
    if max <= 0.0 || !max.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(max.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|n| n * power).find(|top| *top >= max).unwrap_or(max)
}

fn as_float(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (max, top) in [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (3.0, 5.0), (99.0, 100.0), (101.0, 200.0)] {
            assert!((nice(max) - top).abs() < 1e-9, "{max}: {}", nice(max));
        }
    }

    #[test]
    fn a_missing_value_is_a_gap_and_not_zero() {
        let moments = ["1", "2", "3", "4"].map(str::to_owned).to_vec();
        let lines = vec![Line { name: "a", values: vec![Some(1.0), None, Some(2.0), Some(1.0)] }];
        let chart = Chart { l: Lang::En, id: "c", title: "t", moments, lines, decimals: 1 };
        let path = chart.path(&chart.lines[0], chart.top());
        assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 1), "{path}");
        let html = chart.render().expect("a chart");
        assert!(html.contains("<td>–</td>") && html.contains("<td>2.0</td>"), "{html}");
    }
}
