#include "libos/socket/vsock/byte_ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "tests/random.hpp"

namespace eremite::test {
namespace {

using socket::vsock::ByteRing;

// What a queue of bytes has, whatever is put and dropped in what order.
TEST(ByteRing, IsAQueue) {
    Random random{7};
    ByteRing ring;
    std::deque<uint8_t> model;
    for (int step = 0; step < 3000; ++step) {
        if (random.below(2) == 0 && model.size() < 60'000) {
            std::vector<uint8_t> bytes(random.below(9000));
            for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256));
            ASSERT_TRUE(ring.put(bytes));
            model.insert(model.end(), bytes.begin(), bytes.end());
        } else {
            const size_t count = random.below(model.size() + 1);
            ring.drop(count);
            model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
        }
        ASSERT_EQ(ring.size(), model.size());
        size_t at = 0;
        while (at < ring.size()) {
            const auto piece = ring.piece(at);
            ASSERT_FALSE(piece.empty());
            ASSERT_TRUE(std::equal(piece.begin(), piece.end(), model.begin() + static_cast<std::ptrdiff_t>(at)));
            at += piece.size();
        }
    }
}

}  // namespace
}  // namespace eremite::test
