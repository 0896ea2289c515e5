// SPDX-License-Identifier: MIT
#include "training/run/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "training/io/readable.h"
#include "training/observed.h"

namespace brink {

namespace {

constexpr int any_width = std::numeric_limits<int>::max();

std::string sharpness_name(bool preconditions, bool evaluation) {
  return std::string(preconditions ? "λ_eff" : "λ₁") + (evaluation ? " in evaluation mode" : "");
}

}  // namespace

std::string sharpness_name(const Config& config) {
  const bool preconditions = config.training.rule.kind->preconditions;
  const bool one = std::ranges::all_of(config.training.changes, [&](const auto& change) {
    return change->after.rule.kind->preconditions == preconditions;
  });
  return one ? sharpness_name(preconditions, has_evaluation_hessian(config)) : "the sharpness";
}

Progress::Progress(Console& out, const Config& config, std::optional<std::int64_t> last_step)
    : out_(out),
      steps_(last_step.value_or(config.training.steps)),
      every_(steps_between_measurements(config)),
      tolerance_(residual_tolerance(config)),
      preconditions_(config.training.rule.kind->preconditions),
      evaluation_(has_evaluation_hessian(config)),
      sharpness_(sharpness_name(preconditions_, evaluation_)),
      threshold_(config.training.rule.kind->threshold),
      live_(out.terminal()),
      start_(Clock::now()),
      drawn_(start_ - std::chrono::hours(1)) {}

std::vector<std::string> lines_of(std::span<const std::string> fields, int columns) {
  const auto most = static_cast<std::ptrdiff_t>(std::max(columns, 1));
  const auto continues = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  };  // a continuation byte of UTF-8
  const auto width = [&](std::string_view text) {
    return std::ssize(text) - std::count_if(text.begin(), text.end(), continues);
  };
  constexpr std::string_view gap = "  ";
  std::vector<std::string> lines;
  for (std::string field : fields) {
    if (width(field) > most) {
      while (width(field) > most - 1) {
        while (continues(field.back())) field.pop_back();
        field.pop_back();
      }
      field += "…";
    }
    if (!lines.empty() && width(lines.back()) + std::ssize(gap) + width(field) <= most)
      lines.back().append(gap) += field;
    else
      lines.push_back(std::move(field));
  }
  return lines;
}

std::vector<std::string> Progress::fields() const {
  std::vector<std::string> out{fmt::format("step {}/{}", last_.step, steps_)};
  if (last_.loss) out.push_back("loss " + readable(*last_.loss, 4));
  if (measured_.sharpness) {
    std::string text = sharpness_ + " " + readable(*measured_.sharpness, 4);
    if (measured_.step != last_.step) text += fmt::format(" at step {}", measured_.step);
    if (!measured_.certified) text += " not certified";
    text += " (" + threshold_ + " = " + readable(last_.threshold, 4) + ")";
    out.push_back(std::move(text));
  }
  if (last_.accuracy) out.push_back(fmt::format("accuracy {:.1f} %", 100 * *last_.accuracy));
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const auto done = static_cast<double>(last_.step - first_step_);
  if (done > 0 && seconds > 0) {
    const double rate = done / seconds;
    out.push_back(readable(rate, 3) + " it/s");
    if (last_.step < steps_) out.push_back("ETA " + readable_duration(static_cast<double>(steps_ - last_.step) / rate));
  }
  for (std::string& field : out) field = out_.shown(field);
  return out;
}

int Progress::columns() const {
  // One column stays free: after a character in the last one, erasing the rest of the line would erase that character.
  // In ASCII the sign of a cut field has three characters.
  return out_.columns() - 1 - (out_.shown("…") == "…" ? 0 : 2);
}

void Progress::erase() {
  if (live_ && rows_ > 0) out_.print("\r\033[K");
}

void Progress::row(const Row& row, double threshold, const std::optional<EffectiveSharpness>& effective) {
  if (rows_++ == 0) first_step_ = next_line_ = row.step;
  last_ = {.step = row.step,
           .loss = row.number("loss"),
           .accuracy = row.number("train_accuracy"),
           .sharpness = row.number("lambda_1"),
           .certified = is_certified(row.number("residual_1").value_or(0), row.number("scale").value_or(0), tolerance_),
           .threshold = threshold};
  if (preconditions_) {
    last_.sharpness = effective ? std::optional(effective->value) : std::nullopt;
    last_.certified = effective && is_certified(effective->residual, effective->scale, tolerance_);
  }
  if (last_.sharpness) measured_ = last_;
  shown_ = false;
  if (live_) {
    const auto now = Clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100) && row.step < steps_) return;
    drawn_ = now;
    out_.print("\r" + lines_of(fields(), columns()).front() + "\033[K");
    shown_ = true;
  } else if (row.step >= next_line_ || row.step >= steps_) {
    next_line_ = row.step - row.step % std::max<std::int64_t>(1, steps_ / 20) + std::max<std::int64_t>(1, steps_ / 20);
    out_.line(lines_of(fields(), any_width).front());
    shown_ = true;
  }
}

void Progress::note(std::string_view text) {
  erase();
  out_.line(text);
  shown_ = false;
}

void Progress::name_threshold(std::string_view name, bool preconditions, std::int64_t from) {
  threshold_ = name;
  preconditions_ = preconditions;
  sharpness_ = sharpness_name(preconditions, evaluation_);
  named_from_ = from;
}

void Progress::event(const Instability& e) {
  std::string text = fmt::format(
      "instability from step {} to {} ({}{}): {} up to {} × {} at step {}", e.entry, e.resolution,
      counted(e.length(), "step"), e.is_long ? ", long" : "", e.peak_step < named_from_ ? "the sharpness" : sharpness_,
      readable(1 + e.peak_surplus / 2), e.peak_step < named_from_ ? "the threshold" : threshold_, e.peak_step);
  if (every_ > 1) text += fmt::format(", measured every {} steps", every_);
  if (e.uncertified > 0) text += fmt::format(", not certified at {}", counted(e.uncertified, "measured step"));
  if (e.open) text += ", still open at the end";
  note(text);
}

void Progress::disagreement(std::int64_t step, const Disagreement& d, bool effective) {
  std::string name = effective ? "λ_eff" : "λ_min";
  if (!effective && !d.bottom) {
    name = "λ";
    for (const char digit : std::to_string(d.index + 1)) {
      name += "₀";
      name.back() = static_cast<char>(name.back() + (digit - '0'));
    }
  }
  std::string text = fmt::format("step {}: warm and cold Lanczos disagreed about {}: ", step, name);
  if (std::isnan(d.warm) || std::isnan(d.cold))
    text += fmt::format("only the {} run found it, {}", std::isnan(d.warm) ? "cold" : "warm",
                        readable(std::isnan(d.warm) ? d.cold : d.warm));
  else
    text += fmt::format("{} and {}, {} apart where their residuals allow {}", readable(d.warm), readable(d.cold),
                        readable(std::fabs(d.cold - d.warm), 2), readable(d.allowed, 2));
  note(text + "; the values reaching further out are recorded");
}

void Progress::finish() {
  if (rows_ == 0) return;
  if (live_) {
    erase();
    for (const std::string& line : lines_of(fields(), columns())) out_.line(line);
  } else if (!shown_) {
    out_.line(lines_of(fields(), any_width).front());
  }
  rows_ = 0;
}

}  // namespace brink
