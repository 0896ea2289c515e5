// SPDX-License-Identifier: MIT
// One row of the table of cases, which drives the tests of shapes, bits, derivatives and completeness. Every primitive, every
// kernel and every functor has a row.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "autodiff/graph.h"
#include "kernels/memory.h"

namespace brink::cases {

/// How an input's test values are made.
enum class Values : std::uint8_t {
  real,      ///< of size 1, with some +0 and −0 (bit tests) or away from 0 (derivative tests)
  positive,  ///< real, then max(·, 0), as after relu; away from its kink in derivative tests
  distinct,  ///< n values, unordered, no two closer than 1/n; for operations that compare them
  some_nan,  ///< real, with NaNs of both signs (bit tests) or distinct (derivative tests)
  labels,    ///< int32 below `bound`
};
struct In {
  Shape shape;
  Values values = Values::real;
  std::int64_t bound = 0;
  Dtype dtype = Dtype::f32;  ///< float32 means the working precision; float64 and int32 are literal
};

struct Row {
  std::string name;                        ///< of the primitive or the kernel
  const Primitive* primitive = nullptr;    ///< null for a kernel that no graph uses
  std::vector<std::string> kernels;        ///< public kernels that this row covers
  std::vector<std::size_t> functors = {};  ///< and functors of map, by their position in the list
  int sizes = 0;                           ///< the row has inputs(0) … inputs(sizes − 1)
  std::function<std::vector<In>(int size)> inputs;
  std::function<Attributes(int size)> attributes;
  /// The order contract as plain loops.
  std::function<void(std::span<const View> in, const View& out, const Attributes&)> reference;
  /// Used instead of `reference` for a primitive or a kernel of several outputs.
  std::function<void(std::span<const View> in, std::span<const View> out, const Attributes&)> references = {};
  /// For kernels without a primitive.
  std::function<ValueType(int size, Dtype)> output = {};
  std::function<void(Device&, const View& out, std::span<const View> in, int size)> run = {};
  /// Used instead of `run` for a kernel of several outputs. There are `outputs` of them, all of the type that `output` states.
  std::function<void(Device&, std::span<const View> out, std::span<const View> in, int size)> run_several = {};
  int outputs = 1;
};

const std::vector<Row>& table();

/// Inputs of a row: deterministic values. smooth keeps values away from the kinks of piecewise functions.
std::vector<Array> make_inputs(const Row&, int size, Dtype, bool smooth);
std::vector<View> views(const std::vector<Array>&);
std::vector<ValueType> output_types(const Row&, int size, Dtype, std::span<const View> in);
/// Uninitialised outputs, and the results of the plain loops.
std::vector<Array> make_outputs(std::span<const ValueType>);
/// Runs the row's primitive or kernel.
void run(Device&, const Row&, std::span<const View> out, std::span<const View> in, const View& scratch, int size);
void run_reference(const Row&, int size, std::span<const View> in, std::span<const View> out);

}  // namespace brink::cases
