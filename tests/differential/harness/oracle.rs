//! The oracle, a process that answers with Helm's own code: see `tests/controlplane/oracle`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value as Json;

/// A running oracle. It ends with this.
pub(crate) struct Oracle {
    program: PathBuf,
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts the program, in UTC, without any settings of Helm's.
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let (process, answers) = spawn(program)?;
        Ok(Self { program: program.to_owned(), process, answers })
    }

    /// Asks many things and gives the answers in order. Where a question ends the process, the answer tells, and a new one goes on.
    pub(crate) fn ask(&mut self, requests: &[Json]) -> Result<Vec<Json>> {
        let mut answers = Vec::with_capacity(requests.len());
        while let Some(rest) = requests.get(answers.len()..).filter(|rest| !rest.is_empty()) {
            let before = answers.len();
            self.ask_some(rest, &mut answers)?;
            if answers.len() < requests.len() {
                answers.push(serde_json::json!({"died": true}));
                self.process.wait().context("wait for the oracle that ended")?;
                let (process, reader) = spawn(&self.program)?;
                (self.process, self.answers) = (process, reader);
            }
            ensure!(answers.len() > before, "the oracle gives no answers");
        }
        Ok(answers)
    }

    /// Asks until the end or until the process ends.
    fn ask_some(&mut self, requests: &[Json], answers: &mut Vec<Json>) -> Result<()> {
        let mut input = self.process.stdin.take().context("the oracle takes no questions")?;
        let reader = &mut self.answers;
        let input = thread::scope(|scope| -> Result<_> {
            // Written from another thread, for either pipe may be full.
            let writer = scope.spawn(move || {
                for request in requests {
                    if writeln!(input, "{request}").is_err() {
                        break;
                    }
                }
                let _ = input.flush();
                input
            });
            let mut line = Vec::new();
            for _ in requests {
                line.clear();
                if reader.read_until(b'\n', &mut line)? == 0 {
                    break;
                }
                answers.push(serde_json::from_slice(&line).context("read an answer of the oracle")?);
            }
            writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))
        })?;
        self.process.stdin = Some(input);
        Ok(())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Without input it ends by itself.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn spawn(program: &Path) -> Result<(Child, BufReader<ChildStdout>)> {
    let mut command = Command::new(program);
    command.env_clear().env("TZ", "UTC").env("HOME", std::env::temp_dir());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = command.spawn().with_context(|| format!("start {}", program.display()))?;
    let output = process.stdout.take().context("the oracle has no output")?;
    Ok((process, BufReader::new(output)))
}
