// SPDX-License-Identifier: MIT
#include "tools/brink/values.h"

#include <cmath>

#include "training/io/text.h"

namespace brink {

namespace {

std::string refusal(const std::string& expected, const std::string& found) {
  return "expected " + expected + ", found " + (found.empty() ? "an empty text" : found);
}

}  // namespace

CLI::Validator integer(std::string_view what, std::int64_t lowest, std::int64_t highest) {
  return {[=, what = std::string(what)](const std::string& text) -> std::string {
            const auto x = parse_number<std::int64_t>(text);
            if (x && *x >= lowest && *x <= highest && number_text(*x) == text) return {};
            const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
            const bool too_large = digits && (!x || *x > highest);
            const std::string range = highest < std::numeric_limits<int>::max() || too_large
                                          ? " from " + number_text(lowest) + " to " + number_text(highest)
                                          : ", " + number_text(lowest) + " or more";
            return refusal(what + range, text);
          },
          ""};
}

CLI::Validator real(Reals which) {
  return {[=](const std::string& text) -> std::string {
            const auto x = parse_number<double>(text);
            const bool fits =
                x && std::isfinite(*x) && (which == Reals::any || *x > 0 || (which == Reals::not_negative && *x == 0));
            constexpr const char* expected[] = {"a number", "a number, 0 or more", "a number above 0"};
            return fits ? std::string() : refusal(expected[static_cast<int>(which)], text);
          },
          ""};
}

CLI::Validator one_of(std::vector<std::string_view> words) {
  return {[words = std::move(words)](const std::string& text) -> std::string {
            std::string all;
            for (std::size_t i = 0; i < words.size(); ++i) {
              if (words[i] == text) return {};
              all += std::string(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + std::string(words[i]);
            }
            return refusal(all, text);
          },
          ""};
}

}  // namespace brink
