#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

namespace eremite::test {

// Bytes of the fuzzer, behind whose end there are zeros.
class Input {
public:
    Input(const uint8_t* data, size_t size) : left_{data, size} {}
    [[nodiscard]] bool empty() const { return left_.empty(); }
    uint8_t byte() {
        if (left_.empty()) return 0;
        const uint8_t b = left_.front();
        left_ = left_.subspan(1);
        return b;
    }
    // Of so many bytes, the highest first.
    uint32_t number(int bytes) {
        uint32_t value = 0;
        for (int i = 0; i < bytes; ++i) value = value << 8 | byte();
        return value;
    }
    uint16_t half() { return static_cast<uint16_t>(number(2)); }
    uint32_t word() { return number(4); }
    std::span<const uint8_t> take(size_t size) {
        const auto taken = left_.first(std::min(size, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }
    // Copies what there is, `size` bytes at most, and returns how much it was.
    size_t take(uint8_t* into, size_t size) {
        const auto taken = take(size);
        std::copy(taken.begin(), taken.end(), into);
        return taken.size();
    }

private:
    std::span<const uint8_t> left_;
};

}  // namespace eremite::test
