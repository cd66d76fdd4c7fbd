#include "vmm/gdb/patches.hpp"

#include <algorithm>

namespace eremite::vmm::gdb {

bool Patches::add(uint64_t address, Breakpoint::Kind kind) {
    if (places_.contains(address)) return true;
    if (places_.size() == most) return false;
    places_[address].kind = kind;
    return true;
}

void Patches::remove(uint64_t address, Breakpoint::Kind kind) {
    const auto found = places_.find(address);
    if (found == places_.end() || found->second.kind != kind) return;
    take_away(found->second);
    places_.erase(found);
}

void Patches::remove_all() {
    for (auto& [address, place] : places_) take_away(place);
    places_.clear();
}

std::optional<Breakpoint::Kind> Patches::at(uint64_t address) const {
    const auto found = places_.find(address);
    return found != places_.end() ? std::optional{found->second.kind} : std::nullopt;
}

bool Patches::waits() const {
    return std::ranges::any_of(places_, [](const auto& entry) { return !entry.second.settled; });
}

bool Patches::waits_for(uint64_t page) const {
    const auto found = places_.lower_bound(page);
    return found != places_.end() && found->first - page < page_size && !found->second.settled;
}

// A guest that starts has memory mapped one to one where nothing has been loaded yet: there, only the image is sure to be what was meant.
void Patches::follow(const PagingState& state) {
    for (auto& [address, place] : places_) {
        const auto now = translate(memory_, state, address);
        if (!now) continue;
        const bool meant = now->executable && (now->physical != address || is_image(now->physical));
        if (!meant) continue;
        if (place.physical != now->physical) {
            take_away(place);
            put(place, now->physical);
        }
        place.settled = state.is_on() && place.physical;
    }
}

void Patches::put(Place& place, uint64_t physical) const {
    const auto byte = memory_.piece(physical, 1);
    if (byte.empty()) return;
    place.physical = physical;
    place.original = byte[0];
    byte[0] = int3;
}

// What the guest has written over it stays.
void Patches::take_away(Place& place) const {
    if (!place.physical) return;
    const auto byte = memory_.piece(*place.physical, 1);
    if (!byte.empty() && byte[0] == int3) byte[0] = place.original;
    place.physical.reset();
}

void Patches::hide(uint64_t physical, std::span<std::byte> bytes) const {
    for (const auto& [address, place] : places_)
        if (place.physical && *place.physical - physical < bytes.size()) bytes[*place.physical - physical] = place.original;
}

void Patches::keep(uint64_t physical, std::span<std::byte> bytes) {
    for (auto& [address, place] : places_) {
        if (!place.physical || *place.physical - physical >= bytes.size()) continue;
        place.original = bytes[*place.physical - physical];
        bytes[*place.physical - physical] = int3;
    }
}

}  // namespace eremite::vmm::gdb
