#include "libos/init/network/addresses.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

#include "libos/network/address_text.hpp"

namespace eremite::test {
namespace {

using init::parse_address;
using init::parse_address_argument;
using network::AddressText;

std::string text_of(const net::IpAddress& address) { return std::string{AddressText{address}.view()}; }

// The C library says what is right.
TEST(Addresses, AreReadAndWrittenAsByTheCLibrary) {
    for (const char* text : {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.0.5.3", "::", "::1", "fe80::1", "2001:db8::8:800:200c:417a", "1:2:3:4:5:6:7:8",
                             "1::", "1:0:0:2::3", "0:0:1::", "2001:db8:0:1:1:1:1:1", "1:0:0:2:0:0:0:3", "ABCD::EF", "64:ff9b::192.0.2.33", "::1.2.3.4"}) {
        const auto address = parse_address(text);
        ASSERT_TRUE(address) << text;
        in_addr v4;
        if (inet_pton(AF_INET, text, &v4) == 1) {
            EXPECT_EQ(ntohl(v4.s_addr), address->v4().value) << text;
            EXPECT_EQ(text_of(*address), text);
            continue;
        }
        in6_addr v6;
        ASSERT_EQ(inet_pton(AF_INET6, text, &v6), 1);
        EXPECT_EQ(std::memcmp(&v6, address->bytes().data(), sizeof v6), 0) << text;
        in6_addr again;
        ASSERT_EQ(inet_pton(AF_INET6, text_of(*address).c_str(), &again), 1) << text_of(*address);
        EXPECT_EQ(std::memcmp(&v6, &again, sizeof v6), 0) << text_of(*address);
    }
}

TEST(Addresses, ZerosAreLeftOutAsRfc5952Says) {
    const std::pair<const char*, const char*> cases[] = {{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                                                         {"1:0:0:2:0:0:0:3", "1:0:0:2::3"},              {"0:0:0:0:0:0:0:0", "::"},
                                                         {"2001:DB8::1", "2001:db8::1"},                 {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"}};
    for (const auto& [from, to] : cases) EXPECT_EQ(text_of(*parse_address(from)), to);
}

TEST(Addresses, WhatIsNoneIsRefused) {
    for (const char* text : {"", ".", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.4 ", "a.b.c.d", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
                             "1::2::3", "12345::", "g::", "1:", ":1", "::1.2.3", "1:2:3:4:5:6:7::8", "::1:"})
        EXPECT_FALSE(parse_address(text)) << text;
}

TEST(Addresses, ArgumentsHaveLengthsAndInterfaces) {
    const auto plain = parse_address_argument("10.0.5.3");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->length, 24);
    EXPECT_EQ(plain->interface, "eth0");
    EXPECT_EQ(parse_address_argument("10.0.5.3/16@eth1")->length, 16);
    EXPECT_EQ(parse_address_argument("10.0.5.3/16@eth1")->interface, "eth1");
    EXPECT_EQ(parse_address_argument("10.0.5.3/255.255.252.0")->length, 22);
    EXPECT_EQ(parse_address_argument("10.0.5.3/0.0.0.0")->length, 0);
    EXPECT_EQ(parse_address_argument("fd00::2")->length, 64);
    EXPECT_EQ(parse_address_argument("fd00::2/128")->length, 128);
    for (const char* text : {"", "/24", "10.0.5.3/", "10.0.5.3/33", "10.0.5.3/255.0.255.0", "10.0.5.3@", "fd00::2/129", "fd00::2/255.255.255.0", "off"})
        EXPECT_FALSE(parse_address_argument(text)) << text;
}

}  // namespace
}  // namespace eremite::test
