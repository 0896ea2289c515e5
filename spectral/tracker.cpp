// SPDX-License-Identifier: MIT
#include "spectral/tracker.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "kernels/basis/basis.h"
#include "kernels/memory.h"
#include "kernels/reduce/reduce.h"
#include "kernels/scalars.h"
#include "kernels/tracer.h"

namespace brink {

namespace {
const TraceName warm_name{"warm Lanczos", "phase"}, cold_name{"cold Lanczos", "phase"};
constexpr std::uint32_t cold_restart = 0, redo_restart = 1U << 20, warm_restart = 1U << 21;

constexpr std::int64_t none = -1;  // instead of a step

View flat(View v) { return {v.data, {v.shape.elements()}, v.dtype}; }

const TrackerOptions& checked(const TrackerOptions& o) {
  if (o.top < 0 || o.bottom < 0 || o.top + o.bottom < 1)
    throw std::invalid_argument("[tracker] top " + std::to_string(o.top) + ", bottom " + std::to_string(o.bottom) +
                                ": expected at least one pair");
  if (!(o.tolerance > 0) || o.budget < 1 || o.cold_check < 0 || !(o.noise >= 0) || o.cold_confirm < 0)
    throw std::invalid_argument(
        "[tracker] expected tolerance > 0, budget ≥ 1, cold_check ≥ 0, noise ≥ 0, cold_confirm ≥ 0");
  return o;
}
}  // namespace

struct EigenTracker::State {
  int top, most_pairs;
  Device device;
  std::int64_t dim;
  Dtype dtype;
  TrackerOptions options;
  FillNormal normals;
  Lanczos lanczos;
  // The vectors of the last two measured steps and, while a step is measured, of the two before it.
  std::array<Array, 3> kept;
  Array start, noise;
  Scalars sizes;  // on the device: what vectors are divided by, or their signs
  std::vector<RitzPair> pairs;
  int tops = 0, bottoms = 0;
  int asked = -1;     // `top` of the last call at this step; −1: none
  bool warm = false;  // whether its result is that of a warm run
  /// What the next step starts from, beside the vectors.
  struct Start {
    std::size_t newest = 0, older = 1;                   // places in `kept`
    std::int64_t newest_step = none, older_step = none;  // of which the vectors are
    std::int64_t measured = 0;
    bool have() const { return newest_step != none; }
  };
  Start now, before;  // before: as the step began that is being measured
  std::optional<std::int64_t> measuring;
  int spent = 0;  // products of the step that is being measured
  LanczosResult reported;
  SpectrumBounds bounds;   // of the step that is being measured
  double unexplained = 0;  // the largest asymmetry of its runs that rounding does not explain

  State(Device& d, std::int64_t n, Dtype t, const TrackerOptions& o, FillNormal f)
      : top(o.top),
        most_pairs(std::max(o.top, o.most_top) + o.bottom),
        device(d),
        dim(n),
        dtype(t),
        options(o),
        normals(f),
        lanczos(d, n, t, {.max_basis = o.max_basis, .max_pairs = most_pairs}, std::move(f)),
        kept{zeros({most_pairs, n}, t, d), zeros({most_pairs, n}, t, d), zeros({most_pairs, n}, t, d)},
        start({n}, t, d),
        noise({n}, t, d),
        sizes(d, std::max(2, most_pairs)),
        pairs(static_cast<std::size_t>(most_pairs)) {}

  View vectors() const { return kept[now.newest].view(); }
  ColumnSet columns(std::size_t place) const { return {kept[place].view().data, dim, dim, most_pairs, dtype}; }

  /// The normalised sum of remembered vectors plus `options.noise` times a random unit vector. Rows that were never filled
  /// are zero. The vectors are those of two steps ago, with a little of the last step's: what one of two successive steps has found, the other must
  /// not miss.
  View warm_start(std::uint64_t step) {
    const View x = start.view(), z = noise.view();
    const int count = most_pairs;
    const ColumnSet into{x.data, dim, dim, 1, dtype};
    const auto at = static_cast<std::int64_t>(step);
    const bool two_steps_ago = now.older_step != none && now.older_step + 2 == at && now.newest_step != at;
    const ColumnSet from = columns(two_steps_ago ? now.older : now.newest);
    const Scalar size = sizes[0], factor = sizes[0], unread = sizes[1];
    brink::scale(device, from.column(0), 1, x);
    constexpr double minus_one = -1, minus_last_share = -0.1;
    for (int i = 1; i < count; ++i) brink::subtract(device, from.range(i, i + 1), &minus_one, x, x, unread);
    for (int i = 0; i < count && two_steps_ago; ++i)
      brink::subtract(device, columns(now.newest).range(i, i + 1), &minus_last_share, x, x, unread);
    brink::norm(device, x, size);
    brink::map_scalars(device, size, 1, Quotient{1, 1}, factor);
    brink::scale(device, x, factor, x);
    normals(z, RandomUse::noise, step, 0);
    brink::norm(device, z, size);
    brink::map_scalars(device, size, 1, Quotient{-options.noise, 0}, factor);
    brink::subtract(device, {z.data, dim, dim, 1, dtype}, factor, x, x, unread);
    return into.column(0);
  }

  LanczosResult run(const LinearOperator& a, std::uint64_t step, std::uint32_t restart, int confirm, View from,
                    double noise_in_start, TrackerStep& out) {
    const bool cold = from.data == nullptr;
    const Traced span(device, cold ? cold_name : warm_name);
    const LanczosResult r = lanczos.run(a,
                                        {.top = top,
                                         .bottom = options.bottom,
                                         .tolerance = options.tolerance,
                                         .budget = options.budget - spent,
                                         .confirm = confirm,
                                         // Without noise in the start there is no bound to wait for.
                                         .two_sided = options.two_sided && (cold || noise_in_start > 0),
                                         .upper_tolerance = options.upper_tolerance,
                                         .probability = options.probability,
                                         .noise = noise_in_start,
                                         .orthogonality = cold,
                                         .step = step,
                                         .restart = restart},
                                        from);
    if (cold) out.orthogonality = r.orthogonality;
    out.products += r.products;
    spent += r.products;
    out.sweeps += r.sweeps;
    bounds.upper = std::min(bounds.upper, r.bounds.upper);
    bounds.lower = std::max(bounds.lower, r.bounds.lower);
    bounds.starts += r.bounds.starts;
    if (!r.symmetric) unexplained = std::max(unexplained, r.asymmetry);
    out.finite = out.finite && r.stop != LanczosStop::not_finite;
    return r;
  }

  /// Stores values and vectors; each vector's largest entry becomes positive.
  void keep(const LanczosResult& r, std::int64_t step) {
    if (now.newest == before.newest) {
      now.newest = 3 - before.newest - before.older;
      now.older = before.newest;
      now.older_step = before.newest_step;
    }
    now.newest_step = step;
    reported = r;
    tops = static_cast<int>(r.top.size());
    bottoms = static_cast<int>(r.bottom.size());
    const ColumnSet all = columns(now.newest);
    int i = 0;
    for (const auto& end : {r.top, r.bottom})
      for (const RitzPair& p : end) brink::largest_entry(device, p.vector, sizes[i++]);
    brink::map_scalars(device, sizes[0], i, Sign{}, sizes[0]);
    i = 0;
    for (const auto& end : {r.top, r.bottom})
      for (const RitzPair& p : end) {
        brink::scale(device, p.vector, sizes[i], all.column(i));
        pairs[static_cast<std::size_t>(i)] = p;
        pairs[static_cast<std::size_t>(i)].vector = all.column(i);
        ++i;
      }
    for (; i < most_pairs; ++i) set_zero(device, all.column(i));
    reported.top = {pairs.data(), r.top.size()};
    reported.bottom = {pairs.data() + tops, r.bottom.size()};
  }

  /// Compares `r`, of a cold run, with the reported values.
  std::optional<Disagreement> disagreement(const LanczosResult& r) const {
    const double eps =
        dtype == Dtype::f64 ? std::numeric_limits<double>::epsilon() : double{std::numeric_limits<float>::epsilon()};
    const double scale = r.scale > reported.scale ? r.scale : reported.scale;
    const double rounding =
        10 * eps * std::sqrt(static_cast<double>(dim)) * scale;  // what Lanczos itself counts as zero
    constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
    std::optional<Disagreement> largest;
    double excess = 0;
    const auto compare = [&](bool bottom, std::span<const RitzPair> cold, std::span<const RitzPair> warm) {
      for (std::size_t i = 0; i < std::max(cold.size(), warm.size()); ++i) {
        const bool both = i < cold.size() && i < warm.size();
        const double allowed = both ? cold[i].residual + warm[i].residual + rounding : 0;
        const double apart = both ? std::fabs(cold[i].value - warm[i].value) : infinity;
        if (!(apart > allowed) || (largest && apart - allowed <= excess)) continue;
        excess = apart - allowed;
        largest = Disagreement{bottom, static_cast<int>(i), i < warm.size() ? warm[i].value : nan,
                               i < cold.size() ? cold[i].value : nan, allowed};
      }
    };
    compare(false, r.top, reported.top);
    compare(true, r.bottom, reported.bottom);
    return largest;
  }

  /// Ritz values never lie outside the spectrum, so of two sets the one further out is nearer to the exact values.
  static double reach(const LanczosResult& r) {
    double sum = 0;
    for (const RitzPair& p : r.top) sum += p.value;
    for (const RitzPair& p : r.bottom) sum -= p.value;
    return sum;
  }
  /// Whether the runs of this step show that nothing is above λ₁ + upper_tolerance · scale.
  bool shown() const {
    return tops > 0 && reported.symmetric &&
           bounds.upper <= reported.top[0].value + options.upper_tolerance * reported.scale;
  }
  static int count(const LanczosResult& r) { return static_cast<int>(r.top.size() + r.bottom.size()); }
  bool replaces(const LanczosResult& r, bool disagree) const {
    if (count(r) < tops + bottoms) return false;
    if (!disagree && r.converged != reported.converged) return r.converged;
    return reach(r) > reach(reported);
  }
};

EigenTracker::EigenTracker(Device& device, std::int64_t dim, Dtype dtype, const TrackerOptions& options,
                           FillNormal normals) {
  const CountedPart part(device, "the tracked eigenvectors");
  state_ = std::make_unique<State>(device, dim, dtype, checked(options), std::move(normals));
}
EigenTracker::~EigenTracker() = default;
EigenTracker::EigenTracker(EigenTracker&&) noexcept = default;

TrackerStep EigenTracker::measure(const LinearOperator& a, std::int64_t step, bool check) {
  State& k = *state_;
  const auto index = static_cast<std::uint64_t>(step);
  if (k.measuring != step) {
    k.measuring = step;
    k.before = k.now;
    k.bounds = {};
    k.unexplained = 0;
    k.spent = 0;
    k.asked = -1;
  }
  const auto budget_left = [&] { return k.spent < k.options.budget; };
  const bool again = k.asked >= 0 && k.now.newest_step == step;
  // A check of what has been measured at this step already needs the cold run only; without a budget there is nothing else.
  const bool measured = again && ((check && k.asked == k.top) || !budget_left());
  // The vectors of this very step contain its noise, so a start from them says nothing about eigenvalues further out.
  const double noise = k.now.newest_step == step ? 0 : k.options.noise;
  TrackerStep out;
  bool warm = measured && k.warm, any = measured;
  if (k.now.have() && !measured) {
    const LanczosResult r = k.run(a, index, warm_restart, 0, k.warm_start(index), noise, out);
    // What the step has found stays where the budget ends a run for more.
    const bool cut =
        again && r.stop == LanczosStop::budget && (k.reported.converged || k.count(r) < k.tops + k.bottoms);
    if (out.finite && !cut) k.keep(r, step);
    warm = cut ? k.warm : out.finite;
    any = out.finite;
  }
  // A two-sided run knows that nothing is above its λ₁, so only a lower end needs to be confirmed.
  const int confirm = k.options.two_sided && k.options.bottom == 0 ? 0 : k.options.cold_confirm;
  const bool due = k.options.cold_check > 0 && k.now.measured % k.options.cold_check == 0;
  // Two-sided runs of this step have shown already what a cold check of the top looks for.
  const bool shown = any && k.options.two_sided && k.options.bottom == 0 && k.shown();
  if (out.finite && (!k.now.have() || ((check || due) && !shown)) && budget_left()) {
    const LanczosResult r = k.run(a, index, cold_restart, confirm, {}, 0, out);
    if (out.finite && !any) {
      k.keep(r, step);
      any = true;
    } else if (out.finite) {
      out.cold_checked = true;
      out.disagreement = k.disagreement(r);
      out.redone = out.disagreement.has_value();
      if (k.replaces(r, out.redone)) {
        k.keep(r, step);
        warm = false;
      }
      if (out.redone && budget_left()) {
        const LanczosResult again = k.run(a, index, redo_restart, confirm, {}, 0, out);
        if (out.finite && k.replaces(again, k.disagreement(again).has_value())) {
          k.keep(again, step);
          warm = false;
        }
      }
    }
  }
  ++k.now.measured;
  if (out.redone) k.now.older_step = none;  // vectors that have missed an eigenvalue are no start any more
  k.asked = k.top;
  k.warm = warm;
  if (!out.finite || !any) return out;
  out.top = k.reported.top;
  out.bottom = k.reported.bottom;
  out.symmetric = k.reported.symmetric && k.unexplained == 0;
  out.converged = k.reported.converged && out.symmetric;
  out.warm = warm;
  out.scale = k.reported.scale;
  out.asymmetry = out.symmetric ? k.reported.asymmetry : std::max(k.unexplained, k.reported.asymmetry);
  if (out.symmetric) out.bounds = k.bounds;
  out.top_gap = k.reported.top_gap;
  out.two_sided = out.symmetric && k.shown();
  return out;
}

void EigenTracker::track(int top) {
  State& k = *state_;
  const int most = k.most_pairs - k.options.bottom;
  if (top < 1 || top > most)
    throw std::invalid_argument("[tracker] track " + std::to_string(top) + ": expected 1 to " + std::to_string(most));
  k.top = top;
}

EigenTracker::Memory EigenTracker::memory() const {
  const State& k = *state_;
  return {k.vectors(), k.kept[k.now.older].view(), k.now.newest_step, k.now.older_step, k.now.measured};
}

void EigenTracker::abandon() {
  State& k = *state_;
  if (k.measuring) k.now = k.before;
  k.measuring.reset();
}

void EigenTracker::restore(const Memory& m) {
  State& k = *state_;
  for (const auto& [from, place] : {std::pair{m.vectors, k.now.newest}, {m.older, k.now.older}}) {
    const View to = k.kept[place].view();
    if (from.dtype != k.dtype || from.shape != to.shape)
      throw std::invalid_argument("[tracker] vectors " + to_string(from.shape) + ": expected " + to_string(to.shape));
    brink::scale(k.device, flat(from), 1, flat(to));
  }
  k.now.newest_step = m.step;
  k.now.older_step = m.older_step;
  k.now.measured = m.measured;
  k.measuring.reset();
}

void EigenTracker::forget() {
  State& k = *state_;
  for (const Array& a : k.kept) set_zero(k.device, flat(a.view()));
  k.now.newest_step = k.now.older_step = none;
  k.measuring.reset();
}

}  // namespace brink
