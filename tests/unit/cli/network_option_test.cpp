#include "cli/network_option.hpp"

#include <gtest/gtest.h>

#include "cli/failure.hpp"

namespace eremite::cli {
namespace {

using Words = std::vector<std::string>;

TEST(NetworkOption, UserHasTheAddressesThatQemuExpects) {
    const auto option = parse_network_option("user");
    EXPECT_EQ(option.tap, "");
    EXPECT_EQ(option.addresses, Words{"10.0.2.15/24"});
    EXPECT_EQ(option.gateways, Words{"10.0.2.2"});
    EXPECT_EQ(option.name_servers, Words{"10.0.2.3"});
    EXPECT_TRUE(option.published.empty());
}

TEST(NetworkOption, UserWithAddressesAndPorts) {
    const auto option = parse_network_option("user,ip=10.0.2.20/24,gateway=10.0.2.9,hostfwd=tcp::8080-:80,hostfwd=udp:127.0.0.1:5353-:53,hostfwd=::1-:2");
    EXPECT_EQ(option.addresses, Words{"10.0.2.20/24"});
    EXPECT_EQ(option.gateways, Words{"10.0.2.9"});
    ASSERT_EQ(option.published.size(), 3U);
    EXPECT_EQ(option.published[0].address, "");
    EXPECT_EQ(option.published[0].host_port, 8080);
    EXPECT_EQ(option.published[0].program_port, 80);
    EXPECT_FALSE(option.published[0].udp);
    EXPECT_EQ(option.published[1].address, "127.0.0.1");
    EXPECT_TRUE(option.published[1].udp);
    EXPECT_EQ(option.published[2].host_port, 1);
    EXPECT_FALSE(option.published[2].udp);
}

TEST(NetworkOption, TapHasWhatIsGivenOnly) {
    const auto bare = parse_network_option("tap:tap0");
    EXPECT_EQ(bare.tap, "tap0");
    EXPECT_TRUE(bare.addresses.empty() && bare.gateways.empty() && bare.name_servers.empty());
    EXPECT_EQ(parse_network_option("tap:a,ip=off").addresses, std::vector<std::string>{"off"});
    const auto full = parse_network_option("tap:a,ip=10.0.5.2/24,ip=fd00::2/64,gateway=10.0.5.1,gateway=fe80::1,dns=10.0.5.1,dns=fd00::1,mtu=1400");
    EXPECT_EQ(full.addresses, (Words{"10.0.5.2/24", "fd00::2/64"}));
    EXPECT_EQ(full.gateways, (Words{"10.0.5.1", "fe80::1"}));
    EXPECT_EQ(full.name_servers, (Words{"10.0.5.1", "fd00::1"}));
    EXPECT_EQ(full.mtu, "1400");
}

TEST(NetworkOption, Refusals) {
    for (const char* text : {"", ",", "tap", "tap:", "tap:sixteen-bytes-xx", "user,ip", "user,ip=10.0.2.1", "user,ip=off", "user,ip=10.0.2.1/33", "user,ip=10.1.2.3/24",
                             "user,gateway=", "tap:t,dns=x", "user,mtu=65536", "user,mtu=", "tap:t,hostfwd=tcp::1-:1", "user,hostfwd=", "user,hostfwd=tcp::1",
                             "user,hostfwd=tcp::1-1", "user,hostfwd=tcp:::1-:1", "user,hostfwd=icmp::1-:1", "user,,", "user,x=y"})
        EXPECT_THROW(parse_network_option(text), Failure) << text;
}

TEST(PublishOption, Forms) {
    const auto plain = parse_publish_option("8080:80");
    EXPECT_EQ(plain.address, "");
    EXPECT_EQ(plain.host_port, 8080);
    EXPECT_EQ(plain.program_port, 80);
    const auto full = parse_publish_option("127.0.0.1:65535:1/udp");
    EXPECT_EQ(full.address, "127.0.0.1");
    EXPECT_EQ(full.host_port, 65535);
    EXPECT_TRUE(full.udp);
    for (const char* text : {"", "80", ":80", "80:", "0:1", "1:0", "65536:1", "x:1", "1:1:1", ":1:1", "::1:1:1", "1:1/sctp", "-1:1", "1:+1"})
        EXPECT_THROW(parse_publish_option(text), Failure) << text;
}

TEST(NetworkOption, Together) {
    EXPECT_EQ(network_option("", {"1:2"}).published.size(), 1U);
    EXPECT_EQ(network_option("user,hostfwd=tcp::1-:2", {"3:4"}).published.size(), 2U);
    EXPECT_THROW(network_option("tap:t", {"1:2"}), Failure);
}

TEST(NetworkOption, MissingTapDevice) {
    EXPECT_NO_THROW(require_tap(parse_network_option("user")));
    EXPECT_NO_THROW(require_tap(parse_network_option("tap:lo")));
    EXPECT_THROW(require_tap(parse_network_option("tap:no-such-tap")), Failure);
}

TEST(NetworkOption, WhatQemuSays) {
    const auto option = parse_network_option("tap:tap0");
    const auto explained = [&](std::string_view message) { return explain_network_failure(message, option); };
    EXPECT_NE(explained("could not configure /dev/net/tun (tap0): Device or resource busy").find("another machine"), std::string::npos);
    EXPECT_NE(explained("could not configure /dev/net/tun (tap0): Operation not permitted").find("mode tap multi_queue user $USER"), std::string::npos);
    EXPECT_NE(explained("could not configure /dev/net/tun (tap0): Invalid argument").find("no TAP device"), std::string::npos);
    EXPECT_NE(explained("could not open /dev/net/tun: No such file or directory").find("modprobe tun"), std::string::npos);
    EXPECT_EQ(explained("Could not access KVM kernel module"), "");
    const auto published = network_option("user", {"192.0.2.1:8080:80"});
    EXPECT_NE(explain_network_failure("Could not set up host forwarding rule 'tcp:192.0.2.1:8080-:80'", published).find("this host has no such address"),
              std::string::npos);
}

}  // namespace
}  // namespace eremite::cli
