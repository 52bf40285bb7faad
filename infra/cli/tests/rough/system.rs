//! The real binary as a process: started, waited for, killed, looked at from outside.
//!
//! What it says on stderr goes to a file beside its data, so that a failure can show it. It is
//! killed when it is dropped.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

/// The line that says it is ready, before its address.
const READY: &str = "ready http://";

/// A process of `handoff up`.
pub(crate) struct System {
    child: Mutex<Child>,
    stdout: Mutex<Option<ChildStdout>>,
}

impl System {
    /// Starts `handoff up` on a port the system picks, with further arguments; what it complains
    /// of is added to `log`.
    pub(crate) fn start(arguments: &[&str], log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).expect("a log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_handoff"))
            .args(["up", "--empty", "--port", "0"])
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary runs");
        let stdout = Mutex::new(child.stdout.take());
        Self { child: Mutex::new(child), stdout }
    }

    /// Waits until it is ready; its address and port, or none if it ended before.
    pub(crate) fn ready(&self) -> Option<String> {
        let stdout = lock(&self.stdout).take().expect("nobody waited before");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.find_map(|line| Some(line.strip_prefix(READY)?.to_owned()))
    }

    /// Kills it as the kernel kills: at once, and nothing is told.
    pub(crate) fn kill(&self) -> ExitStatus {
        let mut child = lock(&self.child);
        // One that has ended already is as dead.
        let _ = child.kill();
        child.wait().expect("its end")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.process()]).status();
        assert!(asked.expect("kill runs").success());
        lock(&self.child).wait().expect("its end")
    }

    /// Its number among the processes.
    pub(crate) fn process(&self) -> String {
        lock(&self.child).id().to_string()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An empty directory of that name for this process.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("handoff-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a temporary directory");
    folder
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
