// What the kernels need of the machine that runs them: a GPU (nvcc), or one processor that plays one (g++).
//
// The same kernels are compiled for both. On the GPU, `EACH_THREAD(t)` runs its body once, for the thread that
// executes it, and `barrier()` waits for the block. The emulation runs one block at a time, and `EACH_THREAD(t)` is
// a loop over the threads of the block. So nothing but shared memory lives from one `EACH_THREAD` to the next.
//
// A kernel without barriers is written for one thread, which `thread_number()` identifies.
#pragma once

#include <cstdint>

using u32 = uint32_t;
using u64 = uint64_t;

#if defined(__CUDACC__)

#define DEVICE __device__ __forceinline__
#define DEVICE_CALL __device__ __noinline__
#define SHARED __shared__
#define UNROLL _Pragma("unroll")
#define EACH_THREAD(t) for (u32 t = threadIdx.x, t##_end = t + 1; t < t##_end; ++t)

// A kernel whose blocks have at most `threads` threads, `blocks` of them on each multiprocessor.
#define KERNEL(threads, blocks) extern "C" __global__ void __launch_bounds__(threads, blocks)

DEVICE u32 block_number() { return blockIdx.x; }
DEVICE u32 block_row() { return blockIdx.y; }
DEVICE u32 block_count() { return gridDim.x; }
DEVICE u32 block_size() { return blockDim.x; }
DEVICE u32 thread_number() { return blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE u32 thread_count() { return gridDim.x * blockDim.x; }
DEVICE void barrier() { __syncthreads(); }

// Memory shared by the threads of a block, as many bytes as the launch asks for.
DEVICE void* dynamic_shared() {
    extern __shared__ uint4 memory[];
    return memory;
}

// Adds 1 to `counts[bucket]` and returns its value before; with `used` false, nothing. All threads of a warp call it
// together. The threads with the bucket of the first one share an addition, since many equal scalars would otherwise
// wait for each other.
DEVICE u32 count_one(u32* counts, u32 bucket, bool used) {
    constexpr u32 all = 0xffffffff;
    u32 wanting = __ballot_sync(all, used);
    if (wanting == 0) return 0;
    u32 leader = __ffs(wanting) - 1;
    u32 lane = threadIdx.x & 31;
    u32 wanted = __shfl_sync(all, bucket, leader);
    u32 same = __ballot_sync(all, used && bucket == wanted);
    u32 base = 0;
    if (lane == leader) base = atomicAdd(counts + bucket, __popc(same));
    base = __shfl_sync(all, base, leader);
    if (same >> lane & 1) return base + __popc(same & ((1u << lane) - 1));
    return used ? atomicAdd(counts + bucket, 1) : 0;
}

#else

#define DEVICE inline
#define DEVICE_CALL inline
#define SHARED static thread_local
#define UNROLL _Pragma("GCC unroll 8")
#define EACH_THREAD(t) for (u32 t = 0; t < emulated.block; ++t)
#define KERNEL(threads, blocks) static void

struct alignas(16) uint4 {
    u32 x, y, z, w;
};

// The block and the thread that run.
struct Emulated {
    u32 block_x, block_y, thread, grid, block;
    void* shared;
};
inline thread_local Emulated emulated;

DEVICE u32 block_number() { return emulated.block_x; }
DEVICE u32 block_row() { return emulated.block_y; }
DEVICE u32 block_count() { return emulated.grid; }
DEVICE u32 block_size() { return emulated.block; }
DEVICE u32 thread_number() { return emulated.block_x * emulated.block + emulated.thread; }
DEVICE u32 thread_count() { return emulated.grid * emulated.block; }
DEVICE void barrier() {}
DEVICE void* dynamic_shared() { return emulated.shared; }
DEVICE u32 count_one(u32* counts, u32 bucket, bool used) { return used ? counts[bucket]++ : 0; }

#endif
