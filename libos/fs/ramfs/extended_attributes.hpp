#pragma once
// The extended attributes of one inode (xattr(7)): few and small, so a list is searched.
#include <span>
#include <string_view>

#include "base/vector.hpp"
#include "libos/sync/spinlock.hpp"

namespace eremite::fs::ramfs {

class ExtendedAttributes {
public:
    // As those of Inode.
    [[nodiscard]] Result<size_t> get(std::string_view name, std::span<uint8_t> value);
    [[nodiscard]] Result<void> set(std::string_view name, std::span<const uint8_t> value, uint32_t flags);
    [[nodiscard]] Result<void> remove(std::string_view name);
    [[nodiscard]] Result<size_t> list(std::span<char> names);

private:
    struct Attribute {
        String name;
        Vector<uint8_t> value;
    };
    // Null: there is none of this name. Requires: the lock.
    [[nodiscard]] Attribute* find(std::string_view name);

    sync::Spinlock lock_{sync::Rank::Directory};
    Vector<Attribute> attributes_;
};

}  // namespace eremite::fs::ramfs
