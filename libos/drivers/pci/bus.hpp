#pragma once
// Finding the functions on the buses of a machine.
#include "base/address.hpp"
#include "libos/drivers/pci/function.hpp"

namespace eremite::drivers::pci {

// Who is told of the functions that are there.
class Visitor {
public:
    virtual void found(const Function& function) = 0;

protected:
    ~Visitor() = default;
};

// All functions of bus 0 and of the buses behind bridges that firmware has numbered.
void for_each_function(Configuration& configuration, Visitor& visitor);

// Addresses for BARs on a machine without firmware to assign them.
class AddressWindow {
public:
    constexpr explicit AddressWindow(PhysicalRange range = {}) : free_{range} {}
    // A range of `size` bytes, a power of two, aligned to its size and to pages. ENOSPC.
    [[nodiscard]] Result<PhysicalAddress> take(uint64_t size);

private:
    PhysicalRange free_;
};

// Assigns addresses to the memory BARs of the function that have none.
[[nodiscard]] Result<void> assign_addresses(const Function& function, AddressWindow& window);

}  // namespace eremite::drivers::pci
