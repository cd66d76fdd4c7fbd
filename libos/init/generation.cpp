#include "libos/init/generation.hpp"

#include <array>
#include <charconv>
#include <cstring>

#include "abi/generation.hpp"
#include "libos/drivers/interrupts.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/init/kernel_arguments.hpp"
#include "libos/init/network/network.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/address_space.hpp"
#include "libos/platform/clock_setup.hpp"
#include "libos/platform/firmware_memory.hpp"
#include "libos/random/seed.hpp"
#include "libos/sched/delayed_task.hpp"
#include "libos/sched/timer_clock.hpp"

namespace eremite::init {

namespace {

constinit std::span<const uint8_t> page{};

struct Announcement {
    PhysicalAddress address;
    uint32_t line;
};

// 0xADDRESS:LINE
std::optional<Announcement> parse(std::string_view text) {
    constexpr std::string_view hexadecimal = "0x";
    const size_t colon = text.find(':');
    if (!text.starts_with(hexadecimal) || colon == text.npos) return std::nullopt;
    Announcement all{};
    const char* const end = text.data() + text.size();
    const auto address = std::from_chars(text.data() + hexadecimal.size(), text.data() + colon, all.address.value, 16);
    const auto line = std::from_chars(text.data() + colon + 1, end, all.line);
    const bool whole = address.ec == std::errc{} && address.ptr == text.data() + colon && line.ec == std::errc{} && line.ptr == end;
    return whole && all.address.value % page_size == 0 ? std::optional{all} : std::nullopt;
}

// Kernel arguments of this copy. They are kept: what is parsed points into them.
void renew(void*) {
    platform::correct_wall_clock();
    sched::tell_clock_was_set();
    static constinit std::array<char, abi::generation_page_size> text{};
    const auto arguments = page.subspan(abi::generation_identifier_size);
    std::memcpy(text.data(), arguments.data(), arguments.size());
    KernelArguments parsed;
    std::string_view offender;
    if (!parse_kernel_arguments({text.data(), std::string_view{text.data()}.size()}, parsed, offender).ok()) {
        log::error("malformed argument of this copy of the machine: {}", offender);
        return;
    }
    log::info("this machine goes on from a snapshot");
    renew_network(parsed.network);
}

constinit sched::DelayedTask task{renew, nullptr, Duration{}};
constexpr drivers::Interrupt interrupt{[](void*) { task.request(); }, nullptr};

}  // namespace

Result<void> watch_generation(std::string_view announcement) {
    if (announcement.empty()) return {};
    const auto parsed = parse(announcement);
    if (!parsed) {
        log::error("vmgenid={}: write 0xADDRESS:LINE", announcement);
        return Error{EINVAL};
    }
    platform::FirmwareMemory memory{mm::kernel_address_space()};
    const auto bytes = memory.bytes(parsed->address, abi::generation_page_size);
    if (!bytes) return Error{ENOMEM};
    page = *bytes;
    random::watch_identifier(page.data());
    TRY(task.start());
    const unsigned vector = TRY(drivers::connect_interrupt(0, interrupt));
    return drivers::route_interrupt(parsed->line, 0, vector);
}

}  // namespace eremite::init
