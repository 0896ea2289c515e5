// SPDX-License-Identifier: MIT
#include "tools/report/slices.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tools/report/evenly.h"
#include "tools/report/step_files.h"
#include "tools/report/text.h"
#include "training/errors.h"
#include "training/io/safetensors.h"

namespace brink::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_read = 60;
constexpr std::size_t most_drawn = 6;  // lines that a reader can tell apart

Slice read_slice(const fs::path& file) {
  const Safetensors tensors = Safetensors::read(file.string());
  const auto numbers = [&](const char* name) {
    return tensors.contains(name) ? tensors.load_doubles(name) : std::vector<double>{};
  };
  Slice out;
  const auto step = tensors.metadata().find("step");
  if (step == tensors.metadata().end())
    throw DataError(file.string() + ": expected a step in the metadata, found none");
  out.step = std::stod(step->second);
  out.offset = tensors.load_doubles("offset");
  out.loss = tensors.load_doubles("loss");
  out.curvature = tensors.load_doubles("curvature");
  if (out.offset.size() != out.loss.size() || out.offset.size() != out.curvature.size() || out.offset.empty())
    throw DataError(file.string() + ": expected as many losses and curvatures as offsets");
  out.sharpness_offset = numbers("sharpness/offset");
  out.sharpness = numbers("sharpness/lambda_1");
  out.residual = numbers("sharpness/residual_1");
  if (out.sharpness.size() != out.sharpness_offset.size() || out.residual.size() != out.sharpness.size())
    throw DataError(file.string() + ": expected as many eigenvalues and residuals as offsets");
  out.plane_offset = numbers("plane/offset");
  out.plane_loss = numbers("plane/loss");
  if (out.plane_loss.size() != out.plane_offset.size() * out.plane_offset.size())
    throw DataError(file.string() + ": expected as many losses in the plane as there are pairs of offsets");
  return out;
}

std::vector<Point> points_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<Point> out;
  for (std::size_t i = 0; i < x.size(); ++i) out.push_back({x[i], y[i], 0, true});
  return out;
}

double reach_of(const Slice& slice) {
  double out = 0;
  for (const double a : slice.offset) out = std::max(out, std::abs(a));
  return out;
}

Series line_of(const Slice& slice, std::size_t i, std::vector<Point> points) {
  Series s;
  s.css = "c" + std::to_string(i);
  s.label = shortest(slice.step);
  s.legend = "step " + s.label;
  s.points = std::move(points);
  return s;
}

}  // namespace

void read_slices(Run& run, const fs::path& folder) {
  const std::vector<fs::path> files = step_files(folder, "slices");
  run.slice_files = static_cast<std::int64_t>(files.size());
  for (const fs::path& file : evenly_chosen(files, most_read)) try {
      run.slices.push_back(read_slice(file));
    } catch (const std::exception& e) { run.notes.push_back(std::string("A slice is not drawn: ") + e.what() + "."); }
}

Figure slices_figure(const Run& run) {
  Figure out;
  if (run.slices.empty()) return out;
  out.title = "Slices along u₁";
  std::vector<const Slice*> slices;
  for (const Slice& slice : run.slices) slices.push_back(&slice);
  slices = evenly_chosen(slices, most_drawn);
  double reach = 0, least = std::numeric_limits<double>::infinity();
  for (const Slice* slice : slices) {
    reach = std::max(reach, reach_of(*slice));
    least = std::min(least, reach_of(*slice));
  }
  if (reach == 0) return out;
  // Lines of very different lengths are each drawn over the whole width.
  const bool relative = least > 0 && reach > 2 * least;
  Panel loss{"loss L(θ + au₁)", 220}, curvature{"curvature u₁ᵀHu₁ at θ + au₁", 220}, sharpness{"λ₁ at θ + au₁", 180};
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const Slice& slice = *slices[i];
    const double unit = relative ? reach_of(slice) : 1;
    const auto line = [&](std::vector<Point> points) {
      for (Point& p : points) p.x /= unit;
      Series s = line_of(slice, i, std::move(points));
      if (relative) s.legend += ", r = " + readable(unit);
      return s;
    };
    loss.series.push_back(line(points_of(slice.offset, slice.loss)));
    curvature.series.push_back(line(points_of(slice.offset, slice.curvature)));
    if (slice.sharpness.empty()) continue;
    std::vector<Point> points = points_of(slice.sharpness_offset, slice.sharpness);
    for (std::size_t k = 0; k < points.size(); ++k) points[k].error = slice.residual[k];
    sharpness.series.push_back(line(std::move(points)));
  }
  const double end = 1.05 * (relative ? 1 : reach);
  out.axis = {.low = -end, .high = end, .time = {}, .name = relative ? "a/r" : "a"};
  for (Panel* p : {&loss, &curvature, &sharpness})
    if (!p->series.empty()) out.panels.push_back(std::move(*p));
  out.caption =
      "The loss on the line through θ along the eigenvector u₁ of λ₁, and its second derivative there, exact in "
      "float64; λ₁ on the line, with its residual as error bars. a = 0 is θ itself. ";
  if (relative) out.caption += "The lines reach differently far: the axis is a/r, r the largest |a| of the step. ";
  const auto drawn = static_cast<std::int64_t>(slices.size());
  out.caption += run.slice_files > drawn ? "Drawn are " + counted(drawn, "step", "steps") + " of " +
                                               std::to_string(run.slice_files) + " in slices/."
                                         : "All files of slices/ are drawn.";
  return out;
}

}  // namespace brink::report
