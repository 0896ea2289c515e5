// SPDX-License-Identifier: MIT
// A static graph of primitive operations on values whose shapes are known when it is built.
// program.h executes it, transform.h differentiates it.
// Nodes are kept in the order in which they were emitted. Operations run, and contributions are added, in that order.
// Emitting the same operation on the same inputs twice gives the same value (common subexpressions).
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "autodiff/attributes.h"
#include "kernels/device.h"
#include "kernels/epilogue/epilogue.h"
#include "kernels/view.h"

namespace brink {

/// Raised while a graph is built: "[matmul] a [25,12], b [13,9]: expected equal inner extents".
struct ShapeError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Shape and element type of a value.
struct ValueType {
  Shape shape;
  Dtype dtype = Dtype::f32;
  std::int64_t bytes() const { return bytes_of(shape, dtype); }
  friend bool operator==(const ValueType&, const ValueType&) = default;
};
std::string to_string(const ValueType&);

/// A value of a graph, or, default-constructed, the symbolic zero. Builders take and return symbolic zeros.
struct Var {
  std::int32_t id = -1;
  explicit operator bool() const { return id >= 0; }
  friend auto operator<=>(const Var&, const Var&) = default;
};
using Vars = std::vector<Var>;

class Graph;
struct Node;
struct Primitive;

/// What a forward derivative rule sees: tangents of the inputs, some of them symbolic zeros, not all.
struct JvpContext {
  Graph& g;
  std::span<const Var> in, out, tangent;
  const Attributes& attributes;
  const Primitive& primitive;
};
/// What a reverse derivative rule sees: cotangents of the outputs, not all symbolic zeros.
struct VjpContext {
  Graph& g;
  std::span<const Var> in, out, cotangent;
  const Attributes& attributes;
  const Primitive& primitive;
};
/// What one partial derivative sees: the tangent or cotangent `d` that passes through it and, for a bilinear operation, the two
/// factors.
struct Partial {
  Graph& g;
  std::span<const Var> in, out;
  Var d, a, b;
  const Attributes& attributes;
};

/// The Taylor coefficients of orders 1, 2, … of a value that depends on t: element k − 1 is d^k/dt^k divided by k!.
/// Coefficients that are zero are symbolic zeros, or absent at the end.
using Series = Vars;
/// The coefficient of order k of a value whose series is s and which is v at t = 0.
inline Var coefficient(Var v, const Series& s, int k) {
  if (k == 0) return v;
  return static_cast<std::size_t>(k) <= s.size() ? s[static_cast<std::size_t>(k) - 1] : Var{};
}
/// What a rule of Taylor mode sees: the series of the inputs, some of them zero, not all.
struct SeriesContext {
  Graph& g;
  std::span<const Var> in, out;
  std::span<const Series> series;
  int order;  ///< the largest one wanted
  const Attributes& attributes;
  const Primitive& primitive;
  /// The coefficient of order k of input i.
  Var of(std::size_t i, int k) const { return coefficient(in[i], series[i], k); }
};

/// The class of an operation, which determines its derivatives of any order.
enum class OperationClass : std::uint8_t {
  opaque,            ///< not differentiable
  constant,          ///< piecewise constant in all inputs
  linear,            ///< linear in the inputs that are differentiated, piecewise constant in the others
  piecewise_linear,  ///< linear in regions of its one input
  bilinear,          ///< a sum of products of two inputs each
  elementwise,       ///< y = f(x) in every element
  own,               ///< anything else: by its own rules
};
/// How an operation is differentiated. Made from its class: rules.h, pairs.h, elementwise.h.
struct Derivative {
  OperationClass is = OperationClass::opaque;
  Vars (*jvp)(const JvpContext&) = nullptr;                       ///< tangents of the outputs
  Vars (*vjp)(const VjpContext&) = nullptr;                       ///< cotangents of the inputs
  std::vector<Series> (*series)(const SeriesContext&) = nullptr;  ///< Taylor series of the outputs (taylor.h)
  Var (*first)(const Partial&) = nullptr;   ///< the partial derivative of a linear or bilinear class by its first input
  Var (*second)(const Partial&) = nullptr;  ///< the partial derivative by the second input
  Var (*product)(const Partial&) = nullptr;  ///< a·b, if one chain of pairs cannot hold both terms of the product rule
  int operand = 0;                           ///< the input in which a linear operation is linear
  const Primitive* expansion = nullptr;      ///< of an elementwise class: all orders in one pass (elementwise.h)
};
/// What a kernel launcher sees. `scratch` has the bytes that the primitive's scratch rule asked for. `epilogue` is null if
/// there is none; only primitives that finish their elements receive one.
struct Call {
  std::span<const View> in;
  std::span<const View> out;
  View scratch;
  const Attributes& attributes;
  const Epilogue* epilogue = nullptr;
};

/// How an operation on one value joins the epilogue of the kernel that computes that value.
struct EpilogueRule {
  int running = 0;  ///< the input that is the value so far
  int stage = 0;    ///< stages ascend within an epilogue: 1 bias, 2 activation; 0: the operation cannot join
  void (*join)(Epilogue&, std::span<const View> in) = nullptr;
};

/// One operation: constant data.
struct Primitive {
  std::string_view name;
  std::vector<ValueType> (*shape)(std::span<const ValueType> in, const Attributes&);  ///< throws ShapeError
  Derivative derivative;
  void (*run)(Device&, const Call&);  ///< enqueues only
  std::int64_t (*flops)(std::span<const ValueType> in, std::span<const ValueType> out, const Attributes&);
  /// Bytes of scratch on the device.
  std::int64_t (*scratch)(std::span<const ValueType> in, std::span<const ValueType> out, const Attributes&,
                          Where) = nullptr;
  /// The result is a finished sum over samples; nothing may be added to it inside a block's program (add, elementwise.h).
  bool sums_samples = false;
  /// Makes one sum of two finished ones of this kind with equal attributes. Null: they cannot be added.
  Var (*join)(Graph&, const Node&, const Node&) = nullptr;
  /// The kernel takes an epilogue on its first output.
  bool finishes = false;
  EpilogueRule epilogue = {};
};

/// Which part of a network a node belongs to, and which derivative created it. It is used in names only.
struct Origin {
  std::string layer;  ///< "dense0": a parameter's name without its last part; empty: none
  bool backward = false, tangent = false;
};

struct Node {
  const Primitive* primitive;
  std::vector<Var> in, out;
  Attributes attributes;
  Origin origin;
};

/// The source of an input's memory.
enum class InputRole : std::uint8_t {
  parameter,
  data,  ///< rows of the block's samples
  tangent,
  residual,
  shared,  ///< an array that is the same for all blocks
};
struct Input {
  std::string name;
  InputRole role;
  int index;          ///< which parameter, data array, tangent vector's parameter, or residual
  int direction = 0;  ///< for tangents: which of several vectors
  Var var;
};

/// What happens to an output when the batch is cut into blocks.
enum class OutputRole : std::uint8_t {
  scalar,     ///< a float64 sum over samples, joined by the tree
  parameter,  ///< a sum over samples of a parameter's shape, joined by the tree; `index` says which
  sum,        ///< a further sum over samples, with an index after those of the parameters; it is not differentiated
  residual,   ///< kept for the block
  samples,    ///< one row per sample
};
struct Output {
  std::string name;
  OutputRole role;
  int index;
  Var var;
};

class Graph {
 public:
  Var input(std::string name, ValueType, InputRole, int index, int direction = 0);
  void output(std::string name, OutputRole, int index, Var);
  void clear_outputs() { outputs_.clear(); }

  /// Appends an operation, or finds an equal one. Throws ShapeError.
  Vars emit_all(const Primitive&, std::span<const Var> in, Attributes = {});
  Var emit(const Primitive& p, std::initializer_list<Var> in, Attributes a = {}) {
    return emit_all(p, std::span<const Var>(in.begin(), in.size()), std::move(a))[0];
  }

  /// While it lives, emitted nodes belong to this origin. Otherwise a node belongs to the origin of its first parameter or,
  /// without one, to that of its latest input.
  class Within {
   public:
    Within(Graph& g, Origin o) : g_(g), before_(std::exchange(g.within_, std::move(o))) {}
    ~Within() { g_.within_ = std::move(before_); }
    Within(const Within&) = delete;
    Within& operator=(const Within&) = delete;

   private:
    Graph& g_;
    std::optional<Origin> before_;
  };

  const ValueType& type(Var v) const { return values_[static_cast<std::size_t>(v.id)].type; }
  const Shape& shape(Var v) const { return type(v).shape; }
  /// The node that computes v, or null for an input.
  const Node* producer(Var v) const;
  int producer_index(Var v) const { return values_[static_cast<std::size_t>(v.id)].node; }

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Input>& inputs() const { return inputs_; }
  const std::vector<Output>& outputs() const { return outputs_; }
  std::int32_t size() const { return static_cast<std::int32_t>(values_.size()); }

  std::int64_t flops() const;
  /// One line per node: "v7 float32 [128,32] = matmul(v2, v5) {transpose_b}".
  std::string print() const;

 private:
  struct Value {
    ValueType type;
    int node;
  };
  struct Key {
    const Primitive* primitive;
    std::vector<Var> in;
    Attributes attributes;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key&) const;
  };
  Origin origin_of(std::span<const Var> in) const;

  std::optional<Origin> within_;
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  std::unordered_map<Key, Vars, KeyHash> known_;
};

}  // namespace brink
