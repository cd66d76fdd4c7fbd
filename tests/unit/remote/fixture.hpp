#pragma once
// What tests of a server's file system have in common, whatever it speaks: it is mounted at /mnt.
#include <map>
#include <set>

#include "libos/fs/file.hpp"
#include "libos/fs/mount.hpp"
#include "tests/unit/fs/fixture.hpp"
#include "tests/unit/remote/transports.hpp"

namespace eremite::test {

class Names final : public fs::DirectorySink {
public:
    explicit Names(size_t room = SIZE_MAX) : room_{room} {}
    bool add(std::string_view name, uint64_t inode, fs::FileType type, uint64_t) override {
        if (names.size() == room_) return false;
        names.insert(std::string{name});
        inodes[std::string{name}] = inode;
        types[std::string{name}] = type;
        return true;
    }
    std::multiset<std::string> names;
    std::map<std::string, uint64_t> inodes;
    std::map<std::string, fs::FileType> types;

private:
    size_t room_;
};

class RemoteFileTest : public FileTest {
protected:
    static Ref<fs::File> open(const Ref<fs::Inode>& inode, uint32_t flags) {
        auto file = inode->open(flags);
        EXPECT_EQ(file.code(), 0);
        return file.ok() ? std::move(*file) : nullptr;
    }
    Ref<fs::File> create(std::string_view name, uint32_t flags = O_RDWR) {
        auto file = mounted->create_open(name, 0644, flags);
        EXPECT_EQ(file.code(), 0);
        return file.ok() ? std::move(*file) : nullptr;
    }
    static fs::IoBuffer buffer_of(std::string_view text) {
        return fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
    static int put(fs::File& file, std::string_view text) {
        auto io = buffer_of(text);
        const auto written = file.write(io);
        return written.ok() ? static_cast<int>(written.value()) : -written.code();
    }
    static int put_at(fs::File& file, uint64_t offset, std::string_view text) {
        auto io = buffer_of(text);
        const auto written = file.write_at(offset, io);
        return written.ok() ? static_cast<int>(written.value()) : -written.code();
    }
    static std::string get_at(fs::File& file, uint64_t offset, size_t size) {
        std::string text(size, '?');
        auto io = buffer_of(text);
        const auto got = file.read_at(offset, io);
        EXPECT_EQ(got.code(), 0);
        text.resize(got.ok() ? got.value() : 0);
        return text;
    }
    static int fault(Result<void> result) { return result.code(); }
    // Bytes of which no two pieces are alike.
    static std::string pattern(size_t size) {
        std::string text(size, '\0');
        for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31 ^ (i >> 9));
        return text;
    }

    // What holds of every server's file system.
    void expect_directories_to_go_with_their_names() {
        ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
        const auto directory = find("/mnt/d");
        ASSERT_TRUE(directory->create_directory("e", 0700).ok());
        EXPECT_EQ(fault(mounted->remove_directory("d")), ENOTEMPTY);
        ASSERT_TRUE(directory->remove_directory("e").ok());
        ASSERT_TRUE(mounted->remove_directory("d").ok());
        EXPECT_TRUE(directory->unlinked());
        EXPECT_EQ(directory->attributes()->links, 0U);
        // A new one of the same name is not the old one.
        ASSERT_TRUE(mounted->create_directory("d", 0755).ok());
        EXPECT_EQ(directory->lookup("x").code(), ENOENT);
        EXPECT_EQ(directory->create_open("x", 0644, O_RDWR).code(), ENOENT);
        EXPECT_TRUE(find("/mnt/d")->create_open("x", 0644, O_RDWR).ok());
    }
    void expect_io_errors_of_a_broken(TestTransport& transport) {
        const auto file = create("f");
        EXPECT_EQ(put(*file, "x"), 1);
        transport.broken = true;
        EXPECT_EQ(put(*file, "x"), -EIO);
        EXPECT_EQ(file->attributes().code(), EIO);
        EXPECT_EQ(mounted->lookup("f").code(), EIO);
        EXPECT_EQ(fault(file->inode()->synchronize(false)), EIO);
        EXPECT_EQ(mounted->file_system().status().code(), EIO);
        transport.broken = false;
    }
    // Writes this to the file "f" without memory, and reads it again.
    void transfer_without_memory(const std::string& text) {
        const auto file = create("f");
        const Hunger hunger{0};
        EXPECT_EQ(put(*file, text), static_cast<int>(text.size()));
        EXPECT_EQ(get_at(*file, 0, 2 * text.size()), text);
    }
    // Creates "new", opens "f" and renames it to "g" where memory ends after some allocations; returns how many of these failed.
    int failures_of_allocations(int64_t successes) {
        const FailingHeap heap{successes};
        auto file = mounted->create_open("new", 0644, O_RDWR);
        int failures = file.code() == ENOMEM;
        if (auto found = mounted->lookup("f"); found.ok()) failures += found.value()->open(O_RDONLY).code() == ENOMEM;
        else EXPECT_EQ(found.code(), ENOMEM);
        failures += fault(mounted->rename("f", *mounted, "g", fs::RenameMode::Replace)) == ENOMEM;
        return failures;
    }

    Ref<fs::Inode> mounted;  // its root
};

}  // namespace eremite::test
