//! Lanes that count their operations, for tests of work that must not depend on secrets.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Arithmetic, Lanes, MAX_WIDTH, Mask, Row};
use crate::{Backend, Task};

/// Lanes of which the thread counts every operation.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Counted<L>(L);

/// What a thread did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Number of calls by operation.
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// Digest of the addresses of all points and elements that were read, in their order.
    pub(crate) addresses: u64,
}

thread_local! {
    static COUNTS: RefCell<Counts> = RefCell::default();
}

fn count(operation: &'static str) {
    COUNTS.with_borrow_mut(|counts| *counts.calls.entry(operation).or_default() += 1);
}

fn read<T>(value: &T) {
    COUNTS.with_borrow_mut(|counts| {
        let mut hasher = DefaultHasher::new();
        (counts.addresses, std::ptr::from_ref(value) as usize).hash(&mut hasher);
        counts.addresses = hasher.finish();
    });
}

/// Counts the operations of `work` on this thread.
pub(crate) fn counted(work: impl FnOnce()) -> Counts {
    COUNTS.take();
    work();
    COUNTS.take()
}

/// A backend of counted lanes, one element or [`MAX_WIDTH`] of them.
#[derive(Clone, Copy)]
pub(crate) struct CountingBackend<B>(B);

impl<B: Backend> Backend for CountingBackend<B> {
    type Fq = Counted<B::Fq>;
    type Fr = Counted<B::Fr>;
    type Fq12 = B::Fq12;

    fn run<T: Task>(task: T) -> T::Output {
        B::run(OnCounted(task))
    }
}

/// A task that runs on counted lanes instead of those of its backend.
struct OnCounted<T>(T);

impl<T: Task> Task for OnCounted<T> {
    type Output = T::Output;

    #[inline(always)]
    fn run<B: Backend>(self) -> T::Output {
        self.0.run::<CountingBackend<B>>()
    }
}

/// Runs a task on counted lanes of a kernel.
pub(crate) fn run_counted<T: Task>(kernel: crate::Kernel, task: T) -> T::Output {
    kernel.run(OnCounted(task))
}

macro_rules! counted_operations {
    ($($name:ident($($argument:ident),*);)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: Self),*) -> Self {
            count(stringify!($name));
            Self(self.0.$name($($argument.0),*))
        }
    )*};
}

macro_rules! counted_masks {
    ($($name:ident($($argument:ident),*);)*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: Self),*) -> Mask {
            count(stringify!($name));
            self.0.$name($($argument.0),*)
        }
    )*};
}

impl<L: Lanes> Arithmetic for Counted<L> {
    #[inline(always)]
    fn zero() -> Self {
        Self(L::zero())
    }

    #[inline(always)]
    fn one() -> Self {
        Self(L::one())
    }

    counted_operations! {
        add(other);
        sub(other);
        add_loose(other);
        sub_loose(other);
        sub_sums(other);
        sub_both(b, c);
        mul(other);
        square();
        canonical();
    }

    counted_masks! {
        zero_mask();
        literal_zero_mask();
        perhaps_equal_mask(other);
    }

    #[inline(always)]
    fn select(mask: Mask, yes: Self, no: Self) -> Self {
        count("select");
        Self(L::select(mask, yes.0, no.0))
    }
}

impl<L: Lanes> Lanes for Counted<L> {
    type Field = L::Field;
    const WIDTH: usize = L::WIDTH;

    #[inline(always)]
    fn load(elements: &[L::Field]) -> Self {
        count("load");
        Self(L::load(elements))
    }

    #[inline(always)]
    fn store(self, elements: &mut [L::Field]) {
        count("store");
        self.0.store(elements);
    }

    #[inline(always)]
    fn store_integers(self, integers: &mut [[u64; 4]]) {
        count("store_integers");
        self.0.store_integers(integers);
    }

    #[inline(always)]
    fn gather_rows(rows: &[&Row]) -> (Self, Self) {
        count("gather_rows");
        rows[..L::WIDTH].iter().for_each(|row| read(*row));
        let (first, second) = L::gather_rows(rows);
        (Self(first), Self(second))
    }

    #[inline(always)]
    fn adopt(self) -> (Self, Mask) {
        count("adopt");
        let (adopted, mask) = self.0.adopt();
        (Self(adopted), mask)
    }

    #[inline(always)]
    fn scatter_rows(first: Self, second: Self, rows: &mut [Row]) {
        count("scatter_rows");
        L::scatter_rows(first.0, second.0, rows);
    }

    #[inline(always)]
    fn transpose(vectors: &mut [Self]) {
        count("transpose");
        let mut inner = [L::zero(); MAX_WIDTH];
        for i in 0..L::WIDTH {
            inner[i] = vectors[i].0;
        }
        L::transpose(&mut inner[..L::WIDTH]);
        for i in 0..L::WIDTH {
            vectors[i] = Self(inner[i]);
        }
    }

    counted_operations! {
        reduce();
        mul_add_mul(b, c, d);
    }
}
