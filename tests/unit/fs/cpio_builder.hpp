#pragma once
// Writes cpio archives for tests.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace eremite::test {

class CpioBuilder {
public:
    struct Fields {
        uint32_t mode = 0100644;
        uint32_t inode = 1;
        uint32_t links = 1;
        uint32_t check = 0;
        uint32_t device_minor = 0;
        const char* magic = "070701";
    };
    CpioBuilder& add(std::string_view name, std::string_view data, Fields f) {
        char header[111];
        std::snprintf(header, sizeof header, "%s%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", f.magic, f.inode, f.mode, 0U, 0U,
                      f.links, 1000U, static_cast<unsigned>(data.size()), 0U, f.device_minor, 1U, 3U,
                      static_cast<unsigned>(name.size() + 1), f.check);
        text_.append(header, 110).append(name).push_back('\0');
        pad();
        text_.append(data);
        pad();
        return *this;
    }
    CpioBuilder& add(std::string_view name, std::string_view data = {}) { return add(name, data, Fields{}); }
    CpioBuilder& directory(std::string_view name, uint32_t permissions = 0755) { return add(name, {}, {.mode = 0040000 | permissions}); }
    CpioBuilder& link(std::string_view name, std::string_view target) { return add(name, target, {.mode = 0120777}); }
    CpioBuilder& end() { return add("TRAILER!!!", {}, {.mode = 0}); }
    CpioBuilder& zeros(size_t count) {
        text_.append(count, '\0');
        return *this;
    }
    [[nodiscard]] std::vector<uint8_t> bytes() const { return {text_.begin(), text_.end()}; }

private:
    void pad() {
        while (text_.size() % 4 != 0) text_.push_back('\0');
    }
    std::string text_;
};

}  // namespace eremite::test
