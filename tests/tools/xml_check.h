// SPDX-License-Identifier: MIT
// Checks that a text is well-formed XML: tags, attributes, entities, CDATA.
// It is written here because HTML parsers repair what the report's test must reject.
#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace brink::test {

/// Empty if well-formed, otherwise the first defect with its byte offset.
inline std::string xml_defect(std::string_view text) {
  std::vector<std::string> open;
  std::set<std::string> ids;
  bool seen_root = false;
  std::size_t at = 0;
  const auto defect = [&](const std::string& what) { return what + " at byte " + std::to_string(at); };
  const auto starts = [&](std::string_view prefix) { return text.substr(at, prefix.size()) == prefix; };
  const auto name_end = [&](std::size_t i) {
    while (i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) || text[i] == '-' || text[i] == '_'))
      ++i;
    return i;
  };
  const auto skip_space = [&] {
    while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at]))) ++at;
  };
  const auto entity_ok = [&] {
    for (std::string_view known : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"}) {
      if (starts(known)) return true;
    }
    return false;
  };
  while (at < text.size()) {
    const unsigned char c = static_cast<unsigned char>(text[at]);
    if (c < 0x20 && c != '\n' && c != '\t' && c != '\r') return defect("control character");
    if (c == '&') {
      if (!entity_ok()) return defect("unknown entity or bare &");
      ++at;
    } else if (c != '<') {
      if (open.empty() && !std::isspace(c)) return defect("text outside the root");
      if (starts("]]>")) return defect("]]> in text");
      ++at;
    } else if (starts("<!DOCTYPE")) {
      if (seen_root) return defect("late doctype");
      at = text.find('>', at) + 1;
    } else if (starts("<![CDATA[")) {
      const auto end = text.find("]]>", at);
      if (end == std::string_view::npos) return defect("open CDATA");
      at = end + 3;
    } else if (starts("</")) {
      const std::size_t end = name_end(at + 2);
      const std::string name(text.substr(at + 2, end - at - 2));
      if (open.empty() || open.back() != name) return defect("closing " + name);
      if (end >= text.size() || text[end] != '>') return defect("closing tag");
      open.pop_back();
      at = end + 1;
    } else {
      const std::size_t end = name_end(at + 1);
      if (end == at + 1) return defect("bare <");
      const std::string name(text.substr(at + 1, end - at - 1));
      if (open.empty() && seen_root) return defect("second root");
      seen_root = true;
      at = end;
      std::set<std::string> attributes;
      for (;;) {
        const std::size_t before = at;
        skip_space();
        if (starts("/>") || starts(">")) break;
        if (at == before) return defect("attribute without a space before it");
        const std::size_t stop = name_end(at);
        const std::string attribute(text.substr(at, stop - at));
        if (attribute.empty() || !attributes.insert(attribute).second) return defect("attribute name " + attribute);
        at = stop;
        if (!starts("=\"")) return defect("unquoted attribute " + attribute);
        const std::size_t value = at += 2;
        for (; at < text.size() && text[at] != '"'; ++at) {
          if (text[at] == '<') return defect("< in attribute");
          if (text[at] == '&' && !entity_ok()) return defect("entity in attribute");
        }
        if (at >= text.size()) return defect("open attribute");
        if (attribute == "id" && !ids.insert(std::string(text.substr(value, at - value))).second)
          return defect("id twice");
        ++at;
      }
      if (starts("/>")) {
        at += 2;
      } else {
        ++at;
        open.push_back(name);
      }
    }
  }
  if (!open.empty()) return "not closed: " + open.back();
  return seen_root ? "" : "no root";
}

}  // namespace brink::test
