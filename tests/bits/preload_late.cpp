// SPDX-License-Identifier: MIT
// The control of preload_rounding: it sets rounding upward when the program starts its first thread. That is after brink's
// correction, so the run must differ.
#include <dlfcn.h>
#include <pthread.h>

#include <cfenv>

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*),
                              void* argument) {
  using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  const auto original = reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  std::fesetround(FE_UPWARD);
  return original(thread, attributes, start, argument);
}
