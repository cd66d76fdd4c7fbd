#pragma once
// How setting up a virtual machine ends early: with a sentence for the user that says what to do. Once the machine runs, errors are values.
#include <stdexcept>
#include <string>

namespace eremite::vmm {

class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// An Error that ends in what errno says.
[[nodiscard]] Error system_error(const std::string& what);

}  // namespace eremite::vmm
