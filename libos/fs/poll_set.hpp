#pragma once
// Waiting until one of several files is ready, as poll(2) and select(2) do.
#include <poll.h>

#include <array>
#include <memory>
#include <optional>

#include "base/time.hpp"
#include "libos/fs/file.hpp"
#include "libos/sched/scheduler.hpp"

namespace eremite::fs {

// What always counts as ready, asked for or not.
inline constexpr uint32_t always_reported = POLLERR | POLLHUP;

// Belongs to the thread that waits. Holds a reference to each file, so that one which is closed meanwhile stays.
class PollSet {
public:
    PollSet() = default;
    PollSet(const PollSet&) = delete;
    PollSet& operator=(const PollSet&) = delete;
    ~PollSet();

    // Room for `count` files. ENOMEM.
    [[nodiscard]] Result<void> reserve(size_t count);
    // Adds a file and the events that are waited for. Requires: reserve() made room.
    void add(Ref<File> file, uint32_t wanted);
    // Waits until a file is ready or the time is up; returns how many are. EINTR.
    [[nodiscard]] Result<size_t> wait(Instant deadline);
    // The events found by wait() for the file that was added as number `index`.
    [[nodiscard]] uint32_t found(size_t index) const { return entries_[index].found; }

private:
    struct Entry final : Observer {
        Entry(PollSet& owner, Ref<File> watched, uint32_t events)
            : Observer{watched.get()}, set{owner}, reference{std::move(watched)}, wanted{events} {}
        bool notified(uint32_t events) override;
        PollSet& set;
        Ref<File> reference;
        uint32_t wanted;
        uint32_t found = 0;
    };
    struct alignas(Entry) Room {
        unsigned char bytes[sizeof(Entry)];
    };
    static constexpr size_t few = 16;

    // Looks at all files. `observe`: asks those to tell of changes that were not asked yet, until one is ready.
    size_t look(bool observe);

    sync::Spinlock lock_{sync::Rank::PollReady};
    bool notified_ = false;
    sched::Thread& thread_ = sched::current_thread();
    std::array<Room, few> few_entries_;
    std::unique_ptr<Room[]> many_entries_;
    // SAFETY: entries are constructed in the room by add().
    Entry* entries_ = reinterpret_cast<Entry*>(few_entries_.data());
    size_t count_ = 0;
    size_t observing_ = 0;  // the first so many entries observe their files
};

}  // namespace eremite::fs
