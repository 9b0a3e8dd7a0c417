//! Confinement by the Linux kernel: landlock for files, network and signals, seccomp for system calls.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::LazyLock;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Signal, set_parent_process_death_signal};
use seccompiler::BpfProgram;

use super::ConfinedCommand;

mod calls;

/// The newest set of rights that is requested. An older kernel enforces those that it has.
const RIGHTS: ABI = ABI::V6;
/// The first version of landlock that confines the network.
const NETWORK: i32 = ABI::V4 as i32;
/// Programs and libraries, the linker's cache, and the settings of OpenSSL, which Node.js demands.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/nix/store",
    "/gnu/store",
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies",
];
/// Devices that may be read.
const DEVICES: [&str; 4] = ["/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"];

/// The means of this machine's kernel to confine a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Version of landlock; `None`: not available.
    pub landlock: Option<i32>,
    /// True if filters for system calls can be set.
    pub seccomp: bool,
}

impl Kernel {
    /// The kernel of this machine. Tried once, on a thread of its own.
    pub fn current() -> Self {
        static CURRENT: LazyLock<Kernel> = LazyLock::new(|| {
            let probe = std::thread::Builder::new().name("zkflow-probe".to_owned()).spawn(probe);
            probe.ok().and_then(|thread| thread.join().ok()).unwrap_or(Kernel::NONE)
        });
        *CURRENT
    }

    const NONE: Self = Self { landlock: None, seccomp: false };

    /// As on a kernel without landlock and seccomp.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self::NONE
    }

    /// True if files, network and processes are confined.
    pub fn confines(self) -> bool {
        self.landlock.is_some() && self.seccomp
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            Some(version) if version < NETWORK => write!(f, "landlock {version} (files only)")?,
            Some(version) => write!(f, "landlock {version}")?,
            None => f.write_str("no landlock: native tools can read and write files of this user")?,
        }
        match self.seccomp {
            true => f.write_str(", seccomp"),
            false => f.write_str(", no seccomp: native tools can use the network and start processes"),
        }
    }
}

/// Confines this thread, and returns what worked.
fn probe() -> Kernel {
    let status = ruleset().and_then(RulesetCreated::restrict_self);
    let landlock = status.ok().and_then(|status| match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (_, LandlockStatus::Available { effective_abi, .. }) => Some(effective_abi as i32),
        _ => None,
    });
    let filters = calls::filters();
    let seccomp =
        !filters.is_empty() && filters.iter().all(|filter| seccompiler::apply_filter(filter).is_ok());
    Kernel { landlock, seccomp }
}

/// A set of rules that allows nothing.
fn ruleset() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(RIGHTS))?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .scope(Scope::from_all(RIGHTS))?
        .create()
}

/// The confinement of one program, prepared before the fork.
pub(super) struct Confinement {
    files: Option<RulesetCreated>,
    calls: Vec<BpfProgram>,
}

impl Confinement {
    pub(super) fn prepare(command: &ConfinedCommand) -> io::Result<Self> {
        let files = command.kernel.landlock.map(|_| files(command).map_err(io::Error::other)).transpose()?;
        let calls = if command.kernel.seccomp { calls::filters() } else { Vec::new() };
        Ok(Self { files, calls })
    }

    /// Confines this process, which is about to become the program. Makes system calls only.
    pub(super) fn enter(&mut self) -> io::Result<()> {
        // A program does not outlive the thread that waits for it.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        if let Some(files) = self.files.take() {
            files.restrict_self().map_err(|_| denied())?;
        }
        self.calls.iter().try_for_each(|filter| seccompiler::apply_filter(filter)).map_err(|_| denied())
    }
}

/// The files that a program may use.
fn files(command: &ConfinedCommand) -> Result<RulesetCreated, RulesetError> {
    let (read, write) = (AccessFs::ReadFile | AccessFs::ReadDir, AccessFs::from_write(RIGHTS));
    let link: BitFlags<AccessFs> =
        AccessFs::MakeSym | AccessFs::MakeFifo | AccessFs::MakeSock | AccessFs::MakeBlock;
    let run = read | AccessFs::Execute;
    ruleset()?
        .add_rules(path_beneath_rules(SYSTEM.map(Path::new).into_iter().chain([&*command.program]), run))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(&command.reads, read))?
        .add_rules(path_beneath_rules(&command.writes, read | (write & !(link | AccessFs::MakeChar))))
}
