//! Which row a lead matches, in tables small and long.

use super::{cells::Place, *};
use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

const HEADER: &str = "territory,country,region,postal_code,industry,segment,language,product,\
                      employees,domain,company\n";

fn table(text: &str) -> Territories {
    let (cells, faults) = sheet(text);
    let (table, more) = compile(&cells, |_| None);
    assert_eq!([faults, more].concat(), [], "{text}");
    table
}

fn lead(values: serde_json::Value) -> Seen {
    let mut package = Package::default();
    package.put(serde_json::from_value(values).unwrap(), "crm", DateTime::UNIX_EPOCH);
    let email = package.values.get("email").and_then(|value| value.value.as_str());
    package.subject.email = email.map(str::to_owned);
    Seen::of(&package)
}

/// Checks the territory that a lead gets.
fn check(table: &Territories, values: serde_json::Value, expected: Option<&str>) {
    let found = table.find(&lead(values.clone())).map(Row::territory);
    assert_eq!(found, expected, "{values}");
}

#[test]
fn the_first_row_that_matches_wins_and_an_empty_cell_means_any() {
    let table = table(&format!(
        "{HEADER}\
         Acme,,,,,,,,,,\" ACME, Inc. \"\n\
         Initech,,,,,,,,,@Initech.Example,\n\
         Bavaria,DE,,80000-87999,,,,,,,\n\
         Big DACH,de,,,,,,,1000-,,\n\
         DACH,DE,,,,,,,,,\n\
         Florida,US,FL,,,,,,,,\n\
         London,GB,,SW*,,,,,,,\n\
         One street,GB,,N1 9GU,,,,,,,\n\
         Health,,,,Healthcare,SMB,en,Cloud,1-49,,\n\
         World,,,,,,,,,,\n"
    ));
    check(&table, json!({ "country": "DE", "company": "Acme, INC." }), Some("Acme"));
    let mail = json!({ "country": "DE", "email": "a@b@initech.EXAMPLE" });
    check(&table, mail, Some("Initech"));
    check(&table, json!({ "country": "DE", "postal_code": "80331" }), Some("Bavaria"));
    check(&table, json!({ "country": "DE", "postal_code": 80331 }), Some("Bavaria"));
    check(&table, json!({ "country": " de ", "employees": "5000" }), Some("Big DACH"));
    check(&table, json!({ "country": "DE", "employees": 999 }), Some("DACH"));
    check(&table, json!({ "country": "US", "region": "fl" }), Some("Florida"));
    check(&table, json!({ "country": "GB", "postal_code": "sw1a 1aa" }), Some("London"));
    check(&table, json!({ "country": "GB", "postal_code": "N19GU" }), Some("One street"));
    let all = json!({
        "industry": "healthcare", "segment": "smb", "language": "EN", "product": "cloud",
        "employees": 49,
    });
    check(&table, all, Some("Health"));
    check(&table, json!({ "industry": "healthcare", "segment": "smb" }), Some("World"));
    check(
        &table,
        json!({ "country": ["DE"], "postal_code": {}, "employees": 1e99 }),
        Some("World"),
    );
    check(&Territories::default(), json!({ "country": "DE" }), None);
    assert_eq!((table.len(), table.names().len(), table.is_empty()), (10, 10, false));
}

#[test]
fn a_named_account_is_owned_by_somebody_of_the_roster() {
    let (cells, _) = sheet("territory,company,owner\nNamed,Acme,ben@x\nNamed,Other,\n");
    let (table, faults) = compile(&cells, |text| (text == "ben@x").then(|| "ben".into()));
    assert_eq!(faults, []);
    let owner = |name: &str| table.find(&lead(json!({ "company": name }))).and_then(Row::owner);
    assert_eq!(owner("acme").map(PersonId::as_str), Some("ben"));
    assert_eq!(owner("other"), None);
}

#[test]
fn a_file_is_read_as_any_spreadsheet_writes_it() {
    let expected = |text: &str| {
        let table = table(text);
        check(&table, json!({ "country": "DE", "company": "A \"B\"; C, D" }), Some("Süd"));
        assert_eq!(table.len(), 2, "{text}");
    };
    expected("territory,country,company\nSüd,DE,\"A \"\"B\"\"; C, D\"\nRest,,\n");
    expected("\u{feff}company;Territory;COUNTRY\r\n\"A \"\"B\"\"; C, D\";Süd;DE\r\n;Rest;\r\n");
    expected("territory,country,company\r\n\r\nSüd,DE,\"A \"\"B\"\"; C, D\"\r\n,,\r\nRest,,");
}

/// Checks what is said of a file: each fault as `place code: message`.
fn check_faults(text: &str, expected: &[&str]) {
    let (cells, mut faults) = sheet(text);
    let (_, more) = compile(&cells, |text| (text == "ben").then(|| "ben".into()));
    faults.extend(more);
    let told = faults.iter().map(|one| format!("{} {}: {}", one.place, one.code, one.message));
    assert_eq!(told.collect::<Vec<_>>(), expected, "{text}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_line() {
    let wrong = "wrong-territories";
    check_faults("", &[&format!("line 1 {wrong}: The file is empty.")]);
    let message = format!("line 2 {wrong}: The table has no column `territory`.");
    check_faults("\ncountry\nDE\n", &[&message]);
    let message = format!("line 1 unknown-column: There is no column `land`. {}", Column::all());
    check_faults("territory,land\nA,DE\n", &[&message]);
    let message = format!("line 1 {wrong}: The column `country` is there twice.");
    check_faults("territory,country,Country\nA,DE,DE\n", &[&message]);
    let short = format!("line 3 {wrong}: The row has 1 cells, and there are 2 columns.");
    let long = format!("line 4 {wrong}: The row has 3 cells, and there are 2 columns.");
    check_faults("territory,country\r\nA,DE\r\nB\r\nC,GB,\r\n", &[&short, &long]);
    let cell = "The cell `DEC,FR…` goes on over lines or is too long.";
    let message = format!("line 3 {wrong}: {cell}");
    check_faults("territory,country\nA,GB\nB,\"DE\nC,FR\n", &[&message]);
    let message = format!("line 2 {wrong}: The file is no UTF-8 text.");
    check_faults("territory,country\nS\u{fffd}d,DE\n", &[&message]);
    check_faults(
        "territory,postal_code,employees,owner\nA,1*2,,\nB,,many,\nC,,,carl\n,1,,\nD,7,,ben\n",
        &[
            &format!("line 2 {wrong}: `1*2` is no postal code, prefix or range."),
            &format!("line 3 {wrong}: `many` is no band of employees."),
            "line 4 unknown-person: There is nobody called `carl`.",
            &format!("line 5 {wrong}: The row gives no territory."),
        ],
    );
}

#[test]
fn a_file_has_its_limits() {
    let rows = "A\n".repeat(ROWS_MAX + 1);
    let (_, faults) = sheet(&format!("territory\n{rows}"));
    assert_eq!(faults[0].place, Place::Line(ROWS_MAX + 2));
    assert_eq!(faults[0].message, "The table has more than 20000 rows.");
    let (_, faults) = sheet(&"a".repeat(TERRITORIES_BYTES_MAX + 1));
    assert_eq!(faults[0].message, "The file has more than 4000000 bytes.");
}

#[test]
fn a_row_that_can_never_match_is_told_with_the_one_that_takes_it() {
    let covered = |line: usize, by: usize| {
        format!(
            "line {line} covered-row: The row can never match: line {by} takes all that it would."
        )
    };
    check_faults(
        &format!(
            "{HEADER}\
             A,DE,,,,,,,,,\n\
             B,de,,10115,,,,,,,\n\
             C,GB,,SW*,,,,,,,\n\
             D,GB,,SW1*,,,,,100-,,\n\
             E,,,,,,,,10-99,,\n\
             F,GB,,,,,,,20-30,acme.example,\n\
             G,GB,,S*,,,,,,,\n\
             A,DE,,,,,,,,,\n"
        ),
        &[
            &covered(3, 2),
            &covered(5, 4),
            &covered(7, 6),
            "line 9 same-row: The row is the same as line 2.",
        ],
    );
}

/// Twenty thousand rows of one country, which only their own codes tell apart.
#[test]
fn the_longest_table_is_read_and_asked() {
    let rows = (0..ROWS_MAX).map(|n| format!("T{n},DE,{}-{}\n", n * 10, n * 10 + 9));
    let table = table(&format!("territory,country,postal_code\n{}", rows.collect::<String>()));
    for n in [0, 7_777, ROWS_MAX - 1] {
        let code = (n * 10 + 5).to_string();
        let expected = format!("T{n}");
        check(&table, json!({ "country": "DE", "postal_code": code }), Some(&expected));
    }
    check(&table, json!({ "country": "FR", "postal_code": "5" }), None);
}

fn cell(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

fn some_row() -> impl Strategy<Value = String> {
    (
        cell(&["", "", "DE", "GB", "us"]),
        cell(&["", "", "10115", "1*", "10000-19999", "SW*", "007"]),
        cell(&["", "", "1-49", "50", "50-"]),
        cell(&["", "", "acme.example"]),
        cell(&["", "", "en", "de"]),
    )
        .prop_map(|(country, postal, employees, domain, language)| {
            format!("T,{country},{postal},{employees},{domain},{language}\n")
        })
}

fn some_lead() -> impl Strategy<Value = Seen> {
    (
        cell(&["", "de", "GB", "US"]),
        cell(&["", "10115", "1", "sw1a", "7", "19999 AB"]),
        prop::sample::select(vec![0, 1, 49, 50, 51]),
        cell(&["", "a@ACME.example", "a@b.example"]),
        cell(&["", "EN"]),
    )
        .prop_map(|(country, postal, employees, email, language)| {
            lead(json!({
                "country": country, "postal_code": postal, "employees": employees,
                "email": email, "language": language,
            }))
        })
}

proptest! {
    #[test]
    fn a_table_that_is_looked_up_answers_as_one_that_is_read_from_the_top(
        rows in prop::collection::vec(some_row(), 1..30),
        leads in prop::collection::vec(some_lead(), 1..20),
    ) {
        let header = "territory,country,postal_code,employees,domain,language\n";
        let (cells, _) = sheet(&format!("{header}{}", rows.concat()));
        let (table, faults) = compile(&cells, |_| None);
        let lines: Vec<usize> = faults
            .iter()
            .map(|fault| match fault.place { Place::Line(at) | Place::Row(at) => at })
            .collect();
        let is_covered = |row: &usize| {
            table.rows[..*row].iter().any(|earlier| earlier.covers(&table.rows[*row]))
        };
        let covered = (0..table.rows.len()).filter(is_covered).map(|row| row + 2);
        prop_assert_eq!(&lines, &covered.collect::<Vec<_>>());
        for seen in &leads {
            let first = table.rows.iter().position(|row| row.matches(seen));
            let found = table.find(seen).map(std::ptr::from_ref);
            prop_assert_eq!(found, first.map(|first| std::ptr::from_ref(&table.rows[first])));
            // A row that is said never to match never does.
            prop_assert!(first.is_none_or(|first| !lines.contains(&(first + 2))));
        }
    }
}
