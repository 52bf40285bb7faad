//! Bars: a small inline chart with a title; the table beside it says the same in numbers.

use super::shown::plain;
use crate::fault::Fault;
use askama::Template;

/// How wide a full bar is.
const FULL_WIDTH: i64 = 380;

/// Where bars begin.
const LEFT: i64 = 180;

/// How high a bar's row is.
const ROW_HEIGHT: i64 = 26;

#[derive(Template)]
#[template(path = "bars.svg", escape = "html")]
struct Chart<'a> {
    id: &'a str,
    title: &'a str,
    height: i64,
    bars: Vec<Drawn>,
    target_x: Option<i64>,
}

struct Drawn {
    name: String,
    value: String,
    class: &'static str,
    width: i64,
    y: i64,
    text_y: i64,
}

/// One bar.
pub(crate) struct Bar {
    /// What it is about.
    pub(crate) name: String,
    /// How much.
    pub(crate) amount: i64,
    /// The same in words.
    pub(crate) value: String,
    /// Whether it misses what is wanted.
    pub(crate) misses: bool,
}

/// Draws bars up to `most`, with a line where the target is.
pub(crate) fn draw(
    id: &str,
    title: &str,
    bars: Vec<Bar>,
    most: i64,
    target: Option<i64>,
) -> Result<String, Fault> {
    let scaled = |amount: i64| amount.clamp(0, most.max(1)) * FULL_WIDTH / most.max(1);
    let drawn: Vec<Drawn> = (0..)
        .zip(bars)
        .map(|(row, bar)| Drawn {
            name: plain(&bar.name),
            width: scaled(bar.amount),
            value: bar.value,
            class: if bar.misses { "late" } else { "good" },
            y: row * ROW_HEIGHT + 4,
            text_y: row * ROW_HEIGHT + 18,
        })
        .collect();
    let height = ROW_HEIGHT * i64::try_from(drawn.len()).unwrap_or(0) + 4;
    let target_x = target.map(|target| LEFT + scaled(target));
    let chart = Chart { id, title, height, bars: drawn, target_x };
    chart.render().map_err(|error| Fault::Broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, amount: i64) -> Bar {
        Bar { name: name.to_owned(), amount, value: amount.to_string(), misses: amount < 90 }
    }

    #[test]
    fn bars_are_to_scale_and_named() {
        let bars = vec![bar("MQL", 100), bar("<b>", 50)];
        let svg = draw("sla", "In time", bars, 100, Some(90)).unwrap();
        assert!(svg.contains("<title id=\"sla\">In time</title>"), "{svg}");
        assert!(svg.contains("width=\"380\"") && svg.contains("width=\"190\""), "{svg}");
        assert!(svg.contains("x1=\"522\"") && !svg.contains("<b>"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_no_accident() {
        assert!(
            draw("weeks", "Weeks", vec![bar("a", 0)], 0, None).unwrap().contains("width=\"0\"")
        );
    }
}
