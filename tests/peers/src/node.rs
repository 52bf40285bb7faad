//! The engines from npm: installed beside their lock file in a folder that is gone afterwards, and
//! asked by a script that reads the same leads and rules.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use serde::{Deserialize, Serialize};

use crate::{
    Answered, ROUNDS_MOST, ROUNDS_SECONDS, SECONDS_MOST,
    work::{Lead, Rule},
};

const SCRIPT: &str = include_str!("../npm/peers.mjs");
const MANIFEST: &str = include_str!("../npm/package.json");
const LOCK: &str = include_str!("../npm/package-lock.json");

/// A folder in which node finds the engines, the script and the leads.
pub(crate) struct Node {
    folder: PathBuf,
}

/// What the script says.
#[derive(Deserialize)]
struct Said {
    micros_each: f64,
    answers: Vec<Option<usize>>,
}

impl Node {
    /// Installs the engines and writes the leads.
    pub(crate) fn start(leads: &[Lead]) -> Result<Self, String> {
        run(Command::new("node").arg("--version"))?;
        let node = Self { folder: env::temp_dir().join(format!("peers-{}", process::id())) };
        fs::create_dir_all(&node.folder).map_err(|error| error.to_string())?;
        for (name, text) in
            [("peers.mjs", SCRIPT), ("package.json", MANIFEST), ("package-lock.json", LOCK)]
        {
            fs::write(node.folder.join(name), text).map_err(|error| error.to_string())?;
        }
        write(&node.folder.join("leads.json"), &leads)?;
        let mut install = Command::new("npm");
        install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        run(install.current_dir(&node.folder))?;
        Ok(node)
    }

    /// Asks an engine about as many of the leads as time allows.
    pub(crate) fn ask(&self, engine: &str, rules: &[Rule]) -> Result<Answered, String> {
        write(&self.folder.join("rules.json"), &rules)?;
        let mut script = Command::new("node");
        let limits = [SECONDS_MOST, ROUNDS_MOST as f64, ROUNDS_SECONDS].map(|one| one.to_string());
        script.args(["peers.mjs", engine]).args(limits);
        run(script.current_dir(&self.folder))?;
        let said = fs::read_to_string(self.folder.join("answers.json"));
        let said = said.map_err(|error| format!("{engine} says nothing: {error}"))?;
        let Said { micros_each, answers } =
            serde_json::from_str(&said).map_err(|error| format!("{engine}: {error}"))?;
        Ok(Answered { answers, micros_each })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // What is left behind is in the system's folder for such things.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    fs::write(path, text).map_err(|error| error.to_string())
}

/// Runs a command to its end.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name} cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{name} fails: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
