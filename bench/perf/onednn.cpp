// SPDX-License-Identifier: MIT
// The yardstick of onednn.h with the C++ interface of oneDNN 2.
#include "bench/perf/onednn.h"

#include <fmt/format.h>
#include <omp.h>

#include <dnnl.hpp>

namespace brink::bench {
namespace {

using Dims = dnnl::memory::dims;
using Tag = dnnl::memory::format_tag;

dnnl::memory::desc described(const Dims& d, Tag tag) { return {d, dnnl::memory::data_type::f32, tag}; }

class OneDnnConv : public ForeignConv {
 public:
  OneDnnConv(ConvRole role, const ConvShape& f, float* x, float* w, float* d, bool blocked) : stream_(engine_) {
    const Dims xs{f.n, f.c, f.h, f.w}, ws{f.k, f.c, f.r, f.s}, ds{f.n, f.k, f.p, f.q}, stride{f.stride, f.stride},
        padding{f.padding, f.padding};
    // The far side: pixels beyond the last window are not padded.
    const Dims far{(f.p - 1) * f.stride + f.r - f.h - f.padding, (f.q - 1) * f.stride + f.s - f.w - f.padding};
    const Tag pictures = blocked ? Tag::any : Tag::nhwc;
    const dnnl::memory::desc any_x = described(xs, pictures), any_w = described(ws, Tag::any),
                             any_d = described(ds, pictures);
    const auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, any_x, any_w, any_d, stride, padding, far}, engine_);
    const auto ready = [&](const dnnl::memory::desc& wanted, const Dims& dims, Tag tag, float* from) {
      dnnl::memory user(described(dims, tag), engine_, from), own(wanted, engine_);
      dnnl::reorder(user, own).execute(stream_, user, own);
      stream_.wait();
      return own;
    };
    if (role == ConvRole::forward) {
      use(forward, forward.dst_desc(), ds, Tag::nhwc, DNNL_ARG_DST, blocked);
      primitive_ = dnnl::convolution_forward(forward);
      arguments_[DNNL_ARG_SRC] = ready(forward.src_desc(), xs, Tag::nhwc, x);
      arguments_[DNNL_ARG_WEIGHTS] = ready(forward.weights_desc(), ws, Tag::hwio, w);
    } else if (role == ConvRole::input_gradient) {
      const dnnl::convolution_backward_data::primitive_desc p({direct, any_x, any_w, any_d, stride, padding, far},
                                                              engine_, forward);
      use(p, p.diff_src_desc(), xs, Tag::nhwc, DNNL_ARG_DIFF_SRC, blocked);
      primitive_ = dnnl::convolution_backward_data(p);
      arguments_[DNNL_ARG_DIFF_DST] = ready(p.diff_dst_desc(), ds, Tag::nhwc, d);
      arguments_[DNNL_ARG_WEIGHTS] = ready(p.weights_desc(), ws, Tag::hwio, w);
    } else {
      const dnnl::convolution_backward_weights::primitive_desc p({direct, any_x, any_w, any_d, stride, padding, far},
                                                                 engine_, forward);
      use(p, p.diff_weights_desc(), ws, Tag::hwio, DNNL_ARG_DIFF_WEIGHTS, blocked);
      primitive_ = dnnl::convolution_backward_weights(p);
      arguments_[DNNL_ARG_SRC] = ready(p.src_desc(), xs, Tag::nhwc, x);
      arguments_[DNNL_ARG_DIFF_DST] = ready(p.diff_dst_desc(), ds, Tag::nhwc, d);
    }
  }
  std::string name() const override { return name_; }
  void run() override {
    primitive_.execute(stream_, arguments_);
    stream_.wait();
  }
  void fetch(float* out) override {
    dnnl::memory user(described(result_dims_, result_tag_), engine_, out);
    dnnl::memory own = arguments_.at(result_);
    dnnl::reorder(own, user).execute(stream_, own, user);
    stream_.wait();
  }

 private:
  template <class P>
  void use(const P& p, const dnnl::memory::desc& result, const Dims& dims, Tag tag, int argument, bool blocked) {
    const dnnl_version_t* v = dnnl_version();
    name_ = fmt::format("oneDNN {}.{}.{} {}, {}", v->major, v->minor, v->patch, p.impl_info_str(),
                        blocked ? "own layouts" : "NHWC");
    result_ = argument;
    result_dims_ = dims;
    result_tag_ = tag;
    arguments_[argument] = dnnl::memory(result, engine_);
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_;
  dnnl::primitive primitive_;
  std::unordered_map<int, dnnl::memory> arguments_;
  int result_ = 0;
  Dims result_dims_;
  Tag result_tag_ = Tag::undef;
  std::string name_;
};

}  // namespace

std::vector<std::unique_ptr<ForeignConv>> onednn_convs(ConvRole role, const ConvShape& f, float* x, float* w, float* d,
                                                       int threads) {
  omp_set_num_threads(threads);
  std::vector<std::unique_ptr<ForeignConv>> out;
  for (const bool blocked : {true, false}) out.push_back(std::make_unique<OneDnnConv>(role, f, x, w, d, blocked));
  return out;
}

}  // namespace brink::bench
