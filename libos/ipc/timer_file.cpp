#include "libos/ipc/timer_file.hpp"

#include <sys/timerfd.h>
#include <time.h>

#include "base/restart.hpp"
#include "libos/sched/timer.hpp"
#include "libos/sched/timer_clock.hpp"
#include "libos/sched/wait_queue.hpp"

namespace eremite::ipc {

namespace {

using sched::TimerClock;

class TimerFile final : public fs::AnonymousFile, sched::Timer, sched::ClockSetListener {
public:
    TimerFile(int clock, uint32_t flags) : AnonymousFile{"timerfd", O_RDWR | flags}, Timer{expired}, clock_{clock} {}
    ~TimerFile() override {
        stop_listening();
        cancel();
    }

    [[nodiscard]] Result<size_t> read(fs::IoBuffer& buffer) override {
        if (buffer.remaining() < sizeof expirations_) return Error{EINVAL};
        const sync::Guard guard{lock_};
        while (expirations_ == 0) {
            if (nonblocking()) return Error{EAGAIN};
            if (waiting_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
        }
        if (take_clock_change()) {
            expirations_ = 0;
            return Error{ECANCELED};
        }
        catch_up();
        const uint64_t taken = expirations_;
        if (buffer.put(&taken, sizeof taken) != sizeof taken) return Error{EFAULT};
        expirations_ = 0;
        return sizeof taken;
    }
    [[nodiscard]] Result<size_t> write(fs::IoBuffer&) override { return Error{EINVAL}; }
    [[nodiscard]] uint32_t readiness() override {
        const sync::Guard guard{lock_};
        return expirations_ != 0 ? POLLIN : 0;
    }
    [[nodiscard]] fs::ReadinessSource* readiness_source() override { return &source_; }
    [[nodiscard]] fs::FileKind kind() const override { return fs::FileKind::Timer; }

    Result<void> set(int flags, const TimerSetting& wanted, TimerSetting& before) {
        const bool of_wall_clock = clock_ == CLOCK_REALTIME || clock_ == CLOCK_REALTIME_ALARM;
        const bool absolute = (flags & TFD_TIMER_ABSTIME) != 0;
        // A span is one whatever the wall clock is set to.
        const bool follows = of_wall_clock && absolute;
        if (follows) listen();
        else stop_listening();
        const sync::Guard guard{lock_};
        before = current();
        const TimerClock clock = follows ? TimerClock::Realtime : TimerClock::Monotonic;
        stop();
        timer_.disarm();
        noticed_ = false;
        expirations_ = 0;
        cancelable_ = follows && (flags & TFD_TIMER_CANCEL_ON_SET) != 0;
        if (wanted.value != 0) {
            const int64_t start = absolute ? 0 : sched::read_clock(clock);
            timer_.arm(clock, wanted.value > INT64_MAX - start ? INT64_MAX : start + wanted.value, wanted.interval);
            start_timer();
        } else {
            // What is not armed tells its interval all the same.
            timer_.arm(clock, 0, wanted.interval);
            timer_.disarm();
        }
        if (take_clock_change()) return Error{ECANCELED};
        return {};
    }
    TimerSetting get() {
        const sync::Guard guard{lock_};
        return current();
    }

private:
    // All of these require the lock.
    void start_timer() { start(sched::deadline_of(timer_)); }
    // A timer with an interval rests after an expiration until somebody looks at it, who makes up for what was missed: so
    // that nobody is interrupted for expirations that nobody reads.
    void catch_up() {
        if (!noticed_) return;
        noticed_ = false;
        if (timer_.interval() == 0) return;
        const uint64_t times = timer_.advance(sched::read_clock(timer_.clock()));
        if (times != 0) expirations_ += times - 1;
        start_timer();
    }
    TimerSetting current() {
        catch_up();
        const int64_t now = sched::read_clock(timer_.clock());
        return {timer_.interval(), timer_.due(now) ? 0 : timer_.remaining(now)};
    }
    bool take_clock_change() {
        const bool changed = cancelable_ && clock_changed_;
        clock_changed_ = false;
        return changed;
    }
    void tell() {
        waiting_.wake_all();
        source_.notify(POLLIN);
    }

    static void expired(Timer& timer) {
        auto& file = static_cast<TimerFile&>(timer);
        const sync::Guard guard{file.lock_};
        if (!file.timer_.armed() || file.noticed_) return;
        const int64_t now = sched::read_clock(file.timer_.clock());
        if (!file.timer_.due(now)) {
            // It was set again meanwhile.
            file.start_timer();
            return;
        }
        file.expirations_ = 1;
        if (file.timer_.interval() == 0) file.timer_.disarm();
        else file.noticed_ = true;
        file.tell();
    }
    void clock_was_set() override {
        const sync::Guard guard{lock_};
        if (timer_.armed() && !noticed_) start_timer();
        if (!cancelable_) return;
        clock_changed_ = true;
        ++expirations_;
        tell();
    }

    const int clock_;
    sync::Spinlock lock_{sync::Rank::File};
    sched::ClockTimer timer_;
    uint64_t expirations_ = 0;  // not read yet
    bool noticed_ = false;      // the expiration at which a timer with an interval rests
    bool cancelable_ = false, clock_changed_ = false;
    sched::WaitQueue waiting_;
    fs::ReadinessSource source_;
};

}  // namespace

Result<Ref<fs::File>> create_timer_file(int clock, uint32_t flags) { return Ref<fs::File>{TRY(make_ref<TimerFile>(clock, flags))}; }

Result<void> set_timer_file(fs::File& file, int flags, const TimerSetting& wanted, TimerSetting& before) {
    return static_cast<TimerFile&>(file).set(flags, wanted, before);
}

TimerSetting get_timer_file(fs::File& file) { return static_cast<TimerFile&>(file).get(); }

}  // namespace eremite::ipc
