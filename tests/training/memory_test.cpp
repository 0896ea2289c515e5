// SPDX-License-Identifier: MIT
// Predicted sizes: those of a run are what it then allocates, and a run that does not fit is refused before
// any of it is allocated or read (R4 of docs/promises.md).
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "training/errors.h"
#include "training/run/fit.h"

using namespace brink;

namespace {

Config config_of(std::vector<std::string> sets) { return load_config({{}, std::move(sets), {}}); }

TrainerOptions options_of(const Config& c) {
  TrainerOptions o;
  o.batch.chunk = c.run.chunk;
  o.minibatches.samples = c.training.batch;
  if (c.measure.top + c.measure.bottom > 0)
    o.tracker = TrackerOptions{.top = static_cast<int>(c.measure.top), .bottom = static_cast<int>(c.measure.bottom)};
  return o;
}

struct Sizes {
  std::int64_t data = 0, all = 0;
  std::int64_t lacking = 0;  // above 0: the number of bytes by which the trainer did not fit
};

/// Bytes that the problem alone, and problem and trainer, take of this device: counted if it has a count, otherwise allocated.
Sizes sizes_on(Device& device, const Config& c, std::int64_t limit) {
  const std::int64_t before = allocated_bytes(device);
  const Problem p = make_problem(device, c);
  Sizes out;
  out.data = allocated_bytes(device) - before;
  TrainerOptions o = options_of(c);
  o.evaluation = p.evaluation;
  if (limit > 0) o.batch.limit_bytes = before + limit;
  try {
    const Trainer trainer(device, p.objective, p.train, p.test, o, p.theta0.view());
    out.all = allocated_bytes(device) - before;
  } catch (const OutOfMemory& e) { out.lacking = e.needed_bytes - e.free_bytes; }
  return out;
}

std::string refusal(const Config& c) {
  ThreadPool pool(2);
  Device device{.pool = &pool};
  try {
    expect_memory(device, c, options_of(c));
    return "accepted";
  } catch (const DeviceError& e) { return e.what(); }
}

std::int64_t peak_bytes() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return std::int64_t{used.ru_maxrss} * 1024;
}

constexpr std::int64_t mib = 1 << 20;

/// The number before "MiB" that follows these words.
std::int64_t number_behind(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  REQUIRE_MESSAGE(at != std::string::npos, text);
  return std::stoll(text.substr(at + words.size()));
}

}  // namespace

TEST_CASE(
    "F4: what is counted is what is allocated: all networks, both precisions, chunks, threads, residuals kept and "
    "not") {
  const std::vector<std::string> colour{"data.name=synthetic-cifar", "data.train=140", "data.test=20"};
  const auto with = [](std::vector<std::string> a, const std::vector<std::string>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const std::vector<std::vector<std::string>> networks{
      {"model.name=mlp", "data.train=140", "data.test=20", "model.hidden=[9,7]"},
      {"model.name=mlp", "data.train=140", "data.test=20", "model.hidden=[9]", "measure.top=0", "measure.bottom=0"},
      {"model.name=dln"},
      with(colour, {"model.name=alexnet", "model.filters=3", "model.dense=[8,6]"}),
      with(colour, {"model.name=vgg", "model.channels=[2,3]", "model.ghost_batch=32"}),
      with(colour, {"model.name=vgg", "model.channels=[2,3]", "model.ghost_batch=32", "model.short_group=join",
                    "model.norm_mode=evaluation"}),
      with(colour, {"model.name=resnet20", "model.widths=[2,3,4]", "model.ghost_batch=32"})};
  int refused = 0, recomputed = 0;
  for (const std::vector<std::string>& network : networks)
    for (const char* precision : {"float32", "float64"})
      for (const int threads : {1, 3})
        for (const char* chunk : {"auto", "128", "140"}) {
          CAPTURE(network);
          CAPTURE(precision);
          CAPTURE(threads);
          CAPTURE(chunk);
          if (network.size() == 1 && std::string(chunk) != "auto") continue;  // dln: one sample
          const Config c =
              config_of(with(network, {std::string("run.precision=") + precision, std::string("run.chunk=") + chunk}));
          ThreadPool pool(threads);
          Device device{.pool = &pool};
          std::int64_t whole = 0;
          for (const std::int64_t share : {0, 99, 95, 50}) {  // of what the run takes without a limit; 0: none
            CAPTURE(share);
            MemoryCount count = count_memory(device);
            Device counting = count.on(device);
            const std::int64_t before = allocated_bytes(device), limit = whole * share / 100;
            const Sizes predicted = sizes_on(counting, c, limit);
            CHECK(allocated_bytes(device) == before);
            const Sizes found = sizes_on(device, c, limit);
            CHECK(predicted.data == found.data);
            CHECK(predicted.all == found.all);
            CHECK(predicted.lacking == found.lacking);
            CHECK(count.bytes(Where::cpu) == before);
            if (share == 0)
              whole = found.all;
            else
              ++(found.lacking > 0 ? refused : recomputed);
          }
        }
  CHECK(refused > 20);
  CHECK(recomputed > 20);
}

TEST_CASE("F4: the outline of the official sets is what is loaded") {
  const char* shared = std::getenv("BRINK_SHARED");
  const char* root = std::getenv("BRINK_SOURCE_ROOT");
  const std::string folder = (shared ? shared : std::string(root ? root : ".") + "/../shared") + "/data/";
  struct OfficialSet {
    const char *name, *files, *first;
  };
  for (const OfficialSet& set : {OfficialSet{"fmnist4", "fashion-mnist", "t10k-labels-idx1-ubyte.gz"},
                                 OfficialSet{"cifar10-5k", "cifar-10-batches-bin", "test_batch.bin"},
                                 OfficialSet{"cifar10-500k", "cifar-10-batches-bin", "test_batch.bin"}}) {
    const char *const name = set.name, *const files = set.files, *const first = set.first;
    std::FILE* const there = std::fopen((folder + files + "/" + first).c_str(), "rb");
    if (!there) {
      std::printf("[skip] the outline of %s: %s is not there\n", name, (folder + files).c_str());
      continue;
    }
    (void)std::fclose(there);
    CAPTURE(name);
    const Config c = config_of({std::string("data.name=") + name, "data.directory=" + folder + files, "data.train=1000",
                                "data.test=400", "model.name=mlp", "model.hidden=[3]"});
    Device device;
    MemoryCount count = count_memory(device);
    Device counting = count.on(device);
    const Problem outline = make_problem(counting, c), found = make_problem(device, c);
    CHECK(outline.data->train.picture == found.data->train.picture);
    CHECK(outline.data->train.classes == found.data->train.classes);
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(outline.train[i].view().shape == found.train[i].view().shape);
      CHECK(outline.train[i].view().dtype == found.train[i].view().dtype);
      CHECK(outline.test[i].view().shape == found.test[i].view().shape);
      CHECK((outline.train[i].maker() == nullptr) == (found.train[i].maker() == nullptr));
    }
    const std::int64_t difference = count.bytes(Where::cpu) - allocated_bytes(device);
    CHECK(difference >= 0);
    CHECK(difference < alignment_bytes);  // the bytes of the records are counted as they are
  }
}

TEST_CASE(
    "F4: what does not fit is refused at once, with needed, allowed and the largest part, and nothing is allocated") {
  const std::int64_t peak = peak_bytes();
  const std::string small = refusal(config_of({"run.memory=50MiB", "model.hidden=[2000,1000]", "data.train=40"}));
  CHECK(small.starts_with("out of memory: "));
  CHECK(small.find(
            " are needed, 50 MiB are allowed (run.memory); the largest part is the Krylov basis of 48 vectors: ") !=
        std::string::npos);
  CHECK(small.find("; not even a chunk of one group of 40 samples fits; run.memory must be at least ") !=
        std::string::npos);
  const std::string large = refusal(config_of({"model.hidden=[65536,65536]", "data.train=40"}));
  CHECK(large.find(" TiB are needed, ") != std::string::npos);
  CHECK(large.find(" is free); the largest part is the Krylov basis of 48 vectors: "
                   "1.645 TiB; ") != std::string::npos);

  CHECK(large.find(" are there at most, so a smaller network or less data is needed") != std::string::npos);
  const std::string given =
      refusal(config_of({"model.hidden=[65536,65536]", "data.train=40", "run.memory=1048576GiB"}));
  CHECK(given.find(" are allowed (all that is free); the largest part is ") != std::string::npos);

  const std::string least =
      refusal(config_of({"run.memory=1KiB", "data.train=40"}));  // less than the program itself takes
  CHECK(least.find(" are needed, 1 KiB are allowed (run.memory); ") != std::string::npos);
  CHECK(refusal(config_of({"run.memory=1KiB", "model.name=dln"})).find(" of one group of 1 sample fits") !=
        std::string::npos);

  std::string widest = "model.hidden=[65536";
  for (int i = 1; i < 64; ++i) widest += ",65536";
  const std::vector<std::string> colour{"data.name=synthetic-cifar", "data.test=10", "run.precision=float64"};
  for (const std::vector<std::string>& sets : std::vector<std::vector<std::string>>{
           {widest + "]", "data.train=100000", "run.chunk=100000"},
           {"data.train=10000000", "model.hidden=[1]", "run.memory=1GiB"},
           {"model.name=vgg", "model.channels=[65536,65536,65536,65536,65536]", "model.ghost_batch=10000",
            "data.train=10000"},
           {"model.name=resnet20", "model.widths=[65536,65536,65536]", "run.chunk=10000", "model.ghost_batch=1",
            "data.train=10000"},
           {"model.name=resnet20", "model.widths=[65536,65536,65536]", "run.chunk=10000000", "model.ghost_batch=1",
            "data.train=10000000"},
           {"model.name=alexnet", "model.filters=65536", "model.dense=[65536,65536]", "data.train=1000"}}) {
    std::vector<std::string> all = sets;
    if (sets[0].starts_with("model.name")) all.insert(all.end(), colour.begin(), colour.end());
    CAPTURE(all);
    const std::string said = refusal(config_of(all));
    CAPTURE(said);
    CHECK(said.starts_with("out of memory: "));
    CHECK(said.find(" are needed") != std::string::npos);
    CHECK(said.find("the largest part is ") != std::string::npos);
    CHECK(said.find('-') == std::string::npos);  // no overflow
  }
  CHECK(peak_bytes() - peak < 64 * mib);
}

TEST_CASE("F4: data that do not fit are refused before their files are looked at") {
  const std::string said =
      refusal(config_of({"data.name=cifar10-500k", "data.directory=/nowhere", "model.name=mlp", "model.hidden=[2]",
                         "data.train=500000", "data.test=10000", "run.memory=64MiB"}));
  CHECK(said.find(" are needed") != std::string::npos);
  CHECK(said.find("the largest part is the records of the training samples: 146.5 MiB") != std::string::npos);
}

TEST_CASE(
    "F4: the memory that a refusal names is enough, and one MiB less is not; a chunk of the user's is told what fits") {
  const std::vector<std::string> sets{"data.train=8000", "data.test=40", "model.hidden=[64,64,64]"};
  const auto with = [&](std::int64_t mebibytes, const std::string& chunk) {
    std::vector<std::string> all = sets;
    all.push_back("run.memory=" + std::to_string(mebibytes) + "MiB");
    all.push_back("run.chunk=" + chunk);
    return config_of(all);
  };
  const std::int64_t least = number_behind(refusal(with(60, "auto")), "run.memory must be at least ");
  CHECK(refusal(with(least, "auto")) == "accepted");
  CHECK(refusal(with(least - 1, "auto")).starts_with("out of memory: "));
  const std::string given = refusal(with(least, "8000"));
  CHECK(given.starts_with("out of memory with run.chunk = 8000: "));
  CHECK(given.ends_with(" fits and gives the same bits"));

  // The real trainer agrees.
  Device device;
  const Config c = with(least, "auto");
  const Problem p = make_problem(device, c);
  const Fitted fitted = fit_in_memory(device, p, options_of(c), memory_limit(c, device));
  CHECK(fitted.trainer);
  CHECK(allocated_bytes(device) <= fitted.limit_bytes);
}

TEST_CASE("a count: parts by name, what was given back, the largest at the time of the most, no overflow") {
  Device device;
  MemoryCount count = count_memory(device);
  const std::int64_t before = count.bytes(Where::cpu);
  Device counting = count.on(device);
  {
    const CountedPart first(counting, "first");
    const Buffer a(1000, counting);
    CHECK(a.data() == nullptr);
    CHECK(a.bytes() == 1000);
    CHECK(allocated_bytes(counting) == before + 1024);
    {
      const CountedPart second(counting, "second");
      const Array b({100, 100}, Dtype::f64, counting);
      CHECK(count.counted_bytes(Where::cpu) == 1024 + 80000);
    }
    Buffer moved(64, counting);
    const Buffer to = std::move(moved);
    CHECK(count.counted_bytes(Where::cpu) == 1024 + 64);
  }
  CHECK(count.bytes(Where::cpu) == before);
  CHECK(count.most_bytes(Where::cpu) == before + 1024 + 80000);
  const std::int64_t most = count.bytes(Where::cuda);
  CHECK(most == 0);
  const CountedPart third(counting, "third");
  constexpr std::int64_t side = std::int64_t{1} << 40;
  const Array huge({side, side, side}, Dtype::f64, counting), more({side, side}, Dtype::f32, counting);
  CHECK(count.bytes(Where::cpu) == std::numeric_limits<std::int64_t>::max());
  CHECK(count.largest_part(Where::cpu).name == "third");
  CHECK(saturated_product({3, 5, 7}) == 105);
  CHECK(saturated_product({side, side, 0}) == 0);
  CHECK(saturated_sum(2, 3) == 5);
}

TEST_CASE("F4: the operations of an absurd network are as many as a number can say") {
  const Config c = config_of({"data.name=synthetic-cifar", "model.name=vgg", "model.channels=[65536]"});
  const Objective o = make_objective(make_model(c.model, {32, 32, 3}, 10), Loss::cross_entropy, Dtype::f32);
  CHECK(o.loss(10'000'000).flops() == std::numeric_limits<std::int64_t>::max());
  CHECK(o.loss(1).flops() < std::int64_t{1} << 60);
}
