//! Working time, case by case, and against an oracle that walks a zone's own clock minute by
//! minute.

use chrono::{Datelike, NaiveDateTime, Timelike};
use chrono_tz::{America, Europe};
use proptest::prelude::*;

use super::*;

mod proof;

const WEEKDAYS: [Weekday; 5] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri];
const EVERY_DAY: [Weekday; 7] = [
    Weekday::Mon,
    Weekday::Tue,
    Weekday::Wed,
    Weekday::Thu,
    Weekday::Fri,
    Weekday::Sat,
    Weekday::Sun,
];

fn calendar(timezone: Tz, days: &[Weekday], windows: &[&str]) -> Calendar {
    windows.iter().fold(Calendar::new(timezone), |calendar, window| {
        calendar.with_window(days, window.parse().unwrap())
    })
}

fn office(timezone: Tz) -> Calendar {
    calendar(timezone, &WEEKDAYS, &["09:00-17:00"])
}

fn with_holiday(calendar: Calendar, day: &str) -> Calendar {
    calendar.with_holiday(day.parse().unwrap())
}

/// Gives a weekday one window in place of those it has.
fn with_day(mut calendar: Calendar, day: Weekday, window: &str) -> Calendar {
    calendar.windows[day.num_days_from_monday() as usize].clear();
    calendar.with_window(&[day], window.parse().unwrap())
}

/// Reads an instant that carries its offset, such as `2026-03-02T16:00Z`.
fn at(text: &str) -> DateTime<Utc> {
    let with_seconds = text.replacen('Z', ":00Z", 1);
    let read = text.parse::<DateTime<Utc>>().or_else(|_| with_seconds.parse());
    read.unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn span(text: &str) -> Span {
    text.parse().unwrap()
}

fn check(calendar: &Calendar, start: &str, target: &str, due: &str) {
    let found = calendar.add(at(start), span(target)).unwrap();
    assert_eq!(found, at(due), "{target} after {start}: {found}, not {due}");
}

fn check_before(calendar: &Calendar, end: &str, target: &str, expected: &str) {
    let found = calendar.subtract(at(end), span(target)).unwrap();
    assert_eq!(found, at(expected), "{target} before {end}: {found}, not {expected}");
}

// 2026-03-02 is a Monday; New York is at -05:00 until 2026-03-08, at -04:00 until 2026-11-01.
// London is at +00:00 until 2026-03-29 and from 2026-10-25.

#[test]
fn an_hour_from_saturday_evening_is_monday_at_ten() {
    check(&office(Tz::UTC), "2026-03-07T18:00Z", "1h", "2026-03-09T10:00Z");
}

#[test]
fn a_deadline_at_a_windows_end_stays_there() {
    let office = office(Tz::UTC);
    check(&office, "2026-03-02T16:00Z", "1h", "2026-03-02T17:00Z");
    check(&office, "2026-03-02T09:00Z", "8h", "2026-03-02T17:00Z");
    check(&office, "2026-03-02T16:00Z", "1h1s", "2026-03-03T09:00:01Z");
    check(&office, "2026-03-06T17:00Z", "8h", "2026-03-09T17:00Z");
}

#[test]
fn a_target_spills_over_nights_and_weekends() {
    let office = office(Tz::UTC);
    check(&office, "2026-03-06T16:30Z", "1h", "2026-03-09T09:30Z");
    check(&office, "2026-03-02T09:00Z", "400h", "2026-05-08T17:00Z");
    check(&office, "2026-03-02T10:00:00.250Z", "5m", "2026-03-02T10:05:00.250Z");
    check(&office, "2026-03-02T16:59:59.750Z", "1s", "2026-03-03T09:00:00.750Z");
}

#[test]
fn no_time_at_all_is_due_at_once_even_outside_the_windows() {
    check(&office(Tz::UTC), "2026-03-07T18:00Z", "0m", "2026-03-07T18:00Z");
    check_before(&office(Tz::UTC), "2026-03-07T18:00Z", "0m", "2026-03-07T18:00Z");
    assert_eq!(
        office(Tz::UTC).add_seconds(at("2026-03-07T18:00Z"), -1),
        Some(at("2026-03-07T18:00Z"))
    );
}

#[test]
fn lunch_does_not_count() {
    let split = calendar(Tz::UTC, &WEEKDAYS, &["13:00-17:00", "09:00-12:00"]);
    check(&split, "2026-03-02T11:00Z", "1h", "2026-03-02T12:00Z");
    check(&split, "2026-03-02T11:30Z", "1h", "2026-03-02T13:30Z");
    check(&split, "2026-03-02T12:30Z", "5m", "2026-03-02T13:05Z");
    assert!(!split.works_at(at("2026-03-02T12:00Z")));
    assert!(split.works_at(at("2026-03-02T13:00Z")));
}

#[test]
fn windows_that_touch_or_overlap_count_once() {
    let overlapping = calendar(Tz::UTC, &WEEKDAYS, &["09:00-12:00", "12:00-14:00", "13:00-17:00"]);
    check(&overlapping, "2026-03-02T11:00Z", "5h", "2026-03-02T16:00Z");
    assert_eq!(overlapping.between(at("2026-03-02T00:00Z"), at("2026-03-03T00:00Z")), 28_800);
}

#[test]
fn a_window_across_midnight_belongs_to_the_day_it_starts_on() {
    let nights = calendar(Tz::UTC, &WEEKDAYS, &["22:00-06:00"]);
    assert!(nights.works_at(at("2026-03-07T05:59Z")), "Friday's night, on Saturday");
    assert!(!nights.works_at(at("2026-03-02T05:59Z")), "Sunday has no window");
    check(&nights, "2026-03-02T23:00Z", "7h", "2026-03-03T06:00Z");
    check(&nights, "2026-03-07T05:00Z", "2h", "2026-03-09T23:00Z");
    let nights = with_holiday(nights, "2026-03-03");
    assert!(nights.works_at(at("2026-03-03T05:00Z")), "Monday's night, on the holiday");
    assert!(!nights.works_at(at("2026-03-04T05:00Z")), "the holiday's own night");
    check(&nights, "2026-03-03T05:00Z", "2h", "2026-03-04T23:00Z");
}

#[test]
fn a_holiday_is_skipped() {
    let office = with_holiday(office(Tz::UTC), "2026-03-03");
    check(&office, "2026-03-02T16:30Z", "1h", "2026-03-04T09:30Z");
    check(&office, "2026-03-02T16:30Z", "1d", "2026-03-04T16:30Z");
    assert_eq!(office.between(at("2026-03-02T16:00Z"), at("2026-03-04T10:00Z")), 7200);
}

#[test]
fn an_hour_that_the_clocks_skip_is_not_worked() {
    let london = calendar(Europe::London, &EVERY_DAY, &["00:00-04:00"]);
    check(&london, "2026-03-29T00:00Z", "2h", "2026-03-29T02:00Z");
    assert_eq!(london.between(at("2026-03-29T00:00Z"), at("2026-03-29T12:00Z")), 3 * 3600);
    let new_york = calendar(America::New_York, &EVERY_DAY, &["01:00-03:00"]);
    check(&new_york, "2026-03-08T06:30Z", "30m", "2026-03-08T07:00Z");
    check(&new_york, "2026-03-08T06:30Z", "31m", "2026-03-09T05:01Z");
    let skipped = calendar(America::New_York, &EVERY_DAY, &["02:15-02:45"]);
    assert_eq!(skipped.between(at("2026-03-08T00:00Z"), at("2026-03-09T00:00Z")), 0);
}

#[test]
fn an_hour_that_the_clocks_repeat_is_worked_twice() {
    let london = calendar(Europe::London, &EVERY_DAY, &["00:00-04:00"]);
    check(&london, "2026-10-24T23:00Z", "5h", "2026-10-25T04:00Z");
    let inside = calendar(Europe::London, &EVERY_DAY, &["01:15-01:45"]);
    check(&inside, "2026-10-25T00:00Z", "30m", "2026-10-25T00:45Z");
    check(&inside, "2026-10-25T00:00Z", "40m", "2026-10-25T01:25Z");
    assert!(!inside.works_at(at("2026-10-25T01:00Z")));
    let across = calendar(America::New_York, &EVERY_DAY, &["01:30-02:00"]);
    check(&across, "2026-11-01T05:00Z", "30m", "2026-11-01T06:00Z");
    check(&across, "2026-11-01T05:00Z", "60m", "2026-11-01T07:00Z");
    assert_eq!(across.between(at("2026-11-01T00:00Z"), at("2026-11-02T00:00Z")), 3600);
}

#[test]
fn windows_keep_their_local_time_when_the_clocks_change() {
    let london = office(Europe::London);
    check(&london, "2026-03-27T16:00Z", "2h", "2026-03-30T09:00Z");
    check(&london, "2026-03-27T16:00Z", "1d", "2026-03-30T15:00Z");
    check(&london, "2026-10-23T15:00Z", "2h", "2026-10-26T10:00Z");
    check(&office(America::New_York), "2026-03-06T21:00Z", "1d", "2026-03-09T20:00Z");
}

#[test]
fn a_day_is_the_same_local_time_on_the_next_working_day() {
    let office = office(Tz::UTC);
    check(&office, "2026-03-02T15:00Z", "1d", "2026-03-03T15:00Z");
    check(&office, "2026-03-06T15:00Z", "1d", "2026-03-09T15:00Z");
    check(&office, "2026-03-06T15:00Z", "5d", "2026-03-13T15:00Z");
    check(&office, "2026-03-02T15:00Z", "1w", "2026-03-11T15:00Z");
    check(&office, "2026-03-06T15:00Z", "1d3h", "2026-03-10T10:00Z");
}

#[test]
fn days_from_outside_the_windows_count_from_the_next_working_instant() {
    let office = office(Tz::UTC);
    check(&office, "2026-03-07T18:00Z", "1d", "2026-03-10T09:00Z");
    check(&office, "2026-03-02T07:00Z", "1d", "2026-03-03T09:00Z");
    check(&office, "2026-03-06T17:00Z", "1d", "2026-03-10T09:00Z");
}

#[test]
fn a_day_that_leads_to_a_windows_end_stands_there_and_past_it_moves_on() {
    let short_tuesday = with_day(office(Tz::UTC), Weekday::Tue, "09:00-12:00");
    check(&short_tuesday, "2026-03-02T12:00Z", "1d", "2026-03-03T12:00Z");
    check(&short_tuesday, "2026-03-02T12:01Z", "1d", "2026-03-04T09:00Z");
    let late_tuesday = with_day(office(Tz::UTC), Weekday::Tue, "12:00-17:00");
    check(&late_tuesday, "2026-03-02T10:00Z", "1d", "2026-03-03T12:00Z");
}

#[test]
fn a_night_after_midnight_counts_as_the_day_before() {
    let nights = calendar(Tz::UTC, &WEEKDAYS, &["22:00-06:00"]);
    check(&nights, "2026-03-07T05:00Z", "1d", "2026-03-10T05:00Z");
    check(&nights, "2026-03-02T23:00Z", "2d", "2026-03-04T23:00Z");
}

#[test]
fn a_day_that_leads_into_a_skipped_hour_ends_with_the_time_before_it() {
    let nights = calendar(Europe::London, &EVERY_DAY, &["00:00-02:00"]);
    check(&nights, "2026-03-28T01:30Z", "1d", "2026-03-29T01:00Z");
    let skipped = calendar(Europe::London, &EVERY_DAY, &["01:00-02:00"]);
    check(&skipped, "2026-03-28T01:30Z", "1d", "2026-03-30T00:00Z");
}

#[test]
fn a_day_that_leads_into_a_repeated_hour_ends_in_the_first_and_starts_in_the_second() {
    let nights = calendar(Europe::London, &EVERY_DAY, &["00:00-04:00"]);
    check(&nights, "2026-10-24T00:30Z", "1d", "2026-10-25T00:30Z");
    check_before(&nights, "2026-10-26T01:30Z", "1d", "2026-10-25T01:30Z");
}

#[test]
fn days_before_an_end_meet_the_same_changes_of_the_clocks() {
    let nights = calendar(Europe::London, &EVERY_DAY, &["00:00-04:00"]);
    check_before(&nights, "2026-03-30T00:30Z", "1d", "2026-03-29T01:00Z");
    let cut_short = calendar(Europe::London, &EVERY_DAY, &["01:30-02:00"]);
    check_before(&cut_short, "2026-10-25T01:00Z", "1d", "2026-10-24T01:00Z");
}

#[test]
fn where_two_days_windows_overlap_the_later_day_counts() {
    let overlapping = with_day(office(Tz::UTC), Weekday::Fri, "20:00-10:00");
    let overlapping = with_day(overlapping, Weekday::Sat, "09:00-12:00");
    check(&overlapping, "2026-03-07T09:30Z", "1d", "2026-03-09T09:30Z");
    check(&overlapping, "2026-03-07T08:30Z", "1d", "2026-03-09T09:00Z");
}

#[test]
fn time_before_an_end_is_the_latest_that_leaves_the_span() {
    let office = office(Tz::UTC);
    check_before(&office, "2026-03-09T10:00Z", "30m", "2026-03-09T09:30Z");
    check_before(&office, "2026-03-09T10:00Z", "1h", "2026-03-09T09:00Z");
    check_before(&office, "2026-03-09T10:00Z", "2h", "2026-03-06T16:00Z");
    check_before(&office, "2026-03-08T12:00Z", "8h", "2026-03-06T09:00Z");
    check_before(&office, "2026-05-08T17:00Z", "400h", "2026-03-02T09:00Z");
}

#[test]
fn days_before_an_end_are_the_same_local_time_on_earlier_working_days() {
    let office = office(Tz::UTC);
    check_before(&office, "2026-03-09T15:00Z", "1d", "2026-03-06T15:00Z");
    check_before(&office, "2026-03-09T09:00Z", "1d", "2026-03-06T09:00Z");
    check_before(&office, "2026-03-09T17:00Z", "1d", "2026-03-06T17:00Z");
    check_before(&office, "2026-03-08T12:00Z", "1d", "2026-03-05T17:00Z");
    check_before(&office, "2026-03-10T10:00Z", "1d2h", "2026-03-06T16:00Z");
    let short_friday = with_day(office.clone(), Weekday::Fri, "09:00-12:00");
    check_before(&short_friday, "2026-03-09T15:00Z", "1d", "2026-03-06T12:00Z");
    check_before(
        &with_holiday(office, "2026-03-06"),
        "2026-03-09T15:00Z",
        "1d",
        "2026-03-05T15:00Z",
    );
}

#[test]
fn a_share_uses_the_working_time_up_to_the_deadline() {
    let office = office(Tz::UTC);
    let (start, due) = (at("2026-03-06T15:00Z"), at("2026-03-09T17:00Z"));
    let share_at = |percent| share(Some(&office), start, due, percent);
    assert_eq!(share_at(80), at("2026-03-09T15:00Z"));
    assert_eq!(share_at(20), at("2026-03-06T17:00Z"));
    assert_eq!(share_at(0), start);
    assert_eq!(share_at(100), due);
    assert_eq!(share_at(250), due);
    assert_eq!(share(Some(&office), due, start, 80), start);
    let weekend = (at("2026-03-07T10:00Z"), at("2026-03-07T12:00Z"));
    assert_eq!(share(Some(&office), weekend.0, weekend.1, 80), weekend.0);
    assert_eq!(share(Some(&office), start, weekend.1, 99), at("2026-03-06T16:58:48Z"));
    assert_eq!(share(Some(&office), start, weekend.1, 100), weekend.1);
}

#[test]
fn without_a_calendar_all_is_elapsed() {
    let (start, due) = (at("2026-03-06T18:00Z"), at("2026-03-07T18:00Z"));
    assert_eq!(deadline(None, start, span("1d")), Some(due));
    assert_eq!(after(None, due, span("30m")), Some(at("2026-03-07T18:30Z")));
    assert_eq!(before(None, due, span("24h")), Some(start));
    assert_eq!(share(None, start, due, 80), at("2026-03-07T13:12Z"));
    assert_eq!(share(None, start, at("2026-03-06T18:00:01Z"), 80), start);
    assert_eq!(deadline(None, DateTime::<Utc>::MAX_UTC, span("1d")), None);
}

#[test]
fn with_a_calendar_all_is_working_time() {
    let office = office(Tz::UTC);
    let due = at("2026-03-06T17:00Z");
    assert_eq!(deadline(Some(&office), at("2026-03-06T16:00Z"), span("1h")), Some(due));
    assert_eq!(after(Some(&office), due, span("30m")), Some(at("2026-03-09T09:30Z")));
    assert_eq!(before(Some(&office), due, span("1h")), Some(at("2026-03-06T16:00Z")));
}

#[test]
fn a_calendar_that_never_works_has_no_deadlines() {
    assert!(Calendar::new(Europe::London).never_works());
    let empty = Window { from_minute: 540, to_minute: 540 };
    let never = Calendar::new(Europe::London).with_window(&[Weekday::Mon], empty);
    assert!(never.never_works());
    let start = at("2026-03-02T10:00Z");
    assert_eq!(never.add(start, span("1h")), None);
    assert_eq!(never.add(start, span("1d")), None);
    assert_eq!(never.subtract(start, span("1h")), None);
    assert_eq!(never.subtract(start, span("1d")), None);
    assert_eq!(never.next_working(start), None);
    assert_eq!(never.between(start, at("2027-03-02T10:00Z")), 0);
    assert!(!never.works_at(start));
}

#[test]
fn the_ends_of_time_have_no_deadlines_and_no_panics() {
    let office = office(America::New_York);
    for edge in [DateTime::<Utc>::MAX_UTC, DateTime::<Utc>::MIN_UTC] {
        let answers = (office.works_at(edge), office.next_working(edge));
        let moved = (office.add(edge, span("1d1h")), office.subtract(edge, span("1d1h")));
        let _ = (answers, moved);
    }
    assert_eq!(office.add(DateTime::<Utc>::MAX_UTC, span("9h")), None);
    assert_eq!(office.subtract(DateTime::<Utc>::MIN_UTC, span("9h")), None);
}

#[test]
fn a_target_beyond_the_horizon_has_no_deadline() {
    let rare = calendar(Tz::UTC, &[Weekday::Mon], &["09:00-09:01"]);
    let start = at("2026-03-02T00:00Z");
    check(&rare, "2026-03-02T00:00Z", "500m", "2035-09-24T09:01Z");
    assert_eq!(rare.add(start, span("600m")), None);
    assert_eq!(rare.add(start, span("600d")), None);
}

#[test]
fn an_exceptional_working_day_has_exactly_its_own_windows() {
    let own = |calendar: Calendar, day: &str, windows: &[&str]| {
        let windows = windows.iter().map(|window| window.parse().unwrap()).collect();
        calendar.with_extra(day.parse().unwrap(), windows)
    };
    // 2026-03-07 is a Saturday.
    let saturday = own(office(Tz::UTC), "2026-03-07", &["10:00-14:00"]);
    check(&saturday, "2026-03-06T16:30Z", "1h", "2026-03-07T10:30Z");
    check(&saturday, "2026-03-06T12:00Z", "1d", "2026-03-07T12:00Z");
    check(&saturday, "2026-03-06T16:00Z", "1d", "2026-03-09T09:00Z");
    check_before(&saturday, "2026-03-09T09:30Z", "1h", "2026-03-07T13:30Z");
    check_before(&saturday, "2026-03-09T11:00Z", "1d", "2026-03-07T11:00Z");
    let holiday = with_holiday(saturday, "2026-03-07");
    check(&holiday, "2026-03-06T16:30Z", "1h", "2026-03-07T10:30Z");
    let short = own(office(Tz::UTC), "2026-03-03", &["09:00-10:00", "16:00-17:00"]);
    assert_eq!(short.between(at("2026-03-03T00:00Z"), at("2026-03-04T00:00Z")), 7200);
    assert!(!short.works_at(at("2026-03-03T12:00Z")));
    let night = own(office(Tz::UTC), "2026-03-06", &["22:00-06:00"]);
    assert!(night.works_at(at("2026-03-07T05:59Z")), "it belongs to the day it starts on");
    let closed = own(office(Tz::UTC), "2026-03-03", &[]);
    check(&closed, "2026-03-02T16:30Z", "1h", "2026-03-04T09:30Z");
}

#[test]
fn a_part_of_a_second_counts_only_where_it_is_worked() {
    let office = office(Tz::UTC);
    check(&office, "2026-03-07T18:00:00.250Z", "1h", "2026-03-09T10:00Z");
    check(&office, "2026-03-06T16:00:00.250Z", "2h", "2026-03-09T10:00:00.250Z");
    check(&office, "2026-03-06T17:00:00.250Z", "8h", "2026-03-09T17:00Z");
    check_before(&office, "2026-03-07T18:00:00.250Z", "1h", "2026-03-06T16:00Z");
    check_before(&office, "2026-03-09T09:00:00.250Z", "1h", "2026-03-06T16:00:00.250Z");
    let (friday, monday) = (at("2026-03-06T16:59:59.900Z"), at("2026-03-09T09:00:00.900Z"));
    assert_eq!(office.between(friday, monday), 1);
}

#[test]
fn where_blocks_of_days_meet_nothing_is_lost_or_counted_twice() {
    // Blocks of 1024 days meet at 2026-01-27 and at 2028-11-16, both at midnight in UTC.
    let always = calendar(Tz::UTC, &EVERY_DAY, &["00:00-24:00"]);
    for edge in ["2026-01-27T00:00Z", "2028-11-16T00:00Z"] {
        let edge = at(edge);
        for (before, after) in [(0, 60), (60, 0), (1, 59), (59, 1), (90_000, 90_000)] {
            let (start, end) = (edge - minutes(before), edge + minutes(after));
            let length = (before + after) * 60;
            assert_eq!(always.add_seconds(start, length), Some(end));
            assert_eq!(always.subtract(end, Span::new(0, length as u64).unwrap()), Some(start));
            assert_eq!(always.between(start, end), length);
        }
        for at in [edge - Duration::milliseconds(1), edge, edge + Duration::milliseconds(1)] {
            assert_eq!((always.works_at(at), always.next_working(at)), (true, Some(at)));
        }
        assert_eq!(always.add(edge, span("1d")), Some(edge + Duration::days(1)));
        assert_eq!(always.subtract(edge, span("1d")), Some(edge - Duration::days(1)));
    }
    let nights = calendar(Tz::UTC, &EVERY_DAY, &["22:00-02:00"]);
    check(&nights, "2026-01-26T23:00Z", "2h", "2026-01-27T01:00Z");
    check(&nights, "2026-01-26T23:00Z", "1h", "2026-01-27T00:00Z");
    check_before(&nights, "2026-01-27T01:00Z", "2h", "2026-01-26T23:00Z");
    check_before(&nights, "2026-01-27T00:00Z", "1h", "2026-01-26T23:00Z");
    let days = calendar(Tz::UTC, &EVERY_DAY, &["08:00-16:00"]);
    check(&days, "2026-01-26T15:00Z", "2h", "2026-01-27T09:00Z");
    check_before(&days, "2026-01-27T09:00Z", "2h", "2026-01-26T15:00Z");
    check_before(&days, "2026-01-27T00:00Z", "1d", "2026-01-25T16:00Z");
}

#[test]
fn years_whose_blocks_are_not_kept_are_answered_like_others() {
    // 1965-03-05 and 2110-03-07 are Fridays.
    check(&office(Tz::UTC), "1965-03-05T16:30Z", "1h", "1965-03-08T09:30Z");
    check(&office(Tz::UTC), "2110-03-07T16:30Z", "1h", "2110-03-10T09:30Z");
    check(&office(Tz::UTC), "2110-03-07T16:30Z", "1d", "2110-03-10T16:30Z");
    check_before(&office(Tz::UTC), "1965-03-08T09:30Z", "1h", "1965-03-05T16:30Z");
    assert_eq!(office(Tz::UTC).between(at("1965-03-05T16:30Z"), at("1965-03-08T09:30Z")), 3600);
}

#[test]
fn what_was_compiled_is_no_part_of_a_calendar_and_is_forgotten_when_it_changes() {
    let asked = office(Tz::UTC);
    check(&asked, "2026-03-02T16:30Z", "1h", "2026-03-03T09:30Z");
    let fresh = office(Tz::UTC);
    assert_eq!(asked, fresh);
    assert_eq!(format!("{asked:?}"), format!("{fresh:?}"));
    assert_eq!(serde_json::to_string(&asked).unwrap(), serde_json::to_string(&fresh).unwrap());
    check(&asked.clone(), "2026-03-02T16:30Z", "1h", "2026-03-03T09:30Z");
    let changed = with_holiday(asked.clone(), "2026-03-03");
    check(&changed, "2026-03-02T16:30Z", "1h", "2026-03-04T09:30Z");
    check(&asked, "2026-03-02T16:30Z", "1h", "2026-03-03T09:30Z");
}

#[test]
fn no_deadline_is_born_missed_in_any_zone() {
    for zone in chrono_tz::TZ_VARIANTS {
        let office = office(zone);
        for hour in 0..7 * 24 {
            let start = at("2026-03-02T00:30Z") + Duration::hours(hour);
            assert!(office.add(start, span("5m")).unwrap() >= start + minutes(5), "{zone} {start}");
        }
    }
}

#[test]
fn thirty_days_are_measured_without_walking_them() {
    let office = office(Europe::London);
    for minute in 0..100_000 {
        let start = at("2026-03-01T00:00Z") + minutes(minute % 1440);
        assert!(office.between(start, start + Duration::days(30)) > 20 * 8 * 3600);
    }
}

#[test]
fn a_calendar_is_readable_in_a_document() {
    let office = with_holiday(office(Europe::London), "2026-12-25");
    let text = serde_json::to_string(&office).unwrap();
    assert!(text.starts_with("{\"timezone\":\"Europe/London\",\"windows\":[[\"09:00-17:00\"]"));
    assert_eq!(serde_json::from_str::<Calendar>(&text).unwrap(), office);
}

/// Days on which clocks change: by an hour, by half an hour, at midnight, by a whole day.
const CHANGES: [(Tz, &str); 12] = [
    (Europe::London, "2026-03-29"),
    (Europe::London, "2026-10-25"),
    (America::New_York, "2026-03-08"),
    (America::New_York, "2026-11-01"),
    (Tz::Australia__Lord_Howe, "2026-04-05"),
    (Tz::Australia__Lord_Howe, "2026-10-04"),
    (America::Sao_Paulo, "2017-10-15"),
    (America::Sao_Paulo, "2018-02-18"),
    (Tz::Africa__Casablanca, "2026-02-15"),
    (Tz::Asia__Kathmandu, "2026-06-01"),
    (Tz::Pacific__Apia, "2011-12-30"),
    (Tz::Antarctica__Troll, "2026-03-29"),
];

const ORACLE_MINUTES: i64 = 30 * 24 * 60;

fn minutes(count: i64) -> Duration {
    Duration::minutes(count)
}

/// Returns the windows that start on a day: its own, none on a holiday, else its weekday's.
fn oracle_windows(calendar: &Calendar, day: NaiveDate) -> &[Window] {
    match calendar.extra.get(&day) {
        Some(windows) => windows,
        None if calendar.holidays.contains(&day) => &[],
        None => &calendar.windows[day.weekday().num_days_from_monday() as usize],
    }
}

/// Returns the day that owns an instant and its local time, read off the zone's own clock.
fn oracle_owner(calendar: &Calendar, at: DateTime<Utc>) -> Option<(NaiveDate, NaiveDateTime)> {
    let local = at.with_timezone(&calendar.timezone).naive_local();
    let minute = local.hour() * 60 + local.minute();
    let days = [(local.date(), minute), (local.date().pred_opt().unwrap(), minute + 1440)];
    let works = |(day, minute): &(NaiveDate, u32)| {
        let contains =
            |w: &Window| u32::from(w.from_minute) <= *minute && *minute < w.to_minute.into();
        oracle_windows(calendar, *day).iter().any(contains)
    };
    days.into_iter().find(works).map(|(day, _)| (day, local))
}

fn oracle_works(calendar: &Calendar, at: DateTime<Utc>) -> bool {
    oracle_owner(calendar, at).is_some()
}

fn oracle_walk(calendar: &Calendar, start: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
    let mut left = count;
    for minute in 0..ORACLE_MINUTES {
        let at = start + minutes(minute);
        if left == 0 {
            return Some(at);
        }
        left -= i64::from(oracle_works(calendar, at));
    }
    None
}

fn oracle_walk_back(calendar: &Calendar, end: DateTime<Utc>, count: i64) -> Option<DateTime<Utc>> {
    let mut left = count;
    for minute in 0..ORACLE_MINUTES {
        let at = end - minutes(minute);
        if left == 0 {
            return Some(at);
        }
        left -= i64::from(oracle_works(calendar, at - minutes(1)));
    }
    None
}

fn oracle_next(calendar: &Calendar, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
    (0..ORACLE_MINUTES).map(|minute| start + minutes(minute)).find(|at| oracle_works(calendar, *at))
}

fn oracle_days(calendar: &Calendar, start: DateTime<Utc>, days: usize) -> Option<DateTime<Utc>> {
    let windows = |day: &NaiveDate| oracle_windows(calendar, *day);
    let (owner, local) = oracle_owner(calendar, oracle_next(calendar, start)?)?;
    let is_working = |day: &NaiveDate| !windows(day).is_empty();
    let target = owner.iter_days().skip(1).filter(is_working).nth(days - 1)?;
    let time = local + (target - owner);
    // The clock may show the time up to 14 h off UTC; walk to where it first does.
    let reached = (0..3 * 24 * 60)
        .map(|minute| time.and_utc() - Duration::hours(16) + minutes(minute))
        .find(|at| at.with_timezone(&calendar.timezone).naive_local() >= time)?;
    let minute = (time - target.and_time(chrono::NaiveTime::MIN)).num_minutes();
    let is_in_or_ends =
        |w: &Window| i64::from(w.from_minute) <= minute && minute <= w.to_minute.into();
    let cut_short = oracle_works(calendar, reached - minutes(1));
    if cut_short && windows(&target).iter().any(is_in_or_ends) {
        return Some(reached);
    }
    oracle_next(calendar, reached)
}

/// Returns the instant itself if it works, else the latest end of working time before it.
fn oracle_previous(calendar: &Calendar, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if oracle_works(calendar, end) {
        return Some(end);
    }
    let mut earlier = (0..ORACLE_MINUTES).map(|minute| end - minutes(minute));
    earlier.find(|at| oracle_works(calendar, *at - minutes(1)))
}

fn oracle_days_back(calendar: &Calendar, end: DateTime<Utc>, days: usize) -> Option<DateTime<Utc>> {
    let at = oracle_previous(calendar, end)?;
    // At the end of working time the clock shows the minute after the last that works.
    let (owner, local) = oracle_owner(calendar, at).or_else(|| {
        let (owner, local) = oracle_owner(calendar, at - minutes(1))?;
        Some((owner, local + minutes(1)))
    })?;
    let mut earlier = (1..400).map(|distance| owner - Duration::days(distance));
    let is_working = |day: &NaiveDate| !oracle_windows(calendar, *day).is_empty();
    let target = earlier.by_ref().filter(is_working).nth(days - 1)?;
    let time = local - (owner - target);
    let shows = |at: &DateTime<Utc>| at.with_timezone(&calendar.timezone).naive_local();
    // The last minute at which the clock has not passed the time: if it skips it, the minute after.
    let last = (0..3 * 24 * 60)
        .map(|minute| time.and_utc() + Duration::hours(16) - minutes(minute))
        .find(|at| shows(at) <= time)?;
    let skipped = if shows(&last) < time { minutes(1) } else { minutes(0) };
    oracle_previous(calendar, last + skipped)
}

fn any_window() -> impl Strategy<Value = Window> {
    (0_u16..1440, 1_u16..=1440).prop_map(|(from_minute, length)| Window {
        from_minute,
        to_minute: from_minute + length.min(600 + length % 60),
    })
}

/// A calendar, and an instant within four days of a change of its clocks.
fn any_scene() -> impl Strategy<Value = (Calendar, DateTime<Utc>)> {
    let week = prop::array::uniform7(prop::collection::vec(any_window(), 0..3));
    let holidays = prop::collection::vec(-6_i64..6, 0..3);
    let extra = prop::collection::vec((-6_i64..6, any_window()), 0..3);
    (0..CHANGES.len(), week, holidays, extra, -4 * 1440_i64..4 * 1440).prop_map(
        |(change, windows, holidays, extra, minute)| {
            let (timezone, day) = CHANGES[change];
            let day: NaiveDate = day.parse().unwrap();
            let holidays = holidays.iter().map(|off| day + Duration::days(*off)).collect();
            let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
            let own = |(off, window)| (day + Duration::days(off), vec![window]);
            let extra = extra.into_iter().map(own).collect();
            let calendar = Calendar { windows, holidays, extra, ..Calendar::new(timezone) };
            (calendar, noon + minutes(minute))
        },
    )
}

/// Forgets an answer that is further off than the oracle walks.
fn near(start: DateTime<Utc>, found: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    found.filter(|found| (*found - start).abs() < minutes(ORACLE_MINUTES))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_minute_works_as_the_oracle_says((calendar, start) in any_scene()) {
        for minute in 0..2 * 1440 {
            let at = start + minutes(minute);
            prop_assert_eq!(calendar.works_at(at), oracle_works(&calendar, at), "{}", at);
        }
        let next = near(start, calendar.next_working(start));
        prop_assert_eq!(next, oracle_next(&calendar, start));
    }

    #[test]
    fn working_time_adds_up_as_the_oracle_walks(
        (calendar, start) in any_scene(),
        count in 1_i64..30 * 60,
    ) {
        let found = calendar.add_seconds(start, count * 60);
        prop_assert_eq!(near(start, found), oracle_walk(&calendar, start, count));
    }

    #[test]
    fn working_time_is_taken_off_as_the_oracle_walks_back(
        (calendar, end) in any_scene(),
        count in 1_u64..30 * 60,
    ) {
        let found = calendar.subtract(end, Span::new(0, count * 60).unwrap());
        prop_assert_eq!(near(end, found), oracle_walk_back(&calendar, end, count as i64));
    }

    #[test]
    fn working_days_are_counted_as_the_oracle_counts(
        (calendar, start) in any_scene(),
        days in 1_u32..6,
    ) {
        let found = calendar.add(start, Span::new(days, 0).unwrap());
        let expected = oracle_days(&calendar, start, days as usize);
        prop_assert_eq!(near(start, found), near(start, expected));
    }

    #[test]
    fn time_between_is_the_minutes_that_work(
        (calendar, start) in any_scene(),
        length in 0_i64..4 * 1440,
    ) {
        let works = |minute: &i64| oracle_works(&calendar, start + minutes(*minute));
        let worked = (0..length).filter(works).count() as i64 * 60;
        prop_assert_eq!(calendar.between(start, start + minutes(length)), worked);
        prop_assert_eq!(calendar.between(start + minutes(length), start), 0);
    }

    #[test]
    fn the_time_between_a_start_and_its_deadline_is_the_target(
        (calendar, start) in any_scene(),
        off_ms in 0_i64..60_000,
        seconds in 0_i64..1_500_000,
    ) {
        let start = start + Duration::milliseconds(off_ms);
        let Some(due) = calendar.add_seconds(start, seconds) else {
            let horizon = start + Duration::days(HORIZON_DAYS);
            prop_assert!(calendar.between(start, horizon) < seconds);
            return Ok(());
        };
        prop_assert_eq!(calendar.between(start, due), seconds);
        let just_before = due - Duration::milliseconds(1);
        prop_assert!(seconds == 0 || calendar.works_at(just_before), "{} is not earliest", due);
        prop_assert_eq!(share(Some(&calendar), start, due, 100), due);
        prop_assert!(share(Some(&calendar), start, due, 80) <= due);
    }

    #[test]
    fn taking_off_what_was_added_leaves_as_much_to_do(
        (calendar, end) in any_scene(),
        seconds in 1_u64..500_000,
    ) {
        if let Some(start) = calendar.subtract(end, Span::new(0, seconds).unwrap()) {
            prop_assert_eq!(calendar.between(start, end), seconds as i64);
            prop_assert!(calendar.works_at(start));
        }
    }
}
