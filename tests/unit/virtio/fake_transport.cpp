#include "fake_transport.hpp"

#include <sys/mman.h>

#include "libos/arch/smp.hpp"
#include "libos/drivers/interrupts.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"

namespace eremite {

namespace test {

namespace {

std::map<std::pair<unsigned, unsigned>, const drivers::Interrupt*> interrupts;
constexpr unsigned vectors_of_a_cpu = 6;
int64_t now = 0;

// Some memory at the direct map.
const bool memory = [] {
    constexpr PhysicalRange range{{0x100000}, {0x900000}};
    void* const wanted = direct_map(range.start).as<void>();
    if (mmap(wanted, range.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != wanted) std::abort();
    if (!mm::page_allocator().add(range).ok()) std::abort();
    return true;
}();

}  // namespace

int errors_logged = 0;

void FakeTransport::set_status(uint8_t status) {
    statuses.push_back(status);
    if (status == 0 && never_resets) return;
    if (status == 0) queues.clear();
    current_status = refuses_features ? static_cast<uint8_t>(status & ~VIRTIO_CONFIG_S_FEATURES_OK) : status;
}

Result<void> FakeTransport::start_queue(const virtio::Queue& queue, uint16_t interrupt) {
    if (refuses_queues) return Error{EIO};
    queues[queue.index()] = {interrupt, make_fake_device(queue, direct_map_base)};
    return {};
}

uint32_t FakeTransport::read_configuration(uint32_t offset, unsigned width) {
    uint32_t value = 0;
    if (offset + width <= configuration.size()) std::memcpy(&value, configuration.data() + offset, width);
    if (on_configuration_read) on_configuration_read();
    return value;
}

void raise(std::pair<unsigned, unsigned> cpu_and_vector) {
    const drivers::Interrupt* const interrupt = interrupts.at(cpu_and_vector);
    interrupt->function(interrupt->context);
}

void forget_interrupts() { interrupts.clear(); }

size_t vectors_in_use() { return interrupts.size(); }

bool expire_timers(int64_t at) {
    now = at;
    return sched::run_timers({now}) != Instant::never();
}

}  // namespace test

Result<unsigned> drivers::connect_interrupt(unsigned cpu, const Interrupt& interrupt) {
    for (unsigned vector = 33; vector < 33 + test::vectors_of_a_cpu; ++vector) {
        if (test::interrupts.try_emplace({cpu, vector}, &interrupt).second) return vector;
    }
    return Error{ENOSPC};
}
void drivers::disconnect_interrupt(unsigned cpu, unsigned vector) { test::interrupts.erase({cpu, vector}); }

void sched::set_timer_deadline(Instant) {}
unsigned arch::cpu_index() { return 0; }
Instant platform::monotonic_now() { return {test::now}; }
bool log::enabled(Level) { return true; }
void log::write_line(Level level, std::string_view, std::span<const FormatArgument>) { test::errors_logged += level == Level::Error; }

}  // namespace eremite
