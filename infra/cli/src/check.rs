//! `handoff check FILE`: every problem of a configuration at once, where it is and what to do.

use crate::{Failure, organisation::read_whole, output, problems};
use clap::Args;
use domain::config::{self, Problem};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// The options of `check`.
#[derive(Debug, Args)]
pub struct Options {
    /// The configuration
    pub file: PathBuf,
    /// Print the problems as JSON on stdout
    #[arg(long)]
    pub json: bool,
}

/// Lints a configuration: exit code 1 when there is anything to find.
///
/// # Errors
/// When the file cannot be read.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let text = read_whole(&options.file)?;
    let name = options.file.display().to_string();
    let checked = config::load(&text);
    let found = checked.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    if options.json {
        output::document(&document(&name, found))?;
    } else if !found.is_empty() {
        eprint!("{}", problems::report(&name, &text, found));
        eprintln!("{name} has {}.", problems::count(found.len()));
    } else if let Ok(config) = &checked {
        let (types, rules) = (config.types.len(), config.rules.len());
        let (people, pools) = (config.people.len(), config.pools.len());
        output::say(&format!(
            "{name} is good: {types} types, {rules} rules, {pools} pools, {people} people.\n"
        ))?;
    }
    Ok(ExitCode::from(u8::from(!found.is_empty())))
}

fn document(name: &str, found: &[Problem]) -> Value {
    let problem = |problem: &Problem| {
        json!({
            "line": problem.line, "column": problem.column, "code": problem.code,
            "message": problem.message, "help": problem.help,
        })
    };
    json!({ "file": name, "problems": found.iter().map(problem).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_organisation_is_good() {
        assert!(config::load(local::sample::ORGANISATION).is_ok());
    }

    #[test]
    fn problems_are_listed_with_line_and_column() {
        let text = local::sample::ORGANISATION.replace("{ rep = \"ben\" }", "{ rep = \"bob\" }");
        let found = config::load(&text).unwrap_err();
        let listed = document("x.toml", &found);
        let line = text.lines().position(|line| line.contains("\"bob\"")).unwrap() + 1;
        assert_eq!(listed["problems"][0]["line"], line);
        assert_eq!(listed["problems"][0]["code"], "unknown-person");
        assert_eq!(listed["problems"].as_array().map(Vec::len), Some(1));
    }
}
