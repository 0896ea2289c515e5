// SPDX-License-Identifier: MIT
// What it is: cuBLAS as a plug-in: found and opened when a run asks for it, reached through pointers to ten functions.
// What it is not: linked or needed to build (cuBLAS is half a gigabyte), or a choice made for the user: what cannot be opened is an
// error. Decision: the handle has brink's stream and a fixed workspace of brink's, so products repeat to the bit from run to run on
// one GPU with one library, and can be captured into a graph; TF32 and emulated arithmetic are off.
#pragma once

#include <memory>
#include <string>

#include "kernels/cuda/context.h"
#include "kernels/vendor.h"

namespace brink::cuda {

/// As cuBLAS numbers them. Neither uses TF32 in products of float32 by itself; pedantic forbids it whatever the environment says.
enum class CublasMath : int { standard = 0, pedantic = 2 };

/// `library`: a file. Empty: the file that BRINK_CUBLAS names, else libcublas.so.13 or libcublas.so.12 as the loader finds it, else the
/// same in the folders of cublas_folders.h. The Context must outlive it. Throws NoVendor, OutOfMemory.
std::unique_ptr<Vendor> open_cublas(Context&, CublasMath = CublasMath::pedantic, const std::string& library = {});

}  // namespace brink::cuda
