// The sums of the points of each bucket, and the weighted sum of the buckets.
//
// The sorted digits are cut into one piece of equal length for each thread, however long the buckets are. A bucket
// within a piece is summed by one thread. A bucket that reaches over several pieces is summed in parts: `tails[t]` is
// the part that begins in piece t, and `heads[t]` the part of piece t that continues a bucket of the piece before. The
// heads of a bucket lie side by side; `join` adds them up, and `finish` adds the tail.

#include "points.h"
#include "sort.h"

// How the digits are cut.
struct Pieces {
    u32 total, length;

    static DEVICE Pieces of(u32 total, u32 threads) { return {total, total / threads + (total % threads != 0)}; }
    DEVICE u32 begin(u32 piece) const {
        u64 begin = u64(piece) * length;
        return begin < total ? u32(begin) : total;
    }
    DEVICE u32 end(u32 piece) const { return begin(piece + 1); }
};

// True if the digits at `at - 1` and `at` belong to one bucket.
DEVICE bool continues(const Entry* entries, u32 total, u32 at) {
    return at > 0 && at < total && entries[at - 1].bucket == entries[at].bucket;
}

template <class F>
DEVICE void accumulate(const Affine<F>* table, const Entry* entries, const u32* total, Xyzz<F>* buckets,
                       Xyzz<F>* heads, Xyzz<F>* tails) {
    u32 thread = thread_number();
    Pieces pieces = Pieces::of(*total, thread_count());
    u32 at = pieces.begin(thread), end = pieces.end(thread);
    if (at == end) return;
    bool head = continues(entries, pieces.total, at);
    Entry entry = entries[at];
    Xyzz<F> sum = Xyzz<F>::infinity();
    while (true) {
        Affine<F> point = table[entry.point & 0x7fffffff];
        if (entry.point >> 31) point.y = point.y.negate();
        sum = sum.add(point);
        if (++at == end) break;
        Entry next = entries[at];
        if (next.bucket != entry.bucket) {
            (head ? heads[thread] : buckets[entry.bucket]) = sum;
            head = false;
            sum = Xyzz<F>::infinity();
        }
        entry = next;
    }
    bool tail = !head && continues(entries, pieces.total, end);
    (head ? heads[thread] : tail ? tails[thread] : buckets[entry.bucket]) = sum;
}

// Heads that one thread of `join` adds up.
constexpr u32 JOINED = 2;

// Adds to each head whose number within its bucket is a multiple of JOINED * stride the heads at the next multiples of
// `stride`. With strides of 1, JOINED, JOINED^2 and so on, the first head of a bucket becomes the sum of all.
template <class F>
DEVICE void join(const Entry* entries, const u32* total, const u32* offsets, u32 stride, Xyzz<F>* heads) {
    u32 thread = thread_number();
    Pieces pieces = Pieces::of(*total, thread_count());
    u32 begin = pieces.begin(thread);
    if (begin == pieces.end(thread) || !continues(entries, pieces.total, begin)) return;
    u32 bucket = entries[begin].bucket;
    u32 first = offsets[bucket] / pieces.length + 1;
    u32 last = (offsets[bucket + 1] - 1) / pieces.length;
    if ((thread - first) % (JOINED * stride) != 0 || last - thread < stride) return;
    Xyzz<F> sum = heads[thread];
    for (u32 j = 1; j < JOINED && u64(thread) + u64(j) * stride <= last; ++j) sum = sum.add(heads[thread + j * stride]);
    heads[thread] = sum;
}

template <class F>
DEVICE void finish(const Entry* entries, const u32* total, const u32* offsets, const Xyzz<F>* heads,
                   const Xyzz<F>* tails, Xyzz<F>* buckets) {
    u32 thread = thread_number();
    Pieces pieces = Pieces::of(*total, thread_count());
    u32 begin = pieces.begin(thread), end = pieces.end(thread);
    if (begin == end || !continues(entries, pieces.total, end)) return;
    u32 bucket = entries[end].bucket;
    if (offsets[bucket] >= begin) buckets[bucket] = tails[thread].add(heads[thread + 1]);
}

// sums[t] = b_0 + b_1 + ..., and weighted[t] = 1 b_0 + 2 b_1 + ..., of the `run` buckets from `run * t` on.
template <class F>
DEVICE void fold(const Xyzz<F>* buckets, u32 count, u32 run, Xyzz<F>* sums, Xyzz<F>* weighted) {
    u32 thread = thread_number();
    if (thread >= count / run) return;
    Xyzz<F> sum = Xyzz<F>::infinity(), of_sums = Xyzz<F>::infinity();
    for (u32 j = run; j-- > 0;) {
        sum = sum.add(buckets[thread * run + j]);
        of_sums = of_sums.add(sum);
    }
    sums[thread] = sum;
    weighted[thread] = of_sums;
}

// Reduces the points of a block, a power of two of them. Output 0 is their sum. With `bits` set, output k + 1 is the
// sum of the points at indices with bit k: so the sum over k of 2^k times output k + 1 weighs each point by its index.
//
// In round k, indices i and i + 2^k are added. The sums of the rounds before lie at indices 0, 1, 2, 4, ..., 2^(k - 1)
// modulo 2^k. The round adds each to its neighbour; for index 0, the neighbour stays as the sum for bit k.
template <class F>
DEVICE void reduce(const Xyzz<F>* points, u32 count, bool bits, Xyzz<F>* shared, Xyzz<F>* outputs, u32 step) {
    EACH_THREAD(t) {
        if (t < count) shared[t] = points[t];
    }
    u32 rounds = 0;
    for (u32 distance = 1; distance < count; distance *= 2, ++rounds) {
        u32 kinds = bits ? rounds + 1 : 1;
        u32 additions = kinds * (count / (2 * distance));
        barrier();
        EACH_THREAD(t) {
            if (t < additions) {
                u32 kind = t % kinds;
                u32 i = t / kinds * 2 * distance + (kind == 0 ? 0 : 1u << (kind - 1));
                shared[i] = shared[i].add(shared[i + distance]);
            }
        }
    }
    barrier();
    EACH_THREAD(t) {
        if (t == 0) outputs[0] = shared[0];
        if (bits && t < rounds) outputs[(t + 1) * step] = shared[1u << t];
    }
}

// Reduces arrays of `count` points, one for each block. The first `weighted` arrays are weighted by index. Output k of
// array i is outputs[k * arrays + i]; arrays that are not weighted have only output 0, which is put behind the
// outputs of the weighted ones: outputs[(1 + log2 count) * weighted + i - weighted].
template <class F>
DEVICE void reduce_arrays(const Xyzz<F>* points, u32 count, u32 weighted, Xyzz<F>* outputs) {
    u32 block = block_number();
    Xyzz<F>* shared = static_cast<Xyzz<F>*>(dynamic_shared());
    u32 kinds = 1;
    for (u32 n = count; n > 1; n /= 2) ++kinds;
    u32 first = block < weighted ? block : kinds * weighted + (block - weighted);
    reduce(points + u64(block) * count, count, block < weighted, shared, outputs + first, weighted);
}

// The kernels, by group.
#define KERNELS_OF(GROUP, F, BLOCKS)                                                                                  \
    KERNEL(128, BLOCKS) accumulate_##GROUP(const Affine<F>* table, const Entry* entries, const u32* total,            \
                                           Xyzz<F>* buckets, Xyzz<F>* heads, Xyzz<F>* tails) {                        \
        accumulate(table, entries, total, buckets, heads, tails);                                                     \
    }                                                                                                                 \
    KERNEL(128, BLOCKS) join_##GROUP(const Entry* entries, const u32* total, const u32* offsets, u32 stride,          \
                                     Xyzz<F>* heads) {                                                                \
        join(entries, total, offsets, stride, heads);                                                                 \
    }                                                                                                                 \
    KERNEL(128, BLOCKS) finish_##GROUP(const Entry* entries, const u32* total, const u32* offsets,                    \
                                       const Xyzz<F>* heads, const Xyzz<F>* tails, Xyzz<F>* buckets) {                \
        finish(entries, total, offsets, heads, tails, buckets);                                                       \
    }                                                                                                                 \
    KERNEL(128, BLOCKS) fold_##GROUP(const Xyzz<F>* buckets, u32 count, u32 run, Xyzz<F>* sums,                       \
                                     Xyzz<F>* weighted) {                                                             \
        fold(buckets, count, run, sums, weighted);                                                                    \
    }                                                                                                                 \
    KERNEL(256, 1) reduce_##GROUP(const Xyzz<F>* points, u32 count, u32 weighted, Xyzz<F>* outputs) {                 \
        reduce_arrays(points, count, weighted, outputs);                                                              \
    }

KERNELS_OF(g1, Fq, 4)
KERNELS_OF(g2, Fq2, 2)
#undef KERNELS_OF
