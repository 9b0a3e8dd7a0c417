//! Writes files as any tool does: links are followed, devices and pipes are written to, and regular files are replaced
//! as a whole, with their permissions. A file that the command has read is not replaced.

use std::fs::{File, Permissions};
use std::io::{self, Seek, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Error;
use super::files::{folder_of, is_input, is_standard};

/// Permissions of a file with secrets.
const SECRET: u32 = 0o600;
/// Number of links that are followed.
const MAX_LINKS: usize = 40;

/// Makes a folder for files, before the time for their content is spent.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    if is_standard(folder) {
        return Err("standard output cannot have several files: give a folder in place of `-`".into());
    }
    let made = std::fs::create_dir_all(folder);
    made.map_err(|error| format!("cannot write to the folder {}: {error}", folder.display()).into())
}

/// Refuses outputs that would be written to the same place.
pub(super) fn apart(one: &Path, other: &Path) -> Result<(), Error> {
    let targets = [Target::of(one)?, Target::of(other)?];
    match targets.each_ref().map(|target| &target.kind) {
        [Kind::Standard, Kind::Standard] => {
            Err("standard output cannot have two files: give a name in place of one `-`".into())
        }
        [Kind::File(first), Kind::File(second)] if same(first, second) => {
            Err(format!("cannot write {}: two outputs have this name", other.display()).into())
        }
        _ => Ok(()),
    }
}

/// Whether two paths without links at their end name the same file, which may not exist.
fn same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| (folder_of(path).canonicalize().ok(), path.file_name().map(ToOwned::to_owned));
    let number = |path: &Path| std::fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    place(one) == place(other) || number(one).is_some_and(|one| Some(one) == number(other))
}

/// Writes a file with the permissions of the umask, or those of the file that it replaces.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, bytes, 0o666)
}

/// Writes a file with secrets, readable only by its owner, also in the place of a file that others may read.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, bytes, SECRET)
}

fn write_with(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let target = Target::of(path)?;
    target.replace(mode, |file| Ok(file.write_all(bytes).map_err(|error| target.failed(error))?))
}

/// Writes a file; `make` writes the content, and may read and seek.
pub(super) fn written<T>(path: &Path, make: impl FnOnce(&mut File) -> Result<T, Error>) -> Result<T, Error> {
    Target::of(path)?.replace(0o666, make)
}

/// Writes a file atomically and resumably: `make` continues the file `PATH.part` of an interrupted run.
///
/// The file is truncated to the position where `make` ends.
pub(super) fn continued<T>(
    path: &Path,
    make: impl FnOnce(&mut File) -> Result<T, Error>,
) -> Result<T, Error> {
    let target = Target::of(path)?;
    match &target.kind {
        Kind::File(real) => target.resume(real, make),
        _ => target.replace(0o666, make),
    }
}

/// Writes a line to standard error. A failure is ignored: a note or a reason that cannot be shown must not lose a result.
pub(crate) fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Ends as the signal of a closed pipe would.
pub(super) fn end_by_closed_pipe() -> ! {
    const SIGPIPE: i32 = 13;
    std::process::exit(128 + SIGPIPE)
}

/// Ends with an error of standard output, which the text describes.
pub(super) fn end_by_failed_output(failed: &str) -> ! {
    tell(format_args!("zkflow: cannot write {failed}"));
    std::process::exit(1)
}

/// The place that a path names.
struct Target<'a> {
    path: &'a Path,
    kind: Kind,
}

enum Kind {
    Standard,
    /// A device, a pipe, or another file that is opened and written to.
    Open,
    /// A regular file, or none; the path without links at its end.
    File(PathBuf),
}

impl<'a> Target<'a> {
    fn of(path: &'a Path) -> Result<Self, Error> {
        let mut target = Self { path, kind: Kind::Open };
        if is_standard(path) || path == Path::new("/dev/stdout") {
            target.kind = Kind::Standard;
            return Ok(target);
        }
        let real = followed(path).map_err(|error| target.failed(error))?;
        match std::fs::metadata(&real) {
            Ok(meta) if meta.is_dir() => {
                return Err(target.failed(io::ErrorKind::IsADirectory.into()).into());
            }
            Ok(meta) if meta.is_file() && !is_of_the_system(&real) => {
                if is_input(&meta) {
                    return Err(target.failed(io::Error::other("the command reads this file")).into());
                }
                rustix::fs::access(&real, rustix::fs::Access::WRITE_OK)
                    .map_err(|error| target.failed(error.into()))?;
                target.kind = Kind::File(real);
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_of_the_system(&real) => {
                target.kind = Kind::File(real);
            }
            Err(error) => return Err(target.failed(error).into()),
        }
        Ok(target)
    }

    fn failed(&self, error: io::Error) -> String {
        format!("cannot write {}: {error}", self.path.display())
    }

    fn replace<T>(&self, mode: u32, make: impl FnOnce(&mut File) -> Result<T, Error>) -> Result<T, Error> {
        let failed = |error| self.failed(error);
        let Kind::File(real) = &self.kind else { return self.copied(make) };
        let folder = folder_of(real);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        let mut file = match builder.permissions(Permissions::from_mode(mode)).tempfile_in(folder) {
            Ok(file) => file,
            // A file that this user may write to, in a folder where it may make none.
            Err(_) if real.is_file() => return self.copied(make),
            Err(error) => return Err(failed(error).into()),
        };
        if let Ok(replaced) = real.metadata() {
            let kept = replaced.mode() & if mode == SECRET { SECRET } else { 0o777 };
            file.as_file().set_permissions(Permissions::from_mode(kept)).map_err(failed)?;
        }
        let made = make(file.as_file_mut())?;
        file.as_file().sync_all().map_err(failed)?;
        match file.persist(real) {
            Ok(_) => Ok(made),
            // The file is a mount of its own, as in a container.
            Err(error) if error.error.kind() == io::ErrorKind::ResourceBusy => {
                self.copy(&mut error.file.into_file())?;
                Ok(made)
            }
            Err(error) => Err(failed(error.error).into()),
        }
    }

    /// Writes to a temporary file, which is copied when it is complete: `make` may seek, and a pipe cannot.
    fn copied<T>(&self, make: impl FnOnce(&mut File) -> Result<T, Error>) -> Result<T, Error> {
        let mut file = tempfile::tempfile().map_err(|error| self.failed(error))?;
        let made = make(&mut file)?;
        self.copy(&mut file)?;
        Ok(made)
    }

    fn copy(&self, file: &mut File) -> Result<(), Error> {
        let mut copy = || {
            file.rewind()?;
            let mut output = match self.kind {
                Kind::Standard => File::from(io::stdout().as_fd().try_clone_to_owned()?),
                _ => File::options().write(true).truncate(true).open(self.path)?,
            };
            io::copy(file, &mut output)
        };
        match copy() {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => end_by_closed_pipe(),
            Err(error) => Err(self.failed(error).into()),
        }
    }

    fn resume<T>(&self, real: &Path, make: impl FnOnce(&mut File) -> Result<T, Error>) -> Result<T, Error> {
        let failed = |error| self.failed(error);
        std::fs::create_dir_all(folder_of(real)).map_err(failed)?;
        let mut partial = real.as_os_str().to_owned();
        partial.push(".part");
        // A link in a shared folder would make this user write another file.
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false).custom_flags(flags);
        let mut file = options.open(&partial).map_err(failed)?;
        file.try_lock().map_err(|_| format!("another process is writing {}", self.path.display()))?;
        let made = make(&mut file)?;
        let end = file.stream_position().map_err(failed)?;
        file.set_len(end).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&partial, real).map_err(failed)?;
        Ok(made)
    }
}

/// The path without links at its end, which may lead to a file that does not exist. A file of the system is not followed:
/// the link of an open pipe, such as `/dev/fd/63`, names no file.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match std::fs::read_link(&path) {
            Ok(link) if !is_of_the_system(&path) => path = folder_of(&path).join(link),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many links"))
}

/// Whether a file is in a folder of the system where no file may be replaced.
fn is_of_the_system(path: &Path) -> bool {
    let folder = folder_of(path).canonicalize().unwrap_or_default();
    // `/dev/shm` is an ordinary folder.
    let is_device = folder.starts_with("/dev") && !folder.starts_with("/dev/shm");
    is_device || folder.starts_with("/proc") || folder.starts_with("/sys")
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::{FileTypeExt as _, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_pipe_is_written_to_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        symlink("pipe", &link).unwrap();
        for path in [&pipe, &link] {
            let reader = std::thread::spawn({
                let pipe = pipe.clone();
                move || std::fs::read(pipe).unwrap()
            });
            // As the makers of keys do: a seek back to the start.
            written(path, |file| {
                file.write_all(b"ABC")?;
                file.rewind()?;
                Ok(file.write_all(b"a")?)
            })
            .unwrap();
            assert_eq!(reader.join().unwrap(), b"aBC");
            assert!(pipe.symlink_metadata().unwrap().file_type().is_fifo());
            assert!(link.symlink_metadata().unwrap().is_symlink());
        }
    }

    /// As a shell names the pipe of `>(command)`.
    #[test]
    fn an_open_file_is_written_to_by_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let number = writer.as_raw_fd();
        let link = folder.path().join("link");
        symlink(format!("/dev/fd/{number}"), &link).unwrap();
        for path in [format!("/dev/fd/{number}").into(), format!("/proc/self/fd/{number}").into(), link] {
            write(&path, b"bytes").unwrap();
            let mut read = [0; 5];
            reader.read_exact(&mut read).unwrap();
            assert_eq!(&read, b"bytes", "{}", path.display());
        }

        let file = File::create(folder.path().join("file")).unwrap();
        write(Path::new(&format!("/dev/fd/{}", file.as_raw_fd())), b"in place").unwrap();
        assert_eq!(file.metadata().unwrap().len(), 8, "the file is not replaced");
    }

    #[test]
    fn links_are_followed_also_to_files_that_do_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("other")).unwrap();
        std::fs::write(at("other/file"), "old").unwrap();
        symlink("other/file", at("first")).unwrap();
        symlink("first", at("second")).unwrap();
        symlink("other/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        write(&at("second"), b"content").unwrap();
        write(&at("dangling"), b"made").unwrap();
        assert_eq!(std::fs::read(at("other/file")).unwrap(), b"content");
        assert_eq!(std::fs::read(at("other/new")).unwrap(), b"made");
        assert!(at("second").is_symlink() && at("first").is_symlink() && at("dangling").is_symlink());
        assert!(write(&at("circle"), b"").is_err());
    }

    #[test]
    fn a_regular_file_is_replaced_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"whole").unwrap();
        let failed = written(&path, |file| -> Result<(), Error> {
            file.write_all(b"half")?;
            Err("stopped".into())
        });
        assert!(failed.is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        write_secret(&path, b"secret").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(folder.path(), b"").unwrap_err().to_string().contains("directory"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_file_keeps_its_permissions_and_a_secret_is_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = || path.metadata().unwrap().mode() & 0o777;
        for (before, after, after_secret) in
            [(0o640, 0o640, 0o600), (0o777, 0o777, 0o600), (0o600, 0o600, 0o600)]
        {
            std::fs::write(&path, "old").unwrap();
            let set = || std::fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
            set();
            write(&path, b"new").unwrap();
            assert_eq!(mode(), after, "{before:o}");
            set();
            write_secret(&path, b"new").unwrap();
            assert_eq!(mode(), after_secret, "{before:o}");
        }
    }

    #[test]
    fn a_file_that_was_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("key"), "precious").unwrap();
        std::fs::hard_link(at("key"), at("same")).unwrap();
        symlink("key", at("link")).unwrap();
        super::super::files::read(&at("key")).unwrap();
        for name in ["key", "same", "link"] {
            let refused = write(&at(name), b"proof").unwrap_err().to_string();
            assert!(refused.contains(name) && refused.contains("the command reads this file"), "{refused}");
        }
        assert_eq!(std::fs::read(at("key")).unwrap(), b"precious");
        write(&at("other"), b"proof").unwrap();
    }

    #[test]
    fn outputs_have_places_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        symlink("one", at("link")).unwrap();
        for (one, other) in [("one", "one"), ("one", "link"), ("one", "./one")] {
            assert!(apart(&at(one), &at(other)).unwrap_err().to_string().contains(other), "{one} {other}");
        }
        std::fs::write(at("one"), "").unwrap();
        std::fs::hard_link(at("one"), at("hard")).unwrap();
        assert!(apart(&at("one"), &at("hard")).is_err());
        assert!(apart(Path::new("-"), Path::new("/dev/stdout")).is_err());
        let standard = Path::new("-");
        for (one, other) in [
            (&*at("one"), &*at("two")),
            (standard, &*at("one")),
            (Path::new("/dev/null"), Path::new("/dev/null")),
        ] {
            apart(one, other).unwrap();
        }
    }

    #[test]
    fn no_file_of_the_system_is_replaced() {
        // Read only: this test must not write to the machine's devices.
        for path in
            ["/dev/null", "/dev/fd/1", "/proc/self/fd/1", "/dev/a-name-that-is-free", "/proc/self/none"]
        {
            assert!(is_of_the_system(Path::new(path)), "{path}");
        }
        for path in ["/dev/shm/x", "/tmp/dev/x", "x"] {
            assert!(!is_of_the_system(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_link_in_the_place_of_an_unfinished_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (out, victim) = (folder.path().join("out"), folder.path().join("victim"));
        std::fs::write(&victim, "precious").unwrap();
        symlink(&victim, folder.path().join("out.part")).unwrap();
        assert!(continued(&out, |_| Ok(())).is_err());
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }
}
