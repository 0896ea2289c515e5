// SPDX-License-Identifier: MIT
// A non-owning reference to a callable, for the length of a call. Unlike std::function it never allocates.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace brink {

template <class Signature>
class FunctionRef;

template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  // Implicit, so that a lambda can be passed; the constraint keeps it from hiding the copy constructor, which the check does
  // not see.
  // NOLINTBEGIN(google-explicit-constructor,bugprone-forwarding-reference-overload)
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>) FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, Arguments... a) -> Result {
          return (*static_cast<std::add_pointer_t<F>>(object))(std::forward<Arguments>(a)...);
        }) {}
  // NOLINTEND(google-explicit-constructor,bugprone-forwarding-reference-overload)
  Result operator()(Arguments... a) const { return call_(object_, std::forward<Arguments>(a)...); }

 private:
  void* object_;
  Result (*call_)(void*, Arguments...);
};

}  // namespace brink
