// SPDX-License-Identifier: MIT
// Linked into a program of brink's, makes its GPU the emulated one. It also puts the work of a fake cuBLAS, which the program
// opens through BRINK_CUBLAS, on the emulated stream, and leaves out the memory protection that would take nine tenths of the
// time.
#include "tests/emulator/emulated_runtime.h"
#include "tests/emulator/fake_cublas.h"

namespace {

const bool prepared = [] {
  brink::cuda::emulated_runtime().set_protected(false);
  fake_cublas::state().enqueue = [](void* stream, std::function<void()> work) {
    brink::cuda::LaunchCall call;
    call.body = std::move(work);
    return brink::cuda::runtime().launch(call, stream);
  };
  return true;
}();

}  // namespace
