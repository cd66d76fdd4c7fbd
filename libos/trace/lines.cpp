#include "libos/trace/lines.hpp"

#include "libos/drivers/console.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/scheduler.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sync/spinlock.hpp"
#include "libos/syscall/process.hpp"

namespace eremite::trace {

namespace {

// From then on a call that is not over is shown as unfinished.
constexpr Duration patience = Duration::milliseconds(100);

void show_what_takes_long(sched::Timer&);

struct Output {
    sync::Spinlock lock{sync::Rank::Trace};
    size_t length = 0;  // of `held`
    int holder = 0;  // the thread to which it belongs
    Instant since{};
    bool timer_runs = false;
    bool ended = false;
    sched::Timer timer{show_what_takes_long};
};
constinit Output output{};
// What is held back.
constinit char held[2 * longest_part + 64]{};

// Those below require the lock.

void add(std::string_view text) {
    BufferSink rest{std::span{held}.subspan(output.length)};
    rest.write(text);
    output.length += rest.view().size();
}

void add_prefix() {
    const int64_t microseconds = platform::monotonic_now().ns / 1000;
    BufferSink rest{std::span{held}.subspan(output.length)};
    format(rest, "[{}/{}] {}.{:06} ", syscall::process_id, sched::current_thread().id, microseconds / 1'000'000, microseconds % 1'000'000);
    output.length += rest.view().size();
}

// Ends the line that is held and writes it.
void release(std::string_view end) {
    add(end);
    if (!output.ended) drivers::console_write_error({held, output.length});
    output.length = 0;
    output.holder = 0;
}

void release_unfinished() {
    if (output.holder != 0) release(" <unfinished ...>\n");
}

void write_line_locked(std::string_view text) {
    release_unfinished();
    add_prefix();
    add(text);
    release("\n");
}

void show_what_takes_long(sched::Timer& timer) {
    const sync::Guard guard{output.lock};
    output.timer_runs = output.holder != 0;
    if (output.holder == 0) return;
    const Instant due = output.since + patience;
    if (due <= platform::monotonic_now()) {
        release_unfinished();
        output.timer_runs = false;
    } else {
        timer.start(due);
    }
}

}  // namespace

void write_line(std::string_view text) {
    const sync::Guard guard{output.lock};
    write_line_locked(text);
}

void begin_line(std::string_view text) {
    const sync::Guard guard{output.lock};
    release_unfinished();
    add_prefix();
    add(text);
    output.holder = sched::current_thread().id;
    output.since = platform::monotonic_now();
    if (output.timer_runs) return;
    output.timer_runs = true;
    output.timer.start(output.since + patience);
}

void finish_line(std::string_view name, std::string_view text) {
    const sync::Guard guard{output.lock};
    if (output.holder != sched::current_thread().id) {
        release_unfinished();
        add_prefix();
        add("<... ");
        add(name);
        add(" resumed>");
    }
    add(text);
    release("\n");
}

void write_last_line(std::string_view text) {
    const sync::Guard guard{output.lock};
    write_line_locked(text);
    output.ended = true;
}

}  // namespace eremite::trace
