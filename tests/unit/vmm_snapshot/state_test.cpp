#include "vmm/snapshot/state.hpp"

#include <gtest/gtest.h>

#include "tests/unit/vmm_snapshot/memory_file.hpp"

namespace eremite::vmm {
namespace {

using test::error_of;

struct Structure {
    uint32_t first;
    uint64_t second;
};

StateWriter some_state() {
    StateWriter state;
    state.begin("part");
    state.add(Structure{7, UINT64_MAX});
    state.add_list(std::span<const uint16_t>{std::vector<uint16_t>{1, 2, 3}});
    state.add_text("text");
    state.begin("");
    state.add_list(std::span<const uint64_t>{});
    return state;
}

void read_all(StateReader& state) {
    state.begin("part");
    const auto structure = state.take<Structure>();
    EXPECT_EQ(structure.first, 7U);
    EXPECT_EQ(structure.second, UINT64_MAX);
    EXPECT_EQ(state.take_list<uint16_t>(), (std::vector<uint16_t>{1, 2, 3}));
    EXPECT_EQ(state.take_text(), "text");
    state.begin("");
    EXPECT_TRUE(state.take_list<uint64_t>().empty());
}

TEST(SnapshotState, IsReadAsItWasWritten) {
    const StateWriter written = some_state();
    StateReader state{written.bytes()};
    EXPECT_FALSE(state.ended());
    read_all(state);
    EXPECT_TRUE(state.ended());
}

TEST(SnapshotState, EndsTooEarlyAnywhere) {
    const StateWriter written = some_state();
    for (size_t size = 0; size < written.bytes().size(); ++size) {
        // In memory of its own, so that a read beyond its end is found.
        const std::vector<std::byte> part(written.bytes().begin(), written.bytes().begin() + static_cast<ptrdiff_t>(size));
        StateReader state{part};
        EXPECT_EQ(error_of([&] { read_all(state); }), "the snapshot is damaged: its state ends too early") << size;
    }
}

TEST(SnapshotState, AnotherPart) {
    StateWriter written;
    written.begin("one");
    StateReader state{written.bytes()};
    EXPECT_EQ(error_of([&] { state.begin("two"); }), "the snapshot is of another machine or version: it has no state of two where that should be");
}

// Nothing is allocated for what cannot be there: these would be more than any memory, or wrap to little.
TEST(SnapshotState, AbsurdCounts) {
    for (const uint64_t count : {uint64_t{2}, uint64_t{1} << 32, uint64_t{1} << 60, uint64_t{1} << 61, uint64_t{1} << 63, UINT64_MAX}) {
        StateWriter written;
        written.add(count);
        written.add<uint64_t>(0);
        StateReader numbers{written.bytes()};
        EXPECT_EQ(error_of([&] { (void)numbers.take_list<uint64_t>(); }), "the snapshot is damaged: its state ends too early") << count;
    }
    for (const uint64_t count : {uint64_t{9}, uint64_t{1} << 63, UINT64_MAX}) {
        StateWriter written;
        written.add(count);
        written.add<uint64_t>(0);
        StateReader text{written.bytes()};
        EXPECT_EQ(error_of([&] { (void)text.take_text(); }), "the snapshot is damaged: its state ends too early") << count;
    }
}

}  // namespace
}  // namespace eremite::vmm
