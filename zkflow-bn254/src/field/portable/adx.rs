//! Montgomery multiplication in 64-bit words with `mulx`, `adcx` and `adox`.
//!
//! The loop over the words of the second factor adds a product and reduces the sum by one word, as in the "no-carry"
//! variant of CIOS: the modulus is below 2^254, so a sum of four words does not overflow. `mulx` leaves the flags
//! alone; `adcx` and `adox` carry in one flag each, so the low and the high halves of the products are two chains of
//! additions without waiting for each other.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

/// The words of a modulus p, then −p⁻¹ mod 2^64.
pub(super) type Modulus = [u64; 5];

/// Set by [`detect`] if the processor has the instructions.
static AVAILABLE: AtomicBool = AtomicBool::new(false);

/// Looks for the instructions. Until the first call, they count as missing.
pub(super) fn detect() {
    if !is_available() && is_x86_feature_detected!("bmi2") && is_x86_feature_detected!("adx") {
        AVAILABLE.store(true, Ordering::Relaxed);
    }
}

/// True if the processor is known to have the instructions.
#[inline(always)]
pub(super) fn is_available() -> bool {
    AVAILABLE.load(Ordering::Relaxed)
}

/// t = a·b₀, in t0 to t3 and h.
macro_rules! first_product {
    ($a:literal, $b:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $b,
            "\n",
            "mulx {t1}, {t0}, [",
            $a,
            "]\n",
            "mulx {t2}, {l}, [",
            $a,
            " + 8]\n",
            "adox {t1}, {l}\n",
            "mulx {t3}, {l}, [",
            $a,
            " + 16]\n",
            "adox {t2}, {l}\n",
            "mulx {h}, {l}, [",
            $a,
            " + 24]\n",
            "adox {t3}, {l}\n",
            "mov {l:e}, 0\n",
            "adox {h}, {l}\n",
        )
    };
}

/// t += a·bᵢ, where t has four words before.
macro_rules! next_product {
    ($a:literal, $b:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $b,
            "\n",
            "mulx {h}, {l}, [",
            $a,
            "]\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {h}\n",
            "mulx {h}, {l}, [",
            $a,
            " + 8]\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {h}\n",
            "mulx {h}, {l}, [",
            $a,
            " + 16]\n",
            "adox {t2}, {l}\n",
            "adcx {t3}, {h}\n",
            "mulx {h}, {l}, [",
            $a,
            " + 24]\n",
            "adox {t3}, {l}\n",
            "mov {l:e}, 0\n",
            "adcx {h}, {l}\n",
            "adox {h}, {l}\n",
        )
    };
}

/// t += c·dᵢ, where t has five words before.
macro_rules! second_product {
    ($c:literal, $d:literal) => {
        concat!(
            "xor {l:e}, {l:e}\n",
            "mov rdx, ",
            $d,
            "\n",
            "mulx {m}, {l}, [",
            $c,
            "]\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {m}\n",
            "mulx {m}, {l}, [",
            $c,
            " + 8]\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {m}\n",
            "mulx {m}, {l}, [",
            $c,
            " + 16]\n",
            "adox {t2}, {l}\n",
            "adcx {t3}, {m}\n",
            "mulx {m}, {l}, [",
            $c,
            " + 24]\n",
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
            "mov rdx, [{p} + 32]\n",
            "imul rdx, {t0}\n",
            "xor {l:e}, {l:e}\n",
            "mulx {m}, {l}, [{p}]\n",
            "adcx {l}, {t0}\n",
            "mov {t0}, {m}\n",
            "adcx {t0}, {t1}\n",
            "mulx {t1}, {l}, [{p} + 8]\n",
            "adox {t0}, {l}\n",
            "adcx {t1}, {t2}\n",
            "mulx {t2}, {l}, [{p} + 16]\n",
            "adox {t1}, {l}\n",
            "adcx {t2}, {t3}\n",
            "mulx {t3}, {l}, [{p} + 24]\n",
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
            "sub {h}, [{p}]\n",
            "mov {l}, {t1}\n",
            "sbb {l}, [{p} + 8]\n",
            "mov {m}, {t2}\n",
            "sbb {m}, [{p} + 16]\n",
            "mov rdx, {t3}\n",
            "sbb rdx, [{p} + 24]\n",
            "cmovnc {t0}, {h}\n",
            "cmovnc {t1}, {l}\n",
            "cmovnc {t2}, {m}\n",
            "cmovnc {t3}, rdx\n",
        )
    };
}

/// ab/2^256 mod p, for a and b below p.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
pub(super) unsafe fn mul(a: &[u64; 4], b: &[u64; 4], p: &Modulus) -> [u64; 4] {
    let (t0, t1, t2, t3): (u64, u64, u64, u64);
    // SAFETY: the caller has checked for the instructions; the operands are read within their bounds.
    unsafe {
        asm!(
            first_product!("{a}", "[{b}]"),
            reduction!(),
            next_product!("{a}", "[{b} + 8]"),
            reduction!(),
            next_product!("{a}", "[{b} + 16]"),
            reduction!(),
            next_product!("{a}", "[{b} + 24]"),
            reduction!(),
            canonical!(),
            a = in(reg) a,
            b = in(reg) b,
            p = in(reg) p,
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
}

/// (ab + cd)/2^256 mod p, for `[a, b, c, d]` below p. The sum of the products is below 2p², so the result is below
/// 1.4 p before the last step.
///
/// # Safety
/// The processor must have BMI2 and ADX.
#[inline(always)]
pub(super) unsafe fn mul_add_mul(x: &[[u64; 4]; 4], p: &Modulus) -> [u64; 4] {
    let (t0, t1, t2, t3): (u64, u64, u64, u64);
    // SAFETY: the caller has checked for the instructions; the operands are read within their bounds.
    unsafe {
        asm!(
            first_product!("{x}", "[{x} + 32]"),
            second_product!("{x} + 64", "[{x} + 96]"),
            reduction!(),
            next_product!("{x}", "[{x} + 40]"),
            second_product!("{x} + 64", "[{x} + 104]"),
            reduction!(),
            next_product!("{x}", "[{x} + 48]"),
            second_product!("{x} + 64", "[{x} + 112]"),
            reduction!(),
            next_product!("{x}", "[{x} + 56]"),
            second_product!("{x} + 64", "[{x} + 120]"),
            reduction!(),
            canonical!(),
            x = in(reg) x,
            p = in(reg) p,
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
}
