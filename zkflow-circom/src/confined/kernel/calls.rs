//! The system calls that a confined program must not make.
//!
//! A list of refused calls, since Node.js and the system's libraries need most of the others. It leaves out what
//! landlock decides, such as opening files.

use std::collections::BTreeMap;

use libc::{ENOSYS, EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

/// Calls that are refused with `EPERM` for any argument.
const REFUSED: &[c_long] = &[
    // Network, also by io_uring, whose operations no filter sees.
    libc::SYS_socket,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Further processes, and leaving the process group, which is killed at the limit on time.
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    libc::SYS_setsid,
    libc::SYS_setpgid,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_kcmp,
    libc::SYS_setpriority,
    libc::SYS_sched_setscheduler,
    // Memory that RLIMIT_DATA does not count; see also `conditional`.
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
    // Limits of this process, which a privileged one could raise.
    libc::SYS_setrlimit,
    // The system.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_fsopen,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    // Metadata and length of files, which landlock does not confine, or not in its first versions.
    libc::SYS_truncate,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chown,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lchown,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    libc::SYS_utimensat,
];

/// Numbers from here on are calls of the x32 ABI, which the filter's list does not name.
#[cfg(target_arch = "x86_64")]
const X32: u32 = 0x4000_0000;

/// The filters of a program; none if this processor has none.
pub(super) fn filters() -> Vec<BpfProgram> {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else { return Vec::new() };
    let filter = |rules, error: i32| {
        let refuse = SeccompAction::Errno(error.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, target)?;
        BpfProgram::try_from(filter)
    };
    // The C library replaces clone3, whose flags a filter cannot see, with clone if the kernel does not have it.
    let clone3 = filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), ENOSYS);
    let refused = conditional().and_then(|mut rules| {
        rules.extend(REFUSED.iter().map(|&call| (call, Vec::new())));
        Ok([clone3?, known_abi(filter(rules, EPERM)?)])
    });
    refused.map_or_else(|_| Vec::new(), Vec::from)
}

/// Calls that are refused for some arguments.
fn conditional() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, seccompiler::BackendError> {
    let is = |argument: u8, mask: i32, value: i32| {
        let operator = SeccompCmpOp::MaskedEq(mask as u32 as u64);
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value as u32 as u64)
    };
    let rule = |condition| SeccompRule::new(vec![condition]);
    let shared = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
    let changes_a_limit = SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
    Ok(BTreeMap::from([
        // A new process, not a thread.
        (libc::SYS_clone, vec![rule(is(0, libc::CLONE_THREAD, 0)?)?]),
        (libc::SYS_mmap, vec![rule(is(3, shared, shared)?)?]),
        (libc::SYS_prlimit64, vec![rule(changes_a_limit)?]),
    ]))
}

/// Adds in front of a filter: `EPERM` for all calls of another ABI.
fn known_abi(filter: BpfProgram) -> BpfProgram {
    #[cfg(target_arch = "x86_64")]
    let front = {
        let step = |code, jt, jf, k| sock_filter { code, jt, jf, k };
        vec![
            // The number of the call is at offset 0 of `seccomp_data`.
            step((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
            step((libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, 0, 1, X32),
            step((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ERRNO | EPERM as u32),
        ]
    };
    #[cfg(not(target_arch = "x86_64"))]
    let front: Vec<sock_filter> = Vec::new();
    front.into_iter().chain(filter).collect()
}
