//! A native circom binary in its own process group.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::outcome::{self, Outputs, refusal};
use super::source::SourceTree;
use super::{CircuitCompiler, CompileError, CompileLimits, CompileOptions, Compiled};

/// Maximum bytes read of the compiler's printed output.
const MAX_PRINTED: u64 = 512 << 10;
/// Interval between two checks of time and output size.
const POLL: Duration = Duration::from_millis(20);

/// A native circom binary, such as the one that `CIRCOM_PATH` names.
///
/// # Behaviour
/// - Runs in its own working folder, which contains the source tree. The environment is empty.
/// - Runs in its own process group, which is killed at the time limit.
/// - On Linux the kernel bounds memory and the size of each file. The sum of all files is checked during the
///   run.
/// - Is not confined to its folder, unlike [`CircomWasm`](super::CircomWasm): only the include check of
///   [`SourceTree::resolve`] keeps it from other files.
#[derive(Debug)]
pub struct CircomNative {
    program: PathBuf,
    version: String,
    limits: CompileLimits,
}

impl CircomNative {
    /// Reads the version of the binary by running it.
    ///
    /// # Errors
    /// [`CompileError::Compiler`] when it does not start or is not circom.
    pub fn new(program: &Path, limits: CompileLimits) -> Result<Self, CompileError> {
        let program = program
            .canonicalize()
            .map_err(|e| CompileError::Compiler(format!("{}: {e}", program.display())))?;
        let mut circom = Self { program, version: String::new(), limits };
        let folder = Folder::new(&SourceTree::empty())?;
        circom.run(&folder, &["--version".to_owned()])?;
        circom.version = outcome::version(&folder.printed()?)?;
        Ok(circom)
    }

    fn run(&self, folder: &Folder, arguments: &[String]) -> Result<ExitStatus, CompileError> {
        let printed = folder.print_file()?;
        let errors = printed.try_clone().map_err(io)?;
        let child = Command::new(&self.program)
            .args(arguments)
            .current_dir(folder.sources())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(printed)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|e| CompileError::Compiler(format!("{}: {e}", self.program.display())))?;
        Group(child).wait(folder, &self.limits)
    }
}

impl CircuitCompiler for CircomNative {
    fn version(&self) -> &str {
        &self.version
    }

    fn compile(&self, tree: &SourceTree, options: &CompileOptions) -> Result<Compiled, CompileError> {
        let folder = Folder::new(tree)?;
        let status = self.run(&folder, &outcome::arguments(tree, options, "../output", "."))?;
        let printed = folder.printed()?;
        if !status.success() {
            return Err(refusal(&printed));
        }
        Outputs::take(tree, |path| fs::read(folder.output().join(path)).ok())?.compiled(&printed)
    }
}

/// A running compiler and its children; killed on drop.
struct Group(Child);

impl Group {
    fn wait(mut self, folder: &Folder, limits: &CompileLimits) -> Result<ExitStatus, CompileError> {
        let deadline = Instant::now() + limits.wall;
        self.bound(limits);
        loop {
            let ended = self.0.try_wait().map_err(io)?;
            if folder.written() > limits.output_bytes as u64 {
                return Err(CompileError::Limit(format!("{} bytes of output", limits.output_bytes)));
            }
            if let Some(status) = ended {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(CompileError::Limit(format!("{} s", limits.wall.as_secs_f64())));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Bounds memory and file size from the parent: a hook between fork and exec would need unsafe code. The
    /// gap after the start is too short to matter.
    #[cfg(target_os = "linux")]
    fn bound(&self, limits: &CompileLimits) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let pid = rustix::process::Pid::from_child(&self.0);
        let limit = |bytes: usize| Rlimit { current: Some(bytes as u64), maximum: Some(bytes as u64) };
        // An error is ignored: a process that has ended needs no limit.
        let _ = prlimit(Some(pid), Resource::As, limit(limits.memory_bytes));
        let _ = prlimit(Some(pid), Resource::Fsize, limit(limits.output_bytes));
    }

    #[cfg(not(target_os = "linux"))]
    fn bound(&self, _: &CompileLimits) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        // The group may already be gone; its remaining processes are killed.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// A working folder; removed on drop.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(tree: &SourceTree) -> Result<Self, CompileError> {
        let folder = Self(tempfile::Builder::new().prefix("zkflow-circom-").tempdir().map_err(io)?);
        fs::create_dir(folder.sources()).map_err(io)?;
        fs::create_dir(folder.output()).map_err(io)?;
        for (path, content) in tree.files() {
            let path = folder.sources().join(path);
            fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(io)?;
            fs::write(path, content).map_err(io)?;
        }
        Ok(folder)
    }

    fn sources(&self) -> PathBuf {
        self.0.path().join("sources")
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("output")
    }

    fn print_file(&self) -> Result<File, CompileError> {
        // Append mode: both streams share the file without overwriting each other.
        let mut options = File::options();
        options.create(true).append(true);
        options.open(self.0.path().join("printed")).map_err(io)
    }

    fn printed(&self) -> Result<String, CompileError> {
        let mut bytes = Vec::new();
        let file = File::open(self.0.path().join("printed")).map_err(io)?;
        file.take(MAX_PRINTED).read_to_end(&mut bytes).map_err(io)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Bytes written so far, printed output included.
    fn written(&self) -> u64 {
        let output = self.output();
        let below = fs::read_dir(&output).into_iter().flatten().filter_map(Result::ok);
        let folders = below.map(|entry| entry.path()).filter(|path| path.is_dir());
        let folders: Vec<PathBuf> = folders.chain([output, self.0.path().to_owned()]).collect();
        let files = folders.iter().flat_map(fs::read_dir).flatten().filter_map(Result::ok);
        files.filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).sum()
    }
}

fn io(error: std::io::Error) -> CompileError {
    CompileError::Io(format!("working folder of the compiler: {error}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that answers `--version` like circom and otherwise runs `script`.
    fn misbehaving(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("circom");
        let script = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\n\
             if [ \"$1\" = --version ]; then echo 'circom compiler 9.9.9'; exit; fi\n{script}\n"
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    fn compile(script: &str) -> CompileError {
        let (_folder, path) = misbehaving(script);
        let limits =
            CompileLimits { wall: Duration::from_secs(1), memory_bytes: 64 << 20, output_bytes: 1 << 20 };
        let circom = CircomNative::new(&path, limits).unwrap();
        assert_eq!(circom.version(), "circom 9.9.9");
        let tree = SourceTree::resolve("main.circom", "", &[]).unwrap();
        let start = Instant::now();
        let error = circom.compile(&tree, &CompileOptions::default()).unwrap_err();
        assert!(start.elapsed() < limits.wall + Duration::from_secs(1));
        error
    }

    #[test]
    fn endless_run_is_killed_with_its_children() {
        let marker = tempfile::tempdir().unwrap();
        let pid_file = marker.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", pid_file.display());
        assert_eq!(compile(&script), CompileError::Limit("1 s".into()));
        let pid = fs::read_to_string(pid_file).unwrap();
        let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(10);
        // A killed process stays in `/proc` until it is scheduled and its parent reads its status.
        while !state().is_empty() && !state().contains(") Z ") {
            assert!(Instant::now() < deadline, "still there: {}", state());
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn endless_output_is_stopped() {
        for script in ["yes", "yes > ../output/x", "mkdir ../output/d; yes > ../output/d/x"] {
            let error = compile(script);
            // The kernel's limit on file size may end the program before the sum is checked.
            let stopped = matches!(&error, CompileError::Limit(what) if what.contains("output"))
                || matches!(error, CompileError::Rejected(_));
            assert!(stopped, "{error:?}");
        }
    }

    #[test]
    fn program_that_compiles_nothing_is_an_error() {
        assert!(matches!(compile("true"), CompileError::Compiler(_)));
    }

    #[test]
    fn environment_is_empty() {
        let error = compile("if env | grep -q HOME; then echo 'error[X]: leak'; fi; exit 1");
        assert!(!error.to_string().contains("leak"), "{error}");
    }
}
