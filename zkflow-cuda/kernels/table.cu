// The table of a key's points: level 0 is the points, and each further level is the level before times 2^doublings.

#include "points.h"

// doubled[i] = 2^doublings points[i]; one thread for each point.
template <class F>
DEVICE void multiply_by_power(const Affine<F>* points, u32 count, u32 doublings, Xyzz<F>* doubled) {
    u32 i = thread_number();
    if (i >= count) return;
    Xyzz<F> point = Xyzz<F>::of(points[i]);
    for (u32 j = 0; j < doublings; ++j) point = point.twice();
    doubled[i] = point;
}

// Points that share an inversion.
constexpr u32 INVERTED = 16;

// points[i] = the coordinates of doubled[i]. Thread t inverts the points t, t + threads, t + 2 threads and so on
// together, by Montgomery's trick.
template <class F>
DEVICE void divide(const Xyzz<F>* doubled, u32 count, Affine<F>* points) {
    u32 threads = count / INVERTED + (count % INVERTED != 0);
    u32 thread = thread_number();
    if (thread >= threads) return;
    F products[INVERTED];
    F product = F::one();
    for (u32 j = 0; j < INVERTED; ++j) {
        u32 i = j * threads + thread;
        products[j] = product;
        if (i < count && !doubled[i].is_infinity()) product = product.multiply(doubled[i].zzz);
    }
    F inverse = product.inverse();
    for (u32 j = INVERTED; j-- > 0;) {
        u32 i = j * threads + thread;
        if (i >= count) continue;
        Xyzz<F> point = doubled[i];
        if (point.is_infinity()) {
            points[i] = {F::zero(), F::zero()};
        } else {
            points[i] = point.affine(inverse.multiply(products[j]));
            inverse = inverse.multiply(point.zzz);
        }
    }
}

#define KERNELS_OF(GROUP, F)                                                                                          \
    KERNEL(128, 1) multiply_by_power_##GROUP(const Affine<F>* points, u32 count, u32 doublings, Xyzz<F>* doubled) {   \
        multiply_by_power(points, count, doublings, doubled);                                                         \
    }                                                                                                                 \
    KERNEL(128, 1) divide_##GROUP(const Xyzz<F>* doubled, u32 count, Affine<F>* points) {                             \
        divide(doubled, count, points);                                                                               \
    }

KERNELS_OF(g1, Fq)
KERNELS_OF(g2, Fq2)
#undef KERNELS_OF
