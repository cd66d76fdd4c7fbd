#include "tests/unit/drivers/console_scene.hpp"

#include <cstdlib>

#include "libos/drivers/interrupts.hpp"
#include "libos/drivers/io_apic.hpp"
#include "libos/log/log.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite {

namespace test {

std::function<void()> on_wait;
std::string routed;
TestStream streams[2];
unsigned consoles = 0, claimed = 0;

}  // namespace test

// The only thread waits: what it waits for happens meanwhile.
sched::Thread& sched::current_thread() {
    static Thread thread{1};
    return thread;
}
sched::Wakeup sched::block(sync::Spinlock&, Instant) {
    if (!test::on_wait) std::abort();
    test::on_wait();
    return Wakeup::Woken;
}
void sched::wake(Thread&, Wakeup) {}
bool log::enabled(Level) { return true; }
void log::write_line(Level, std::string_view, std::span<const FormatArgument>) { test::routed += "a complaint "; }
Result<drivers::Stream*> drivers::claim_virtio_stream(const StreamCallbacks& callbacks) {
    if (test::claimed == test::consoles) return Error{ENODEV};
    test::streams[test::claimed].callbacks = callbacks;
    return &test::streams[test::claimed++];
}
Result<unsigned> drivers::connect_interrupt(unsigned, const Interrupt&) { return 33u; }
Result<void> drivers::route_interrupt(uint32_t line, unsigned cpu, unsigned vector) {
    test::routed += std::to_string(line) + ">" + std::to_string(cpu) + "." + std::to_string(vector) + " ";
    return {};
}

}  // namespace eremite
