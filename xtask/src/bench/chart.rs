//! Bars on a logarithmic axis as an SVG image: how many times faster than the other emulator.
//!
//! Every bar starts at 1: to the right Reprise is faster, to the left slower. A solid tick is the floor, a dashed one
//! the aim.

use std::fmt::Write;

/// One bar.
pub struct Bar {
    /// Left of it.
    pub label: String,
    /// Its end.
    pub ratio: f64,
    /// Tick that must be reached.
    pub floor: Option<f64>,
    /// Tick behind it.
    pub aim: Option<f64>,
}

/// Places in the image, in its own units (pixels, unless scaled).
const LABELS: f64 = 210.0;
const PLOT: f64 = 520.0;
const VALUES: f64 = 60.0;
const STEP: f64 = 24.0;
const TOP: f64 = 24.0;

/// Draws `bars`, the first on top.
pub fn svg(bars: &[Bar]) -> String {
    let all = || {
        bars.iter()
            .flat_map(|bar| [Some(bar.ratio), bar.floor, bar.aim])
            .flatten()
    };
    // Whole powers of two around everything that is shown, and always both sides of 1.
    let low = all().fold(0.5, f64::min).log2().floor();
    let high = all().fold(4.0, f64::max).log2().ceil();
    let x = |ratio: f64| LABELS + (ratio.log2() - low) / (high - low) * PLOT;
    let (width, height) = (LABELS + PLOT + VALUES, TOP + STEP * bars.len() as f64 + 6.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"13\">\n"
    );
    for power in low as i32..=high as i32 {
        let (at, colour) = (
            x(f64::from(power).exp2()),
            if power == 0 { "#444" } else { "#ddd" },
        );
        let name = if power < 0 {
            format!("1/{}", 1 << -power)
        } else {
            format!("{}", 1 << power)
        };
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{height}\" stroke=\"{colour}\"/>\
             <text x=\"{at:.1}\" y=\"16\" text-anchor=\"middle\" fill=\"#666\">{name}</text>"
        );
    }
    for (i, bar) in bars.iter().enumerate() {
        let y = TOP + STEP * i as f64 + 4.0;
        let (from, to) = (x(bar.ratio.min(1.0)), x(bar.ratio.max(1.0)));
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"16\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\">{:.2}</text>",
            LABELS - 8.0,
            y + 13.0,
            escape(&bar.label),
            (to - from).max(1.0),
            colour(bar),
            LABELS + PLOT + 10.0,
            y + 13.0,
            bar.ratio
        );
        for (tick, dashes) in [(bar.floor, ""), (bar.aim, " stroke-dasharray=\"3 2\"")] {
            if let Some(at) = tick.map(x) {
                let (above, below) = (y - 2.0, y + 18.0);
                let _ = writeln!(
                    svg,
                    "<line x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{above:.1}\" y2=\"{below:.1}\" stroke=\"#000\" \
                     stroke-width=\"2\"{dashes}/>"
                );
            }
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// Green at the floor, red when slower than the other emulator, amber between.
fn colour(bar: &Bar) -> &'static str {
    if bar.ratio < 1.0 {
        "#c8402f"
    } else if bar.ratio >= bar.floor.unwrap_or(1.0) {
        "#3a8f4d"
    } else {
        "#d99a2b"
    }
}

/// Text inside markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(ratio: f64) -> Bar {
        Bar {
            label: "a<b".into(),
            ratio,
            floor: Some(2.0),
            aim: Some(4.0),
        }
    }

    #[test]
    fn bars_start_at_one() {
        // The axis goes from 1/2 to 4: 1 is a third into the plot.
        let one = LABELS + PLOT / 3.0;
        let svg = svg(&[bar(2.0), bar(0.5)]);
        let right = format!("<rect x=\"{one:.1}\" y=\"28.0\" width=\"{:.1}\"", PLOT / 3.0);
        let left = format!("<rect x=\"{LABELS:.1}\" y=\"52.0\" width=\"{:.1}\"", PLOT / 3.0);
        assert!(svg.contains(&right) && svg.contains(&left), "{svg}");
        assert!(svg.contains(">a&lt;b<") && svg.contains(">1/2<") && svg.contains(">4<"));
    }

    #[test]
    fn colours() {
        for (ratio, expected) in [(0.9, "#c8402f"), (1.5, "#d99a2b"), (2.0, "#3a8f4d")] {
            assert_eq!(colour(&bar(ratio)), expected, "{ratio}");
        }
    }

    #[test]
    fn the_axis_holds_every_bar() {
        let svg = svg(&[bar(0.03), bar(20.0)]);
        assert!(svg.contains(">1/64<") && svg.contains(">32<"), "{svg}");
    }
}
