// Pages that an object has to bring first: faults wait for them with the address space unlocked.
#include <functional>
#include <set>

#include "space.hpp"

namespace eremite::mm {
namespace {

// Has its pages once they were fetched.
class SlowObject final : public test::FakeObject {
public:
    using FakeObject::FakeObject;
    Result<PhysicalAddress> page(uint64_t index, bool for_write) override {
        auto frame = FakeObject::page(index, for_write);
        if (frame.ok() && !present.contains(index)) return Error{EAGAIN};
        return frame;
    }
    Result<void> fetch(uint64_t index, bool for_write) override {
        ++fetches;
        fetched_for_write = for_write;
        if (meanwhile) meanwhile();
        if (error != 0) return Error{error};
        if (loses > 0) --loses;
        else present.insert(index);
        return {};
    }
    [[nodiscard]] bool tracks_writes() const override { return tracks; }

    std::set<uint64_t> present;
    int fetches = 0;
    bool fetched_for_write = false;
    int error = 0;
    int loses = 0;  // so many fetched pages are gone again at once
    bool tracks = false;
    std::function<void()> meanwhile;
};

class AbsentPageTest : public test::SpaceTest {
protected:
    void SetUp() override {
        SpaceTest::SetUp();
        object_ = Ref<SlowObject>::adopt(new SlowObject{pages, 100});
    }
    void TearDown() override {
        ASSERT_TRUE(space().unmap(start_, pages * page_size).ok());
        EXPECT_EQ(object_->mappings, 0);
        EXPECT_EQ(object_->reference_count(), 1u);
        object_ = nullptr;
        SpaceTest::TearDown();
    }
    VirtualAddress map_object(int flags, uint8_t protection = 3) {
        start_ = try_map(pages * page_size, protection, flags, {}, object_).value();
        return start_;
    }
    SlowObject& object() { return *object_; }

    static constexpr uint64_t pages = 32;

private:
    Ref<SlowObject> object_;
    VirtualAddress start_{};
};

TEST_F(AbsentPageTest, AFaultFetchesThePageAndMapsIt) {
    const VirtualAddress start = map_object(MAP_SHARED);
    EXPECT_EQ(read(start + 3 * page_size), 103u);
    EXPECT_EQ(object().fetches, 1);
    EXPECT_FALSE(object().fetched_for_write);
    EXPECT_EQ(read(start + 3 * page_size), 103u);
    EXPECT_EQ(object().fetches, 1);
    write(start + 5 * page_size, 7);
    EXPECT_TRUE(object().fetched_for_write);
    EXPECT_EQ(object().word(5), 7u);
}

TEST_F(AbsentPageTest, TheAddressSpaceIsFreeMeanwhile) {
    const VirtualAddress start = map_object(MAP_SHARED);
    const VirtualAddress other = map(page_size);
    object().meanwhile = [&] { write(other, 1); };
    EXPECT_EQ(read(start), 100u);
    EXPECT_EQ(read(other), 1u);
    ASSERT_TRUE(space().unmap(other, page_size).ok());
}

TEST_F(AbsentPageTest, APrivatePageIsFetchedAndCopied) {
    const VirtualAddress start = map_object(MAP_PRIVATE);
    write(start + 2 * page_size, 9);
    EXPECT_EQ(object().fetches, 1);
    EXPECT_FALSE(object().fetched_for_write);
    EXPECT_EQ(object().word(2), 102u);
    EXPECT_EQ(read(start + 2 * page_size), 9u);
}

TEST_F(AbsentPageTest, WhoMustNotWaitIsToldSo) {
    const VirtualAddress start = map_object(MAP_SHARED);
    EXPECT_EQ(space().fault(start, Access::Read, false).code(), EAGAIN);
    EXPECT_EQ(object().fetches, 0);
    EXPECT_FALSE(space().query(start));
    EXPECT_EQ(object().reference_count(), 2u);
    EXPECT_TRUE(space().fault(start, Access::Read).ok());
    EXPECT_TRUE(space().fault(start, Access::Read, false).ok());
}

TEST_F(AbsentPageTest, ErrorsOfTheDeviceEndTheFault) {
    const VirtualAddress start = map_object(MAP_SHARED);
    object().error = EIO;
    EXPECT_EQ(read_error(start), EIO);
    object().error = 0;
    EXPECT_EQ(read(start), 100u);
}

TEST_F(AbsentPageTest, TheAreaMayGoMeanwhile) {
    const VirtualAddress start = map_object(MAP_SHARED);
    object().meanwhile = [&] { ASSERT_TRUE(space().unmap(start, page_size).ok()); };
    EXPECT_EQ(read_error(start), EFAULT);
    object().meanwhile = [&] { ASSERT_TRUE(space().protect(start + page_size, page_size, protection::none).ok()); };
    EXPECT_EQ(read_error(start + page_size), EACCES);
}

TEST_F(AbsentPageTest, TheObjectMayBecomeShorterMeanwhile) {
    const VirtualAddress start = map_object(MAP_SHARED);
    object().meanwhile = [&] {
        object().shrink(4);
        space().drop_object_pages(object(), 4);
    };
    EXPECT_EQ(read_error(start + 8 * page_size), ENXIO);
}

// Taken back before the fault looked again: it asks once more.
TEST_F(AbsentPageTest, APageThatIsGoneAgainIsFetchedAgain) {
    const VirtualAddress start = map_object(MAP_SHARED);
    object().loses = 2;
    EXPECT_EQ(read(start), 100u);
    EXPECT_EQ(object().fetches, 3);
}

TEST_F(AbsentPageTest, PopulatingWaitsForEveryPage) {
    const VirtualAddress start = map_object(MAP_SHARED | MAP_POPULATE);
    EXPECT_EQ(object().fetches, static_cast<int>(pages));
    for (uint64_t i = 0; i < pages; ++i) EXPECT_TRUE(space().query(start + i * page_size)) << i;
}

TEST_F(AbsentPageTest, LockingWaitsForEveryPage) {
    const VirtualAddress start = map_object(MAP_SHARED, 1);
    ASSERT_TRUE(space().lock(start, 4 * page_size, true).ok());
    EXPECT_EQ(object().fetches, 4);
    object().error = EIO;
    EXPECT_EQ(space().lock(start, 8 * page_size, true).code(), ENOMEM);
    ASSERT_TRUE(space().unlock(start, 8 * page_size).ok());
}

TEST_F(AbsentPageTest, NeighboursThatAreThereAreMappedWithIt) {
    const VirtualAddress start = map_object(MAP_SHARED);
    for (uint64_t i = 0; i < 6; ++i) object().present.insert(i);
    for (uint64_t i = 0; i < 8; ++i) EXPECT_EQ(read(start + i * page_size), 100 + i);
    EXPECT_EQ(object().fetches, 2);
    EXPECT_LT(space().statistics().faults, 8u);
}

TEST_F(AbsentPageTest, WritesAreTrackedPageByPage) {
    object().tracks = true;
    for (uint64_t i = 0; i < pages; ++i) object().present.insert(i);
    const VirtualAddress start = map_object(MAP_SHARED);
    for (uint64_t i = 0; i < 8; ++i) write(start + i * page_size, i);
    EXPECT_EQ(object().write_requests, 8);
    EXPECT_EQ(read(start + 8 * page_size), 108u);
    EXPECT_EQ(object().write_requests, 8);
    write(start + 8 * page_size, 1);
    EXPECT_EQ(object().write_requests, 9);
}

}  // namespace
}  // namespace eremite::mm
