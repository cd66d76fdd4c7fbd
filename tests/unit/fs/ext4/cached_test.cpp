// Files of a volume and the page cache: what lasts, and what happens where room or memory ends.
#include <fcntl.h>

#include "libos/fs/ext4/node.hpp"
#include "libos/platform/clock.hpp"
#include "volume_fixture.hpp"

namespace eremite::test {

namespace {

constexpr size_t mib = 1 << 20, block = 4096;

std::string block_of(char c) { return std::string(block, c); }

}  // namespace

class CachedVolumeTest : public VolumeTest {
protected:
    // What the disk would hold if the power failed now and nothing had been written that was not flushed.
    std::vector<uint8_t> without_power() const {
        return image_->durable();
    }
    void restart_from(std::vector<uint8_t> bytes) {
        drop();
        expect_sound(bytes);
        image_ = std::make_unique<Image>(std::move(bytes));
        mount();
    }
};

TEST_F(CachedVolumeTest, FsyncMakesOneFileLast) {
    make(16 * mib);
    mount();
    auto kept = create(*root_, "kept", std::string(50'000, 'k'));
    create(*root_, "other", std::string(50'000, 'o'));
    ASSERT_EQ(kept->synchronize(false).code(), 0);
    kept = nullptr;
    restart_from(without_power());
    EXPECT_EQ(read(*find("/kept")), std::string(50'000, 'k'));
    // Its name is there, its bytes were in memory only; nobody sees what was on the disk before.
    EXPECT_EQ(read(*find("/other")), "");
}

TEST_F(CachedVolumeTest, FdatasyncOfBytesInTheirPlacesAsksForNoCommit) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "file", block_of('a') + block_of('b'));
    ASSERT_EQ(file->synchronize(false).code(), 0);
    write(*file, 10, "changed");
    int writes = 0;
    image_->context = &writes;
    image_->before_change = [](Image&, void* count) { ++*static_cast<int*>(count); };
    ASSERT_EQ(file->synchronize(true).code(), 0);
    image_->before_change = nullptr;
    // The bytes and a flush.
    EXPECT_EQ(writes, 2);
    file = nullptr;
    restart_from(without_power());
    EXPECT_EQ(read(*find("/file"), 0, 20), "aaaaaaaaaachangedaaa");
}

TEST_F(CachedVolumeTest, FdatasyncOfALongerFileMakesItsSizeLast) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "file", "begin");
    ASSERT_EQ(file->synchronize(false).code(), 0);
    write(*file, 5, " and end");
    ASSERT_EQ(file->synchronize(true).code(), 0);
    file = nullptr;
    restart_from(without_power());
    EXPECT_EQ(read(*find("/file")), "begin and end");
}

TEST_F(CachedVolumeTest, RenameOverAFileBringsNoEmptyOne) {
    make(16 * mib);
    mount();
    create(*root_, "file", "old");
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    create(*root_, "file.new", "new");
    ASSERT_EQ(root_->rename("file.new", *root_, "file", fs::RenameMode::Replace).code(), 0);
    // Some other commit, which tells nothing of this file's bytes.
    ASSERT_EQ(root_->synchronize(false).code(), 0);
    restart_from(without_power());
    EXPECT_EQ(read(*find("/file")), "new");
}

TEST_F(CachedVolumeTest, TimesOfWritesAreKeptAndThoseThatWereSetStay) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "file", "text");
    now += 10'000'000'000;
    write(*file, 0, "late");
    const auto written = file->attributes().value();
    EXPECT_EQ(written.modification_time, platform::realtime_now());
    fs::AttributeChange change;
    change.modification_time = 5'000'000'000;
    ASSERT_EQ(file->set_attributes(change).code(), 0);
    ASSERT_EQ(file->synchronize(false).code(), 0);
    EXPECT_EQ(file->attributes().value().modification_time, 5'000'000'000);
    file = nullptr;
    unmount();
    mount();
    EXPECT_EQ(find("/file")->attributes().value().modification_time, 5'000'000'000);
}

TEST_F(CachedVolumeTest, WhatIsUnlinkedIsNotWritten) {
    make(16 * mib);
    mount();
    create(*root_, "file", std::string(mib, 'x'));
    ASSERT_EQ(file_system_->volume().has_room(0), true);
    int writes = 0;
    image_->context = &writes;
    image_->before_change = [](Image&, void* count) { ++*static_cast<int*>(count); };
    ASSERT_EQ(root_->unlink("file").code(), 0);
    EXPECT_EQ(fs::page_cache::figures().dirty, 0u);
    image_->before_change = nullptr;
    EXPECT_EQ(writes, 0);
    unmount();
    expect_clean();
}

// Those that nobody has open any more are freed as it goes, not all of them at some later time.
TEST_F(CachedVolumeTest, WhatIsUnlinkedIsFreedBeforeLong) {
    make(16 * mib);
    mount();
    const uint64_t before = file_system_->volume().super().s_free_inodes_count;
    for (int i = 0; i < 1000; ++i) {
        create(*root_, "file", "text");
        ASSERT_EQ(root_->unlink("file").code(), 0);
    }
    EXPECT_GE(file_system_->volume().super().s_free_inodes_count + 64, before);
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    EXPECT_EQ(file_system_->volume().super().s_free_inodes_count, before);
    unmount();
    expect_clean();
}

TEST_F(CachedVolumeTest, FilesAreKeptInCaseTheyAreUsedAgain) {
    make(64 * mib);
    mount();
    create(*root_, "file", std::string(mib, 'x'));
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    const size_t reads = image_->reads;
    EXPECT_EQ(read(*find("/file")), std::string(mib, 'x'));
    EXPECT_EQ(image_->reads, reads);
    // Not for ever.
    for (int i = 0; i < 10'000; ++i) create(*root_, std::to_string(i));
    const size_t later = image_->reads;
    EXPECT_EQ(read(*find("/file")), std::string(mib, 'x'));
    EXPECT_GT(image_->reads, later);
    unmount();
    expect_clean();
}

// Each range of a file of eight blocks, by extents and by lists: exactly these blocks go.
TEST_F(CachedVolumeTest, HolesOfEveryRange) {
    for (const char* options : {"-t ext4 -b 4096", "-t ext3 -b 4096"}) {
        SCOPED_TRACE(options);
        make(16 * mib, options);
        mount();
        constexpr size_t count = 8;
        std::string whole;
        for (size_t i = 0; i < count; ++i) whole += block_of(static_cast<char>('a' + i));
        for (size_t first = 0; first < count; ++first) {
            for (size_t end = first + 1; end <= count; ++end) {
                const auto file = create(*root_, "punched " + std::to_string(first) + " " + std::to_string(end), whole);
                ASSERT_EQ(file->synchronize(false).code(), 0);
                ASSERT_EQ(file->allocate(fs::AllocateMode::PunchHole, first * block, (end - first) * block, true).code(), 0);
                std::string expected = whole;
                expected.replace(first * block, (end - first) * block, (end - first) * block, '\0');
                EXPECT_EQ(read(*file), expected) << first << " to " << end;
                for (size_t i = 0; i < count; ++i)
                    EXPECT_EQ(file->seek_data(i * block, true).value() == i * block, i >= first && i < end) << first << " to " << end << ", " << i;
            }
            const auto file = create(*root_, "shorter " + std::to_string(first), whole);
            ASSERT_EQ(file->synchronize(false).code(), 0);
            ASSERT_EQ(file->truncate(first * block).code(), 0);
            EXPECT_EQ(read(*file), whole.substr(0, first * block));
        }
        // Which counts the blocks of each file.
        unmount();
        expect_clean();
    }
}

TEST_F(CachedVolumeTest, BytesBehindTheEndAreZeros) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "file", block_of('x'));
    ASSERT_EQ(file->synchronize(false).code(), 0);
    ASSERT_EQ(file->truncate(100).code(), 0);
    ASSERT_EQ(file->truncate(5000).code(), 0);
    EXPECT_EQ(read(*file), std::string(100, 'x') + std::string(4900, '\0'));
    file = nullptr;
    unmount();
    expect_clean();
    mount();
    EXPECT_EQ(read(*find("/file")), std::string(100, 'x') + std::string(4900, '\0'));
}

TEST_F(CachedVolumeTest, NoMemoryForAWriteBack) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "file", "first");
    ASSERT_EQ(file->synchronize(false).code(), 0);
    auto result = file->open(O_RDWR);
    ASSERT_EQ(result.code(), 0);
    Ref<fs::File> opened = std::move(*result);
    write(*file, 0, std::string(100'000, 'x'));
    int code;
    {
        const Hunger hunger{0};
        const FailingHeap heap{0};
        code = opened->synchronize(false).code();
    }
    EXPECT_EQ(code, ENOMEM);
    // Told once; from then on all is as it should be.
    EXPECT_EQ(opened->synchronize(false).code(), 0);
    write(*file, 0, std::string(100'000, 'y'));
    EXPECT_EQ(opened->synchronize(false).code(), 0);
    EXPECT_EQ(read(*file), std::string(100'000, 'y'));
    opened = nullptr;
    file = nullptr;
    unmount();
    expect_clean();
}

// The n-th allocation of an object fails, and all after it: whatever that ends, nothing breaks.
TEST_F(CachedVolumeTest, NoMemoryAtAnyMoment) {
    for (int64_t successes = 0; successes < 160; successes += 3) {
        SCOPED_TRACE(successes);
        make(16 * mib);
        mount();
        create(*root_, "old", std::string(20'000, 'o'));
        ASSERT_EQ(file_system_->synchronize().code(), 0);
        {
            const FailingHeap heap{successes};
            if (auto file = root_->create("file", {.mode = S_IFREG | 0644}); file.ok()) {
                const std::string text(30'000, 'n');
                auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
                uint64_t position = 0;
                (void)(*file)->write(position, io, false);
                (void)(*file)->synchronize(false);
            }
            (void)root_->create_directory("folder", 0755);
            (void)root_->rename("file", *root_, "renamed", fs::RenameMode::Replace);
            (void)root_->create_symbolic_link("link", std::string(200, 'l'));
            (void)root_->unlink("renamed");
            (void)file_system_->synchronize();
        }
        EXPECT_EQ(read(*find("/old")), std::string(20'000, 'o'));
        (void)file_system_->synchronize();
        // A volume of which the kernel lost track is not unmounted, but it is sound.
        std::vector<uint8_t> bytes = image_->bytes();
        expect_sound(bytes);
        drop();
    }
}

// An inode that was let go and read again belongs to the running transaction as before.
TEST_F(CachedVolumeTest, FdatasyncKnowsWhatWasChangedBeforeTheInodeWasReadAgain) {
    make(16 * mib);
    mount();
    create(*root_, "file", block_of('a') + block_of('b'));
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    ASSERT_EQ(find("/file")->truncate(block).code(), 0);
    file_system_->drop_recent();
    ASSERT_EQ(find("/file")->synchronize(true).code(), 0);
    restart_from(without_power());
    EXPECT_EQ(read(*find("/file")), block_of('a'));
}

// 1 stands for more subdirectories than can be counted.
TEST_F(CachedVolumeTest, LinksOfADirectoryWithVeryManyStayAsTheyAre) {
    make(16 * mib);
    mount();
    const auto directory = root_->create_directory("d", 0755).value();
    {
        auto& node = static_cast<fs::ext4::Node&>(*directory);
        fs::ext4::Operation operation{file_system_->volume()};
        ASSERT_EQ(operation.begin().code(), 0);
        node.change();
        node.set_links(1);
        ASSERT_EQ(node.store().code(), 0);
        ASSERT_EQ(operation.keep().code(), 0);
    }
    ASSERT_TRUE(directory->create_directory("e", 0755).ok());
    ASSERT_EQ(directory->remove_directory("e").code(), 0);
    EXPECT_EQ(directory->attributes()->links, 1U);
    EXPECT_TRUE(directory->create_directory("f", 0755).ok());
}

TEST_F(CachedVolumeTest, BlocksBehindTheEndAreFreedWithTheFile) {
    make(16 * mib);
    mount();
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    const uint64_t before = file_system_->status()->free_blocks;
    {
        const auto file = create(*root_, "file");
        ASSERT_EQ(file->allocate(fs::AllocateMode::Allocate, 0, mib, true).code(), 0);
        EXPECT_LE(file_system_->status()->free_blocks, before - mib / block);
        ASSERT_EQ(root_->unlink("file").code(), 0);
    }
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    EXPECT_EQ(file_system_->status()->free_blocks, before);
    unmount();
    expect_clean();
}

TEST_F(CachedVolumeTest, AVolumeThatCanOnlyBeReadIsNotWritten) {
    make(16 * mib, "-t ext4 -b 4096 -O ^has_journal");
    mount();
    EXPECT_TRUE(file_system_->only_readable());
    unmount();
    make(16 * mib);
    mount();
    create(*root_, "file", block_of('a'));
    unmount();
    mount(true);
    const auto file = find("/file");
    auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>("changed"), 7});
    uint64_t position = 0;
    EXPECT_EQ(file->write(position, io, false).code(), EROFS);
    EXPECT_EQ(read(*file), block_of('a'));
}

TEST_F(CachedVolumeTest, ManyFilesAreWrittenBackByOnePass) {
    make(64 * mib);
    mount();
    for (int i = 0; i < 300; ++i) create(*root_, std::to_string(i), block_of('x'));
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    EXPECT_EQ(fs::page_cache::figures().dirty, 0U);
    restart_from(without_power());
    for (int i = 0; i < 300; ++i) EXPECT_EQ(read(*find("/" + std::to_string(i))), block_of('x'));
}

}  // namespace eremite::test
