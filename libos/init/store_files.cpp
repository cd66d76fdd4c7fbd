#include "libos/init/store_files.hpp"

#include <atomic>

#include "libos/fs/mount.hpp"
#include "libos/init/mounts/sources.hpp"
#include "libos/init/power.hpp"
#include "libos/log/log.hpp"
#include "libos/mm/page_allocator.hpp"
#include "libos/platform/clock.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::init {

namespace {

constexpr Duration patience = Duration::seconds(30);

constinit std::atomic<int> status_at_end{-1};
constinit sync::Spinlock lock{sync::Rank::Mutex};
constinit sched::WaitQueue never;

constinit uint64_t unwritten = 0;  // pages, when the watch was started last

constinit sched::Timer watch{[](sched::Timer& timer) {
    // As long as it goes on, however slowly, there is hope.
    if (const uint64_t before = std::exchange(unwritten, mm::page_allocator().unwritten_pages()); unwritten < before)
        return timer.start(platform::monotonic_now() + patience);
    log::error("what was written last could not be stored: the device does not answer");
    end(status_at_end.load());
}};

}  // namespace

void store_files(int status) {
    int nobody = -1;
    if (!status_at_end.compare_exchange_strong(nobody, status)) {
        const sync::Guard guard{lock};
        for (;;) never.wait_uninterruptibly(lock);
    }
    unwritten = mm::page_allocator().unwritten_pages();
    watch.start(platform::monotonic_now() + patience);
    const auto stored = fs::synchronize_all();
    close_volumes();
    watch.stop();
    if (!stored.ok()) log::error("what was written last could not be stored (error {})", stored.code());
}

}  // namespace eremite::init
