#include "cli/tap_device.hpp"

#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <vector>

namespace eremite::cli {
namespace {

using Bytes = std::vector<std::byte>;

Bytes join(std::initializer_list<Bytes> parts) {
    Bytes all;
    for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
}

Bytes attribute(unsigned short type, const Bytes& value) {
    const rtattr header{static_cast<unsigned short>(sizeof(rtattr) + value.size()), type};
    Bytes bytes(RTA_ALIGN(header.rta_len));
    std::memcpy(bytes.data(), &header, sizeof header);
    if (!value.empty()) std::memcpy(&bytes[sizeof header], value.data(), value.size());
    return bytes;
}

Bytes text(const char* value) {
    const auto* const start = reinterpret_cast<const std::byte*>(value);
    return {start, start + std::strlen(value) + 1};
}

// Of a device of this kind, which says this of its queues.
Bytes link(const char* kind, const Bytes& several) {
    const Bytes data = attribute(IFLA_INFO_DATA, join({attribute(IFLA_TUN_TYPE, {std::byte{2}}), attribute(IFLA_TUN_MULTI_QUEUE, several)}));
    return join({Bytes(sizeof(ifinfomsg)), attribute(IFLA_IFNAME, text("tap0")), attribute(IFLA_LINKINFO, join({attribute(IFLA_INFO_KIND, text(kind)), data}))});
}

TEST(TapDevice, SaysWhetherItTakesSeveralQueues) {
    EXPECT_TRUE(takes_several_queues(link("tun", {std::byte{1}})));
    EXPECT_FALSE(takes_several_queues(link("tun", {std::byte{0}})));
    EXPECT_FALSE(takes_several_queues(link("tun", {})));
    EXPECT_FALSE(takes_several_queues(link("veth", {std::byte{1}})));
    EXPECT_FALSE(takes_several_queues(link("t", {std::byte{1}})));
}

TEST(TapDevice, ReadsNoFurtherThanTheAnswer) {
    const Bytes whole = link("tun", {std::byte{1}});
    for (size_t size = 0; size < whole.size(); ++size) {
        const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(takes_several_queues(part)) << size;
    }
    Bytes endless = whole;
    endless[sizeof(ifinfomsg)] = endless[sizeof(ifinfomsg) + 1] = std::byte{0};
    EXPECT_FALSE(takes_several_queues(endless)) << "an attribute of no length";
}

TEST(TapDevice, OtherDevicesDoNot) {
    EXPECT_FALSE(takes_several_queues("lo"));
    EXPECT_FALSE(takes_several_queues("no-such-tap"));
}

TEST(TapDevice, APairForEachProcessorAsFarAsThatIsOfUse) {
    EXPECT_EQ(tap_queues(false, 8), 1U);
    EXPECT_EQ(tap_queues(true, 1), 2U);
    EXPECT_EQ(tap_queues(true, 3), 3U);
    EXPECT_EQ(tap_queues(true, 64), 8U);
}

}  // namespace
}  // namespace eremite::cli
