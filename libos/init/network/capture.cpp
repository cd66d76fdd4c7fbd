#include "libos/init/network/capture.hpp"

#include <new>

#include "libos/drivers/host_channel.hpp"
#include "libos/drivers/virtio_console.hpp"
#include "libos/log/log.hpp"
#include "libos/platform/clock.hpp"
#include "libos/socket/inet/interfaces.hpp"
#include "libos/sync/spinlock.hpp"
#include "netstack/phy/pcapng.hpp"

namespace eremite::init {

namespace {

// One file for all CPUs' packets.
class ConsoleCapture final : public net::Capture, private net::PcapngWriter::Output {
public:
    explicit ConsoleCapture(drivers::VirtioConsole& console) : console_{console} { writer_.start(); }

    void packet(const net::Interface& interface, const net::Packet& packet, net::Direction direction) override {
        const sync::Guard guard{lock_};
        writer_.packet(interface, packet, direction);
    }
    void flush() override {
        const sync::Guard guard{lock_};
        writer_.flush();
    }
    [[nodiscard]] uint64_t written() {
        flush();
        return console_.written();
    }

private:
    void write(std::span<const uint8_t> bytes) override { console_.write(bytes); }
    void hand_over() override { console_.flush(); }
    [[nodiscard]] uint64_t time() override { return static_cast<uint64_t>(platform::realtime_now()); }
    [[nodiscard]] std::string_view name_of(const net::Interface& interface, std::span<char> memory) override {
        const socket::InterfaceName name = socket::name_of(interface);
        return {memory.data(), name.view().copy(memory.data(), memory.size())};
    }

    sync::Spinlock lock_{sync::Rank::DeviceQueue};
    drivers::VirtioConsole& console_;
    net::PcapngWriter writer_{*this};
};

constinit ConsoleCapture* capture = nullptr;

}  // namespace

Result<net::Capture*> start_capture() {
    const auto console = drivers::VirtioConsole::claim();
    if (!console.ok()) {
        log::error("pcap=console: {}", console.code() == ENODEV ? "there is no virtio console" : "the virtio console cannot be used");
        return console.error();
    }
    capture = new (std::nothrow) ConsoleCapture{*console.value()};
    if (!capture) return Error{ENOMEM};
    return capture;
}

void finish_capture() {
    if (capture) drivers::report("stat network.captured_bytes {}", capture->written());
}

}  // namespace eremite::init
