// The quotient (A B - C) / t of a witness, as values at the odd 2n-th roots of unity.
//
// Rows of the matrices times the witness give the values a and b at the n-th roots of unity, and c = a b. Each is
// turned into values at the odd roots: an inverse transform (decimation in frequency, natural order to bit-reversed),
// a factor for each coefficient, and a forward transform (decimation in time, bit-reversed order to natural).

#include "field.h"

// products[piece] = the sum over entries of value times witness[column], for the pieces of `starts`. Long rows are cut
// into several pieces.
KERNEL(256, 1) multiply_pieces(const u32* starts, const u32* columns, const Fr* values, const Fr* witness, u32 pieces,
                               Fr* products) {
    u32 piece = thread_number();
    if (piece >= pieces) return;
    Fr sum = Fr::zero();
    for (u32 i = starts[piece]; i < starts[piece + 1]; ++i) sum = sum.add(values[i].multiply(witness[columns[i]]));
    products[piece] = sum;
}

// rows[row] = the sum of the products of its pieces.
KERNEL(256, 1) sum_pieces(const u32* firsts, const Fr* products, u32 rows, Fr* sums) {
    u32 row = thread_number();
    if (row >= rows) return;
    Fr sum = Fr::zero();
    for (u32 piece = firsts[row]; piece < firsts[row + 1]; ++piece) sum = sum.add(products[piece]);
    sums[row] = sum;
}

// The values a, b and c, one after the other: c = a b.
KERNEL(256, 1) multiply_rows(Fr* values, u32 rows) {
    u32 row = thread_number();
    if (row < rows) values[2 * u64(rows) + row] = values[row].multiply(values[u64(rows) + row]);
}

// Replaces a by a b - c.
KERNEL(256, 1) subtract_rows(Fr* values, u32 rows) {
    u32 row = thread_number();
    if (row >= rows) return;
    values[row] = values[row].multiply(values[u64(rows) + row]).subtract(values[2 * u64(rows) + row]);
}

// Powers of the roots of unity: powers[h + j] = root^j for a primitive 2h-th root and j < h, for each power of two h
// below n. roots[k] is a primitive 2^k-th root.
KERNEL(256, 1) fill_powers(const Fr* roots, u32 n, Fr* powers) {
    u32 i = thread_number();
    if (i == 0 || i >= n) return;
    u32 level = 0;
    while (i >> (level + 1)) ++level;
    Fr power = Fr::one();
    for (u32 bit = 0; bit < level; ++bit) {
        if (i >> bit & 1) power = power.multiply(roots[level + 1 - bit]);
    }
    powers[i] = power;
}

// factors[i] = root^j / n, for a primitive 2n-th root and the coefficient j whose bits, reversed, are those of i.
KERNEL(256, 1) fill_factors(const Fr* roots, Fr inverse_size, u32 bits, Fr* factors) {
    u32 i = thread_number();
    if (i >> bits) return;
    Fr factor = inverse_size;
    for (u32 bit = 0; bit < bits; ++bit) {
        // Bit `bit` of i is bit `bits - 1 - bit` of j; root^(2^k) is a primitive 2^(bits + 1 - k)-th root.
        if (i >> bit & 1) factor = factor.multiply(roots[bit + 2]);
    }
    factors[i] = factor;
}

// Values that one block transforms.
constexpr u32 TILE_BITS = 10;
constexpr u32 TILE = 1 << TILE_BITS;

// The values of a block, word by word, so that neighbouring threads use neighbouring banks.
struct Tile {
    u32 word[8][TILE];

    DEVICE Fr get(u32 i) const {
        Fr value;
        for (u32 k = 0; k < 8; ++k) value.word[k] = word[k][i];
        return value;
    }
    DEVICE void set(u32 i, const Fr& value) {
        for (u32 k = 0; k < 8; ++k) word[k][i] = value.word[k];
    }
};

// Replaces (x, y) by (x + y, (x - y) power): decimation in frequency.
DEVICE void split(Tile& tile, u32 i, u32 j, const Fr& power) {
    Fr x = tile.get(i), y = tile.get(j);
    tile.set(i, x.add(y));
    tile.set(j, x.subtract(y).multiply(power));
}

// Replaces (x, y) by (x + y power, x - y power): decimation in time.
DEVICE void merge(Tile& tile, u32 i, u32 j, const Fr& power) {
    Fr x = tile.get(i), y = tile.get(j).multiply(power);
    tile.set(i, x.add(y));
    tile.set(j, x.subtract(y));
}

// Computes `layers` neighbouring layers on blocks of `size` values. The values that such layers combine are `stride`
// apart, stride = size / 2^layers, which is at least TILE. A block of threads takes TILE / 2^layers neighbours of each.
// `inverse` layers go from blocks of `size` down, the others up to them. Rows of the grid: polynomials of n values.
KERNEL(256, 2) transform_layers(Fr* values, u32 n, u32 size, u32 layers, const Fr* powers, u32 inverse) {
    SHARED Tile tile;
    Fr* polynomial = values + u64(block_row()) * n;
    u32 side = TILE_BITS - layers;
    u32 stride = size >> layers;
    u32 tiles = stride >> side;
    u32 first = block_number() / tiles * size + (block_number() % tiles << side);
    u32 within = block_number() % tiles << side;
    EACH_THREAD(t) {
        for (u32 i = t; i < TILE; i += block_size()) {
            tile.set(i, polynomial[first + (i >> side) * stride + (i & ((1u << side) - 1))]);
        }
    }
    for (u32 layer = 0; layer < layers; ++layer) {
        u32 bit = inverse ? layers - 1 - layer : layer;
        u32 half = stride << bit;
        barrier();
        EACH_THREAD(t) {
            for (u32 k = t; k < TILE / 2; k += block_size()) {
                u32 neighbour = k & ((1u << side) - 1);
                u32 number = k >> side;
                u32 low = number & ((1u << bit) - 1);
                u32 i = ((((number >> bit) << (bit + 1)) | low) << side) | neighbour;
                Fr power = powers[half + low * stride + within + neighbour];
                if (inverse) {
                    split(tile, i, i + (1u << (bit + side)), power);
                } else {
                    merge(tile, i, i + (1u << (bit + side)), power);
                }
            }
        }
    }
    barrier();
    EACH_THREAD(t) {
        for (u32 i = t; i < TILE; i += block_size()) {
            polynomial[first + (i >> side) * stride + (i & ((1u << side) - 1))] = tile.get(i);
        }
    }
}

// The last layers of the inverse transform, the factors, and the first layers of the forward transform, on
// 2^layers neighbouring values.
KERNEL(256, 2) transform_tiles(Fr* values, u32 n, u32 layers, const Fr* powers, const Fr* inverse_powers,
                               const Fr* factors) {
    SHARED Tile tile;
    u32 count = 1u << layers;
    u32 first = block_number() << layers;
    Fr* polynomial = values + u64(block_row()) * n + first;
    EACH_THREAD(t) {
        for (u32 i = t; i < count; i += block_size()) tile.set(i, polynomial[i]);
    }
    for (u32 half = count / 2; half > 0; half /= 2) {
        barrier();
        EACH_THREAD(t) {
            for (u32 k = t; k < count / 2; k += block_size()) {
                u32 low = k & (half - 1);
                u32 i = 2 * (k - low) + low;
                split(tile, i, i + half, inverse_powers[half + low]);
            }
        }
    }
    barrier();
    EACH_THREAD(t) {
        for (u32 i = t; i < count; i += block_size()) tile.set(i, tile.get(i).multiply(factors[first + i]));
    }
    for (u32 half = 1; half < count; half *= 2) {
        barrier();
        EACH_THREAD(t) {
            for (u32 k = t; k < count / 2; k += block_size()) {
                u32 low = k & (half - 1);
                u32 i = 2 * (k - low) + low;
                merge(tile, i, i + half, powers[half + low]);
            }
        }
    }
    barrier();
    EACH_THREAD(t) {
        for (u32 i = t; i < count; i += block_size()) polynomial[i] = tile.get(i);
    }
}
