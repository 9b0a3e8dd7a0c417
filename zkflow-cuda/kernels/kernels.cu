// All kernels, as one module.

#include "quotient.cu"
#include "sort.cu"
#include "sums.cu"
#include "table.cu"
