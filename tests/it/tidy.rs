//! Reads the tree: sizes, forbidden calls, keys in one place, the domain's purity. Ratchets only
//! tighten.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines a source file may have before its tests.
const LINES_MAX: usize = 460;

/// Columns a line may have.
const COLUMNS_MAX: usize = 110;

/// What the domain may depend on: nothing that reads a clock, a socket, an environment or chance.
const DOMAIN_MAY_USE: [&str; 13] = [
    "serde",
    "serde_json",
    "toml",
    "chrono",
    "chrono-tz",
    "thiserror",
    "cel",
    "minijinja",
    "strsim",
    "schemars",
    "csv",
    "sha2",
    "hex",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Lists the workspace's own Rust files with their text.
fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for part in ["functions", "shared", "infra", "tests"] {
        collect(&root().join(part), &mut found);
    }
    assert!(found.len() > 60, "the tree is read");
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                collect(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
        }
    }
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with("tests/") || text.contains("/tests") || text.ends_with("testing.rs")
}

/// Fails with every place outside `allowed` where production code holds a forbidden text.
fn forbid(forbidden: &str, allowed: &[&str]) {
    let places: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !is_test(path) && !allowed.contains(&path.to_string_lossy().as_ref()))
        .filter(|(_, text)| before_tests(text).contains(forbidden))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert!(places.is_empty(), "`{forbidden}` in {places:?}");
}

#[test]
fn time_and_the_environment_are_read_in_one_place_each() {
    forbid("Utc::now()", &["shared/runtime/src/clock.rs"]);
    forbid("SystemTime::now()", &["infra/local/src/directory.rs"]);
    forbid("env::var", &["shared/runtime/src/environment.rs"]);
}

#[test]
fn nothing_is_left_for_later() {
    for unfinished in ["todo!(", "unimplemented!(", "dbg!(", "#[allow(", "#[ignore"] {
        forbid(unfinished, &[]);
    }
}

#[test]
fn keys_of_the_table_are_written_in_one_file() {
    for prefix in ["\"HANDOFF#", "\"CLAIM#", "\"SEEN#", "\"ROLLUP#", "\"JOURNEY#", "\"REP#"] {
        forbid(prefix, &["shared/store/src/keys.rs"]);
    }
}

#[test]
fn nothing_scans_but_commands_that_need_all_of_it() {
    forbid(".scan()", &["shared/store/src/copies.rs"]);
    forbid("store.rows(", &["infra/cli/src/backup.rs", "infra/cli/src/erase/eraser.rs"]);
}

#[test]
fn the_domain_stays_pure() {
    let manifest = fs::read_to_string(root().join("shared/domain/Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies = manifest["dependencies"].as_table().unwrap();
    for name in dependencies.keys() {
        assert!(DOMAIN_MAY_USE.contains(&name.as_str()), "the domain depends on {name}");
    }
    for (path, text) in sources() {
        if path.starts_with("shared/domain/src") {
            for impure in ["async fn", ".await", "tokio", "std::fs", "std::net"] {
                assert!(!text.contains(impure), "{impure} in {}", path.display());
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for (path, text) in sources() {
        let shown = path.display();
        assert!(text.starts_with("//!"), "{shown} does not say what it is for");
        let lines = before_tests(&text).lines().count();
        assert!(is_test(&path) || lines <= LINES_MAX, "{shown} has {lines} lines before its tests");
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(widest <= COLUMNS_MAX, "{shown} has a line of {widest} columns");
    }
}

#[test]
fn a_main_is_telemetry_parts_and_run() {
    for (path, text) in sources() {
        if path.file_name().is_some_and(|name| name == "main.rs") && path.starts_with("functions") {
            let lines = text.lines().count();
            assert!(lines <= 45, "{} has {lines} lines", path.display());
        }
    }
}

#[test]
fn there_is_one_tls_stack_and_it_draws_no_jitter() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for heavy in ["aws-lc-sys", "aws-lc-rs", "openssl-sys", "native-tls", "s2n-tls"] {
        assert!(!lock.contains(&format!("name = \"{heavy}\"")), "{heavy} is linked");
    }
    assert_eq!(lock.matches("name = \"rustls\"").count(), 1);
}

#[test]
fn every_dependency_of_the_workspace_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap();
    let section = section.split("[workspace.lints").next().unwrap();
    for block in section.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let first = block.trim_start_matches('\n').lines().next().unwrap();
        assert!(first.starts_with('#'), "no reason stands before: {first}");
    }
}

#[test]
fn the_top_level_is_the_designs() {
    let mut visible: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && name != "target")
        .collect();
    visible.sort();
    let expected = [
        "CHANGELOG.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "functions",
        "infra",
        "shared",
        "tests",
    ];
    assert_eq!(visible, expected);
}
