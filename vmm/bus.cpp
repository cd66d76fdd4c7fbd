#include "vmm/bus.hpp"

#include <algorithm>

namespace eremite::vmm {

const Bus::Place* Bus::find(uint64_t address) const {
    const auto found = std::find_if(places_.begin(), places_.end(), [address](const Place& p) { return address >= p.address && address - p.address < p.size; });
    return found == places_.end() ? nullptr : &*found;
}

void Bus::read(uint64_t address, std::span<std::byte> data) const {
    if (const Place* const place = find(address)) return place->registers->read(address - place->address, data);
    std::fill(data.begin(), data.end(), std::byte{0xff});
}

void Bus::write(uint64_t address, std::span<const std::byte> data) const {
    if (const Place* const place = find(address)) place->registers->write(address - place->address, data);
}

}  // namespace eremite::vmm
