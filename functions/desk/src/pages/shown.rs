//! How things are shown: text from outside made harmless, times with their machine form, states in
//! a word, an icon and a colour.

use crate::{moment, row::Row};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Handoff, Stage,
    beside::{Task, TaskState},
    clock::{Clock, ClockState},
};
use serde_json::Value;

/// How much of a name is shown, in characters.
const NAME_CHARS_MAX: usize = 200;

/// How much of a value or a note is shown, in characters.
const TEXT_CHARS_MAX: usize = 33_000;

/// How much of a clock may be left for it to be due soon, in percent.
const SOON_PERCENT: i32 = 20;

/// An instant, for machines and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// RFC 3339.
    pub(crate) iso: String,
    /// In the reader's zone.
    pub(crate) text: String,
}

impl Moment {
    /// Shows an instant in a zone.
    pub(crate) fn of(at: DateTime<Utc>, zone: Tz) -> Self {
        Self { iso: moment::iso(at), text: moment::absolute(at, zone) }
    }
}

/// A text that came from outside, and where it leads if it is a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Harmless text.
    pub(crate) text: String,
    /// Only http and https.
    pub(crate) href: Option<String>,
}

impl Shown {
    /// Shows a value of a package.
    pub(crate) fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self { text: whole(text), href: link(text) },
            Value::Array(list) => {
                let parts: Vec<String> = list.iter().map(|one| Self::of(one).text).collect();
                Self { text: whole(&parts.join(", ")), href: None }
            }
            other => Self { text: whole(&other.to_string()), href: None },
        }
    }
}

/// Makes a name harmless to look at: no control characters, nothing that turns or hides text, not
/// too long.
pub(crate) fn plain(text: &str) -> String {
    harmless(text.chars().map(|c| if c.is_control() { ' ' } else { c }), NAME_CHARS_MAX)
}

/// Makes a longer text harmless in the same way; its lines stay lines.
fn whole(text: &str) -> String {
    let lines = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    harmless(text.chars().map(lines), TEXT_CHARS_MAX)
}

fn harmless(characters: impl Iterator<Item = char>, most: usize) -> String {
    let mut visible = characters.filter(|c| !turns_or_hides(*c));
    let mut shown: String = visible.by_ref().take(most).collect();
    if visible.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Tells whether a character changes the direction of text around it, or cannot be seen.
fn turns_or_hides(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Finds where a text leads if the whole of it is a web address.
fn link(text: &str) -> Option<String> {
    let text = text.trim();
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase())?;
    let web = matches!(scheme.as_str(), "http" | "https");
    let whole = text.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\'));
    (web && whole && text.len() <= 2_000).then(|| text.to_owned())
}

/// A state in a word, an icon and the name of a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// What it says.
    pub(crate) word: &'static str,
    /// What shows it.
    pub(crate) icon: &'static str,
    /// Which colour it has.
    pub(crate) class: &'static str,
}

const fn state(word: &'static str, icon: &'static str, class: &'static str) -> State {
    State { word, icon, class }
}

/// Shows where a handoff stands.
pub(crate) fn stage(stage: Stage) -> State {
    match stage {
        Stage::Opened => state("opened", "○", "waiting"),
        Stage::Assigned => state("assigned", "→", "waiting"),
        Stage::Accepted => state("accepted", "✓", "working"),
        Stage::Engaged => state("engaged", "●", "working"),
        Stage::Completed => state("completed", "✔", "good"),
        Stage::Returned => state("returned", "↩", "soon"),
        Stage::Recycled => state("recycled", "↻", "over"),
        Stage::Cancelled => state("cancelled", "✕", "over"),
    }
}

/// Shows how a task stands.
pub(crate) fn task(task: &Task, now: DateTime<Utc>) -> State {
    match task.state {
        TaskState::Open if task.at > now => state("later", "○", "waiting"),
        TaskState::Open => state("to do", "→", "waiting"),
        TaskState::Done => state("done", "✓", "good"),
        TaskState::Missed => state("missed", "⚠", "late"),
        TaskState::Ended => state("not needed", "–", "over"),
    }
}

/// A deadline and how it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// How it stands.
    pub(crate) state: State,
    /// When it is.
    pub(crate) at: Moment,
    /// How far ahead or ago, while it counts.
    pub(crate) countdown: Option<String>,
}

impl Due {
    /// Shows a clock of a handoff.
    pub(crate) fn of(clock: &Clock, handoff: &Handoff, now: DateTime<Utc>, zone: Tz) -> Self {
        let counts = clock.is_ticking() && handoff.stage.is_open();
        let runs = counts && clock.state == ClockState::Running;
        if runs && !handoff.moving_clocks().any(|moving| moving.name == clock.name) {
            let at = Moment::of(clock.due_at, zone);
            return Self { state: state("paused", "‖", "over"), at, countdown: None };
        }
        Self {
            state: clock_state(clock, counts, now),
            at: Moment::of(clock.due_at, zone),
            countdown: counts.then(|| moment::countdown(clock.due_at, now)),
        }
    }

    /// Shows the clock a row counts down.
    pub(crate) fn of_row(row: &Row, now: DateTime<Utc>, zone: Tz) -> Option<Self> {
        let clock = row.handoff.leading_clock()?;
        Some(Self::of(clock, &row.handoff, now, zone))
    }
}

fn clock_state(clock: &Clock, counts: bool, now: DateTime<Utc>) -> State {
    let whole = clock.due_at - clock.started_at;
    let soon = clock.due_at - whole * SOON_PERCENT / 100;
    match clock.state {
        _ if counts && clock.due_at <= now => state("overdue", "⚠", "late"),
        ClockState::Running if counts && soon <= now => state("due soon", "◔", "soon"),
        ClockState::Running if counts => state("on time", "○", "waiting"),
        ClockState::Met => state("met", "✓", "good"),
        ClockState::Breached if clock.met_at.is_some() => state("met late", "⚠", "late"),
        ClockState::Breached => state("missed", "⚠", "late"),
        ClockState::Running | ClockState::Closed => state("closed", "–", "over"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, handoff};

    #[test]
    fn text_from_outside_cannot_turn_or_hide_anything() {
        assert_eq!(plain("Dana\u{202e}gpj.exe\u{2066}\u{200b}"), "Danagpj.exe");
        assert_eq!(plain("a\r\nBcc: b\0\u{7f}"), "a  Bcc: b  ");
        assert_eq!(plain("Zoë 李 \u{5d0}"), "Zoë 李 \u{5d0}", "any script is fine");
        let long = plain(&"é".repeat(1_000_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (201, true));
    }

    #[test]
    fn only_web_addresses_are_links() {
        let href = |text: &str| Shown::of(&Value::from(text)).href;
        assert_eq!(
            href(" https://acme.example/a?b=1 ").as_deref(),
            Some("https://acme.example/a?b=1")
        );
        assert_eq!(href("HTTP://acme.example").as_deref(), Some("HTTP://acme.example"));
        for wrong in [
            "javascript:alert(1)",
            "javascript://%0aalert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,<script>",
            "https://a\" onmouseover=\"alert(1)",
            "https://a b",
            "see https://acme.example",
            "//acme.example",
            "https://acme\u{202e}.example",
        ] {
            assert_eq!(href(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn values_of_any_shape_are_text() {
        let shown = |text: &str| Shown::of(&serde_json::from_str(text).unwrap()).text;
        assert_eq!(shown("[\"a\",\"b\",3]"), "a, b, 3");
        assert_eq!(shown("{\"a\":true}"), "{\"a\":true}");
        assert_eq!(shown("72"), "72");
    }

    #[test]
    fn a_deadline_says_how_it_stands() {
        let mut handoff = handoff();
        let mut check = |now: &str, change: fn(&mut Clock), word: &str, countdown: Option<&str>| {
            change(&mut handoff.clocks[0]);
            let due = Due::of(&handoff.clocks[0], &handoff, at(now), Tz::Europe__London);
            assert_eq!((due.state.word, due.countdown.as_deref()), (word, countdown), "{now}");
        };
        check("2026-01-05T09:00:00Z", |_| (), "on time", Some("in 4 h"));
        check("2026-01-05T12:12:00Z", |_| (), "due soon", Some("in 48 min"));
        check("2026-01-05T13:00:00Z", |_| (), "overdue", Some("0 s ago"));
        let breached = |clock: &mut Clock| clock.state = ClockState::Breached;
        check("2026-01-05T14:00:00Z", breached, "overdue", Some("1 h ago"));
        let late = |clock: &mut Clock| clock.met_at = Some(clock.due_at);
        check("2026-01-05T14:00:00Z", late, "met late", None);
        let met = |clock: &mut Clock| clock.state = ClockState::Met;
        check("2026-01-05T14:00:00Z", met, "met", None);
    }

    #[test]
    fn what_is_over_counts_down_nothing() {
        let handoff = Handoff { stage: Stage::Cancelled, ..handoff() };
        let due = Due::of(&handoff.clocks[0], &handoff, at("2026-01-05T14:00:00Z"), Tz::UTC);
        assert_eq!((due.state.word, due.countdown), ("closed", None));
    }
}
