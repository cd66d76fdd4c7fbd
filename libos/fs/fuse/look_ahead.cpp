// Look-ups of names that nobody has asked for yet. A program that goes through a directory (stat, open) asks for one name after the other,
// and each question takes as long as the way to the server and back. So when several names of a directory have been asked for within a
// second, the next ones of its list are looked up with one request (FUSE_READDIRPLUS), as far as a page holds them.
#include <array>

#include "libos/fs/fuse/directory.hpp"
#include "libos/fs/remote/open_file.hpp"
#include "libos/platform/clock.hpp"

namespace eremite::fs::fuse {

namespace {

// That many are asked for before some are looked up ahead, so that those are at most three times as many, each for a fraction of the cost.
constexpr uint32_t asked_for = 8;
constexpr Duration soon = Duration::seconds(1);

}  // namespace

void Directory::note_asked() {
    if (!client().has(FUSE_DO_READDIRPLUS) || !owner().cached()) return;
    const int64_t now = platform::monotonic_now().ns, last = last_asked_.exchange(now, std::memory_order_relaxed);
    if (now - last > soon.ns) asked_.store(1, std::memory_order_relaxed);
    else asked_.fetch_add(1, std::memory_order_relaxed);
}

bool Directory::look_ahead() {
    if (asked_.load(std::memory_order_relaxed) < asked_for || looking_ahead_.exchange(true, std::memory_order_acquire)) return false;
    asked_.store(0, std::memory_order_relaxed);
    const auto done = look_up_some();
    // Errors concern those who ask.
    if (!done.ok()) end_pass();
    looking_ahead_.store(false, std::memory_order_release);
    return done.ok();
}

void Directory::end_pass() {
    ahead_ = nullptr;
    next_pass_ = platform::monotonic_now() + soon;
}

Result<void> Directory::look_up_some() {
    constexpr size_t smallest_entry = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + 1);
    constexpr size_t most = page_size / smallest_entry;
    const Instant now = platform::monotonic_now();
    // After a pause a program begins anew, and names have got old.
    if (now - last_look_ > soon) ahead_ = nullptr;
    last_look_ = now;
    if (!ahead_) {
        if (now < next_pass_) return {};
        // Not a handle with which somebody lists.
        // SAFETY: all handles of this file system are of this class.
        ahead_ = Ref<OpenHandle>::adopt(static_cast<OpenHandle*>(TRY(open_handle(O_RDONLY)).leak()));
        cursor_ = looked_up_ = 0;
    }
    // More would push each other out.
    if (looked_up_ > owner().most_kept() / 2) {
        end_pass();
        return {};
    }
    // Before the server counts the look-ups, there is memory for what gives them back.
    std::array<Ref<NodeId>, most> ids;
    for (Ref<NodeId>& id : ids) id = TRY(make_ref<NodeId>(client()));
    const remote::TransferBuffer buffer{file_system_, page_size};
    const uint64_t changes = file_system_.changes(), generation = file_system_.generation();
    const size_t size = TRY(ahead_->read_directory(cursor_, buffer.bytes().first(page_size), true));
    std::span<const uint8_t> data = buffer.bytes().first(size);
    if (data.empty()) end_pass();
    for (Ref<NodeId>& id : ids) {
        if (data.empty()) break;
        const LookedUp next = TRY(next_looked_up(data));
        cursor_ = next.entry.next;
        // Those two are not counted; of others the server may not know more than the name.
        if (next.entry.name == "." || next.entry.name == ".." || next.found.nodeid == 0) continue;
        ++looked_up_;
        // What cannot be used now is asked for when it is wanted.
        (void)accept(next.found, std::move(id), next.entry.name, changes, generation);
    }
    return {};
}

}  // namespace eremite::fs::fuse
