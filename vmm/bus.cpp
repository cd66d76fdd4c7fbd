#include "vmm/bus.hpp"

#include <algorithm>

namespace eremite::vmm {

size_t Bus::find(uint64_t address) const {
    const auto found = std::find_if(places_.begin(), places_.end(), [address](const Place& p) { return address >= p.address && address - p.address < p.size; });
    return static_cast<size_t>(found - places_.begin());
}

size_t Bus::read(uint64_t address, std::span<std::byte> data) const {
    const size_t place = find(address);
    if (place < places_.size()) places_[place].registers->read(address - places_[place].address, data);
    else std::fill(data.begin(), data.end(), std::byte{0xff});
    return place;
}

size_t Bus::write(uint64_t address, std::span<const std::byte> data) const {
    const size_t place = find(address);
    if (place < places_.size()) places_[place].registers->write(address - places_[place].address, data);
    return place;
}

}  // namespace eremite::vmm
