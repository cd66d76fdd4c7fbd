#include "libos/drivers/virtio_console.hpp"

#include <linux/virtio_ids.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "libos/arch/cpu.hpp"
#include "libos/arch/smp.hpp"
#include "libos/drivers/virtio/bus.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::drivers {

namespace {

constexpr uint16_t transmit_queue = 1;
constexpr unsigned memory_order = 5;  // 128 KiB: a whole packet of any size
// A device whose reader is slow is waited for; one that is dead is not.
constexpr Duration patience = Duration::seconds(30);

}  // namespace

Result<VirtioConsole*> VirtioConsole::claim() {
    virtio::Transport* const transport = TRY(virtio::claim(VIRTIO_ID_CONSOLE));
    auto* const console = new (std::nothrow) VirtioConsole{*transport};
    if (!console) return Error{ENOMEM};
    if (const auto started = console->start(); !started.ok()) {
        delete console;
        return started.error();
    }
    return console;
}

Result<void> VirtioConsole::start() {
    TRY(device_.negotiate());
    queue_ = TRY(device_.start_queue(transmit_queue, {.size = 4, .cpu = arch::cpu_index()}));
    queue_->disable_interrupts();
    // SAFETY: the block is ours for good.
    memory_ = {direct_map(TRY(mm::page_allocator().allocate(memory_order))).as<uint8_t>(), page_size << memory_order};
    device_.start();
    log::info("virtio-console: {}", device_.transport().name());
    return {};
}

void VirtioConsole::write(std::span<const uint8_t> bytes) {
    written_ += bytes.size();
    while (!bytes.empty()) {
        if (used_ == memory_.size()) flush();
        const size_t piece = std::min(bytes.size(), memory_.size() - used_);
        std::memcpy(memory_.data() + used_, bytes.data(), piece);
        used_ += piece;
        bytes = bytes.subspan(piece);
    }
}

void VirtioConsole::flush() {
    if (used_ != 0 && !failed_ && !hand_over()) {
        failed_ = true;
        log::error("virtio-console: the device does not take what is written; the rest is lost");
    }
    used_ = 0;
}

bool VirtioConsole::hand_over() {
    const virtio::Segment segment[] = {{physical_of_direct_map(VirtualAddress{memory_.data()}), static_cast<uint32_t>(used_)}};
    if (!queue_->add(segment, {}, this).ok()) return false;
    queue_->kick();
    const Instant end = platform::monotonic_now() + patience;
    for (;;) {
        if (const auto done = queue_->take()) return done->error == 0;
        if (platform::monotonic_now() > end) return false;
        arch::relax();
    }
}

}  // namespace eremite::drivers
