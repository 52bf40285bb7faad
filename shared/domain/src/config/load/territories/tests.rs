//! What a check finds wrong about territory tables: the code, the place and the words.

use crate::config::{files_named, load, with_files};
use std::collections::BTreeMap;

const SAMPLE: &str = include_str!("../../../../../../infra/local/sample/organisation.toml");
const BY_FILE: &str = "\n[territories.sales]\nfile = \"sales.csv\"\n";

/// Adds a table to the sample, and a file next to it.
fn whole(table: &str, file: Option<&str>) -> String {
    let files = file.map(|file| BTreeMap::from([("sales.csv".to_owned(), file.to_owned())]));
    with_files(&format!("{SAMPLE}{table}"), &files.unwrap_or_default())
}

/// Checks what is said of a table, each problem as `code: message`, and that its line has `place`.
fn check(text: &str, place: &str, expected: &[&str]) {
    let problems = load(text).err().unwrap_or_default();
    let told = problems.iter().map(|one| format!("{}: {}", one.code, one.message));
    assert_eq!(told.collect::<Vec<_>>(), expected);
    for problem in problems {
        let line = text.lines().nth(problem.line - 1).unwrap();
        assert!(line.contains(place), "{line} has {place}");
        assert!(!problem.help.is_empty(), "{} has a way out", problem.message);
    }
}

#[test]
fn a_table_stands_in_the_file_or_next_to_it() {
    assert!(files_named(&whole(BY_FILE, None)).contains("sales.csv"));
    let text = whole(BY_FILE, Some("territory,country,owner\r\nDACH,DE,BEN@northwind.example\r\n"));
    let config = load(&text).unwrap();
    assert_eq!(config.territories["sales"].names().first(), Some(&"DACH"));
    let inline = "\n[territories.sales]\nrows = [{ territory = \"Big\", employees = 50 }]\n";
    assert_eq!(load(&whole(inline, None)).unwrap().territories["sales"].len(), 1);
    let of_the_sample = load(SAMPLE).unwrap().territories;
    assert_eq!(of_the_sample.keys().collect::<Vec<_>>(), ["regions"]);
}

#[test]
fn a_table_that_is_not_there_is_a_problem_at_its_name() {
    check(&whole(BY_FILE, None), "file = ", &["missing-file: There is no file `sales.csv`."]);
    let odd = BY_FILE.replace("sales.csv", "../sales.csv");
    let message = "wrong-file-name: `../sales.csv` is no plain file name.";
    check(&whole(&odd, None), "file = ", &[message]);
    let message = "wrong-territories: The table `sales` has either a file or rows.";
    check(&whole("\n[territories.sales]\n", None), "[territories.sales]", &[message]);
    let message = "no-rows: The table `sales` has no rows.";
    check(&whole(BY_FILE, Some("territory,country\n")), "file = ", &[message]);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line_and_not_more_than_twenty_times() {
    let header = "territory,country,owner\n";
    let text = whole(BY_FILE, Some(&format!("{header}A,DE,\nB,DE,\nC,FR,nobody\n")));
    let expected = [
        "covered-row: `sales.csv`, line 3: The row can never match: line 2 takes all that it \
         would.",
        "unknown-person: `sales.csv`, line 4: There is nobody called `nobody`.",
    ];
    check(&text, "file = ", &expected);
    let text = whole(BY_FILE, Some(&format!("{header}{}", "A,DE,nobody\n".repeat(50))));
    let problems = load(&text).unwrap_err();
    assert_eq!(problems.len(), 21);
    let more = "The table `sales` has 30 more problems.";
    assert!(problems.iter().any(|problem| problem.message == more));
}

#[test]
fn what_is_wrong_inline_is_told_at_its_row() {
    let rows = r#"
[territories.sales]
rows = [
  { territory = "A", country = "DE" },
  { territory = "B", land = "GB" },
  { territory = "C", employees = "x" },
]
"#;
    let problems = load(&whole(rows, None)).unwrap_err();
    let told: Vec<_> = problems.iter().map(|one| (one.line, one.code)).collect();
    let line = whole(rows, None).lines().position(|line| line.contains("land")).unwrap() + 1;
    assert_eq!(told, [(line, "unknown-column"), (line + 1, "wrong-territories")]);
    assert_eq!(problems[1].message, "Row 3: `x` is no band of employees.");
}

#[test]
fn a_cell_is_a_text_or_a_whole_number() {
    let rows = "\n[territories.sales]\nrows = [{ territory = \"A\", employees = 1.5 }]\n";
    let message = "wrong-value: A cell is no text and no whole number.";
    check(&whole(rows, None), "rows", &[message]);
}
