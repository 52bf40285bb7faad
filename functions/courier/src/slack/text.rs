//! Text in Slack's blocks, within Slack's bounds.
//!
//! What people and sources wrote stands in `plain_text` objects, where nothing is markup; our own
//! words and numbers may stand in `mrkdwn`. Where both must share a line, theirs is escaped as
//! Slack says, and what would begin or end a style is kept from doing so.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

/// How long the texts of blocks may be, in characters.
pub(super) const HEADER_MAX: usize = 150;
pub(super) const SECTION_MAX: usize = 3_000;
pub(super) const FIELD_MAX: usize = 2_000;
pub(super) const BUTTON_MAX: usize = 75;

/// How long the text beside the blocks may be: what a notification shows.
const FALLBACK_MAX: usize = 3_000;

/// Makes a text in which nothing is markup.
pub(super) fn plain(text: &str, max: usize) -> Value {
    json!({ "type": "plain_text", "text": filled(bounded(&visible(text), max)), "emoji": false })
}

/// Makes a text of our own in Slack's markup.
pub(super) fn marked(text: &str, max: usize) -> Value {
    json!({ "type": "mrkdwn", "text": filled(bounded(text, max)) })
}

/// Makes somebody's words fit to stand in markup.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in visible(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A style begins and ends beside a space or a mark; a joiner of no width is neither.
            style @ ('*' | '_' | '~' | '`') => {
                escaped.push('\u{2060}');
                escaped.push(style);
                escaped.push('\u{2060}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// Makes the text that stands beside the blocks, of somebody's words and of our own.
pub(super) fn fallback(theirs: &str, ours: &str) -> String {
    let text = format!("{} {ours}", escaped(theirs));
    filled(bounded(text.trim(), FALLBACK_MAX))
}

/// Writes an instant so that Slack shows it in the zone of whoever reads it.
pub(super) fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    let elsewhere = at.with_timezone(&zone).format("%a %-d %b %H:%M");
    format!("<!date^{}^{{date_short_pretty}}, {{time}}|{elsewhere} ({zone})>", at.timestamp())
}

/// Takes out what cannot be seen and changes how the rest is read.
fn visible(text: &str) -> String {
    text.chars()
        .filter_map(|character| match character {
            '\n' => Some('\n'),
            space if space.is_whitespace() => Some(' '),
            hidden if hidden.is_control() || domain::notice::turns(hidden) => None,
            shown => Some(shown),
        })
        .collect()
}

/// Cuts a text, with a mark; never inside an entity of markup.
fn bounded(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(max - 1).collect();
    if let Some(open) = kept.rfind(['&', '<'])
        && !kept[open..].contains([';', '>'])
    {
        kept.truncate(open);
    }
    kept.push('…');
    kept
}

/// An empty text is refused by Slack.
fn filled(text: String) -> String {
    match text.trim().is_empty() {
        true => "–".to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_wrote_cannot_speak_for_us() {
        let hostile = "<!channel> <@U1|x> *bold* <http://evil.example|Accept> &amp; \u{202e}abc";
        let escaped = escaped(hostile);
        assert!(!escaped.contains('<') && !escaped.contains('>'), "{escaped}");
        assert!(!escaped.contains("*bold*") && !escaped.contains('\u{202e}'), "{escaped}");
        assert!(escaped.contains("&amp;amp;"), "{escaped}");
        let plain = plain(hostile, 50);
        assert_eq!((&plain["type"], &plain["emoji"]), (&json!("plain_text"), &json!(false)));
    }

    #[test]
    fn a_text_is_within_its_bounds_and_never_empty() {
        let long = plain(&"é".repeat(200), HEADER_MAX);
        assert_eq!(long["text"].as_str().unwrap().chars().count(), HEADER_MAX);
        for empty in ["", " ", "\u{200b}"] {
            assert_eq!(plain(empty, 10)["text"], "–");
        }
        assert_eq!(bounded("abcd &amp; e", 8), "abcd …");
        assert_eq!(bounded("see <http://x.example|x>", 12), "see …");
    }
}
