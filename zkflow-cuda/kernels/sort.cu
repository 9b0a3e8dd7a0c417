// Sorts the digits of scalars by their buckets: counts each bucket's digits, sums the counts to offsets, and places
// each digit at the offset of its bucket plus its rank.
//
// Bucket `group * buckets + magnitude - 1` collects the points that are multiplied by `magnitude`. Digit w of a scalar
// belongs to group `w % groups`, and multiplies level `w / groups` of the table of its point: the point times
// 2^(window groups level). Digits of zero are dropped.

#include "digits.h"
#include "sort.h"

struct Cut {
    u32 window, digits, groups;
};

// The scalar that thread `i` cuts: the one of wire `wires[i]`, or `scalars[i]` if `wires` is null. 0 past the end.
DEVICE Digits digits_of(const Fr* scalars, const u32* wires, u32 count, u32 i) {
    if (i >= count) return Digits::of(Fr::zero());
    return Digits::of(scalars[wires ? wires[i] : i]);
}

// counts[bucket] becomes the number of its digits, and ranks[w count + i] the number of those before digit w of scalar
// i. One thread for each scalar; whole warps.
KERNEL(256, 1) count_digits(const Fr* scalars, const u32* wires, u32 count, Cut cut, u32* counts, u32* ranks) {
    u32 i = thread_number();
    Digits digits = digits_of(scalars, wires, count, i);
    u32 buckets = 1u << (cut.window - 1);
    for (u32 w = 0; w < cut.digits; ++w) {
        bool minus;
        u32 magnitude = digits.next(cut.window, minus);
        u32 rank = count_one(counts, (w % cut.groups) * buckets + magnitude - 1, magnitude != 0);
        if (magnitude != 0) ranks[u64(w) * count + i] = rank;
    }
}

// Places the digits that `count_digits` counted.
KERNEL(256, 1) place_digits(const Fr* scalars, const u32* wires, u32 count, Cut cut, const u32* offsets,
                            const u32* ranks, Entry* entries) {
    u32 i = thread_number();
    if (i >= count) return;
    Digits digits = digits_of(scalars, wires, count, i);
    u32 buckets = 1u << (cut.window - 1);
    for (u32 w = 0; w < cut.digits; ++w) {
        bool minus;
        u32 magnitude = digits.next(cut.window, minus);
        if (magnitude == 0) continue;
        u32 bucket = (w % cut.groups) * buckets + magnitude - 1;
        u32 point = (w / cut.groups) * count + i;
        entries[offsets[bucket] + ranks[u64(w) * count + i]] = {bucket, point | u32(minus) << 31};
    }
}

// Numbers that one block sums, and that one of its threads sums.
constexpr u32 SUMMED = 4096;
constexpr u32 SUMMED_BY_THREAD = 16;
constexpr u32 SUMMERS = SUMMED / SUMMED_BY_THREAD;

// Replaces the sums of the threads by the sums of the threads before each; `sums[from]` gets the result of the last
// round. Returns the index of the half with the result.
DEVICE u32 sums_before(u32 (&sums)[2][SUMMERS]) {
    u32 from = 0;
    for (u32 distance = 1; distance < SUMMERS; distance *= 2) {
        barrier();
        EACH_THREAD(t) { sums[1 - from][t] = sums[from][t] + (t >= distance ? sums[from][t - distance] : 0); }
        from = 1 - from;
    }
    barrier();
    return from;
}

// totals[block] = the sum of the block's counts. Blocks of SUMMERS threads.
KERNEL(256, 1) sum_counts(const u32* counts, u32 length, u32* totals) {
    SHARED u32 sums[2][SUMMERS];
    EACH_THREAD(t) {
        u32 sum = 0;
        for (u32 j = 0; j < SUMMED_BY_THREAD; ++j) {
            u32 i = block_number() * SUMMED + j * SUMMERS + t;
            sum += i < length ? counts[i] : 0;
        }
        sums[0][t] = sum;
    }
    u32 last = sums_before(sums);
    EACH_THREAD(t) {
        if (t == 0) totals[block_number()] = sums[last][SUMMERS - 1];
    }
}

// offsets[i] = counts[0] + ... + counts[i - 1] for i up to `length`, from the totals of all blocks.
KERNEL(256, 1) sum_offsets(const u32* counts, u32 length, const u32* totals, u32* offsets) {
    SHARED u32 sums[2][SUMMERS];
    SHARED u32 base;
    EACH_THREAD(t) {
        u32 sum = 0;
        for (u32 block = t; block < block_number(); block += SUMMERS) sum += totals[block];
        sums[0][t] = sum;
    }
    u32 last = sums_before(sums);
    EACH_THREAD(t) {
        if (t == 0) base = sums[last][SUMMERS - 1];
    }
    barrier();
    EACH_THREAD(t) {
        u32 sum = 0;
        for (u32 j = 0; j < SUMMED_BY_THREAD; ++j) {
            u32 i = block_number() * SUMMED + t * SUMMED_BY_THREAD + j;
            sum += i < length ? counts[i] : 0;
        }
        sums[0][t] = sum;
    }
    last = sums_before(sums);
    EACH_THREAD(t) {
        u32 sum = base + (t > 0 ? sums[last][t - 1] : 0);
        for (u32 j = 0; j < SUMMED_BY_THREAD; ++j) {
            u32 i = block_number() * SUMMED + t * SUMMED_BY_THREAD + j;
            if (i <= length) offsets[i] = sum;
            sum += i < length ? counts[i] : 0;
        }
    }
}
