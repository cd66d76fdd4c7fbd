#include "cli/tap_device.hpp"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "cli/file.hpp"

namespace eremite::cli {

namespace {

using Bytes = std::span<const std::byte>;

// What an attribute holds; empty: there is none.
Bytes find_attribute(Bytes attributes, unsigned short type) {
    rtattr header;
    while (attributes.size() >= sizeof header) {
        std::memcpy(&header, attributes.data(), sizeof header);
        if (header.rta_len < sizeof header || header.rta_len > attributes.size()) break;
        if ((header.rta_type & ~NLA_F_NESTED) == type) return attributes.subspan(sizeof header, header.rta_len - sizeof header);
        attributes = attributes.subspan(std::min<size_t>(RTA_ALIGN(header.rta_len), attributes.size()));
    }
    return {};
}

// The kernel answers at once.
std::vector<std::byte> describe_link(unsigned index) {
    const UniqueFd socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
    struct {
        nlmsghdr header;
        ifinfomsg link;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.link.ifi_index = static_cast<int>(index);
    constexpr size_t longest = 65536;
    std::vector<std::byte> answer(longest);
    if (!socket || ::send(socket.get(), &request, sizeof request, 0) < 0) return {};
    const ssize_t size = ::recv(socket.get(), answer.data(), answer.size(), 0);
    nlmsghdr header;
    if (size < static_cast<ssize_t>(sizeof header)) return {};
    std::memcpy(&header, answer.data(), sizeof header);
    if (header.nlmsg_type != RTM_NEWLINK || header.nlmsg_len < sizeof header || header.nlmsg_len > static_cast<size_t>(size)) return {};
    answer.resize(header.nlmsg_len);
    answer.erase(answer.begin(), answer.begin() + NLMSG_HDRLEN);
    return answer;
}

}  // namespace

bool takes_several_queues(Bytes link) {
    constexpr std::string_view tun = "tun";
    if (link.size() < NLMSG_ALIGN(sizeof(ifinfomsg))) return false;
    const Bytes info = find_attribute(link.subspan(NLMSG_ALIGN(sizeof(ifinfomsg))), IFLA_LINKINFO);
    const Bytes kind = find_attribute(info, IFLA_INFO_KIND);
    const Bytes several = find_attribute(find_attribute(info, IFLA_INFO_DATA), IFLA_TUN_MULTI_QUEUE);
    return kind.size() >= tun.size() && std::memcmp(kind.data(), tun.data(), tun.size()) == 0 && several.size() == 1 && several[0] != std::byte{0};
}

bool takes_several_queues(const std::string& tap) {
    const unsigned index = ::if_nametoindex(tap.c_str());
    return index != 0 && takes_several_queues(describe_link(index));
}

unsigned tap_queues(bool several, unsigned cpus) {
    constexpr unsigned most = 8;
    // QEMU opens a device for several queues only if it shall use more than one.
    return several ? std::clamp(cpus, 2U, most) : 1;
}

}  // namespace eremite::cli
