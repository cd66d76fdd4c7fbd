#include "libos/drivers/rtl8139.hpp"

#include <linux/pci_regs.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "libos/arch/smp.hpp"
#include "libos/drivers/device_memory.hpp"
#include "libos/drivers/interrupts.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/drivers/registers.hpp"
#include "libos/drivers/rtl8139_ring.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"
#include "netstack/storage/pool.hpp"

namespace eremite::drivers {

namespace {

using net::Fragment;
using net::Packet;
using net::PacketPool;

constexpr uint16_t realtek = 0x10ec, rtl8139_device = 0x8139;

// Registers (section 5), by their places.
namespace reg {
constexpr unsigned address = 0x00, multicast = 0x08, transmit_status = 0x10, transmit_address = 0x20, receive_buffer = 0x30, command = 0x37,
                   read_pointer = 0x38, interrupt_mask = 0x3c, interrupt_status = 0x3e, transmit_configuration = 0x40, receive_configuration = 0x44,
                   media_status = 0x58, bytes = 0x100;
}

namespace command {
constexpr uint8_t empty = 1, transmit = 4, receive = 8, reset = 16;
}
namespace event {
constexpr uint16_t received = 0x01, receive_error = 0x02, sent = 0x04, send_error = 0x08, link_change = 0x20;
// Overflows are not among them: whoever is not told of them waits with further frames instead, as far as that is possible.
constexpr uint16_t receiving = received | receive_error | link_change, sending = sent | send_error;
}
constexpr uint32_t send_done = 1 << 13;           // the buffer is ours again
constexpr uint8_t no_link = 4;
// Frames for us, for groups and for all; not wrapped at the end of a ring of 32 KiB; DMA and FIFO without thresholds.
constexpr uint32_t accepted = 0x0e | 1 << 7 | 2 << 11 | 7 << 8 | 7 << 13;
constexpr uint32_t send_bursts = 6 << 8;          // of 1024 bytes
constexpr uint32_t shortest_frame = 60, longest_frame = 1514;

constexpr unsigned send_slots = 4;
constexpr size_t slot_bytes = 2048;
static_assert(Rtl8139Ring::bytes % 8 == 0);
constexpr size_t shared_bytes = Rtl8139Ring::bytes + send_slots * slot_bytes;
constexpr unsigned shared_order = 4;
static_assert(shared_bytes <= page_size << shared_order);

class Rtl8139 final : public network::Nic, public network::Card {
public:
    Rtl8139(VirtualAddress registers, PhysicalAddress memory, uint8_t line)
        : Nic{{}}, registers_{registers}, physical_{memory}, memory_{direct_map(memory).as<uint8_t>()}, line_{line} {
        unsigned place = reg::address;
        for (uint8_t& byte : capabilities_.mac.bytes) byte = read<uint8_t>(place++);
        capabilities_.most_fragments = UINT16_MAX;  // they are copied
    }

    // EIO: the device does not react.
    [[nodiscard]] Result<void> reset() {
        write(reg::command, command::reset);
        constexpr int patience = 100'000;
        for (int i = 0; (read<uint8_t>(reg::command) & command::reset) != 0; ++i)
            if (i == patience) return Error{EIO};
        return {};
    }

    // Card
    [[nodiscard]] Result<void> make_pairs(size_t) override { return {}; }
    [[nodiscard]] network::Nic& pair(size_t) override { return *this; }
    void start(std::span<const User> users) override {
        listener_ = users[0].listener;
        pool_ = users[0].pool;
        const sync::Guard guard{listener_->lock()};
        std::memset(memory_, 0, shared_bytes);
        connect();
        start_device();
        // Until an interrupt has come, it is not known that they do.
        timer_.start({});
    }

    // Nic
    [[nodiscard]] bool poll(Receiver& receiver, size_t most) override {
        const auto events = read<uint16_t>(reg::interrupt_status);
        // All ones: nothing answers any more.
        if (events == UINT16_MAX) return false;
        // What happens from here on is told again.
        write(reg::interrupt_status, events);
        if ((events & event::link_change) != 0) link_known_ = false;
        for (size_t left = most; left > 0; --left) {
            if ((read<uint8_t>(reg::command) & command::empty) != 0) return false;
            Rtl8139Ring::Frame frame;
            switch (ring_.next(frame)) {
                case Rtl8139Ring::Next::Frame: break;
                case Rtl8139Ring::Next::Unfinished: return false;
                case Rtl8139Ring::Next::Broken: restart(); return true;
            }
            if (Packet packet = copy(frame)) receiver.receive(std::move(packet));
            write(reg::read_pointer, ring_.read_pointer());
        }
        return true;
    }

    // The interrupt line must have gone down, or it would never rise again.
    [[nodiscard]] bool watch() override {
        const auto events = read<uint16_t>(reg::interrupt_status);
        return events != UINT16_MAX && (events & mask()) != 0;
    }

    [[nodiscard]] bool transmit(Packet& packet) override {
        if (!has_room()) {
            refused_ = true;
            write(reg::interrupt_mask, mask());
            // What is done meanwhile was maybe not told.
            if (!has_room()) return false;
            refused_ = false;
        }
        const auto length = static_cast<uint32_t>(packet.length());
        // The interface sends nothing longer than the MTU.
        if (length <= longest_frame) {
            uint8_t* const to = memory_ + Rtl8139Ring::bytes + next_ * slot_bytes;
            packet.copy_to(0, {to, length});
            if (length < shortest_frame) std::memset(to + length, 0, shortest_frame - length);
            std::atomic_thread_fence(std::memory_order_release);
            write(reg::transmit_address + 4 * next_, static_cast<uint32_t>(physical_.value + Rtl8139Ring::bytes + next_ * slot_bytes));
            // This takes the buffer away from us, and starts.
            write(reg::transmit_status + 4 * next_, std::max(length, shortest_frame));
            next_ = (next_ + 1) % send_slots;
        }
        packet.reset();
        return true;
    }

    [[nodiscard]] bool has_room_again() override {
        if (!refused_ || !has_room()) return false;
        refused_ = false;
        write(reg::interrupt_mask, mask());
        return true;
    }

    // The last one is the last that it takes.
    [[nodiscard]] bool sending() override { return !is_sent((next_ + send_slots - 1) % send_slots); }

    [[nodiscard]] bool link_up() override {
        if (!link_known_) {
            link_known_ = true;
            link_up_ = (read<uint8_t>(reg::media_status) & no_link) == 0;
        }
        return link_up_;
    }
    [[nodiscard]] std::string_view driver() const override { return "rtl8139"; }

private:
    template <typename T>
    [[nodiscard]] T read(unsigned place) const { return read_register<T>(registers_ + place); }
    template <typename T>
    void write(unsigned place, T value) { write_register(registers_ + place, value); }

    void start_device() {
        ring_.restart();
        next_ = 0;
        write(reg::receive_buffer, static_cast<uint32_t>(physical_.value));
        write(reg::command, static_cast<uint8_t>(command::transmit | command::receive));
        write(reg::receive_configuration, accepted);
        write(reg::transmit_configuration, send_bursts);
        write(reg::multicast, ~uint32_t{0});
        write(reg::multicast + 4, ~uint32_t{0});
        write(reg::interrupt_mask, mask());
    }

    // After a frame that makes no sense: its place and the following ones are lost.
    void restart() {
        if (!std::exchange(restarted_, true)) log::warn("rtl8139: a frame has an impossible length; the device is started anew when that happens");
        if (reset().ok()) start_device();
    }

    void connect() {
        interrupt_ = {[](void* self) {
                          auto& nic = *static_cast<Rtl8139*>(self);
                          nic.interrupts_come_.store(true, std::memory_order_relaxed);
                          nic.listener_->attention(nic);
                      },
                      this};
        const unsigned cpu = arch::cpu_index();
        const auto vector = connect_interrupt(cpu, interrupt_);
        if (!vector.ok()) return;
        if (!route_interrupt(line_, cpu, vector.value()).ok()) disconnect_interrupt(cpu, vector.value());
    }

    void expired() {
        constexpr Duration polling_interval = Duration::milliseconds(1);
        if (interrupts_come_.load(std::memory_order_relaxed)) return;
        listener_->attention(*this);
        timer_.start(platform::monotonic_now() + polling_interval);
    }

    [[nodiscard]] uint16_t mask() const { return refused_ ? event::receiving | event::sending : event::receiving; }
    // The device takes the buffers in their order.
    [[nodiscard]] bool has_room() const { return is_sent(next_); }
    [[nodiscard]] bool is_sent(unsigned slot) const { return (read<uint32_t>(reg::transmit_status + 4 * slot) & send_done) != 0; }

    // Null: there is no memory.
    [[nodiscard]] Packet copy(const Rtl8139Ring::Frame& frame) {
        Packet packet = pool_->allocate_data(frame.length);
        if (!packet) return {};
        Fragment* const head = packet.head();
        if (head->tailroom() < frame.length) return {};
        std::memcpy(head->data, frame.data, frame.length);
        head->length = head->total = frame.length;
        return packet;
    }

    struct PollTimer : sched::Timer {
        explicit PollTimer(Rtl8139& owner)
            // SAFETY: only timers of this class have this function.
            : Timer{[](Timer& timer) { static_cast<PollTimer&>(timer).nic.expired(); }}, nic{owner} {}
        Rtl8139& nic;
    };

    const VirtualAddress registers_;
    const PhysicalAddress physical_;
    uint8_t* const memory_;  // the ring, and behind it the buffers to be sent
    const uint8_t line_;
    Rtl8139Ring ring_{memory_};
    Interrupt interrupt_{};
    PollTimer timer_{*this};
    Listener* listener_ = nullptr;
    PacketPool* pool_ = nullptr;
    unsigned next_ = 0;  // the buffer to be sent next
    bool refused_ = false;
    bool restarted_ = false;
    bool link_known_ = false, link_up_ = false;
    std::atomic<bool> interrupts_come_{false};
};

}  // namespace

Result<network::Card*> claim_rtl8139() {
    const pci::Function function = TRY(virtio::claim_other(realtek, rtl8139_device));
    constexpr unsigned memory_bar = 1;
    const auto bar = function.bar(memory_bar);
    if (!bar || bar->io || bar->address == 0 || bar->size < reg::bytes) return Error{ENXIO};
    const VirtualAddress registers = TRY(map_device_memory({{bar->address}, {bar->address + reg::bytes}}));
    const PhysicalAddress memory = TRY(mm::page_allocator().allocate(shared_order));
    // It knows addresses of 32 bits only.
    const bool reachable = memory.value <= UINT32_MAX - (page_size << shared_order);
    auto* nic = reachable ? new (std::nothrow) Rtl8139{registers, memory, function.read8(PCI_INTERRUPT_LINE)} : nullptr;
    Result<void> ready = nic ? Result<void>{} : Result<void>{Error{ENOMEM}};
    if (nic) {
        function.enable();
        // It has no messages.
        function.write16(PCI_COMMAND, static_cast<uint16_t>(function.read16(PCI_COMMAND) & ~PCI_COMMAND_INTX_DISABLE));
        ready = nic->reset();
    }
    if (ready.ok()) return nic;
    delete nic;
    mm::page_allocator().free(memory, shared_order);
    return ready.error();
}

}  // namespace eremite::drivers
