#include "libos/fs/page_cache/flusher.hpp"

#include "libos/fs/page_cache/memory.hpp"
#include "libos/sched/delayed_task.hpp"

namespace eremite::fs::page_cache {

namespace {

void flush(void*);
constinit sched::DelayedTask task{flush, nullptr, Duration::seconds(5)};
constinit std::atomic<bool> started{false};

void flush(void*) {
    write_back_each();
    // What became dirty meanwhile was not the first.
    if (figures().dirty != 0) task.request();
}

}  // namespace

Result<void> start_flusher() {
    if (started.exchange(true)) return {};
    const auto running = task.start();
    if (running.ok()) set_when_dirty([] { task.request(); });
    else started = false;
    return running;
}

}  // namespace eremite::fs::page_cache
