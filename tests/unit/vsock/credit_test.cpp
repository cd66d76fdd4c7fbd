#include <gtest/gtest.h>

#include "virtio/vsock.hpp"

namespace eremite::test {
namespace {

using virtio::vsock::Credit;
using virtio::vsock::Header;

Header says(uint32_t buffer, uint32_t taken) {
    Header header{};
    header.buf_alloc = buffer;
    header.fwd_cnt = taken;
    return header;
}

TEST(Credit, WhatThePeerHasRoomFor) {
    Credit credit{100};
    EXPECT_EQ(credit.room(), 0U) << "nothing is known yet";
    credit.hear(says(50, 0));
    credit.send(30);
    EXPECT_EQ(credit.room(), 20U);
    credit.hear(says(50, 10));
    EXPECT_EQ(credit.room(), 30U);
    credit.hear(says(5, 10));
    EXPECT_EQ(credit.room(), 0U) << "a smaller buffer than is under way";
}

TEST(Credit, PeerThatLies) {
    Credit credit{100};
    credit.hear(says(UINT32_MAX, 0));
    credit.send(10);
    credit.hear(says(1000, 11));
    EXPECT_EQ(credit.room(), 0U) << "more was taken than was sent";
}

TEST(Credit, PeerThatSendsTooMuch) {
    Credit credit{100};
    EXPECT_TRUE(credit.receive(60));
    EXPECT_FALSE(credit.receive(41));
    EXPECT_TRUE(credit.receive(40));
    EXPECT_FALSE(credit.receive(1));
    EXPECT_TRUE(credit.take(100));
    EXPECT_TRUE(credit.receive(100));
}

TEST(Credit, CountersWrap) {
    Credit credit{1 << 30};
    uint32_t sent = 0;
    for (int i = 0; i < 9; ++i) {
        credit.hear(says(1 << 30, sent));
        EXPECT_EQ(credit.room(), 1U << 30);
        credit.send(1 << 30);
        sent += 1U << 30;
        EXPECT_TRUE(credit.receive(1 << 30));
        EXPECT_TRUE(credit.take(1 << 30));
        Header header{};
        credit.tell(header);
        EXPECT_EQ(header.fwd_cnt, sent);
    }
}

TEST(Credit, TellsInTime) {
    Credit credit{100};
    ASSERT_TRUE(credit.receive(100));
    EXPECT_FALSE(credit.take(24));
    EXPECT_TRUE(credit.take(1));
    Header header{};
    credit.tell(header);
    EXPECT_EQ(header.buf_alloc, 100U);
    EXPECT_EQ(header.fwd_cnt, 25U);
    EXPECT_FALSE(credit.take(24));
    Credit small{3};
    EXPECT_FALSE(small.take(0));
    EXPECT_TRUE(small.take(1));
}

}  // namespace
}  // namespace eremite::test
