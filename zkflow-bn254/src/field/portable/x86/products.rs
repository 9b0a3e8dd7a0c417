//! Montgomery multiplication in 64-bit words with `mulx`, `adcx` and `adox`.
//!
//! The loop over the words of the second factor adds a product and reduces the sum by one word, as in the "no-carry"
//! variant of CIOS: the modulus is below 2^254, so a sum of four words does not overflow. `mulx` leaves the flags
//! alone; `adcx` and `adox` carry in one flag each, so the low and the high halves of the products are two chains of
//! additions without waiting for each other.

/// t = a·b₀, in t0 to t3 and h.
macro_rules! first_product {
    ($a0:literal, $a1:literal, $a2:literal, $a3:literal, $b:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $b,
            "\n",
            "mulx {t1}, {t0}, ",
            $a0,
            "\n",
            "mulx {t2}, {l}, ",
            $a1,
            "\n",
            "adox {t1}, {l}\n",
            "mulx {t3}, {l}, ",
            $a2,
            "\n",
            "adox {t2}, {l}\n",
            "mulx {h}, {l}, ",
            $a3,
            "\n",
            "adox {t3}, {l}\n",
            "mov {l:e}, 0\n",
            "adox {h}, {l}\n",
        )
    };
}

/// t += a·bᵢ, where t has four words before.
macro_rules! next_product {
    ($a0:literal, $a1:literal, $a2:literal, $a3:literal, $b:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $b,
            "\n",
            "mulx {h}, {l}, ",
            $a0,
            "\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {h}\n",
            "mulx {h}, {l}, ",
            $a1,
            "\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {h}\n",
            "mulx {h}, {l}, ",
            $a2,
            "\n",
            "adox {t2}, {l}\n",
            "adcx {t3}, {h}\n",
            "mulx {h}, {l}, ",
            $a3,
            "\n",
            "adox {t3}, {l}\n",
            "mov {l:e}, 0\n",
            "adcx {h}, {l}\n",
            "adox {h}, {l}\n",
        )
    };
}

/// t += c·dᵢ, where t has five words before.
macro_rules! second_product {
    ($c0:literal, $c1:literal, $c2:literal, $c3:literal, $d:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $d,
            "\n",
            "mulx {m}, {l}, ",
            $c0,
            "\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {m}\n",
            "mulx {m}, {l}, ",
            $c1,
            "\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {m}\n",
            "mulx {m}, {l}, ",
            $c2,
            "\n",
            "adox {t2}, {l}\n",
            "adcx {t3}, {m}\n",
            "mulx {m}, {l}, ",
            $c3,
            "\n",
            "adox {t3}, {l}\n",
            "adcx {h}, {m}\n",
            "mov {l:e}, 0\n",
            "adox {h}, {l}\n",
        )
    };
}

/// t = (t + k·p) / 2^64 for the k that makes the division exact.
macro_rules! reduction {
    () => {
        concat!(
            "mov rdx, [rip + {p} + 32]\n",
            "imul rdx, {t0}\n",
            "xor {l:e}, {l:e}\n",
            "mulx {m}, {l}, [rip + {p}]\n",
            "adcx {l}, {t0}\n",
            "mov {t0}, {m}\n",
            "adcx {t0}, {t1}\n",
            "mulx {t1}, {l}, [rip + {p} + 8]\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {t2}\n",
            "mulx {t2}, {l}, [rip + {p} + 16]\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {t3}\n",
            "mulx {t3}, {l}, [rip + {p} + 24]\n",
            "adox {t2}, {l}\n",
            "mov {l:e}, 0\n",
            "adcx {t3}, {l}\n",
            "adox {t3}, {h}\n",
        )
    };
}

/// t − p if that is not negative, t otherwise.
macro_rules! canonical {
    () => {
        concat!(
            "mov {h}, {t0}\n",
            "sub {h}, [rip + {p}]\n",
            "mov {l}, {t1}\n",
            "sbb {l}, [rip + {p} + 8]\n",
            "mov {m}, {t2}\n",
            "sbb {m}, [rip + {p} + 16]\n",
            "mov rdx, {t3}\n",
            "sbb rdx, [rip + {p} + 24]\n",
            "cmovnc {t0}, {h}\n",
            "cmovnc {t1}, {l}\n",
            "cmovnc {t2}, {m}\n",
            "cmovnc {t3}, rdx\n",
        )
    };
}

/// `first_product` or `next_product` of the first factor, which is in registers, by a word.
macro_rules! row {
    ($row:ident, $b:literal) => {
        $row!("{a0}", "{a1}", "{a2}", "{a3}", $b)
    };
}

/// The products of words i of b and d with a and c, in memory at x, and a reduction.
macro_rules! rows_in_memory {
    ($row:ident, $b:literal, $d:literal) => {
        concat!(
            $row!("[{x}]", "[{x} + 8]", "[{x} + 16]", "[{x} + 24]", $b),
            second_product!("[{x} + 64]", "[{x} + 72]", "[{x} + 80]", "[{x} + 88]", $d),
            reduction!(),
        )
    };
}

/// Runs instructions that leave a product in t0 to t3, with further inputs, and returns it.
macro_rules! product {
    ([$($instruction:expr),* $(,)?], $constants:ident, $($inputs:tt)*) => {{
        let (t0, t1, t2, t3): (u64, u64, u64, u64);
        // SAFETY: the caller has checked for the instructions; inputs and constants are read within their bounds.
        unsafe {
            core::arch::asm!(
                $($instruction,)*
                $($inputs)*
                p = sym $constants,
                t0 = out(reg) t0,
                t1 = out(reg) t1,
                t2 = out(reg) t2,
                t3 = out(reg) t3,
                h = out(reg) _,
                l = out(reg) _,
                m = out(reg) _,
                out("rdx") _,
                options(pure, readonly, nostack),
            );
        }
        [t0, t1, t2, t3]
    }};
}

/// See [`Modular::mul`](super::Modular::mul). The processor must have BMI2 and ADX.
///
/// The first factor is in registers: a value that was just calculated need not go through memory.
macro_rules! mul {
    ($a:ident, $b:ident, $constants:ident) => {{
        let ([a0, a1, a2, a3], b): (Words, &Words) = ($a, $b);
        product!(
            [
                row!(first_product, "[{b}]"),
                reduction!(),
                row!(next_product, "[{b} + 8]"),
                reduction!(),
                row!(next_product, "[{b} + 16]"),
                reduction!(),
                row!(next_product, "[{b} + 24]"),
                reduction!(),
                canonical!(),
            ],
            $constants,
            a0 = in(reg) a0,
            a1 = in(reg) a1,
            a2 = in(reg) a2,
            a3 = in(reg) a3,
            b = in(reg) b,
        )
    }};
}

/// See [`Modular::mul_add_mul`](super::Modular::mul_add_mul). The processor must have BMI2 and ADX.
macro_rules! mul_add_mul {
    ($x:ident, $constants:ident) => {{
        let x: &[Words; 4] = $x;
        product!(
            [
                rows_in_memory!(first_product, "[{x} + 32]", "[{x} + 96]"),
                rows_in_memory!(next_product, "[{x} + 40]", "[{x} + 104]"),
                rows_in_memory!(next_product, "[{x} + 48]", "[{x} + 112]"),
                rows_in_memory!(next_product, "[{x} + 56]", "[{x} + 120]"),
                canonical!(),
            ],
            $constants,
            x = in(reg) x,
        )
    }};
}
