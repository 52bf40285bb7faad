//! Pauses around the same changes of clocks: a deadline that is put off pause by pause is where a
//! walk finds it that counts no minute of a pause, and what was left when one began is left when it
//! ends, to the millisecond.

use super::*;
use crate::pause::put_off;

/// A stretch of time in which a clock stands still.
type Pause = (DateTime<Utc>, DateTime<Utc>);

/// One question: a start in minutes, a target in seconds, pauses, and a part of a minute in
/// milliseconds. A pause is the minutes until it begins, and those it takes.
type Paused = (i64, i64, Vec<(i64, i64)>, i64);

fn any_paused() -> impl Strategy<Value = Paused> {
    let pause = prop_oneof![
        3 => (0_i64..4 * 60, 1_i64..2 * 60),
        2 => (0_i64..24 * 60, 1_i64..30 * 60),
    ];
    let target = prop_oneof![
        2 => (1_i64..16 * 60).prop_map(|count| count * 60),
        1 => 1_i64..16 * 60 * 60,
    ];
    // The last second of a minute leaves whole minutes and a rest.
    let rest_ms = prop_oneof![1_i64..60_000, 59_001_i64..60_000];
    (-1440_i64..1440, target, prop::collection::vec(pause, 1..4), rest_ms)
}

/// Lays pauses out one after the other.
fn laid_out(start: DateTime<Utc>, pauses: &[(i64, i64)]) -> Vec<Pause> {
    let mut at = start;
    let lay = |(until, lasts): &(i64, i64)| {
        let from = at + minutes(*until);
        at = from + minutes(*lasts);
        (from, at)
    };
    pauses.iter().map(lay).collect()
}

impl Walk {
    /// Returns when so many seconds have been worked outside pauses, if that is walked.
    fn after_all(
        &self,
        start: DateTime<Utc>,
        seconds: i64,
        out: &[Pause],
    ) -> Option<DateTime<Utc>> {
        let (mut at, mut left) = (start, seconds);
        for works in &self.works[self.place(start)..] {
            let counts = *works && !out.iter().any(|(from, to)| (*from..*to).contains(&at));
            if counts && left <= 60 {
                return Some(at + Duration::seconds(left));
            }
            left -= if counts { 60 } else { 0 };
            at += minutes(1);
        }
        None
    }

    /// Returns the milliseconds worked outside pauses until an end.
    fn worked_ms(&self, start: DateTime<Utc>, end: DateTime<Utc>, out: &[Pause]) -> i64 {
        let both = |(from, to): Pause, (one, other): Pause| {
            (to.min(other) - from.max(one)).num_milliseconds().max(0)
        };
        let (mut at, mut worked) = (start, 0);
        for works in &self.works[self.place(start)..] {
            let minute = (at, end.min(at + minutes(1)));
            if at >= end {
                break;
            }
            if *works {
                let paused: i64 = out.iter().map(|pause| both(minute, *pause)).sum();
                worked += both(minute, minute) - paused;
            }
            at += minutes(1);
        }
        worked
    }
}

type Proved = Result<(), TestCaseError>;

/// Compares a deadline after several pauses with the walk that leaves them out.
fn compare_all(calendar: &Calendar, walk: &Walk, start: DateTime<Utc>, paused: &Paused) -> Proved {
    let (_, seconds, pauses, rest_ms) = paused;
    let pauses = laid_out(start, pauses);
    let Some(due) = walk.after(start, *seconds) else { return Ok(()) };
    let put_off_by = |pauses: &[Pause]| {
        let hours = Some(calendar);
        let found = pauses.iter().fold(due, |due, pause| put_off(hours, due, *pause));
        Some(found).filter(|found| *found <= walk.end())
    };
    let expected = walk.after_all(start, *seconds, &pauses);
    // Where nothing is ever worked again, a pause puts off by elapsed time: nothing is lost.
    if expected.is_none() && calendar.next_working(walk.end()).is_none() {
        return Ok(());
    }
    let found = put_off_by(&pauses);
    prop_assert_eq!(found, expected, "{} s from {} without {:?}", seconds, start, pauses);
    let rest = Duration::milliseconds(*rest_ms);
    let pauses: Vec<Pause> = pauses.iter().map(|(from, to)| (*from + rest, *to)).collect();
    let Some(found) = put_off_by(&pauses) else { return Ok(()) };
    prop_assert!(found >= due, "{} is before {} without {:?}", found, due, pauses);
    let off = walk.worked_ms(start, found, &pauses) - seconds * 1_000;
    prop_assert_eq!(off, 0, "{} ms off at {} by {:?}", off, found, pauses);
    // It is the earliest such instant, unless it stayed where it was.
    let before = walk.worked_ms(start, found - Duration::milliseconds(1), &pauses);
    prop_assert!(found == due || before < seconds * 1_000, "{} is not the earliest", found);
    Ok(())
}

/// Compares what is left of any instant before a pause and after it.
fn compare_left(calendar: &Calendar, walk: &Walk, start: DateTime<Utc>, paused: &Paused) -> Proved {
    let (_, seconds, pauses, _) = paused;
    let (from, to) = laid_out(start, pauses)[0];
    let at = start + minutes(seconds / 60);
    let found = put_off(Some(calendar), at, (from, to));
    if at <= from {
        prop_assert_eq!(found, at, "it was over before {}", from);
        return Ok(());
    }
    let left = walk.between(from, at);
    let later = if left == 0 { Some(to) } else { walk.after(to, left) };
    if later.is_none() && calendar.next_working(walk.end()).is_none() {
        return Ok(());
    }
    let Some(expected) = later.map(|later| later.max(at)) else {
        prop_assert!(found > walk.end(), "{} is within what was walked", found);
        return Ok(());
    };
    prop_assert_eq!(found, expected, "{} by {} to {}", at, from, to);
    Ok(())
}

#[test]
fn what_pauses_put_off_is_as_the_oracle_walks_it() {
    let draws = || (any_draw(), prop::collection::vec(any_paused(), QUESTIONS));
    everywhere(draws, |zone, around, (draw, questions)| {
        let calendar = draw.calendar(zone, around.date_naive());
        let walk = Walk::new(&calendar, around);
        for paused in questions {
            let start = around + minutes(paused.0);
            compare_all(&calendar, &walk, start, paused)?;
            compare_left(&calendar, &walk, start, paused)?;
        }
        Ok(questions.len())
    });
}
