//! The choice of the instruction set, made once at run time.

use std::str::FromStr;

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::{Fp, MontBackend};

#[cfg(target_arch = "x86_64")]
use super::field::{Avx2, Ifma, Sextic};
use super::field::{Lanes, Portable, TargetField, Tower, detect_instructions};

/// The instruction set used for computations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// AVX-512 IFMA: 8 elements at a time.
    Ifma,
    /// AVX2 and FMA: 8 elements at a time, multiplied as floating-point numbers.
    Avx2,
    /// 64-bit multiplications: one element at a time, on every processor. Uses BMI2 and ADX where they exist.
    Portable,
}

/// Every kernel, the fastest one first.
const ALL: [Kernel; 3] = [Kernel::Ifma, Kernel::Avx2, Kernel::Portable];

impl Kernel {
    /// The fastest kernel that this processor supports.
    pub fn detect() -> Self {
        Self::available().next().expect("every processor runs the portable kernel")
    }

    /// The kernels that this processor supports, the fastest one first.
    pub fn available() -> impl Iterator<Item = Self> {
        ALL.into_iter().filter(|kernel| kernel.is_available())
    }

    /// True if this processor can run the kernel.
    pub fn is_available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512ifma")
                    && is_x86_feature_detected!("bmi2")
                    && is_x86_feature_detected!("adx")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma | Self::Avx2 => false,
            Self::Portable => true,
        }
    }

    /// The name: `ifma`, `avx2` or `portable`. [`FromStr`] reads it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ifma => "ifma",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Runs a task with this kernel's lanes, compiled for its instructions.
    ///
    /// Only code inlined into the task on the calling thread uses the instructions. A task that
    /// uses several threads must call this function again on each of them.
    ///
    /// # Panics
    /// Panics if the processor lacks the instructions.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => IfmaBackend::run(task),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2Backend::run(task),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma | Self::Avx2 => panic!("the kernel {} needs an x86-64 processor", self.name()),
            Self::Portable => PortableBackend::run(task),
        }
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        ALL.into_iter().find(|kernel| kernel.name() == name).ok_or_else(|| UnknownKernel(name.to_owned()))
    }
}

/// The name of no [`Kernel`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kernel {0:?}: the kernels are ifma, avx2 and portable")]
pub struct UnknownKernel(String);

/// Work that a kernel can run.
pub(crate) trait Task {
    /// The result of the work.
    type Output;

    /// Does the work. Only code inlined into [`Backend::run`] is compiled for the kernel's instructions, so
    /// implementations and all functions that they call in hot loops are `#[inline(always)]`. Use loops, not
    /// closures: closures may not be inlined. Code with several callers should be a separate task.
    fn run<B: Backend>(self) -> Self::Output;
}

/// The lanes of a kernel.
pub(crate) trait Backend: Copy + Send + Sync + 'static {
    /// Lanes of the base field Fq.
    type Fq: Lanes<Field = ark_bn254::Fq>;
    /// Lanes of the scalar field Fr.
    type Fr: Lanes<Field = ark_bn254::Fr>;
    /// The field of the values of pairings.
    type Fq12: TargetField;

    /// [`Kernel::run`] for this backend; not inlined.
    ///
    /// # Panics
    /// Panics if the processor lacks the instructions.
    fn run<T: Task>(task: T) -> T::Output;
}

/// The backend of [`Kernel::Portable`].
#[derive(Clone, Copy)]
struct PortableBackend;

impl Backend for PortableBackend {
    type Fq = Portable<Fp<MontBackend<FqConfig, 4>, 4>>;
    type Fr = Portable<Fp<MontBackend<FrConfig, 4>, 4>>;
    type Fq12 = Tower<Self::Fq>;

    #[inline(never)]
    fn run<T: Task>(task: T) -> T::Output {
        detect_instructions();
        task.run::<Self>()
    }
}

/// The backend of [`Kernel::Ifma`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct IfmaBackend;

#[cfg(target_arch = "x86_64")]
impl Backend for IfmaBackend {
    type Fq = Ifma<FqConfig>;
    type Fr = Ifma<FrConfig>;
    type Fq12 = Sextic;

    #[inline]
    fn run<T: Task>(task: T) -> T::Output {
        assert!(Kernel::Ifma.is_available(), "this processor lacks instructions that the kernel ifma needs");
        // SAFETY: `is_available` has checked every feature that `run_ifma` enables.
        unsafe { run_ifma(task) }
    }
}

/// # Safety
/// The processor must have all features of the `target_feature` attribute.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,bmi2,adx")]
#[inline(never)]
unsafe fn run_ifma<T: Task>(task: T) -> T::Output {
    task.run::<IfmaBackend>()
}

/// The backend of [`Kernel::Avx2`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Avx2Backend;

#[cfg(target_arch = "x86_64")]
impl Backend for Avx2Backend {
    type Fq = Avx2<FqConfig>;
    type Fr = Avx2<FrConfig>;
    /// Floating-point products of six lanes take longer than one lane with products by Karatsuba's method.
    type Fq12 = <PortableBackend as Backend>::Fq12;

    #[inline]
    fn run<T: Task>(task: T) -> T::Output {
        assert!(Kernel::Avx2.is_available(), "this processor lacks instructions that the kernel avx2 needs");
        detect_instructions();
        // SAFETY: `is_available` has checked every feature that `run_avx2` enables.
        unsafe { run_avx2(task) }
    }
}

/// # Safety
/// The processor must have all features of the `target_feature` attribute.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,bmi2")]
#[inline(never)]
unsafe fn run_avx2<T: Task>(task: T) -> T::Output {
    task.run::<Avx2Backend>()
}

#[cfg(test)]
mod tests {
    use super::{ALL, Kernel, UnknownKernel};

    #[test]
    fn names_are_read_exactly() {
        assert!(ALL.into_iter().all(|kernel| kernel.name().parse() == Ok(kernel)));
        for name in ["", "AVX2", "avx", "ifma "] {
            assert_eq!(name.parse::<Kernel>(), Err(UnknownKernel(name.to_owned())));
        }
    }
}
