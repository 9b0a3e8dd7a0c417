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

/// See [`Modular::add`](super::Modular::add).
macro_rules! add {
    ($a:ident, $b:ident, $constants:ident) => {{
        let ([mut a0, mut a1, mut a2, mut a3], [b0, b1, b2, b3]): (Words, Words) = ($a, $b);
        // SAFETY: the constants are read within their bounds.
        unsafe {
            core::arch::asm!(
                plus!(),
                less!("0"),
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                b0 = inout(reg) b0 => _,
                b1 = inout(reg) b1 => _,
                b2 = inout(reg) b2 => _,
                b3 = inout(reg) b3 => _,
                p = sym $constants,
                options(pure, readonly, nostack),
            );
        }
        [a0, a1, a2, a3]
    }};
}

/// See [`Modular::sub`](super::Modular::sub).
macro_rules! sub {
    ($a:ident, $b:ident, $constants:ident) => {{
        let ([mut a0, mut a1, mut a2, mut a3], [b0, b1, b2, b3]): (Words, Words) = ($a, $b);
        // SAFETY: the constants are read within their bounds.
        unsafe {
            core::arch::asm!(
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
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                b0 = inout(reg) b0 => _,
                b1 = inout(reg) b1 => _,
                b2 = inout(reg) b2 => _,
                b3 = inout(reg) b3 => _,
                p = sym $constants,
                options(pure, readonly, nostack),
            );
        }
        [a0, a1, a2, a3]
    }};
}

/// See [`Modular::add_loose`](super::Modular::add_loose).
macro_rules! add_loose {
    ($a:ident, $b:ident) => {{
        let ([mut a0, mut a1, mut a2, mut a3], [b0, b1, b2, b3]): (Words, Words) = ($a, $b);
        // SAFETY: the instructions read registers alone.
        unsafe {
            core::arch::asm!(
                plus!(),
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                b0 = in(reg) b0,
                b1 = in(reg) b1,
                b2 = in(reg) b2,
                b3 = in(reg) b3,
                options(pure, nomem, nostack),
            );
        }
        [a0, a1, a2, a3]
    }};
}

/// a − b + c, with the constant c at an offset from p.
macro_rules! sub_plus {
    ($a:ident, $b:ident, $constants:ident, $offset:literal) => {{
        let ([mut a0, mut a1, mut a2, mut a3], [b0, b1, b2, b3]): (Words, Words) = ($a, $b);
        // SAFETY: the constants are read within their bounds.
        unsafe {
            core::arch::asm!(
                minus!(),
                concat!("add {a0}, [rip + {p} + ", $offset, "]"),
                concat!("adc {a1}, [rip + {p} + ", $offset, " + 8]"),
                concat!("adc {a2}, [rip + {p} + ", $offset, " + 16]"),
                concat!("adc {a3}, [rip + {p} + ", $offset, " + 24]"),
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                b0 = in(reg) b0,
                b1 = in(reg) b1,
                b2 = in(reg) b2,
                b3 = in(reg) b3,
                p = sym $constants,
                options(pure, readonly, nostack),
            );
        }
        [a0, a1, a2, a3]
    }};
}

/// a − c if that is not negative, otherwise a, with the constant c at an offset from p.
macro_rules! less_if_not_below {
    ($a:ident, $constants:ident, $offset:literal) => {{
        let [mut a0, mut a1, mut a2, mut a3]: Words = $a;
        // SAFETY: the constants are read within their bounds.
        unsafe {
            core::arch::asm!(
                less!($offset),
                a0 = inout(reg) a0,
                a1 = inout(reg) a1,
                a2 = inout(reg) a2,
                a3 = inout(reg) a3,
                b0 = out(reg) _,
                b1 = out(reg) _,
                b2 = out(reg) _,
                b3 = out(reg) _,
                p = sym $constants,
                options(pure, readonly, nostack),
            );
        }
        [a0, a1, a2, a3]
    }};
}
