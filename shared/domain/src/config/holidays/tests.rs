//! Holidays out of files as they come: folded, from several programs, broken, and hostile.

use super::*;
use proptest::prelude::*;

const UK: &str = include_str!("uk-holidays.ics");
const BERLIN: Tz = Tz::Europe__Berlin;

/// Wraps an event's lines in a calendar.
fn event(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n")
}

fn check(lines: &str, days: &[&str]) {
    let found = holidays(&event(lines), BERLIN).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    let found: Vec<String> = found.iter().map(NaiveDate::to_string).collect();
    assert_eq!(found, days, "{lines}");
}

fn check_refused(text: &str, line: usize, message: &str) {
    let refusal = holidays(text, BERLIN).unwrap_err();
    assert_eq!((refusal.line, refusal.message.as_str()), (line, message));
    assert!(!refusal.help.is_empty());
}

#[test]
fn the_bank_holidays_that_are_shipped_are_read() {
    let days = holidays(UK, Tz::Europe__London).unwrap();
    assert_eq!(days.len(), 24, "three years of eight");
    for day in ["2026-12-28", "2027-12-27", "2027-12-28", "2028-01-03", "2028-04-17"] {
        assert!(days.contains(&day.parse().unwrap()), "{day}");
    }
}

#[test]
fn an_event_ends_before_its_end() {
    check("DTSTART;VALUE=DATE:20261225", &["2026-12-25"]);
    check("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226", &["2026-12-25"]);
    check(
        "DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261228",
        &["2026-12-25", "2026-12-26", "2026-12-27"],
    );
    check("DTSTART;VALUE=DATE:20261225\nDURATION:P2D", &["2026-12-25", "2026-12-26"]);
}

#[test]
fn an_event_with_a_time_is_on_its_local_date() {
    check("DTSTART;TZID=Europe/Berlin:20261224T140000\nDTEND:20261224T180000", &["2026-12-24"]);
    check("DTSTART:20261224T233000Z", &["2026-12-25"]);
    check("DTSTART:20261224T000000\nDTEND:20261225T000000", &["2026-12-24"]);
    check("DTSTART:20261224T220000\nDURATION:PT3H", &["2026-12-24", "2026-12-25"]);
}

#[test]
fn an_event_that_comes_every_year_is_followed_from_2020_to_2040() {
    let days = holidays(&event("DTSTART;VALUE=DATE:19991225\nRRULE:FREQ=YEARLY"), BERLIN).unwrap();
    assert_eq!((days.len(), days.first().unwrap().year()), (21, 2020));
    assert_eq!(days.last().unwrap().to_string(), "2040-12-25");
    check(
        "DTSTART;VALUE=DATE:20190501\nRRULE:FREQ=YEARLY;COUNT=4;INTERVAL=2",
        &["2021-05-01", "2023-05-01", "2025-05-01"],
    );
    check(
        "DTSTART;VALUE=DATE:20260501\nRRULE:FREQ=YEARLY;UNTIL=20280501\nEXDATE;VALUE=DATE:20270501",
        &["2026-05-01", "2028-05-01"],
    );
    check("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;COUNT=2", &["2024-02-29", "2028-02-29"]);
}

#[test]
fn lines_are_unfolded_and_what_says_nothing_about_days_is_passed_over() {
    let text = event(
        "UID:1@x\nSUMMARY:Christmas: the\n  long day\nX-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\n\
         ATTENDEE;CN=\"A: B; C\":mailto:a@x.example\nDTSTART;VAL\n UE=DATE:2026\n 1225\n\
         BEGIN:VALARM\nDTSTART:nonsense\nTRIGGER:-PT15M\nEND:VALARM",
    );
    let expected = BTreeSet::from(["2026-12-25".parse().unwrap()]);
    assert_eq!(holidays(&text, BERLIN).unwrap(), expected);
    assert_eq!(holidays(&text.replace('\n', "\r\n"), BERLIN).unwrap(), expected);
    assert_eq!(holidays(&format!("\u{feff}{text}"), BERLIN).unwrap(), expected);
}

#[test]
fn a_cancelled_event_is_no_holiday() {
    check("DTSTART;VALUE=DATE:20261225\nSTATUS:CANCELLED", &[]);
    check("DTSTART;VALUE=DATE:20261225\nSTATUS:CONFIRMED", &["2026-12-25"]);
}

#[test]
fn what_is_no_calendar_is_refused_with_its_line() {
    let start = "This is no iCalendar file: it does not start with BEGIN:VCALENDAR.";
    check_refused("", 1, start);
    check_refused("\n\n<html>", 3, start);
    check_refused("BEGIN:VCALENDAR\nhello\n", 2, "`hello` is no iCalendar line.");
    check_refused(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\n",
        2,
        "The file breaks off: VEVENT does not end.",
    );
    check_refused("BEGIN:VCALENDAR\nEND:VEVENT\n", 2, "VEVENT ends and did not begin.");
    check_refused("BEGIN:VCALENDAR\nEND:VCALENDAR\n", 2, "There is no event in it.");
    check_refused(&event("SUMMARY:x"), 5, "The event that ends here has no DTSTART.");
    check_refused(
        &event("DTSTART;VALUE=DATE:20261325"),
        4,
        "`20261325` is no date: it must be like 20261225.",
    );
    check_refused(
        &event("DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261224"),
        6,
        "The event that ends here ends before it starts.",
    );
}

#[test]
fn what_would_change_the_days_and_is_not_known_is_refused_by_name() {
    let with = |line: &str| event(&format!("DTSTART;VALUE=DATE:20260101\n{line}"));
    let unread = |part: &str| format!("The RRULE part `{part}` is not read here.");
    check_refused(&with("RRULE:FREQ=YEARLY;BYMONTH=5"), 5, &unread("BYMONTH=5"));
    check_refused(&with("RRULE:FREQ=MONTHLY"), 5, &unread("FREQ=MONTHLY"));
    check_refused(&with("RRULE:FREQ=YEARLY;INTERVAL=0"), 5, &unread("INTERVAL=0"));
    check_refused(&with("RRULE:COUNT=3"), 5, "The RRULE has no FREQ=YEARLY.");
    check_refused(&with("RDATE:20260102"), 5, "RDATE is not read here.");
    check_refused(
        &with("RECURRENCE-ID:20260101"),
        6,
        "The event changes one day of another (RECURRENCE-ID).",
    );
}

#[test]
fn a_file_has_a_limit_in_bytes_and_in_days() {
    let long = format!("BEGIN:VCALENDAR\n{}", "X-A:b\n".repeat(200_000));
    check_refused(&long, 1, "The file has more than 1000000 bytes.");
    let days = event("DTSTART;VALUE=DATE:00010101\nDTEND;VALUE=DATE:99991231");
    check_refused(&days, 6, "The events have more than 20000 days.");
    let same = event("DTSTART;VALUE=DATE:20200101\nDTEND;VALUE=DATE:20230101\nRRULE:FREQ=YEARLY");
    check_refused(&same, 7, "The events have more than 20000 days.");
    let forever =
        event("DTSTART;VALUE=DATE:00010101\nRRULE:FREQ=YEARLY;COUNT=18446744073709551615");
    assert_eq!(holidays(&forever, BERLIN).unwrap().len(), 21);
}

/// Lines that mean something, in any order and number.
fn any_line() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VALARM",
        "END:VALARM",
        "DTSTART;VALUE=DATE:20261225",
        "DTSTART:99991231T235959Z",
        "DTSTART;VALUE=DATE:00000101",
        "DTEND;VALUE=DATE:20270105",
        "DURATION:P3660D",
        "RRULE:FREQ=YEARLY",
        "RRULE:FREQ=YEARLY;INTERVAL=2147483647",
        "EXDATE:20261225,20271225",
        "STATUS:CANCELLED",
        " 0",
        "\t;",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "[A-Z:;=\",0-9é \t-]{0,24}", 1 => "\\PC*"]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        lines in prop::collection::vec(any_line(), 0..40),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        is_begun in any::<bool>(),
    ) {
        let begun = if is_begun { "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" } else { "" };
        let text = begun.to_owned() + &lines.join(end);
        if let Err(refusal) = holidays(&text, BERLIN) {
            prop_assert!(refusal.line <= text.lines().count().max(1));
            prop_assert!(refusal.message.len() < 300);
        }
    }
}
