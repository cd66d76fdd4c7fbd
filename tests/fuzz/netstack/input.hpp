#pragma once
#include <algorithm>
#include <cstdint>
#include <span>

namespace eremite::test {

// Bytes of the fuzzer, of which there are as many zeros as are asked for behind their end.
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
    uint16_t half() { return static_cast<uint16_t>(byte() << 8 | byte()); }
    uint32_t word() { return uint32_t{half()} << 16 | half(); }
    std::span<const uint8_t> take(size_t size) {
        const auto taken = left_.first(std::min(size, left_.size()));
        left_ = left_.subspan(taken.size());
        return taken;
    }

private:
    std::span<const uint8_t> left_;
};

}  // namespace eremite::test
