#pragma once
// A program whose kernel memory is counted: a test that loses a page fails.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "libos/fs/path.hpp"
#include "libos/mm/page_allocator.hpp"
#include "machine.hpp"

namespace eremite::test {

class FileTest : public testing::Test {
protected:
    void SetUp() override {
        free_at_start_ = start_machine();
        console = {};
        program_ = std::make_unique<Program>();
    }
    void TearDown() override {
        program_.reset();
        EXPECT_EQ(mm::page_allocator().free_pages(), free_at_start_);
    }
    fs::Context& context() { return (*program_)->fs(); }
    fs::FileTable& files() { return (*program_)->files(); }
    const Ref<fs::Inode>& root() { return context().root(); }
    Ref<fs::Inode> find(std::string_view path) {
        auto inode = fs::find(context(), root(), path);
        EXPECT_EQ(inode.code(), 0) << path;
        return inode.ok() ? std::move(*inode) : nullptr;
    }
    static size_t write(fs::Inode& inode, uint64_t offset, std::string_view text) {
        const std::string copy{text};
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(copy.data()), copy.size()});
        auto written = inode.write(offset, io, false);
        EXPECT_EQ(written.code(), 0);
        return written.ok() ? written.value() : 0;
    }
    static std::string read(fs::Inode& inode, uint64_t offset = 0, size_t size = 1 << 20) {
        std::string text(size, '\0');
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), size});
        auto got = inode.read(offset, io);
        EXPECT_EQ(got.code(), 0);
        text.resize(got.ok() ? got.value() : 0);
        return text;
    }
    static std::string read(fs::File& file, size_t size = 1 << 20) {
        std::string text(size, '\0');
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), size});
        auto got = file.read(io);
        EXPECT_EQ(got.code(), 0);
        text.resize(got.ok() ? got.value() : 0);
        return text;
    }
    std::string text_of(std::string_view path) {
        auto file = find(path)->open(O_RDONLY);
        EXPECT_EQ(file.code(), 0);
        return read(**file);
    }

private:
    uint64_t free_at_start_ = 0;
    std::unique_ptr<Program> program_;
};

}  // namespace eremite::test
