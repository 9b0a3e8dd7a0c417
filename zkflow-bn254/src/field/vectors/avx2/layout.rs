//! Converts four elements between rows (one element each) and columns (one word of all elements each); tables.

use core::arch::x86_64::*;

use super::Halves;
use crate::field::Mask;

/// Transposes four rows of four words; its own inverse.
#[inline(always)]
fn transpose(r: [__m256i; 4]) -> [__m256i; 4] {
    // SAFETY: registers in, registers out; `Kernel::run` checks for the instructions.
    unsafe {
        // 128 bits contain one column of two rows.
        let (a, b) = (_mm256_unpacklo_epi64(r[0], r[1]), _mm256_unpackhi_epi64(r[0], r[1]));
        let (c, d) = (_mm256_unpacklo_epi64(r[2], r[3]), _mm256_unpackhi_epi64(r[2], r[3]));
        [
            _mm256_permute2x128_si256::<0x20>(a, c),
            _mm256_permute2x128_si256::<0x20>(b, d),
            _mm256_permute2x128_si256::<0x31>(a, c),
            _mm256_permute2x128_si256::<0x31>(b, d),
        ]
    }
}

/// Converts eight rows of four words to four columns of eight words.
#[inline(always)]
pub(super) fn columns([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> [Halves; 4] {
    let (low, high) = (transpose([a, b, c, d]), transpose([e, f, g, h]));
    [
        Halves([low[0], high[0]]),
        Halves([low[1], high[1]]),
        Halves([low[2], high[2]]),
        Halves([low[3], high[3]]),
    ]
}

/// The inverse of [`columns`].
#[inline(always)]
pub(super) fn rows(columns: [Halves; 4]) -> [__m256i; 8] {
    let [a, b, c, d] = columns;
    let low = transpose([a.0[0], b.0[0], c.0[0], d.0[0]]);
    let high = transpose([a.0[1], b.0[1], c.0[1], d.0[1]]);
    [low[0], low[1], low[2], low[3], high[0], high[1], high[2], high[3]]
}

/// The top bits of four words.
#[inline(always)]
pub(super) fn signs(vector: __m256i) -> Mask {
    // SAFETY: as in `transpose`.
    unsafe { _mm256_movemask_pd(_mm256_castsi256_pd(vector)) as Mask }
}

/// Entry `index mod 8` of a table, for every lane.
#[inline(always)]
pub(super) fn lookup(table: &[u64; 8], index: __m256i) -> __m256i {
    let [a, b, c, d, e, f, g, h] = *table;
    // SAFETY: as in `transpose`.
    unsafe {
        // The indices of both halves of a word.
        let double = _mm256_add_epi64(index, index);
        let halves = _mm256_or_si256(double, _mm256_slli_epi64::<32>(double));
        let halves = _mm256_add_epi64(halves, _mm256_set1_epi64x(1 << 32));
        // Bit 2 of the index, as a sign.
        let is_high = _mm256_castsi256_pd(_mm256_slli_epi64::<61>(index));
        let low = _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(words([a, b, c, d]), halves));
        let high = _mm256_castsi256_pd(_mm256_permutevar8x32_epi32(words([e, f, g, h]), halves));
        _mm256_castpd_si256(_mm256_blendv_pd(low, high, is_high))
    }
}

/// Lanes of `yes` where the mask has a 1, lanes of `no` elsewhere.
#[inline(always)]
pub(super) fn blend(mask: Mask, yes: __m256i, no: __m256i) -> __m256i {
    const LANES: [[u64; 4]; 16] = lanes();
    let chosen = words(LANES[usize::from(mask & 15)]);
    // SAFETY: as in `transpose`.
    unsafe { _mm256_blendv_epi8(no, yes, chosen) }
}

/// For each mask, all bits of the lanes whose bit is 1.
const fn lanes() -> [[u64; 4]; 16] {
    let mut lanes = [[0; 4]; 16];
    let mut mask = 0;
    while mask < 16 {
        let mut lane = 0;
        while lane < 4 {
            if mask >> lane & 1 == 1 {
                lanes[mask][lane] = u64::MAX;
            }
            lane += 1;
        }
        mask += 1;
    }
    lanes
}

#[inline(always)]
pub(super) const fn words(words: [u64; 4]) -> __m256i {
    // SAFETY: both types are 32 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute(words) }
}

/// The inverse of [`words`].
#[inline(always)]
pub(super) fn array(vector: __m256i) -> [u64; 4] {
    // SAFETY: both types are 32 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute(vector) }
}
