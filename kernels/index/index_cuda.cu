// SPDX-License-Identifier: MIT
#include "kernels/index/index.cuh"
#include "kernels/index/index.h"

namespace brink::cuda {

using std::int64_t;

void one_hot(Device& d, View out, View labels) {
  with_real(out.dtype, [&]<class T>(T) {
    const Cells cells = cells_of(out.shape[0], out.shape.row_elements());
    launch(d, one_hot_kernel<T>, cells_grid(cells), {elementwise_threads}, cells, out.as<T>(),
           labels.as<std::int32_t>());
  });
}

void gather_rows(Device& d, View out, View x, View rows) {
  const int64_t bytes = x.shape.row_elements() * size_of(x.dtype);
  const auto in_words = [&]<class Word>(Word) {
    constexpr auto size = static_cast<int64_t>(sizeof(Word));
    if (bytes % size != 0 || !aligned_to(size, x.data) || !aligned_to(size, out.data)) return false;
    const Cells cells = cells_of(rows.shape.elements(), bytes / size);
    launch(d, gather_rows_kernel<Word>, cells_grid(cells), {elementwise_threads}, cells, static_cast<Word*>(out.data),
           static_cast<const Word*>(x.data), rows.as<std::int32_t>());
    return true;
  };
  (void)(in_words(Pack<std::uint32_t, 4>{}) || in_words(Pack<std::uint32_t, 2>{}) || in_words(std::uint32_t{}) ||
         in_words(std::uint8_t{}));
}

void count_correct(Device& d, View out, View logits, View labels) {
  with_real(logits.dtype, [&]<class T>(T) {
    const int64_t samples = logits.shape[0];
    tree_of_blocks(d, (samples + count_threads - 1) / count_threads, 1.0, out.as<double>(),
                   [&](int64_t first, int64_t count, double* partials) {
                     launch(d, count_correct_kernel<T>, {static_cast<unsigned>(count)}, {count_threads}, samples,
                            logits.shape.row_elements(), logits.as<T>(), labels.as<std::int32_t>(), first, partials);
                   });
  });
}

}  // namespace brink::cuda
