#pragma once
// A mounted volume on a disk in memory.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "image.hpp"
#include "libos/fs/ext4/file_system.hpp"
#include "libos/fs/file.hpp"
#include "libos/fs/page_cache/memory.hpp"
#include "machine.hpp"

namespace eremite::test {

class VolumeTest : public testing::Test {
protected:
    void SetUp() override {
        if (!have_e2fsprogs()) GTEST_SKIP() << "there are no tools of e2fsprogs";
        start_machine();
        program_ = std::make_unique<Program>();
    }
    void TearDown() override {
        drop();
        program_.reset();
    }

    void make(size_t size, const std::string& options = "-t ext4 -b 4096") { image_ = std::make_unique<Image>(Image::make(size, options)); }
    void mount(bool read_only = false) {
        file_system_ = std::make_unique<fs::ext4::FileSystem>(*image_);
        auto root = file_system_->start(read_only);
        ASSERT_EQ(root.code(), 0);
        root_ = std::move(*root);
    }
    void unmount() {
        root_ = nullptr;
        ASSERT_EQ(file_system_->stop().code(), 0);
        file_system_.reset();
    }
    // Without telling the disk: what is only in memory is lost.
    void drop() {
        root_ = nullptr;
        if (!file_system_) return;
        image_->broken = true;
        (void)fs::write_back_all(*file_system_);
        file_system_->drop_recent();
        file_system_.reset();
        image_->broken = false;
    }
    void expect_clean() {
        std::vector<uint8_t> bytes = image_->bytes();
        const Judgement judgement = e2fsck(bytes, "-n");
        EXPECT_EQ(judgement.status, 0) << judgement.output;
    }
    // What a crash left: the journal is replayed, and then nothing may be wrong.
    static void expect_sound(std::vector<uint8_t>& bytes) {
        const Judgement repaired = e2fsck(bytes, "-p");
        EXPECT_LE(repaired.status, 1) << repaired.output;
        const Judgement judgement = e2fsck(bytes, "-n");
        EXPECT_EQ(judgement.status, 0) << repaired.output << judgement.output;
    }
    Ref<fs::Inode> find(const std::string& path) {
        Ref<fs::Inode> at = root_;
        size_t begin = 1;
        while (begin < path.size()) {
            const size_t end = std::min(path.find('/', begin), path.size());
            auto next = at->lookup(path.substr(begin, end - begin));
            if (!next.ok()) return nullptr;
            at = std::move(*next);
            begin = end + 1;
        }
        return at;
    }
    Ref<fs::Inode> create(fs::Inode& directory, const std::string& name, const std::string& contents = {}) {
        auto file = directory.create(name, {.mode = S_IFREG | 0644});
        EXPECT_EQ(file.code(), 0) << name;
        if (!file.ok()) return nullptr;
        if (!contents.empty()) write(**file, 0, contents);
        return std::move(*file);
    }
    static void write(fs::Inode& file, uint64_t offset, const std::string& text) {
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
        const auto written = file.write(offset, io, false);
        EXPECT_EQ(written.code(), 0);
        EXPECT_EQ(written.ok() ? written.value() : 0, text.size());
    }
    static std::string read(fs::Inode& file, uint64_t offset = 0, size_t size = 1 << 22) {
        std::string text(size, '\0');
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
        const auto done = file.read(offset, io);
        EXPECT_EQ(done.code(), 0);
        text.resize(done.ok() ? done.value() : 0);
        return text;
    }

    std::unique_ptr<Program> program_;  // whose address space may have files mapped
    std::unique_ptr<Image> image_;
    std::unique_ptr<fs::ext4::FileSystem> file_system_;
    Ref<fs::Inode> root_;
};

}  // namespace eremite::test
