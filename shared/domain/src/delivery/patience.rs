//! How long is waited before something is tried again, and when it is given up.

use chrono::{DateTime, Duration, Utc};

/// How long something is tried before it is given up, in hours: as long as webhooks are usually
/// sent again.
pub const GIVEN_UP_AFTER_HOURS: i64 = 24;

/// How long is waited before each try, in seconds; then always the last.
const PAUSES: [i64; 8] = [10, 30, 60, 120, 300, 600, 1_200, 1_800];

/// How many tries may fail in a row before a destination is left alone.
const FAILING_MAX: u32 = 3;

/// How long a destination is left alone at first, and at most, in seconds.
const ALONE_SECONDS: (i64, i64) = (15, 300);

/// Tells when something is tried again that has been tried that often; nothing when its day is
/// over.
pub fn again(
    tries: u32,
    since: DateTime<Utc>,
    asked: Option<Duration>,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let place = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = PAUSES.get(place).or(PAUSES.last()).copied().unwrap_or_default();
    let pause = asked.unwrap_or_default().max(Duration::seconds(pause));
    (now - since < Duration::hours(GIVEN_UP_AFTER_HOURS)).then(|| now + pause)
}

/// Tells until when a destination is left alone after so many failures in a row; nothing while they
/// may be chance.
pub fn alone(failing: u32, asked: Option<Duration>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Some(asked) = asked {
        return Some(now + asked);
    }
    let beyond = failing.checked_sub(FAILING_MAX)?;
    let (first, most) = ALONE_SECONDS;
    let seconds = first.saturating_mul(1 << beyond.min(10)).min(most);
    Some(now + Duration::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_day() {
        let since: DateTime<Utc> = "2026-01-05T10:00:00Z".parse().unwrap();
        let pause = |tries, asked| {
            again(tries, since, asked, since).map(|then| (then - since).num_seconds())
        };
        assert_eq!(pause(1, None), Some(10));
        assert_eq!(pause(3, None), Some(60));
        assert_eq!(pause(300, None), Some(1_800));
        assert_eq!(pause(1, Some(Duration::seconds(90))), Some(90));
        assert_eq!(pause(8, Some(Duration::seconds(90))), Some(1_800));
        assert_eq!(again(9, since, None, since + Duration::hours(24)), None);
    }

    #[test]
    fn one_failure_is_chance_and_three_are_not() {
        let now: DateTime<Utc> = "2026-01-05T10:00:00Z".parse().unwrap();
        let left =
            |failing, asked| alone(failing, asked, now).map(|then| (then - now).num_seconds());
        assert_eq!(left(2, None), None);
        assert_eq!(left(3, None), Some(15));
        assert_eq!(left(5, None), Some(60));
        assert_eq!(left(40, None), Some(300));
        assert_eq!(left(0, Some(Duration::seconds(7))), Some(7));
    }
}
