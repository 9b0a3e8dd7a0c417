//! Sums and differences, without branches: the outcome of a comparison of random values cannot be predicted.

/// The instructions for a += b, in registers.
macro_rules! plus {
    () => {
        concat!("add {a0}, {b0}\n", "adc {a1}, {b1}\n", "adc {a2}, {b2}\n", "adc {a3}, {b3}\n")
    };
}

/// The instructions for a −= b, in registers. The carry is set if the difference is negative.
macro_rules! minus {
    () => {
        concat!("sub {a0}, {b0}\n", "sbb {a1}, {b1}\n", "sbb {a2}, {b2}\n", "sbb {a3}, {b3}\n")
    };
}

/// The instructions for a −= c if that is not negative, with the constant c at an offset from p.
macro_rules! less {
    ($offset:literal) => {
        concat!(
            "mov {b0}, {a0}\n",
            concat!("sub {b0}, [rip + {p} + ", $offset, "]\n"),
            "mov {b1}, {a1}\n",
            concat!("sbb {b1}, [rip + {p} + ", $offset, " + 8]\n"),
            "mov {b2}, {a2}\n",
            concat!("sbb {b2}, [rip + {p} + ", $offset, " + 16]\n"),
            "mov {b3}, {a3}\n",
            concat!("sbb {b3}, [rip + {p} + ", $offset, " + 24]\n"),
            "cmovnc {a0}, {b0}\n",
            "cmovnc {a1}, {b1}\n",
            "cmovnc {a2}, {b2}\n",
            "cmovnc {a3}, {b3}\n",
        )
    };
}

/// Runs instructions on the words of `a`, in registers, with further operands, and returns the words.
macro_rules! on_words {
    ([$($instruction:expr),* $(,)?], $a:ident, $($operands:tt)*) => {{
        let [mut a0, mut a1, mut a2, mut a3]: Words = $a;
        // SAFETY: the instructions of this file read registers, and constants within their bounds.
        unsafe {
            core::arch::asm!(
                $($instruction,)*
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                $($operands)*
            );
        }
        [a0, a1, a2, a3]
    }};
}

/// `on_words` with a second value and constants; the instructions change the registers of the second value.
macro_rules! changing_second {
    ($instructions:tt, $a:ident, $b:ident, $constants:ident) => {{
        let [b0, b1, b2, b3]: Words = $b;
        on_words!(
            $instructions,
            $a,
            b0 = inout(reg) b0 => _,
            b1 = inout(reg) b1 => _,
            b2 = inout(reg) b2 => _,
            b3 = inout(reg) b3 => _,
            p = sym $constants,
            options(pure, readonly, nostack),
        )
    }};
}

/// `on_words` with a second value, whose registers the instructions leave as they are.
macro_rules! with_second {
    ($instructions:tt, $a:ident, $b:ident, $($operands:tt)*) => {{
        let [b0, b1, b2, b3]: Words = $b;
        on_words!(
            $instructions,
            $a,
            b0 = in(reg) b0,
            b1 = in(reg) b1,
            b2 = in(reg) b2,
            b3 = in(reg) b3,
            $($operands)*
        )
    }};
}

/// See [`Modular::add`](super::Modular::add).
macro_rules! add {
    ($a:ident, $b:ident, $constants:ident) => {
        changing_second!([plus!(), less!("0")], $a, $b, $constants)
    };
}

/// See [`Modular::sub`](super::Modular::sub).
macro_rules! sub {
    ($a:ident, $b:ident, $constants:ident) => {
        changing_second!(
            [
                minus!(),
                // All ones if the difference is negative.
                "sbb {b3}, {b3}",
                "mov {b0}, {b3}",
                "and {b0}, [rip + {p}]",
                "mov {b1}, {b3}",
                "and {b1}, [rip + {p} + 8]",
                "mov {b2}, {b3}",
                "and {b2}, [rip + {p} + 16]",
                "and {b3}, [rip + {p} + 24]",
                plus!(),
            ],
            $a,
            $b,
            $constants
        )
    };
}

/// See [`Modular::add_loose`](super::Modular::add_loose).
macro_rules! add_loose {
    ($a:ident, $b:ident) => {
        with_second!([plus!()], $a, $b, options(pure, nomem, nostack))
    };
}

/// a − b + c, with the constant c at an offset from p.
macro_rules! sub_plus {
    ($a:ident, $b:ident, $constants:ident, $offset:literal) => {
        with_second!(
            [
                minus!(),
                concat!("add {a0}, [rip + {p} + ", $offset, "]"),
                concat!("adc {a1}, [rip + {p} + ", $offset, " + 8]"),
                concat!("adc {a2}, [rip + {p} + ", $offset, " + 16]"),
                concat!("adc {a3}, [rip + {p} + ", $offset, " + 24]"),
            ],
            $a,
            $b,
            p = sym $constants,
            options(pure, readonly, nostack)
        )
    };
}

/// a − c if that is not negative, otherwise a, with the constant c at an offset from p.
macro_rules! less_if_not_below {
    ($a:ident, $constants:ident, $offset:literal) => {
        on_words!(
            [less!($offset)],
            $a,
            b0 = out(reg) _,
            b1 = out(reg) _,
            b2 = out(reg) _,
            b3 = out(reg) _,
            p = sym $constants,
            options(pure, readonly, nostack),
        )
    };
}
