// What the checks against Linux cannot show: mappings, failing allocations, memory given back.
#include <sys/mman.h>

#include <random>
#include <unordered_map>

#include "fixture.hpp"
#include "libos/fs/page_tree.hpp"

namespace eremite::test {

using RamfsTest = FileTest;

// The page tree against a map.
TEST(PageTree, AgreesWithAModel) {
    fs::PageTree tree;
    std::unordered_map<uint64_t, uint64_t> model;
    std::mt19937_64 random{1};
    const auto index = [&] { return random() >> (12 + random() % 52); };
    for (int i = 0; i < 20000; ++i) {
        const uint64_t at = index();
        switch (random() % 8) {
            case 0: {
                const uint64_t last = at + index();
                if (last < at) break;
                tree.remove(at, last, [&](PhysicalAddress frame) {
                    const auto found = std::find_if(model.begin(), model.end(), [&](auto& m) { return m.second == frame.value; });
                    ASSERT_NE(found, model.end());
                    EXPECT_TRUE(found->first >= at && found->first <= last);
                    model.erase(found);
                });
                for (const auto& m : model) ASSERT_FALSE(m.first >= at && m.first <= last);
                break;
            }
            case 1: {
                uint64_t expected = fs::PageTree::none;
                for (const auto& m : model) {
                    if (m.first >= at) expected = std::min(expected, m.first);
                }
                EXPECT_EQ(tree.next_present(at), expected);
                uint64_t absent = at;
                while (model.contains(absent)) ++absent;
                EXPECT_EQ(tree.next_absent(at), absent);
                break;
            }
            default: {
                const auto frame = tree.find(at);
                ASSERT_EQ(static_cast<bool>(frame), model.contains(at));
                if (frame) {
                    EXPECT_EQ(frame.address().value, model[at]);
                } else {
                    const uint64_t value = static_cast<uint64_t>(i) << 12;
                    ASSERT_TRUE(tree.insert(at, PhysicalAddress{value}).ok());
                    model[at] = value;
                }
            }
        }
        ASSERT_EQ(tree.count(), model.size());
    }
    tree.remove(0, UINT64_MAX, [](PhysicalAddress) {});
    EXPECT_EQ(tree.count(), 0U);
}

TEST_F(RamfsTest, MappedPagesAreTheFile) {
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    write(*file, 0, "hello");
    file->mapped();
    auto page = file->page(0, true);
    ASSERT_TRUE(page.ok());
    char* bytes = direct_map(page.value()).as<char>();
    EXPECT_EQ(std::string(bytes, 5), "hello");
    bytes[0] = 'J';
    EXPECT_EQ(read(*file), "Jello");
    EXPECT_EQ(file->page(1, false).code(), ENXIO);
    file->unmapped();
}

TEST_F(RamfsTest, TruncatedPagesLeaveTheirMappings) {
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    write(*file, 0, std::string(3 * page_size, 'x'));
    mm::AddressSpace& space = mm::kernel_address_space();
    mm::MapRequest request;
    request.length = 3 * page_size;
    request.object = Ref<mm::MemoryObject>{file};
    request.flags = MAP_SHARED;
    const VirtualAddress shared = space.map(request).value();
    request.flags = MAP_PRIVATE;
    const VirtualAddress copied = space.map(request).value();
    for (uint64_t i = 0; i < 3; ++i) {
        ASSERT_TRUE(space.fault(shared + i * page_size, mm::Access::Read).ok());
        ASSERT_TRUE(space.fault(copied + i * page_size, mm::Access::Write).ok());
    }
    ASSERT_TRUE(file->truncate(10).ok());
    EXPECT_EQ(file->page(1, false).code(), ENXIO);
    EXPECT_EQ(file->attributes()->blocks, 8U);
    EXPECT_TRUE(space.query(shared) && space.query(copied));
    for (const VirtualAddress gone : {shared + page_size, shared + 2 * page_size, copied + page_size, copied + 2 * page_size}) {
        EXPECT_FALSE(space.query(gone));
        EXPECT_EQ(space.fault(gone, mm::Access::Read).code(), ENXIO);
    }
    // The rest of the last page is zeroed, and what comes back is zero as well.
    ASSERT_TRUE(file->truncate(2 * page_size).ok());
    EXPECT_EQ(read(*file), std::string(10, 'x') + std::string(2 * page_size - 10, '\0'));
    ASSERT_TRUE(space.unmap(shared, 3 * page_size).ok());
    ASSERT_TRUE(space.unmap(copied, 3 * page_size).ok());
}

TEST_F(RamfsTest, HolesPunchedIntoMappedFilesReadAsZeros) {
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    write(*file, 0, std::string(3 * page_size, 'x'));
    file->mapped();
    const PhysicalAddress frame = file->page(1, false).value();
    ASSERT_TRUE(file->allocate(fs::AllocateMode::PunchHole, page_size, page_size, true).ok());
    EXPECT_EQ(file->page(1, false).value(), frame);
    EXPECT_EQ(direct_map(frame).as<char>()[0], 0);
    EXPECT_EQ(direct_map(file->page(2, false).value()).as<char>()[0], 'x');
    file->unmapped();
}

TEST_F(RamfsTest, FilesLeavePromisedMemoryAlone) {
    mm::AddressSpace& space = mm::kernel_address_space();
    const Hunger hunger{8192};
    mm::MapRequest request;
    request.length = 6000 * page_size;
    request.flags = MAP_PRIVATE | MAP_ANONYMOUS;
    const VirtualAddress promised = space.map(request).value();
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    const std::string block(1 << 20, 'x');
    uint64_t position = 0;
    int error = 0;
    while (error == 0) {
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(block.data()), block.size()});
        error = file->write(position, io, false).code();
    }
    EXPECT_EQ(error, ENOSPC);
    EXPECT_GE(position, 500 * page_size);
    EXPECT_EQ(root()->create("g", {0644}).code(), ENOSPC);
    EXPECT_EQ(root()->create_directory("g", 0755).code(), ENOSPC);
    EXPECT_EQ(root()->create("f", {0644}).code(), EEXIST);
    for (uint64_t i = 0; i < 6000; ++i) ASSERT_TRUE(space.fault(promised + i * page_size, mm::Access::Write).ok()) << i;
    ASSERT_TRUE(space.unmap(promised, request.length).ok());
    ASSERT_TRUE(root()->unlink("f").ok());
}

TEST_F(RamfsTest, HolesOfMappedFilesBecomePages) {
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    ASSERT_TRUE(file->truncate(100 * page_size).ok());
    file->mapped();
    const PhysicalAddress frame = file->page(50, true).value();
    direct_map(frame).as<char>()[7] = 'm';
    EXPECT_EQ(read(*file, 50 * page_size + 7, 1), "m");
    EXPECT_EQ(file->seek_data(0, false).value(), 50 * page_size);
    file->unmapped();
}

TEST_F(RamfsTest, FullMemoryEndsAWriteEarly) {
    const Ref<fs::Inode> file = *root()->create("f", {0644});
    const std::string text(1 << 20, 'x');
    const uint64_t reserved = mm::page_allocator().free_pages() - mm::page_allocator().available_pages();
    const Hunger hunger{reserved + mm::page_allocator().total_pages() / 64 + 5};
    auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    uint64_t position = 0;
    const auto written = file->write(position, io, false);
    ASSERT_TRUE(written.ok());
    EXPECT_EQ(written.value(), 5 * page_size);
    EXPECT_EQ(position, 5 * page_size);
    auto more = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    EXPECT_EQ(file->write(position, more, false).code(), ENOSPC);
    EXPECT_EQ(file->allocate(fs::AllocateMode::Allocate, 0, uint64_t{1} << 40, false).code(), ENOSPC);
}

TEST_F(RamfsTest, EveryOperationSurvivesFailedAllocations) {
    const auto operations = [&]() -> Result<void> {
        Ref<fs::Inode> d = TRY(root()->create_directory("d", 0755));
        Ref<fs::Inode> f = TRY(d->create("f", {0644}));
        TRY(f->truncate(uint64_t{1} << 40));
        uint64_t position = (uint64_t{1} << 40) + 5;
        const uint8_t byte = 1;
        auto io = fs::IoBuffer::kernel({&byte, 1});
        TRY(f->write(position, io, false));
        TRY(d->create_symbolic_link("s", "f"));
        TRY(root()->link("hard", *f));
        TRY(d->rename("f", *root(), "moved", fs::RenameMode::Replace));
        TRY(root()->rename("hard", *d, "s", fs::RenameMode::Replace));
        TRY(d->unlink("s"));
        return {};
    };
    for (int64_t n = 0;; ++n) {
        Result<void> result;
        {
            const FailingHeap failing{n};
            result = operations();
        }
        // Whatever was done is undone by name; a name that is missing is one that was not reached.
        if (const auto d = root()->lookup("d"); d.ok()) {
            for (const char* name : {"f", "s"}) (void)d.value()->unlink(name);
        }
        for (const char* name : {"hard", "moved"}) (void)root()->unlink(name);
        (void)root()->remove_directory("d");
        EXPECT_EQ(root()->lookup("d").code(), ENOENT);
        if (result.ok()) break;
        EXPECT_TRUE(result.code() == ENOMEM || result.code() == ENOSPC);
        ASSERT_LT(n, 1000);
    }
}

TEST_F(RamfsTest, DeepChainsOfRemovedDirectoriesEndWithoutRecursion) {
    Ref<fs::Inode> current = *root()->create_directory("deep", 0755);
    const Ref<fs::Inode> top = current;
    for (int i = 0; i < 20000; ++i) current = *current->create_directory("d", 0755);
    // From the innermost outwards; each is kept by the one inside it alone.
    Ref<fs::Inode> outer = current->parent();
    for (;;) {
        ASSERT_TRUE(outer->remove_directory("d").ok());
        if (outer == top) break;
        outer = outer->parent();
    }
    EXPECT_TRUE(current->unlinked());
    current = nullptr;
    outer = nullptr;
    EXPECT_TRUE(root()->remove_directory("deep").ok());
}

}  // namespace eremite::test
