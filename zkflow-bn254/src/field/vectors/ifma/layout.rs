//! Converts eight elements between rows (one element each) and columns (one word of all elements each).

use core::arch::x86_64::*;

/// Transposes eight rows of eight words; its own inverse.
#[inline(always)]
pub(super) fn transpose(r: [__m512i; 8]) -> [__m512i; 8] {
    // SAFETY: registers in, registers out; `Kernel::run` checks for the instructions.
    unsafe {
        // First pairs of rows by even and odd words: 128 bits contain one column of two rows.
        let a = [
            _mm512_unpacklo_epi64(r[0], r[1]),
            _mm512_unpackhi_epi64(r[0], r[1]),
            _mm512_unpacklo_epi64(r[2], r[3]),
            _mm512_unpackhi_epi64(r[2], r[3]),
            _mm512_unpacklo_epi64(r[4], r[5]),
            _mm512_unpackhi_epi64(r[4], r[5]),
            _mm512_unpacklo_epi64(r[6], r[7]),
            _mm512_unpackhi_epi64(r[6], r[7]),
        ];
        // Then four rows of two columns, then eight rows of one column.
        let (l0, l2) = halves(a[0], a[2]);
        let (h0, h2) = halves(a[4], a[6]);
        let (l1, l3) = halves(a[1], a[3]);
        let (h1, h3) = halves(a[5], a[7]);
        let ((c0, c4), (c2, c6)) = (halves(l0, h0), halves(l2, h2));
        let ((c1, c5), (c3, c7)) = (halves(l1, h1), halves(l3, h3));
        [c0, c1, c2, c3, c4, c5, c6, c7]
    }
}

/// The even and the odd quarters of two vectors.
#[inline(always)]
fn halves(a: __m512i, b: __m512i) -> (__m512i, __m512i) {
    // SAFETY: as in `transpose`.
    unsafe { (_mm512_shuffle_i64x2::<0x88>(a, b), _mm512_shuffle_i64x2::<0xdd>(a, b)) }
}

/// Converts eight rows of four words to four columns of eight words.
#[inline(always)]
pub(super) fn columns_of_four(rows: &[[u64; 4]; 8]) -> [__m512i; 4] {
    let even = words([0, 4, 8, 12, 1, 5, 9, 13]);
    let odd = words([2, 6, 10, 14, 3, 7, 11, 15]);
    // SAFETY: the rows are 256 readable bytes; the loads need no alignment. `Kernel::run` checks for the instructions.
    unsafe {
        let start = rows.as_ptr().cast::<__m512i>();
        let r = [
            _mm512_loadu_si512(start),
            _mm512_loadu_si512(start.add(1)),
            _mm512_loadu_si512(start.add(2)),
            _mm512_loadu_si512(start.add(3)),
        ];
        // Columns 0 and 1, and columns 2 and 3, of four rows.
        let (a01, a23) =
            (_mm512_permutex2var_epi64(r[0], even, r[1]), _mm512_permutex2var_epi64(r[0], odd, r[1]));
        let (b01, b23) =
            (_mm512_permutex2var_epi64(r[2], even, r[3]), _mm512_permutex2var_epi64(r[2], odd, r[3]));
        [
            _mm512_shuffle_i64x2::<0x44>(a01, b01),
            _mm512_shuffle_i64x2::<0xee>(a01, b01),
            _mm512_shuffle_i64x2::<0x44>(a23, b23),
            _mm512_shuffle_i64x2::<0xee>(a23, b23),
        ]
    }
}

/// Converts four columns of eight words to eight rows of four.
#[inline(always)]
pub(super) fn store_rows_of_four(columns: [__m512i; 4], rows: &mut [[u64; 4]; 8]) {
    let low = words([0, 8, 1, 9, 2, 10, 3, 11]);
    let high = words([4, 12, 5, 13, 6, 14, 7, 15]);
    let [c0, c1, c2, c3] = columns;
    // SAFETY: the rows are 256 writable bytes; the stores need no alignment.
    unsafe {
        // Pairs (column 0, column 1) and (column 2, column 3), of rows 0 to 3 and of rows 4 to 7.
        let (a, b) = (_mm512_permutex2var_epi64(c0, low, c1), _mm512_permutex2var_epi64(c2, low, c3));
        let (c, d) = (_mm512_permutex2var_epi64(c0, high, c1), _mm512_permutex2var_epi64(c2, high, c3));
        let first = words([0, 1, 8, 9, 2, 3, 10, 11]);
        let second = words([4, 5, 12, 13, 6, 7, 14, 15]);
        let start = rows.as_mut_ptr().cast::<__m512i>();
        _mm512_storeu_si512(start, _mm512_permutex2var_epi64(a, first, b));
        _mm512_storeu_si512(start.add(1), _mm512_permutex2var_epi64(a, second, b));
        _mm512_storeu_si512(start.add(2), _mm512_permutex2var_epi64(c, first, d));
        _mm512_storeu_si512(start.add(3), _mm512_permutex2var_epi64(c, second, d));
    }
}

#[inline(always)]
pub(in super::super) fn words(words: [u64; 8]) -> __m512i {
    // SAFETY: both types are 64 bytes, and every bit pattern is valid.
    unsafe { core::mem::transmute(words) }
}
