#include "vmm/snapshot/state.hpp"

#include <cstring>

#include "vmm/error.hpp"

namespace eremite::vmm {

void StateReader::begin(std::string_view name) {
    if (const std::string found = take_text(); found != name)
        throw Error{"the snapshot is of another machine or version: it has no state of " + std::string{name} + " where that should be"};
}

std::string StateReader::take_text() {
    std::string text(take_count(1), '\0');
    take_bytes(std::as_writable_bytes(std::span{text}));
    return text;
}

void StateReader::take_bytes(std::span<std::byte> to) {
    if (to.size() > bytes_.size()) throw Error{"the snapshot is damaged: its state ends too early"};
    if (to.empty()) return;
    std::memcpy(to.data(), bytes_.data(), to.size());
    bytes_ = bytes_.subspan(to.size());
}

size_t StateReader::take_count(size_t size) {
    const auto count = take<uint64_t>();
    if (count > bytes_.size() / size) throw Error{"the snapshot is damaged: its state ends too early"};
    return count;
}

}  // namespace eremite::vmm
