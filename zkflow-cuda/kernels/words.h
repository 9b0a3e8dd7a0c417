// Sums and products of numbers of 8 words of 32 bits, least significant first.
//
// A product a b is summed row by row: a times one word of b at a time. A row is split into the products of the even
// words of a, and those of the odd words. Each half is then a chain of 64-bit results side by side, which a GPU adds
// to 64-bit accumulators with one instruction for each product.
#pragma once

#include "platform.h"

#if defined(__CUDACC__)

// acc[0..8) += (x0 + x1 2^64 + x2 2^128 + x3 2^192) y, and the carry is added to `top`.
DEVICE void add_row(u32 (&acc)[8], u32& top, u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    asm("mad.lo.cc.u32  %0, %9, %13, %0;\n\t"
        "madc.hi.cc.u32 %1, %9, %13, %1;\n\t"
        "madc.lo.cc.u32 %2, %10, %13, %2;\n\t"
        "madc.hi.cc.u32 %3, %10, %13, %3;\n\t"
        "madc.lo.cc.u32 %4, %11, %13, %4;\n\t"
        "madc.hi.cc.u32 %5, %11, %13, %5;\n\t"
        "madc.lo.cc.u32 %6, %12, %13, %6;\n\t"
        "madc.hi.cc.u32 %7, %12, %13, %7;\n\t"
        "addc.u32       %8, %8, 0;"
        : "+r"(acc[0]), "+r"(acc[1]), "+r"(acc[2]), "+r"(acc[3]), "+r"(acc[4]), "+r"(acc[5]), "+r"(acc[6]),
          "+r"(acc[7]), "+r"(top)
        : "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(y));
}

// The same where the sum fits into 8 words.
DEVICE void add_row(u32 (&acc)[8], u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    asm("mad.lo.cc.u32  %0, %8, %12, %0;\n\t"
        "madc.hi.cc.u32 %1, %8, %12, %1;\n\t"
        "madc.lo.cc.u32 %2, %9, %12, %2;\n\t"
        "madc.hi.cc.u32 %3, %9, %12, %3;\n\t"
        "madc.lo.cc.u32 %4, %10, %12, %4;\n\t"
        "madc.hi.cc.u32 %5, %10, %12, %5;\n\t"
        "madc.lo.cc.u32 %6, %11, %12, %6;\n\t"
        "madc.hi.u32    %7, %11, %12, %7;"
        : "+r"(acc[0]), "+r"(acc[1]), "+r"(acc[2]), "+r"(acc[3]), "+r"(acc[4]), "+r"(acc[5]), "+r"(acc[6]),
          "+r"(acc[7])
        : "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(y));
}

// Moves `old`, whose first word is 0, one word down to become the odd half beside `even`:
// even[0] += old[1], and old = old / 2^64 + carry + (x0 + x1 2^64 + x2 2^128 + x3 2^192) y.
DEVICE void move_row(u32& even, u32 (&old)[8], u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    asm("add.cc.u32     %8, %8, %1;\n\t"
        "madc.lo.cc.u32 %0, %9, %13, %2;\n\t"
        "madc.hi.cc.u32 %1, %9, %13, %3;\n\t"
        "madc.lo.cc.u32 %2, %10, %13, %4;\n\t"
        "madc.hi.cc.u32 %3, %10, %13, %5;\n\t"
        "madc.lo.cc.u32 %4, %11, %13, %6;\n\t"
        "madc.hi.cc.u32 %5, %11, %13, %7;\n\t"
        "madc.lo.cc.u32 %6, %12, %13, 0;\n\t"
        "madc.hi.u32    %7, %12, %13, 0;"
        : "+r"(old[0]), "+r"(old[1]), "+r"(old[2]), "+r"(old[3]), "+r"(old[4]), "+r"(old[5]), "+r"(old[6]),
          "+r"(old[7]), "+r"(even)
        : "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(y));
}

// Moves `old`, whose first word is 0, one word down to become the odd half beside `even`:
// even[0] += old[1], and old = old / 2^64 + carry.
DEVICE void move_down(u32& even, u32 (&old)[8]) {
    asm("add.cc.u32  %8, %8, %1;\n\t"
        "addc.cc.u32 %0, %2, 0;\n\t"
        "addc.cc.u32 %1, %3, 0;\n\t"
        "addc.cc.u32 %2, %4, 0;\n\t"
        "addc.cc.u32 %3, %5, 0;\n\t"
        "addc.cc.u32 %4, %6, 0;\n\t"
        "addc.cc.u32 %5, %7, 0;\n\t"
        "addc.u32    %6, 0, 0;\n\t"
        "mov.u32     %7, 0;"
        : "+r"(old[0]), "+r"(old[1]), "+r"(old[2]), "+r"(old[3]), "+r"(old[4]), "+r"(old[5]), "+r"(old[6]),
          "+r"(old[7]), "+r"(even));
}

// sum = a + b + carry; `carry` is 0 or 1, before and after.
DEVICE void add_with_carry(u32* sum, const u32* a, const u32* b, u32& carry) {
    asm("add.cc.u32  %8, %8, 0xffffffff;\n\t"
        "addc.cc.u32 %0, %9, %17;\n\t"
        "addc.cc.u32 %1, %10, %18;\n\t"
        "addc.cc.u32 %2, %11, %19;\n\t"
        "addc.cc.u32 %3, %12, %20;\n\t"
        "addc.cc.u32 %4, %13, %21;\n\t"
        "addc.cc.u32 %5, %14, %22;\n\t"
        "addc.cc.u32 %6, %15, %23;\n\t"
        "addc.cc.u32 %7, %16, %24;\n\t"
        "addc.u32    %8, 0, 0;"
        : "=&r"(sum[0]), "=&r"(sum[1]), "=&r"(sum[2]), "=&r"(sum[3]), "=&r"(sum[4]), "=&r"(sum[5]), "=&r"(sum[6]),
          "=&r"(sum[7]), "+&r"(carry)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b[0]),
          "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]), "r"(b[7]));
}

// difference = a - b - borrow modulo 2^256; `borrow` is 0 or all ones for 1, before and after.
DEVICE void subtract_with_borrow(u32* difference, const u32* a, const u32* b, u32& borrow) {
    asm("sub.cc.u32  %8, 0, %8;\n\t"
        "subc.cc.u32 %0, %9, %17;\n\t"
        "subc.cc.u32 %1, %10, %18;\n\t"
        "subc.cc.u32 %2, %11, %19;\n\t"
        "subc.cc.u32 %3, %12, %20;\n\t"
        "subc.cc.u32 %4, %13, %21;\n\t"
        "subc.cc.u32 %5, %14, %22;\n\t"
        "subc.cc.u32 %6, %15, %23;\n\t"
        "subc.cc.u32 %7, %16, %24;\n\t"
        "subc.u32    %8, 0, 0;"
        : "=&r"(difference[0]), "=&r"(difference[1]), "=&r"(difference[2]), "=&r"(difference[3]),
          "=&r"(difference[4]), "=&r"(difference[5]), "=&r"(difference[6]), "=&r"(difference[7]), "+&r"(borrow)
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]), "r"(a[6]), "r"(a[7]), "r"(b[0]),
          "r"(b[1]), "r"(b[2]), "r"(b[3]), "r"(b[4]), "r"(b[5]), "r"(b[6]), "r"(b[7]));
}

#else

// Adds x y to two words and a carry; returns the carry.
inline u32 add_product(u32& low, u32& high, u32 x, u32 y, u32 carry) {
    u64 product = u64(x) * y;
    u64 first = u64(low) + u32(product) + carry;
    u64 second = u64(high) + (product >> 32) + (first >> 32);
    low = u32(first);
    high = u32(second);
    return u32(second >> 32);
}

inline void add_row(u32 (&acc)[8], u32& top, u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    u32 carry = add_product(acc[0], acc[1], x0, y, 0);
    carry = add_product(acc[2], acc[3], x1, y, carry);
    carry = add_product(acc[4], acc[5], x2, y, carry);
    top += add_product(acc[6], acc[7], x3, y, carry);
}

inline void add_row(u32 (&acc)[8], u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    u32 top = 0;
    add_row(acc, top, x0, x1, x2, x3, y);
}

inline void move_row(u32& even, u32 (&old)[8], u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    u64 sum = u64(even) + old[1];
    even = u32(sum);
    u32 carry = u32(sum >> 32);
    for (int i = 0; i < 6; ++i) old[i] = old[i + 2];
    old[6] = old[7] = 0;
    carry = add_product(old[0], old[1], x0, y, carry);
    carry = add_product(old[2], old[3], x1, y, carry);
    carry = add_product(old[4], old[5], x2, y, carry);
    add_product(old[6], old[7], x3, y, carry);
}

inline void move_down(u32& even, u32 (&old)[8]) { move_row(even, old, 0, 0, 0, 0, 0); }

inline void add_with_carry(u32* sum, const u32* a, const u32* b, u32& carry) {
    for (int i = 0; i < 8; ++i) {
        u64 value = u64(a[i]) + b[i] + carry;
        sum[i] = u32(value);
        carry = u32(value >> 32);
    }
}

inline void subtract_with_borrow(u32* difference, const u32* a, const u32* b, u32& borrow) {
    for (int i = 0; i < 8; ++i) {
        u64 value = u64(a[i]) - b[i] - (borrow & 1);
        difference[i] = u32(value);
        borrow = u32(0) - u32(value >> 63);
    }
}

#endif

// sum = a + b, without the last carry.
DEVICE void add_words(u32 (&sum)[8], const u32 (&a)[8], const u32 (&b)[8]) {
    u32 carry = 0;
    add_with_carry(sum, a, b, carry);
}

// difference = a - b modulo 2^256. Returns all ones if a < b, otherwise 0.
DEVICE u32 subtract_words(u32 (&difference)[8], const u32 (&a)[8], const u32 (&b)[8]) {
    u32 borrow = 0;
    subtract_with_borrow(difference, a, b, borrow);
    return borrow;
}

// acc[from..from + 8) += (x0 + x1 2^64 + x2 2^128 + x3 2^192) y. The carry is added to acc[from + 8], if there is one.
DEVICE void add_row_at(u32 (&acc)[16], u32 from, u32 x0, u32 x1, u32 x2, u32 x3, u32 y) {
    u32 row[8];
    UNROLL
    for (u32 i = 0; i < 8; ++i) row[i] = acc[from + i];
    u32 top = from < 8 ? acc[from + 8] : 0;
    add_row(row, top, x0, x1, x2, x3, y);
    UNROLL
    for (u32 i = 0; i < 8; ++i) acc[from + i] = row[i];
    if (from < 8) acc[from + 8] = top;
}

// A number of 16 words: a product before its reduction.
struct Wide {
    u32 word[16];

    // x y. The products at an even position are summed in `even`, the others in `odd`, which stands one word higher.
    static DEVICE Wide product(const u32 (&x)[8], const u32 (&y)[8]) {
        u32 even[16] = {}, odd[16] = {};
        UNROLL
        for (u32 i = 0; i < 8; i += 2) {
            add_row_at(even, i, x[0], x[2], x[4], x[6], y[i]);
            add_row_at(odd, i, x[1], x[3], x[5], x[7], y[i]);
            add_row_at(odd, i, x[0], x[2], x[4], x[6], y[i + 1]);
            add_row_at(even, i + 2, x[1], x[3], x[5], x[7], y[i + 1]);
        }
        Wide low, high;
        high.word[0] = 0;
        UNROLL
        for (u32 i = 0; i < 16; ++i) low.word[i] = even[i];
        UNROLL
        for (u32 i = 0; i < 15; ++i) high.word[i + 1] = odd[i];
        return low.add(high);
    }

    DEVICE Wide add(const Wide& other) const {
        Wide sum;
        u32 carry = 0;
        add_with_carry(sum.word, word, other.word, carry);
        add_with_carry(sum.word + 8, word + 8, other.word + 8, carry);
        return sum;
    }

    // The difference modulo 2^512.
    DEVICE Wide subtract(const Wide& other) const {
        Wide difference;
        u32 borrow = 0;
        subtract_with_borrow(difference.word, word, other.word, borrow);
        subtract_with_borrow(difference.word + 8, word + 8, other.word + 8, borrow);
        return difference;
    }
};
