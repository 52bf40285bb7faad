//! How a try ended, in the terms of what follows from it.

use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, StatusCode, header};
use runtime::outside::OutsideError;
use std::collections::BTreeMap;

/// The longest time somebody is believed who asks to be left alone.
const LEFT_ALONE_MAX: Duration = Duration::hours(1);

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It arrived; what the other side calls what was made there.
    Arrived {
        /// What came of it, a sentence.
        answer: String,
        /// Names of what was made, by what it is.
        known: BTreeMap<String, String>,
    },
    /// There is nothing to say or write: it stands so already, or nobody is there to hear it.
    Nothing,
    /// Not now.
    Later(Later),
    /// What it was to be said or written of is not there any more.
    Gone,
    /// It will never arrive as it is.
    Never {
        /// Why, a sentence with a way out.
        why: String,
        /// Whether somebody must do something about the destination.
        must_act: bool,
        /// Names of what was made before it failed.
        known: BTreeMap<String, String>,
    },
}

/// Why not now, and when then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Later {
    /// Why, a sentence.
    pub(crate) why: String,
    /// How long the other side asks to be left alone.
    pub(crate) after: Option<Duration>,
    /// Whether it is so for everything of this destination.
    pub(crate) of_all: bool,
    /// Whether somebody must do something about it.
    pub(crate) must_act: bool,
    /// Whether it may have arrived all the same.
    pub(crate) unsure: bool,
    /// Names of what was made before it failed.
    pub(crate) known: BTreeMap<String, String>,
}

impl Verdict {
    /// It arrived, and nothing was made that has a name.
    pub(crate) fn arrived(answer: impl Into<String>) -> Self {
        Self::Arrived { answer: answer.into(), known: BTreeMap::new() }
    }

    /// It will never arrive as it is.
    pub(crate) fn never(why: impl Into<String>) -> Self {
        Self::Never { why: why.into(), must_act: false, known: BTreeMap::new() }
    }

    /// It will not arrive before somebody mends what is written.
    pub(crate) fn refused(why: impl Into<String>) -> Self {
        Self::Never { why: why.into(), must_act: true, known: BTreeMap::new() }
    }

    /// Nothing arrives there before somebody does something.
    pub(crate) fn must_act(why: impl Into<String>) -> Self {
        let after = Some(Duration::minutes(5));
        Self::Later(Later {
            why: why.into(),
            after,
            of_all: true,
            must_act: true,
            ..Later::default()
        })
    }

    /// Adds names of what was made before.
    pub(crate) fn knowing(mut self, more: BTreeMap<String, String>) -> Self {
        match &mut self {
            Self::Arrived { known, .. } | Self::Never { known, .. } => known.extend(more),
            Self::Later(later) => later.known.extend(more),
            Self::Nothing | Self::Gone => {}
        }
        self
    }

    /// Reads what it means that there is no answer.
    pub(crate) fn of_silence(error: &OutsideError) -> Self {
        match error {
            OutsideError::Unaskable(why) => Self::must_act(format!(
                "It cannot be sent ({why}): look at the destination's address and secret."
            )),
            // The request may have been carried out.
            OutsideError::Late(_) | OutsideError::Unreached => Self::Later(Later {
                why: format!("Nothing came back: {error}."),
                of_all: true,
                unsure: true,
                ..Later::default()
            }),
            OutsideError::TooLong | OutsideError::NotJson | OutsideError::Status(_) => {
                Self::Later(Later {
                    why: format!("The answer cannot be read: {error}."),
                    unsure: true,
                    ..Later::default()
                })
            }
        }
    }

    /// Reads a status that is not success, the same at every vendor.
    pub(crate) fn of_status(status: StatusCode, after: Option<Duration>) -> Self {
        match status.as_u16() {
            401 | 403 => Self::must_act(format!(
                "It refused the secret ({status}): put a good one where the configuration says."
            )),
            404 => Self::Gone,
            // They may have done it and failed at saying so.
            408 | 425 | 500..=599 => Self::Later(Later {
                why: format!("It failed ({status})."),
                after,
                of_all: true,
                unsure: true,
                ..Later::default()
            }),
            429 => Self::Later(Later {
                why: "It asks for fewer requests (429).".to_owned(),
                // Without a time of its own a minute is polite.
                after: after.or(Some(Duration::minutes(1))),
                of_all: true,
                ..Later::default()
            }),
            300..=399 => Self::Never {
                why: format!(
                    "It sends us elsewhere ({status}): give the destination's own address."
                ),
                must_act: true,
                known: BTreeMap::new(),
            },
            _ => Self::never(format!("It refused what was sent ({status}).")),
        }
    }
}

/// Reads how long a vendor asks to be left alone; at least a second, at most an hour.
pub(crate) fn left_alone(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let said = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let asked = match said.parse::<f64>() {
        Ok(number) if !number.is_finite() || number < 0.0 => return None,
        Ok(number) => thousandths(number * 1_000.0),
        Err(_) => DateTime::parse_from_rfc2822(said).ok()?.to_utc() - now,
    };
    Some(asked.clamp(Duration::seconds(1), LEFT_ALONE_MAX))
}

fn thousandths(number: f64) -> Duration {
    // Bounded before it is cut off, so that no number is too large for the type.
    let bounded = number.min(LEFT_ALONE_MAX.num_milliseconds() as f64);
    Duration::milliseconds(bounded.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[track_caller]
    fn check(said: &'static str, seconds: Option<i64>) {
        let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(said))]);
        let now = "2026-01-05T10:00:00Z".parse().unwrap();
        let asked = left_alone(&headers, now).map(|asked| asked.num_seconds());
        assert_eq!(asked, seconds, "{said}");
    }

    #[test]
    fn how_long_to_leave_somebody_alone_is_read_as_they_mean_it() {
        check("30", Some(30));
        check("1.2", Some(1));
        check("0", Some(1));
        check("999999999999999999999", Some(3_600));
        check("Mon, 05 Jan 2026 10:02:00 GMT", Some(120));
        check("Mon, 05 Jan 2026 09:00:00 GMT", Some(1));
        for wrong in ["-3", "soon", "nan", "inf", ""] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_status_means_the_same_everywhere() {
        let of = |status: u16| Verdict::of_status(StatusCode::from_u16(status).unwrap(), None);
        assert!(matches!(of(401), Verdict::Later(Later { must_act: true, of_all: true, .. })));
        assert_eq!(of(404), Verdict::Gone);
        assert!(matches!(of(302), Verdict::Never { must_act: true, .. }));
        assert!(matches!(of(503), Verdict::Later(Later { unsure: true, .. })));
        let Verdict::Later(later) = of(429) else { panic!("later") };
        assert_eq!((later.after, later.unsure), (Some(Duration::minutes(1)), false));
        assert!(matches!(of(400), Verdict::Never { must_act: false, .. }));
    }
}
