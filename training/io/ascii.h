// SPDX-License-Identifier: MIT
// Text for terminals and logs whose locale is not UTF-8.
#pragma once

#include <string>
#include <string_view>

namespace brink {

/// Whether the environment asks for another encoding than UTF-8: the first of LC_ALL, LC_CTYPE and LANG that is set and not empty
/// decides. With none of them set the answer is no, because most such places (containers, batch systems) show UTF-8.
bool wants_ascii();

/// The signs that brink prints, written in ASCII: "λ₁" becomes "lambda_1", "×" becomes "x". Other characters, such as those of a
/// file's name, stay as they are.
std::string as_ascii(std::string_view text);

}  // namespace brink
