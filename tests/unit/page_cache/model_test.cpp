// Random operations on a cached file, against a vector.
#include <random>

#include "cached_file.hpp"

namespace eremite::test {
namespace {

class CacheModel : public CacheTest, public testing::WithParamInterface<unsigned> {};

TEST_P(CacheModel, AgreesAfterRandomOperations) {
    constexpr uint64_t pages = 200;
    std::mt19937 random{GetParam()};
    const auto below = [&](uint64_t limit) { return std::uniform_int_distribution<uint64_t>{0, limit - 1}(random); };
    Bytes model = pattern(50 * page_size + 123);
    CachedFile& file = make(model);
    const VirtualAddress start = map(file, pages);
    for (int step = 0; step < 3000; ++step) {
        const uint64_t offset = below(pages * page_size);
        const size_t size = 1 + below(below(4) == 0 ? 20 * page_size : 300);
        switch (below(10)) {
        case 0:
        case 1: {
            const size_t from = std::min<size_t>(offset, model.size()), end = std::min<size_t>(offset + size, model.size());
            ASSERT_EQ(file.read(offset, size), Bytes(model.begin() + static_cast<ptrdiff_t>(from), model.begin() + static_cast<ptrdiff_t>(end)));
            break;
        }
        case 2:
        case 3: {
            const Bytes bytes = pattern(std::min<size_t>(size, pages * page_size - offset), below(100));
            file.write(offset, bytes);
            if (model.size() < offset + bytes.size()) model.resize(offset + bytes.size());
            std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<ptrdiff_t>(offset));
            break;
        }
        case 4:
            if (below(4) != 0) break;
            ASSERT_TRUE(file.cache.truncate(offset).ok());
            model.resize(offset);
            break;
        case 5: ASSERT_TRUE(file.cache.write_back(offset, offset + size).ok()); break;
        case 6: (void)file.cache.evict(below(40)); break;
        case 7:
            ASSERT_TRUE(below(10) != 0 || file.cache.invalidate().ok());
            break;
        default: {
            const uint64_t page = below(pages);
            uint64_t value = below(UINT64_MAX);
            const bool writes = below(2) == 0, inside = page * page_size < model.size();
            const uint64_t written = value;
            ASSERT_EQ(writes ? cpu().write(start + page * page_size, value) : cpu().read(start + page * page_size, value), inside ? 0 : ENXIO);
            if (!inside) break;
            Bytes word(8);
            std::copy_n(reinterpret_cast<const uint8_t*>(writes ? &written : &value), 8, word.begin());
            const size_t there = std::min<size_t>(8, model.size() - page * page_size);
            const auto place = model.begin() + static_cast<ptrdiff_t>(page * page_size);
            if (writes) std::copy_n(word.begin(), there, place);
            else ASSERT_TRUE(std::equal(word.begin(), word.begin() + static_cast<ptrdiff_t>(there), place));
        }
        }
        ASSERT_EQ(file.cache.size(), model.size());
    }
    ASSERT_TRUE(file.cache.write_back().ok());
    Bytes stored = file.store.bytes;
    stored.resize(model.size());
    EXPECT_EQ(stored, model);
    unmap(start, pages);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CacheModel, testing::Range(1u, 6u));

}  // namespace
}  // namespace eremite::test
