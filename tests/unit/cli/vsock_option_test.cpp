#include "cli/vsock_option.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

TEST(VsockOption, PathsAreForOurMonitor) {
    const VsockDevice device = parse_vsock_option("/run/sockets/x", Vmm::Cell);
    EXPECT_EQ(device.path, "/run/sockets/x");
    EXPECT_EQ(device.cid, 3U);
    EXPECT_TRUE(parse_vsock_option("x", Vmm::Cell).path.starts_with("/")) << "its process may have another folder";
    EXPECT_TRUE(parse_vsock_option("./3", Vmm::Cell).path.ends_with("/3"));
    EXPECT_THROW((void)parse_vsock_option("3", Vmm::Cell), Failure);
    EXPECT_THROW((void)parse_vsock_option("", Vmm::Cell), Failure);
    EXPECT_THROW((void)parse_vsock_option("/run/sockets/x", Vmm::Qemu), Failure);
}

TEST(VsockOption, NumbersAreForQemu) {
    const VsockDevice device = parse_vsock_option("4294967294", Vmm::Qemu);
    EXPECT_EQ(device.path, "");
    EXPECT_EQ(device.cid, 4294967294U);
    for (const char* text : {"0", "1", "2", "4294967295", "4294967296", "18446744073709551616", "-3", "3x", ""})
        EXPECT_THROW((void)parse_vsock_option(text, Vmm::Qemu), Failure) << text;
}

}  // namespace
}  // namespace eremite::cli
