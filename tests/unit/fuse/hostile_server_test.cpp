// A server that tells what cannot be. Whatever it is, an operation fails and nothing is lost.
#include <sys/stat.h>

#include "fixture.hpp"

namespace eremite::test {

class FuseHostileServer : public FuseFileSystem {
protected:
    // Changes replies to one kind of request, behind their header.
    template <typename T>
    void change(fuse_opcode opcode, std::function<void(T&)> by, size_t offset = 0) {
        server.tamper = [=](const fuse_in_header& request, Bytes& reply) {
            if (request.opcode != opcode || reply.size() < sizeof(fuse_out_header) + offset + sizeof(T)) return;
            T value;
            std::memcpy(&value, &reply[sizeof(fuse_out_header) + offset], sizeof value);
            by(value);
            std::memcpy(&reply[sizeof(fuse_out_header) + offset], &value, sizeof value);
        };
    }
    // Takes the place of what stands behind the header.
    void replace(fuse_opcode opcode, const std::string& by) {
        server.tamper = [=](const fuse_in_header& request, Bytes& reply) {
            if (request.opcode != opcode) return;
            const fuse_out_header header{static_cast<uint32_t>(sizeof(fuse_out_header) + by.size()), 0, request.unique};
            reply.resize(header.len);
            std::memcpy(reply.data(), &header, sizeof header);
            if (!by.empty()) std::memcpy(&reply[sizeof header], by.data(), by.size());
        };
    }
    static std::string entry(const std::string& name, uint64_t next, uint32_t length = 0) {
        fuse_dirent fixed{};
        fixed.ino = 7, fixed.off = next, fixed.namelen = length ? length : static_cast<uint32_t>(name.size()), fixed.type = 8;
        std::string text{reinterpret_cast<const char*>(&fixed), FUSE_NAME_OFFSET};
        text += name;
        text.resize(FUSE_DIRENT_ALIGN(text.size()));
        return text;
    }
    int lookup_fault(std::function<void(fuse_entry_out&)> by) {
        change<fuse_entry_out>(FUSE_LOOKUP, std::move(by));
        return mounted->lookup("f").code();
    }
};

TEST_F(FuseHostileServer, NumbersThatNoFileHas) {
    on_server("f", "x");
    honest = false;
    EXPECT_EQ(lookup_fault([](auto& e) { e.nodeid = 0; }), ENOENT) << "how a server says that there is none";
    EXPECT_EQ(lookup_fault([](auto& e) { e.nodeid = FUSE_ROOT_ID; }), EIO);
    EXPECT_EQ(lookup_fault([](auto& e) { e.nodeid = FUSE_ROOT_ID, e.attr.mode = S_IFDIR; }), EIO);
    EXPECT_EQ(lookup_fault([](auto& e) { e.nodeid = FUSE_ROOT_ID, e.generation = 5, e.attr.mode = S_IFDIR; }), EIO);
    EXPECT_EQ(find("/mnt/.").get(), mounted.get());
    for (const uint64_t number : {uint64_t{0}, uint64_t{FUSE_ROOT_ID}}) {
        const auto set = [=](fuse_entry_out& e) { e.nodeid = number; };
        change<fuse_entry_out>(FUSE_CREATE, set);
        EXPECT_EQ(mounted->create_open("new" + std::to_string(number), 0644, O_RDWR).code(), EIO);
        change<fuse_entry_out>(FUSE_MKDIR, set);
        EXPECT_EQ(mounted->create_directory("d" + std::to_string(number), 0755).code(), EIO);
        change<fuse_entry_out>(FUSE_MKNOD, set);
        EXPECT_EQ(mounted->create("n" + std::to_string(number), {.mode = S_IFIFO | 0600}).code(), EIO);
        change<fuse_entry_out>(FUSE_SYMLINK, set);
        EXPECT_EQ(fault(mounted->create_symbolic_link("s" + std::to_string(number), "t")), EIO);
    }
}

TEST_F(FuseHostileServer, FilesThatCannotBe) {
    on_server("f", "x");
    EXPECT_EQ(lookup_fault([](auto& e) { e.attr.mode = 0644; }), EIO) << "of no type";
    EXPECT_EQ(lookup_fault([](auto& e) { e.attr.mode = S_IFMT | 0644; }), EIO);
    EXPECT_EQ(lookup_fault([](auto& e) { e.attr.size = uint64_t{1} << 63; }), EIO);
    EXPECT_EQ(lookup_fault([](auto& e) { e.attr.size = UINT64_MAX; }), EIO);
    EXPECT_EQ(server.known_files(), 0U) << "what is refused is forgotten";
    change<fuse_entry_out>(FUSE_CREATE, [](auto& e) { e.attr.mode = S_IFDIR | 0755; });
    EXPECT_EQ(mounted->create_open("new", 0644, O_RDWR).code(), EIO);
    change<fuse_entry_out>(FUSE_MKDIR, [](auto& e) { e.attr.mode = S_IFREG | 0644; });
    EXPECT_EQ(mounted->create_directory("d", 0755).code(), EIO);
    change<fuse_entry_out>(FUSE_SYMLINK, [](auto& e) { e.attr.mode = S_IFREG | 0644; });
    EXPECT_EQ(fault(mounted->create_symbolic_link("s", "t")), EIO);
    EXPECT_EQ(server.known_files(), 0U);
    EXPECT_EQ(server.open_files(), 0U);
}

TEST_F(FuseHostileServer, AttributesThatCannotBe) {
    const auto file = create("f");
    const auto told = [&](std::function<void(fuse_attr_out&)> by) {
        change<fuse_attr_out>(FUSE_GETATTR, std::move(by));
        return file->attributes().code();
    };
    EXPECT_EQ(told([](auto& a) { a.attr.mode = S_IFDIR | 0755; }), EIO) << "it was a file";
    EXPECT_EQ(told([](auto& a) { a.attr.mode = 0; }), EIO);
    EXPECT_EQ(told([](auto& a) { a.attr.size = uint64_t{1} << 63; }), EIO);
    EXPECT_EQ(told([](auto& a) { a.attr.size = INT64_MAX; }), 0);
    EXPECT_EQ(told([](auto& a) { a.attr.mtime = UINT64_MAX / 2, a.attr.mtimensec = UINT32_MAX; }), 0);
    EXPECT_EQ(file->attributes()->modification_time, INT64_MAX);
    EXPECT_EQ(told([](auto& a) { a.attr.mtime = uint64_t{1} << 63; }), 0);
    EXPECT_EQ(file->attributes()->modification_time, INT64_MIN);
    EXPECT_EQ(told([](auto& a) { a.attr.blksize = 0; }), 0);
    EXPECT_EQ(file->attributes()->block_size, 4096U);
    EXPECT_EQ(told([](auto& a) { a.attr_valid = UINT64_MAX, a.attr_valid_nsec = UINT32_MAX; }), 0);
}

TEST_F(FuseHostileServer, DirectoriesThatContainThemselves) {
    ASSERT_TRUE(mounted->create_directory("a", 0755).ok());
    ASSERT_TRUE(find("/mnt/a")->create_directory("b", 0755).ok());
    const auto a = find("/mnt/a"), b = find("/mnt/a/b");
    uint64_t number = 0;
    change<fuse_entry_out>(FUSE_LOOKUP, [&](auto& e) { number = e.nodeid; });
    (void)find("/mnt/a");
    ASSERT_TRUE(b->create_directory("c", 0755).ok());
    honest = false;
    change<fuse_entry_out>(FUSE_LOOKUP, [&](auto& e) { e.nodeid = number; });
    EXPECT_EQ(b->lookup("c").code(), ESTALE);
    EXPECT_EQ(find("/mnt/a").get(), a.get());
    std::array<char, 4096> path;
    EXPECT_EQ(fs::path_of(*b, path).value(), "/mnt/a/b");
}

TEST_F(FuseHostileServer, ANumberThatIsAllFiles) {
    on_server("f", "x");
    on_server("d", "", S_IFDIR | 0755);
    on_server("l", "", S_IFLNK | 0777).target = "f";
    honest = false;
    change<fuse_entry_out>(FUSE_LOOKUP, [&](auto& e) { e.nodeid = 77; });
    for (int i = 0; i < 3; ++i) {
        const auto file = mounted->lookup("f"), directory = mounted->lookup("d"), link = mounted->lookup("l");
        ASSERT_TRUE(file.ok() && directory.ok() && link.ok());
        EXPECT_EQ(file.value()->type(), fs::FileType::Regular);
        EXPECT_EQ(directory.value()->type(), fs::FileType::Directory);
        EXPECT_EQ(link.value()->type(), fs::FileType::SymbolicLink);
    }
}

TEST_F(FuseHostileServer, MoreDataThanAskedFor) {
    const auto file = create("f");
    EXPECT_EQ(put(*file, "0123456789"), 10);
    std::string text(10, '?');
    const auto read = [&] {
        auto io = fs::IoBuffer::kernel({reinterpret_cast<uint8_t*>(text.data()), 5});
        return file->read_at(0, io).code();
    };
    replace(FUSE_READ, "012345");
    EXPECT_EQ(read(), EIO);
    replace(FUSE_READ, std::string(8192, 'x'));
    EXPECT_EQ(read(), EIO);
    EXPECT_EQ(text.substr(5), "?????");
    replace(FUSE_READ, "01234");
    EXPECT_EQ(read(), 0);
    change<fuse_write_out>(FUSE_WRITE, [](auto& w) { w.size = 4; });
    EXPECT_EQ(put_at(*file, 0, "xyz"), -EIO);
    change<fuse_write_out>(FUSE_WRITE, [](auto& w) { w.size = UINT32_MAX; });
    EXPECT_EQ(put_at(*file, 0, "xyz"), -EIO);
    change<fuse_write_out>(FUSE_WRITE, [](auto& w) { w.size = 0; });
    EXPECT_EQ(put_at(*file, 0, "xyz"), -EIO) << "no endless loop";
    change<fuse_write_out>(FUSE_COPY_FILE_RANGE, [](auto& w) { w.size = 11; });
    EXPECT_EQ(file->inode()->copy_range(0, *file->inode(), 100, 10).code(), EIO);
    change<fuse_lseek_out>(FUSE_LSEEK, [](auto& l) { l.offset = uint64_t{1} << 63; });
    EXPECT_EQ(file->inode()->seek_data(0, true).code(), EIO);
}

TEST_F(FuseHostileServer, RepliesThatAreCutOff) {
    const auto file = create("f");
    for (const auto opcode : {FUSE_LOOKUP, FUSE_GETATTR, FUSE_STATFS, FUSE_WRITE, FUSE_LSEEK}) {
        const auto operation = [&] {
            switch (opcode) {
                case FUSE_LOOKUP: return mounted->lookup("f").code();
                case FUSE_GETATTR: return file->attributes().code();
                case FUSE_STATFS: return file_system->status().code();
                case FUSE_WRITE: return -put_at(*file, 0, "x");
                default: return file->inode()->seek_data(0, true).code();
            }
        };
        for (const size_t left : {0, 1, 15, 16, 17}) {
            server.tamper = [=](const fuse_in_header& request, Bytes& reply) {
                if (request.opcode == opcode) reply.resize(left);
            };
            EXPECT_EQ(operation(), EIO) << opcode << " " << left;
        }
        // The same with a length that agrees.
        replace(opcode, "1234567");
        EXPECT_EQ(operation(), EIO) << opcode;
    }
    honest = false;
}

TEST_F(FuseHostileServer, EntriesThatCannotBe) {
    const auto listed = [&](const std::string& data) {
        replace(FUSE_READDIR, data);
        Names names{3};
        const int code = open(mounted, O_RDONLY | O_DIRECTORY)->list(names).code();
        return std::pair{code, names.names.size()};
    };
    using Listed = std::pair<int, size_t>;
    EXPECT_EQ(listed(""), (Listed{0, 0}));
    EXPECT_EQ(listed("short"), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry("a/b", 1)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry(std::string("a\0b", 3), 1)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry("", 1)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry(std::string(256, 'n'), 1)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry("abc", 1, 1000)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry("abc", 1, UINT32_MAX)), (Listed{EIO, 0}));
    EXPECT_EQ(listed(entry("good", 1) + entry("bad/", 2)), (Listed{EIO, 1})) << "those before are given";
    EXPECT_EQ(listed(entry("same", 0)), (Listed{0, 3})) << "again and again, as long as there is room";
    EXPECT_EQ(listed(std::string(40'000, '\0')), (Listed{EIO, 0})) << "more than asked for";
}

TEST_F(FuseHostileServer, TargetsAndExtendedAttributesThatCannotBe) {
    ASSERT_TRUE(mounted->create_symbolic_link("l", "target").ok());
    auto link = fs::find(context(), root(), "/mnt/l", {.follow_last = false});
    ASSERT_TRUE(link.ok());
    for (const std::string& target : {std::string{}, std::string("a\0b", 3), std::string(4096, 'x'), std::string(8000, 'x')}) {
        replace(FUSE_READLINK, target);
        EXPECT_EQ((*link)->link_target().code(), EIO) << target.size();
    }
    server.tamper = nullptr;
    EXPECT_EQ((*link)->link_target().value(), "target") << "what was wrong is not remembered";
    const auto file = create("f");
    std::array<uint8_t, 8> value;
    std::array<char, 8> names;
    replace(FUSE_GETXATTR, "123456789");
    EXPECT_EQ(file->inode()->extended_attribute("user.a", value).code(), EIO);
    replace(FUSE_GETXATTR, std::string("\xff\xff\xff\xff\0\0\0\0", 8));
    EXPECT_EQ(file->inode()->extended_attribute("user.a", {}).code(), E2BIG);
    replace(FUSE_LISTXATTR, "user.abcd");
    EXPECT_EQ(file->inode()->list_extended_attributes(names).code(), EIO);
    replace(FUSE_LISTXATTR, "user.a");
    EXPECT_EQ(file->inode()->list_extended_attributes(names).code(), EIO) << "without its final zero";
    replace(FUSE_LISTXATTR, std::string("a\0\0b\0", 5));
    EXPECT_EQ(file->inode()->list_extended_attributes(names).code(), EIO) << "an empty name";
}

TEST_F(FuseHostileServer, ErrorsThatThereAreNot) {
    on_server("f", "x");
    for (const int error : {1, ENOENT, -512, -4095, INT32_MIN, INT32_MAX}) {
        server.tamper = [=](const fuse_in_header&, Bytes& reply) {
            if (reply.size() >= sizeof(fuse_out_header)) std::memcpy(&reply[offsetof(fuse_out_header, error)], &error, sizeof error);
        };
        EXPECT_EQ(mounted->lookup("f").code(), EIO);
        EXPECT_EQ(file_system->status().code(), EIO);
    }
    honest = false;
}

TEST_F(FuseHostileServer, TheRootIsADirectory) {
    const auto started = [](auto change) {
        TreeServer other;
        other.tamper = [=](const fuse_in_header& request, Bytes& reply) {
            if (request.opcode != FUSE_GETATTR) return;
            fuse_attr_out out;
            std::memcpy(&out, &reply[sizeof(fuse_out_header)], sizeof out);
            change(out.attr);
            std::memcpy(&reply[sizeof(fuse_out_header)], &out, sizeof out);
        };
        InlineTransport to_other{[&](const Bytes& request) { return other.answer(request); }};
        fs::fuse::FileSystem refused{to_other};
        return refused.start().code();
    };
    EXPECT_EQ(started([](fuse_attr&) {}), 0);
    EXPECT_EQ(started([](fuse_attr& a) { a.mode = S_IFREG | 0644; }), ENOTDIR);
}

}  // namespace eremite::test
