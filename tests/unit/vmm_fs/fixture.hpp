#pragma once
// A shared folder with something beside it, and a guest that sends requests to its server.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/fs/server.hpp"

namespace eremite::test {

using Bytes = std::vector<std::byte>;

// The bytes of a request's body: structures, then texts that end with a zero.
class Body {
public:
    template <typename T>
        requires std::is_class_v<T>
    Body& add(const T& value) {
        const auto bytes = std::as_bytes(std::span{&value, 1});
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Body& raw(std::string_view text) {
        const auto bytes = std::as_bytes(std::span{text});
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Body& text(std::string_view text) { return raw(text).raw(std::string_view{"", 1}); }
    [[nodiscard]] const Bytes& bytes() const { return bytes_; }

private:
    Bytes bytes_;
};

struct Answer {
    uint32_t size = 0;  // as the device would report it
    int error = 0;
    Bytes bytes;  // behind the header

    template <typename T>
    [[nodiscard]] T as(size_t at = 0) const {
        T value{};
        EXPECT_EQ(error, 0);
        EXPECT_GE(bytes.size(), at + sizeof value);
        if (bytes.size() >= at + sizeof value) std::memcpy(&value, bytes.data() + at, sizeof value);
        return value;
    }
    [[nodiscard]] std::string text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

// Pieces of memory as a guest may hand them over: `piece` bytes each.
inline std::vector<iovec> pieces_of(Bytes& bytes, size_t piece) {
    std::vector<iovec> pieces;
    for (size_t at = 0; at < bytes.size(); at += piece) pieces.push_back({bytes.data() + at, std::min(piece, bytes.size() - at)});
    return pieces;
}

class ShareTest : public testing::Test {
protected:
    void SetUp() override {
        std::string path = std::filesystem::temp_directory_path() / "eremite-share-XXXXXX";
        ASSERT_NE(::mkdtemp(path.data()), nullptr);
        base = path;
        shared = base / "shared";
        outside = base / "outside";
        std::filesystem::create_directory(shared);
        std::filesystem::create_directory(outside);
        write_host(outside / "secret", "secret");
        serve();
    }
    void TearDown() override {
        server.reset();
        EXPECT_EQ(read_host(outside / "secret"), "secret");
        std::filesystem::remove_all(base);
    }
    void serve(bool read_only = false, bool initialize = true) {
        server = std::make_unique<vmm::fs::Server>(shared, read_only);
        if (!initialize) return;
        const auto out = init().as<fuse_init_out>();
        ASSERT_EQ(out.major, 7U);
    }
    Answer init(uint32_t major = FUSE_KERNEL_VERSION, uint32_t minor = FUSE_KERNEL_MINOR_VERSION) {
        fuse_init_in in{};
        in.major = major;
        in.minor = minor;
        in.max_readahead = 1 << 20;
        in.flags = ~0U;
        return ask(FUSE_INIT, 0, Body{}.add(in));
    }

    static void write_host(const std::filesystem::path& path, std::string_view text) { std::ofstream{path, std::ios::binary} << text; }
    static std::string read_host(const std::filesystem::path& path) {
        std::ifstream file{path, std::ios::binary};
        if (!file) return "absent";
        std::stringstream text;
        text << file.rdbuf();
        return text.str();
    }
    static struct stat stat_host(const std::filesystem::path& path) {
        struct stat status {};
        EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
        return status;
    }

    // Sends a request as it stands.
    Answer send(Bytes request, size_t room = 1 << 16) {
        Bytes reply(room, std::byte{0xee});
        const auto readable = pieces_of(request, piece), writable = pieces_of(reply, piece);
        Answer answer;
        answer.size = server->serve(readable, writable);
        fuse_out_header header{};
        if (answer.size == 0) {
            EXPECT_EQ(reply, Bytes(room, std::byte{0xee})) << "what is not reported is not written";
            return answer;
        }
        EXPECT_GE(answer.size, sizeof header);
        EXPECT_LE(answer.size, room);
        if (answer.size < sizeof header || answer.size > room) return answer;
        std::memcpy(&header, reply.data(), sizeof header);
        EXPECT_EQ(header.len, answer.size);
        EXPECT_EQ(header.unique, unique);
        EXPECT_LE(header.error, 0);
        EXPECT_GT(header.error, -134);
        answer.error = -header.error;
        answer.bytes.assign(reply.begin() + sizeof header, reply.begin() + answer.size);
        if (answer.error != 0) {
            EXPECT_TRUE(answer.bytes.empty());
        }
        return answer;
    }
    [[nodiscard]] Bytes request_of(uint32_t opcode, uint64_t node, const Body& body) {
        fuse_in_header header{};
        header.len = static_cast<uint32_t>(sizeof header + body.bytes().size());
        header.opcode = opcode;
        header.unique = unique += 2;
        header.nodeid = node;
        header.uid = user;
        header.gid = group;
        Bytes request = Body{}.add(header).bytes();
        request.insert(request.end(), body.bytes().begin(), body.bytes().end());
        return request;
    }
    Answer ask(uint32_t opcode, uint64_t node, const Body& body = {}, size_t room = 1 << 16) { return send(request_of(opcode, node, body), room); }

    Answer look_up(std::string_view name, uint64_t folder = FUSE_ROOT_ID) { return ask(FUSE_LOOKUP, folder, Body{}.text(name)); }
    uint64_t node_of(std::string_view name, uint64_t folder = FUSE_ROOT_ID) { return look_up(name, folder).as<fuse_entry_out>().nodeid; }
    void forget(uint64_t node, uint64_t count = 1) { EXPECT_EQ(ask(FUSE_FORGET, node, Body{}.add(fuse_forget_in{count})).size, 0U); }
    Answer open(uint64_t node, uint32_t flags) { return ask(FUSE_OPEN, node, Body{}.add(fuse_open_in{flags, 0})); }
    uint64_t handle_of(uint64_t node, uint32_t flags = O_RDWR) { return open(node, flags).as<fuse_open_out>().fh; }
    uint64_t folder_handle_of(uint64_t node) { return ask(FUSE_OPENDIR, node, Body{}.add(fuse_open_in{O_RDONLY, 0})).as<fuse_open_out>().fh; }
    Answer create(std::string_view name, uint32_t flags = O_RDWR | O_EXCL, uint32_t mode = 0644, uint32_t umask = 0, uint64_t folder = FUSE_ROOT_ID) {
        return ask(FUSE_CREATE, folder, Body{}.add(fuse_create_in{flags, mode, umask, 0}).text(name));
    }
    Answer make_folder(std::string_view name, uint64_t folder = FUSE_ROOT_ID) {
        return ask(FUSE_MKDIR, folder, Body{}.add(fuse_mkdir_in{0755, 0}).text(name));
    }
    Answer make_link(std::string_view name, std::string_view target, uint64_t folder = FUSE_ROOT_ID) {
        return ask(FUSE_SYMLINK, folder, Body{}.text(name).text(target));
    }
    Answer get_attributes(uint64_t node) { return ask(FUSE_GETATTR, node, Body{}.add(fuse_getattr_in{})); }
    Answer set_attributes(uint64_t node, const fuse_setattr_in& in) { return ask(FUSE_SETATTR, node, Body{}.add(in)); }
    static fuse_read_in reading(uint64_t handle, uint64_t offset, uint32_t size) {
        fuse_read_in in{};
        in.fh = handle, in.offset = offset, in.size = size;
        return in;
    }
    static fuse_write_in writing(uint64_t handle, uint64_t offset, uint32_t size, uint32_t flags = 0) {
        fuse_write_in in{};
        in.fh = handle, in.offset = offset, in.size = size, in.write_flags = flags;
        return in;
    }
    Answer read(uint64_t handle, uint64_t offset, uint32_t size, size_t room = 2 << 20) {
        return ask(FUSE_READ, FUSE_ROOT_ID, Body{}.add(reading(handle, offset, size)), room);
    }
    Answer write(uint64_t handle, uint64_t offset, std::string_view text, uint32_t flags = 0) {
        return ask(FUSE_WRITE, FUSE_ROOT_ID, Body{}.add(writing(handle, offset, static_cast<uint32_t>(text.size()), flags)).raw(text));
    }
    [[nodiscard]] size_t known() const { return server->share().inodes.size(); }
    [[nodiscard]] size_t opened() const { return server->share().handles.size(); }

    std::filesystem::path base, shared, outside;
    std::unique_ptr<vmm::fs::Server> server;
    size_t piece = 4096;  // bytes of the pieces in which memory is handed over
    uint64_t unique = 0;
    uint32_t user = 0, group = 0;
};

}  // namespace eremite::test
