// SPDX-License-Identifier: MIT
#include "training/events.h"

#include <algorithm>
#include <cassert>

#include "training/errors.h"
#include "training/io/text.h"
#include "training/io/utf8.h"

namespace brink {

EventFinder::EventFinder(std::int64_t merge_gap, std::int64_t minimum_length)
    : merge_gap_(merge_gap), minimum_length_(minimum_length) {
  assert(merge_gap >= 0 && minimum_length >= 1);
}

std::optional<Instability> EventFinder::take(bool open) {
  std::optional<Instability> out = std::move(current_);
  current_.reset();
  out->is_long = out->length() >= minimum_length_;
  out->open = open;
  return out;
}

std::optional<Instability> EventFinder::advance(std::int64_t step, double surplus, bool measured, bool certified) {
  if (!(surplus > 0)) {
    if (current_) current_->uncertified += !certified;
    // By now step − resolution + 1 non-positive steps have followed.
    if (current_ && step - current_->resolution >= merge_gap_) return take(false);
    return {};
  }
  if (!current_) current_ = Instability{step, step, step, surplus, false, false, 0, {}};
  current_->uncertified += !certified;
  current_->resolution = step + 1;
  if (surplus > current_->peak_surplus) {
    current_->peak_surplus = surplus;
    current_->peak_step = step;
  }
  if (measured && !(last_step_ && last_surplus_ > 0)) {
    current_->crossings.push_back(step);
    ++crossings_;
  }
  return {};
}

std::optional<Instability> EventFinder::push(std::int64_t step, double surplus, bool certified) {
  assert(!last_step_ || step > *last_step_);
  std::optional<Instability> over;
  // The unmeasured steps between are all alike, so the last of them decides.
  if (last_step_ && step - *last_step_ > 1) over = advance(step - 1, last_surplus_, false, true);
  std::optional<Instability> now = advance(step, surplus, true, certified);
  last_step_ = step;
  last_surplus_ = surplus;
  return over ? over : now;
}

EventFinder::Ahead EventFinder::ahead(std::int64_t step, double surplus) const {
  EventFinder copy = *this;
  const bool over = copy.push(step, surplus).has_value();
  return {over || copy.inside() != inside(), copy.inside()};
}

std::optional<Instability> EventFinder::finish() {
  if (!current_) return {};
  return take(true);
}

void EventFinder::visit(StateVisitor& v) {
  bool inside = current_.has_value();
  v.number_as("inside", inside);
  Instability i = current_.value_or(Instability{});
  v.number("entry", i.entry);
  v.number("resolution", i.resolution);
  v.number("peak_step", i.peak_step);
  v.number("peak_surplus", i.peak_surplus);
  v.number("uncertified", i.uncertified);
  v.list("crossings_inside", i.crossings);
  if (v.reads()) current_ = inside ? std::optional<Instability>(std::move(i)) : std::nullopt;
  v.optional("last_step", last_step_);
  v.number("last_surplus", last_surplus_);
  v.number("crossings", crossings_);
}

void EventFinder::restored(std::int64_t step) const {
  if (last_step_ && *last_step_ >= step)
    throw DataError("events/last_step: expected a step before " + number_text(step) + ", found " +
                    number_text(*last_step_));
}

std::vector<Instability> find_events(std::span<const double> surplus, std::int64_t merge_gap,
                                     std::int64_t minimum_length) {
  EventFinder finder(merge_gap, minimum_length);
  std::vector<Instability> out;
  for (std::size_t i = 0; i < surplus.size(); ++i)
    if (auto e = finder.push(static_cast<std::int64_t>(i), surplus[i])) out.push_back(std::move(*e));
  if (auto e = finder.finish()) out.push_back(std::move(*e));
  return out;
}

std::vector<Instability> parse_events(std::string_view csv, const std::string& file) {
  const auto take = [](std::string_view& text, char end) {
    const std::size_t at = std::min(text.find(end), text.size());
    const std::string_view out = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return out;
  };
  const auto fail = [&](std::size_t line, const std::string& what) {
    throw DataError(file + ": line " + number_text(line) + ": expected " + what +
                    "; the file is damaged: restore it from a copy");
  };
  const auto found = [](std::string_view text) {
    constexpr std::size_t longest = 80;
    const std::string shown = printable(text.substr(0, longest)) + (text.size() > longest ? " …" : "");
    return ", found " + (text.empty() ? std::string("nothing") : "\"" + shown + "\"");
  };
  std::vector<Instability> out;
  const std::string_view header = take(csv, '\n');
  std::string expected = events_header();
  expected.pop_back();  // the line feed
  if (header.substr(0, header.find(",hessian_of")) != expected) fail(1, "the header " + expected + found(header));
  for (std::size_t line = 2; !csv.empty(); ++line) {
    std::string_view row = take(csv, '\n');
    const auto integer = [&](const char* column) {
      const std::string_view cell = take(row, ',');
      const auto x = parse_number<std::int64_t>(cell);
      if (!x) fail(line, std::string("an integer in the column ") + column + found(cell));
      return *x;
    };
    Instability i;
    i.entry = integer("entry");
    i.resolution = integer("resolution");
    if (integer("length") != i.length()) fail(line, "the length resolution − entry, " + number_text(i.length()));
    i.is_long = integer("long") != 0;
    i.open = integer("open") != 0;
    i.peak_step = integer("peak_step");
    const std::string_view cell = take(row, ',');
    const auto peak = parse_number<double>(cell);
    if (!peak) fail(line, "a number in the column peak_surplus" + found(cell));
    i.peak_surplus = *peak;
    out.push_back(std::move(i));
  }
  return out;
}

std::int64_t step_before_resolution(std::string_view csv, std::int64_t steps, std::int64_t instability) {
  const std::vector<Instability> all = parse_events(csv);
  const auto count = static_cast<std::int64_t>(all.size());
  if (instability < 1 || instability > count)
    throw DataError("instability " + number_text(instability) + ": the parent's events.csv has " + number_text(count));
  const Instability& i = all[static_cast<std::size_t>(instability - 1)];
  if (i.open)
    throw DataError("instability " + number_text(instability) + " was still open when the parent ended at step " +
                    number_text(i.resolution - 1) + ": it has no resolution; choose another");
  return i.resolution - steps;
}

std::string events_header(bool evaluation_hessian) {
  return std::string("entry,resolution,length,long,open,peak_step,peak_surplus,crossing_count,crossings") +
         (evaluation_hessian ? ",hessian_of\n" : "\n");
}

std::string events_row(const Instability& e, bool evaluation_hessian) {
  std::string out;
  for (const std::int64_t x :
       {e.entry, e.resolution, e.length(), std::int64_t{e.is_long}, std::int64_t{e.open}, e.peak_step}) {
    append_number(out, x);
    out += ',';
  }
  append_number(out, e.peak_surplus);
  out += ',';
  append_number(out, e.crossings.size());
  out += ',';
  for (std::size_t i = 0; i < e.crossings.size(); ++i) {
    if (i > 0) out += ' ';
    append_number(out, e.crossings[i]);
  }
  if (evaluation_hessian) out += ",evaluation";
  return out + '\n';
}

}  // namespace brink
