//! The WASI preview 1 error numbers that this host returns.

/// A WASI error number; never 0, which is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(u32);

/// Result of a WASI call.
pub(super) type Outcome<T = ()> = Result<T, Errno>;

impl Errno {
    pub(super) const BADF: Self = Self(8);
    pub(super) const EXIST: Self = Self(20);
    pub(super) const FAULT: Self = Self(21);
    pub(super) const INVAL: Self = Self(28);
    pub(super) const ISDIR: Self = Self(31);
    pub(super) const MFILE: Self = Self(33);
    pub(super) const NAMETOOLONG: Self = Self(37);
    pub(super) const NOENT: Self = Self(44);
    pub(super) const NOSPC: Self = Self(51);
    pub(super) const NOTDIR: Self = Self(54);
    pub(super) const NOTEMPTY: Self = Self(55);
    pub(super) const ROFS: Self = Self(69);
    pub(super) const NOTCAPABLE: Self = Self(76);

    pub(super) fn code(self) -> u32 {
        self.0
    }
}
