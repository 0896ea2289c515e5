// SPDX-License-Identifier: MIT
// What it is: the control of preload_rounding: it sets rounding upward when the program starts its first thread, which is after
// brink has put things right, so the run must differ. What it is not: something brink could defend itself against.
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
