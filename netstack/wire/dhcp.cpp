#include "netstack/wire/dhcp.hpp"

#include <algorithm>
#include <bit>

namespace eremite::net {

namespace {
namespace option {
constexpr uint8_t pad = 0, mask = 1, router = 3, dns = 6, host_name = 12, domain = 15, mtu = 26, requested = 50, lease = 51, type = 53,
                  server = 54, parameters = 55, size = 57, renewal = 58, rebinding = 59, client = 61, end = 255;
}
}  // namespace

Drop parse_dhcp(std::span<const uint8_t> message, DhcpAnswer& answer) {
    if (message.size() < sizeof(DhcpHeader)) return Drop::TooShort;
    // SAFETY: it is made of bytes, and all of them are there.
    const auto& header = *reinterpret_cast<const DhcpHeader*>(message.data());
    if (header.operation != 2 || header.hardware_type != 1 || header.hardware_length != 6 || header.magic != DhcpHeader::magic_value)
        return Drop::BadOption;
    answer = {};
    answer.transaction = header.transaction;
    answer.mac = header.mac;
    answer.address = {header.yours};
    auto options = message.subspan(sizeof header);
    while (!options.empty() && options[0] != option::end) {
        if (options[0] == option::pad) {
            options = options.subspan(1);
            continue;
        }
        if (options.size() < 2 || options.size() - 2 < options[1]) return Drop::BadOption;
        const uint8_t kind = options[0];
        const auto value = options.subspan(2, options[1]);
        options = options.subspan(2U + value.size());
        const bool word = value.size() >= 4;
        const uint32_t first = word ? load_big<uint32_t>(value.data()) : 0;
        switch (kind) {
            case option::type:
                if (value.size() == 1) answer.type = static_cast<DhcpType>(value[0]);
                break;
            case option::mask: answer.prefix_length = static_cast<uint8_t>(std::countl_one(first)); break;
            case option::router: answer.router = {first}; break;
            case option::server: answer.server = {first}; break;
            case option::lease: answer.lease = first; break;
            case option::renewal: answer.renewal = first; break;
            case option::rebinding: answer.rebinding = first; break;
            case option::mtu:
                if (value.size() == 2) answer.mtu = load_big<uint16_t>(value.data());
                break;
            case option::dns:
                answer.dns_count = static_cast<uint8_t>(std::min(value.size() / 4, answer.dns.size()));
                for (size_t i = 0; i < answer.dns_count; ++i) answer.dns[i] = {load_big<uint32_t>(&value[4 * i])};
                break;
            case option::host_name: answer.host_name = value; break;
            case option::domain: answer.domain = value; break;
            default: break;
        }
    }
    return answer.type == DhcpType{} ? Drop::BadOption : Drop::None;
}

size_t write_dhcp(std::span<uint8_t> to, const DhcpQuestion& question) {
    std::ranges::fill(to, uint8_t{0});
    auto& header = *reinterpret_cast<DhcpHeader*>(to.data());
    header.operation = header.hardware_type = 1;
    header.hardware_length = 6;
    header.transaction = question.transaction;
    header.seconds = question.seconds;
    // While we have no address, answers must not be sent to it.
    header.flags = question.client.is_unspecified() ? DhcpHeader::broadcast_flag : 0;
    header.client = question.client.value;
    header.mac = question.mac;
    header.magic = DhcpHeader::magic_value;
    uint8_t* at = to.data() + sizeof header;
    const auto put = [&at](uint8_t kind, std::span<const uint8_t> value) {
        *at++ = kind;
        *at++ = static_cast<uint8_t>(value.size());
        at = std::ranges::copy(value, at).out;
    };
    const auto put_word = [&put](uint8_t kind, uint32_t value) {
        std::array<uint8_t, 4> bytes;
        store_big(bytes.data(), value);
        put(kind, bytes);
    };
    put(option::type, std::array{static_cast<uint8_t>(question.type)});
    std::array<uint8_t, 7> client{1};
    std::ranges::copy(question.mac.bytes, client.begin() + 1);
    put(option::client, client);
    put(option::size, std::array<uint8_t, 2>{1500 >> 8, 1500 & 0xff});
    if (!question.requested.is_unspecified()) put_word(option::requested, question.requested.value);
    if (!question.server.is_unspecified()) put_word(option::server, question.server.value);
    if (!question.host_name.empty()) put(option::host_name, question.host_name.first(std::min<size_t>(question.host_name.size(), 64)));
    put(option::parameters, std::array{option::mask, option::router, option::dns, option::host_name, option::domain, option::mtu, option::lease,
                                       option::renewal, option::rebinding});
    *at++ = option::end;
    // Some relays drop what is shorter than BOOTP's 300 bytes.
    return std::max<size_t>(static_cast<size_t>(at - to.data()), 300);
}

}  // namespace eremite::net
