//! The choice of instructions, made once at run time.

use ark_bn254::{FqConfig, FrConfig};
use ark_ff::{Fp, MontBackend};

#[cfg(target_arch = "x86_64")]
use super::field::Ifma;
use super::field::{Lanes, Portable};

/// The instructions that compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kernel {
    /// AVX-512 IFMA: 8 elements at a time.
    Ifma,
    /// 64-bit multiplications: one element at a time, on every processor.
    Portable,
}

impl Kernel {
    /// The fastest kernel that this processor has.
    pub fn detect() -> Self {
        if Self::Ifma.is_available() { Self::Ifma } else { Self::Portable }
    }

    /// Whether this processor can run the kernel.
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
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma => false,
            Self::Portable => true,
        }
    }

    /// The name: `ifma` or `portable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ifma => "ifma",
            Self::Portable => "portable",
        }
    }

    /// Runs a task with this kernel's lanes, compiled for its instructions.
    ///
    /// The instructions hold on the calling thread up to calls that are not inlined: a task that
    /// spreads over threads calls this again in each of them.
    ///
    /// # Panics
    /// When the processor lacks the instructions.
    #[inline]
    pub(crate) fn run<T: Task>(self, task: T) -> T::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Ifma => IfmaBackend::run(task),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Ifma => panic!("the kernel ifma is for x86-64"),
            Self::Portable => PortableBackend::run(task),
        }
    }
}

/// Work for a kernel.
pub(crate) trait Task {
    /// What it gives.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`, and so is all they call in hot loops:
    /// only code inlined into [`Backend::run`] is compiled for the kernel's instructions. Closures are not
    /// sure to be inlined; loops are. What is called from several places is a task of its own.
    fn run<B: Backend>(self) -> Self::Output;
}

/// The lanes of a kernel.
pub(crate) trait Backend: Copy + Send + Sync + 'static {
    /// Elements of the base field Fq.
    type Fq: Lanes<Field = ark_bn254::Fq>;
    /// Elements of the scalar field Fr.
    type Fr: Lanes<Field = ark_bn254::Fr>;

    /// [`Kernel::run`] where the kernel is known; not inlined.
    ///
    /// # Panics
    /// When the processor lacks the instructions.
    fn run<T: Task>(task: T) -> T::Output;
}

/// [`Kernel::Portable`].
#[derive(Clone, Copy)]
struct PortableBackend;

impl Backend for PortableBackend {
    type Fq = Portable<Fp<MontBackend<FqConfig, 4>, 4>>;
    type Fr = Portable<Fp<MontBackend<FrConfig, 4>, 4>>;

    #[inline(never)]
    fn run<T: Task>(task: T) -> T::Output {
        task.run::<Self>()
    }
}

/// [`Kernel::Ifma`].
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct IfmaBackend;

#[cfg(target_arch = "x86_64")]
impl Backend for IfmaBackend {
    type Fq = Ifma<FqConfig>;
    type Fr = Ifma<FrConfig>;

    #[inline]
    fn run<T: Task>(task: T) -> T::Output {
        assert!(Kernel::Ifma.is_available(), "the kernel ifma needs instructions this processor lacks");
        // SAFETY: `is_available` found every feature that `run_ifma` enables.
        unsafe { run_ifma(task) }
    }
}

/// # Safety
/// The processor must have the features named here.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512ifma,bmi2,adx")]
#[inline(never)]
unsafe fn run_ifma<T: Task>(task: T) -> T::Output {
    task.run::<IfmaBackend>()
}
