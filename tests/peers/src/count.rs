//! The instructions that a choice takes, counted by callgrind over a run of this program that asks
//! one engine; what the engine does before it is asked is not counted.

use std::{env, process::Command};

/// What a counted run may take by the clock without callgrind, and the leads it asks about.
const COUNTED_MICROS: f64 = 100_000.0;
const COUNTED_LEAST: f64 = 20.0;
const COUNTED_MOST: f64 = 5_000.0;

/// Counts the instructions of a lead; nothing where callgrind is not there.
pub(crate) fn instructions(engine: &str, rules: usize, micros_each: f64) -> Option<f64> {
    let asked = (COUNTED_MICROS / micros_each).clamp(COUNTED_LEAST, COUNTED_MOST).round();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=peers::counted_by_callgrind*")
        .arg(env::current_exe().ok()?)
        .args(["one", engine, &rules.to_string(), &asked.to_string()])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| line.contains("Collected"))?;
    let counted: f64 = line.rsplit(' ').next()?.parse().ok()?;
    (counted > 0.0).then_some(counted / asked)
}
