//! The preparation before a meeting as a calendar entry (RFC 5545), for whoever prepares and
//! whoever hands over.
//!
//! Half an hour of working time, from when everything known goes to the owner. The entry keeps its
//! id and counts up with the handoff, so that taking it again moves the one that is there. It is
//! published, not an invitation, so it names its organizer and asks nobody to answer.

use crate::{Desk, access::Visitor, fault::Fault, pages::plain, sheet::Sheet};
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use domain::{Config, Handoff, HandoffId, PersonId, calendar::Calendar, notice::Known};
use http::{HeaderValue, Response, StatusCode, header};
use runtime::web;

/// How long the preparation takes, in minutes.
const MINUTES: i64 = 30;

/// How long before the meeting it is where the type sends no mail before it, in hours.
const HOURS_BEFORE: i64 = 24;

/// How long a line may be, in bytes; longer ones go on after a space.
const LINE_BYTES_MAX: usize = 74;

impl Desk {
    /// Answers the calendar entry of a handoff's preparation.
    pub(crate) async fn hold(
        &self,
        id: &HandoffId,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let sheet = self.sheet(id, visitor).await?;
        let now = self.clock.now();
        let Some(start) = start(&sheet.handoff, &sheet.active.config, now) else {
            let none = "There is no meeting to prepare: its time is not set, or it is over.";
            return Err(Fault::NotFound(none.to_owned()));
        };
        let mut answer =
            web::answer(StatusCode::OK, "text/calendar; charset=utf-8", entry(&sheet, start, now));
        let name = HeaderValue::from_static("attachment; filename=\"prepare.ics\"");
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, name);
        Ok(answer)
    }
}

/// Finds when to prepare: when everything known goes out, in working time, never in the past.
fn start(handoff: &Handoff, config: &Config, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let meeting_at = handoff.meeting_at.filter(|at| *at > now && handoff.stage.is_open())?;
    let brief = handoff.brief.map(|brief| brief.at);
    let wanted = brief.unwrap_or(meeting_at - Duration::hours(HOURS_BEFORE)).max(now);
    let pool = handoff.pool.as_ref().and_then(|pool| config.pools.get(pool));
    let name =
        pool.and_then(|pool| pool.calendar.as_ref()).or(config.organisation.calendar.as_ref());
    let hours: Option<&Calendar> = name.and_then(|name| config.calendars.get(name));
    let working = hours.and_then(|hours| hours.next_working(wanted)).unwrap_or(wanted);
    // Before the meeting at the latest, whatever the calendar says.
    Some(working.min(meeting_at - Duration::minutes(MINUTES)).max(now))
}

fn entry(sheet: &Sheet, start: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let (handoff, config) = (&sheet.handoff, &sheet.active.config);
    let stamp = |at: DateTime<Utc>| at.format("%Y%m%dT%H%M%SZ").to_string();
    let desk = config.organisation.public_url.trim_end_matches('/');
    let link = format!("{desk}/handoffs/{}", handoff.id);
    let missing = Known::of(&sheet.package, sheet.template(), sheet.handoff.stage).missing;
    let missing = match missing.is_empty() {
        true => "Nothing required is missing.".to_owned(),
        false => format!("Missing: {}.", missing.join(", ")),
    };
    let person = |id: Option<&PersonId>| id.and_then(|id| config.people.get(id));
    let (owner, sender) = (person(handoff.owner.as_ref()), person(handoff.sender.as_ref()));
    let from = sender.map(|sender| format!("\nFrom {} ({}).", sender.name, sender.email));
    let about = format!("{link}\n{missing}{}", from.unwrap_or_default());
    let mut lines = vec![
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Handoff//Desk//EN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}-prepare@handoff", handoff.id),
        format!("SEQUENCE:{}", handoff.version),
        format!("DTSTAMP:{}", stamp(now)),
        format!("DTSTART:{}", stamp(start)),
        format!("DTEND:{}", stamp(start + Duration::minutes(MINUTES))),
        format!("SUMMARY:{}", escaped(&format!("Prepare: {}", plain(&sheet.package.title())))),
        format!("DESCRIPTION:{}", escaped(&about)),
        format!("URL:{link}"),
    ];
    lines.extend(owner.or(sender).map(|person| {
        format!("ORGANIZER;CN=\"{}\":mailto:{}", quoted(&person.name), person.email)
    }));
    lines.extend(["END:VEVENT".to_owned(), "END:VCALENDAR".to_owned()]);
    lines.iter().map(|line| folded(line)).collect()
}

/// Writes a text so that nothing in it ends the line or the value.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\\' | ';' | ',' => safe.extend(['\\', character]),
            hidden if hidden.is_control() => safe.push(' '),
            shown => safe.push(shown),
        }
    }
    safe
}

fn quoted(name: &str) -> String {
    name.chars().filter(|c| !c.is_control() && *c != '"').collect()
}

/// Breaks a long line as the format wants it, between characters.
fn folded(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while rest.len() > LINE_BYTES_MAX {
        let (now, later) = rest.split_at(rest.floor_char_boundary(LINE_BYTES_MAX));
        text += &format!("{now}\r\n ");
        rest = later;
    }
    text + rest + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff};

    fn check(meeting: &str, now: &str, expected: Option<&str>) {
        let handoff = Handoff { meeting_at: Some(at(meeting)), ..handoff() };
        assert_eq!(start(&handoff, &config(), at(now)), expected.map(at), "{meeting} at {now}");
    }

    #[test]
    fn one_prepares_in_working_time_a_day_before_and_never_in_the_past() {
        let monday = "2026-01-05T10:00:00Z";
        check("2026-01-08T15:00:00Z", monday, Some("2026-01-07T15:00:00Z"));
        // A day before Monday's meeting is a Sunday: the time is Monday's first.
        check("2026-01-12T15:00:00Z", monday, Some("2026-01-12T09:00:00Z"));
        check("2026-01-12T09:10:00Z", monday, Some("2026-01-12T08:40:00Z"));
        check("2026-01-05T15:00:00Z", monday, Some(monday));
        check("2026-01-05T09:00:00Z", monday, None);
    }

    #[test]
    fn no_name_ends_a_line() {
        assert_eq!(escaped("a,b;c\\d\r\nBEGIN:VEVENT"), "a\\,b\\;c\\\\d \\nBEGIN:VEVENT");
        let long = folded(&format!("SUMMARY:{}", "é".repeat(100)));
        assert!(long.lines().all(|line| line.len() <= LINE_BYTES_MAX + 1), "{long}");
        assert_eq!(long.replace("\r\n ", ""), format!("SUMMARY:{}\r\n", "é".repeat(100)));
    }
}
