// SPDX-License-Identifier: MIT
// Vendor arithmetic with a fake cuBLAS: every role of a product, captured and replayed; a whole run beside the exact one; the
// calls to the library; everything that can be wrong with it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>

#include "kernels/cuda/cublas_folders.h"
#include "kernels/matmul/matmul.h"
#include "kernels/memory.h"
#include "kernels/replay.h"
#include "kernels/vendor.h"
#include "tests/emulator/fake_cublas.h"
#include "tests/emulator/fake_runtime.h"
#include "tests/emulator/guarded.h"
#include "tests/emulator/short_run.h"
#include "tests/reference/reference.h"
#include "tests/support/numbers.h"
#include "training/io/text.h"

using namespace brink;
using emulator::Run;
using emulator::run;

namespace {

/// Installs the fake library while it lives: on the emulated stream, and named by the environment.
struct Installed {
  explicit Installed(const std::string& path = fake_cublas::path()) {
    setenv("BRINK_CUBLAS", path.c_str(), 1);
    fake_cublas::state() = {};
    fake_cublas::state().enqueue = [](void* stream, std::function<void()> work) {
      cuda::LaunchCall call;
      call.body = std::move(work);
      return cuda::runtime().launch(call, stream);
    };
  }
  ~Installed() {
    unsetenv("BRINK_CUBLAS");
    fake_cublas::state() = {};
  }
  Installed(const Installed&) = delete;
  Installed& operator=(const Installed&) = delete;
};

/// Sets environment variables while it lives; an empty value unsets one.
class EnvironmentVariables {
 public:
  explicit EnvironmentVariables(const std::map<std::string, std::string>& wanted) {
    for (const auto& [name, value] : wanted) {
      const char* const old = std::getenv(name.c_str());
      before_[name] = old != nullptr ? old : "";
      set(name, value);
    }
  }
  ~EnvironmentVariables() {
    for (const auto& [name, value] : before_) set(name, value);
  }
  EnvironmentVariables(const EnvironmentVariables&) = delete;
  EnvironmentVariables& operator=(const EnvironmentVariables&) = delete;

 private:
  static void set(const std::string& name, const std::string& value) {
    if (value.empty())
      unsetenv(name.c_str());
    else
      setenv(name.c_str(), value.c_str(), 1);
  }
  std::map<std::string, std::string> before_;
};

/// A folder that is removed at the end.
struct Scratch {
  std::filesystem::path path;
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "brink-cublas-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

struct Product {
  std::int64_t m, k, n;
  int pairs;
};
constexpr Product products[] = {{1, 1, 1, 1}, {7, 5, 3, 1}, {33, 65, 4, 2}, {300, 47, 10, 3}, {5, 1, 9, 2}};
enum class Role { forward, with_transpose, weight_gradient };

template <class T>
Array values(Shape shape, std::uint64_t seed) {
  Array a(shape, dtype_of<T>());
  std::uint64_t i = 0;
  for (T& x : a.span<T>()) x = static_cast<T>(support::uniform(seed, i++));
  return a;
}

/// The library's product against brink's order, within the rounding of any order; twice by one capture.
template <class T>
void check(Device& d, const Product& p, Role role) {
  const bool gradient = role == Role::weight_gradient;
  const Shape shape = gradient ? Shape{p.k, p.n} : Shape{p.m, p.n};
  std::vector<Array> host, size;
  std::vector<std::unique_ptr<Guarded>> in;
  std::vector<View> views, host_views, size_views;
  for (int i = 0; i < 2 * p.pairs; ++i) {
    const Shape b = gradient ? Shape{p.m, p.n} : role == Role::with_transpose ? Shape{p.n, p.k} : Shape{p.k, p.n};
    host.push_back(values<T>(i % 2 == 0 ? Shape{p.m, p.k} : b, static_cast<std::uint64_t>(i)));
    size.push_back(values<T>(host.back().view().shape, static_cast<std::uint64_t>(i)));
    for (T& x : size.back().span<T>()) x = std::fabs(x);
    in.push_back(std::make_unique<Guarded>(d, host.back().view().shape, dtype_of<T>()));
    in.back()->set(host.back().view().data);
    views.push_back(in.back()->view());
  }
  for (std::size_t i = 0; i < host.size(); ++i)
    host_views.push_back(host[i].view()), size_views.push_back(size[i].view());
  const Array expected(shape, dtype_of<T>()), most(shape, dtype_of<T>());
  const auto by_loops = [&](const std::vector<View>& of, const Array& out) {
    if (gradient)
      reference::weight_gradient<T>(of, out.view(), 128);
    else
      reference::matmul<T>(of, out.view(), role == Role::with_transpose);
  };
  by_loops(host_views, expected);
  by_loops(size_views, most);
  Guarded out(d, shape, dtype_of<T>());
  Replay replay;
  for (int turn = 0; turn < 2; ++turn) {
    out.set_poison();
    void* const memory[] = {out.view().data};
    replay.run(d, memory, [&] {
      if (gradient)
        weight_gradient(d, out.view(), views, 128, {});
      else
        matmul(d, out.view(), views, role == Role::with_transpose, {});
    });
    REQUIRE(out.fetch());
    double worst = 0;
    const double terms = static_cast<double>(p.pairs * (gradient ? p.m : p.k) + 1);
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const double error = std::fabs(double{static_cast<const T*>(out.found())[i]} - double{expected.span<T>()[at]});
      const double bound = 2 * terms * std::numeric_limits<T>::epsilon() * double{most.span<T>()[at]};
      worst = error <= worst * bound ? worst : error / bound;  // a NaN passes through and fails
    }
    CHECK_MESSAGE(worst <= 1, "role ", static_cast<int>(role), ", ", p.m, "×", p.k, "×", p.n, ", turn ", turn);
  }
  CHECK(replay.captures() == 1);
}

/// Column `name` of a metrics.csv, by row.
std::vector<double> column(const std::string& text, const std::string& name) {
  std::vector<double> out;
  std::ptrdiff_t at = -1;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    std::vector<std::string> cells;
    std::string line = text.substr(begin, end - begin) + ",";
    for (std::size_t comma; (comma = line.find(',')) != std::string::npos; line.erase(0, comma + 1))
      cells.push_back(line.substr(0, comma));
    if (at < 0)
      at = std::ranges::find(cells, name) - cells.begin();
    else
      out.push_back(parse_number<double>(cells.at(static_cast<std::size_t>(at))).value_or(NAN));
    begin = end + 1;
  }
  return out;
}

void check_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::fabs(a[i] - b[i]) <= tolerance * std::fabs(b[i]));
}

}  // namespace

TEST_CASE_TEMPLATE(
    "every role, several pairs of factors, captured: the library's products are the exact ones to rounding", T, float,
    double) {
  const Installed library;
  cuda::FakeRuntime runtime;
  runtime.largest_allocation_bytes = std::int64_t{60} << 20;  // each buffer between guards of its own
  cuda::Context context;
  const auto vendor = open_cublas(context);
  Device d{Where::cuda, nullptr, &context, nullptr, vendor.get()};
  for (const Product& p : products)
    for (const Role role : {Role::forward, Role::with_transpose, Role::weight_gradient}) check<T>(d, p, role);
  CHECK(fake_cublas::state().gemms == 3 * (1 + 1 + 2 + 3 + 2));  // one for each pair: captured once, replayed twice
}

TEST_CASE("what a product's kernel would finish is done after the library's product: bias, relu, gate") {
  const Installed library;
  cuda::Context context;
  const auto vendor = open_cublas(context);
  Device d{Where::cuda, nullptr, &context, nullptr, vendor.get()};
  const Array a = values<float>({33, 7}, 1), b = values<float>({7, 5}, 2), bias = values<float>({5}, 3),
              gate = values<float>({33, 5}, 4);
  const Array on_device[] = {to_device(d, a.view()), to_device(d, b.view()), to_device(d, bias.view()),
                             to_device(d, gate.view())};
  const View factors[] = {on_device[0].view(), on_device[1].view()};
  for (const bool relu : {true, false}) {
    const Epilogue e{.bias = on_device[2].view(), .gate = relu ? View{} : on_device[3].view(), .relu = relu};
    const Array c({33, 5}, Dtype::f32, d), plain({33, 5}, Dtype::f32, d);
    matmul(d, plain.view(), factors, false, {});
    matmul(d, c.view(), factors, false, {}, &e);
    const Array found = to_host(d, c.view()), before = to_host(d, plain.view());
    for (std::size_t i = 0; i < 33 * 5; ++i) {
      const float x = before.span<float>()[i] + bias.span<float>()[i % 5];
      const float expected = relu ? std::max(x, 0.0F) : gate.span<float>()[i] > 0 ? x : 0;
      CHECK(found.span<float>()[i] == expected);
    }
  }
}

TEST_CASE(
    "the handle: brink's stream, a fixed workspace of the context's, TF32 off, no atomics; given back at the end") {
  const Installed library;
  cuda::FakeRuntime runtime;
  cuda::Context context;
  const std::int64_t free = context.free_bytes();
  {
    const auto vendor = open_cublas(context);
    const fake_cublas::State& s = fake_cublas::state();
    CHECK(vendor->name() == "cuBLAS 13.1.0");
    CHECK(s.stream == context.stream());
    CHECK(s.workspace != nullptr);
    CHECK(s.workspace_bytes == std::int64_t{32} << 20);
    CHECK(s.math == static_cast<int>(CublasMath::pedantic));
    CHECK(s.atomics == 0);
    CHECK(s.handles == 1);
  }
  CHECK(fake_cublas::state().handles == 0);
  CHECK(context.free_bytes() == free);
}

TEST_CASE(
    "train --device cuda --arithmetic vendor: the exact run's numbers to rounding, its own bits every time, and it "
    "says so") {
  const emulator::Unprotected fast;
  const std::vector<std::string> f64{"run.precision=float64"};
  const std::vector<std::string> vendor_f64{"run.precision=float64", "run.arithmetic=vendor"};
  const Run exact = run(f64, "cuda");
  const Installed library;
  const Run vendor = run(vendor_f64, "cuda"), again = run(vendor_f64, "cuda");
  REQUIRE_MESSAGE(vendor.code == ExitCode::done, vendor.said);
  CHECK(fake_cublas::state().gemms > 20);
  CHECK(vendor.metrics == again.metrics);
  CHECK(vendor.metrics != exact.metrics);
  for (const char* name : {"loss", "gradient_norm", "train_accuracy"})
    check_close(column(vendor.metrics, name), column(exact.metrics, name), 1e-11);
  check_close(column(vendor.metrics, "lambda_1"), column(exact.metrics, "lambda_1"), 1e-6);  // squares of its residual
  CHECK(vendor.said.find("matrix products by cuBLAS 13.1.0 (TF32 off)") != std::string::npos);
  CHECK(vendor.record["arithmetic"]["kind"] == "vendor");
  CHECK(vendor.record["arithmetic"]["library"] == "cuBLAS 13.1.0");
  CHECK(vendor.record["arithmetic"]["portable_bits"] == false);
  CHECK(exact.record["arithmetic"]["kind"] == "exact");
  CHECK(exact.record["arithmetic"]["library"].is_null());
  CHECK(exact.record["arithmetic"]["portable_bits"] == true);
  CHECK(vendor.record["config_hash"] != exact.record["config_hash"]);

  const Run f32 = run({"run.arithmetic=vendor"}, "cuda"), exact_f32 = run({}, "cuda");
  REQUIRE_MESSAGE(f32.code == ExitCode::done, f32.said);
  check_close(column(f32.metrics, "loss"), column(exact_f32.metrics, "loss"), 1e-5);
}

TEST_CASE(
    "a library that is absent, is another one, does not start or fails: exit 6, one line, no fallback; the CPU "
    "refuses") {
  const emulator::Unprotected fast;
  const auto said = [](ExitCode code = ExitCode::device) {
    const Run r = run({"run.arithmetic=vendor"}, "cuda");
    CHECK(r.code == code);
    CHECK(r.metrics.empty());
    CHECK(std::ranges::count(r.said, '\n') == 1);
    return r.said;
  };
  {
    const Installed library("/nowhere/libcublas.so.13");
    const std::string text = said();
    CHECK(text.starts_with("run.arithmetic = \"vendor\": cuBLAS cannot be opened (/nowhere/libcublas.so.13: "));
    CHECK(text.find("BRINK_CUBLAS, or give --arithmetic exact") != std::string::npos);
  }
  {
    const Installed library("libz.so.1");
    CHECK(said().find("the library found has no cublasCreate_v2") != std::string::npos);
  }
  {
    const Installed library;
    fake_cublas::state().create_status = 1;
    CHECK(said().find("cublasCreate says the library was not initialized (1)") != std::string::npos);
  }
  {
    const Installed library;
    fake_cublas::state().failing_gemm = 5;
    const Run r = run({"run.arithmetic=vendor"}, "cuda");
    CHECK(r.code == ExitCode::device);
    CHECK(r.said.find("[cublas] gemm: the function failed to launch on the GPU (13)") != std::string::npos);
  }
  const Run cpu = run({"run.arithmetic=vendor"}, "cpu");
  CHECK(cpu.code == ExitCode::usage);
  CHECK(cpu.said.find("\"vendor\" needs run.device = \"cuda\"") != std::string::npos);
}

TEST_CASE("cuBLAS is looked for in toolkits and in Python's packages, those that the environment names first") {
  const Scratch scratch;
  const std::filesystem::path& root = scratch.path;
  const std::string cu13 = "lib/python3.12/site-packages/nvidia/cu13/lib",
                    cu12 = "lib/python3.12/site-packages/nvidia/cublas/lib";
  const std::vector<std::string> expected{"home/lib64",
                                          "extra/nvidia/cu13/lib",
                                          "venv/" + cu13,
                                          "venv/" + cu12,
                                          "conda/" + cu12,
                                          "on_path/" + cu13,
                                          "user/.local/" + cu13,
                                          "usr/local/lib/python3.11/dist-packages/nvidia/cublas/lib",
                                          "usr/lib/python3/dist-packages/nvidia/cu13/lib",
                                          "usr/local/cuda/lib64",
                                          "usr/local/cuda-13.0/targets/x86_64-linux/lib",
                                          "usr/local/cuda-12.4/lib64"};
  for (const std::string& folder : expected) std::filesystem::create_directories(root / folder);
  std::filesystem::create_directories(root / "on_path/bin");
  std::filesystem::create_directories(root / "not_python/bin");
  std::filesystem::create_directories(root / "not_python" / cu13);
  std::filesystem::create_symlink("/bin/sh", root / "on_path/bin/python3");
  std::filesystem::create_directory_symlink("targets/x86_64-linux/lib", root / "usr/local/cuda-13.0/lib64");  // twice
  const auto in = [&](const std::string& name) { return (root / name).string(); };
  const EnvironmentVariables environment({{"CUDA_HOME", in("home")},
                                          {"CUDA_PATH", in("absent")},
                                          {"PYTHONPATH", ":" + in("extra") + "::"},
                                          {"VIRTUAL_ENV", in("venv")},
                                          {"CONDA_PREFIX", in("conda")},
                                          {"PATH", in("not_python/bin") + ":" + in("on_path/bin") + "/"},
                                          {"HOME", in("user")}});
  std::vector<std::string> found;
  for (const std::filesystem::path& folder : cuda::cublas_folders(root))
    found.push_back(std::filesystem::canonical(folder).lexically_relative(std::filesystem::canonical(root)).string());
  CHECK(found == expected);

  const EnvironmentVariables nothing({{"CUDA_HOME", ""},
                                      {"CUDA_PATH", ""},
                                      {"PYTHONPATH", ""},
                                      {"VIRTUAL_ENV", ""},
                                      {"CONDA_PREFIX", ""},
                                      {"PATH", in("not_python/bin")},
                                      {"HOME", ""}});
  CHECK(cuda::cublas_folders(root / "absent").empty());
}
