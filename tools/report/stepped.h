// SPDX-License-Identifier: MIT
// Figures that show one step at a time: the slider that chooses it, and the parts that belong to one step each.
#pragma once

#include <string>
#include <string_view>

namespace brink::report {

/// The class of such a <figure>, which the page's script looks for.
inline constexpr std::string_view stepped_class = "stepped";

/// The attributes of the part that belongs to step number i of `count`; the last one is shown first.
inline std::string only_at(std::size_t i, std::size_t count) {
  return " data-at=\"" + std::to_string(i) + "\"" + (i + 1 == count ? " class=\"on\"" : "");
}

/// label: what the slider chooses, for readers who do not see it.
inline std::string step_slider(std::size_t count, std::string_view label) {
  const std::string last = std::to_string(count - 1);
  return "<div class=\"slider\" hidden=\"hidden\"><input type=\"range\" min=\"0\" max=\"" + last + "\" value=\"" +
         last + "\" step=\"1\" aria-label=\"" + std::string(label) + "\"/></div>";
}

}  // namespace brink::report
