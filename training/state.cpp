// SPDX-License-Identifier: MIT
#include "training/state.h"

#include <set>
#include <stdexcept>

namespace brink {

namespace {

class Saver final : public StateVisitor {
 public:
  explicit Saver(Device& device) : device_(device) {}
  bool reads() const override { return false; }
  SavedState take() { return std::move(out_); }

 private:
  void on_tensor(const std::string& name, View v) override { add(name, to_host(device_, v)); }
  void on_value(const std::string& name, Value value) override {
    std::visit([&](const auto* x) { add(name, *x); }, value);
  }
  void add(const std::string& name, SavedState::Value value) {
    if (!out_.parts.emplace(name, std::move(value)).second)
      throw std::logic_error("state: two parts are named '" + name + "'");
  }

  Device& device_;
  SavedState out_;
};

/// Compares without changing anything, so that a state is restored completely or not at all.
class Checker final : public StateVisitor {
 public:
  explicit Checker(const SavedState& from) : from_(from) {}
  bool reads() const override { return false; }
  void finish() const {
    for (const auto& [name, value] : from_.parts)
      if (!seen_.contains(name))
        throw std::invalid_argument("state: the part '" + name + "' does not belong to this run");
  }

 private:
  const SavedState::Value& find(const std::string& name) {
    const auto it = from_.parts.find(name);
    if (it == from_.parts.end()) throw std::invalid_argument("state: the part '" + name + "' is missing");
    seen_.insert(name);
    return it->second;
  }
  void on_tensor(const std::string& name, View v) override {
    const auto* saved = std::get_if<Array>(&find(name));
    if (!saved) throw std::invalid_argument("state: '" + name + "': expected a tensor");
    const View s = saved->view();
    if (s.shape != v.shape || s.dtype != v.dtype)
      throw std::invalid_argument("state: '" + name + "': expected shape " + to_string(v.shape) +
                                  " of this run's precision, got " + to_string(s.shape));
  }
  void on_value(const std::string& name, Value value) override {
    std::visit(
        [&]<class T>(T*) {
          if (!std::holds_alternative<T>(find(name)))
            throw std::invalid_argument("state: '" + name + "': expected the type of this run, got another one");
        },
        value);
  }

  const SavedState& from_;
  std::set<std::string> seen_;
};

class Restorer final : public StateVisitor {
 public:
  Restorer(Device& device, const SavedState& from) : device_(device), from_(from) {}
  bool reads() const override { return true; }

 private:
  void on_tensor(const std::string& name, View v) override {
    copy(device_, v, std::get<Array>(from_.parts.at(name)).view());
    synchronize(device_);
  }
  void on_value(const std::string& name, Value value) override {
    std::visit([&]<class T>(T* x) { *x = std::get<T>(from_.parts.at(name)); }, value);
  }

  Device& device_;
  const SavedState& from_;
};

/// Lists what a state consists of. Values are copied, because a visit may show a temporary.
class Lister final : public StateVisitor {
 public:
  using Part = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, View>;
  bool reads() const override { return false; }
  std::vector<std::pair<std::string, Part>> parts;

 private:
  void on_tensor(const std::string& name, View v) override { parts.emplace_back(name, v); }
  void on_value(const std::string& name, Value value) override {
    std::visit([&](const auto* x) { parts.emplace_back(name, *x); }, value);
  }
};

class Copier final : public StateVisitor {
 public:
  Copier(Device& device, const Lister& from) : device_(device), from_(from) {}
  bool reads() const override { return true; }

 private:
  template <class T>
  const T& next(const std::string& name) {
    const T* part =
        at_ < from_.parts.size() && from_.parts[at_].first == name ? std::get_if<T>(&from_.parts[at_].second) : nullptr;
    if (!part) throw std::logic_error("state: the part '" + name + "' is not in the other state");
    ++at_;
    return *part;
  }
  void on_tensor(const std::string& name, View v) override { copy(device_, v, next<View>(name)); }
  void on_value(const std::string& name, Value value) override {
    std::visit([&]<class T>(T* x) { *x = next<T>(name); }, value);
  }

  Device& device_;
  const Lister& from_;
  std::size_t at_ = 0;
};

}  // namespace

SavedState save_state(Device& device, Stateful& of) {
  Saver saver(device);
  of.visit(saver);
  return saver.take();
}

void restore_state(Device& device, Stateful& of, const SavedState& from) {
  Checker checker(from);
  of.visit(checker);
  checker.finish();
  Restorer restorer(device, from);
  of.visit(restorer);
}

void copy_state(Device& device, Stateful& to, Stateful& from) {
  Lister lister;
  from.visit(lister);
  Copier copier(device, lister);
  to.visit(copier);
}

}  // namespace brink
