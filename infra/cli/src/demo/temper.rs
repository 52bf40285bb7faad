//! How people take what they get: who answers, how soon, and how it ends.
//!
//! Weighted draws and nothing else. Times are seconds of the rep's own working time.

use domain::config::HandoffType;
use local::sample::Dice;

/// How somebody takes a handoff they got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Accepts it and gets in touch.
    Answers,
    /// Gives it back.
    Rejects,
    /// Accepts it and calls in time, but the record of the call comes in late.
    LogsLate,
    /// Gets in touch too late.
    Slow,
    /// Does nothing.
    Ignores,
}

/// What becomes of somebody who was contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// They want to meet.
    Meets,
    /// This outcome.
    Outcome(&'static str),
    /// Not now: back to where it came from, or to nurture.
    Recycled,
    /// It takes longer than anybody watches.
    Open,
}

/// Seconds until something, from and to.
type Delay = (i64, i64);

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
/// A working day.
const DAY: i64 = 8 * HOUR;

/// Draws how somebody takes a handoff; whoever gets it second knows that it is late.
pub(super) fn mood(dice: &mut Dice, kind: &str, second: bool) -> Mood {
    use Mood::{Answers, Ignores, LogsLate, Rejects, Slow};
    if second {
        return dice.weigh(&[(86, Answers), (14, Ignores)]);
    }
    let weights = match kind {
        "hot_lead" => [79, 3, 5, 8, 5],
        "mql" => [82, 6, 4, 4, 4],
        "meeting_set" => [86, 6, 0, 0, 8],
        "opportunity" => [88, 6, 0, 2, 4],
        _ => [92, 4, 0, 0, 4],
    };
    let moods = [Answers, Rejects, LogsLate, Slow, Ignores];
    let list: Vec<_> = weights.into_iter().zip(moods).collect();
    dice.weigh(&list)
}

/// Draws how long until somebody accepts, and then until they get in touch.
pub(super) fn answer(dice: &mut Dice, kind: &str) -> (i64, i64) {
    let (accept, touch): (Delay, Delay) = match kind {
        "hot_lead" => ((15, 100), (20, 120)),
        "mql" => ((2 * MINUTE, 90 * MINUTE), (MINUTE, 40 * MINUTE)),
        "meeting_set" => ((10 * MINUTE, 3 * HOUR), (10 * MINUTE, 2 * HOUR)),
        "opportunity" => ((HOUR / 2, 4 * HOUR), (HOUR / 2, 6 * HOUR)),
        "closed_won" => ((20 * MINUTE, 5 * HOUR), (10 * MINUTE, 8 * HOUR)),
        _ => ((HOUR, 8 * HOUR), (HOUR, 12 * HOUR)),
    };
    (dice.between(accept.0, accept.1), dice.between(touch.0, touch.1))
}

/// Draws how long somebody slow takes: a little longer than they have.
pub(super) fn slowly(dice: &mut Dice, kind: &str) -> i64 {
    let (low, high) = match kind {
        "hot_lead" => (5 * MINUTE + 20, 12 * MINUTE),
        "mql" => (4 * HOUR + 5 * MINUTE, 4 * HOUR + 50 * MINUTE),
        _ => (2 * DAY + HOUR, 2 * DAY + 5 * HOUR),
    };
    dice.between(low, high)
}

/// Draws how long until a late record comes in after the deadline.
pub(super) fn late_record(dice: &mut Dice, kind: &str) -> i64 {
    match kind {
        "hot_lead" => dice.between(2 * MINUTE, 6 * MINUTE),
        _ => dice.between(10 * MINUTE, 45 * MINUTE),
    }
}

/// Draws how it ends, and how long that takes after the first touch.
pub(super) fn end(dice: &mut Dice, kind: &str) -> (End, i64) {
    use End::{Meets, Open, Outcome, Recycled};
    let of_inbound = [Meets, Outcome("disqualified"), Outcome("no_response"), Recycled];
    let weigh = |dice: &mut Dice, weights: [u64; 4], ends: [End; 4]| {
        let list: Vec<_> = weights.into_iter().zip(ends).collect();
        dice.weigh(&list)
    };
    match kind {
        "mql" => (weigh(dice, [24, 28, 36, 12], of_inbound), dice.between(HOUR / 2, DAY)),
        "hot_lead" => (weigh(dice, [46, 22, 24, 8], of_inbound), dice.between(HOUR / 3, DAY / 2)),
        "meeting_set" => {
            let created = Outcome("opportunity_created");
            let ends = [created, Outcome("meeting_held"), Recycled, Outcome("no_show")];
            (weigh(dice, [64, 18, 10, 8], ends), dice.between(HOUR, 3 * HOUR))
        }
        "opportunity" => {
            let ends = [Outcome("retained"), Outcome("lost"), Recycled, Open];
            (weigh(dice, [70, 10, 5, 15], ends), dice.between(DAY, 4 * DAY))
        }
        "expansion" => {
            let ends = [Outcome("expansion_booked"), Outcome("no_expansion"), Recycled, Open];
            (weigh(dice, [45, 25, 10, 20], ends), dice.between(DAY, 3 * DAY))
        }
        _ => (Outcome("activated"), dice.between(9 * DAY, 18 * DAY)),
    }
}

/// Draws a rating and whether the information was complete; most people give none.
pub(super) fn rating(dice: &mut Dice) -> Option<(u8, bool)> {
    let score = dice.weigh(&[(46, 5), (35, 4), (13, 3), (4, 2), (2, 1)]);
    let complete = score > 3 || dice.happens(40);
    dice.happens(35).then_some((score, complete))
}

/// Picks one of a type's own words, such as its reasons to reject.
pub(super) fn word(dice: &mut Dice, words: &[String]) -> String {
    if words.is_empty() { "other".to_owned() } else { dice.pick(words).clone() }
}

/// Names the field of a template that a resubmission fills: the last required one.
pub(super) fn completed_field(kind: &HandoffType) -> Option<&str> {
    let mut required = kind.fields.iter().filter(|field| field.required);
    required.next_back().map(|field| field.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mood_comes_up_and_most_answer() {
        let mut dice = Dice::new(1, 1);
        let moods: Vec<_> = (0..1_000).map(|_| mood(&mut dice, "hot_lead", false)).collect();
        let count = |wanted| moods.iter().filter(|mood| **mood == wanted).count();
        assert!(count(Mood::Answers) > 700, "{}", count(Mood::Answers));
        for rare in [Mood::Rejects, Mood::LogsLate, Mood::Slow, Mood::Ignores] {
            assert!(count(rare) > 0, "{rare:?}");
        }
    }

    #[test]
    fn who_answers_a_hot_lead_does_so_within_its_five_minutes() {
        let mut dice = Dice::new(1, 1);
        for _ in 0..1_000 {
            let (accept, touch) = answer(&mut dice, "hot_lead");
            assert!(accept + touch < 5 * MINUTE);
            assert!(slowly(&mut dice, "hot_lead") > 5 * MINUTE);
        }
    }
}
