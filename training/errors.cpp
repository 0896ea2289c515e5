// SPDX-License-Identifier: MIT
#include "training/errors.h"

#include "kernels/memory.h"

namespace brink {

Failure current_failure() {
  try {
    throw;
  } catch (const Error& e) { return {e.code(), e.what()}; } catch (const OutOfMemory& e) {
    return {ExitCode::device, "out of memory: " + std::to_string(e.needed_bytes) +
                                  " bytes more were needed; a smaller run.chunk or run.memory needs less"};
  } catch (const std::bad_alloc&) {
    return {ExitCode::device, "out of memory; a smaller run.chunk or run.memory needs less"};
  } catch (const std::exception& e) {
    return {ExitCode::internal, std::string("internal error: ") + e.what()};
  } catch (...) { return {ExitCode::internal, "internal error: an unknown exception"}; }
}

}  // namespace brink
