// The device at a TAP interface in a network namespace of the test's own, with Linux at the other end.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "tests/unit/vmm_net/driver.hpp"
#include "vmm/error.hpp"
#include "vmm/net/tap.hpp"

namespace eremite::test {
namespace {

using vmm::UniqueFd;
using vmm::net::has;
using vmm::net::Tap;

// 0, or what is wrong. From then on the process is in a namespace of its own.
int enter_namespace() {
    static const int result = ::unshare(CLONE_NEWNET) == 0 ? 0 : errno;
    return result;
}

UniqueFd packet_socket() { return UniqueFd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))}; }

bool control_interface(const std::string& name, bool up, int mtu = 1500) {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM, 0)};
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_mtu = mtu;
    if (::ioctl(socket.get(), SIOCSIFMTU, &request) != 0) return false;
    request.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
    return ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

// A TAP interface that stays when nobody has it open.
class Interface {
public:
    explicit Interface(const std::string& name, bool several = false) : name_{name}, fd_{::open("/dev/net/tun", O_RDWR | O_CLOEXEC)} {
        ifreq request{};
        name.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (several ? IFF_MULTI_QUEUE : 0));
        made_ = fd_ && ::ioctl(fd_.get(), TUNSETIFF, &request) == 0 && ::ioctl(fd_.get(), TUNSETPERSIST, 1) == 0 && silence() &&
                control_interface(name, true);
    }
    ~Interface() { remove(); }
    Interface(const Interface&) = delete;
    // Others may open it.
    void release() { fd_.reset(); }
    void remove() {
        release();
        if (!std::exchange(made_, false)) return;
        (void)std::system(("ip link del " + name_).c_str());
    }
    [[nodiscard]] bool made() const { return made_; }

private:
    // Without addresses Linux says nothing there by itself.
    [[nodiscard]] bool silence() const {
        const UniqueFd setting{::open(("/proc/sys/net/ipv6/conf/" + name_ + "/disable_ipv6").c_str(), O_WRONLY)};
        return !setting || ::write(setting.get(), "1", 1) == 1;
    }
    std::string name_;
    UniqueFd fd_;
    bool made_ = false;
};

class TapTest : public testing::Test {
protected:
    void SetUp() override {
        if (const int error = enter_namespace(); error != 0) GTEST_SKIP() << "skipped: no network namespace: " << std::strerror(error);
        if (::access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "skipped: no /dev/net/tun";
        if (std::system("ip -V > /dev/null 2>&1") != 0) GTEST_SKIP() << "skipped: no ip(8)";
    }
    static std::string error_of(const std::string& name, size_t queues) {
        try {
            Tap tap{name, queues};
        } catch (const vmm::Error& error) {
            return error.what();
        }
        return {};
    }
};

// A frame of an experimental kind, for everyone.
Bytes experimental(size_t size, uint8_t seed) {
    Bytes frame = pattern(size, seed);
    std::fill_n(frame.begin(), 6, uint8_t{0xff});
    constexpr uint8_t own[] = {2, 0, 0, 0, 0, 9}, kind[] = {0x88, 0xb5};
    std::copy_n(own, 6, frame.begin() + 6);
    std::copy_n(kind, 2, frame.begin() + 12);
    return frame;
}

// Linux's end of the interface.
struct LinuxSide {
    explicit LinuxSide(const std::string& name) : socket{packet_socket()} {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(ETH_P_ALL);
        address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
        fine = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
        const int on = 1;
        (void)::setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    }
    [[nodiscard]] bool send(const Bytes& frame) const {
        return ::send(socket.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
    }
    [[nodiscard]] Bytes receive() const {
        Bytes frame(100000);
        const ssize_t size = ::recv(socket.get(), frame.data(), frame.size(), 0);
        frame.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
        return frame;
    }
    UniqueFd socket;
    bool fine = false;
};

TEST_F(TapTest, ErrorsSayWhatToDo) {
    EXPECT_NE(error_of("nothere0", 1).find("sudo ip tuntap add dev nothere0 mode tap"), std::string::npos);
    EXPECT_NE(error_of("lo", 1).find("is no TAP device"), std::string::npos);
    EXPECT_NE(error_of("", 1).find("1 to 15 bytes"), std::string::npos);
    EXPECT_NE(error_of("a-name-of-16-byte", 1).find("1 to 15 bytes"), std::string::npos);
    Interface interface{"tap0"};
    ASSERT_TRUE(interface.made());
    EXPECT_NE(error_of("tap0", 1).find("another machine or program uses tap0"), std::string::npos);
    interface.release();
    EXPECT_NE(error_of("tap0", 2).find("multi_queue"), std::string::npos);
    EXPECT_EQ(error_of("tap0", 1), "");
}

TEST_F(TapTest, OffloadsAreThoseOfTheKernel) {
    Interface interface{"tap1"};
    ASSERT_TRUE(interface.made());
    interface.release();
    const Tap tap{"tap1", 1};
    // Each kernel has these.
    constexpr uint64_t all = bit(VIRTIO_NET_F_CSUM) | bit(VIRTIO_NET_F_GUEST_CSUM) | bit(VIRTIO_NET_F_GUEST_TSO4) | bit(VIRTIO_NET_F_GUEST_TSO6) |
                             bit(VIRTIO_NET_F_GUEST_ECN) | bit(VIRTIO_NET_F_HOST_TSO4) | bit(VIRTIO_NET_F_HOST_TSO6) | bit(VIRTIO_NET_F_HOST_ECN);
    EXPECT_EQ(tap.offloads() & all, all);
}

TEST_F(TapTest, FramesPassBothWays) {
    Interface interface{"tap2"};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap2", 1));
    const LinuxSide linux_side{"tap2"};
    ASSERT_TRUE(linux_side.fine);
    machine.start(machine.device().features());
    machine.give_buffers(0, 50, 2048);
    machine.settle();
    for (uint8_t i = 0; i < 20; ++i) ASSERT_TRUE(linux_side.send(experimental(100U + i, i)));
    machine.settle();
    const auto frames = machine.take_frames();
    ASSERT_EQ(frames.size(), 20U);
    for (uint8_t i = 0; i < 20; ++i) EXPECT_EQ(frames[i].bytes, experimental(100U + i, i));
    for (uint8_t i = 0; i < 20; ++i) machine.add_frame(0, {{}, experimental(200U + i, i)}, 90);
    machine.kick(machine.send_queue());
    machine.settle();
    for (uint8_t i = 0; i < 20; ++i) EXPECT_EQ(linux_side.receive(), experimental(200U + i, i));
    EXPECT_TRUE(linux_side.receive().empty());
}

TEST_F(TapTest, WithoutBuffersTheKernelKeepsTheFrames) {
    Interface interface{"tap3"};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap3", 1));
    const LinuxSide linux_side{"tap3"};
    machine.start(bit(VIRTIO_NET_F_MRG_RXBUF));
    machine.settle();
    for (uint8_t i = 0; i < 5; ++i) ASSERT_TRUE(linux_side.send(experimental(1514, i)));
    machine.settle();
    machine.give_buffers(0, 4, 1000);
    machine.settle();
    auto frames = machine.take_frames();
    EXPECT_EQ(frames.size(), 2U);
    machine.give_buffers(0, 7, 1000);
    machine.settle();
    for (Frame& frame : machine.take_frames()) frames.push_back(std::move(frame));
    ASSERT_EQ(frames.size(), 5U);
    for (uint8_t i = 0; i < 5; ++i) EXPECT_EQ(frames[i].bytes, experimental(1514, i));
}

// A segment of TCP whose checksum and cutting are left to the receiver.
Frame large_segment(size_t payload, uint16_t gso_size) {
    constexpr size_t headers = 14 + 20 + 20;
    Frame frame{{}, pattern(headers + payload)};
    Bytes& b = frame.bytes;
    std::fill_n(b.begin(), headers, uint8_t{0});
    std::fill_n(b.begin(), 6, uint8_t{0xff});
    b[6] = 2, b[11] = 9, b[12] = 8;
    const size_t length = b.size() - 14;
    const uint8_t high = static_cast<uint8_t>(length >> 8), low = static_cast<uint8_t>(length);
    const uint8_t ip[] = {0x45, 0, high, low, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 9, 8, 2, 10, 9, 8, 1};
    std::copy_n(ip, sizeof ip, b.begin() + 14);
    const uint8_t tcp[] = {0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff};
    std::copy_n(tcp, sizeof tcp, b.begin() + 34);
    frame.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    frame.header.csum_start = 34;
    frame.header.csum_offset = 16;
    frame.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
    frame.header.gso_size = gso_size;
    frame.header.hdr_len = headers;
    return frame;
}

TEST_F(TapTest, LargeSegmentsGoToTheKernelWhole) {
    Interface interface{"tap4"};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap4", 1));
    const LinuxSide linux_side{"tap4"};
    machine.start(machine.device().features());
    const Frame frame = large_segment(20000, 1448);
    machine.add_frame(0, frame, 4096);
    // The kernel finds out by itself that this one cannot be.
    Frame refused = large_segment(20000, 1448);
    refused.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    machine.add_frame(0, refused, 4096);
    machine.add_frame(0, {{}, experimental(100, 1)});
    machine.kick(machine.send_queue());
    machine.settle();
    EXPECT_EQ(linux_side.receive(), frame.bytes);
    Bytes last = linux_side.receive();
    // Some kernels pass it on as it is.
    if (last.size() > 100) last = linux_side.receive();
    EXPECT_EQ(last, experimental(100, 1));
    size_t done = 0;
    while (machine.send_queue().driver->take()) ++done;
    EXPECT_EQ(done, 3U);
    EXPECT_EQ(machine.broken, 0U);
}

TEST_F(TapTest, AnInterfaceThatIsDownLosesFrames) {
    Interface interface{"tap5"};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap5", 1));
    machine.start(0);
    ASSERT_TRUE(control_interface("tap5", false));
    machine.add_frame(0, {{}, experimental(100, 1)});
    machine.kick(machine.send_queue());
    machine.settle();
    EXPECT_TRUE(machine.send_queue().driver->take());
    EXPECT_EQ(machine.configuration_changes, 0U);
}

TEST_F(TapTest, TheLinkIsDownOnceTheInterfaceIsGone) {
    Interface interface{"tap6"};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap6", 1));
    machine.start(bit(VIRTIO_NET_F_STATUS));
    machine.give_buffers(0, 4, 2048);
    machine.settle();
    interface.remove();
    machine.settle();
    EXPECT_EQ(machine.configuration_changes, 1U);
    machine.add_frame(0, {{}, experimental(100, 1)});
    machine.kick(machine.send_queue());
    machine.settle();
    EXPECT_TRUE(machine.send_queue().driver->take());
}

TEST_F(TapTest, SeveralPairsShareWhatComes) {
    Interface interface{"tap7", true};
    ASSERT_TRUE(interface.made());
    interface.release();
    constexpr size_t pairs = 4;
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap7", pairs));
    const LinuxSide linux_side{"tap7"};
    machine.start(machine.device().features());
    for (size_t i = 0; i < pairs; ++i) machine.give_buffers(i, 60, 2048);
    const auto flows = [&] {
        // Datagrams of many ports.
        for (uint8_t i = 0; i < 50; ++i) {
            Frame frame = large_segment(10, 0);
            frame.bytes[23] = IPPROTO_UDP;
            frame.bytes[34] = i;
            ASSERT_TRUE(linux_side.send(frame.bytes));
        }
        machine.settle();
    };
    flows();
    EXPECT_EQ(machine.take_frames(0).size(), 50U);
    ASSERT_EQ(machine.command(2 * pairs, {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, pairs, 0}), VIRTIO_NET_OK);
    machine.give_buffers(0, 50, 2048);
    flows();
    size_t frames = 0, busy = 0;
    for (size_t i = 0; i < pairs; ++i) {
        const size_t came = machine.take_frames(i).size();
        frames += came;
        busy += came != 0 ? 1 : 0;
    }
    EXPECT_EQ(frames, 50U);
    EXPECT_GT(busy, 1U);
    // From each queue frames reach Linux.
    for (uint8_t i = 0; i < pairs; ++i) {
        machine.add_frame(i, {{}, experimental(80, i)});
        machine.kick(machine.send_queue(i));
        machine.settle();
        EXPECT_EQ(linux_side.receive(), experimental(80, i));
    }
    ASSERT_EQ(machine.command(2 * pairs, {VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 1, 0}), VIRTIO_NET_OK);
    machine.give_buffers(0, 60, 2048);
    flows();
    EXPECT_EQ(machine.take_frames(0).size(), 50U);
    EXPECT_EQ(machine.configuration_changes, 0U);
}

TEST_F(TapTest, ADeviceForSeveralQueuesServesOnePair) {
    Interface interface{"tap8", true};
    ASSERT_TRUE(interface.made());
    interface.release();
    Machine machine;
    machine.make_device(std::make_unique<Tap>("tap8", 1));
    EXPECT_FALSE(has(machine.device().features(), VIRTIO_NET_F_MQ));
    const LinuxSide linux_side{"tap8"};
    machine.start(0);
    machine.give_buffers(0, 4, 2048);
    machine.settle();
    ASSERT_TRUE(linux_side.send(experimental(100, 1)));
    machine.settle();
    EXPECT_EQ(machine.take_frames().size(), 1U);
}

}  // namespace
}  // namespace eremite::test
