//! Which texts are spans and windows, how they are written again, and what the others are told.

use proptest::prelude::*;

use super::*;

fn check(text: &str, days: u32, seconds: u64, short: &str) {
    let span: Span = text.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((span.days(), span.seconds()), (days, seconds), "{text}");
    assert_eq!(span.to_string(), short, "{text}");
}

fn refusal(text: &str) -> String {
    text.parse::<Span>().expect_err(text).to_string()
}

#[test]
fn the_short_form_is_read_and_written_canonically() {
    check("5m", 0, 300, "5m");
    check("4h", 0, 14_400, "4h");
    check("2d", 2, 0, "2d");
    check("90s", 0, 90, "1m30s");
    check("1h30m", 0, 5400, "1h30m");
    check("90m", 0, 5400, "1h30m");
    check("1d2h3m4s", 1, 7384, "1d2h3m4s");
    check("2w1d", 15, 0, "15d");
}

#[test]
fn the_iso_form_means_the_same() {
    check("PT5M", 0, 300, "5m");
    check("P2D", 2, 0, "2d");
    check("PT4H30M", 0, 16_200, "4h30m");
    check("P1W", 7, 0, "7d");
    check("P1DT90S", 1, 90, "1d1m30s");
}

#[test]
fn twenty_four_hours_are_not_a_day() {
    check("24h", 0, 86_400, "24h");
    check("1d", 1, 0, "1d");
    let elapsed = |text: &str| text.parse::<Span>().unwrap().elapsed();
    assert_eq!(elapsed("24h"), elapsed("1d"));
    assert_eq!(elapsed("1d1m"), chrono::Duration::seconds(86_460));
}

#[test]
fn nothing_at_all_is_zero_minutes() {
    check("0m", 0, 0, "0m");
    check("0d", 0, 0, "0m");
    assert!(Span::default().is_zero());
}

#[test]
fn other_texts_are_refused_with_the_accepted_forms() {
    for text in [
        "",
        "5",
        "m",
        "5 m",
        " 5m",
        "5M",
        "-5m",
        "1.5h",
        "5 minutes",
        "30m1h",
        "1h1h",
        "P",
        "PT",
        "P5M",
        "P1Y",
        "P1DT",
        "PT5m",
        "PT5D",
        "pt5m",
        "٣m",
        "5µ",
    ] {
        let sentence = refusal(text);
        assert!(sentence.starts_with(&format!("\"{text}\" is not a length")), "{sentence}");
        assert!(sentence.contains("1h30m") && sentence.contains("PT5M"), "{sentence}");
    }
}

#[test]
fn more_than_3660_days_are_refused() {
    check("3660d", 3660, 0, "3660d");
    check("87840h", 0, 316_224_000, "87840h");
    for text in ["3661d", "3660d1s", "87841h", "523w", "99999999999999999999999s", "P4000D"] {
        assert_eq!(
            refusal(text),
            format!("\"{text}\" is too long: a length of time is at most 3660 days")
        );
    }
    refusal("18446744073709551615w");
    refusal("18446744073709551615h18446744073709551615m");
}

#[test]
fn a_span_is_a_string_in_a_document() {
    let span: Span = serde_json::from_str("\"PT90M\"").unwrap();
    assert_eq!(serde_json::to_string(&span).unwrap(), "\"1h30m\"");
    let error = serde_json::from_str::<Span>("\"soon\"").unwrap_err().to_string();
    assert!(error.contains("\"soon\" is not a length of time"), "{error}");
}

#[test]
fn a_window_is_read_and_written_as_two_times_of_day() {
    let check = |text: &str, from_minute: u16, to_minute: u16, written: &str| {
        let window: Window = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(window, Window { from_minute, to_minute }, "{text}");
        assert_eq!(window.to_string(), written, "{text}");
    };
    check("09:00-17:30", 540, 1050, "09:00-17:30");
    check("9:00 - 17:30", 540, 1050, "09:00-17:30");
    check("22:00-06:00", 1320, 1800, "22:00-06:00");
    check("22:00-30:00", 1320, 1800, "22:00-06:00");
    check("00:00-24:00", 0, 1440, "00:00-24:00");
    check("22:00-00:00", 1320, 1440, "22:00-24:00");
    check("09:00-33:00", 540, 1980, "09:00-33:00");
    check("00:00-48:00", 0, 2880, "00:00-48:00");
}

#[test]
fn other_windows_are_refused_with_the_accepted_forms() {
    for text in [
        "",
        "9-17",
        "09:00",
        "09:00-",
        "09:60-10:00",
        "24:00-25:00",
        "00:00-48:01",
        "09:00-17:5",
        "+9:00-17:00",
        "09:00-17:00-18:00",
        "0٩:00-17:00",
    ] {
        let sentence = text.parse::<Window>().expect_err(text).to_string();
        assert!(sentence.starts_with(&format!("\"{text}\" is not a working")), "{sentence}");
        assert!(sentence.contains("09:00-17:30"), "{sentence}");
    }
    let sentence = "09:00-09:00".parse::<Window>().unwrap_err().to_string();
    assert!(sentence.contains("ends when it starts"), "{sentence}");
}

proptest! {
    #[test]
    fn a_window_that_is_written_is_read_back(from in 0_u16..1440, length in 1_u16..1440) {
        let window = Window { from_minute: from, to_minute: from + length };
        prop_assert_eq!(window.to_string().parse::<Window>().unwrap(), window);
    }

    #[test]
    fn what_is_written_is_read_back(days in 0_u32..3000, seconds in 0_u64..50_000_000) {
        let span = Span::new(days, seconds).unwrap();
        prop_assert_eq!(span.to_string().parse::<Span>().unwrap(), span);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,12}") {
        let _ = (text.parse::<Span>(), text.parse::<Window>());
    }
}
