//! The guest's memory; every access is checked.

use super::errno::{Errno, Outcome};
use super::files::Kind;

/// Maximum bytes of a path from the guest.
const MAX_PATH: u32 = 4096;

/// Linear memory. Addresses come from the guest and are never trusted.
pub(super) struct GuestMemory<'a>(pub(super) &'a mut [u8]);

impl GuestMemory<'_> {
    pub(super) fn slice(&self, pointer: u32, len: u32) -> Outcome<&[u8]> {
        let end = pointer.checked_add(len).ok_or(Errno::FAULT)?;
        self.0.get(pointer as usize..end as usize).ok_or(Errno::FAULT)
    }

    pub(super) fn slice_mut(&mut self, pointer: u32, len: u32) -> Outcome<&mut [u8]> {
        let end = pointer.checked_add(len).ok_or(Errno::FAULT)?;
        self.0.get_mut(pointer as usize..end as usize).ok_or(Errno::FAULT)
    }

    pub(super) fn write(&mut self, pointer: u32, bytes: &[u8]) -> Outcome {
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.slice_mut(pointer, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn write_u32(&mut self, pointer: u32, value: u32) -> Outcome {
        self.write(pointer, &value.to_le_bytes())
    }

    pub(super) fn write_u64(&mut self, pointer: u32, value: u64) -> Outcome {
        self.write(pointer, &value.to_le_bytes())
    }

    /// Address and length of buffer number `index` in `list`.
    pub(super) fn buffer(&self, list: u32, index: u32) -> Outcome<(u32, u32)> {
        let entry = index.checked_mul(8).and_then(|at| list.checked_add(at)).ok_or(Errno::FAULT)?;
        let bytes = self.slice(entry, 8)?;
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Ok((word(0), word(4)))
    }

    pub(super) fn path(&self, pointer: u32, len: u32) -> Outcome<&str> {
        if len > MAX_PATH {
            return Err(Errno::NAMETOOLONG);
        }
        std::str::from_utf8(self.slice(pointer, len)?).map_err(|_| Errno::INVAL)
    }

    /// `filestat`: device, inode, kind, links, size and three times, 8 bytes each.
    pub(super) fn write_filestat(&mut self, pointer: u32, (kind, size): (Kind, u64)) -> Outcome {
        let fields = [0, 0, u64::from(kind.code()), 1, size, 0, 0, 0];
        self.write(pointer, &fields.map(u64::to_le_bytes).concat())
    }
}
