#include "tests/unit/netstack/tap.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/ipv6.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace eremite::test {

namespace {

// struct virtio_net_hdr of virtio 1.2 section 5.1.6, which linux/virtio_net.h declares in words that C++ does not know.
struct VirtioHeader {
    static constexpr uint8_t needs_checksum = 1, data_valid = 2, tcp4 = 1, tcp6 = 4, ecn = 0x80;
    uint8_t flags, gso_type;
    uint16_t header_length, gso_size, checksum_start, checksum_offset;
};

bool enter_namespace(std::string& why) {
    static const int result = [] {
        const uid_t uid = getuid();
        if (unshare(CLONE_NEWNET) == 0) return 0;
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return errno;
        const int map = ::open("/proc/self/uid_map", O_WRONLY);
        const std::string line = "0 " + std::to_string(uid) + " 1";
        const bool written = map >= 0 && write(map, line.data(), line.size()) > 0;
        if (map >= 0) close(map);
        return written ? 0 : EPERM;
    }();
    if (result != 0) why = std::string{"no network namespace: "} + std::strerror(result);
    return result == 0;
}

bool configure(const char* name, uint16_t mtu, std::string& why) {
    const int s4 = socket(AF_INET, SOCK_DGRAM, 0), s6 = socket(AF_INET6, SOCK_DGRAM, 0);
    ifreq r{};
    std::strncpy(r.ifr_name, name, IFNAMSIZ - 1);
    bool fine = s4 >= 0;
    r.ifr_mtu = mtu;
    fine = fine && ioctl(s4, SIOCSIFMTU, &r) == 0;
    auto& address = reinterpret_cast<sockaddr_in&>(r.ifr_addr);
    address = {};
    address.sin_family = AF_INET;
    inet_pton(AF_INET, TapDevice::linux_v4, &address.sin_addr);
    fine = fine && ioctl(s4, SIOCSIFADDR, &r) == 0;
    inet_pton(AF_INET, "255.255.255.0", &address.sin_addr);
    fine = fine && ioctl(s4, SIOCSIFNETMASK, &r) == 0;
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    fine = fine && ioctl(s4, SIOCSIFFLAGS, &r) == 0;
    if (fine && s6 >= 0 && mtu >= 1280) {
        in6_ifreq r6{};
        inet_pton(AF_INET6, TapDevice::linux_v6, &r6.ifr6_addr);
        r6.ifr6_prefixlen = 64;
        r6.ifr6_ifindex = static_cast<int>(if_nametoindex(name));
        fine = ioctl(s6, SIOCSIFADDR, &r6) == 0;
    }
    if (!fine) why = std::string{"the interface cannot be configured: "} + std::strerror(errno);
    close(s4);
    if (s6 >= 0) close(s6);
    return fine;
}

}  // namespace

std::unique_ptr<TapDevice> TapDevice::open(const TapOptions& options, std::string& why) {
    if (!enter_namespace(why)) return nullptr;
    const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ifreq r{};
    std::strncpy(r.ifr_name, "eremite0", IFNAMSIZ - 1);
    r.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r) != 0) {
        why = std::string{"no TAP interface: "} + std::strerror(errno);
        if (fd >= 0) close(fd);
        return nullptr;
    }
    const unsigned long offloads = options.offloads ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : 0;
    if (ioctl(fd, TUNSETOFFLOAD, offloads) != 0 || !configure("eremite0", options.mtu, why)) {
        if (why.empty()) why = std::string{"no offloads: "} + std::strerror(errno);
        close(fd);
        return nullptr;
    }
    net::Capabilities c;
    c.mac = Host::mac(7);
    c.mtu = options.mtu;
    c.transmit_checksum = c.receive_checksum = options.offloads;
    c.tcp4_segmentation = c.tcp6_segmentation = options.offloads ? 65000 : 0;
    return std::unique_ptr<TapDevice>{new TapDevice{fd, c, options}};
}

TapDevice::~TapDevice() { close(fd_); }

bool TapDevice::transmit(net::Packet& packet) {
    net::Packet taken;
    if (random_.below(1000) < options_.loss) {
        taken = std::move(packet);
        return true;
    }
    const net::Offload& offload = packet.offload();
    VirtioHeader header{};
    if (offload.checksum == net::ChecksumState::Partial) {
        header.flags = VirtioHeader::needs_checksum;
        header.checksum_start = offload.checksum_start;
        header.checksum_offset = offload.checksum_offset;
    }
    if (offload.segmentation != net::Segmentation::None) {
        header.gso_type = offload.segmentation == net::Segmentation::Tcp4 ? VirtioHeader::tcp4 : VirtioHeader::tcp6;
        if (offload.ecn) header.gso_type |= VirtioHeader::ecn;
        header.gso_size = offload.segment_size;
        header.header_length = offload.header_length;
    }
    std::vector<iovec> pieces{{&header, sizeof header}};
    for (net::Fragment* f = packet.head(); f; f = f->next) pieces.push_back({f->data, f->length});
    if (writev(fd_, pieces.data(), static_cast<int>(pieces.size())) < 0 && (errno == EAGAIN || errno == ENOBUFS)) return false;
    taken = std::move(packet);
    return true;
}

size_t TapDevice::receive(net::Stack& stack, net::Interface& interface) {
    size_t count = 0;
    for (; count < 64; ++count) {
        const ssize_t got = read(fd_, buffer_.data(), buffer_.size());
        if (got <= static_cast<ssize_t>(sizeof(VirtioHeader))) break;
        if (random_.below(1000) < options_.loss) continue;
        VirtioHeader header;
        std::memcpy(&header, buffer_.data(), sizeof header);
        const auto frame = std::span{buffer_}.subspan(sizeof header, static_cast<size_t>(got) - sizeof header);
        net::Packet packet = stack.pool().allocate_data(static_cast<uint32_t>(frame.size()));
        if (!packet || !packet.append_copy(frame)) continue;
        net::Offload& offload = packet.offload();
        if (header.flags & VirtioHeader::needs_checksum) offload.checksum = net::ChecksumState::Partial;
        else if (header.flags & VirtioHeader::data_valid) offload.checksum = net::ChecksumState::Verified;
        if (header.gso_type != 0) offload.segment_size = header.gso_size;
        stack.receive(interface, std::move(packet));
    }
    return count;
}

Instant host_now() {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return {t.tv_sec * 1'000'000'000 + t.tv_nsec};
}

}  // namespace eremite::test
