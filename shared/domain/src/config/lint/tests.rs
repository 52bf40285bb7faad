//! What a check finds wrong about time: the code, the place and a way out, for each mistake.

use crate::config::{Problem, files_named, load, with_files};
use std::collections::BTreeMap;

const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");
const UK: &str = include_str!("../holidays/uk-holidays.ics");
/// London's hours in the sample.
const HOURS: &str = r#"[calendars.london]
timezone = "Europe/London"
hours = [{ on = ["mon", "tue", "wed", "thu", "fri"], at = ["09:00-17:30"] }]
"#;
const LADDER: &str = "{ at = \"+1h\", do = \"reassign\" },";

/// Writes something else in place of a part of the sample that is there.
fn with(part: &str, other: &str) -> String {
    assert!(SAMPLE.contains(part), "the sample has {part}");
    SAMPLE.replacen(part, other, 1)
}

/// Adds lines to London's calendar.
fn london(lines: &str) -> String {
    with(HOURS, &format!("{HOURS}{lines}\n"))
}

fn problems(text: &str) -> Vec<Problem> {
    load(text).err().unwrap_or_default()
}

/// Checks the one problem there is: its code, what it says, and what stands where it points.
fn check(text: &str, code: &str, message: &str, place: &str) {
    let found = problems(text);
    let told: Vec<_> = found.iter().map(|one| (one.code, one.message.as_str())).collect();
    assert_eq!(told, [(code, message)]);
    let line = text.lines().nth(found[0].line - 1).unwrap();
    assert!(line.contains(place), "{line} has {place}");
    assert!(!found[0].help.is_empty(), "{message} has a way out");
}

/// Replaces London's hours.
fn check_hours(hours: &str, code: &str, message: &str) {
    let text = with(HOURS, &format!("[calendars.london]\ntimezone = \"Europe/London\"\n{hours}\n"));
    check(&text, code, message, "hours");
}

#[test]
fn windows_that_overlap_are_found_in_a_day() {
    check_hours(
        "hours = [{ on = [\"mon\"], at = [\"09:00-12:00\", \"11:00-17:00\"] }]",
        "overlapping-hours",
        "The hours 09:00-12:00 of mon and 11:00-17:00 of mon overlap.",
    );
    check_hours(
        r#"hours = [{ on = ["mon"], at = ["09:00-12:00"] }, { on = ["mon"], at = ["09:00-12:00"] }]"#,
        "overlapping-hours",
        "The hours 09:00-12:00 of mon and 09:00-12:00 of mon overlap.",
    );
    let touching = "hours = [{ on = [\"mon\"], at = [\"09:00-12:00\", \"12:00-17:00\"] }]";
    assert_eq!(problems(&with(HOURS, &HOURS.replace("hours", &format!("{touching} #")))), []);
}

#[test]
fn windows_that_overlap_are_found_across_midnight_and_the_weeks_end() {
    check_hours(
        r#"hours = [{ on = ["mon"], at = ["22:00-06:00"] }, { on = ["tue"], at = ["05:00-09:00"] }]"#,
        "overlapping-hours",
        "The hours 22:00-06:00 of mon and 05:00-09:00 of tue overlap.",
    );
    check_hours(
        r#"hours = [{ on = ["sun"], at = ["22:00-06:00"] }, { on = ["mon"], at = ["05:00-09:00"] }]"#,
        "overlapping-hours",
        "The hours 22:00-06:00 of sun and 05:00-09:00 of mon overlap.",
    );
}

#[test]
fn an_extra_days_windows_are_compared_with_those_around_it() {
    // 2026-12-27 is a Sunday.
    check(
        &london("extra = [{ on = \"2026-12-27\", at = [\"10:00-14:00\", \"13:00-15:00\"] }]"),
        "overlapping-hours",
        "The hours 10:00-14:00 of 2026-12-27 and 13:00-15:00 of 2026-12-27 overlap.",
        "extra",
    );
    check(
        &london("extra = [{ on = \"2026-12-27\", at = [\"22:00-10:00\"] }]"),
        "overlapping-hours",
        "The hours 22:00-10:00 of 2026-12-27 and 09:00-17:30 of 2026-12-28 overlap.",
        "extra",
    );
    let closed =
        "holidays = [\"2026-12-28\"]\nextra = [{ on = \"2026-12-27\", at = [\"22:00-10:00\"] }]";
    assert_eq!(problems(&london(closed)), []);
}

#[test]
fn an_empty_week_is_found() {
    let message = "This calendar never works: its week is empty.";
    check_hours("hours = []", "empty-week", message);
    check_hours("hours = [{ on = [\"mon\"], at = [] }]", "empty-week", message);
    let extra = "hours = []\nextra = [{ on = \"2026-12-27\", at = [\"10:00-14:00\"] }]";
    check_hours(extra, "empty-week", message);
}

#[test]
fn what_cannot_be_read_is_found_where_it_stands() {
    check(
        &london("extra = [{ on = \"2026-12-27\", at = [] }]"),
        "empty-extra",
        "The extra day 2026-12-27 has no hours.",
        "extra",
    );
    let twice = "{ on = \"2026-12-27\", at = [\"10:00-14:00\"] }";
    check(
        &london(&format!("extra = [{twice}, {twice}]")),
        "twice-extra",
        "The extra day 2026-12-27 is there twice.",
        "extra",
    );
    for (lines, message) in [
        ("holidays = [\"25.12.2026\"]", "`25.12.2026` is no date."),
        ("extra = [{ on = \"soon\", at = [\"10:00-14:00\"] }]", "`soon` is no date."),
    ] {
        check(&london(lines), "wrong-calendar", message, lines.split(' ').next().unwrap());
    }
    check_hours(
        "hours = [{ on = [\"mon\"], at = [\"9-5\"] }, { on = [\"tue\"], at = [\"09:00-17:00\"] }]",
        "wrong-calendar",
        "\"9-5\" is not a working window.",
    );
    check_hours(
        "hours = [{ on = [\"mon\", \"monday\"], at = [\"09:00-17:00\"] }]",
        "wrong-calendar",
        "`monday` is no weekday.",
    );
}

#[test]
fn a_zone_that_does_not_exist_is_found() {
    let text = with("timezone = \"Europe/Berlin\"\nhours", "timezone = \"Europe/Berln\"\nhours");
    check(&text, "wrong-value", "`Europe/Berln` is no time zone.", "Europe/Berln");
}

#[test]
fn a_year_of_holidays_is_found() {
    let days = |count: usize| {
        let first: chrono::NaiveDate = "2026-01-01".parse().unwrap();
        let days: Vec<_> = first.iter_days().take(count).map(|day| format!("\"{day}\"")).collect();
        london(&format!("holidays = [{}]", days.join(", ")))
    };
    check(
        &days(365),
        "long-closure",
        "From 2026-01-01 this calendar does not work for 183 days and more.",
        "holidays",
    );
    assert_eq!(problems(&days(120)), []);
}

#[test]
fn a_target_longer_than_the_calendar_ever_offers_is_found() {
    // `mql` counts on the calendars of the receiving team's pools and of the organisation.
    let target = "name = \"respond\"\ntarget = \"4h\"\ncalendar = \"pool\"";
    for (written, said) in [("3660d", "3660d"), ("40000h", "40000h"), ("3000d", "3000d")] {
        let text = with(target, &target.replace("4h", written));
        let message =
            format!("The calendar `london` has no {said} of working time within 4020 days.");
        check(&text, "unreachable-time", &message, written);
    }
    assert_eq!(problems(&with(target, &target.replace("4h", "2500d"))), []);
    assert_eq!(problems(&with(target, &target.replace("4h", "20000h"))), []);
    let too_long = problems(&with(target, &target.replace("4h", "4000d")));
    let message = "\"4000d\" is too long: a length of time is at most 3660 days.";
    assert_eq!((too_long[0].code, too_long[0].message.as_str()), ("wrong-value", message));
    let rung = with(LADDER, "{ at = \"+3000d\", do = \"reassign\" },");
    assert!(problems(&rung).iter().any(|one| one.code == "unreachable-time"));
}

#[test]
fn a_calendar_that_offers_little_is_asked_for_the_deadline_itself() {
    let little = |minutes: u32| {
        let hours = "hours = [{ on = [\"mon\"], at = [\"09:00-09:01\"] }]";
        let text =
            with(HOURS, &format!("[calendars.london]\ntimezone = \"Europe/London\"\n{hours}\n"));
        let target = "name = \"respond\"\ntarget = \"4h\"\ncalendar = \"pool\"";
        let short = "name = \"respond\"\ntarget = \"1m\"\ncalendar = \"london\"";
        // Only the first ladder and target stay; the others count days, which this week has too.
        text.replacen(target, &short.replace("1m", &format!("{minutes}m")), 1)
    };
    let codes = |text: &str| -> Vec<(usize, &str)> {
        problems(text).iter().map(|one| (one.line, one.code)).collect()
    };
    let line =
        |text: &str, part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
    for (minutes, is_found) in [(500, false), (600, true)] {
        let text = little(minutes);
        let place = line(&text, &format!("target = \"{minutes}m\""));
        assert_eq!(codes(&text).contains(&(place, "unreachable-time")), is_found, "{minutes}");
    }
}

#[test]
fn a_ladder_that_goes_backwards_is_found() {
    let back = |rung: &str, message: &str| {
        let text = with(LADDER, &format!("{LADDER}\n  {rung}"));
        check(&text, "backward-ladder", message, rung);
    };
    back(
        "{ at = \"+30m\", do = \"tell\", to = \"manager\" },",
        "`+30m` is before `+1h`, which is written above it.",
    );
    back(
        "{ at = \"breach\", do = \"tell\", to = \"manager\" },",
        "`breach` is before `+1h`, which is written above it.",
    );
    back(
        "{ at = \"90%\", do = \"tell\", to = \"manager\" },",
        "`90%` is before `+1h`, which is written above it.",
    );
    let days = with(LADDER, "{ at = \"+2d\", do = \"reassign\" },");
    check(&days, "backward-ladder", "`+4h` is before `+2d`, which is written above it.", "+4h");
    let same = with(LADDER, &format!("{LADDER}\n  {LADDER}"));
    assert_eq!(problems(&same), []);
    let share = "{ at = \"80%\", do = \"remind\", to = \"owner\" },";
    assert_eq!(problems(&with(share, &format!("{share}\n  {share}"))), []);
    let shares = with(share, &format!("{share}\n  {}", share.replace("80%", "50%")));
    check(&shares, "backward-ladder", "`50%` is before `80%`, which is written above it.", "50%");
}

#[test]
fn a_share_of_more_than_the_target_is_found() {
    check(&with("{ at = \"80%\"", "{ at = \"120%\""), "wrong-value", "`120%` is no share.", "120%");
}

#[test]
fn holidays_come_from_a_file_that_the_text_carries() {
    let text = london("holidays_from = \"uk.ics\"");
    assert_eq!(files_named(&text), ["uk.ics".to_owned()].into());
    check(&text, "missing-file", "There is no file `uk.ics`.", "holidays_from");
    let whole = with_files(&text, &BTreeMap::from([("uk.ics".to_owned(), UK.to_owned())]));
    let config = load(&whole).unwrap();
    let london = &config.calendars["london"];
    assert_eq!(london.holidays().len(), 24);
    assert!(files_named(&whole).is_empty(), "a text that has its files is whole");
    let broken = BTreeMap::from([("uk.ics".to_owned(), "Hello\n".to_owned())]);
    check(
        &with_files(&text, &broken),
        "wrong-holidays",
        "`uk.ics`, line 1: This is no iCalendar file: it does not start with BEGIN:VCALENDAR.",
        "holidays_from",
    );
}

#[test]
fn a_file_is_next_to_the_configuration() {
    for name in ["../uk.ics", "/etc/uk.ics", "a\\\\b.ics", ".ics", "c:uk.ics", ""] {
        let text = london(&format!("holidays_from = \"{name}\""));
        let found = problems(&text);
        assert_eq!(found.iter().map(|one| one.code).collect::<Vec<_>>(), ["wrong-file-name"]);
        assert!(files_named(&text).is_empty(), "{name} is not read");
    }
}

#[test]
fn any_text_of_a_file_is_carried_as_it_is() {
    let text = london("holidays_from = \"odd 'name'.ics\"");
    for content in
        ["", "one", "a\nb", "a\nb\n", "'''\n", "\u{7f}\n\u{0}", "a\\b\n\"\"\"\n", "''\n'"]
    {
        let files = BTreeMap::from([("odd 'name'.ics".to_owned(), content.to_owned())]);
        let whole: toml::Table = with_files(&text, &files).parse().unwrap();
        let carried = whole["files"]["odd 'name'.ics"].as_str().unwrap();
        assert_eq!(carried.trim_end_matches('\n'), content.trim_end_matches('\n'));
    }
}

#[test]
fn a_roster_that_cannot_work_is_found_with_its_place() {
    const EMEA: &str = "[pools.sdr_emea]\n";
    const MEMBERS: &str = "members = [{ rep = \"amara\" }, { rep = \"ben\" }]";
    let members = |list: &str| with(MEMBERS, &format!("members = {list}"));
    check(
        &members("[]"),
        "empty-pool",
        "Pool `sdr_emea` has no reps: nobody could take its handoffs.",
        "members",
    );
    assert_eq!(problems(&with(MEMBERS, "members = []\notherwise = [\"manager\"]")), []);
    check(
        &members("[{ rep = \"amara\" }, { rep = \"amara\" }]"),
        "twice",
        "`amara` is in this pool twice.",
        "members",
    );
    check(
        &members("[{ rep = \"amara\", weight = 0 }]"),
        "no-weight",
        "`amara` has no weight.",
        "members",
    );
    check(
        &members("[{ rep = \"amara\", weight = 720720 }]"),
        "wrong-weight",
        "`amara` has more than 1000 shares.",
        "members",
    );
    let negative = problems(&members("[{ rep = \"amara\", weight = -1 }]"));
    assert_eq!(negative[0].code, "wrong-value", "{negative:?}");
    check(
        &with(EMEA, &format!("{EMEA}otherwise = [\"pool:nowhere\"]\n")),
        "unknown-pool",
        "There is no pool `nowhere`.",
        "otherwise",
    );
    check(
        &with(EMEA, &format!("{EMEA}otherwise = [\"pool:sdr_emea\"]\n")),
        "asks-itself",
        "A pool does not ask itself.",
        "otherwise",
    );
    check(
        &with(EMEA, &format!("{EMEA}otherwise = [\"next_on_shift\"]\n")),
        "no-shift",
        "This pool does not ask who is on shift.",
        "otherwise",
    );
    let nobody = problems(&with(EMEA, &format!("{EMEA}otherwise = [\"somebody\"]\n")));
    assert_eq!(nobody[0].message, "`somebody` is nobody to ask.");
    let amara = "name = \"Amara Okafor\"\n";
    check(
        &with(amara, &format!("{amara}calendar = \"mars\"\n")),
        "unknown-calendar",
        "There is no calendar `mars`.",
        "mars",
    );
    let zone = problems(&with(amara, &format!("{amara}timezone = \"Europe/Atlantis\"\n")));
    assert!(!zone.is_empty(), "a rep in no time zone");
    let rule = "name = \"Inbound, everywhere else\"\n";
    check(
        &with(rule, &format!("{rule}skills = [\"klingon\"]\n")),
        "unknown-skill",
        "Nobody in pool `sdr_emea` has the skill `klingon`.",
        "klingon",
    );
}

#[test]
fn what_a_later_lint_finds_in_a_stored_configuration_keeps_nobody_from_their_work() {
    let twice = SAMPLE.replacen("pool = \"sdr_americas\"", "pool = \"nowhere\"", 1);
    assert!(load(&twice).is_err());
    let stored = crate::config::load_stored(&twice).unwrap();
    assert_eq!(stored.rules.len(), load(SAMPLE).unwrap().rules.len());
    let broken = SAMPLE.replacen("capacity = 40", "capacity = \"many\"", 1);
    assert_eq!(crate::config::load_stored(&broken).unwrap_err()[0].code, "wrong-value");
}

#[test]
fn a_source_of_slack_knows_people_by_a_destination_there_is() {
    let source = "\n[sources.buttons]\nkind = \"slack\"\nsecret = \"sample\"\n";
    let chats = "\n[destinations.one_chat]\nkind = \"slack\"\nsecret = \"sample\"\n\
                 [destinations.two_chats]\nkind = \"slack_webhook\"\nsecret = \"sample\"\n";
    check(
        &format!("{SAMPLE}{source}destination = \"one_cat\"\n{chats}"),
        "unknown-destination",
        "No destination of Slack is called `one_cat`.",
        "one_cat",
    );
    check(
        &format!("{SAMPLE}{source}{chats}"),
        "no-destination",
        "By whose ids `buttons` knows people is not said.",
        "buttons",
    );
    let good = format!("{SAMPLE}{source}destination = \"two_chats\"\n{chats}");
    assert_eq!(problems(&good), []);
    let small = include_str!("../../../../../infra/local/sample/small.toml");
    check(
        &format!("{small}{source}"),
        "no-destination",
        "`buttons` would know nobody: no destination is Slack.",
        "buttons",
    );
    let (chat, _) = chats.split_once("[destinations.two").unwrap();
    let only = load(&format!("{small}{source}{chat}")).unwrap();
    assert_eq!(only.knows_people_by(&"buttons".into()), Some("one_chat"));
    let generic = source.replace("\"slack\"", "\"generic\"");
    check(
        &format!("{small}{generic}destination = \"one_chat\"\n"),
        "wrong-setting",
        "`destination` says nothing to a source of this kind.",
        "destination",
    );
}
