//! The account as text, for somebody who reads it top-down in a terminal.

use super::{Account, Day, Mail, Tale};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::dashboard::spell_seconds;
use serde_json::Value;
use std::{collections::BTreeMap, fmt::Write};

/// How wide a line is at most.
const COLUMNS: usize = 100;

/// Whose digest is printed in full; of the others, that there were some.
const READER: &str = "priya";

/// What people do, in the order they do it.
const DEEDS: [&str; 9] = [
    "assigned",
    "accepted",
    "touched",
    "returned",
    "resubmitted",
    "rated",
    "completed",
    "recycled",
    "cancelled",
];

/// Urgent mails by kind, and what they mean.
const ALERTS: [(&str, &str); 3] = [
    ("breached", "managers told"),
    ("escalated", "directors told"),
    ("withdrawn", "breaches withdrawn"),
];

/// What sources are answered when nothing opens, and what it means.
const ANSWERS: [(&str, &str); 6] = [
    ("joined", "joined what was open"),
    ("updated", "told more"),
    ("duplicates", "known already"),
    ("ignored", "triggered nothing"),
    ("quarantined", "unreadable and kept"),
    ("pending", "put off"),
];

/// Writes the whole transcript.
pub(super) fn write(account: &Account) -> String {
    let zone = account.timezone;
    let mut text = format!(
        "Seed {}, from {} to {} ({zone}); all times are local there.\n",
        account.seed,
        moment(account.from, zone),
        moment(account.until, zone),
    );
    for day in &account.days {
        text += &write_day(day, zone);
    }
    text += &write_month(&account.dashboard);
    let _ = write!(
        text,
        "\nHandoffs: {}. Without anybody to take them: {}. Messages given up: {}.\n",
        account.handoffs(),
        account.unrouted,
        account.dead_letters,
    );
    text
}

fn write_day(day: &Day, zone: Tz) -> String {
    let title = day.day.format("%A %-d %B %Y").to_string();
    let mut text = format!("\n{title}\n{}\n", "=".repeat(title.len()));
    for mail in day.digests.iter().filter(|mail| mail.to.as_str() == READER) {
        text += &write_mail(mail, day.digests.len() - 1, zone);
    }
    let types: Vec<_> = day.opened.keys().map(|name| (name.as_str(), name.as_str())).collect();
    let clocks = [
        listed(&day.events, &["reminded", "breached", "reassigned", "unrouted"].map(same)),
        listed(&day.alerts, &ALERTS),
    ];
    for (heading, counts) in [
        ("Opened:   ", listed(&day.opened, &types)),
        ("People:   ", listed(&day.events, &DEEDS.map(same))),
        ("Clocks:   ", clocks.into_iter().flatten().collect()),
        ("Sources:  ", listed(&day.answered, &ANSWERS)),
    ] {
        if !counts.is_empty() {
            text += &fold(heading, &counts.join(", "));
        }
    }
    for (why, count) in &day.refused {
        text += &fold("Refused:  ", &format!("\"{why}\" {count}"));
    }
    if !day.tales.is_empty() {
        text += "\n";
    }
    for tale in &day.tales {
        text += &write_tale(tale, zone);
    }
    text
}

/// Writes those counts that there are, in this order and by these names.
fn listed(all: &BTreeMap<String, u64>, wanted: &[(&str, &str)]) -> Vec<String> {
    let count = |(key, name): &(&str, &str)| all.get(*key).map(|count| format!("{name} {count}"));
    wanted.iter().filter_map(count).collect()
}

fn same(name: &str) -> (&str, &str) {
    (name, name)
}

fn write_mail(mail: &Mail, others: usize, zone: Tz) -> String {
    let at = mail.at.with_timezone(&zone).format("%H:%M");
    let mut text = format!("\nMail to {} at {at} ({others} more went to others)\n", mail.name);
    let _ = writeln!(text, "  | {}\n  |", mail.subject);
    for line in mail.body.lines() {
        text += format!("  | {line}").trim_end();
        text += "\n";
    }
    text + "\n"
}

fn write_tale(tale: &Tale, zone: Tz) -> String {
    let last = tale.steps.last().map(|step| step.at.with_timezone(&zone).date_naive());
    let step = |step: &super::Step| {
        let at = step.at.with_timezone(&zone);
        let format = if Some(at.date_naive()) == last { "%H:%M" } else { "%a %H:%M" };
        format!("{} {}", at.format(format), step.what)
    };
    let steps: Vec<String> = tale.steps.iter().map(step).collect();
    fold("  ", &format!("{} {}: {}", tale.handoff, tale.kind, steps.join("; ")))
}

/// Writes the month's figures: the total, every type, what they led to, and what to do.
fn write_month(dashboard: &Value) -> String {
    let month = text_of(&dashboard["month"]).parse::<NaiveDate>().unwrap_or_default();
    let title = format!("{} so far", month.format("%B %Y"));
    let mut text = format!("\n{title}\n{}\n", "=".repeat(title.len()));
    text += &line(["", "OPENED", "IN SLA", "RESPONSE", "MISSED", "REJECTED", "COMPLETE", "WON"]);
    text += &figures("All", &dashboard["total"]);
    let types = dashboard["types"].as_array().map(Vec::as_slice).unwrap_or_default();
    for kind in types {
        text += &figures(text_of(&kind["name"]), &kind["figures"]);
    }
    text += "\n";
    for kind in types {
        for conversion in kind["conversions"].as_array().into_iter().flatten() {
            text += &write_conversion(conversion);
        }
    }
    let five_minutes = types.iter().find(|kind| kind["type"] == "hot_lead");
    let five_minutes = five_minutes.map(|kind| percent(&kind["figures"]["five_minute_percent"]));
    let total = &dashboard["total"];
    let number = |key: &str| total[key].as_i64().unwrap_or(0);
    let rating = total["rating_hundredths"].as_i64();
    let rating = rating.map_or("-".to_owned(), |it| format!("{}.{:02}", it / 100, it % 100));
    let facts = [
        format!("hot leads answered within five minutes {}", five_minutes.unwrap_or_default()),
        format!("escalated {}", number("escalations")),
        format!("breaches withdrawn {}", number("withdrawn")),
        format!("recycled {}", number("recycled")),
        format!("rated {rating} of 5 by {}", number("rated")),
    ];
    text += &fold("Besides:  ", &facts.join(", "));
    for item in dashboard["action_items"].as_array().into_iter().flatten() {
        text += &fold("To do:    ", text_of(item));
    }
    text
}

fn write_conversion(conversion: &Value) -> String {
    let label = text_of(&conversion["label"]);
    let share = percent(&conversion["percent"]);
    let benchmark = conversion["benchmark_percent"].as_i64();
    let elsewhere = benchmark.map_or(String::new(), |percent| format!(", elsewhere {percent} %"));
    let (count, of) = (&conversion["count"], &conversion["of"]);
    fold("Led to:   ", &format!("{label} {share} ({count} of {of}{elsewhere})"))
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn figures(name: &str, figures: &Value) -> String {
    let number = |key: &str| figures[key].as_i64().unwrap_or(0).to_string();
    let response = figures["average_response_seconds"].as_i64().map(spell_seconds);
    line([
        name,
        &number("opened"),
        &percent(&figures["within_sla_percent"]),
        response.as_deref().unwrap_or("-"),
        &number("violations"),
        &number("rejected"),
        &percent(&figures["completeness_percent"]),
        &number("success"),
    ])
}

fn percent(value: &Value) -> String {
    value.as_i64().map_or("-".to_owned(), |percent| format!("{percent} %"))
}

fn line(cells: [&str; 8]) -> String {
    let [name, rest @ ..] = cells;
    let mut text = format!("{name:<14}");
    for cell in rest {
        let _ = write!(text, "{cell:>10}");
    }
    text + "\n"
}

fn moment(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%a %-d %b %Y %H:%M").to_string()
}

/// Writes text after a heading, in lines that begin below it.
fn fold(heading: &str, text: &str) -> String {
    let indent = " ".repeat(heading.chars().count().max(4));
    let mut lines = vec![heading.to_owned()];
    let mut width = heading.chars().count();
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let last = lines.last_mut();
        match last {
            Some(line) if width + length < COLUMNS || width <= indent.len() => {
                if !line.ends_with(' ') && !line.is_empty() {
                    line.push(' ');
                    width += 1;
                }
                line.push_str(word);
                width += length;
            }
            _ => {
                lines.push(format!("{indent}{word}"));
                width = indent.len() + length;
            }
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_folded_below_their_heading() {
        let folded = fold("People:   ", &"assigned ".repeat(30));
        assert!(folded.lines().all(|line| line.chars().count() <= COLUMNS), "{folded}");
        assert!(folded.lines().skip(1).all(|line| line.starts_with("          assigned")));
        assert_eq!(folded.split_whitespace().count(), 31);
    }
}
