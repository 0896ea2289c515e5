// SPDX-License-Identifier: MIT
#include "tools/verify/verify.h"
namespace brink::verify {
Table check_closed_forms() { return {}; }
}  // namespace brink::verify
