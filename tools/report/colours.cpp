// SPDX-License-Identifier: MIT
#include "tools/report/colours.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>

#include "tools/report/text.h"

namespace brink::report {
namespace {

using Palette = std::array<std::string_view, most_single_colours>;
constexpr Palette light_palette{"003ecc", "f26c03", "077e65", "0c0220", "bd529e", "288bda", "664101", "a49091"},
    dark_palette{"5f92fd", "f99b33", "35d4a4", "fbfff3", "ee56be", "c9e2fa", "9d752b", "808e7a"};
// Lightness increases from one end to the other; the end that would vanish on the page is left out.
using Sequence = std::array<std::string_view, 6>;
constexpr Sequence light_sequence{"0d0887", "5302a3", "8b0aa5", "b83289", "db5c68", "f48849"},
    dark_sequence{"6636c0", "9a4cb4", "d4687c", "f08c46", "fdbd2b", "f0f921"};

int channel(std::string_view hex, int which) {
  int value = 0;
  std::from_chars(hex.data() + 2 * which, hex.data() + 2 * which + 2, value, 16);
  return value;
}

/// Between the sequence's colours, at a share of its length.
std::string between(const Sequence& sequence, double share) {
  const double at = share * static_cast<double>(sequence.size() - 1);
  const auto low = std::min(static_cast<std::size_t>(at), sequence.size() - 2);
  std::string out;
  for (int i = 0; i < 3; ++i) {
    const double from = channel(sequence[low], i), to = channel(sequence[low + 1], i);
    const auto mixed = static_cast<unsigned>(std::lround(from + (to - from) * (at - static_cast<double>(low))));
    out += "0123456789abcdef"[mixed >> 4 & 15u];
    out += "0123456789abcdef"[mixed & 15u];
  }
  return out;
}

/// How a differing setting is spread over the runs.
struct Spread {
  std::string key;
  std::set<double> numbers;
  std::vector<std::string> values;  // in the order in which they first appear
  bool numeric = true;
};

Spread spread_of(std::span<const Run> runs, const std::string& key) {
  Spread out{key, {}, {}, true};
  for (const Run& run : runs) {
    const auto number = run.settings.number(key);
    const bool usable = number && std::isfinite(*number);
    out.numeric = out.numeric && usable;
    if (usable) out.numbers.insert(*number);
    const std::string text = run.settings.text(key);
    if (std::find(out.values.begin(), out.values.end(), text) == out.values.end()) out.values.push_back(text);
  }
  return out;
}

Colours one_each(std::size_t count, std::string_view css) {
  Colours out;
  for (std::size_t i = 0; i < count; ++i)
    out.css.push_back(css.empty() ? "c" + std::to_string(i % most_single_colours) : std::string(css));
  return out;
}

std::string key_line(const std::string& name, const std::string& content) {
  return "<div class=\"colours\"><span>Colour: " + escaped(name) + "</span>" + content + "</div>";
}

Colours by_number(std::span<const Run> runs, const Spread& spread) {
  const double low = *spread.numbers.begin(), high = *spread.numbers.rbegin();
  const bool logarithmic = low > 0 && high >= 8 * low;
  const Scale scale{low, high, logarithmic ? ChartScale::logarithmic : ChartScale::linear};
  Colours out;
  for (const Run& run : runs) {
    const double share = scale.position(*run.settings.number(spread.key));
    const int step = std::clamp(static_cast<int>(share * sequence_steps), 0, sequence_steps - 1);
    out.css.push_back("q" + std::to_string(step));
  }
  out.key = colour_bar(spread.key + (logarithmic ? ", logarithmic" : ""), scale);
  return out;
}

Colours by_value(std::span<const Run> runs, const Spread& spread) {
  Colours out;
  for (const Run& run : runs) {
    const auto at = std::find(spread.values.begin(), spread.values.end(), run.settings.text(spread.key));
    out.css.push_back("c" + std::to_string(at - spread.values.begin()));
  }
  std::string list;
  for (std::size_t i = 0; i < spread.values.size(); ++i)
    list += "<span class=\"c" + std::to_string(i) + "\"><i class=\"swatch\"></i>" +
            escaped(spread.values[i].empty() ? "not set" : spread.values[i]) + "</span>";
  out.key = key_line(spread.key, list);
  return out;
}

}  // namespace

std::string run_letter(std::size_t index) {
  std::string out;
  for (++index; index > 0; index = (index - 1) / 26) out.insert(out.begin(), static_cast<char>('A' + (index - 1) % 26));
  return out;
}

Colours colours_of(std::span<const Run> runs, std::span<const std::string> differing) {
  std::vector<Spread> spreads;
  for (const std::string& key : differing) spreads.push_back(spread_of(runs, key));
  const bool one_number = spreads.size() == 1 && spreads[0].numeric && spreads[0].numbers.size() >= 4;
  if (runs.size() <= most_single_colours && !one_number) return one_each(runs.size(), "");
  // The step size before all others, a seed after all others, else what has the most values.
  const auto rank = [](const Spread& s) {
    return s.key == "training.learning_rate" ? 1000000
           : s.key.ends_with(".seed")        ? 0
                                             : static_cast<int>(s.numbers.size());
  };
  const Spread* best = nullptr;
  for (const Spread& s : spreads)
    if (s.numeric && s.numbers.size() >= 2 && (!best || rank(s) > rank(*best))) best = &s;
  for (const Spread& s : spreads)
    if ((!best || rank(*best) == 0) && !s.numeric && s.values.size() <= most_single_colours) return by_value(runs, s);
  if (best) return by_number(runs, *best);
  Colours grey = one_each(runs.size(), "plain");
  grey.key = "<div class=\"colours\"><span>The runs have no setting by which to colour them.</span></div>";
  return grey;
}

std::string colour_bar(const std::string& name, const Scale& scale) {
  std::string bar =
      "<svg height=\"34\" role=\"img\" aria-label=\"from " + concise(scale.low) + " to " + concise(scale.high) + "\">";
  const auto percents = [](double x) { return fixed(100 * x, 2) + "%"; };
  for (int i = 0; i < sequence_steps; ++i)
    bar += "<rect class=\"q" + std::to_string(i) + "\" y=\"0\" height=\"12\" x=\"" +
           percents(static_cast<double>(i) / sequence_steps) + "\" width=\"" + percents(1.02 / sequence_steps) + "\"/>";
  for (const Tick& tick : ticks(scale, 5))
    bar += "<text class=\"tick\" text-anchor=\"middle\" y=\"28\" x=\"" + percents(scale.position(tick.value)) + "\">" +
           tick.label + "</text>";
  return key_line(name, bar + "</svg>");
}

std::string colour_variables(bool dark) {
  std::string out;
  const Palette& palette = dark ? dark_palette : light_palette;
  for (std::size_t i = 0; i < palette.size(); ++i)
    out += "--c" + std::to_string(i) + ":#" + std::string(palette[i]) + ";";
  for (int i = 0; i < sequence_steps; ++i)
    out += "--q" + std::to_string(i) + ":#" +
           between(dark ? dark_sequence : light_sequence, static_cast<double>(i) / (sequence_steps - 1)) + ";";
  return out + "\n";
}

}  // namespace brink::report
