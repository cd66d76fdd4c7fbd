// Volumes as e2fsprogs and our file system see them, in turn.
#include <sys/xattr.h>

#include <functional>
#include <map>

#include "volume_fixture.hpp"

namespace eremite::test {

namespace {

constexpr size_t mib = 1 << 20;

std::string pattern(size_t size, unsigned seed = 1) {
    std::string text(size, '\0');
    for (char& c : text) c = static_cast<char>('a' + ((seed = seed * 1664525 + 1013904223) >> 24) % 26);
    return text;
}

class Names : public fs::DirectorySink {
public:
    bool add(std::string_view name, uint64_t, fs::FileType, uint64_t) override {
        names.emplace_back(name);
        return true;
    }
    std::vector<std::string> names;
};

}  // namespace

TEST_F(VolumeTest, FreshVolumeStaysClean) {
    make(64 * mib);
    mount();
    EXPECT_TRUE(find("/lost+found")->is_directory());
    const auto status = file_system_->status();
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(status.value().block_size, 4096u);
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, FilesAreThereForOthers) {
    make(64 * mib);
    mount();
    const std::string text = pattern(300'000);
    create(*root_, "file", text);
    ASSERT_TRUE(root_->create_directory("folder", 0755).ok());
    create(*find("/folder"), "below", "hello");
    ASSERT_EQ(root_->create_symbolic_link("short", "file").code(), 0);
    ASSERT_EQ(root_->create_symbolic_link("long", std::string(100, 'x')).code(), 0);
    ASSERT_EQ(find("/folder")->link("again", *find("/file")).code(), 0);
    EXPECT_EQ(read(*find("/file")), text);
    unmount();
    expect_clean();
    EXPECT_EQ(debugfs(image_->bytes(), "cat /file"), text);
    EXPECT_EQ(debugfs(image_->bytes(), "cat /folder/below"), "hello");
    EXPECT_EQ(debugfs(image_->bytes(), "cat /folder/again"), text);
    mount();
    EXPECT_EQ(read(*find("/folder/again")), text);
    EXPECT_EQ(find("/long")->link_target().value(), std::string(100, 'x'));
    EXPECT_EQ(find("/short")->link_target().value(), "file");
    EXPECT_EQ(find("/file").get(), find("/folder/again").get());
}

TEST_F(VolumeTest, ReadsWhatOthersWrote) {
    make(64 * mib);
    const std::string text = pattern(100'000, 7);
    FILE* const file = std::fopen("/tmp/eremite-contents", "wb");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    image_ = std::make_unique<Image>(change_by_debugfs(image_->bytes(), "mkdir /a\nwrite /tmp/eremite-contents /a/b\nsymlink /a/c b\nea_set /a/b user.key value\n"));
    std::remove("/tmp/eremite-contents");
    mount();
    EXPECT_EQ(read(*find("/a/b")), text);
    EXPECT_EQ(find("/a/c")->link_target().value(), "b");
    std::array<uint8_t, 16> value;
    const auto size = find("/a/b")->extended_attribute("user.key", value);
    ASSERT_EQ(size.code(), 0);
    EXPECT_EQ(std::string(value.begin(), value.begin() + static_cast<long>(size.value())), "value");
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, RemovedFilesAreFree) {
    make(64 * mib);
    mount();
    const auto before = file_system_->status();
    create(*root_, "file", pattern(3 * mib));
    ASSERT_EQ(root_->unlink("file").code(), 0);
    EXPECT_EQ(root_->lookup("file").code(), ENOENT);
    const auto after = file_system_->status();
    EXPECT_EQ(after.value().free_blocks, before.value().free_blocks);
    EXPECT_EQ(after.value().free_files, before.value().free_files);
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, ManyNames) {
    make(64 * mib);
    mount();
    for (int i = 0; i < 3000; ++i) create(*root_, "a file with number " + std::to_string(i));
    for (int i = 0; i < 3000; i += 3) ASSERT_EQ(root_->unlink("a file with number " + std::to_string(i)).code(), 0);
    for (int i = 0; i < 3000; ++i) EXPECT_EQ(root_->lookup("a file with number " + std::to_string(i)).ok(), i % 3 != 0);
    Names names;
    uint64_t cursor = 0;
    ASSERT_EQ(root_->list(cursor, names).code(), 0);
    EXPECT_EQ(names.names.size(), 2000u + 3);
    unmount();
    expect_clean();
    mount();
    for (int i = 0; i < 3000; ++i) EXPECT_EQ(find("/a file with number " + std::to_string(i)) != nullptr, i % 3 != 0);
}

TEST_F(VolumeTest, HashTreesBecomeLists) {
    make(64 * mib);
    mount();
    ASSERT_TRUE(root_->create_directory("folder", 0755).ok());
    for (int i = 0; i < 1000; ++i) create(*find("/folder"), "name " + std::to_string(i));
    unmount();
    // e2fsck -D makes trees of directories.
    std::vector<uint8_t> bytes = image_->bytes();
    e2fsck(bytes, "-D -y");
    EXPECT_NE(debugfs(bytes, "htree_dump /folder").find("Root node dump"), std::string::npos);
    image_ = std::make_unique<Image>(bytes);
    mount();
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(find("/folder/name " + std::to_string(i)) != nullptr);
    create(*find("/folder"), "another");
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, Rename) {
    make(64 * mib);
    mount();
    ASSERT_TRUE(root_->create_directory("a", 0755).ok());
    ASSERT_TRUE(root_->create_directory("b", 0755).ok());
    const auto rename = [&](const char* from, const char* name, const char* to, const char* new_name, fs::RenameMode mode = fs::RenameMode::Replace) {
        return find(from)->rename(name, *find(to), new_name, mode).code();
    };
    create(*find("/a"), "one", "1");
    create(*find("/b"), "two", "2");
    ASSERT_TRUE(find("/a")->create_directory("folder", 0755).ok());
    EXPECT_EQ(rename("/a", "one", "/b", "two", fs::RenameMode::NoReplace), EEXIST);
    EXPECT_EQ(rename("/a", "one", "/b", "two", fs::RenameMode::Exchange), 0);
    EXPECT_EQ(read(*find("/a/one")), "2");
    EXPECT_EQ(read(*find("/b/two")), "1");
    EXPECT_EQ(rename("/a", "one", "/b", "two"), 0);
    EXPECT_EQ(read(*find("/b/two")), "2");
    EXPECT_FALSE(find("/a/one"));
    EXPECT_EQ(rename("/a", "folder", "/b", "moved"), 0);
    EXPECT_EQ(find("/b/moved")->parent().get(), find("/b").get());
    EXPECT_EQ(rename("/b", "moved", "/b/moved", "x"), EINVAL);
    EXPECT_EQ(rename("/", "a", "/b", "moved"), 0);
    EXPECT_FALSE(find("/a"));
    unmount();
    expect_clean();
}

// Names that were looked for in vain are remembered, until something gives them to a file.
TEST_F(VolumeTest, NamesThatAreNotThere) {
    make(64 * mib);
    mount();
    const auto known_absent = [](fs::Inode& directory, std::string_view path) {
        const fs::Inode::Descent descent = directory.descend(path);
        return descent.complete && !descent.found;
    };
    ASSERT_TRUE(root_->create_directory("folder", 0755).ok());
    Ref<fs::Inode> folder = find("/folder"), file = create(*root_, "file", "text");
    Ref<fs::Inode> unnamed = root_->create_unnamed(0644, true).value();
    const std::function<Result<void>(const std::string&)> ways[] = {
        [&](const std::string& name) { return folder->create(name, {.mode = S_IFREG | 0644}).ok() ? Result<void>{} : Result<void>{Error{EIO}}; },
        [&](const std::string& name) { return folder->create_directory(name, 0755).ok() ? Result<void>{} : Result<void>{Error{EIO}}; },
        [&](const std::string& name) { return folder->create_symbolic_link(name, "file"); },
        [&](const std::string& name) { return folder->link(name, *file); },
        [&](const std::string& name) { return folder->link(name, *unnamed); },
        [&](const std::string& name) { return root_->rename("file", *folder, name, fs::RenameMode::Replace); },
    };
    for (size_t i = 0; i < std::size(ways); ++i) {
        const std::string name = "name-" + std::to_string(i);
        EXPECT_FALSE(known_absent(*folder, name));
        EXPECT_EQ(folder->lookup(name).code(), ENOENT);
        EXPECT_TRUE(known_absent(*folder, name));
        EXPECT_TRUE(known_absent(*root_, "folder/" + name));
        EXPECT_FALSE(known_absent(*root_, name));
        EXPECT_FALSE(known_absent(*folder, name + "/"));
        ASSERT_EQ(ways[i](name).code(), 0) << i;
        EXPECT_FALSE(known_absent(*folder, name)) << i;
        EXPECT_TRUE(folder->lookup(name).ok()) << i;
    }
    folder = file = unnamed = nullptr;
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, SparseFilesAndHoles) {
    make(64 * mib);
    mount();
    auto file = create(*root_, "sparse");
    write(*file, 10 * mib + 5, "end");
    EXPECT_LE(file->attributes().value().blocks, 16u);
    EXPECT_EQ(read(*file, 10 * mib, 8), std::string(5, '\0') + "end");
    EXPECT_EQ(file->seek_data(0, false).value(), 10 * mib);
    EXPECT_EQ(file->seek_data(0, true).value(), 0u);
    write(*file, 0, pattern(100'000));
    ASSERT_EQ(file->allocate(fs::AllocateMode::PunchHole, 5000, 50'000, true).code(), 0);
    std::string expected = pattern(100'000);
    expected.replace(5000, 50'000, std::string(50'000, '\0'));
    EXPECT_EQ(read(*file, 0, 100'000), expected);
    ASSERT_EQ(file->allocate(fs::AllocateMode::Allocate, 4 * mib, 1 * mib, false).code(), 0);
    EXPECT_EQ(read(*file, 4 * mib, 100), std::string(100, '\0'));
    write(*file, 4 * mib + 5000, "inside");
    EXPECT_EQ(read(*file, 4 * mib + 4999, 8), std::string(1, '\0') + "inside" + std::string(1, '\0'));
    ASSERT_EQ(file->truncate(4 * mib + 5003).code(), 0);
    ASSERT_EQ(file->truncate(4 * mib + 10'000).code(), 0);
    EXPECT_EQ(read(*file, 4 * mib + 5000, 6), "ins" + std::string(3, '\0'));
    file = nullptr;
    unmount();
    expect_clean();
}

// So many extents that their tree has several levels and leaves, looked up behind the last of a leaf too.
TEST_F(VolumeTest, ScatteredWrites) {
    make(64 * mib);
    mount();
    constexpr uint64_t count = 1500, step = 3 * 4096, stride = 701;
    auto file = create(*root_, "scattered");
    for (uint64_t i = 0; i < count; ++i) {
        const uint64_t place = i * stride % count;
        write(*file, place * step, std::to_string(place));
        ASSERT_EQ(file->seek_data(place * step, true).code(), 0);
    }
    for (uint64_t place = 0; place < count; ++place) {
        const std::string wanted = std::to_string(place);
        ASSERT_EQ(read(*file, place * step, wanted.size()), wanted);
    }
    file = nullptr;
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, FullVolume) {
    make(16 * mib);
    mount();
    auto file = create(*root_, "large");
    const std::string piece = pattern(256 << 10);
    uint64_t offset = 0;
    for (int i = 0; i < 100; ++i) {
        auto io = fs::IoBuffer::kernel({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
        const auto done = file->write(offset, io, false);
        if (done.ok() && done.value() == piece.size()) continue;
        if (done.ok()) continue;
        EXPECT_EQ(done.code(), ENOSPC);
        break;
    }
    EXPECT_LT(file_system_->status().value().free_blocks, 10u);
    for (int i = 0; i < 2000; ++i)
        if (const auto made = root_->create_directory("folder " + std::to_string(i), 0755); !made.ok()) {
            EXPECT_EQ(made.code(), ENOSPC);
            break;
        }
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    file = nullptr;
    ASSERT_EQ(root_->unlink("large").code(), 0);
    create(*root_, "again", piece);
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, OpenFilesWithoutNamesGoAtTheEnd) {
    make(64 * mib);
    mount();
    auto file = create(*root_, "file", pattern(100'000));
    ASSERT_EQ(root_->unlink("file").code(), 0);
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    EXPECT_EQ(read(*file), pattern(100'000));
    // As after a crash: the file is on the list of orphans, and e2fsck frees it.
    std::vector<uint8_t> bytes = image_->bytes();
    expect_sound(bytes);
    file = nullptr;
    drop();
    // So do we.
    mount();
    unmount();
    expect_clean();
}

TEST_F(VolumeTest, ExtendedAttributes) {
    make(64 * mib);
    mount();
    auto file = create(*root_, "file");
    const std::string large = pattern(2000);
    const auto bytes = [](const std::string& text) { return std::span{reinterpret_cast<const uint8_t*>(text.data()), text.size()}; };
    ASSERT_EQ(file->set_extended_attribute("user.small", bytes("1"), 0).code(), 0);
    ASSERT_EQ(file->set_extended_attribute("user.large", bytes(large), XATTR_CREATE).code(), 0);
    EXPECT_EQ(file->set_extended_attribute("user.large", bytes(large), XATTR_CREATE).code(), EEXIST);
    EXPECT_EQ(file->set_extended_attribute("user.none", bytes(large), XATTR_REPLACE).code(), ENODATA);
    std::array<uint8_t, 4000> value;
    EXPECT_EQ(file->extended_attribute("user.large", value).value(), large.size());
    EXPECT_EQ(file->list_extended_attributes({}).value(), sizeof "user.small" + sizeof "user.large");
    ASSERT_EQ(file->remove_extended_attribute("user.small").code(), 0);
    EXPECT_EQ(file->extended_attribute("user.small", value).code(), ENODATA);
    write(*file, 0, "contents");
    EXPECT_EQ(file->extended_attribute("user.large", value).value(), large.size());
    file = nullptr;
    unmount();
    expect_clean();
    ASSERT_NO_FATAL_FAILURE(mount());
    ASSERT_EQ(root_->unlink("file").code(), 0);
    unmount();
    expect_clean();
}

// Each kind of volume that people have.
TEST_F(VolumeTest, Kinds) {
    for (const char* options : {"-t ext4 -b 1024", "-t ext4 -b 2048 -O ^metadata_csum", "-t ext3 -b 4096", "-t ext4 -b 4096 -O ^64bit", "-t ext4 -b 4096 -I 128",
                                "-t ext4 -b 4096 -O ^has_journal", "-t ext2"}) {
        SCOPED_TRACE(options);
        make(32 * mib, options);
        const bool writable = std::string_view{options}.find("has_journal") == std::string_view::npos && std::string_view{options} != "-t ext2";
        mount();
        EXPECT_EQ(file_system_->read_only(), !writable);
        if (writable) {
            create(*root_, "file", pattern(500'000));
            ASSERT_TRUE(root_->create_directory("folder", 0755).ok());
            create(*find("/folder"), "below", pattern(5000));
            EXPECT_EQ(read(*find("/file")), pattern(500'000));
            ASSERT_EQ(root_->unlink("file").code(), 0);
        }
        unmount();
        expect_clean();
    }
}

TEST_F(VolumeTest, FailingDisk) {
    make(64 * mib);
    mount();
    auto file = create(*root_, "file", "text");
    ASSERT_EQ(file_system_->synchronize().code(), 0);
    image_->broken = true;
    ASSERT_EQ(root_->unlink("file").code(), 0);
    EXPECT_EQ(file_system_->synchronize().code(), EIO);
    EXPECT_EQ(root_->create("another", {.mode = S_IFREG | 0644}).code(), EIO);
    file = nullptr;
    std::vector<uint8_t> bytes = image_->bytes();
    expect_sound(bytes);
    EXPECT_EQ(debugfs(bytes, "cat /file"), "text");
}

}  // namespace eremite::test
