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
    // Somebody has these addresses. What is free on both sides of them becomes the larger one of the two.
    void exclude(PhysicalRange taken);

private:
    PhysicalRange free_;
};

// Whether a memory BAR of this function, which is no bridge, has no address.
[[nodiscard]] bool lacks_addresses(const Function& function);
// Excludes the addresses at which the functions on these buses answer, and those that bridges pass on.
void exclude_assigned(Configuration& configuration, AddressWindow& window);
// Assigns addresses to the memory BARs of the function that have none.
[[nodiscard]] Result<void> assign_addresses(const Function& function, AddressWindow& window);

}  // namespace eremite::drivers::pci
