// SPDX-License-Identifier: MIT
#include "training/errors.h"

#include <filesystem>
#include <system_error>

#include "kernels/gpu.h"
#include "kernels/memory.h"

namespace brink {

namespace {
std::string text_of(const OutOfMemory& e) {
  const std::string free = e.free_bytes < 0 ? "" : ", " + std::to_string(e.free_bytes) + " are free";
  return (e.needed_bytes < 0 ? "the CUDA runtime had none left for itself"
                             : std::to_string(e.needed_bytes) + " bytes more were needed") +
         free;
}
}  // namespace

Failure current_failure() {
  try {
    throw;
  } catch (const Error& e) { return {e.code(), e.what()}; } catch (const OutOfMemory& e) {
    return {ExitCode::device, "out of memory: " + text_of(e) + "; choose a smaller run.chunk or run.memory"};
  } catch (const GpuError& e) { return {ExitCode::device, e.what()}; } catch (const std::bad_alloc&) {
    return {ExitCode::device, "out of memory; choose a smaller run.chunk or run.memory"};
  } catch (const std::filesystem::filesystem_error& e) {
    return {ExitCode::usage, e.what()};
  } catch (const std::system_error& e) {
    return {ExitCode::device, std::string("the system refused a resource (fewer run.threads may help): ") + e.what()};
  } catch (const std::exception& e) {
    return {ExitCode::internal, std::string("internal error: ") + e.what()};
  } catch (...) { return {ExitCode::internal, "internal error: an unknown exception"}; }
}

}  // namespace brink
