#include "libos/fs/notify/inotify_file.hpp"

#include <sys/ioctl.h>

#include <cstring>

#include "base/restart.hpp"

namespace eremite::fs::notify {

InotifyFile::Event* InotifyFile::Event::create(int descriptor, uint32_t mask, uint32_t cookie, std::string_view name) {
    const size_t length = name.empty() ? 0 : align_up(name.size() + 1, sizeof(inotify_event));
    void* const memory = ::operator new(sizeof(Event) + length, std::nothrow);
    if (!memory) return nullptr;
    auto* const event = new (memory) Event{};
    event->record.wd = descriptor;
    event->record.mask = mask;
    event->record.cookie = cookie;
    event->record.len = static_cast<uint32_t>(length);
    std::memset(event->name(), 0, length);
    name.copy(event->name(), name.size());
    return event;
}

InotifyFile::~InotifyFile() {
    remove_watches(watches_);
    while (Event* const event = queue_.pop_front()) Event::destroy(event);
}

bool InotifyFile::repeats_last(const Event& event) const {
    Event* const last = queue_.back();
    return last && event.record.mask != IN_IGNORED && last->record.wd == event.record.wd && last->record.mask == event.record.mask &&
           last->record.cookie == event.record.cookie && last->record.len == event.record.len &&
           std::memcmp(last->name(), const_cast<Event&>(event).name(), event.record.len) == 0;
}

void InotifyFile::event(int descriptor, uint32_t mask, uint32_t cookie, std::string_view name) {
    Event* const event = Event::create(descriptor, mask, cookie, name);
    {
        const sync::Guard guard{lock_};
        if (event && length_ < queue_limit && !overflowed_) {
            if (repeats_last(*event)) {
                Event::destroy(event);
                return;
            }
            queue_.push_back(*event);
            ++length_;
            bytes_ += event->size();
        } else {
            overflowed_ = true;
            if (event) Event::destroy(event);
        }
        waiting_.wake_all();
    }
    source_.notify(POLLIN | POLLRDNORM);
}

// As on Linux an event is taken before it is known that it can be stored.
Result<InotifyFile::Event*> InotifyFile::take(size_t room, bool first) {
    const sync::Guard guard{lock_};
    while (first && queue_.empty() && !overflowed_) {
        if (nonblocking()) return Error{EAGAIN};
        if (waiting_.wait(lock_) == sched::Wakeup::Interrupted) return Error{restart_if_asked};
    }
    Event* const event = queue_.front();
    if (!event) return event;
    if (event->size() > room) return Error{EINVAL};
    queue_.remove(*event);
    --length_;
    bytes_ -= event->size();
    return event;
}

Result<size_t> InotifyFile::read(IoBuffer& buffer) {
    // An event that was taken cannot be given back.
    buffer.wait_for_memory();
    size_t done = 0;
    for (;;) {
        const auto taken = take(buffer.remaining(), done == 0);
        if (!taken.ok()) return done != 0 ? Result<size_t>{done} : taken.error();
        Event* const event = taken.value();
        if (!event) break;
        const size_t size = event->size();
        // SAFETY: record and name are next to each other.
        const bool stored = buffer.put(&event->record, size) == size;
        Event::destroy(event);
        if (!stored) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
        done += size;
    }
    const inotify_event lost{.wd = -1, .mask = IN_Q_OVERFLOW, .cookie = 0, .len = 0};
    {
        const sync::Guard guard{lock_};
        if (!overflowed_) return done;
        if (sizeof lost > buffer.remaining()) return done != 0 ? Result<size_t>{done} : Error{EINVAL};
        overflowed_ = false;
    }
    if (buffer.put(&lost, sizeof lost) != sizeof lost) return done != 0 ? Result<size_t>{done} : Error{EFAULT};
    return done + sizeof lost;
}

uint32_t InotifyFile::readiness() {
    const sync::Guard guard{lock_};
    return queue_.empty() && !overflowed_ ? 0 : POLLIN | POLLRDNORM;
}

Result<long> InotifyFile::ioctl(uint32_t request, uint64_t argument) {
    if (request != FIONREAD) return Error{ENOTTY};
    int bytes;
    {
        const sync::Guard guard{lock_};
        bytes = static_cast<int>(bytes_ + (overflowed_ ? sizeof(inotify_event) : 0));
    }
    TRY(mm::UserPtr<int>{VirtualAddress{argument}}.store(bytes));
    return 0L;
}

size_t InotifyFile::describe(char* path, size_t size) {
    constexpr std::string_view text = "anon_inode:inotify";
    return text.copy(path, size);
}

}  // namespace eremite::fs::notify
