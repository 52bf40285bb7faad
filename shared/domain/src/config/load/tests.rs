//! What is said of a file that is not a configuration: where, what, and what to do.

use super::*;

const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

/// Writes `bad` on a line of the sample; checks the one problem that follows, and that it is there.
fn check(index: usize, bad: &str, message: &str, help: &str) {
    let mut lines: Vec<&str> = SAMPLE.lines().collect();
    lines[index] = bad;
    let problems = load(&lines.join("\n")).unwrap_err();
    let said: Vec<_> = problems
        .iter()
        .map(|one| (one.line, one.code, one.message.as_str(), one.help.as_str()))
        .collect();
    assert_eq!(said, [(index + 1, "wrong-value", message, help)]);
}

/// Finds the lines of the organisation's, every calendar's and every person's zone.
fn zones() -> Vec<usize> {
    let lines = SAMPLE.lines().enumerate();
    lines.filter(|(_, line)| line.starts_with("timezone")).map(|(index, _)| index).collect()
}

#[test]
fn a_time_zone_that_does_not_exist_has_a_way_out_wherever_it_stands() {
    let help = "Write an IANA name such as `Europe/London` or `UTC`.";
    assert!(zones().len() > 4, "the organisation, calendars and people have zones");
    for index in zones() {
        check(index, "timezone = \"Europe/Londn\"", "`Europe/Londn` is no time zone.", help);
    }
    check(zones()[0], "timezone = \"\"", "`` is no time zone.", help);
}

#[test]
fn another_wrong_value_says_what_the_library_says() {
    let message = "Invalid type: integer `5`, expected an IANA timezone string.";
    check(zones()[0], "timezone = 5", message, "");
}
