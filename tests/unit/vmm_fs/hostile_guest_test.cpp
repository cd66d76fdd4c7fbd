// Requests that no honest guest sends.
#include "fixture.hpp"

namespace eremite::test {
namespace {

TEST_F(ShareTest, RequestsThatAreTooShort) {
    for (size_t size = 0; size < sizeof(fuse_in_header); ++size) {
        Bytes request = request_of(FUSE_GETATTR, FUSE_ROOT_ID, {});
        request.resize(size);
        Bytes reply(100);
        const auto readable = pieces_of(request, 4096), writable = pieces_of(reply, 4096);
        EXPECT_EQ(server->serve(readable, writable), sizeof(fuse_out_header));
        fuse_out_header header{};
        std::memcpy(&header, reply.data(), sizeof header);
        EXPECT_EQ(header.error, -EINVAL);
    }
}

TEST_F(ShareTest, LengthsThatAreNot) {
    for (const uint32_t length : {0U, 39U, 57U, 1000U, UINT32_MAX}) {
        Bytes request = request_of(FUSE_GETATTR, FUSE_ROOT_ID, Body{}.add(fuse_getattr_in{}));
        std::memcpy(request.data(), &length, sizeof length);
        EXPECT_EQ(send(request).error, EINVAL) << length;
    }
    // What follows is not looked at.
    Bytes request = request_of(FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.text("f"));
    request.resize(request.size() + 100, std::byte{'x'});
    EXPECT_EQ(send(request).error, ENOENT);
}

// Each kind of request with less than its structure, without its names, and with names that do not end.
TEST_F(ShareTest, StructuresAndNamesThatEndEarly) {
    write_host(shared / "f", "text");
    handle_of(node_of("f"));
    const size_t before = known();
    for (uint32_t opcode = 0; opcode < 70; ++opcode) {
        // What 'n's ask of FUSE_TMPFILE can be done.
        if (opcode == FUSE_DESTROY || opcode == FUSE_INIT || opcode == FUSE_TMPFILE) continue;
        for (size_t size = 0; size <= 72; ++size) {
            const auto answer = ask(opcode, FUSE_ROOT_ID, Body{}.raw(std::string(size, 'n')));
            const bool silent = opcode == FUSE_FORGET || opcode == FUSE_BATCH_FORGET || opcode == FUSE_INTERRUPT;
            EXPECT_EQ(answer.size == 0, silent) << opcode;
            // These have no names, and their structures may have anything in them.
            const bool careless = opcode == FUSE_GETATTR || opcode == FUSE_STATFS || opcode == FUSE_OPENDIR || opcode == FUSE_SYNCFS ||
                                  opcode == FUSE_LISTXATTR;
            if (!careless && !silent) {
                EXPECT_NE(answer.error, 0) << opcode << " with " << size;
            }
            if (opcode == FUSE_OPENDIR && answer.error == 0) {
                EXPECT_EQ(ask(FUSE_RELEASEDIR, FUSE_ROOT_ID, Body{}.add(fuse_release_in{answer.as<fuse_open_out>().fh, 0, 0, 0})).error, 0);
            }
        }
    }
    EXPECT_EQ(known(), before);
    EXPECT_EQ(opened(), 1U);
    EXPECT_EQ(read_host(shared / "f"), "text");
    const auto names = std::filesystem::directory_iterator{shared};
    EXPECT_EQ(std::distance(begin(names), end(names)), 1);
}

TEST_F(ShareTest, UnknownRequests) {
    const uint32_t none[] = {0, 7, 19, FUSE_BMAP, FUSE_IOCTL, FUSE_POLL, FUSE_GETLK, FUSE_SETLK, FUSE_SETLKW, FUSE_SETUPMAPPING, FUSE_REMOVEMAPPING,
                             FUSE_NOTIFY_REPLY, 52, 63, 64, CUSE_INIT, UINT32_MAX};
    for (const uint32_t opcode : none)
        EXPECT_EQ(ask(opcode, FUSE_ROOT_ID, Body{}.raw(std::string(100, '\0'))).error, ENOSYS) << opcode;
    EXPECT_EQ(ask(FUSE_INTERRUPT, 0, Body{}.add(fuse_interrupt_in{2})).size, 0U);
}

TEST_F(ShareTest, UnknownFilesAndHandles) {
    for (const uint64_t node : {uint64_t{0}, uint64_t{2}, uint64_t{1} << 32, UINT64_MAX}) {
        EXPECT_EQ(look_up("f", node).error, EBADF);
        EXPECT_EQ(open(node, O_RDONLY).error, EBADF);
        EXPECT_EQ(make_folder("d", node).error, EBADF);
        EXPECT_EQ(make_link("l", "x", node).error, EBADF);
        EXPECT_EQ(ask(FUSE_UNLINK, node, Body{}.text("f")).error, EBADF);
        EXPECT_EQ(ask(FUSE_READLINK, node).error, EBADF);
        EXPECT_EQ(ask(FUSE_ACCESS, node, Body{}.add(fuse_access_in{})).error, EBADF);
        EXPECT_EQ(read(node, 0, 10).error, EBADF);
        EXPECT_EQ(write(node, 0, "x").error, EBADF);
        forget(node);
    }
}

// What the guest could not be told of is not done.
TEST_F(ShareTest, TooLittleRoomForTheReply) {
    const Body folder = Body{}.add(fuse_mkdir_in{0755, 0}).text("d");
    for (size_t room = 0; room < sizeof(fuse_out_header); ++room) EXPECT_EQ(ask(FUSE_MKDIR, FUSE_ROOT_ID, folder, room).size, 0U);
    for (const size_t room : {size_t{16}, size_t{17}, sizeof(fuse_out_header) + sizeof(fuse_entry_out) - 1})
        EXPECT_EQ(ask(FUSE_MKDIR, FUSE_ROOT_ID, folder, room).error, E2BIG);
    EXPECT_TRUE(std::filesystem::is_empty(shared));
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(ask(FUSE_MKDIR, FUSE_ROOT_ID, folder, sizeof(fuse_out_header) + sizeof(fuse_entry_out)).error, 0);
    const fuse_init_in in{.major = 7, .minor = 31, .max_readahead = 0, .flags = 0, .flags2 = 0, .unused = {}};
    EXPECT_EQ(ask(FUSE_INIT, 0, Body{}.add(in), 40).error, E2BIG);
    EXPECT_EQ(known(), 2U) << "the session goes on";
}

TEST_F(ShareTest, RequestsThatAreTooLong) {
    EXPECT_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.raw(std::string(200'000, 'n'))).error, E2BIG);
    EXPECT_EQ(ask(FUSE_LOOKUP, FUSE_ROOT_ID, Body{}.text(std::string(100'000, 'n'))).error, ENAMETOOLONG);
    EXPECT_EQ(ask(FUSE_BATCH_FORGET, FUSE_ROOT_ID, Body{}.add(fuse_batch_forget_in{UINT32_MAX, 0}).raw(std::string(1000, '\0'))).size, 0U);
}

TEST_F(ShareTest, CountsThatAreTooLarge) {
    const uint64_t handle = create("f").as<fuse_open_out>(sizeof(fuse_entry_out)).fh;
    EXPECT_EQ(ask(FUSE_WRITE, FUSE_ROOT_ID, Body{}.add(writing(handle, 0, UINT32_MAX)).raw("text")).error, EINVAL);
    EXPECT_EQ(ask(FUSE_WRITE, FUSE_ROOT_ID, Body{}.add(writing(handle, 0, 5)).raw("text")).error, EINVAL) << "less data than it says";
    EXPECT_EQ(read_host(shared / "f"), "");
    EXPECT_EQ(read(handle, 0, UINT32_MAX).error, 0);
    EXPECT_EQ(write(handle, uint64_t{INT64_MAX}, "text").error, EINVAL);
    EXPECT_EQ(stat_host(shared / "f").st_size, 0);
}

TEST_F(ShareTest, EverythingGoesWithTheGuest) {
    for (int i = 0; i < 50; ++i) handle_of(create("f" + std::to_string(i)).as<fuse_entry_out>().nodeid);
    EXPECT_EQ(known(), 51U);
    EXPECT_EQ(opened(), 100U);
    server->forget_all();
    EXPECT_EQ(known(), 1U);
    EXPECT_EQ(opened(), 0U);
    EXPECT_EQ(look_up("f1").error, EIO) << "the next one begins with FUSE_INIT";
}

}  // namespace
}  // namespace eremite::test
