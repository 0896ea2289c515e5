// SPDX-License-Identifier: MIT
#include "autodiff/attributes.h"

#include <stdexcept>

namespace brink {

bool operator==(const Attributes& a, const Attributes& b) {
  return a.kind_ == b.kind_ && (!a.kind_ || a.kind_->equal(a.value_.data(), b.value_.data()));
}

std::size_t Attributes::hash() const {
  return kind_ ? attributes::join(kind_->hash(value_.data()), reinterpret_cast<std::uintptr_t>(kind_)) : 0;
}

std::string to_string(const Attributes& a) {
  const std::string text = a.kind_ ? a.kind_->describe(a.value_.data()) : "";
  return text.empty() ? "" : " {" + text + "}";
}

void Attributes::refuse() {
  throw std::logic_error(
      "attributes: expected the type that the primitive reads, got another one; emit the primitive through its "
      "builder");
}

}  // namespace brink
