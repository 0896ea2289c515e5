// SPDX-License-Identifier: MIT
#include "tools/verify/verify.h"

#include "tools/verify/kinds.h"
#include "training/replay/interruption.h"

namespace brink::verify {

Table check_reference(Device& device, const std::string& folder, const std::string& data_directory) {
  Table table;
  for (const Case& c : read_cases(folder)) try {
      stop_if_asked();
      const std::string& kind = c.kind();
      if (kind == "network") {
        check_network(device, c, table);
      } else if (kind == "descent") {
        check_descent(device, c, table);
      } else if (kind == "fmnist") {
        if (data_directory.empty())
          table.skip(c.name(), "needs the official Fashion-MNIST files: --set data.directory=DIR");
        else
          check_fmnist(device, c, data_directory, table);
      } else if (kind == "dln") {
        check_dln(device, c, table);
      } else if (kind == "subspace") {
        check_subspace(device, c, table);
      } else if (kind == "optimizers") {
        check_optimizers(device, c, table);
      } else {
        table.skip(c.name(), "unknown kind " + kind);
      }
    } catch (const ShapeError& e) { c.fail("ghost", e.what()); }  // a group too small to be normalised
  return table;
}

}  // namespace brink::verify
