// Digits sorted by their buckets.
#pragma once

#include "platform.h"

// One digit: its bucket, and the index of the point in the table. The highest bit of `point` is set if the point is
// subtracted.
struct alignas(8) Entry {
    u32 bucket, point;
};
