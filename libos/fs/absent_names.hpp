#pragma once
// Names that were looked for of late and are not there, so that who asks again gets the answer at once: programs ask for the same few time
// and again (a database for its journals, a compiler for headers). For file systems whose names are not in memory anyhow.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "libos/fs/name_hash.hpp"

namespace eremite::fs {

// All of it requires the lock of the file system's names. `hash`: hash_name() of the name.
class AbsentNames {
public:
    // Whether it is known that the directory has no such name.
    [[nodiscard]] bool has(const void* directory, std::string_view name, uint32_t hash) const {
        const Entry& entry = entries_[hash % size];
        return entry.directory == directory && entry.hash == hash && entry.length == name.size() && same_name(entry.name, name.data(), name.size());
    }
    // Requires: the directory has no such name, and is told of by forget() before it gets one.
    void insert(const void* directory, std::string_view name, uint32_t hash) {
        Entry& entry = entries_[hash % size];
        if (name.size() > sizeof entry.name) return;
        entry.directory = directory;
        entry.hash = hash;
        entry.length = static_cast<uint8_t>(name.size());
        name.copy(entry.name, name.size());
    }
    // The directory gets this name.
    void forget(std::string_view name) { entries_[hash_name(name) % size].directory = nullptr; }
    // The directory goes, and another one may come to be in its place in memory.
    void forget_directory(const void* directory) {
        for (Entry& entry : entries_)
            if (entry.directory == directory) entry.directory = nullptr;
    }

private:
    static constexpr size_t size = 64;
    // Longer names are not kept.
    struct Entry {
        const void* directory = nullptr;
        uint32_t hash = 0;
        uint8_t length = 0;
        char name[51] = {};
    };
    static_assert(sizeof(Entry) == 64);
    std::array<Entry, size> entries_;
};

}  // namespace eremite::fs
