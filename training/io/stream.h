// SPDX-License-Identifier: MIT
// Bytes that are read in pieces: from a file or from memory, from any place or one after the other.
// Readers of large arrays use these, so that a file is never in memory as a whole.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/errors.h"
#include "training/io/file.h"
#include "training/io/text.h"

namespace brink {

/// Bytes that can be read from any place. `name` is for messages.
class ByteSource {
 public:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  const std::string& name() const { return name_; }
  virtual std::uint64_t bytes() const = 0;
  /// Fills all of `to` with the bytes from `first` on, which the caller knows to exist. Throws DataError.
  virtual void read(std::uint64_t first, std::span<std::byte> to) = 0;

 private:
  std::string name_;
};

class FileSource final : public ByteSource {
 public:
  /// Throws DataError as InputFile does.
  explicit FileSource(const std::string& path, System& system = posix_system())
      : ByteSource(path), file_(path, system) {}
  std::uint64_t bytes() const override { return file_.bytes(); }
  void read(std::uint64_t first, std::span<std::byte> to) override {
    file_.seek(first);
    file_.read(to);
  }

 private:
  InputFile file_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::vector<std::byte> memory)
      : ByteSource(std::move(name)), memory_(std::move(memory)) {}
  std::uint64_t bytes() const override { return memory_.size(); }
  void read(std::uint64_t first, std::span<std::byte> to) override {
    std::ranges::copy(std::span(memory_).subspan(static_cast<std::size_t>(first), to.size()), to.begin());
  }

 private:
  std::vector<std::byte> memory_;
};

/// Bytes that are read once, in order.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;
  /// How many bytes are left.
  virtual std::uint64_t left() const = 0;
  /// Fills all of `to`. Throws DataError, also if fewer bytes are left.
  virtual void read(std::span<std::byte> to) = 0;
  /// To be called after the last byte. Throws DataError if a checksum of the whole is wrong.
  virtual void finish() {}

 protected:
  ByteStream() = default;
};

/// A part of a source. The source outlives it.
class PartStream final : public ByteStream {
 public:
  /// The part must lie within the source.
  PartStream(ByteSource& source, std::uint64_t first, std::uint64_t bytes)
      : source_(source), at_(first), end_(first + bytes) {}
  std::uint64_t left() const override { return end_ - at_; }
  void read(std::span<std::byte> to) override {
    if (to.size() > left())
      throw DataError(source_.name() + ": expected " + number_text(to.size()) + " bytes more, found " +
                      number_text(left()));
    source_.read(at_, to);
    at_ += to.size();
  }

 private:
  ByteSource& source_;
  std::uint64_t at_, end_;
};

}  // namespace brink
