#include "vmm/vsock/unix_socket.hpp"

#include <fstream>

#include "host.hpp"
#include "vmm/error.hpp"

namespace eremite::test {
namespace {

using namespace vmm::vsock;

struct UnixSocket : ::testing::Test {
    HostFolder folder;
    const std::string path = folder.name("socket");
};

TEST_F(UnixSocket, WhatIsLeftOverIsReplaced) {
    listen_at(path).reset();
    const vmm::UniqueFd again = listen_at(path);
    EXPECT_TRUE(connect_unix(path));
}

TEST_F(UnixSocket, OneThatListensStays) {
    const vmm::UniqueFd first = listen_at(path);
    EXPECT_THROW((void)listen_at(path), vmm::Error);
    remove_left_over(path);
    EXPECT_TRUE(connect_unix(path));
}

TEST_F(UnixSocket, FilesStay) {
    std::ofstream{path} << "precious";
    EXPECT_THROW((void)listen_at(path), vmm::Error);
    remove_left_over(path);
    EXPECT_TRUE(std::filesystem::exists(path));
}

TEST_F(UnixSocket, LongPaths) {
    // With a port behind it, it is one character too long.
    const std::string longest = path + std::string(sizeof(sockaddr_un::sun_path) - sizeof "_4294967295" - path.size(), 'x');
    EXPECT_TRUE(listen_at(longest));
    EXPECT_THROW((void)listen_at(longest + "x"), vmm::Error);
    EXPECT_THROW((void)listen_at(""), vmm::Error);
    EXPECT_FALSE(connect_to(std::string(200, 'x')));
}

TEST_F(UnixSocket, NoSuchFolder) { EXPECT_THROW((void)listen_at(folder.name("absent/socket")), vmm::Error); }

TEST_F(UnixSocket, LeftOversAreRemoved) {
    listen_at(path).reset();
    remove_left_over(path);
    EXPECT_FALSE(std::filesystem::exists(path));
    remove_left_over(path);
}

}  // namespace
}  // namespace eremite::test
