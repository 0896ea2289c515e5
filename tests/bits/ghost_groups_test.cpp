// SPDX-License-Identifier: MIT
// B2 and B3 of docs/promises.md for networks with GhostBatchNorm: neither threads nor chunks, from one ghost group to all of them, change
// a bit of loss, gradient, product, spectrum and trajectory, nor of the statistics of evaluation mode.
#include <doctest/doctest.h>

#include "models/convolutional.h"
#include "tests/bits/whole_computation.h"

using namespace brink;
using support::Bits;
using support::Network;

namespace {

Network small_vgg(Dtype dtype, std::int64_t samples, bool join_short = false) {
  return {{.samples = samples, .loss = Loss::cross_entropy, .dtype = dtype},
          vgg({8, 8, 3}, {3, 4}, 4, {.batch = 4, .join_short = join_short})};
}
/// VGG10 has three blocks; the last works on 2×2 pixels here, and the last group has 2 samples.
Network small_vgg10(Dtype dtype, std::int64_t samples) {
  return {{.samples = samples, .loss = Loss::cross_entropy, .dtype = dtype},
          vgg({8, 8, 3}, {2, 3, 2}, 4, {.batch = 4})};
}
Network small_resnet(Dtype dtype, std::int64_t samples) {
  return {{.samples = samples, .loss = Loss::cross_entropy, .dtype = dtype},
          resnet20({8, 8, 3}, {2, 3, 5}, 4, {.batch = 3})};
}

/// Each chunk with each of three numbers of threads, or with one of them in turn.
void same_for_all_chunks(const Network& n, std::int64_t groups, bool in_turn = false) {
  const std::int64_t samples = n.options.samples, group = n.model.group;
  const Bits whole = support::compute(n, {.threads = 1, .chunk = samples});
  REQUIRE(whole.parts.size() > 100);
  for (std::int64_t g = 1; g <= groups; ++g) {
    CAPTURE(g);
    CAPTURE(name_of(n.options.dtype));
    for (const int threads : {1, 2, 3})
      if (!in_turn || threads == 1 + g % 3)
        REQUIRE(support::first_difference(support::compute(n, {.threads = threads, .chunk = g * group}), whole) == "");
  }
  for (const int threads : {1, 2, 3})  // chunk = 0 chooses
    REQUIRE(support::first_difference(support::compute(n, {.threads = threads}), whole) == "");
}

/// The loss with statistics of whole blocks, as in an implementation that normalises by the samples it has in memory.
LossAndCorrect loss_by_chunk_statistics(const Network& n, std::int64_t chunk) {
  Objective o = n.objective;
  o.loss = [&](std::int64_t samples) {
    Model m = n.model;
    m.set_groups(samples, false, m.epsilon);
    return make_objective(m, n.options.loss, n.options.dtype).loss(samples);
  };
  Device device;
  Array gradient = n.vector();
  return Gradient(device, o, n.data(), {chunk, 0}).evaluate(n.theta.view(), gradient.view());
}

}  // namespace

TEST_CASE("B3: a VGG with a short last group, every chunk of ghost groups") {
  for (const Dtype dtype : {Dtype::f32, Dtype::f64}) same_for_all_chunks(small_vgg(dtype, 22), 6, true);
}

TEST_CASE("B3: a VGG10, every chunk of ghost groups, threads 1, 2 and 3") {
  same_for_all_chunks(small_vgg10(Dtype::f32, 18), 5);
}

TEST_CASE("B3: a ResNet20, every chunk of ghost groups, threads 1, 2 and 3") {
  same_for_all_chunks(small_resnet(Dtype::f32, 14), 5);
}

TEST_CASE("B3: a short last group that joins the one before it") {
  same_for_all_chunks(small_vgg(Dtype::f32, 23, true), 5, true);
}

TEST_CASE("B3 control: statistics taken by chunk give another loss for every chunk") {
  for (const Network& n : {small_vgg10(Dtype::f64, 22), small_resnet(Dtype::f64, 14)}) {
    const std::int64_t group = n.model.group;
    Device device;
    Array gradient = n.vector();
    const double honest =
        Gradient(device, n.objective, n.data(), {2 * group, 0}).evaluate(n.theta.view(), gradient.view()).loss;
    CHECK(loss_by_chunk_statistics(n, group).loss == honest);  // a chunk of one group is the group
    CHECK(loss_by_chunk_statistics(n, 2 * group).loss != honest);
    CHECK(loss_by_chunk_statistics(n, 4 * group).loss != honest);
    CHECK(loss_by_chunk_statistics(n, 2 * group).loss != loss_by_chunk_statistics(n, 4 * group).loss);
  }
}

TEST_CASE("a joined group is cut as a block of its own, and a batch of one group has nothing to join") {
  const auto cut = [](std::int64_t samples, std::int64_t chunk) {
    std::vector<std::int64_t> sizes;
    for (const Block& b : plan_blocks(samples, 4, chunk, true).blocks) sizes.push_back(b.samples);
    return sizes;
  };
  using Sizes = std::vector<std::int64_t>;
  CHECK(cut(23, 4) == Sizes{4, 4, 4, 4, 7});
  CHECK(cut(23, 23) == Sizes{16, 7});
  CHECK(cut(23, 12) == Sizes{8, 4, 4, 7});
  CHECK(cut(24, 24) == Sizes{24});
  CHECK(cut(3, 3) == Sizes{3});
  CHECK(cut(7, 7) == Sizes{7});
  CHECK_THROWS_AS(cut(23, 22), std::invalid_argument);
}

TEST_CASE("joined, the last 7 of 11 samples are one group") {
  const auto gradient_of = [](const Network& n, std::int64_t first, std::int64_t samples) {
    const auto rows = [&](const View& v) {
      return View{static_cast<char*>(v.data) + first * v.shape.row_elements() * size_of(v.dtype),
                  v.shape.rank == 2 ? Shape{samples, v.shape[1]} : Shape{samples}, v.dtype};
    };
    Device device;
    Array g = n.vector();
    const View data[] = {rows(n.x.view()), rows(n.labels.view())};
    Gradient(device, n.objective, data).evaluate(n.theta.view(), g.view());
    return g;
  };
  const Network joined = small_vgg(Dtype::f64, 11, true), four = small_vgg(Dtype::f64, 11);
  const Network seven{{.samples = 11, .loss = Loss::cross_entropy, .dtype = Dtype::f64},
                      vgg({8, 8, 3}, {3, 4}, 4, {.batch = 7})};
  const Array all = gradient_of(joined, 0, 11), first = gradient_of(four, 0, 4), last = gradient_of(seven, 4, 7);
  double most = 0, difference = 0;
  for (std::size_t i = 0; i < all.span<double>().size(); ++i) {
    const double expected = (4 * first.span<double>()[i] + 7 * last.span<double>()[i]) / 11;
    most = std::max(most, std::abs(expected));
    difference = std::max(difference, std::abs(all.span<double>()[i] - expected));
  }
  CHECK(most > 0.01);
  CHECK(difference <= 1e-14 * most);
}
