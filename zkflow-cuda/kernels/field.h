// The base field Fq and the scalar field Fr of BN254.
//
// An element x is stored as x 2^256 mod p, below p (Montgomery's form), as in zkey files and in arkworks.
#pragma once

#include "words.h"

struct alignas(16) Words {
    u32 word[8];
};

// The modulus of Fq, over which the curve is defined.
struct BaseModulus {
    // The modulus p.
    static DEVICE Words p() {
        return {0xd87cfd47, 0x3c208c16, 0x6871ca8d, 0x97816a91, 0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    }
    // 2^256 mod p: the number 1.
    static DEVICE Words one() {
        return {0xc58f0d9d, 0xd35d438d, 0xf5c70b3d, 0x0a78eb28, 0x7879462c, 0x666ea36f, 0x9a07df2f, 0x0e0a77c1};
    }
    // 2^512 mod p.
    static DEVICE Words square() {
        return {0x538afa89, 0xf32cfc5b, 0xd44501fb, 0xb5e71911, 0x0a417ff6, 0x47ab1eff, 0xcab8351f, 0x06d89f71};
    }
    // p - 2.
    static DEVICE Words less_two() {
        return {0xd87cfd45, 0x3c208c16, 0x6871ca8d, 0x97816a91, 0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    }
    // (p - 1) / 2.
    static DEVICE Words half() {
        return {0x6c3e7ea3, 0x9e10460b, 0xb438e546, 0xcbc0b548, 0x40c0ac2e, 0xdc2822db, 0x7098d014, 0x18322739};
    }
    // -1/p mod 2^32.
    static constexpr u32 inverse = 0xe4866389;
};

// The modulus of Fr, the order of the groups.
struct ScalarModulus {
    // The modulus p.
    static DEVICE Words p() {
        return {0xf0000001, 0x43e1f593, 0x79b97091, 0x2833e848, 0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    }
    // 2^256 mod p: the number 1.
    static DEVICE Words one() {
        return {0x4ffffffb, 0xac96341c, 0x9f60cd29, 0x36fc7695, 0x7879462e, 0x666ea36f, 0x9a07df2f, 0x0e0a77c1};
    }
    // 2^512 mod p.
    static DEVICE Words square() {
        return {0xae216da7, 0x1bb8e645, 0xe35c59e3, 0x53fe3ab1, 0x53bb8085, 0x8c49833d, 0x7f4e44a5, 0x0216d0b1};
    }
    // p - 2.
    static DEVICE Words less_two() {
        return {0xefffffff, 0x43e1f593, 0x79b97091, 0x2833e848, 0x8181585d, 0xb85045b6, 0xe131a029, 0x30644e72};
    }
    // (p - 1) / 2.
    static DEVICE Words half() {
        return {0xf8000000, 0xa1f0fac9, 0x3cdcb848, 0x9419f424, 0x40c0ac2e, 0xdc2822db, 0x7098d014, 0x18322739};
    }
    // -1/p mod 2^32.
    static constexpr u32 inverse = 0xefffffff;
};

template <class Modulus>
struct alignas(16) Field {
    u32 word[8];

    static DEVICE Field of(const Words& words) {
        Field element;
        for (int i = 0; i < 8; ++i) element.word[i] = words.word[i];
        return element;
    }
    static DEVICE Field zero() { return of({0, 0, 0, 0, 0, 0, 0, 0}); }
    static DEVICE Field one() { return of(Modulus::one()); }

    DEVICE bool is_zero() const {
        return (word[0] | word[1] | word[2] | word[3] | word[4] | word[5] | word[6] | word[7]) == 0;
    }

    // The number below 2 p as a number below p.
    DEVICE Field reduced() const {
        const Words p = Modulus::p();
        Field less;
        u32 below = subtract_words(less.word, word, p.word);
        for (int i = 0; i < 8; ++i) less.word[i] = below ? word[i] : less.word[i];
        return less;
    }

    DEVICE Field add(const Field& other) const { return lazy_add(other).reduced(); }

    // The sum without its reduction: below 2 p, good only as a factor.
    DEVICE Field lazy_add(const Field& other) const {
        Field sum;
        add_words(sum.word, word, other.word);
        return sum;
    }

    DEVICE Field subtract(const Field& other) const {
        Words p = Modulus::p();
        Field difference, result;
        u32 below = subtract_words(difference.word, word, other.word);
        for (int i = 0; i < 8; ++i) p.word[i] &= below;
        add_words(result.word, difference.word, p.word);
        return result;
    }

    DEVICE Field twice() const { return add(*this); }
    DEVICE Field negate() const { return zero().subtract(*this); }

    // Montgomery's product x y / 2^256 mod p, for factors below 2 p. After each row, a multiple of p makes the lowest
    // word zero, and the sum moves down by this word: so the halves for even and odd words change places.
    DEVICE Field multiply(const Field& other) const {
        const Words p = Modulus::p();
        u32 halves[2][8];
        for (int j = 0; j < 4; ++j) {
            u64 even = u64(word[2 * j]) * other.word[0];
            u64 odd = u64(word[2 * j + 1]) * other.word[0];
            halves[0][2 * j] = u32(even);
            halves[0][2 * j + 1] = u32(even >> 32);
            halves[1][2 * j] = u32(odd);
            halves[1][2 * j + 1] = u32(odd >> 32);
        }
        UNROLL
        for (int i = 0; i < 8; ++i) {
            u32(&even)[8] = halves[i & 1];
            u32(&odd)[8] = halves[1 - (i & 1)];
            if (i > 0) {
                move_row(even[0], odd, word[1], word[3], word[5], word[7], other.word[i]);
                add_row(even, odd[7], word[0], word[2], word[4], word[6], other.word[i]);
            }
            u32 multiple = even[0] * Modulus::inverse;
            add_row(odd, p.word[1], p.word[3], p.word[5], p.word[7], multiple);
            add_row(even, odd[7], p.word[0], p.word[2], p.word[4], p.word[6], multiple);
        }
        // The last row left its even half in `halves[1]`, with a lowest word of zero.
        u32 down[8];
        for (int i = 0; i < 7; ++i) down[i] = halves[1][i + 1];
        down[7] = 0;
        Field product;
        add_words(product.word, halves[0], down);
        return product.reduced();
    }

    DEVICE Field square() const { return multiply(*this); }

    // Montgomery's reduction x / 2^256 mod p, for x below 2 p^2. After each row, a multiple of p makes the lowest word
    // zero, as in `multiply`.
    static DEVICE Field reduce(const Wide& x) {
        const Words p = Modulus::p();
        u32 halves[2][8] = {};
        UNROLL
        for (int i = 0; i < 8; ++i) halves[0][i] = x.word[i];
        UNROLL
        for (int i = 0; i < 8; ++i) {
            u32(&even)[8] = halves[i & 1];
            u32(&odd)[8] = halves[1 - (i & 1)];
            if (i > 0) move_down(even[0], odd);
            u32 multiple = even[0] * Modulus::inverse;
            add_row(odd, p.word[1], p.word[3], p.word[5], p.word[7], multiple);
            add_row(even, odd[7], p.word[0], p.word[2], p.word[4], p.word[6], multiple);
        }
        Words down, high;
        UNROLL
        for (int i = 0; i < 7; ++i) down.word[i] = halves[1][i + 1];
        down.word[7] = 0;
        UNROLL
        for (int i = 0; i < 8; ++i) high.word[i] = x.word[8 + i];
        Field sum;
        add_words(sum.word, halves[0], down.word);
        add_words(sum.word, sum.word, high.word);
        return sum.reduced();
    }

    // The number x itself, as a number below p.
    DEVICE Field number() const { return multiply(of({1, 0, 0, 0, 0, 0, 0, 0})); }

    // x^exponent.
    DEVICE Field power(const Words& exponent) const {
        Field result = one();
        for (int bit = 255; bit >= 0; --bit) {
            result = result.square();
            if (exponent.word[bit / 32] >> (bit % 32) & 1) result = result.multiply(*this);
        }
        return result;
    }

    // 1 / x; 0 for 0.
    DEVICE Field inverse() const { return power(Modulus::less_two()); }
};

using Fq = Field<BaseModulus>;
using Fr = Field<ScalarModulus>;

// The quadratic extension Fq[u] / (u^2 + 1): c0 + c1 u.
struct Fq2 {
    Fq c0, c1;

    static DEVICE Fq2 zero() { return {Fq::zero(), Fq::zero()}; }
    static DEVICE Fq2 one() { return {Fq::one(), Fq::zero()}; }
    DEVICE bool is_zero() const { return c0.is_zero() && c1.is_zero(); }
    DEVICE Fq2 add(const Fq2& other) const { return {c0.add(other.c0), c1.add(other.c1)}; }
    DEVICE Fq2 subtract(const Fq2& other) const { return {c0.subtract(other.c0), c1.subtract(other.c1)}; }
    DEVICE Fq2 twice() const { return {c0.twice(), c1.twice()}; }
    DEVICE Fq2 negate() const { return {c0.negate(), c1.negate()}; }

    // Products are calls: with all of them inlined, a sum of points would not fit into the cache for instructions.
    DEVICE Fq2 multiply(const Fq2& other) const { return product(*this, other); }
    DEVICE Fq2 square() const { return squared(*this); }

    // Karatsuba's three products, with one reduction for each part.
    static DEVICE_CALL Fq2 product(Fq2 x, Fq2 y) {
        Wide low = Wide::product(x.c0.word, y.c0.word);
        Wide high = Wide::product(x.c1.word, y.c1.word);
        Wide both = Wide::product(x.c0.lazy_add(x.c1).word, y.c0.lazy_add(y.c1).word);
        // Without p^2, the difference could be negative.
        const Wide square = {{0x275d69b1, 0x3b5458a2, 0x09eac101, 0xa602072d, 0x6d96cadc, 0x4a50189c, 0x7a1242c8, 0x04689e95, 0x34c6b38d, 0x26edfa5c, 0x16375606, 0xb00b8551, 0x0348d21c, 0x599a6f7c, 0x763cbf9c, 0x0925c4b8}};
        return {Fq::reduce(low.add(square).subtract(high)), Fq::reduce(both.subtract(low).subtract(high))};
    }

    static DEVICE_CALL Fq2 squared(Fq2 x) {
        return {x.c0.lazy_add(x.c1).multiply(x.c0.subtract(x.c1)), x.c0.twice().multiply(x.c1)};
    }

    // (c0 - c1 u) / (c0^2 + c1^2).
    DEVICE Fq2 inverse() const {
        Fq norm = c0.square().add(c1.square()).inverse();
        return {c0.multiply(norm), c1.negate().multiply(norm)};
    }
};
