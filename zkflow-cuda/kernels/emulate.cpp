// Runs the kernels on a processor, block by block and thread by thread: the tests of a machine without a GPU. Also has
// single operations of the arithmetic, for tests at its extremes.

#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "quotient.cu"
#include "sort.cu"
#include "sums.cu"
#include "table.cu"

namespace {

template <class... A, size_t... I>
void call(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_const_t<A>*>(arguments[I])...);
}

// Runs a kernel for each block, and, unless it has barriers, for each thread.
template <class... A>
void run(void (*kernel)(A...), bool barriers, const u32* shape, void** arguments) {
    auto [columns, rows, block, shared] = std::tuple(shape[0], shape[1], shape[2], shape[3]);
    std::vector<uint4> memory(shared / sizeof(uint4) + 1);
    emulated = {0, 0, 0, columns, block, memory.data()};
    for (emulated.block_y = 0; emulated.block_y < rows; ++emulated.block_y) {
        for (emulated.block_x = 0; emulated.block_x < columns; ++emulated.block_x) {
            for (emulated.thread = 0; emulated.thread < (barriers ? 1 : block); ++emulated.thread) {
                call(kernel, arguments, std::index_sequence_for<A...>());
            }
        }
    }
}

}  // namespace

// `shape`: columns and rows of the grid, threads of a block, bytes of shared memory.
#define THREADS(name)                                                                                                 \
    extern "C" void emulate_##name(const u32* shape, void** arguments) { run(name, false, shape, arguments); }
#define BLOCKS(name)                                                                                                  \
    extern "C" void emulate_##name(const u32* shape, void** arguments) { run(name, true, shape, arguments); }

THREADS(count_digits)
THREADS(place_digits)
BLOCKS(sum_counts)
BLOCKS(sum_offsets)
THREADS(accumulate_g1)
THREADS(accumulate_g2)
THREADS(join_g1)
THREADS(join_g2)
THREADS(finish_g1)
THREADS(finish_g2)
THREADS(fold_g1)
THREADS(fold_g2)
BLOCKS(reduce_g1)
BLOCKS(reduce_g2)
THREADS(multiply_by_power_g1)
THREADS(multiply_by_power_g2)
THREADS(divide_g1)
THREADS(divide_g2)
THREADS(multiply_pieces)
THREADS(sum_pieces)
THREADS(multiply_rows)
THREADS(subtract_rows)
THREADS(fill_powers)
THREADS(fill_factors)
BLOCKS(transform_layers)
BLOCKS(transform_tiles)

// Operations on two elements, by number.
template <class F>
static F operate(u32 operation, const F& x, const F& y) {
    switch (operation) {
        case 0: return x.add(y);
        case 1: return x.subtract(y);
        case 2: return x.multiply(y);
        case 3: return x.square();
        case 4: return x.negate();
        case 5: return x.twice();
        default: return x.inverse();
    }
}

extern "C" void operate_fq(u32 operation, const Fq* x, const Fq* y, Fq* out) { *out = operate(operation, *x, *y); }
extern "C" void operate_fr(u32 operation, const Fr* x, const Fr* y, Fr* out) { *out = operate(operation, *x, *y); }
extern "C" void operate_fq2(u32 operation, const Fq2* x, const Fq2* y, Fq2* out) { *out = operate(operation, *x, *y); }
