// SPDX-License-Identifier: MIT
// Says where the time of a Hessian product goes: every kernel of the tangent program within a pass for one vector, within a pass for
// four at a time, and by itself, repeated on the same operands. One thread; the least of many repetitions of each call.
// The column `least` is a floor for a pass that reads every operand once for all vectors: a kernel by itself, or all four vectors' products
// as one product of wider matrices, whichever is quicker; products with the samples, which no first-level cache holds, at the rate of
// fused multiply-adds.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "autodiff/primitives/dense.h"
#include "autodiff/program.h"
#include "bench/perf/harness.h"
#include "bench/perf/program.h"
#include "bench/perf/work.h"
#include "kernels/thread_pool.h"
#include "kernels/tracer.h"
#include "models/model.h"

namespace brink::bench {
namespace {

constexpr int together = 4;

/// Microseconds. The wall clock is the more precise one; the processor's time leaves out what other processes took, which matters for
/// kernels of milliseconds.
using Clock = double (*)();
double wall_us() {
  using namespace std::chrono;
  return duration<double, std::micro>(steady_clock::now().time_since_epoch()).count();
}
double processor_us() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) * 1e-3;
}

/// The time of every span without the spans inside it, as the least of all passes; a pass has the same spans in the same order.
class SpanTimes final : public Tracer {
 public:
  static constexpr int outside = -2, between = -1;
  struct Span {
    int step;  ///< its place in the run of a program; `between`: the run without its steps; `outside`: the sums over blocks
    double least_us;
  };

  explicit SpanTimes(Clock now) : Tracer(true), now_(now) {
    const TraceName nothing{"nothing", ""};
    for (int i = 0; i < 1000; ++i) {
      begin_pass();
      begin(nothing, 0);
      end();
    }
    clock_us_ = spans_[0].least_us;
    clear();
  }
  void begin_pass() { at_ = 0; }
  void begin(const TraceName& name, std::int64_t) noexcept override {
    const int above = open_.empty() ? outside : open_.back().step;
    const bool program = name.category == "program";
    if (program) steps_ = 0;
    open_.push_back({program ? between : above == outside ? outside : steps_++, 0, 0});
    open_.back().begun = now_();
  }
  void end() noexcept override {
    const Open ended = open_.back();
    const double took = now_() - ended.begun - clock_us_, self = took - ended.inside;
    open_.pop_back();
    if (!open_.empty()) open_.back().inside += took + 2 * clock_us_;
    if (at_ == spans_.size()) spans_.push_back({ended.step, self});
    spans_[at_].least_us = std::min(spans_[at_].least_us, self);
    ++at_;
  }
  const std::vector<Span>& spans() const { return spans_; }
  void clear() {
    spans_.clear();
    begin_pass();
  }

 private:
  Clock now_;
  struct Open {
    int step;
    double begun, inside;
  };
  std::vector<Open> open_;
  std::vector<Span> spans_;
  std::size_t at_ = 0;
  int steps_ = 0;
  double clock_us_ = 0;
};

/// The nodes that one kernel computes.
using Step = std::vector<const Node*>;

std::vector<Step> steps_of(const Program& program) {
  std::vector<Step> out;
  for (int s = 0; s < program.steps(); ++s) {
    out.emplace_back();
    for (const int n : program.nodes_of(s)) out.back().push_back(&program.graph().nodes()[static_cast<std::size_t>(n)]);
  }
  return out;
}

/// The microseconds of a graph that is one kernel, called again and again on the same operands.
double time_alone(const Graph& g, Clock now, double turn_ms) {
  const Program program(g);
  Workspace workspace = program.make_workspace();
  std::vector<Array> arrays;
  std::vector<void*> in, out;
  std::uint32_t seed = 1;
  const auto place = [&](Var v) {
    arrays.push_back(zeros(g.shape(v), g.type(v).dtype));
    if (g.type(v).dtype == Dtype::f32)
      for (float& x : arrays.back().span<float>()) {
        seed = seed * 1664525U + 1013904223U;
        x = static_cast<float>(static_cast<std::int32_t>(seed)) * 0x1p-31F;
      }
    return arrays.back().view().data;
  };
  for (const Input& i : g.inputs()) in.push_back(place(i.var));
  for (const Output& o : g.outputs()) out.push_back(place(o.var));
  Device device;
  const auto run = [&](int calls) {
    const double begun = now();
    for (int i = 0; i < calls; ++i) program.run(device, workspace, in, out);
    return (now() - begun) / calls;
  };
  constexpr double long_us = 50;
  run(1);
  const int calls = std::clamp(static_cast<int>(long_us / run(1)), 1, 100);
  double least = 1e300;
  for (const double end = now() + turn_ms * 1e3; now() < end;) least = std::min(least, run(calls));
  return least;
}

Graph graph_of(const Graph& from, const Step& step) {
  Graph g;
  std::map<Var, Var> at;
  for (const Node* n : step) {
    Vars in;
    for (const Var v : n->in) {
      if (!at.contains(v)) at[v] = g.input("operand", from.type(v), InputRole::data, static_cast<int>(at.size()));
      in.push_back(at[v]);
    }
    const Vars made = g.emit_all(*n->primitive, in, n->attributes);
    for (std::size_t i = 0; i < made.size(); ++i) at[n->out[i]] = made[i];
  }
  int index = 0;
  for (const Var v : step.back()->out) g.output("result", OutputRole::samples, index++, at[v]);
  return g;
}

/// The factor pairs of a product's node for all vectors at once: the factor that depends on the vector has the vectors' matrices side by
/// side, so that the product stays one of matrices. Empty for any other step.
std::vector<Graph> stacked(const Graph& from, const Step& step, const std::map<Var, bool>& depends) {
  std::vector<Graph> out;
  const Node& n = *step[0];
  const bool gradient = n.primitive == &weight_gradient_p;
  if (!gradient && n.primitive != &matmul_p) return out;
  const bool transposed = !gradient && n.attributes.as<MatmulAttributes>().transpose_b;
  for (std::size_t i = 0; i < n.in.size(); i += 2) {
    ValueType a = from.type(n.in[i]), b = from.type(n.in[i + 1]);
    if (depends.at(n.in[i]))
      a.shape.extent[gradient ? 1 : 0] *= together;
    else
      b.shape.extent[transposed ? 0 : 1] *= together;
    Graph g;
    const Var factors[] = {g.input("a", a, InputRole::data, 0), g.input("b", b, InputRole::data, 1)};
    g.output("result", OutputRole::samples, 0, g.emit_all(*n.primitive, factors, n.attributes)[0]);
    out.push_back(std::move(g));
  }
  return out;
}

std::map<Var, bool> dependents_of_tangents(const Graph& g) {
  std::map<Var, bool> out;
  for (const Input& i : g.inputs()) out[i.var] = i.role == InputRole::tangent;
  for (const Node& n : g.nodes()) {
    const bool any = std::ranges::any_of(n.in, [&](Var v) { return out[v]; });
    for (const Var v : n.out) out[v] = any;
  }
  return out;
}

/// Microseconds of a block and a vector.
struct Part {
  std::string name;
  double roof = 0, single = 0, four = 0, alone = 0, as_one = 0, least = 0;
};
struct Column {
  const char* name;
  double Part::*of;
};
constexpr Column columns[] = {{"roof", &Part::roof},   {"single", &Part::single}, {"four", &Part::four},
                              {"alone", &Part::alone}, {"as one", &Part::as_one}, {"least", &Part::least}};

/// The Hessian of a network at one θ, four vectors, and their products, one after the other or at a time.
class FourProducts {
 public:
  FourProducts(Device& device, const Objective& objective, const Workload& data)
      : extent_(objective.layout.extent()),
        hvp_(device, objective, {view_of(data.x.data(), pictures(data)), view_of(data.labels.data(), {data.samples()})},
             {}, together),
        vectors_(objective.layout.repeated(together).make_vector(Dtype::f32)),
        products_(objective.layout.repeated(together).make_vector(Dtype::f32)) {
    const Array theta = objective.layout.make_vector(Dtype::f32), gradient = objective.layout.make_vector(Dtype::f32);
    const std::vector<std::int64_t> places = objective.layout.places();
    for (std::size_t i = 0; i < places.size(); ++i) {
      theta.span<float>()[static_cast<std::size_t>(places[i])] = data.theta[i];
      for (std::size_t j = 0; j < together; ++j)
        vectors_.span<float>()[j * static_cast<std::size_t>(extent_) + static_cast<std::size_t>(places[i])] =
            data.v[(i + j) % data.v.size()];
    }
    hvp_.linearize_at(theta.view(), gradient.view());
  }
  void apply(bool at_a_time) {
    const std::int64_t count = at_a_time ? together : 1;
    for (std::int64_t j = 0; j < together; j += count)
      hvp_.apply(vectors_.view().part(j * extent_, {count * extent_}),
                 products_.view().part(j * extent_, {count * extent_}));
  }

 private:
  static Shape pictures(const Workload& data) {
    Shape out{data.samples()};
    for (int a = 0; a < data.model.sample.rank; ++a)
      out.extent[static_cast<std::size_t>(out.rank++)] = data.model.sample[a];
    return out;
  }
  std::int64_t extent_;
  Hvp hvp_;
  Array vectors_, products_;
};

/// The kernels of a tangent program by themselves.
std::vector<Part> parts_alone(const Program& program, double gflops, Clock now, double turn_ms) {
  const Graph& g = program.graph();
  const std::map<Var, bool> depends = dependents_of_tangents(g);
  const auto reads_samples = [&](const Step& step) {
    return std::ranges::any_of(g.inputs(), [&](const Input& i) {
      return i.role == InputRole::data && std::ranges::find(step[0]->in, i.var) != step[0]->in.end();
    });
  };
  std::vector<Part> out;
  for (const Step& step : steps_of(program)) {
    const Graph alone = graph_of(g, step);
    Part p{program.names()[out.size()].name};
    p.roof = static_cast<double>(alone.flops()) * 1e-3 / gflops;
    p.alone = time_alone(alone, now, turn_ms);
    const std::vector<Graph> pairs = stacked(g, step, depends);
    for (const Graph& all : pairs) p.as_one += time_alone(all, now, turn_ms) / together;
    if (pairs.empty()) p.as_one = p.alone;
    p.least = !pairs.empty() && reads_samples(step) ? p.roof : std::min(p.alone, p.as_one);
    out.push_back(p);
  }
  return out;
}

/// The kernels of a tangent program, then what a pass does between them, and the sums over blocks.
std::vector<Part> parts_of(const Workload& data, double gflops, int passes, Clock now, double turn_ms) {
  const Objective objective = make_objective(data.model, Loss::cross_entropy, Dtype::f32);
  std::vector<Part> parts =
      parts_alone(Program(linearize(grad(objective.loss(objective.group))).tangent), gflops, now, turn_ms);
  const auto count = static_cast<int>(parts.size());
  parts.push_back({"between the kernels"});
  parts.push_back({"sums over the blocks"});
  SpanTimes times(now);
  Device device{.tracer = &times};
  FourProducts products(device, objective, data);
  const double blocks = static_cast<double>(data.samples()) / static_cast<double>(objective.group);
  for (const bool at_a_time : {false, true}) {
    times.clear();
    for (int i = 0; i < passes; ++i) {
      times.begin_pass();
      products.apply(at_a_time);
    }
    for (const SpanTimes::Span& s : times.spans()) {
      const int at = s.step == SpanTimes::between ? count : s.step == SpanTimes::outside ? count + 1 : s.step % count;
      Part& p = parts[static_cast<std::size_t>(at)];
      (at_a_time ? p.four : p.single) += s.least_us / (together * blocks);
    }
  }
  for (auto p = parts.end() - 2; p != parts.end(); ++p) p->alone = p->as_one = p->least = std::min(p->single, p->four);
  return parts;
}

nlohmann::json measure(const std::string& network, const Workload& data, int passes, Clock now, double turn_ms) {
  ThreadPool pool(1);
  const Roofs roofs = measure_roofs(pool);
  const std::vector<Part> parts = parts_of(data, roofs.fma_f32_gflops_core, passes, now, turn_ms);
  Part all{"all"}, others{"others, below 0.2 % each"};
  const auto add = [](Part& to, const Part& p) {
    for (const Column& c : columns) to.*c.of += p.*c.of;
  };
  nlohmann::json out{{"network", network}, {"samples", data.samples()}, {"roofs", to_json(roofs)}};
  const auto print = [](const Part& p) {
    fmt::print("  {:<46}", p.name);
    for (const Column& c : columns) fmt::print("{:10.2f}", p.*c.of);
    fmt::print("\n");
  };
  fmt::print("{}, {} samples, microseconds of a block of {} and a vector; roof {:.0f} GFLOP/s\n  {:<46}", network,
             data.samples(), data.model.group, roofs.fma_f32_gflops_core, "");
  for (const Column& c : columns) fmt::print("{:>10}", c.name);
  fmt::print("\n");
  for (const Part& p : parts) {
    add(all, p);
    out["parts"].push_back({{"name", p.name}});
    for (const Column& c : columns) out["parts"].back()[c.name] = p.*c.of;
  }
  for (const Part& p : parts)
    if (p.single < 2e-3 * all.single)
      add(others, p);
    else
      print(p);
  print(others);
  print(all);
  fmt::print("  {:<46}", "of the single product");
  for (const Column& c : columns) fmt::print("{:10.2f}", all.*c.of / all.single);
  fmt::print("\n");
  return out;
}

}  // namespace
}  // namespace brink::bench

int main(int argc, char** argv) {
  using namespace brink;
  using namespace brink::bench;
  std::string network = "mlp";
  std::int64_t samples = 0;
  int passes = 200;
  double turn_ms = 30;
  CLI::App app("The kernels of a Hessian product, within a pass and by themselves, one thread.");
  app.add_option("--network", network, "mlp (784-32-32-32-32-4) or vgg10 (32/64/128)")
      ->check(CLI::IsMember({"mlp", "vgg10"}))
      ->capture_default_str();
  app.add_option("--samples", samples, "size of the batch (default: 4000 for mlp, 32 for vgg10)");
  app.add_option("--passes", passes, "number of passes")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--turn-ms", turn_ms, "milliseconds for which a kernel is repeated by itself")
      ->check(CLI::Range(1e-3, 1e6))
      ->capture_default_str();
  return run_program(argc, argv, app, "parts", [&](nlohmann::json& report) {
    const bool mlp = network == "mlp";
    Chosen<NetworkKind> kind(*find_kind(network_kinds(), mlp ? "mlp" : "vgg"));
    if (mlp)
      kind.options.set("hidden", std::vector<std::int64_t>(4, 32));
    else
      kind.options.set("channels", std::vector<std::int64_t>{32, 64, 128});
    if (samples == 0) samples = mlp ? 4000 : 32;
    const Workload data = make_workload(kind, mlp ? Shape{784} : Shape{32, 32, 3}, mlp ? 4 : 10, samples, 1);
    report["results"] = measure(network, data, passes, mlp ? wall_us : processor_us, turn_ms);
  });
}
