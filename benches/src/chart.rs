//! The charts: time over domain size or over threads, both logarithmic, in panels.

use std::fmt::Write as _;

use super::measure::{Measurement, median, walls};
use super::report::Report;

const PANEL: (f64, f64) = (360.0, 280.0);
/// Margins around the axes of a panel: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (56.0, 34.0, 14.0, 40.0);
const LEGEND: f64 = 30.0;
const CAPTION: f64 = 26.0;
/// Okabe and Ito's palette, safe for colour blindness.
const COLOURS: [&str; 6] = ["#0072b2", "#56b4e9", "#d55e00", "#009e73", "#cc79a7", "#e69f00"];

/// A time: `log2` of a size or of a number of threads, `log10` of milliseconds, the prover, and whether it is of a whole
/// process.
type Point<'a> = (f64, f64, &'a str, bool);

/// Draws warm times over domain sizes, one panel per family, with the largest number of threads. Provers without warm
/// times are drawn dashed with their cold times.
pub(super) fn draw(report: &Report) -> String {
    let measurements: Vec<&Measurement> = report.widest().collect();
    picture(
        report,
        &measurements,
        |one| &one.family,
        |one| {
            let warm = median(&one.warm_ms);
            let time = warm.or_else(|| median(&walls(&one.cold)))?;
            Some((f64::from(one.domain).log2(), time.log10(), one.prover.as_str(), warm.is_none()))
        },
    )
}

/// Draws warm times over threads, one panel per circuit. `None` for a single number of threads.
pub(super) fn scaling(report: &Report) -> Option<String> {
    let measurements: Vec<&Measurement> =
        report.measurements.iter().filter(|one| one.threads.is_some()).collect();
    report.has_scaling().then(|| {
        picture(
            report,
            &measurements,
            |one| &one.circuit,
            |one| {
                let (threads, time) = (one.threads?, median(&one.warm_ms)?);
                Some(((threads as f64).log2(), time.log10(), one.prover.as_str(), false))
            },
        )
    })
}

/// Draws one panel for each title.
fn picture<'a>(
    report: &Report,
    measurements: &[&'a Measurement],
    title: impl Fn(&'a Measurement) -> &'a String,
    point: impl Fn(&'a Measurement) -> Option<Point<'a>>,
) -> String {
    let titles = unique(measurements.iter().map(|one| title(one).as_str()));
    let provers = unique(measurements.iter().map(|one| one.prover.as_str()));
    let columns = titles.len().clamp(1, 3);
    let rows = titles.len().div_ceil(columns);
    let (width, height) = (PANEL.0 * columns as f64, CAPTION + LEGEND + PANEL.1 * rows as f64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"18\" fill=\"#444\">{}</text>\n",
        escaped(&report.caption())
    );
    for (index, prover) in provers.iter().enumerate() {
        let x = 12.0 + 150.0 * index as f64;
        let colour = COLOURS[index % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<circle cx=\"{x}\" cy=\"38\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"42\">{}</text>",
            x + 10.0,
            escaped(prover)
        );
    }
    for (index, wanted) in titles.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let points: Vec<Point<'_>> =
            measurements.iter().filter(|one| title(one) == wanted).filter_map(|one| point(one)).collect();
        let (x, y) = (PANEL.0 * column as f64, CAPTION + LEGEND + PANEL.1 * row as f64);
        let _ = writeln!(svg, "<g transform=\"translate({x} {y})\">");
        panel(&mut svg, wanted, &points, &provers);
        svg += "</g>\n";
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, title: &str, points: &[Point<'_>], provers: &[&str]) {
    let _ = writeln!(svg, "<text x=\"{}\" y=\"20\" font-weight=\"bold\">{}</text>", MARGIN.0, escaped(title));
    let Some(scale) = Scale::around(points) else { return };
    axes(svg, &scale);
    for (index, prover) in provers.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let mut of_prover: Vec<_> = points.iter().filter(|point| point.2 == *prover).collect();
        of_prover.sort_by(|a, b| a.0.total_cmp(&b.0));
        let Some(first) = of_prover.first() else { continue };
        let dashes = if first.3 { " stroke-dasharray=\"5 4\"" } else { "" };
        let line: Vec<String> =
            of_prover.iter().map(|p| format!("{:.1},{:.1}", scale.x(p.0), scale.y(p.1))).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
            line.join(" ")
        );
        for point in of_prover {
            let (x, y) = (scale.x(point.0), scale.y(point.1));
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"><title>{}: {:.1} ms</title></circle>",
                escaped(prover),
                10f64.powf(point.1)
            );
        }
    }
}

/// Gridlines at powers of ten, ticks at powers of two.
fn axes(svg: &mut String, scale: &Scale) {
    let (left, right) = (MARGIN.0, PANEL.0 - MARGIN.2);
    let (top, bottom) = (MARGIN.1, PANEL.1 - MARGIN.3);
    for power in scale.times.0 as i32..=scale.times.1 as i32 {
        let y = scale.y(f64::from(power));
        let label = if power >= 3 {
            format!("{} s", 10f64.powi(power - 3))
        } else {
            format!("{} ms", 10f64.powi(power))
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{left}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#444\">{label}</text>",
            left - 6.0,
            y + 4.0
        );
    }
    let (first, last) = (scale.sizes.0.ceil() as i32, scale.sizes.1.floor() as i32);
    for power in (first..=last).filter(|power| last - first < 8 || power % 2 == 0) {
        let x = scale.x(f64::from(power));
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#eee\"/>\
             <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#444\">2<tspan dy=\"-4\" font-size=\"9\">{power}</tspan></text>",
            bottom + 18.0
        );
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{left},{top} {left},{bottom} {right},{bottom}\" fill=\"none\" stroke=\"#444\"/>"
    );
}

/// The ranges of a panel: `log2` of sizes or threads, `log10` of times in milliseconds.
struct Scale {
    sizes: (f64, f64),
    times: (f64, f64),
}

impl Scale {
    fn around(points: &[Point<'_>]) -> Option<Self> {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |range: Option<(f64, f64)>, value| {
                Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
            })
        };
        let sizes = range(&mut points.iter().map(|point| point.0))?;
        let times = range(&mut points.iter().map(|point| point.1))?;
        let times = (times.0.floor(), times.1.ceil().max(times.0.floor() + 1.0));
        Some(Self { sizes: (sizes.0 - 0.5, sizes.1 + 0.5), times })
    }

    fn x(&self, size: f64) -> f64 {
        let share = (size - self.sizes.0) / (self.sizes.1 - self.sizes.0);
        MARGIN.0 + share * (PANEL.0 - MARGIN.0 - MARGIN.2)
    }

    fn y(&self, time: f64) -> f64 {
        let share = (time - self.times.0) / (self.times.1 - self.times.0);
        PANEL.1 - MARGIN.3 - share * (PANEL.1 - MARGIN.1 - MARGIN.3)
    }
}

/// The distinct values in order of first appearance.
fn unique<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{report, report_over_threads};

    #[test]
    fn the_chart_shows_every_prover_and_every_size_within_its_bounds() {
        let svg = draw(&report());
        assert_eq!(svg.matches("<polyline points").count(), 3, "axes and two provers");
        assert_eq!(svg.matches("<title>").count(), 3, "three measurements");
        assert!(svg.contains("snark&lt;js&gt;") && !svg.contains("<js>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }

    #[test]
    fn the_chart_over_threads_exists_for_several_numbers_of_threads() {
        assert_eq!(scaling(&report()), None);
        let svg = scaling(&report_over_threads()).unwrap();
        assert_eq!(svg.matches("<title>").count(), 4, "two circuits by two numbers of threads");
        assert_eq!(draw(&report_over_threads()).matches("<title>").count(), 3, "only the largest number");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn nothing_measured_is_still_a_picture() {
        let empty = Report::new(super::super::measure::Results::default(), &[]);
        assert!(draw(&empty).ends_with("</svg>\n"));
    }
}
