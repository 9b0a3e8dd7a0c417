//! The machine that circom sees: WASI preview 1 over memory.
//!
//! The compiler is a WASI program. It sees one virtual folder instead of real folders:
//! - the read-only files of the [`SourceTree`](super::SourceTree);
//! - below [`OUTPUT`], the files that it writes, bounded in bytes.
//!
//! The environment is empty, the clock counts its own readings, and random numbers come from a fixed stream.
//! The same input therefore gives the same run on every machine. No path, descriptor or call leads to the
//! real machine, whatever the source contains.
//!
//! Every pointer from the guest is checked against its memory; an invalid one gives `EFAULT`. Calls that are
//! not linked here are linked as traps.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::{Caller, Extern, Linker};

use crate::sandbox::Guest;

mod errno;
mod files;
mod memory;

use errno::{Errno, Outcome};
use files::{Descriptor, Files, Kind};
use memory::GuestMemory;

pub(super) use files::OUTPUT;

const MODULE: &str = "wasi_snapshot_preview1";
/// Maximum bytes kept of standard output, and of standard error.
const MAX_PRINTED: usize = 256 << 10;
/// Maximum buffers in one read or write.
const MAX_BUFFERS: u32 = 1024;
/// Maximum bytes filled by one `random_get`.
const MAX_RANDOM: u32 = 1 << 20;

/// The state of one run.
pub(super) struct Wasi {
    arguments: Vec<String>,
    files: Files,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    clock: u64,
    random: u64,
}

/// The output of a run.
pub(super) struct Left {
    /// Files by path below [`OUTPUT`].
    pub(super) output: BTreeMap<String, Vec<u8>>,
    /// Whether the output limit was exceeded.
    pub(super) output_exceeded: bool,
    /// The beginning of standard output, then the beginning of standard error.
    pub(super) printed: String,
}

impl Wasi {
    pub(super) fn new(
        arguments: Vec<String>,
        sources: Arc<BTreeMap<String, Vec<u8>>>,
        output_bytes: usize,
    ) -> Self {
        let files = Files::new(sources, output_bytes);
        Self { arguments, files, stdout: Vec::new(), stderr: Vec::new(), clock: 0, random: 0 }
    }

    pub(super) fn into_left(self) -> Left {
        let printed = [self.stdout, self.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (output, output_exceeded) = self.files.into_output();
        Left { output, output_exceeded, printed: printed.concat() }
    }
}

/// The guest called `proc_exit`.
#[derive(Debug, thiserror::Error)]
#[error("exit with status {0}")]
pub(super) struct Exit(pub(super) u32);

type Host<'a> = Caller<'a, Guest<Wasi>>;

/// Splits the caller into memory and state, runs a call, and returns its error number; 0 is success.
fn answer(mut caller: Host<'_>, call: impl FnOnce(&mut Wasi, &mut GuestMemory<'_>) -> Outcome) -> u32 {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return Errno::FAULT.code() };
    let (bytes, guest) = memory.data_and_store_mut(&mut caller);
    call(&mut guest.state, &mut GuestMemory(bytes)).err().map_or(0, Errno::code)
}

/// Links the WASI calls that circom makes.
pub(super) fn link(linker: &mut Linker<Guest<Wasi>>) -> wasmtime::Result<()> {
    link_process(linker)?;
    link_descriptors(linker)?;
    link_paths(linker)
}

fn link_process(linker: &mut Linker<Guest<Wasi>>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "args_sizes_get", |host: Host<'_>, count: u32, bytes: u32| {
        answer(host, |wasi, memory| {
            memory.write_u32(count, wasi.arguments.len() as u32)?;
            memory.write_u32(bytes, wasi.arguments.iter().map(|a| a.len() as u32 + 1).sum())
        })
    })?;
    linker.func_wrap(MODULE, "args_get", |host: Host<'_>, pointers: u32, bytes: u32| {
        answer(host, |wasi, memory| {
            let (mut pointer, mut at) = (pointers, bytes);
            for argument in &wasi.arguments {
                memory.write_u32(pointer, at)?;
                memory.write(at, argument.as_bytes())?;
                at = at.checked_add(argument.len() as u32).ok_or(Errno::FAULT)?;
                memory.write(at, &[0])?;
                (pointer, at) = (pointer.wrapping_add(4), at.wrapping_add(1));
            }
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, "environ_sizes_get", |host: Host<'_>, count: u32, bytes: u32| {
        answer(host, |_, memory| {
            memory.write_u32(count, 0)?;
            memory.write_u32(bytes, 0)
        })
    })?;
    linker.func_wrap(MODULE, "environ_get", |_: Host<'_>, _: u32, _: u32| 0u32)?;
    linker.func_wrap(MODULE, "clock_time_get", |host: Host<'_>, _: u32, _: u64, time: u32| {
        answer(host, |wasi, memory| {
            wasi.clock += 1_000_000;
            memory.write_u64(time, wasi.clock)
        })
    })?;
    linker.func_wrap(MODULE, "random_get", |host: Host<'_>, pointer: u32, len: u32| {
        answer(host, |wasi, memory| {
            if len > MAX_RANDOM {
                return Err(Errno::INVAL);
            }
            for chunk in memory.slice_mut(pointer, len)?.chunks_mut(8) {
                chunk.copy_from_slice(&wasi.next_random().to_le_bytes()[..chunk.len()]);
            }
            Ok(())
        })
    })?;
    linker.func_wrap(MODULE, "proc_exit", |status: u32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Exit(status)))
    })?;
    Ok(())
}

fn link_descriptors(linker: &mut Linker<Guest<Wasi>>) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "fd_prestat_get", |host: Host<'_>, fd: u32, stat: u32| {
        answer(host, |_, memory| {
            files::check_preopened(fd)?;
            // Tag 0 is a folder; the length of its name follows.
            memory.write_u32(stat, 0)?;
            memory.write_u32(stat.wrapping_add(4), 1)
        })
    })?;
    linker.func_wrap(MODULE, "fd_prestat_dir_name", |host: Host<'_>, fd: u32, name: u32, len: u32| {
        answer(host, |_, memory| {
            files::check_preopened(fd)?;
            if len < 1 { Err(Errno::NAMETOOLONG) } else { memory.write(name, b".") }
        })
    })?;
    linker.func_wrap(MODULE, "fd_close", |host: Host<'_>, fd: u32| {
        answer(host, |wasi, _| wasi.files.close(fd))
    })?;
    linker.func_wrap(MODULE, "fd_filestat_get", |host: Host<'_>, fd: u32, stat: u32| {
        answer(host, |wasi, memory| {
            let stats = match wasi.files.descriptor(fd)? {
                Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => (Kind::Characters, 0),
                Descriptor::Folder(path) | Descriptor::File { path, .. } => wasi.files.stat(path)?,
            };
            memory.write_filestat(stat, stats)
        })
    })?;
    linker.func_wrap(
        MODULE,
        "fd_read",
        |host: Host<'_>, fd: u32, buffers: u32, count: u32, result: u32| {
            answer(host, |wasi, memory| {
                let mut total = 0;
                for index in 0..checked_count(count)? {
                    let (pointer, len) = memory.buffer(buffers, index)?;
                    let read = wasi.files.read(fd, memory.slice_mut(pointer, len)?)?;
                    total += read;
                    if read < len {
                        break;
                    }
                }
                memory.write_u32(result, total)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_write",
        |host: Host<'_>, fd: u32, buffers: u32, count: u32, result: u32| {
            answer(host, |wasi, memory| {
                let mut total = 0u32;
                for index in 0..checked_count(count)? {
                    let (pointer, len) = memory.buffer(buffers, index)?;
                    wasi.write(fd, memory.slice(pointer, len)?)?;
                    total = total.checked_add(len).ok_or(Errno::INVAL)?;
                }
                memory.write_u32(result, total)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_seek",
        |host: Host<'_>, fd: u32, offset: i64, whence: u32, result: u32| {
            answer(host, |wasi, memory| {
                let position = wasi.files.seek(fd, offset, whence)?;
                memory.write_u64(result, position)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "fd_readdir",
        |host: Host<'_>, fd: u32, buffer: u32, len: u32, cookie: u64, result: u32| {
            answer(host, |wasi, memory| {
                let entries = wasi.files.list(fd, cookie, len as usize)?;
                let used = entries.len().min(len as usize);
                memory.write(buffer, &entries[..used])?;
                memory.write_u32(result, used as u32)
            })
        },
    )?;
    Ok(())
}

fn link_paths(linker: &mut Linker<Guest<Wasi>>) -> wasmtime::Result<()> {
    linker.func_wrap(
        MODULE,
        "path_open",
        |host: Host<'_>,
         fd: u32,
         _lookup: u32,
         path: u32,
         len: u32,
         open: u32,
         rights: u64,
         _inheriting: u64,
         flags: u32,
         result: u32| {
            answer(host, |wasi, memory| {
                let path = wasi.files.path(fd, memory.path(path, len)?)?;
                let opened = wasi.files.open(path, open, rights, flags)?;
                memory.write_u32(result, opened)
            })
        },
    )?;
    linker.func_wrap(
        MODULE,
        "path_filestat_get",
        |host: Host<'_>, fd: u32, _lookup: u32, path: u32, len: u32, stat: u32| {
            answer(host, |wasi, memory| {
                let path = wasi.files.path(fd, memory.path(path, len)?)?;
                let stats = wasi.files.stat(&path)?;
                memory.write_filestat(stat, stats)
            })
        },
    )?;
    type Change = fn(&mut Files, String) -> Outcome;
    let changes: [(&str, Change); 3] = [
        ("path_create_directory", Files::create_folder),
        ("path_remove_directory", Files::remove_folder),
        ("path_unlink_file", Files::remove_file),
    ];
    for (name, change) in changes {
        linker.func_wrap(MODULE, name, move |host: Host<'_>, fd: u32, path: u32, len: u32| {
            answer(host, |wasi, memory| {
                let path = wasi.files.path(fd, memory.path(path, len)?)?;
                change(&mut wasi.files, path)
            })
        })?;
    }
    Ok(())
}

impl Wasi {
    fn write(&mut self, fd: u32, bytes: &[u8]) -> Outcome {
        let printed = match self.files.descriptor(fd)? {
            Descriptor::Stdout => &mut self.stdout,
            Descriptor::Stderr => &mut self.stderr,
            _ => return self.files.write(fd, bytes),
        };
        let room = MAX_PRINTED.saturating_sub(printed.len());
        printed.extend(&bytes[..bytes.len().min(room)]);
        Ok(())
    }

    /// Next number of the SplitMix64 generator.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn checked_count(count: u32) -> Outcome<u32> {
    if count > MAX_BUFFERS { Err(Errno::INVAL) } else { Ok(count) }
}

#[cfg(test)]
mod tests;
