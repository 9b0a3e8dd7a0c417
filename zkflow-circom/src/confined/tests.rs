//! Attacks by a program that runs confined. Node.js carries them out, as it also runs solc.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use zkflow_groth16::threads::processor_time;

use super::*;

const LIMITS: ProcessLimits = ProcessLimits {
    wall: Duration::from_secs(10),
    memory_bytes: 1 << 30,
    written_bytes: 1 << 20,
    printed_bytes: 1 << 20,
};

/// Runs a script of Node.js.
fn node(script: &str) -> ConfinedCommand {
    ConfinedCommand::new("node").unwrap().arguments(["-e", script])
}

/// Runs a script of the shell on a kernel that can do nothing.
fn shell(script: &str) -> ConfinedCommand {
    ConfinedCommand::new("sh").unwrap().arguments(["-c", script]).on(Kernel::none())
}

/// What a script of Node.js prints. Its time starts when it runs, so a slow start does not count.
fn printed(command: ConfinedCommand) -> String {
    let finished = command.run(&LIMITS).unwrap();
    let text = [&finished.output, &finished.errors].map(|bytes| String::from_utf8_lossy(bytes)).concat();
    assert!(finished.status.success(), "{}: {text}", finished.status);
    text
}

/// False, with a printed reason, on a kernel without landlock or seccomp.
fn kernel_confines() -> bool {
    let kernel = Kernel::current();
    if !kernel.confines() {
        println!("left out: {kernel}");
    }
    kernel.confines()
}

#[test]
fn a_program_gets_its_input_and_its_arguments() {
    let command = node("process.stdout.write(require('fs').readFileSync(0) + process.argv[1])");
    assert_eq!(printed(command.arguments(["two"]).input("one ")), "one two");
}

#[test]
fn the_thread_that_runs_a_program_has_its_processor_time_also_if_it_is_killed() {
    let cost = |script: &str, ends: bool| {
        let before = processor_time();
        let limits = ProcessLimits { wall: Duration::from_secs(if ends { 60 } else { 1 }), ..LIMITS };
        assert_eq!(shell(script).run(&limits).is_ok(), ends);
        processor_time() - before
    };
    let counted = cost("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", true);
    assert!(counted >= Duration::from_millis(20), "{counted:?}");
    assert!(cost("while :; do :; done", false) >= Duration::from_millis(20));
}

#[test]
fn a_program_that_is_not_there_is_named() {
    for program in ["no-such-program", "/no/such/program"] {
        let error = ConfinedCommand::new(program).unwrap_err();
        assert!(error.to_string().contains(program), "{error}");
    }
}

#[test]
fn programs_are_not_searched_in_the_working_folder() {
    let error = find(Path::new("Cargo.toml")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn the_environment_is_not_inherited() {
    let names = printed(node("console.log(Object.keys(process.env).join())"));
    assert_eq!(names.trim(), "PATH");
}

#[test]
fn files_outside_the_named_folders_are_neither_read_nor_written_nor_changed() {
    if !kernel_confines() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (sources, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let secret = home.path().join("secret");
    fs::write(&secret, "canary").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(sources.path().join("main"), "source").unwrap();
    let script = r"
        const fs = require('fs');
        const [home, sources, output] = process.argv.slice(1);
        const attempt = (name, act) => {
            try { console.log(name, 'done', act()); } catch (error) { console.log(name, error.code); }
        };
        attempt('read', () => fs.readFileSync(`${home}/secret`, 'utf8'));
        attempt('list', () => fs.readdirSync(home));
        attempt('environ', () => fs.readFileSync(`/proc/${process.ppid}/environ`));
        attempt('passwd', () => fs.readFileSync('/etc/passwd'));
        attempt('write', () => fs.writeFileSync(`${home}/new`, 'x'));
        attempt('append', () => fs.appendFileSync(`${home}/secret`, 'x'));
        attempt('truncate', () => fs.truncateSync(`${home}/secret`));
        attempt('remove', () => fs.unlinkSync(`${home}/secret`));
        attempt('rename', () => fs.renameSync(`${home}/secret`, `${output}/secret`));
        attempt('link', () => fs.linkSync(`${home}/secret`, `${output}/secret`));
        attempt('symlink', () => fs.symlinkSync(`${home}/secret`, `${output}/secret`));
        attempt('chmod', () => fs.chmodSync(`${home}/secret`, 0o666));
        attempt('chown', () => fs.chownSync(`${home}/secret`, 1, 1));
        attempt('utimes', () => fs.utimesSync(`${home}/secret`, 0, 0));
        attempt('overwrite', () => fs.writeFileSync(`${sources}/main`, 'x'));
        attempt('source', () => fs.readFileSync(`${sources}/main`, 'utf8'));
        attempt('output', () => { fs.mkdirSync(`${output}/d`); fs.writeFileSync(`${output}/d/x`, 'y'); });
    ";
    let paths = [&home, &sources, &output].map(|folder| folder.path().to_owned());
    let command = node(script).arguments(paths).reads(sources.path()).writes(output.path());
    let text = printed(command);
    for line in text.lines() {
        let allowed = line.starts_with("source ") || line.starts_with("output ");
        assert_eq!(line.contains(" done"), allowed, "{text}");
    }
    assert_eq!(text.lines().count(), 17);
    assert_eq!(fs::read(&secret).unwrap(), b"canary");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read(output.path().join("d/x")).unwrap(), b"y");
}

#[test]
fn no_connection_is_made() {
    if !kernel_confines() {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let script = "
        const net = require('net');
        net.connect(process.argv[1], '127.0.0.1', () => console.log('connected'))
            .on('error', error => console.log(error.code));
        net.connect('/tmp/any.socket', () => console.log('connected')).on('error', error => console.log(error.code));
        require('dgram').createSocket('udp4').on('error', error => console.log(error.code))
            .send('x', process.argv[1], '127.0.0.1', error => console.log(error ? 'EPERM' : 'connected'));
    ";
    let text = printed(node(script).arguments([port]));
    assert!(text.contains("EPERM") && !text.contains("connected"), "{text}");
    assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn no_process_is_started_and_none_is_killed() {
    if !kernel_confines() {
        return;
    }
    let script = "
        const { spawnSync } = require('child_process');
        const codes = new Set();
        for (let i = 0; i < 200; i++) codes.add(spawnSync('/bin/true').error?.code ?? 'started');
        try { process.kill(process.ppid, 9); } catch (error) { codes.add(`kill ${error.code}`); }
        console.log([...codes].join());
    ";
    let text = printed(node(script));
    assert_eq!(text.trim(), "EPERM,kill EPERM");
}

#[test]
fn a_shell_that_forks_without_end_starts_no_process() {
    if !kernel_confines() {
        return;
    }
    let bomb = ConfinedCommand::new("sh").unwrap().arguments(["-c", "f() { f | f & }; f; f; echo started"]);
    let finished = bomb.run(&LIMITS).unwrap();
    assert!(!finished.status.success() && finished.output.is_empty(), "{finished:?}");
}

#[test]
fn a_process_that_sleeps_for_ever_is_killed_with_its_children() {
    let limits = ProcessLimits { wall: Duration::from_secs(1), ..LIMITS };
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    // The child keeps the pipes open.
    let command = shell("sleep 600 & echo $! > pid; wait").working_folder(folder.path());
    let error = command.run(&limits).unwrap_err();
    assert!(matches!(error, ConfinedError::Time(_)), "{error}");
    assert!(start.elapsed() < Duration::from_secs(60));
    ended(&fs::read_to_string(folder.path().join("pid")).unwrap());
}

#[test]
fn a_child_that_outlives_its_program_delays_nothing_and_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let command = shell("sleep 600 & echo $! > pid; echo done").working_folder(folder.path());
    assert_eq!(command.run(&LIMITS).unwrap().output, b"done\n");
    assert!(start.elapsed() < Duration::from_secs(60));
    ended(&fs::read_to_string(folder.path().join("pid")).unwrap());
}

/// Waits for the end of a process. A killed one stays in `/proc` until its parent reads its status.
fn ended(pid: &str) {
    let state = || fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(10);
    while !state().is_empty() && !state().contains(") Z ") {
        assert!(Instant::now() < deadline, "still there: {}", state());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn endless_printing_is_stopped_at_its_limit() {
    for script in ["exec yes", "exec yes >&2"] {
        let error = shell(script).run(&LIMITS).unwrap_err();
        assert!(matches!(error, ConfinedError::Printed(_)), "{error}");
    }
}

#[test]
fn endless_writing_is_stopped_in_one_file_and_in_many() {
    let scripts = [
        "exec yes > x",
        "mkdir -p a/b/c; for i in 1 2 3 4 5 6 7 8 9; do head -c 500000 /dev/zero > a/b/c/$i; done; sleep 5",
        "i=0; while true; do i=$((i+1)); : > f$i; done",
    ];
    for script in scripts {
        let folder = tempfile::tempdir().unwrap();
        let command = shell(script).working_folder(folder.path()).writes(folder.path());
        let error = command.run(&LIMITS).unwrap_err();
        assert!(matches!(error, ConfinedError::Written(_)), "{script}: {error}");
    }
}

#[test]
fn memory_has_a_limit_of_every_kind() {
    let limits = ProcessLimits { memory_bytes: 300 << 20, ..LIMITS };
    // Twice as much outside the heap of the language as the limit allows.
    let script = "
        const kept = [];
        for (let i = 0; i < 60; i++) kept.push(Buffer.alloc(10 << 20, 1));
        console.log('allocated');
    ";
    let finished = node(script).run(&limits).unwrap();
    assert!(!finished.status.success() && finished.output.is_empty(), "{finished:?}");
}

#[test]
fn processor_time_and_open_files_have_a_limit() {
    let limits = ProcessLimits { wall: Duration::from_secs(1), ..LIMITS };
    let error = shell("while true; do :; done").run(&limits).unwrap_err();
    assert!(matches!(error, ConfinedError::Time(_)), "{error}");

    let text = printed(shell("ulimit -n; ulimit -c; ulimit -t"));
    assert_eq!(text, "256\n0\n21\n");
}

#[test]
fn the_limits_cannot_be_raised() {
    if !kernel_confines() {
        return;
    }
    let raise = ConfinedCommand::new("sh").unwrap().arguments(["-c", "ulimit -Hn 4096 && echo raised"]);
    assert!(raise.run(&LIMITS).unwrap().output.is_empty());
}

#[test]
fn the_state_of_the_kernel_is_one_sentence() {
    let text = Kernel::none().to_string();
    assert!(text.contains("no landlock") && text.contains("no seccomp"), "{text}");
    println!("{}", Kernel::current());
}
