//! What is said of a file that is not a configuration: where, what, and what to do.

use super::*;
use crate::{
    config::{Seen, Territories},
    package::Package,
};

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

#[test]
fn a_misspelt_name_is_asked_about() {
    let check = |from: &str, to: &str, code: &str, help: &str| {
        let problems = load(&changed(from, to)).unwrap_err();
        assert_eq!(problems[0].code, code, "{problems:?}");
        assert!(problems[0].help.starts_with(help), "{problems:?}");
    };
    let field = ("required = true, weight = 2", "reqired = true, weight = 2");
    check(field.0, field.1, "wrong-value", "Did you mean `required`?");
    check("type = \"number\"", "type = \"nubmer\"", "wrong-value", "Did you mean `number`?");
    check(
        "pool = \"sdr_emea\"",
        "pool = \"sdr_eema\"",
        "unknown-pool",
        "Did you mean `sdr_emea`? There",
    );
    check("manager = \"priya\"", "manager = \"pryia\"", "unknown-person", "Did you mean `priya`?");
    check("[lanes.meeting]", "[lane.meeting]", "unknown-table", "Did you mean `lanes`?");
}

/// The sample with one text in place of another that must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(SAMPLE.contains(from), "{from}");
    SAMPLE.replacen(from, to, 1)
}

fn with_rows(rows: &str) -> String {
    format!("{SAMPLE}\n[territories.sales]\nrows = [{rows}]\n")
}

fn codes(problems: Vec<Problem>) -> Vec<&'static str> {
    problems.into_iter().map(|problem| problem.code).collect()
}

/// Finds the territory of a lead from there.
fn territory<'a>(table: &'a Territories, country: &str, postal_code: &str) -> Option<&'a str> {
    let said = [("country", country), ("postal_code", postal_code)];
    let said = said.map(|(name, text)| (name.to_owned(), text.into())).into();
    let mut package = Package::default();
    package.put(said, "crm", chrono::DateTime::UNIX_EPOCH);
    table.find(&Seen::of(&package)).map(|row| row.territory())
}

const WEEK: &str = "hours = [{ on = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"], \
                    at = [\"09:00-17:30\"] }]\n";

#[test]
fn what_can_be_read_and_is_yet_wrong_keeps_no_stored_configuration_from_working() {
    let extra = |days: &str| changed(WEEK, &format!("{WEEK}extra = [{days}]\n"));
    let day = "{ on = \"2026-01-10\", at = [\"10:00-12:00\"] }";
    let first = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    let closed: Vec<String> = first.iter_days().take(200).map(|day| day.to_string()).collect();
    for (code, text) in [
        ("unknown-table", format!("{SAMPLE}\n[teams.sdr]\nname = \"SDR\"\n")),
        ("no-rows", with_rows("")),
        ("same-row", with_rows("{ territory = \"A\" }, { territory = \"A\" }")),
        ("covered-row", with_rows("{ territory = \"A\" }, { territory = \"B\" }")),
        ("overlapping-hours", changed("\"09:00-17:30\"", "\"09:00-17:30\", \"17:00-18:00\"")),
        ("empty-week", changed(WEEK, "hours = []\n")),
        ("empty-extra", extra("{ on = \"2026-01-10\", at = [] }")),
        ("twice-extra", extra(&format!("{day}, {day}"))),
        ("long-closure", changed(WEEK, &format!("{WEEK}holidays = {closed:?}\n"))),
    ] {
        let found = codes(load(&text).unwrap_err());
        assert!(found.iter().all(|one| *one == code), "{code}: {found:?}");
        let stored = load_stored(&text).unwrap_or_else(|problems| panic!("{code}: {problems:?}"));
        assert_eq!(stored.rules.len(), load(SAMPLE).unwrap().rules.len(), "{code}");
    }
}

#[test]
fn a_stored_row_that_an_earlier_one_covers_never_matches() {
    let text = with_rows(
        "{ territory = \"DACH\", country = \"DE\" }, { territory = \"DACH\", country = \"DE\" }, \
         { territory = \"Munich\", country = \"DE\", postal_code = \"8*\" }, \
         { territory = \"France\", country = \"FR\" }",
    );
    assert_eq!(load(&text).map(drop).map_err(codes), Err(vec!["same-row", "covered-row"]));
    let stored = load_stored(&text).unwrap();
    let table = &stored.territories["sales"];
    assert_eq!(territory(table, "DE", "80331"), Some("DACH"));
    assert_eq!(territory(table, "FR", "80331"), Some("France"));
    assert_eq!(territory(table, "GB", "80331"), None);
}

#[test]
fn of_a_file_that_is_something_else_the_first_problems_are_told() {
    let problems = load(&"[a]\n".repeat(200_000)).unwrap_err();
    assert_eq!(problems.len(), 1_000);
    assert_eq!((problems[0].line, problems[999].line), (2, 1_001));
}

#[test]
fn what_cannot_be_read_is_refused_stored_or_not() {
    for (code, text) in [
        ("wrong-territories", with_rows("{ country = \"DE\" }")),
        ("unknown-person", with_rows("{ territory = \"A\", owner = \"nobody\" }")),
        ("unknown-column", with_rows("{ territory = \"A\", colour = \"red\" }")),
        ("wrong-calendar", changed("\"09:00-17:30\"", "\"nine to five\"")),
        ("wrong-value", changed("capacity = 40", "capacity = -1")),
        ("missing-table", changed("[sources.", "[source.").replace("[sources.", "[source.")),
        ("syntax", format!("{SAMPLE}\n[[[\n")),
    ] {
        let said = load_stored(&text).map(drop).map_err(codes);
        assert!(said.as_ref().is_err_and(|codes| codes.contains(&code)), "{code}: {said:?}");
    }
}
