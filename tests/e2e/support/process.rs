//! Child processes: each with a log file, ended when its handle goes, and by a watchdog when this program dies first.
//!
//! In: a command and where its log goes. Out: a handle that can stop it. Never leaves a process behind: the watchdog is a
//! shell in a process group of its own that reads from a pipe and ends what is still listed when the pipe closes.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// What the watchdog runs: it ends the listed processes and removes the listed folders once its input closes.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
processes=
while read -r verb what; do
  case $verb in
  watch) processes="$processes $what" ;;
  forget)
    left=
    for process in $processes; do [ "$process" = "$what" ] || left="$left $process"; done
    processes=$left ;;
  folder) set -- "$@" "$what" ;;
  esac
done
for process in $processes; do kill -9 "$process" 2>/dev/null; done
rm -rf -- "$@"
"#;

/// A running child process; dropping it kills it.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both its outputs going to `log`, which is appended to.
    pub(crate) fn spawn(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let open = || {
            File::options().create(true).append(true).open(log).with_context(|| format!("open log {}", log.display()))
        };
        // A group of its own, so that Ctrl-C on the terminal leaves the order of stopping to us.
        let child = command
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        tell_watchdog("watch", child.id())?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// What it was called when it was started.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of the log, when the process has ended by itself.
    pub(crate) fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            anyhow::bail!("{} ended with {status}; its log ends with:\n{}", self.name, self.log_tail(40));
        }
        Ok(())
    }

    /// How the process ended, if it has.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        // The standard library can only kill, so the shell's own `kill` sends it.
        let id = self.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &id]).status()?;
        anyhow::ensure!(sent.success(), "cannot send {name} to {}", self.name);
        Ok(())
    }

    /// Asks the process to end, waits for up to `patience`, then kills it.
    pub(crate) fn stop(&mut self, patience: Duration) -> Option<ExitStatus> {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("TERM");
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                let _ = tell_watchdog("forget", self.id());
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.kill();
        None
    }

    /// Kills the process at once, as `kill -9` does, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = tell_watchdog("forget", self.id());
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// Where the log is.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Makes a temporary folder that goes when this program ends, however it ends.
pub(crate) fn temporary_folder(prefix: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir()?;
    tell_watchdog("folder", folder.path().display())?;
    Ok(folder)
}

/// Free ports on loopback, all different. They are let go before use, so a stranger could in theory take one.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut listeners = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

fn tell_watchdog(verb: &str, what: impl std::fmt::Display) -> Result<()> {
    static INPUT: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();
    let mut input =
        INPUT.get_or_init(|| Mutex::new(start_watchdog().ok())).lock().unwrap_or_else(PoisonError::into_inner);
    let input = input.as_mut().context("the watchdog did not start")?;
    writeln!(input, "{verb} {what}").context("tell the watchdog")
}

fn start_watchdog() -> Result<ChildStdin> {
    let mut shell = Command::new("sh")
        .args(["-c", WATCHDOG, "rhumb-watchdog"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    shell.stdin.take().context("the watchdog has no input")
}
