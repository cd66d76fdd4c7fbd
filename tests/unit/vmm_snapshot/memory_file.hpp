#pragma once
// A file for a snapshot, in memory.
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>

#include "vmm/error.hpp"
#include "vmm/guest_memory.hpp"
#include "vmm/snapshot/file.hpp"

namespace eremite::test {

class MemoryFile {
public:
    MemoryFile() {
        if (!file_) throw std::runtime_error{"memfd_create"};
    }
    [[nodiscard]] int descriptor() const { return file_.get(); }
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(file_.get()); }
    [[nodiscard]] struct stat status() const {
        struct stat now {};
        if (::fstat(file_.get(), &now) != 0) throw std::runtime_error{"fstat"};
        return now;
    }
    [[nodiscard]] uint64_t size() const { return static_cast<uint64_t>(status().st_size); }
    // That it takes.
    [[nodiscard]] uint64_t bytes_of_memory() const { return static_cast<uint64_t>(status().st_blocks) * 512; }
    void resize(uint64_t size) const {
        if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) throw std::runtime_error{"ftruncate"};
    }
    template <typename T>
    void put(uint64_t offset, const T& value) const {
        if (::pwrite(file_.get(), &value, sizeof value, static_cast<off_t>(offset)) != sizeof value) throw std::runtime_error{"pwrite"};
    }
    template <typename T>
    [[nodiscard]] T get(uint64_t offset) const {
        T value;
        if (::pread(file_.get(), &value, sizeof value, static_cast<off_t>(offset)) != sizeof value) throw std::runtime_error{"pread"};
        return value;
    }

private:
    vmm::UniqueFd file_{::memfd_create("snapshot", MFD_CLOEXEC)};
};

// The sentence of the Error that it throws; "none".
inline std::string error_of(const std::function<void()>& what) {
    try {
        what();
    } catch (const vmm::Error& error) {
        return error.what();
    }
    return "none";
}

inline void fill(const vmm::GuestMemory& memory, uint64_t address, uint64_t size, uint8_t value) { std::memset(memory.piece(address, size).data(), value, size); }

inline uint8_t byte_at(const vmm::GuestMemory& memory, uint64_t address) { return std::to_integer<uint8_t>(memory.piece(address, 1)[0]); }

// The same bytes in the same regions.
inline bool same(const vmm::GuestMemory& one, const vmm::GuestMemory& other) {
    if (one.regions().size() != other.regions().size()) return false;
    for (size_t i = 0; i < one.regions().size(); ++i) {
        const auto &left = one.regions()[i], &right = other.regions()[i];
        if (left.address != right.address || left.bytes.size() != right.bytes.size()) return false;
        if (std::memcmp(left.bytes.data(), right.bytes.data(), left.bytes.size()) != 0) return false;
    }
    return true;
}

}  // namespace eremite::test
