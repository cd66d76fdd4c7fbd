#pragma once
// A snapshot's file: a header, the machine's memory with holes where it is zero, and behind it the state of everything else.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "vmm/guest_memory.hpp"
#include "vmm/snapshot/state.hpp"
#include "vmm/unique_fd.hpp"

namespace eremite::vmm {

// Writes one into an empty file. Returns how many bytes that took on disk, about. Throws Error: the disk is full, or fails; what was written is of no use.
uint64_t write_snapshot(int file, const GuestMemory& memory, std::span<const std::byte> state);

class SnapshotFile {
public:
    // Throws Error: it cannot be read, or is no snapshot, or is damaged.
    explicit SnapshotFile(const std::string& path);

    [[nodiscard]] uint64_t memory_size() const { return memory_size_; }
    // For GuestMemory.
    [[nodiscard]] MemoryImage memory() const;
    [[nodiscard]] std::span<const std::byte> state() const { return state_; }
    // The state begins with notes of who asked for the snapshot. Throws Error.
    [[nodiscard]] std::string notes() const {
        StateReader state{state_};
        return read_notes(state);
    }
    static void write_notes(StateWriter& state, const std::string& notes);
    [[nodiscard]] static std::string read_notes(StateReader& state);

private:
    UniqueFd file_;
    uint64_t memory_size_ = 0;
    std::vector<std::byte> state_;
};

}  // namespace eremite::vmm
