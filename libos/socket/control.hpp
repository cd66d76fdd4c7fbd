#pragma once
// What goes along with a message beside data and files: items of a level and a type (cmsg(3)).
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace eremite::socket {

class ControlItems {
public:
    struct Item {
        int level, type;
        uint32_t size;
    };
    // False: there is no room.
    bool add(int level, int type, std::span<const uint8_t> value) {
        const Item item{level, type, static_cast<uint32_t>(value.size())};
        if (value.size() > bytes_.size() || used_ + sizeof item + value.size() > bytes_.size()) return false;
        std::memcpy(&bytes_[used_], &item, sizeof item);
        std::memcpy(&bytes_[used_ + sizeof item], value.data(), value.size());
        used_ += sizeof item + value.size();
        return true;
    }
    template <typename T>
    bool add_value(int level, int type, const T& value) {
        uint8_t bytes[sizeof(T)];
        std::memcpy(bytes, &value, sizeof value);
        return add(level, type, std::span<const uint8_t>{bytes});
    }
    // Calls visit(item, value) for each, in the order in which they were added.
    template <typename Visit>
    void for_each(Visit&& visit) const {
        for (size_t at = 0; at < used_;) {
            Item item;
            std::memcpy(&item, &bytes_[at], sizeof item);
            at += sizeof item;
            visit(item, std::span{bytes_}.subspan(at, item.size));
            at += item.size;
        }
    }

private:
    std::array<uint8_t, 256> bytes_;  // without a value until something is added
    size_t used_ = 0;
};

}  // namespace eremite::socket
